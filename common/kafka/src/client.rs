//! One worker's connection: a consumer and a transactional producer in one thread, performing the actions of a machine.

use bytes::Bytes;
use logmill_core::wire::Record;
use logmill_protocol::{Action, Committed, Event, Failure, Incoming, Outgoing, Partition};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub brokers: String,
    pub group: String,
    pub transactional_id: String,
    pub topics: Vec<String>,
    pub compression: String,
    pub transaction_timeout: Duration,
    pub poll: Duration,
    pub properties: BTreeMap<String, String>,
}

enum Report {
    Assigned(Vec<Partition>),
    Revoked,
}

#[derive(Default)]
struct ConsumerReports(Mutex<VecDeque<Report>>);
impl ClientContext for ConsumerReports {}
impl ConsumerContext for ConsumerReports {
    fn rebalance(&self, _: &BaseConsumer<Self>, err: RDKafkaRespErr, tpl: &mut TopicPartitionList) {
        let report = if err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            Report::Assigned(tpl.elements().iter().map(|e| Partition::new(e.topic(), e.partition())).collect())
        } else {
            Report::Revoked
        };
        self.0.lock().expect("no panic in a callback").push_back(report);
    }
}

#[derive(Default)]
struct Deliveries(Mutex<Option<KafkaError>>);
impl ClientContext for Deliveries {}
impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().expect("no panic in a callback").get_or_insert_with(|| error.clone());
        }
    }
}

pub struct Client {
    options: ClientOptions,
    consumer: BaseConsumer<ConsumerReports>,
    producer: BaseProducer<Deliveries>,
    group: Option<ConsumerGroupMetadata>,
    stop: Arc<AtomicBool>,
    stop_said: bool,
}

const CALL: Duration = Duration::from_secs(60);

