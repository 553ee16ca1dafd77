//! Topics, positions and settings of a broker: what operators' commands and the start of a chain need.

use crate::client::{Names, incoming};
use crate::group::GroupReader;
use crate::patience::patiently;
use crate::quiet::Quiet;
use logmill_protocol::{Committed, Incoming, Partition};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A topic as the chain wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: i32,
    pub replication: i32,
    /// Settings of the topic, as Kafka names them.
    pub config: BTreeMap<String, String>,
}

/// What administration can say.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("cannot {what} at {brokers}: {source}")]
    Kafka { what: &'static str, brokers: String, source: KafkaError },
    #[error("topic {topic} has {found} partitions, {wanted} are wanted; adding partitions needs a drained chain")]
    Partitions { topic: String, found: i32, wanted: i32 },
    #[error("topic {topic} cannot be made: {why}")]
    Create { topic: String, why: String },
    #[error("topic {0} does not exist; `logmill topics apply` makes it")]
    Missing(String),
    #[error("{partition} was not read up to {to} within {CALL:?}, only {read} records of it: is a broker slow?")]
    Short { partition: Partition, to: i64, read: usize },
    #[error(
        "group {group} has no committed offset for {partition}, whose log begins at {low}: what it would have \
             read below is gone, and starting there would lose it unseen"
    )]
    Gone { group: String, partition: Partition, low: i64 },
}

/// How long one request may take.
pub(crate) const CALL: Duration = Duration::from_secs(30);
/// The wait before topics that were made just now are looked at again.
const AGAIN: Duration = Duration::from_millis(20);

/// Asks and changes things at a cluster of brokers.
pub struct Admin {
    brokers: String,
    config: ClientConfig,
    client: AdminClient<DefaultClientContext>,
    consumer: BaseConsumer,
}

impl AdminError {
    /// Whether it is a right that this account lacks.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        use RDKafkaErrorCode::{ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed};
        let Self::Kafka { source, .. } = self else { return false };
        let code = source.rdkafka_error_code();
        [ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed].map(Some).contains(&code)
    }
}

