//! One worker's connection: a consumer and a transactional producer in one thread, performing the actions of a machine.

mod aside;
mod assignment;
mod failure;
mod native;
mod producing;
mod records;
mod settings;

pub(crate) use records::{Names, incoming};

use crate::admin::{Admin, AdminError};
use crate::patience::patiently;
use crate::reach::Reach;
use assignment::{Report, Reports};
use failure::{During, advice, failure, hopeless};
use logmill_protocol::{Action, Committed, Event, Failure, Partition};
use native::Membership;
use producing::Producing;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a client connects.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub brokers: String,
    pub group: String,
    /// Whoever connects with it fences the one before, and ends its transaction.
    pub transactional_id: String,
    pub topics: Vec<String>,
    /// Kafka's own, of whole batches: none, lz4, snappy or gzip.
    pub compression: String,
    /// Whether each chunk is [packed](logmill_core::packed) by itself.
    pub packs: bool,
    /// Whether packed payloads are unpacked.
    pub opens: bool,
    /// After it the broker aborts a transaction whose owner is gone.
    pub transaction_timeout: Duration,
    /// How long a `Poll` waits for a record.
    pub poll: Duration,
    /// Settings of librdkafka (security, buffers, time-outs); each goes to the consumer, the producer or both. Those on
    /// which exactly-once rests cannot be changed.
    pub properties: BTreeMap<String, String>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("a setting of kafka.properties is not one of librdkafka's: {0}")]
    Settings(KafkaError),
    #[error("Kafka at {brokers} does not answer ({source}): is it running, and is kafka.brokers right?")]
    Silent { brokers: String, source: KafkaError },
    #[error("there is no topic {topic} on {brokers}: make it with `logmill topics apply`")]
    Missing { topic: String, brokers: String },
    #[error("cannot look at topic {topic} on {brokers}: {code}{}", advice(*code))]
    Topic { topic: String, brokers: String, code: RDKafkaErrorCode },
    #[error("cannot begin as {id} on {brokers}: {source}{}", source.rdkafka_error_code().map_or("", advice))]
    Initialise { brokers: String, id: String, source: KafkaError },
    #[error("cannot join the group {group}: {source}")]
    Join { group: String, source: KafkaError },
}

impl ClientError {
    /// Whether another attempt would meet the same again: nothing helps but an operator.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        match self {
            Self::Silent { .. } => false,
            Self::Topic { code, .. } => hopeless(*code),
            Self::Initialise { source, .. } => source.rdkafka_error_code().is_some_and(hopeless),
            Self::Settings(_) | Self::Missing { .. } | Self::Join { .. } => true,
        }
    }
}

/// How long a question about a topic may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the committed offsets are waited for at a time, while a transaction is pending over them or a coordinator reads
/// its log after a move.
const POSITIONS: Duration = Duration::from_secs(2);
/// How often an idle client looks whether it read on without a record to hand out.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is said that they are still waited for.
const SAY: Duration = Duration::from_secs(30);

/// A connection. Dropping it leaves the group and aborts an open transaction.
pub struct Client {
    options: ClientOptions,
    reach: Arc<Reach>,
    // Dropped before the consumer: the transaction is over before another member gets the partitions.
    producing: Producing,
    consumer: BaseConsumer<Reports>,
    /// What the group gave, with the membership under which it did; `None` before, and after a revocation.
    assigned: Option<Assigned>,
    names: Names,
    /// Since when committed offsets are waited for, and when that was said last.
    waiting: Option<(Instant, Instant)>,
    /// How far the machine was told of each partition since its assignment, ...
    told: BTreeMap<Partition, i64>,
    /// ... how far each was read when that was looked up last, as far as it is not yet told, ...
    read: Vec<(Partition, i64)>,
    /// ... and when that was.
    looked: Instant,
    stop: Arc<AtomicBool>,
    /// The machine was told to stop.
    stop_said: bool,
}

