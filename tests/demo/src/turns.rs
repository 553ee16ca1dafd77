//! Tests that want most of a machine take turns: so many of a process run side by side, however many threads it has.

use std::sync::{Condvar, Mutex, PoisonError};

/// How many have a turn at once.
pub struct Turns {
    count: usize,
    left: Mutex<usize>,
    given_back: Condvar,
}

/// A turn, or all of them; it ends when this is dropped.
pub struct Turn {
    of: &'static Turns,
    taken: usize,
}

impl Turns {
    #[must_use]
    pub const fn of(count: usize) -> Self {
        Self { count, left: Mutex::new(count), given_back: Condvar::new() }
    }

    /// Waits for a turn.
    pub fn take(&'static self) -> Turn {
        self.wait_for(1)
    }

    /// Waits until nobody else has one, and nobody gets one meanwhile.
    pub fn take_all(&'static self) -> Turn {
        self.wait_for(self.count)
    }

    fn wait_for(&'static self, taken: usize) -> Turn {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self.given_back.wait_while(left, |left| *left < taken).unwrap_or_else(PoisonError::into_inner);
        *left -= taken;
        Turn { of: self, taken }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.of.left.lock().unwrap_or_else(PoisonError::into_inner) += self.taken;
        self.of.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn so_many_have_a_turn_at_once_and_who_has_all_is_alone() {
        static TURNS: Turns = Turns::of(2);
        static NOW: AtomicUsize = AtomicUsize::new(0);
        let run = |n: usize| {
            let all = n.is_multiple_of(3);
            let _turn = if all { TURNS.take_all() } else { TURNS.take() };
            let before = NOW.fetch_add(1, Ordering::SeqCst);
            assert!(before < if all { 1 } else { 2 }, "{before} others beside {n}");
            std::thread::sleep(std::time::Duration::from_millis(2));
            NOW.fetch_sub(1, Ordering::SeqCst);
        };
        std::thread::scope(|scope| (0..30).for_each(|n| drop(scope.spawn(move || run(n)))));
    }
}
