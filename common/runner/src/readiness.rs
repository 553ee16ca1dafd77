//! Whether a process does what it is for: all of its workers do.

use logmill_telemetry::Telemetry;
use std::sync::{Mutex, PoisonError};

/// What the workers of a process say together.
pub(crate) struct Readiness<'a> {
    telemetry: &'a Telemetry,
    workers: u32,
    /// How many of them work.
    working: Mutex<u32>,
}

impl<'a> Readiness<'a> {
    /// Of `workers` workers, none of which works yet.
    pub(crate) fn new(telemetry: &'a Telemetry, workers: u32) -> Self {
        telemetry.ready(false);
        Self { telemetry, workers, working: Mutex::new(0) }
    }

    /// One life of a worker, which does not work yet.
    pub(crate) fn life(&self) -> Life<'_> {
        Life { all: self, works: false }
    }

    fn change(&self, change: impl FnOnce(&mut u32)) {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut working);
        self.telemetry.ready(*working == self.workers);
    }
}

/// One life of a worker. When it ends, by a panic too, the worker does not work.
pub struct Life<'a> {
    all: &'a Readiness<'a>,
    works: bool,
}

impl Life<'_> {
    /// It has its share of the partitions.
    pub fn works(&mut self) {
        if !self.works {
            self.works = true;
            self.all.change(|working| *working += 1);
        }
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        if self.works {
            self.all.change(|working| *working -= 1);
        }
    }
}
