//! What a fetcher tells of a cluster, for people: a record of `{chain}.clusters`, compacted.

use serde::{Deserialize, Serialize};

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
