//! Names of topics, consumer groups and transactions, and what the topics must be like.

use crate::sections::{Config, Layout};
use std::collections::BTreeMap;

/// The names of everything that a chain has in Kafka. All begin with the chain's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    chain: String,
    layout: Layout,
    clusters: Vec<String>,
    channels: Vec<String>,
}

impl Topics {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            chain: config.chain.clone(),
            layout: config.layout,
            clusters: config.clusters.keys().cloned().collect(),
            channels: config.channels.keys().cloned().collect(),
        }
    }

    /// Tasks of one cluster: one record a file that is to be fetched.
    #[must_use]
    pub fn tasks(&self, cluster: &str) -> String {
        format!("{}.tasks.{cluster}", self.chain)
    }

    /// Tasks of those files of one cluster that are read while no other file of it waits.
    #[must_use]
    pub fn backfill(&self, cluster: &str) -> String {
        format!("{}.backfill.{cluster}", self.chain)
    }

    /// The files of one cluster that have a task; compacted.
    #[must_use]
    pub fn known(&self, cluster: &str) -> String {
        format!("{}.known.{cluster}", self.chain)
    }

    /// What the fetchers tell of the clusters, for people; compacted.
    #[must_use]
    pub fn clusters_topic(&self) -> String {
        format!("{}.clusters", self.chain)
    }

    /// Chunks of files as they lie in their store.
    #[must_use]
    pub fn raw(&self) -> String {
        format!("{}.raw", self.chain)
    }

    /// Decompressed chunks. In the separate layout alone.
    #[must_use]
    pub fn plain(&self) -> Option<String> {
        (self.layout == Layout::Separate).then(|| format!("{}.plain", self.chain))
    }

    /// Whether text travels between two stages.
    fn has_text(&self) -> bool {
        matches!(self.layout, Layout::Separate | Layout::Fused)
    }

    /// Chunks of whole lines of UTF-8. `None` in the compact and the direct layout.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        self.has_text().then(|| format!("{}.text", self.chain))
    }

    /// Text for the splitters of one channel. `None` in the compact and the direct layout.
    #[must_use]
    pub fn channel(&self, channel: &str) -> Option<String> {
        self.has_text().then(|| format!("{}.channel.{channel}", self.chain))
    }

    /// What waits for a channel first, behind the distributor's choice: its text, or its rows where it has no topic of text. In the
    /// direct layout nothing waits behind the choice: what waits for all channels is `raw`.
    #[must_use]
    pub fn of_channel(&self, channel: &str) -> String {
        self.channel(channel).or_else(|| self.rows(channel)).unwrap_or_else(|| self.raw())
    }

    /// The stage that reads [`Topics::of_channel`].
    #[must_use]
    pub fn of_channels(&self) -> &'static str {
        match self.layout {
            Layout::Separate | Layout::Fused => "splitter",
            Layout::Compact => "loader",
            Layout::Direct => "ingester",
        }
    }

    /// The stage that chooses channels.
    #[must_use]
    pub fn chooses(&self) -> &'static str {
        match self.layout {
            Layout::Separate | Layout::Fused => "distributor",
            Layout::Compact => "parser",
            Layout::Direct => "ingester",
        }
    }

    /// Row batches of one channel. `None` in the direct layout.
    #[must_use]
    pub fn rows(&self, channel: &str) -> Option<String> {
        (self.layout != Layout::Direct).then(|| format!("{}.rows.{channel}", self.chain))
    }

    /// What the stages tell the ledger.
    #[must_use]
    pub fn file_events(&self) -> String {
        format!("{}.file-events", self.chain)
    }

    /// What a stage could not turn into anything.
    #[must_use]
    pub fn dead_letters(&self) -> String {
        format!("{}.dead-letters", self.chain)
    }

    /// The topics whose records are deleted when `kafka.retention` is over, in the order of the chain.
    #[must_use]
    pub fn passing(&self) -> Vec<String> {
        let mut all = vec![self.raw()];
        all.extend(self.plain());
        all.extend(self.text());
        for channel in &self.channels {
            all.extend(self.channel(channel));
            all.extend(self.rows(channel));
        }
        all.extend([self.file_events(), self.dead_letters()]);
        all
    }

    /// Names of the clusters of the configuration.
    #[must_use]
    pub fn clusters(&self) -> &[String] {
        &self.clusters
    }

    /// Names of the channels of the configuration.
    #[must_use]
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// The consumer group of a stage.
    #[must_use]
    pub fn group(&self, stage: &str) -> String {
        format!("{}.{stage}", self.chain)
    }

    /// The `transactional.id` of one worker of a stage.
    #[must_use]
    pub fn transactional_id(&self, stage: &str, slot: &str, worker: u32) -> String {
        format!("{}.{stage}.{slot}.{worker}", self.chain)
    }

    /// The `transactional.id` of a cluster's lister: there is never more than one of it.
    #[must_use]
    pub fn lister_id(&self, cluster: &str) -> String {
        format!("{}.lister.{cluster}", self.chain)
    }

    /// The topics from which a stage reads.
    ///
    /// # Panics
    /// When there is no such stage in any layout.
    #[must_use]
    pub fn inputs(&self, stage: &str) -> Vec<String> {
        match stage {
            "fetcher" => self.clusters.iter().flat_map(|c| [self.tasks(c), self.backfill(c)]).collect(),
            "decompressor" | "decoder" | "parser" | "ingester" => vec![self.raw()],
            "reencoder" => self.plain().into_iter().collect(),
            "distributor" => self.text().into_iter().collect(),
            "splitter" => self.channels.iter().filter_map(|channel| self.channel(channel)).collect(),
            "loader" => {
                let mut topics: Vec<_> = self.channels.iter().filter_map(|channel| self.rows(channel)).collect();
                topics.extend([self.file_events(), self.dead_letters()]);
                topics
            }
            other => panic!("{other:?} is not a stage of the chain"),
        }
    }

    /// What one process of a stage reads: of the inputs, those of the channels that it serves, and what has no channel.
    ///
    /// # Panics
    /// When there is no such stage.
    #[must_use]
    pub fn served(&self, stage: &str, channels: &[String]) -> Vec<String> {
        let mut topics = self.inputs(stage);
        if !channels.is_empty() && ["splitter", "loader"].contains(&stage) {
            let others: Vec<String> = self
                .channels
                .iter()
                .filter(|channel| !channels.contains(channel))
                .flat_map(|channel| self.channel(channel).into_iter().chain(self.rows(channel)))
                .collect();
            topics.retain(|topic| !others.contains(topic));
        }
        topics
    }

    /// The stages of this layout that have a consumer group, in the order of the chain.
    #[must_use]
    pub fn stages(&self) -> &'static [&'static str] {
        self.layout.stages()
    }

    /// Each consumer group with the topics on which offset 0 is committed once, when they are made.
    #[must_use]
    pub fn groups(&self) -> Vec<(String, Vec<String>)> {
        self.stages().iter().map(|stage| (self.group(stage), self.inputs(stage))).collect()
    }
}

