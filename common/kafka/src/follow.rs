//! Reads topics for what can be learned of them: whoever follows keeps the place itself, and nothing in the chain depends on it.

use crate::client::ClientError;
use crate::quiet::Quiet;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long one question may take.
const CALL: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// A record: its partition and offset, and the value.
pub type Followed = (i32, i64, Vec<u8>);

fn settings(brokers: &str, properties: &BTreeMap<String, String>, group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("queued.max.messages.kbytes", "4096").set("session.timeout.ms", "6000");
    for (key, value) in properties {
        config.set(key, value);
    }
    config.set("bootstrap.servers", brokers).set("group.id", group).set("isolation.level", "read_committed");
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    config
}

/// A topic that several share: each partition is read by one of them at a time, from its first record until it is told otherwise.
pub struct Share {
    consumer: BaseConsumer,
    topic: String,
}

impl Share {
    /// Joins those of this group. Waits for nobody.
    ///
    /// # Errors
    /// A setting is not one of librdkafka's.
    pub fn join(
        brokers: &str,
        properties: &BTreeMap<String, String>,
        group: &str,
        topic: String,
    ) -> Result<Self, ClientError> {
        let consumer: BaseConsumer = settings(brokers, properties, group).create().map_err(ClientError::Settings)?;
        consumer.subscribe(&[&topic]).map_err(ClientError::Settings)?;
        Ok(Self { consumer, topic })
    }

    /// The next record that comes within this time.
    pub fn next(&self, wait: Duration) -> Option<Followed> {
        match self.consumer.poll(wait)? {
            Ok(message) => {
                Some((message.partition(), message.offset(), message.payload().unwrap_or_default().to_vec()))
            }
            Err(error) => {
                tracing::debug!(%error, topic = self.topic, "nothing could be read");
                None
            }
        }
    }

    /// The partitions that are this one's just now.
    #[must_use]
    pub fn own(&self) -> Vec<i32> {
        let assigned =
            self.consumer.assignment().map(|list| list.elements().iter().map(|one| one.partition()).collect());
        assigned.unwrap_or_default()
    }

    /// Goes on at this offset of a partition that is its own.
    ///
    /// # Errors
    /// It is not, any more.
    pub fn seek(&self, partition: i32, offset: i64) -> Result<(), KafkaError> {
        self.consumer.seek(&self.topic, partition, Offset::Offset(offset), CALL)
    }

    /// The first offset of a partition at or after this time, in milliseconds since 1970; `None` where there is none.
    ///
    /// # Errors
    /// No broker answers in time.
    pub fn offset_at(&self, partition: i32, ms: i64) -> Result<Option<i64>, KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition, Offset::Offset(ms))?;
        let found = self.consumer.offsets_for_times(list, CALL)?;
        Ok(found.elements().first().and_then(|one| match one.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }))
    }
}

/// All notes of a topic of notes, the oldest first, and those that come.
pub struct NotesReader {
    consumer: BaseConsumer<Quiet>,
    /// The end was reached once.
    caught_up: bool,
}

impl NotesReader {
    /// Begins at the first one.
    ///
    /// # Errors
    /// A setting is not one of librdkafka's.
    pub fn new(brokers: &str, properties: &BTreeMap<String, String>, topic: &str) -> Result<Self, ClientError> {
        let mut config = settings(brokers, properties, "logmill-notes");
        let consumer: BaseConsumer<Quiet> =
            config.set("enable.partition.eof", "true").create_with_context(Quiet).map_err(ClientError::Settings)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning).map_err(ClientError::Settings)?;
        consumer.assign(&list).map_err(ClientError::Settings)?;
        Ok(Self { consumer, caught_up: false })
    }

    /// Reads on: up to the end at first, then what has come meanwhile. `false` when the end was never reached.
    pub fn read(&mut self, mut each: impl FnMut(&[u8])) -> bool {
        let begun = Instant::now();
        while self.caught_up || begun.elapsed() < CALL {
            let wait = if self.caught_up { Duration::ZERO } else { POLL };
            match self.consumer.poll(wait) {
                Some(Ok(message)) => each(message.payload().unwrap_or_default()),
                Some(Err(KafkaError::PartitionEOF(_))) => self.caught_up = true,
                Some(Err(error)) => tracing::debug!(%error, "no notes could be read"),
                None if self.caught_up => break,
                None => {}
            }
        }
        self.caught_up
    }
}
