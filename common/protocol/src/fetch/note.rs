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
    /// Whether it rests there, because an operator said so.
    #[serde(default)]
    pub paused: bool,
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
    /// Bytes, as they lie in the cluster: by the cluster, by the hour since 1970; of each cluster its last day alone.
    pub clusters: BTreeMap<String, BTreeMap<u64, u64>>,
}

impl VolumeNote {
    const HOUR_MS: u64 = 3_600_000;
    const DAY: u64 = 24;

    /// The key that the newest one of is kept.
    #[must_use]
    pub fn key(&self) -> String {
        format!("volume/{}", self.partition)
    }

    /// The hour of a time.
    #[must_use]
    pub fn hour(ms: u64) -> u64 {
        ms / Self::HOUR_MS
    }

    /// A file came to its end at this time.
    pub fn count(&mut self, cluster: &str, bytes: u64, at_ms: u64) {
        let hours = self.clusters.entry(cluster.to_owned()).or_default();
        *hours.entry(Self::hour(at_ms)).or_default() += bytes;
        let newest = *hours.last_key_value().expect("one was just counted").0;
        hours.retain(|hour, _| hour + Self::DAY > newest);
    }

    /// What came of a cluster within the day that ends with this hour.
    #[must_use]
    pub fn of_day(&self, cluster: &str, hour: u64) -> u64 {
        let day = (hour + 1).saturating_sub(Self::DAY)..=hour;
        self.clusters.get(cluster).map_or(0, |hours| hours.range(day).map(|(_, bytes)| bytes).sum())
    }

    /// The last hour in which something came of a cluster.
    #[must_use]
    pub fn last_hour(&self, cluster: &str) -> Option<u64> {
        Some(*self.clusters.get(cluster)?.last_key_value()?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_within_a_day_is_what_came_within_its_24_hours() {
        let mut note = VolumeNote::default();
        for (cluster, bytes, at) in [("a", 1, 100), ("a", 2, 101), ("b", 4, 101), ("a", 8, 123), ("a", 16, 123)] {
            note.count(cluster, bytes, at * VolumeNote::HOUR_MS + 5);
        }
        let of = |hour: u64| ["a", "b", "c"].map(|cluster| note.of_day(cluster, hour));
        assert_eq!([of(123), of(124), of(125), of(147)], [[27, 4, 0], [26, 4, 0], [24, 0, 0], [0, 0, 0]]);
        assert_eq!(["a", "b", "c"].map(|cluster| note.last_hour(cluster)), [Some(123), Some(101), None]);
        note.count("a", 32, 124 * VolumeNote::HOUR_MS);
        assert_eq!(note.clusters["a"].keys().copied().collect::<Vec<_>>(), [101, 123, 124]);
        assert_eq!(note.clusters["b"].len(), 1, "of a cluster of which nothing comes its last day is kept");
        let text = serde_json::to_string(&note).unwrap();
        assert_eq!(serde_json::from_str::<VolumeNote>(&text).unwrap(), note);
    }
}
