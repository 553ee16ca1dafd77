//! A limit in bytes a second, over all that is read of a cluster.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Lets bytes through at a rate. What was let through and not yet waited for is at most what one caller brought.
pub(crate) struct Rate {
    bytes_per_second: u64,
    /// When what was let through so far is paid for.
    paid: Mutex<Instant>,
}

impl Rate {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid: Mutex::new(Instant::now()) }
    }

    /// Waits until bytes that came may be passed on. Whoever comes later waits longer.
    pub(crate) async fn pass(&self, bytes: usize) {
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let until = {
            let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
            *paid = (*paid).max(Instant::now()) + cost;
            *paid
        };
        sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn several_readers_share_one_rate_and_a_pause_is_not_made_up_for() {
        let rate = Rate::new(1000);
        let start = Instant::now();
        tokio::join!(rate.pass(50), rate.pass(50), rate.pass(100));
        assert!(start.elapsed() >= Duration::from_millis(195), "200 bytes took {:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
        let start = Instant::now();
        rate.pass(100).await;
        assert!(start.elapsed() >= Duration::from_millis(95), "100 bytes took {:?}", start.elapsed());
    }
}
