//! Looks at topics and committed offsets without joining a group or changing anything.

use anyhow::{Context, Result, anyhow, bail};
use logmill_config::Config;
use logmill_core::Offset;
use logmill_protocol::Committed;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message, Offset as At, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::thread;
use std::time::{Duration, Instant};

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long reading up to the end of partitions may take.
const READ: Duration = Duration::from_secs(20);

/// What reading a topic comes upon.
pub enum Seen<'a> {
    Record(&'a BorrowedMessage<'a>),
    /// Nothing more stands on the partition just now.
    End(i32),
    /// Nothing came for a while.
    Nothing,
}

/// To close a client takes a tenth of a second. It has joined no group and has nobody to take leave of, so nobody waits for
/// that: not the end of the process either.
impl Drop for TopicReader {
    fn drop(&mut self) {
        // SAFETY: nothing uses them after this.
        let clients = unsafe { (ManuallyDrop::take(&mut self.consumer), ManuallyDrop::take(&mut self.offsets)) };
        thread::spawn(move || drop(clients));
    }
}

fn listed(topics: &[(&str, i32)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partitions) in topics {
        list.add_partition_range(topic, 0, partitions - 1);
    }
    list
}

/// A consumer that only looks.
pub struct TopicReader {
    /// Sees committed records alone.
    consumer: ManuallyDrop<BaseConsumer>,
    /// Sees committed offsets at once, where the other would wait for pending transactions.
    offsets: ManuallyDrop<BaseConsumer>,
    brokers: String,
}

impl TopicReader {
    /// A reader that sees the group's committed offsets (the newest that are committed: it does not wait for pending
    /// transactions) and committed records alone.
    ///
    /// # Errors
    /// A setting of `kafka.properties` is not one of librdkafka's.
    pub fn new(config: &Config, group: &str) -> Result<Self> {
        let mut client = ClientConfig::new();
        for (name, value) in &config.kafka.properties.0 {
            client.set(name, value);
        }
        client
            .set("bootstrap.servers", &config.kafka.brokers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            // The end of a partition is told when a fetch comes back empty: half a second by default, for each topic.
            .set("fetch.wait.max.ms", "20")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error");
        let consumer = ManuallyDrop::new(client.create().context("kafka.properties")?);
        client.set("isolation.level", "read_uncommitted");
        let offsets = ManuallyDrop::new(client.create().context("kafka.properties")?);
        Ok(Self { consumer, offsets, brokers: config.kafka.brokers.clone() })
    }

    fn silent(&self, error: KafkaError) -> anyhow::Error {
        anyhow!("Kafka at {} does not answer ({error}): is it running, and is kafka.brokers right?", self.brokers)
    }

    /// The number of partitions of a topic.
    ///
    /// # Errors
    /// Kafka does not answer, or there is no such topic.
    pub fn partitions(&self, topic: &str) -> Result<i32> {
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER).map_err(|error| self.silent(error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| (found.error(), found.partitions().len())) {
            Some((None, n)) if n > 0 => Ok(i32::try_from(n).expect("a topic has fewer partitions than that")),
            _ => bail!("there is no topic {topic} on {}: make it with `logmill topics apply`", self.brokers),
        }
    }

    /// All topics with their numbers of partitions.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn topics(&self) -> Result<BTreeMap<String, i32>> {
        let metadata = self.consumer.fetch_metadata(None, ANSWER).map_err(|error| self.silent(error))?;
        let count = |n: usize| i32::try_from(n).expect("a topic has fewer partitions than that");
        Ok(metadata.topics().iter().map(|topic| (topic.name().to_owned(), count(topic.partitions().len()))).collect())
    }

