//! CPU time of the calling thread.

use crate::report::Row;
use std::hint::black_box;

/// Nanoseconds of CPU that this thread has had.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "Linux has a clock for each thread");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU nanoseconds of one run of `work`.
pub fn cost<T>(work: impl FnOnce() -> T) -> u64 {
    let before = now();
    black_box(work());
    now() - before
}

/// How often, and which.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// The best of so many counts.
    pub rounds: usize,
    /// Only what has this in its name.
    pub only: Option<String>,
}

impl Rounds {
    /// The least CPU nanoseconds for each of `bytes` bytes that `ours` and `floor` take, in rounds in which they take
    /// turns; nothing if the name is not wanted.
    pub fn measure(&self, name: &str, bytes: f64, mut ours: impl FnMut(), mut floor: impl FnMut()) -> Option<Row> {
        if self.only.as_deref().is_some_and(|only| !name.contains(only)) {
            return None;
        }
        let (mut a, mut b) = (u64::MAX, u64::MAX);
        for _ in 0..self.rounds {
            a = a.min(cost(&mut ours));
            b = b.min(cost(&mut floor));
        }
        Some(Row::new(name, "CPU-ns/byte", a as f64 / bytes).floor(b as f64 / bytes))
    }
}
