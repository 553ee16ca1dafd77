//! The workers of a process, whatever they do: threads that begin anew, and what they are together.

use crate::drive::Trouble;
use crate::readiness::{Life, Readiness};
use crate::restart::{Restarts, keep_running};
use anyhow::Context as _;
use logmill_telemetry::Telemetry;
use std::sync::atomic::{AtomicBool, Ordering};

/// The workers of a process.
pub struct Crew<'a> {
    pub telemetry: &'a Telemetry,
    /// Set when the process is asked to stop.
    pub stop: &'a AtomicBool,
    /// How many; at least 1.
    pub threads: u32,
    pub restarts: Restarts,
}

impl Crew<'_> {
    /// Runs `work` in each worker's thread (its number, its name, its life), until all have ended: because the process is
    /// asked to stop, or one failed for good. Sets `stop` in any case. A panic counts as trouble that a new start may help
    /// against. The process is ready while all lives, which have to be shown their machines' events, work.
    ///
    /// # Errors
    /// Of the first worker that failed for good; the others were stopped then.
    pub fn run(&self, work: impl Fn(u32, &str, Life<'_>) -> Result<(), Trouble> + Sync) -> anyhow::Result<()> {
        let readiness = Readiness::new(self.telemetry, self.threads);
        std::thread::scope(|scope| {
            let (work, readiness) = (&work, &readiness);
            let workers: Vec<_> = (0..self.threads)
                .map(|number| {
                    let name = format!("worker-{number}");
                    let run = move || {
                        let name = format!("worker-{number}");
                        let once = || {
                            self.telemetry.beat(&name);
                            let ended = work(number, &name, readiness.life(&name));
                            // Who rests does not hang.
                            if matches!(ended, Err(Trouble::Rest(..))) {
                                self.telemetry.retire(&name);
                            }
                            ended
                        };
                        let ended = keep_running(&name, self.restarts, self.stop, once);
                        self.telemetry.retire(&name);
                        // One that failed ends the process: its supervisor sees it, and the group gives its partitions away.
                        self.stop.store(true, Ordering::Relaxed);
                        ended.with_context(|| name)
                    };
                    let thread = std::thread::Builder::new().name(name);
                    let started = thread.spawn_scoped(scope, run).context("starting a worker's thread");
                    if started.is_err() {
                        self.stop.store(true, Ordering::Relaxed);
                    }
                    started
                })
                .collect();
            let mut all = Ok(());
            for worker in workers {
                let ended = worker.and_then(|worker| worker.join().expect("panics are caught within the thread"));
                all = all.and(ended);
            }
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::time::{Duration, Instant};

    const QUICK: Restarts =
        Restarts { first: Duration::ZERO, longest: Duration::ZERO, most: 2, recovered: Duration::from_secs(60) };

    fn until_stopped(stop: &AtomicBool) {
        let start = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            assert!(start.elapsed() < Duration::from_secs(30), "the process was not stopped within 30 s");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_worker_that_panics_again_and_again_ends_the_process_with_its_words() {
        let (telemetry, stop, lives) = (Telemetry::new(), AtomicBool::new(false), AtomicU32::new(0));
        let crew = Crew { telemetry: &telemetry, stop: &stop, threads: 2, restarts: QUICK };
        let ended = crew.run(|number, _, _| {
            if number == 1 {
                lives.fetch_add(1, Ordering::Relaxed);
                panic!("an invariant broke");
            }
            // The other one works on until it is stopped.
            until_stopped(&stop);
            Ok(())
        });
        let why = format!("{:#}", ended.expect_err("a worker failed for good"));
        assert_eq!(why, "worker-1: it panicked: an invariant broke (after 2 restarts in a row)");
        assert_eq!(lives.into_inner(), 3);
    }

    #[test]
    fn a_worker_that_may_not_begin_anew_ends_the_process_at_its_first_panic() {
        let (telemetry, stop) = (Telemetry::new(), AtomicBool::new(false));
        let crew = Crew { telemetry: &telemetry, stop: &stop, threads: 1, restarts: Restarts::NONE };
        let ended = crew.run(|_, _, _| panic!("an invariant broke"));
        assert_eq!(format!("{:#}", ended.unwrap_err()), "worker-0: it panicked: an invariant broke");
    }
}
