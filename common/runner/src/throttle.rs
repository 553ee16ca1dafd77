//! A limit in bytes a second on what the workers of a process take.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets bytes through at a rate. What is taken is owed for; nobody takes more while anything is owed.
#[derive(Debug)]
pub struct Throttle {
    bytes_per_second: u64,
    /// When what was taken so far is paid for.
    paid: Mutex<Instant>,
}

impl Throttle {
    /// Nothing is owed yet.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid: Mutex::new(Instant::now()) }
    }

    /// So many bytes were taken.
    pub fn take(&self, bytes: usize) {
        #[allow(clippy::cast_precision_loss, reason = "a time to wait")]
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = (*paid).max(Instant::now()) + cost;
    }

    /// How long it is until more may be taken.
    #[must_use]
    pub fn owed(&self) -> Duration {
        let paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        paid.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_take_is_owed_together_and_a_pause_is_not_made_up_for() {
        let throttle = Throttle::new(1000);
        assert_eq!(throttle.owed(), Duration::ZERO);
        throttle.take(400);
        throttle.take(600);
        assert!((900..=1000).contains(&throttle.owed().as_millis()), "{:?}", throttle.owed());
        let throttle = Throttle::new(1_000_000);
        std::thread::sleep(Duration::from_millis(50));
        throttle.take(20_000);
        assert!((10..=20).contains(&throttle.owed().as_millis()), "{:?}", throttle.owed());
    }
}
