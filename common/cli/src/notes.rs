//! What stands on the topic of notes: how the fetchers see the clusters and the distributors the channels, and what is paused.

use crate::files::now_ms;
use crate::topic_reader::TopicReader;
use anyhow::Result;
use logmill_config::Config;
use logmill_core::{Barred, Offset};
use logmill_protocol::fetch::ClusterNote;
use logmill_protocol::{ChannelNote, Pausable, PauseNote, Pauses};
use rdkafka::Message;
use std::collections::BTreeMap;

/// All of it, as it stands now.
#[derive(Debug, Default)]
pub struct Told {
    /// Of fetchers that run, and of distributors.
    pub clusters: Vec<ClusterNote>,
    channels: Vec<ChannelNote>,
    pauses: Pauses,
}

impl Told {
    /// Reads the notes.
    ///
    /// # Errors
    /// Kafka does not answer, or there is no such topic.
    pub fn read(config: &Config) -> Result<Self> {
        let topic = config.topics().clusters_topic();
        let reader = TopicReader::new(config, &config.topics().group("clusters"))?;
        reader.partitions(&topic)?;
        let (low, _) = reader.ends(&topic, 0)?;
        let (mut clusters, mut channels, mut pauses) = (BTreeMap::new(), BTreeMap::new(), Pauses::default());
        reader.read(&topic, &[(0, Offset(low.0))], |message| {
            let payload = message.payload().unwrap_or_default();
            pauses.hear(payload);
            if let Ok(note) = serde_json::from_slice::<ClusterNote>(payload) {
                clusters.insert(note.key(), note);
            } else if let Ok(note) = serde_json::from_slice::<ChannelNote>(payload) {
                channels.insert(note.key(), note);
            }
            Ok(true)
        })?;
        let now = now_ms();
        let clusters = clusters.into_values().filter(|note| note.is_fresh(now)).collect();
        let channels = channels.into_values().filter(|note| note.is_fresh(now)).collect();
        Ok(Self { clusters, channels, pauses })
    }

    /// Who paused it, if it is paused.
    pub fn pause(&self, what: Pausable, name: &str) -> Option<&PauseNote> {
        self.pauses.of(what, name)
    }

    /// What is paused of what the configuration has.
    pub fn paused(&self, config: &Config) -> Vec<PauseNote> {
        let of = |what| move |name: &String| self.pauses.of(what, name).cloned();
        let clusters = config.clusters.keys().filter_map(of(Pausable::Cluster));
        clusters.chain(config.channels.keys().filter_map(of(Pausable::Channel))).collect()
    }

    /// Why distributors pass over a channel: the worst that one of them says, or an operator, whom they may not have heard yet.
    pub fn barred(&self, channel: &str) -> Option<Barred> {
        let paused = self.pause(Pausable::Channel, channel).map(|_| Barred::Paused);
        let told = self.channels.iter().filter(|note| note.channel == channel).filter_map(|note| note.barred).max();
        paused.max(told)
    }
}
