//! What the fetchers tell of clusters: records of `{chain}.clusters`, compacted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How one fetcher sees one cluster just now. Nothing in the chain depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterNote {
    pub cluster: String,
    /// The fetcher's slot, or a name that it has for as long as it runs.
    pub fetcher: String,
    /// Whether the cluster counts as down there.
    pub down: bool,
    /// Files that it may read of it at a time just now, and those that are the cluster's own.
    pub coroutines: u32,
    pub own: u32,
    pub weight: u32,
    /// Milliseconds since 1970. It is told again at least every [`ClusterNote::EVERY_MS`].
    pub at_ms: u64,
}

impl ClusterNote {
    pub const EVERY_MS: u64 = 20_000;

    /// The key that the newest one of is kept.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.fetcher, self.cluster)
    }

    /// Whether a later one says anything else, or it is time to say it again.
    #[must_use]
    pub fn is_outdone_by(&self, later: &Self) -> bool {
        let same = Self { at_ms: self.at_ms, ..later.clone() } == *self;
        !same || later.at_ms.saturating_sub(self.at_ms) >= Self::EVERY_MS
    }

    /// Whether the fetcher that told it still runs, by a clock that is about right.
    #[must_use]
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms) <= 3 * Self::EVERY_MS
    }
}

/// What came of each cluster by the hour, as one partition of the file events tells: a record of `{chain}.clusters` too. It
/// holds its own place, so whoever writes it next goes on there, and nothing is counted twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeNote {
    /// The partition of the file events, and the next offset to be read.
    pub partition: i32,
    pub next: i64,
    /// Bytes, as they lie in the cluster: by the hour since 1970, by the cluster.
    pub hours: BTreeMap<u64, BTreeMap<String, u64>>,
}

impl VolumeNote {
    const HOUR_MS: u64 = 3_600_000;
    const DAY: u64 = 24;

    /// The key that the newest one of is kept.
    #[must_use]
    pub fn key(&self) -> String {
        format!("volume/{}", self.partition)
    }

    /// A file came to its end at this time; what is older than a day is forgotten.
    pub fn count(&mut self, cluster: &str, bytes: u64, at_ms: u64) {
        let hour = at_ms / Self::HOUR_MS;
        *self.hours.entry(hour).or_default().entry(cluster.to_owned()).or_default() += bytes;
        let newest = *self.hours.last_key_value().expect("one was just counted").0;
        self.hours.retain(|hour, _| hour + Self::DAY > newest);
    }

    /// What came of a cluster within the 24 hours before, this one among them.
    #[must_use]
    pub fn of_day(&self, cluster: &str, now_ms: u64) -> u64 {
        let first = (now_ms / Self::HOUR_MS + 1).saturating_sub(Self::DAY);
        self.hours.range(first..).filter_map(|(_, clusters)| clusters.get(cluster)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_within_a_day_is_what_came_within_its_24_hours() {
        let hour = |n: u64| n * VolumeNote::HOUR_MS;
        let mut note = VolumeNote::default();
        for (cluster, bytes, at) in [("a", 1, 100), ("a", 2, 101), ("b", 4, 101), ("a", 8, 123), ("a", 16, 123)] {
            note.count(cluster, bytes, hour(at) + 5);
        }
        let of = |at: u64| [note.of_day("a", hour(at)), note.of_day("b", hour(at)), note.of_day("c", hour(at))];
        assert_eq!([of(123), of(124), of(125), of(147)], [[27, 4, 0], [26, 4, 0], [24, 0, 0], [0, 0, 0]]);
        note.count("b", 32, hour(124));
        assert_eq!(note.hours.keys().copied().collect::<Vec<_>>(), [101, 123, 124]);
        let text = serde_json::to_string(&note).unwrap();
        assert_eq!(serde_json::from_str::<VolumeNote>(&text).unwrap(), note);
    }
}
