//! Notes on the topic `{chain}.clusters`, compacted, beside those of the fetchers: what operators have paused, and which channels
//! the distributors pass over. Whoever starts reads all of them, so a pause outlives every process.

use logmill_core::Barred;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What can be paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pausable {
    /// None of its files is begun, and those that are open rest between two chunks.
    Cluster,
    /// Others of its group are chosen before it.
    Channel,
}

impl fmt::Display for Pausable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster => "cluster",
            Self::Channel => "channel",
        })
    }
}

/// What an operator said last of a cluster or a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseNote {
    pub pause: Pausable,
    pub name: String,
    /// `false`: it goes on.
    pub paused: bool,
    pub who: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

impl PauseNote {
    /// The key that the newest one of is kept.
    #[must_use]
    pub fn key(&self) -> String {
        format!("pause/{}/{}", self.pause, self.name)
    }
}

/// What is paused, as far as the notes were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses(BTreeMap<(Pausable, String), PauseNote>);

impl Pauses {
    /// Takes a note of the topic; those of another kind are none of its business.
    pub fn hear(&mut self, note: &[u8]) {
        if let Ok(note) = serde_json::from_slice::<PauseNote>(note) {
            self.0.insert((note.pause, note.name.clone()), note);
        }
    }

    /// Who paused it, when and why; `None` where it is not paused.
    #[must_use]
    pub fn of(&self, what: Pausable, name: &str) -> Option<&PauseNote> {
        self.0.get(&(what, name.to_owned())).filter(|note| note.paused)
    }
}

/// How one distributor sees one channel just now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelNote {
    pub channel: String,
    /// The distributor's slot, or a name that it has for as long as it runs.
    pub distributor: String,
    /// Why it is passed over; `None` where it is not.
    pub barred: Option<Barred>,
    /// Milliseconds since 1970. It is told again at least every [`crate::fetch::ClusterNote::EVERY_MS`].
    pub at_ms: u64,
}

impl ChannelNote {
    /// The key that the newest one of is kept.
    #[must_use]
    pub fn key(&self) -> String {
        format!("channel/{}/{}", self.distributor, self.channel)
    }

    /// Whether the distributor that told it still runs, by a clock that is about right.
    #[must_use]
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms) <= 3 * crate::fetch::ClusterNote::EVERY_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_each_counts_and_other_notes_are_passed_by() {
        let note = |pause, name: &str, paused| PauseNote {
            pause,
            name: name.to_owned(),
            paused,
            who: "me".into(),
            why: None,
            at_ms: 1,
        };
        let mut pauses = Pauses::default();
        for note in [
            note(Pausable::Cluster, "a", true),
            note(Pausable::Channel, "a", true),
            note(Pausable::Cluster, "b", true),
            note(Pausable::Cluster, "a", false),
        ] {
            pauses.hear(&serde_json::to_vec(&note).unwrap());
        }
        let channel = ChannelNote { channel: "c".into(), distributor: "0".into(), barred: None, at_ms: 1 };
        pauses.hear(&serde_json::to_vec(&channel).unwrap());
        pauses.hear(b"no note");
        let paused = |what, name| pauses.of(what, name).is_some();
        assert_eq!(
            [(Pausable::Cluster, "a"), (Pausable::Channel, "a"), (Pausable::Cluster, "b"), (Pausable::Channel, "c")]
                .map(|(what, name)| paused(what, name)),
            [false, true, true, false]
        );
    }
}
