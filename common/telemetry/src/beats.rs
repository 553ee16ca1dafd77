//! The loops of a process that must not stop.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(crate) struct Beats {
    /// The last beat of each loop that has begun and not retired.
    last: Mutex<BTreeMap<String, Instant>>,
    bound: Duration,
}

impl Beats {
    pub(crate) fn new(bound: Duration) -> Self {
        Self { last: Mutex::default(), bound }
    }

    pub(crate) fn beat(&self, name: &str) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get_mut(name) {
            Some(beat) => *beat = now,
            None => {
                last.insert(name.to_owned(), now);
            }
        }
    }

    pub(crate) fn retire(&self, name: &str) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(crate) fn dead(&self) -> Vec<(String, Duration)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let ages = last.iter().map(|(name, beat)| (name.clone(), beat.elapsed()));
        ages.filter(|(_, age)| *age > self.bound).collect()
    }
}