    /// The number of brokers.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn brokers(&self) -> Result<usize> {
        let metadata = self.consumer.fetch_metadata(None, ANSWER).map_err(|error| self.silent(error))?;
        Ok(metadata.brokers().len())
    }

    /// The first and the next offset of a partition.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn ends(&self, topic: &str, partition: i32) -> Result<(Offset, Offset)> {
        let (low, high) =
            self.consumer.fetch_watermarks(topic, partition, ANSWER).map_err(|error| self.silent(error))?;
        Ok((Offset(low), Offset(high)))
    }

    /// The same of all partitions of topics, each with its number of them: two questions for all.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn all_ends(&self, topics: &[(&str, i32)]) -> Result<Vec<Vec<(Offset, Offset)>>> {
        let ask = |at: At| {
            let mut list = listed(topics);
            list.set_all_offsets(at).context("which end of a partition")?;
            let found = self.consumer.offsets_for_times(list, ANSWER).map_err(|error| self.silent(error))?;
            let mut all = BTreeMap::new();
            for element in found.elements() {
                element.error().map_err(|error| self.silent(error))?;
                if let At::Offset(offset) = element.offset() {
                    all.insert((element.topic().to_owned(), element.partition()), Offset(offset));
                }
            }
            anyhow::Ok(all)
        };
        let (low, high) = (ask(At::Beginning)?, ask(At::End)?);
        let of = |topic: &str, partition: i32| {
            let place = (topic.to_owned(), partition);
            match (low.get(&place), high.get(&place)) {
                (Some(low), Some(high)) => Ok((*low, *high)),
                // The broker has no offset for that question where a partition has no record.
                _ => self.ends(topic, partition),
            }
        };
        topics
            .iter()
            .map(|(topic, partitions)| (0..*partitions).map(|partition| of(topic, partition)).collect())
            .collect()
    }

    /// What the group has committed of topics, each with its number of partitions, by one question.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn all_committed(&self, topics: &[(&str, i32)]) -> Result<Vec<Vec<Option<Committed>>>> {
        let found = self.offsets.committed_offsets(listed(topics), ANSWER).map_err(|error| self.silent(error))?;
        let mut all = BTreeMap::new();
        for element in found.elements() {
            if let At::Offset(offset) = element.offset() {
                let committed = Committed { offset: Offset(offset), metadata: element.metadata().to_owned() };
                all.insert((element.topic().to_owned(), element.partition()), committed);
            }
        }
        let mut of = |topic: &str, partition| all.remove(&(topic.to_owned(), partition));
        Ok(topics.iter().map(|(topic, count)| (0..*count).map(|partition| of(topic, partition)).collect()).collect())
    }

    /// What the group has committed of a topic, by partition; `None` where it has not.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn committed(&self, topic: &str, partitions: i32) -> Result<Vec<Option<Committed>>> {
        Ok(self.all_committed(&[(topic, partitions)])?.pop().unwrap_or_default())
    }

    /// Reads from these places on; `each` gets the records and says with `false` that this partition is enough. Ends when
    /// every partition is at its end or enough.
    ///
    /// # Errors
    /// Kafka does not answer, or the ends are not reached within 20 seconds.
    pub fn read(
        &self,
        topic: &str,
        from: &[(i32, Offset)],
        mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut open: BTreeSet<i32> = from.iter().map(|(partition, _)| *partition).collect();
        if open.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        self.stream(topic, from, |seen| {
            if start.elapsed() > READ {
                bail!("the end of {topic} was not reached within {} s: is a broker slow?", READ.as_secs());
            }
            match seen {
                Seen::Nothing => {}
                Seen::Record(message) => {
                    if open.contains(&message.partition()) && !each(message)? {
                        open.remove(&message.partition());
                    }
                }
                Seen::End(partition) => drop(open.remove(&partition)),
            }
            Ok(!open.is_empty())
        })
    }

    /// Reads from these places on, for as long as `each` says `true`; it is asked about ten times a second at least.
    ///
    /// # Errors
    /// Kafka does not answer; what `each` says.
    pub fn stream(
        &self,
        topic: &str,
        from: &[(i32, Offset)],
        mut each: impl FnMut(Seen<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in from {
            list.add_partition_offset(topic, *partition, At::Offset(offset.0)).context("a place to read from")?;
        }
        self.consumer.assign(&list).context("a place to read from")?;
        let mut goes_on = true;
        while goes_on {
            goes_on = match self.consumer.poll(Duration::from_millis(100)) {
                None => each(Seen::Nothing)?,
                Some(Ok(message)) => each(Seen::Record(&message))?,
                Some(Err(KafkaError::PartitionEOF(partition))) => each(Seen::End(partition))?,
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) => {
                    return Err(self.silent(error));
                }
                // One broker of several is away; what it led is another's soon.
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::BrokerTransportFailure) => {
                    each(Seen::Nothing)?
                }
                Some(Err(error)) => return Err(error).with_context(|| format!("reading {topic}")),
            };
        }
        self.consumer.unassign().context("giving partitions back")?;
        Ok(())
    }

    /// The first offset of each partition whose record is not older than that, ms since 1970; the end where there is none.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn at_time(&self, topic: &str, partitions: &[i32], since_ms: u64) -> Result<Vec<(i32, Offset)>> {
        let mut list = TopicPartitionList::new();
        let since = i64::try_from(since_ms).unwrap_or(i64::MAX);
        for partition in partitions {
            list.add_partition_offset(topic, *partition, At::Offset(since)).context("a time to read from")?;
        }
        let found = self.consumer.offsets_for_times(list, ANSWER).map_err(|error| self.silent(error))?;
        let all = found.elements().into_iter().map(|one| match one.offset() {
            At::Offset(offset) => Ok((one.partition(), Offset(offset))),
            _ => Ok((one.partition(), self.ends(topic, one.partition())?.1)),
        });
        all.collect()
    }
}
