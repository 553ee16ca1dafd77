//! The clock that machines are told.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 as the system had it at the start, and from then on a clock that does not go back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The system's time at `start`.
    start_ms: u64,
    start: Instant,
}

impl Clock {
    #[must_use]
    pub fn start() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start_ms: u64::try_from(now.as_millis()).unwrap_or(0), start: Instant::now() }
    }

    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.start_ms + u64::try_from(self.start.elapsed().as_millis()).unwrap_or(0)
    }
}