struct Assigned {
    partitions: BTreeSet<Partition>,
    /// As it was at the assignment, never later: one asked for after a loss would pass the broker's check.
    group: Arc<ConsumerGroupMetadata>,
}

impl Client {
    /// Makes the producer, ends a predecessor's transaction, and asks to join the group. When `stop` is set, the next
    /// `Poll` is answered by `Stop`, once.
    ///
    /// # Errors
    /// Within about a minute: no broker answers, a topic is missing, a setting or a right is wrong.
    pub fn connect(options: ClientOptions, stop: Arc<AtomicBool>) -> Result<Self, ClientError> {
        let reach = Reach::new(&options.transactional_id, &options.brokers);
        let connecting = reach.call("connecting");
        let consumer: BaseConsumer<Reports> = settings::consumer(&options)
            .create_with_context(Reports::new(Arc::clone(&reach)))
            .map_err(ClientError::Settings)?;
        for topic in &options.topics {
            partitions(&consumer, &options.brokers, topic)?;
        }
        let producing = Producing::connect(&options)?;
        let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        if !topics.is_empty() {
            let join = |source| ClientError::Join { group: options.group.clone(), source };
            consumer.subscribe(&topics).map_err(join)?;
        }
        let names = Names::default();
        drop(connecting);
        Ok(Self {
            options,
            reach,
            producing,
            consumer,
            assigned: None,
            names,
            waiting: None,
            told: BTreeMap::new(),
            read: Vec::new(),
            looked: Instant::now(),
            stop,
            stop_said: false,
        })
    }

    /// The number of partitions of a topic.
    ///
    /// # Errors
    /// No broker answers, or there is no such topic.
    pub fn partitions(&self, topic: &str) -> Result<i32, ClientError> {
        partitions(&self.consumer, &self.options.brokers, topic)
    }

    /// The first offset, and the one after the last that a reader of committed records can see, as the last fetch told.
    #[must_use]
    pub fn ends(&self, partition: &Partition) -> Option<(i64, i64)> {
        native::ends(&self.consumer, partition)
    }

    /// Whether a reader of committed records finds one at `from` or after. What [`Client::ends`] counts may be markers and
    /// records of aborted transactions alone. Makes a connection for it: not to be asked often.
    ///
    /// # Errors
    /// No broker answers within half a minute.
    pub fn waits(&self, partition: &Partition, from: logmill_core::Offset) -> Result<bool, AdminError> {
        let admin = Admin::new(&self.options.brokers, &self.options.properties)?;
        Ok(!admin.read(partition, from.0, None, 1)?.is_empty())
    }

    /// Performs one action and says what came of it.
    ///
    /// # Panics
    /// On `Other` and `Exit`, which are not the log's business; when offsets are committed of a partition that is not
    /// assigned (the broker would not refuse them).
    pub fn perform<X, Y>(&mut self, action: Action<X>) -> Event<Y> {
        let timeout = self.options.transaction_timeout;
        let _call = doing(&action).map(|what| self.reach.call(what));
        let result = match action {
            Action::Poll => return self.poll(),
            Action::Read(partitions) => match self.read(&partitions) {
                Ok(positions) => {
                    self.waiting = None;
                    return Event::Positions(positions);
                }
                Err(error) if is_time_out(&error) => {
                    self.say_pending(&partitions);
                    return Event::Idle;
                }
                Err(error) => Err(failure("reading committed offsets", During::Other, &error)),
            },
            Action::Assign(starts) => {
                self.assign(&starts).map_err(|error| failure("assigning partitions", During::Other, &error))
            }
            Action::Release => {
                self.assigned = None;
                self.waiting = None;
                self.unassign().map_err(|error| failure("giving partitions up", During::Other, &error))
            }
            Action::Begin => self.producing.begin(),
            Action::Send(outgoing) => self.producing.send(&outgoing, timeout),
            Action::Commit(offsets) => {
                let assigned = self.assigned.as_ref();
                let ours = |p| assigned.is_some_and(|assigned| assigned.partitions.contains(p));
                if let Some((partition, _)) = offsets.iter().find(|(p, _)| !ours(p)) {
                    panic!("a machine commits only what is assigned to it, and {partition} is not");
                }
                let late = if logmill_faults::ARMED { self.before_commit(timeout).map(Arc::new) } else { None };
                let group = late.as_ref().or(assigned.map(|assigned| &assigned.group));
                let result = self.producing.commit(&offsets, group, timeout);
                logmill_faults::at("commit-over");
                result
            }
            Action::Abort => self.producing.abort(&self.options),
            Action::Renew => self.producing.renew(&self.options),
            Action::Other(_) | Action::Exit(_) => panic!("a driver performs these itself"),
        };
        match result {
            Ok(()) => Event::Done,
            Err(Failure::Fenced(why)) => {
                let id = &self.options.transactional_id;
                Event::Failed(Failure::Fenced(format!("{why} (transactional.id {id})")))
            }
            Err(failure) => Event::Failed(failure),
        }
    }

