//! Whether a cluster answers, judged with hysteresis: one lost call takes nothing from it, and one good call gives nothing
//! back.

use std::time::{Duration, Instant};

/// When a cluster counts as down, and when as up again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Calls in a row that fail.
    pub(crate) down_failures: u32,
    /// Or the time for which all calls fail.
    pub(crate) down_after: Duration,
    /// The time for which all calls must go well again.
    pub(crate) up_after: Duration,
}

/// What is known of a cluster by its calls.
#[derive(Debug)]
pub(crate) struct Health {
    rules: Rules,
    /// Calls in a row that failed, and when the first of them did.
    failures: u32,
    failing_since: Option<Instant>,
    /// While it counts as down: since when all calls go well.
    answering_since: Option<Instant>,
    down: bool,
}

impl Health {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, failures: 0, failing_since: None, answering_since: None, down: false }
    }

    pub(crate) fn answered(&mut self, now: Instant) {
        (self.failures, self.failing_since) = (0, None);
        if self.down {
            self.answering_since.get_or_insert(now);
        }
    }

    pub(crate) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
        self.answering_since = None;
    }

    /// For how long all calls have failed.
    pub(crate) fn failing_for(&self, now: Instant) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }

    /// Whether it counts as down.
    pub(crate) fn is_down(&mut self, now: Instant) -> bool {
        let for_long = self.failing_since.is_some() && self.failing_for(now) >= self.rules.down_after;
        if self.failures >= self.rules.down_failures || for_long {
            self.down = true;
        } else if self.answering_since.is_some_and(|since| now.duration_since(since) >= self.rules.up_after) {
            (self.down, self.answering_since) = (false, None);
        }
        self.down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a cluster is taken for after calls at these seconds (`true`: it answered), asked at `at`.
    fn down(calls: &[(u64, bool)], at: u64) -> bool {
        let (start, second) = (Instant::now(), Duration::from_secs);
        let rules = Rules { down_failures: 3, down_after: second(30), up_after: second(60) };
        let mut health = Health::new(rules);
        for (n, (when, well)) in calls.iter().enumerate() {
            let now = start + second(*when);
            if *well {
                health.answered(now)
            } else {
                health.failed(now)
            }
            if n + 1 < calls.len() {
                health.is_down(now);
            }
        }
        health.is_down(start + second(at))
    }

    #[test]
    fn a_cluster_is_down_and_up_again_with_hysteresis() {
        let failed = [(0, false), (1, false), (2, false)];
        for (calls, at, expected) in [
            (vec![], 100, false),
            (vec![(0, false)], 29, false),
            (vec![(0, false)], 30, true),
            (vec![(0, false), (1, false)], 2, false),
            (failed.to_vec(), 2, true),
            (vec![(0, false), (1, false), (2, true), (3, false)], 4, false),
            ([&failed[..], &[(5, true)]].concat(), 64, true),
            ([&failed[..], &[(5, true)]].concat(), 65, false),
            // One more failure, and the time of good calls begins anew.
            ([&failed[..], &[(5, true), (40, false), (41, true)]].concat(), 100, true),
            ([&failed[..], &[(5, true), (40, false), (41, true)]].concat(), 101, false),
        ] {
            assert_eq!(down(&calls, at), expected, "{calls:?} at {at}");
        }
    }
}