impl Admin {
    /// `properties`: librdkafka settings beyond the address (security).
    ///
    /// # Errors
    /// When a setting is not one. Nothing is connected yet.
    pub fn new(brokers: &str, properties: &BTreeMap<String, String>) -> Result<Self, AdminError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        config.set("socket.connection.setup.timeout.ms", "5000");
        for (key, value) in properties {
            config.set(key, value);
        }
        let failed = |source| AdminError::Kafka { what: "prepare a connection", brokers: brokers.to_owned(), source };
        let client = config.create().map_err(failed)?;
        let consumer = config.create().map_err(failed)?;
        Ok(Self { brokers: brokers.to_owned(), config, client, consumer })
    }

    fn failed(&self, what: &'static str) -> impl FnOnce(KafkaError) -> AdminError {
        let brokers = self.brokers.clone();
        move |source| AdminError::Kafka { what, brokers, source }
    }

    /// The number of partitions of each existing topic.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn partitions(&self) -> Result<BTreeMap<String, i32>, AdminError> {
        let metadata = self.consumer.fetch_metadata(None, CALL).map_err(self.failed("list topics"))?;
        Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len() as i32)).collect())
    }

    /// Makes the topics that are missing; returns their names.
    ///
    /// # Errors
    /// When one exists with another number of partitions, or cannot be made.
    pub async fn apply(&self, specs: &[TopicSpec]) -> Result<Vec<String>, AdminError> {
        let existing = self.partitions()?;
        let mut missing = Vec::new();
        for spec in specs {
            match existing.get(&spec.name) {
                None => missing.push(spec),
                Some(found) if *found == spec.partitions => {}
                Some(found) => {
                    let (topic, found, wanted) = (spec.name.clone(), *found, spec.partitions);
                    return Err(AdminError::Partitions { topic, found, wanted });
                }
            }
        }
        let new: Vec<NewTopic<'_>> = missing
            .iter()
            .map(|spec| {
                let topic = NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(spec.replication));
                spec.config.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
            })
            .collect();
        if !new.is_empty() {
            let options = AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL));
            let made = self.client.create_topics(&new, &options).await.map_err(self.failed("make topics"))?;
            for result in made {
                match result {
                    Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                    Err((topic, code)) => return Err(AdminError::Create { topic, why: code.to_string() }),
                }
            }
        }
        // Their leaders are elected a moment later; whoever connects then must find them.
        let deadline = Instant::now() + CALL;
        for spec in &missing {
            while !self.has_leaders(&spec.name)? {
                if Instant::now() > deadline {
                    let why = format!("its partitions have no leaders after {CALL:?}");
                    return Err(AdminError::Create { topic: spec.name.clone(), why });
                }
                std::thread::sleep(AGAIN);
            }
        }
        Ok(missing.iter().map(|spec| spec.name.clone()).collect())
    }

    fn has_leaders(&self, topic: &str) -> Result<bool, AdminError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), CALL).map_err(self.failed("look at a topic"))?;
        let led = |topic: &MetadataTopic| {
            topic.error().is_none() && topic.partitions().iter().all(|p| p.error().is_none() && p.leader() >= 0)
        };
        Ok(metadata.topics().iter().any(|found| found.name() == topic && led(found)))
    }

    /// Adds partitions to topics, up to these numbers, and waits for their leaders. What was there stays where it is: it is the
    /// caller's to know that no key has anything on its way.
    ///
    /// # Errors
    /// When a topic cannot get so many: it has more, or there is none.
    pub async fn grow(&self, topics: &[(&str, i32)]) -> Result<(), AdminError> {
        let count = |n: i32| usize::try_from(n).unwrap_or_default();
        let new: Vec<NewPartitions<'_>> = topics.iter().map(|(name, n)| NewPartitions::new(name, count(*n))).collect();
        let options = AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL));
        let made = self.client.create_partitions(&new, &options).await.map_err(self.failed("add partitions"))?;
        for result in made {
            result.map_err(|(topic, code)| AdminError::Create { topic, why: format!("more partitions: {code}") })?;
        }
        let deadline = Instant::now() + CALL;
        for (topic, wanted) in topics {
            while self.partitions()?.get(*topic) != Some(wanted) || !self.has_leaders(topic)? {
                if Instant::now() > deadline {
                    let why = format!("its new partitions have no leaders after {CALL:?}");
                    return Err(AdminError::Create { topic: (*topic).to_owned(), why });
                }
                std::thread::sleep(AGAIN);
            }
        }
        Ok(())
    }

    /// Where existing topics are not as `specs` want them: one line each, for people. Topics that are missing are not
    /// among them, nor are settings that a spec does not name.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub async fn differences(&self, specs: &[TopicSpec]) -> Result<Vec<String>, AdminError> {
        let existing = self.partitions()?;
        let specs: Vec<_> = specs.iter().filter(|spec| existing.contains_key(&spec.name)).collect();
        let resources: Vec<_> = specs.iter().map(|spec| ResourceSpecifier::Topic(&spec.name)).collect();
        let mut differences = Vec::new();
        if resources.is_empty() {
            return Ok(differences);
        }
        let options = AdminOptions::new().request_timeout(Some(CALL));
        let found = self.client.describe_configs(&resources, &options).await.map_err(self.failed("read settings"))?;
        for (spec, found) in specs.iter().zip(found) {
            let (topic, partitions) = (&spec.name, existing[&spec.name]);
            if partitions != spec.partitions {
                differences.push(format!("{topic}: {partitions} partitions, not {}", spec.partitions));
            }
            let found = found.map_err(|code| AdminError::Create { topic: topic.clone(), why: code.to_string() })?;
            let mut values: BTreeMap<_, _> = found.entries.into_iter().map(|e| (e.name, e.value)).collect();
            for (key, wanted) in &spec.config {
                let value = values.remove(key).flatten();
                if value.as_ref() != Some(wanted) {
                    let value = value.unwrap_or_else(|| "not set".into());
                    differences.push(format!("{topic}: {key} is {value}, not {wanted}"));
                }
            }
        }
        Ok(differences)
    }

    /// The first offset of a partition, and the one at which a reader of committed records ends now: the first of the
    /// oldest transaction that is open, or the end of the log.
    ///
    /// # Errors
    /// When the partition does not exist or has no leader.
    pub fn watermarks(&self, partition: &Partition) -> Result<(i64, i64), AdminError> {
        let read = |left| self.consumer.fetch_watermarks(&partition.topic, partition.index, left);
        patiently(CALL, read).map_err(self.failed("read the ends of a partition"))
    }

    /// Looks at a group's positions again and again, without joining it.
    ///
    /// # Errors
    /// When a setting is not one.
    pub fn reader(&self, group: &str) -> Result<GroupReader, AdminError> {
        self.group_reader(group, "read_committed")
    }

    /// The same, but waits for no transaction: what it sees may be older, and the ends are those of the logs. For estimates.
    ///
    /// # Errors
    /// When a setting is not one.
    pub fn onlooker(&self, group: &str) -> Result<GroupReader, AdminError> {
        self.group_reader(group, "read_uncommitted")
    }

    fn group_reader(&self, group: &str, isolation: &str) -> Result<GroupReader, AdminError> {
        let mut config = self.config.clone();
        config.set("group.id", group).set("enable.auto.commit", "false").set("isolation.level", isolation);
        let consumer = config.create().map_err(self.failed("prepare a connection"))?;
        Ok(GroupReader::new(self.brokers.clone(), consumer))
    }

    /// A group's committed offsets of these partitions. Waits for transactions that are pending.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn committed(
        &self,
        group: &str,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, AdminError> {
        self.reader(group)?.committed(partitions)
    }

    /// Commits offset 0 for each of the group's partitions that has none, once: from then on a missing or lost offset is
    /// an alarm and never a silent start at either end. Returns how many. The group may have members, which stay as they
    /// are: a chain gets another topic while it runs.
    ///
    /// # Errors
    /// When a partition's log no longer begins at 0; when another call for the group began meanwhile.
    pub fn commit_start(&self, group: &str, partitions: &[Partition]) -> Result<usize, AdminError> {
        if self.without_start(group, partitions)?.count() == 0 {
            return Ok(0);
        }
        self.commit_once(group, || self.without_start(group, partitions))
    }

    /// Commits these offsets for a group that has no members.
    ///
    /// # Errors
    /// When another call for the group began meanwhile.
    pub fn commit_at(&self, group: &str, places: &[(Partition, i64)]) -> Result<usize, AdminError> {
        self.commit_once(group, || {
            let mut list = TopicPartitionList::new();
            for (Partition { topic, index }, offset) in places {
                list.add_partition_offset(topic, *index, Offset::Offset(*offset))
                    .map_err(self.failed("prepare offsets"))?;
            }
            Ok(list)
        })
    }

    /// Commits what `list` gives; how many that are.
    fn commit_once(
        &self,
        group: &str,
        list: impl FnOnce() -> Result<TopicPartitionList, AdminError>,
    ) -> Result<usize, AdminError> {
        // A plain commit of somebody who is not a member is taken only while the group is empty; a transaction's, always.
        let failed = || self.failed("commit first offsets");
        let producer: BaseProducer = self
            .config
            .clone()
            .set("transactional.id", format!("{group}.start"))
            .set("transaction.timeout.ms", "10000")
            .set("retry.backoff.ms", "10")
            .create()
            .map_err(self.failed("prepare a connection"))?;
        // Fences whoever does the same before us, and ends that one's transaction. So what is looked at only now cannot
        // be committed by that one, worked on by a member, and then be set back by us.
        producer.init_transactions(CALL).map_err(failed())?;
        let list = list()?;
        if list.count() == 0 {
            return Ok(0);
        }
        let metadata = self.reader(group)?.metadata();
        let commit = || {
            producer.begin_transaction()?;
            producer.send_offsets_to_transaction(&list, &metadata, CALL)?;
            producer.commit_transaction(CALL)
        };
        commit().map_err(|error| {
            // So that nobody who asks for positions has to wait for its time-out; the first error is the one that tells.
            let _ = producer.abort_transaction(CALL);
            failed()(error)
        })?;
        Ok(list.count())
    }

    /// Those of a group's partitions that have no committed offset, with offset 0.
    fn without_start(&self, group: &str, partitions: &[Partition]) -> Result<TopicPartitionList, AdminError> {
        let mut list = TopicPartitionList::new();
        for (partition, committed) in self.committed(group, partitions)? {
            if committed.is_some() {
                continue;
            }
            let (low, _) = self.watermarks(&partition)?;
            if low > 0 {
                return Err(AdminError::Gone { group: group.to_owned(), partition, low });
            }
            list.add_partition_offset(&partition.topic, partition.index, Offset::Offset(0))
                .map_err(self.failed("prepare offsets"))?;
        }
        Ok(list)
    }

    /// How many members a group has.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn members(&self, group: &str) -> Result<usize, AdminError> {
        let found = patiently(CALL, |left| self.consumer.fetch_group_list(Some(group), left))
            .map_err(self.failed("look at a group"))?;
        Ok(found.groups().iter().filter(|one| one.name() == group).map(|one| one.members().len()).sum())
    }

    /// Settings of a broker (any) by name.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub async fn broker_config(&self) -> Result<BTreeMap<String, String>, AdminError> {
        let metadata = self.consumer.fetch_metadata(None, CALL).map_err(self.failed("find a broker"))?;
        let id = metadata.brokers().first().map_or(0, |b| b.id());
        let options = AdminOptions::new().request_timeout(Some(CALL));
        let resource = [ResourceSpecifier::Broker(id)];
        let found = self.client.describe_configs(&resource, &options).await.map_err(self.failed("read settings"))?;
        let mut settings = BTreeMap::new();
        for config in found.into_iter().flatten() {
            settings.extend(config.entries.into_iter().filter_map(|e| Some((e.name, e.value?))));
        }
        Ok(settings)
    }

    /// Deletes what stands before these offsets of partitions; readers see nothing of it from then on, and it leaves the disk
    /// with its segment.
    ///
    /// # Errors
    /// When no broker answers in time, or the account may not delete.
    pub async fn delete_before(&self, places: &[(Partition, i64)]) -> Result<(), AdminError> {
        let failed = || self.failed("delete records");
        let mut list = TopicPartitionList::new();
        for (partition, offset) in places {
            list.add_partition_offset(&partition.topic, partition.index, Offset::Offset(*offset)).map_err(failed())?;
        }
        if places.is_empty() {
            return Ok(());
        }
        let options = AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL));
        let deleted = self.client.delete_records(&list, &options).await.map_err(failed())?;
        deleted.elements().iter().try_for_each(|element| element.error()).map_err(failed())
    }

    /// Forgets a group without members, with its offsets. That it is not there is good too.
    ///
    /// # Errors
    /// It has members, no broker answers in time, or the account may not delete it.
    pub async fn forget_group(&self, group: &str) -> Result<(), AdminError> {
        let options = AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL));
        let deleted = self.client.delete_groups(&[group], &options).await.map_err(self.failed("forget a group"))?;
        match deleted.into_iter().next() {
            Some(Err((_, code))) if code != RDKafkaErrorCode::GroupIdNotFound => {
                Err(self.failed("forget a group")(KafkaError::AdminOp(code)))
            }
            _ => Ok(()),
        }
    }

    /// Deletes topics, whatever is in them.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub async fn delete(&self, topics: &[&str]) -> Result<(), AdminError> {
        let options = AdminOptions::new().operation_timeout(Some(CALL));
        self.client.delete_topics(topics, &options).await.map_err(self.failed("delete topics"))?;
        Ok(())
    }

    /// The committed records of a partition in `[from, to)`, or up to where the log ends now without a `to`; `most` of
    /// them at the most. Does not wait for transactions that are open.
    ///
    /// # Errors
    /// When the partition does not exist, no broker answers, or the end is not reached in time.
    pub fn read(
        &self,
        partition: &Partition,
        from: i64,
        to: Option<i64>,
        most: usize,
    ) -> Result<Vec<Incoming>, AdminError> {
        let (low, high) = self.watermarks(partition)?;
        let (from, to) = (from.max(low), to.unwrap_or(high).min(high));
        let mut records = Vec::new();
        if from >= to || most == 0 {
            return Ok(records);
        }
        let mut config = self.config.clone();
        config.set("group.id", "logmill-reader").set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        config.set("fetch.wait.max.ms", "10").set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Quiet> =
            config.create_with_context(Quiet).map_err(self.failed("prepare a connection"))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.index, Offset::Offset(from))
            .map_err(self.failed("prepare offsets"))?;
        consumer.assign(&list).map_err(self.failed("read a partition"))?;
        let deadline = Instant::now() + CALL;
        let mut names = Names::default();
        while Instant::now() < deadline {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.offset() >= to => return Ok(records),
                Some(Ok(message)) => {
                    let mut record = incoming(&message, &mut names);
                    record.record.unpack();
                    records.push(record);
                    if records.len() >= most {
                        return Ok(records);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(records),
                // One broker of several is away; what it led is another's soon.
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::BrokerTransportFailure) => {}
                Some(Err(source)) => return Err(self.failed("read a partition")(source)),
                None => {}
            }
        }
        Err(AdminError::Short { partition: partition.clone(), to, read: records.len() })
    }
}