/// A record is kept for this part of the retention longer than that at most, whatever a topic's bytes.
const SEGMENTS: u32 = 8;
/// Milliseconds.
const SHORTEST_SEGMENT: u128 = 60_000;

/// What a topic has to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: i32,
    pub replication: i32,
    /// Settings of the topic that matter; others are left as they are.
    pub configs: BTreeMap<String, String>,
}

impl Config {
    /// Names of all topics, groups and transactions.
    #[must_use]
    pub fn topics(&self) -> Topics {
        Topics::of(self)
    }

    /// Every topic of the chain in this layout.
    #[must_use]
    pub fn topic_specs(&self) -> Vec<TopicSpec> {
        let topics = self.topics();
        let mut specs = Vec::new();
        let retention = self.kafka.retention.as_millis().to_string();
        // Only a closed segment is deleted, and a topic that is written all the time closes its segments by size or age.
        let segment = (self.kafka.retention / SEGMENTS).as_millis().max(SHORTEST_SEGMENT).to_string();
        let compact = [("cleanup.policy", "compact"), ("retention.ms", "-1")];
        for cluster in topics.clusters() {
            for name in [topics.tasks(cluster), topics.backfill(cluster)] {
                specs.push(self.spec(name, self.kafka.partitions, &[("retention.ms", "-1")]));
            }
            // One partition: its reader is the one lister of the cluster.
            specs.push(self.spec(topics.known(cluster), 1, &compact));
        }
        specs.push(self.spec(topics.clusters_topic(), 1, &compact));
        let deleted = [("retention.ms", &*retention), ("segment.ms", &*segment)];
        specs.extend(topics.passing().into_iter().map(|name| self.spec(name, self.kafka.partitions, &deleted)));
        specs
    }

    fn spec(&self, name: String, partitions: i32, configs: &[(&str, &str)]) -> TopicSpec {
        let mut all: BTreeMap<_, _> = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        all.entry("cleanup.policy".into()).or_insert_with(|| "delete".into());
        // The broker's clock: under a client's, records of one that is behind by more than the retention would be deleted
        // before they are read, and those of one that is an hour ahead are refused.
        all.insert("message.timestamp.type".into(), "LogAppendTime".into());
        // Size never deletes what time keeps: a chunk that is eaten is lost.
        all.insert("retention.bytes".into(), "-1".into());
        all.insert("max.message.bytes".into(), self.kafka.message_bytes.0.to_string());
        let in_sync = if self.kafka.replication >= 3 { 2 } else { 1 };
        all.insert("min.insync.replicas".into(), in_sync.to_string());
        TopicSpec { name, partitions, replication: self.kafka.replication, configs: all }
    }
}