impl Client {
    pub fn connect(options: ClientOptions, stop: Arc<AtomicBool>) -> KafkaResult<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &options.brokers);
        let mut consumer = config.clone();
        for (k, v) in [
            ("group.id", options.group.as_str()),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
            ("partition.assignment.strategy", "range"),
            ("session.timeout.ms", "10000"),
            ("heartbeat.interval.ms", "1000"),
            ("max.poll.interval.ms", "300000"),
            ("queued.max.messages.kbytes", "32768"),
            ("fetch.max.bytes", "16777216"),
            ("fetch.wait.max.ms", "100"),
            ("enable.partition.eof", "false"),
            ("fetch.message.max.bytes", "2097152"),
        ] {
            consumer.set(k, v);
        }
        for (k, v) in &options.properties {
            consumer.set(k, v);
        }
        let consumer: BaseConsumer<ConsumerReports> = consumer.create_with_context(ConsumerReports::default())?;
        let producer = Self::producer(&options)?;
        let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics)?;
        Ok(Self { options, consumer, producer, group: None, stop, stop_said: false })
    }
    fn producer(options: &ClientOptions) -> KafkaResult<BaseProducer<Deliveries>> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &options.brokers);
        let timeout = options.transaction_timeout.as_millis().to_string();
        for (k, v) in [
            ("transactional.id", options.transactional_id.as_str()),
            ("enable.idempotence", "true"),
            ("transaction.timeout.ms", &timeout),
            ("linger.ms", "0"),
            ("compression.type", &options.compression),
            ("queue.buffering.max.kbytes", "65536"),
            ("retry.backoff.ms", "10"),
            ("message.timeout.ms", &timeout),
            ("acks", "all"),
        ] {
            config.set(k, v);
        }
        for (k, v) in &options.properties {
            config.set(k, v);
        }
        let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries::default())?;
        producer.init_transactions(CALL)?;
        Ok(producer)
    }
    pub fn perform<X, Y>(&mut self, action: Action<X>) -> Event<Y> {
        let done = |r: Result<(), Failure>| match r {
            Ok(()) => Event::Done,
            Err(f) => Event::Failed(f),
        };
        match action {
            Action::Poll => self.poll(),
            Action::Read(p) => match self.read(&p) {
                Ok(p) => Event::Positions(p),
                Err(e) => Event::Failed(classify(e)),
            },
            Action::Assign(p) => {
                let mut tpl = TopicPartitionList::new();
                for (p, o) in &p {
                    tpl.add_partition_offset(&p.topic, p.index, Offset::Offset(o.0)).expect("a valid offset");
                }
                done(self.consumer.assign(&tpl).map_err(classify))
            }
            Action::Release => {
                self.group = None;
                done(self.consumer.unassign().map_err(classify))
            }
            Action::Begin => done(self.producer.begin_transaction().map_err(classify)),
            Action::Send(o) => done(self.send(o)),
            Action::Commit(o) => done(self.commit(&o)),
            Action::Abort => done(self.abort()),
            Action::Renew => done(self.renew()),
            Action::Other(_) | Action::Exit(_) => unreachable!("not the log's business"),
        }
    }
    fn poll<Y>(&mut self) -> Event<Y> {
        if self.stop.load(Ordering::Relaxed) && !self.stop_said {
            self.stop_said = true;
            return Event::Stop;
        }
        let event = match self.consumer.poll(self.options.poll) {
            None => Event::Idle,
            Some(Ok(m)) => Event::Record(incoming(&m)),
            Some(Err(e)) => match e.rdkafka_error_code() {
                Some(
                    RDKafkaErrorCode::AutoOffsetReset
                    | RDKafkaErrorCode::OffsetOutOfRange
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::Fatal,
                ) => Event::Failed(Failure::Fatal(e.to_string())),
                _ => {
                    tracing::warn!(error = %e, "kafka consumer");
                    Event::Idle
                }
            },
        };
        let report = self.consumer.context().0.lock().expect("no panic").pop_front();
        match report {
            None => event,
            Some(r) => {
                assert!(matches!(event, Event::Idle), "a rebalance is reported by a poll without a record");
                match r {
                    Report::Assigned(p) => {
                        self.group = self.consumer.group_metadata();
                        Event::Assigned(p)
                    }
                    Report::Revoked => Event::Revoked,
                }
            }
        }
    }
    fn read(&self, partitions: &[Partition]) -> KafkaResult<Vec<(Partition, Option<Committed>)>> {
        let mut tpl = TopicPartitionList::new();
        for p in partitions {
            tpl.add_partition(&p.topic, p.index);
        }
        let found = self.consumer.committed_offsets(tpl, CALL)?;
        Ok(found
            .elements()
            .iter()
            .map(|e| {
                (
                    Partition::new(e.topic(), e.partition()),
                    match e.offset() {
                        Offset::Offset(o) => {
                            Some(Committed { offset: logmill_core::Offset(o), metadata: e.metadata().to_owned() })
                        }
                        _ => None,
                    },
                )
            })
            .collect())
    }
    fn send(&mut self, o: Outgoing) -> Result<(), Failure> {
        let mut headers = OwnedHeaders::new_with_capacity(o.record.headers.len());
        for (name, value) in &o.record.headers {
            headers = headers.insert(Header { key: name, value: Some(&value[..]) });
        }
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&o.partition.topic)
            .partition(o.partition.index)
            .payload(&o.record.payload[..])
            .headers(headers);
        if !o.record.key.is_empty() {
            record = record.key(&o.record.key[..]);
        }
        let deadline = Instant::now() + self.options.transaction_timeout;
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((e, back))
                    if e.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) && Instant::now() < deadline =>
                {
                    record = back;
                    self.producer.poll(Duration::from_millis(5));
                }
                Err((e, _)) => return Err(classify(e)),
            }
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }
    fn commit(&mut self, offsets: &[(Partition, Committed)]) -> Result<(), Failure> {
        let deadline = Instant::now() + self.options.transaction_timeout;
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::from_millis(1));
            if Instant::now() > deadline {
                return Err(Failure::Abort("records were not acknowledged in time".into()));
            }
        }
        if let Some(e) = self.producer.context().0.lock().expect("no panic").take() {
            return Err(classify_abort(e));
        }
        let Some(group) = &self.group else { return Err(Failure::Abort("no assignment".into())) };
        let mut tpl = TopicPartitionList::new();
        for (p, c) in offsets {
            let mut e = tpl.add_partition(&p.topic, p.index);
            e.set_offset(Offset::Offset(c.offset.0)).expect("a valid offset");
            e.set_metadata(&c.metadata);
        }
        self.producer.send_offsets_to_transaction(&tpl, group, CALL).map_err(classify_abort)?;
        self.producer.commit_transaction(CALL).map_err(classify)
    }
    fn abort(&mut self) -> Result<(), Failure> {
        let dirty = self.producer.in_flight_count() > 0;
        if dirty {
            self.producer.purge(PurgeConfig::default().queue().inflight());
            let deadline = Instant::now() + Duration::from_secs(5);
            while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
                self.producer.poll(Duration::from_millis(1));
            }
        }
        let result = self.producer.abort_transaction(CALL);
        self.producer.context().0.lock().expect("no panic").take();
        if dirty || result.is_err() {
            return self.renew();
        }
        Ok(())
    }
    fn renew(&mut self) -> Result<(), Failure> {
        self.producer = Self::producer(&self.options).map_err(|e| Failure::Unknown(e.to_string()))?;
        Ok(())
    }
}
pub(crate) fn incoming(m: &BorrowedMessage<'_>) -> Incoming {
    let headers = m
        .headers()
        .map(|h| h.iter().map(|h| (h.key.to_owned(), Bytes::copy_from_slice(h.value.unwrap_or_default()))).collect())
        .unwrap_or_default();
    Incoming {
        partition: Partition::new(m.topic(), m.partition()),
        offset: logmill_core::Offset(m.offset()),
        timestamp_ms: m.timestamp().to_millis().unwrap_or(-1),
        record: Record {
            key: Bytes::copy_from_slice(m.key().unwrap_or_default()),
            headers,
            payload: Bytes::copy_from_slice(m.payload().unwrap_or_default()),
        },
    }
}
fn classify(e: KafkaError) -> Failure {
    let text = e.to_string();
    if let KafkaError::Transaction(t) = &e {
        if t.is_fatal() {
            return Failure::Fenced(text);
        }
        if t.txn_requires_abort() {
            return Failure::Abort(text);
        }
    }
    match e.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::Fatal
            | RDKafkaErrorCode::InvalidProducerEpoch
            | RDKafkaErrorCode::ProducerFenced,
        ) => Failure::Fenced(text),
        _ => Failure::Unknown(text),
    }
}
fn classify_abort(e: KafkaError) -> Failure {
    match classify(e) {
        Failure::Unknown(t) => Failure::Abort(t),
        other => other,
    }
}
