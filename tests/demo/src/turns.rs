//! Tests that want most of a machine take turns: so many of a process run side by side, however many threads it has.

use std::sync::{Condvar, Mutex, PoisonError};

/// How many have a turn at once.
pub struct Turns {
    left: Mutex<usize>,
    given_back: Condvar,
}

/// A turn; it ends when this is dropped.
pub struct Turn(&'static Turns);

impl Turns {
    #[must_use]
    pub const fn of(count: usize) -> Self {
        Self { left: Mutex::new(count), given_back: Condvar::new() }
    }

    /// Waits for a turn.
    pub fn take(&'static self) -> Turn {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self.given_back.wait_while(left, |left| *left == 0).unwrap_or_else(PoisonError::into_inner);
        *left -= 1;
        Turn(self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.left.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}
