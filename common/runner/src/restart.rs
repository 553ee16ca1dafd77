//! Workers that begin anew.

use crate::drive::Trouble;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Restarts {
    /// The first wait; each further one is twice as long, ...
    pub first: Duration,
    /// ... but never longer than this.
    pub longest: Duration,
    /// Restarts in a row after which the process ends, for its supervisor to see.
    pub most: u32,
    /// A worker that ran for so long has recovered: the count begins anew.
    pub recovered: Duration,
}

impl Restarts {
    /// The first failure is for good.
    pub const NONE: Self = Self { first: Duration::ZERO, longest: Duration::ZERO, most: 0, recovered: Duration::MAX };
}

impl Default for Restarts {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(10),
            most: 20,
            recovered: Duration::from_secs(60),
        }
    }
}

/// The longest wait before `stop` is looked at again.
const STEP: Duration = Duration::from_millis(50);

/// Runs `work` until it ends as it should; again after a panic, or after trouble that a new start may help against.
///
/// # Errors
/// What no start helps against, or helped against after as many as `restarts` allows.
pub fn keep_running(
    name: &str,
    restarts: Restarts,
    stop: &AtomicBool,
    mut work: impl FnMut() -> Result<(), Trouble>,
) -> anyhow::Result<()> {
    let mut count = 0;
    let mut wait = restarts.first;
    loop {
        let start = Instant::now();
        let why = match catch_unwind(AssertUnwindSafe(&mut work)) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Trouble::Hopeless(why))) => anyhow::bail!(why),
            Ok(Err(Trouble::Again(why))) => why,
            Ok(Err(Trouble::Rest(why, rest))) => {
                tracing::warn!(worker = name, "rests: {why}");
                sleep_unless(&[stop, &rest.recalled], rest.time);
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let called = rest.recalled.load(Ordering::Relaxed);
                let why = if called { "called back, since the others have become fewer" } else { "it has rested" };
                tracing::info!(worker = name, "goes on: {why}");
                continue;
            }
            Err(panic) => format!("it panicked: {}", panic_text(panic.as_ref())),
        };
        if start.elapsed() > restarts.recovered {
            (count, wait) = (0, restarts.first);
        }
        count += 1;
        if restarts.most == 0 {
            anyhow::bail!(why);
        }
        if count > restarts.most {
            anyhow::bail!("{why} (after {} restarts in a row)", restarts.most);
        }
        tracing::error!(worker = name, restart = count, ?wait, "begins anew: {why}");
        sleep_unless(&[stop], wait);
        if stop.load(Ordering::Relaxed) && !wait.is_zero() {
            return Ok(());
        }
        wait = (wait * 2).min(restarts.longest);
    }
}

/// Sleeps, unless one of these is set.
pub(crate) fn sleep_unless(ends: &[&AtomicBool], time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until && !ends.iter().any(|end| end.load(Ordering::Relaxed)) {
        std::thread::sleep(STEP.min(until.saturating_duration_since(Instant::now())));
    }
}

/// The words of a panic that was caught.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Rest;
    use std::sync::Arc;

    const QUICK: Restarts =
        Restarts { first: Duration::ZERO, longest: Duration::ZERO, most: 2, recovered: Duration::from_secs(60) };

    /// What becomes of a worker whose lives end like this, one after the other; and how many it had.
    fn run(mut lives: Vec<fn() -> Result<(), Trouble>>) -> (Result<(), String>, usize) {
        let all = lives.len();
        let stop = AtomicBool::new(false);
        let ended = keep_running("w", QUICK, &stop, || lives.remove(0)());
        (ended.map_err(|error| error.to_string()), all - lives.len())
    }

    const AGAIN: fn() -> Result<(), Trouble> = || Err(Trouble::Again("a broker is away".into()));
    const HOPELESS: fn() -> Result<(), Trouble> = || Err(Trouble::Hopeless("no such topic".into()));
    const PANIC: fn() -> Result<(), Trouble> = || panic!("an invariant broke");
    const WELL: fn() -> Result<(), Trouble> = || Ok(());

    #[test]
    fn a_worker_begins_anew_after_what_may_pass_and_after_a_panic() {
        assert_eq!(run(vec![WELL]), (Ok(()), 1));
        assert_eq!(run(vec![AGAIN, PANIC, WELL]), (Ok(()), 3));
    }

    #[test]
    fn what_no_start_helps_against_ends_it_at_once() {
        assert_eq!(run(vec![HOPELESS, WELL]), (Err("no such topic".into()), 1));
    }

    #[test]
    fn after_too_many_starts_in_a_row_it_ends_with_the_last_reason() {
        let why = "a broker is away (after 2 restarts in a row)".to_owned();
        assert_eq!(run(vec![PANIC, PANIC, AGAIN, WELL]), (Err(why), 3));
    }

    #[test]
    fn a_rest_is_no_failure_and_is_kept() {
        let rest = || {
            let rest = Rest { time: Duration::from_millis(20), recalled: Arc::default() };
            Err(Trouble::Rest("others do better".into(), rest))
        };
        let start = Instant::now();
        assert_eq!(run(vec![rest, AGAIN, rest, rest, AGAIN, WELL]), (Ok(()), 6));
        assert!(start.elapsed() >= Duration::from_millis(60), "{:?}", start.elapsed());
    }

    #[test]
    fn a_worker_that_is_called_back_rests_no_longer() {
        let rest = || {
            let rest = Rest { time: Duration::from_secs(60), recalled: Arc::new(AtomicBool::new(true)) };
            Err(Trouble::Rest("others do better".into(), rest))
        };
        let start = Instant::now();
        assert_eq!(run(vec![rest, WELL]), (Ok(()), 2));
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    }

    #[test]
    fn a_worker_that_is_asked_to_stop_does_not_begin_anew() {
        let stop = AtomicBool::new(true);
        let mut lives = 0;
        let patient = Restarts { first: Duration::from_secs(60), ..QUICK };
        let ended = keep_running("w", patient, &stop, || {
            lives += 1;
            AGAIN()
        });
        assert_eq!((ended.is_ok(), lives), (true, 1));
    }
}
