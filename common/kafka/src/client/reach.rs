//! Whether any broker is connected: librdkafka's statistics say so at intervals, and this says when none is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

static WITHOUT_BROKER: AtomicI64 = AtomicI64::new(0);

/// How many clients of this process have no connection to any broker just now, as of their last statistics (every 10 s).
#[must_use]
pub fn without_broker() -> i64 {
    WITHOUT_BROKER.load(Ordering::Relaxed)
}

/// How often a client looks, in milliseconds.
pub(super) const INTERVAL_MS: &str = "10000";

/// What one client knows.
#[derive(Default)]
pub(super) struct Reach {
    /// Since when no broker has been connected.
    since: Mutex<Option<Instant>>,
}

impl Reach {
    /// Takes the states of the connections; how long there has been none, where there is none.
    pub(super) fn sees<'a>(&self, states: impl IntoIterator<Item = &'a str>) -> Option<Duration> {
        // UPDATE and REAUTH: it is, and its addresses or its login are being renewed.
        let connected = states.into_iter().any(|state| matches!(state, "UP" | "UPDATE" | "REAUTH"));
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        match (*since, connected) {
            (None, false) => {
                WITHOUT_BROKER.fetch_add(1, Ordering::Relaxed);
                *since = Some(Instant::now());
            }
            (Some(_), true) => {
                WITHOUT_BROKER.fetch_sub(1, Ordering::Relaxed);
                *since = None;
            }
            _ => {}
        }
        since.map(|since| since.elapsed())
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        self.sees(["UP"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_counts_while_it_has_no_connection_and_no_longer_than_it_lives() {
        let (one, two) = (Reach::default(), Reach::default());
        assert!(one.sees(["INIT", "UP"]).is_none());
        assert_eq!(without_broker(), 0);
        assert!(one.sees(["DOWN", "TRY_CONNECT"]).is_some());
        assert!(one.sees(["DOWN"]).is_some());
        assert!(two.sees([]).is_some());
        assert_eq!(without_broker(), 2);
        assert!(one.sees(["DOWN", "UP"]).is_none());
        assert_eq!(without_broker(), 1);
        drop(two);
        assert_eq!(without_broker(), 0);
    }
}