    /// The fault point before a commit, where all records of the transaction have arrived. Whoever is held there takes in
    /// what the group has decided meanwhile, as a client does that polls in another thread. Gives the metadata of the
    /// group as it is by now, where that of the assignment is switched off.
    fn before_commit(&self, timeout: Duration) -> Option<ConsumerGroupMetadata> {
        self.producing.drain(timeout);
        let before = Membership::of(&self.consumer);
        let held = logmill_faults::at("commit").was_held;
        let is_back = |now: Option<Membership>| now.is_some_and(|now| now.is_member() && !now.is_as_old_as(&before));
        let until = std::time::Instant::now() + ANSWER;
        while held && !is_back(Membership::of(&self.consumer)) && std::time::Instant::now() < until {
            let _ = self.consumer.poll(self.options.poll);
            if Membership::of(&self.consumer).is_none_or(|member| !member.is_member()) {
                let _ = self.consumer.unassign();
            }
        }
        if logmill_faults::is_off("group-metadata") { self.consumer.group_metadata() } else { None }
    }

    fn poll<Y>(&mut self) -> Event<Y> {
        if self.stop.load(Ordering::Relaxed) && !self.stop_said {
            self.stop_said = true;
            return Event::Stop;
        }
        // What was reported while a fault point held the thread is passed on first.
        let held_back = if logmill_faults::ARMED { self.consumer.context().next() } else { None };
        let event = match if held_back.is_some() { None } else { self.consumer.poll(self.options.poll) } {
            None => Event::Idle,
            Some(Ok(message)) => {
                let mut record = incoming(&message, &mut self.names);
                if self.options.opens {
                    record.record.unpack();
                }
                if let Some(told) = self.told.get_mut(&record.partition) {
                    *told = record.offset.0 + 1;
                }
                Event::Record(record)
            }
            Some(Err(error)) => self.read_error(&error),
        };
        let Some(report) = held_back.or_else(|| self.consumer.context().next()) else {
            return if matches!(event, Event::Idle) { self.nothing().unwrap_or(Event::Idle) } else { event };
        };
        assert!(matches!(event, Event::Idle), "a poll that tells of the group brings no record");
        match report {
            Report::Assigned(partitions) => self.joined(partitions),
            Report::Revoked => {
                self.assigned = None;
                Event::Revoked
            }
        }
    }

