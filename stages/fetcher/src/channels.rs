//! What waits behind the fetcher, and what operators say: groups of channels to which no more text is to go, clusters that rest.

use crate::cluster::Cluster;
use logmill_config::Config;
use logmill_core::{Barred, Lags};
use logmill_protocol::{Pausable, Pauses};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

/// Where the files of a group lead whose name is not there, as the distributor does it.
const DEFAULT_GROUP: &str = "default";

/// The groups of channels that are closed: each of their channels is full or paused.
pub(crate) struct Leads {
    groups: BTreeMap<String, Vec<String>>,
    closed: RwLock<BTreeSet<String>>,
    any: AtomicBool,
}

impl Leads {
    /// None is closed.
    pub(crate) fn new(config: &Config) -> Self {
        Self { groups: config.channel_groups.clone(), closed: RwLock::default(), any: false.into() }
    }

    /// Takes over how the channels stand, and says which groups are closed from now on, or open again.
    pub(crate) fn see(&self, lags: &Lags) {
        let least = |channels: &Vec<String>| lags.least_barred(channels.iter().map(String::as_str));
        let closed = self.groups.iter().filter(|(_, channels)| least(channels) >= Some(Barred::Full));
        let closed: BTreeSet<String> = closed.map(|(group, _)| group.clone()).collect();
        let before = {
            let mut all = self.closed.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *all, closed.clone())
        };
        self.any.store(!closed.is_empty(), Ordering::Relaxed);
        for group in closed.difference(&before) {
            tracing::warn!(group, "no file that leads there gets a task: each channel of it is full or paused");
        }
        for group in before.difference(&closed) {
            tracing::info!(group, "files that lead there get tasks again");
        }
    }

    /// Whether any group is closed.
    pub(crate) fn anywhere_closed(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Whether files of this group are to get no task.
    pub(crate) fn is_closed(&self, group: &str) -> bool {
        let group = if self.groups.contains_key(group) { group } else { DEFAULT_GROUP };
        self.closed.read().unwrap_or_else(PoisonError::into_inner).contains(group)
    }
}

/// A cluster rests, or goes on, as was said last.
pub(crate) fn rule(cluster: &Cluster, pauses: &Pauses) {
    let said = pauses.of(Pausable::Cluster, &cluster.name);
    if cluster.pause(said.is_some()) {
        match said {
            Some(said) => tracing::warn!(
                cluster = cluster.name,
                by = said.who,
                why = said.why,
                "it is paused: no file of it is begun, and open ones wait"
            ),
            None => tracing::info!(cluster = cluster.name, "its files are fetched"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_core::stage::ChannelLag;

    #[test]
    fn a_group_is_closed_while_each_of_its_channels_is_full_or_paused() {
        let text = "[channels]\na = {}\nb = {}\n[channel_groups]\ndefault = [\"a\", \"b\"]\nalone = [\"b\"]\n";
        let leads = Leads::new(&Config::parse(text, "test", []).unwrap());
        for (a, b, expected) in [
            (None, None, [false; 3]),
            (None, Some(Barred::Full), [false, true, false]),
            (Some(Barred::StandsStill), Some(Barred::Full), [false, true, false]),
            (Some(Barred::Paused), Some(Barred::Full), [true; 3]),
            (Some(Barred::StandsStill), Some(Barred::StandsStill), [false; 3]),
        ] {
            let lag = |name: &str, barred| (name.to_owned(), ChannelLag { barred, ..ChannelLag::default() });
            leads.see(&Lags { channels: [lag("a", a), lag("b", b)].into() });
            let closed = ["default", "alone", "gone"].map(|group| leads.is_closed(group));
            assert_eq!(closed, expected, "{a:?} {b:?}");
            assert_eq!(leads.anywhere_closed(), closed.contains(&true));
        }
    }
}
