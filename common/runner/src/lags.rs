//! How the channels stand, out of what is seen of them now and then.

use logmill_core::Lags;
use logmill_core::stage::{Barred, ChannelLag};
use logmill_protocol::Partition;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is seen of one channel at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// H of its splitters, summed over the partitions.
    pub consumed: i64,
    /// Records from H to the ends; markers count too.
    pub waits: i64,
    /// The same before its loaders.
    pub rows: i64,
    /// Where something waits before its splitters: each partition with H.
    pub behind: Vec<(Partition, i64)>,
    /// The most of both that it is to hold.
    pub backlog: Option<u64>,
    pub paused: bool,
}

/// One look at all channels.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub at: Instant,
    pub channels: BTreeMap<String, Seen>,
}

/// Judges looks, one after the other.
#[derive(Debug)]
pub(crate) struct Judge {
    /// After so long without a move a channel stands still; `None`: nobody asks.
    stall: Option<Duration>,
    before: Option<Look>,
    still: BTreeMap<String, Still>,
}

/// Since when a channel has not moved.
#[derive(Clone, Copy, Debug)]
struct Still {
    consumed: i64,
    since: Instant,
    /// For so long that it stands still, and a record waits in truth.
    stands: bool,
}

impl Judge {
    pub(crate) fn new(stall: Option<Duration>) -> Self {
        Self { stall, before: None, still: BTreeMap::new() }
    }

    /// `waits` says whether a reader finds a record at or behind one of these places: what seems to wait may be markers, which no
    /// splitter ever goes past by itself. Asked for a channel that seems to stand still, once in `stall`.
    pub(crate) fn see(&mut self, now: Look, waits: impl Fn(&[(Partition, i64)]) -> bool) -> Lags {
        let mut lags = Lags::default();
        for (name, seen) in &now.channels {
            let stands = self.stands(name, seen, now.at, &waits);
            let full = seen.backlog.is_some_and(|most| (seen.waits + seen.rows).unsigned_abs() > most);
            let barred = match (seen.paused, full, stands) {
                (true, ..) => Some(Barred::Paused),
                (_, true, _) => Some(Barred::Full),
                (.., stands) => stands.then_some(Barred::StandsStill),
            };
            let seconds_to_drain = seconds(self.before.as_ref(), &now, name);
            let lag = ChannelLag { records: seen.waits.unsigned_abs(), seconds_to_drain, barred };
            lags.channels.insert(name.clone(), lag);
        }
        self.before = Some(now);
        lags
    }

    fn stands(&mut self, name: &str, seen: &Seen, now: Instant, waits: &impl Fn(&[(Partition, i64)]) -> bool) -> bool {
        let Some(stall) = self.stall else { return false };
        let fresh = Still { consumed: seen.consumed, since: now, stands: false };
        let still = self.still.entry(name.to_owned()).or_insert(fresh);
        if still.consumed != seen.consumed || seen.waits == 0 {
            *still = fresh;
        } else if !still.stands && now.duration_since(still.since) >= stall {
            (still.stands, still.since) = (waits(&seen.behind), now);
        }
        still.stands
    }
}

#[allow(clippy::cast_precision_loss, reason = "an estimate of seconds")]
fn seconds(before: Option<&Look>, now: &Look, channel: &str) -> f64 {
    let seen = &now.channels[channel];
    let moved = before.and_then(|before| {
        let seconds = (now.at - before.at).as_secs_f64();
        Some((seen.consumed - before.channels.get(channel)?.consumed) as f64 / seconds)
    });
    // A channel that does not move counts as one that drains a record a second.
    seen.waits as f64 / moved.filter(|rate| *rate > 1.0).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(10);

    struct Bench {
        judge: Judge,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { judge: Judge::new(Some(STALL)), start: Instant::now() }
        }

        fn see(&mut self, second: u64, seen: Seen, waits: bool) -> ChannelLag {
            let channels = [("c".to_owned(), seen)].into();
            let look = Look { at: self.start + Duration::from_secs(second), channels };
            self.judge.see(look, |_| waits).channels["c"]
        }
    }

    fn seen(consumed: i64, waits: i64) -> Seen {
        Seen { consumed, waits, ..Seen::default() }
    }

    #[test]
    fn seconds_to_drain_follow_from_what_was_consumed_between_two_looks() {
        let mut bench = Bench::new();
        let mut seconds = |second, consumed, waits| bench.see(second, seen(consumed, waits), true).seconds_to_drain;
        let all = [seconds(0, 100, 50), seconds(2, 140, 60), seconds(4, 140, 60)];
        assert!(all.iter().zip([50.0, 3.0, 60.0]).all(|(is, has_to)| (is - has_to).abs() < 1e-9), "{all:?}");
    }

    #[test]
    fn a_channel_stands_still_when_something_waits_and_nothing_moves_for_long_enough_and_until_it_moves() {
        let mut bench = Bench::new();
        let mut barred = |second, consumed, waits, in_truth| bench.see(second, seen(consumed, waits), in_truth).barred;
        let stands = Some(Barred::StandsStill);
        for (second, consumed, waits, in_truth, expected) in [
            (0, 5, 3, true, None),
            (9, 5, 9, true, None),
            (10, 5, 9, true, stands),
            // It is not asked again whether anything waits in truth.
            (12, 5, 9, false, stands),
            (14, 6, 8, true, None),
            // Nothing waits.
            (16, 6, 0, true, None),
            (40, 6, 0, true, None),
            // Markers alone: the time begins anew.
            (41, 6, 1, false, None),
            (51, 6, 1, false, None),
            (55, 6, 2, true, None),
            (61, 6, 2, true, stands),
            (62, 6, 0, true, None),
        ] {
            assert_eq!(barred(second, consumed, waits, in_truth), expected, "after {second} s");
        }
    }

    #[test]
    fn a_channel_is_full_by_what_waits_before_splitters_and_loaders_and_paused_by_word() {
        let mut bench = Bench::new();
        for (waits, rows, paused, expected) in [
            (3, 2, false, None),
            (3, 3, false, Some(Barred::Full)),
            (3, 3, true, Some(Barred::Paused)),
            (0, 0, true, Some(Barred::Paused)),
        ] {
            let seen = Seen { waits, rows, paused, backlog: Some(5), ..Seen::default() };
            assert_eq!(bench.see(1, seen, true).barred, expected, "{waits} and {rows}");
        }
    }
}