    /// What is to be told of a partition of which only markers, or what was aborted, was read meanwhile. librdkafka goes
    /// past those in the order of the log, in the poll that would have handed them out.
    fn nothing<Y>(&mut self) -> Option<Event<Y>> {
        if self.read.is_empty() && self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            let positions = native::positions(&self.consumer, self.told.keys());
            let read = self.told.keys().zip(positions);
            self.read = read.filter_map(|(partition, at)| Some((partition.clone(), at?))).collect();
        }
        while let Some((partition, to)) = self.read.pop() {
            let Some(told) = self.told.get_mut(&partition).filter(|told| **told < to) else { continue };
            let [from, to] = [std::mem::replace(told, to), to].map(logmill_core::Offset);
            return Some(Event::Nothing { partition, from, to });
        }
        None
    }

    /// The group gave partitions; keeps the metadata under which it did.
    fn joined<Y>(&mut self, partitions: Vec<Partition>) -> Event<Y> {
        // A member that was thrown out meanwhile has metadata without id or generation, and a commit under that is not
        // checked by the broker at all. Looked at before and after, what lies between is the same.
        let before = Membership::of(&self.consumer);
        let group = self.consumer.group_metadata();
        let after = Membership::of(&self.consumer);
        let group = group.filter(|_| before == after && after.is_some_and(|member| member.is_member()));
        let given = match group {
            // An empty share asks nothing of the machine, but the group waits for it to be taken.
            Some(_) if partitions.is_empty() => self.assign(&[]),
            Some(_) => Ok(()),
            None => {
                tracing::warn!("an assignment was lost before it was taken; joining the group again");
                self.unassign()
            }
        };
        if let Err(error) = given {
            return Event::Failed(failure("taking an assignment", During::Other, &error));
        }
        let Some(group) = group else { return Event::Idle };
        let group = Arc::new(group);
        self.assigned = Some(Assigned { partitions: partitions.iter().cloned().collect(), group });
        Event::Assigned(partitions)
    }

    fn read_error<Y>(&self, error: &KafkaError) -> Event<Y> {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                let gone = self.out_of_range().join(", ");
                Event::Failed(Failure::Fatal(format!(
                    "the log does not hold what comes next ({gone}): retention deleted it before it was read, or \
                     the topic was made anew; `logmill topics` says how to go on"
                )))
            }
            Some(code) if matches!(error, KafkaError::MessageConsumptionFatal(_)) || is_refusal(code) => {
                Event::Failed(Failure::Fatal(format!("reading {}: {error}", self.options.topics.join(", "))))
            }
            _ => {
                tracing::warn!(%error, "reading");
                Event::Idle
            }
        }
    }

    /// The assigned partitions whose position lies outside the log, with both.
    fn out_of_range(&self) -> Vec<String> {
        let Ok(position) = self.consumer.assignment() else { return Vec::new() };
        let mut gone = Vec::new();
        for element in position.elements() {
            let ends = self.consumer.fetch_watermarks(element.topic(), element.partition(), ANSWER);
            if let (Offset::Offset(at), Ok((low, high))) = (element.offset(), ends)
                && !(low..=high).contains(&at)
            {
                let (topic, partition) = (element.topic(), element.partition());
                gone.push(format!("{topic}[{partition}] at {at}, its log is {low} to {high}"));
            }
        }
        gone
    }

    fn read(&self, partitions: &[Partition]) -> KafkaResult<Vec<(Partition, Option<Committed>)>> {
        let read = |left| {
            let mut list = TopicPartitionList::with_capacity(partitions.len());
            for partition in partitions {
                list.add_partition(&partition.topic, partition.index);
            }
            committed_of(&self.consumer.committed_offsets(list, left)?)
        };
        patiently(POSITIONS, read)
    }

    fn assign(&mut self, starts: &[(Partition, logmill_core::Offset)]) -> KafkaResult<()> {
        self.told.clear();
        self.read.clear();
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for (partition, offset) in starts {
            list.add_partition_offset(&partition.topic, partition.index, Offset::Offset(offset.0))?;
        }
        self.consumer.assign(&list)?;
        self.settle()?;
        // A position that the former assignment left would lead past what this one has to read.
        let positions = native::positions(&self.consumer, starts.iter().map(|(partition, _)| partition));
        let unread = starts.iter().zip(positions).filter(|(_, position)| position.is_none());
        self.told = unread.map(|((partition, offset), _)| (partition.clone(), offset.0)).collect();
        Ok(())
    }

    fn unassign(&self) -> KafkaResult<()> {
        self.consumer.unassign()?;
        self.settle()
    }

    /// Waits until the fetching that an assignment ended has ended in librdkafka too. It asserts that: assigned twice more
    /// while a partition stops, it stops that partition twice and ends the process (seen with 2.12.1). The stops, and what
    /// they report, are served in order by the thread that also serves these two questions: behind the first the stops are
    /// over, behind the second so are the reports.
    fn settle(&self) -> KafkaResult<()> {
        self.consumer.assignment()?;
        self.consumer.assignment().map(drop)
    }

    /// Says at intervals that the committed offsets are waited for.
    fn say_pending(&mut self, partitions: &[Partition]) {
        let now = Instant::now();
        let (since, said) = self.waiting.get_or_insert((now, now));
        let waited = now.duration_since(*since);
        if now.duration_since(*said) < SAY {
            return;
        }
        *said = now;
        let hint = if waited > self.options.transaction_timeout + SAY {
            "; a transaction outlives its time-out: docs/operations.md says what to do when one never ends"
        } else {
            ""
        };
        tracing::warn!(
            group = self.options.group,
            partitions = partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            "waiting for {} s for the end of a transaction, to read where to go on{hint}",
            waited.as_secs(),
        );
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.consumer.context().close();
    }
}

/// What an action asks of Kafka, for people. A poll is no call, and reading offsets says itself what it waits for.
fn doing<X>(action: &Action<X>) -> Option<&'static str> {
    match action {
        Action::Assign(_) => Some("an assignment"),
        Action::Release => Some("giving partitions up"),
        Action::Begin => Some("the begin of a transaction"),
        Action::Send(_) => Some("sending"),
        Action::Commit(_) => Some("a commit"),
        Action::Abort => Some("the end of a transaction"),
        Action::Renew => Some("a new producer"),
        Action::Poll | Action::Read(_) | Action::Other(_) | Action::Exit(_) => None,
    }
}

/// What a list of committed offsets says.
pub(crate) fn committed_of(list: &TopicPartitionList) -> KafkaResult<Vec<(Partition, Option<Committed>)>> {
    let each = |(index, element): (usize, &rdkafka::topic_partition_list::TopicPartitionListElem<'_>)| {
        element.error()?;
        let committed = match element.offset() {
            Offset::Offset(offset) => {
                Some(Committed { offset: logmill_core::Offset(offset), metadata: native::metadata(list, index) })
            }
            _ => None,
        };
        Ok((Partition::new(element.topic(), element.partition()), committed))
    };
    list.elements().iter().enumerate().map(each).collect()
}

/// What is still unknown when the time is over: pending offsets, or a coordinator that is being found or reads its log.
fn is_time_out(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| code == RDKafkaErrorCode::OperationTimedOut || crate::patience::passes(code))
}

fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::Fatal)
}

fn partitions(consumer: &BaseConsumer<Reports>, brokers: &str, topic: &str) -> Result<i32, ClientError> {
    let silent = |source| ClientError::Silent { brokers: brokers.to_owned(), source };
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER).map_err(silent)?;
    let missing = || ClientError::Missing { topic: topic.to_owned(), brokers: brokers.to_owned() };
    let found = metadata.topics().iter().find(|found| found.name() == topic).ok_or_else(missing)?;
    match found.error().map(RDKafkaErrorCode::from) {
        None if !found.partitions().is_empty() => {
            Ok(i32::try_from(found.partitions().len()).expect("a topic has fewer partitions than that"))
        }
        None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Err(missing()),
        Some(code) => Err(ClientError::Topic { topic: topic.to_owned(), brokers: brokers.to_owned(), code }),
    }
}
