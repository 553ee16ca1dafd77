//! The producer's half of a client: transactions.

use super::aside::Aside;
use super::failure::{During, failure};
use super::records::outgoing;
use super::{ClientError, ClientOptions, settings};
use logmill_protocol::{Committed, Failure, Outgoing, Partition};
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext, PurgeConfig};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the initialisation may take: it ends a predecessor's transaction.
const INITIALISE: Duration = Duration::from_secs(60);
/// How long the coordinator may take for one answer, beyond the transaction's own time-out.
const ANSWER: Duration = Duration::from_secs(10);
/// How long purged records may take to be reported.
const PURGE: Duration = Duration::from_secs(5);
/// How long adding offsets may take beyond the transaction's time-out, which librdkafka gives it.
const OFFSETS: Duration = Duration::from_secs(2);
/// What is waited at a time while records are on their way: `flush` would wait in steps of 100 ms.
const STEP: Duration = Duration::from_micros(300);

/// The producer's context: the first record since the last look that did not arrive, and why.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<Option<(KafkaError, String)>>);

impl Deliveries {
    fn failed(&self) -> Option<(KafkaError, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    /// Must not panic: it is called from within the library.
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let place = || format!("{}[{}], {} bytes", message.topic(), message.partition(), message.payload_len());
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| (error.clone(), place()));
        }
    }
}

/// A transactional producer.
pub(super) struct Producing {
    // Dropped before the producer: it has it too.
    adding: Aside<Offsets, KafkaResult<()>>,
    producer: Arc<BaseProducer<Deliveries>>,
    /// Whether payloads of chunks are packed.
    packs: bool,
    /// A transaction was begun and neither committed nor aborted.
    open: bool,
    /// A record of the open transaction did not arrive.
    lost: bool,
}

/// Offsets to be added to a transaction, under which group metadata, and within which time.
type Offsets = (TopicPartitionList, Arc<ConsumerGroupMetadata>, Duration);

impl Producing {
    /// Fences the older producer of the same `transactional.id` and ends its transaction.
    pub(super) fn connect(options: &ClientOptions) -> Result<Self, ClientError> {
        let config = settings::producer(options);
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(Deliveries::default()).map_err(ClientError::Settings)?;
        producer.init_transactions(INITIALISE).map_err(|source| ClientError::Initialise {
            brokers: options.brokers.clone(),
            id: options.transactional_id.clone(),
            source,
        })?;
        let producer = Arc::new(producer);
        let adds = Arc::clone(&producer);
        // librdkafka does not keep this call's time-out: where the group's coordinator goes at the wrong moment, it waits
        // for ever (issue 5456 of librdkafka; seen with 2.12.1).
        let adding = Aside::start("kafka-offsets", move |(list, group, within): Offsets| {
            adds.send_offsets_to_transaction(&list, &group, within)
        });
        Ok(Self { adding, producer, packs: options.packs, open: false, lost: false })
    }

    pub(super) fn renew(&mut self, options: &ClientOptions) -> Result<(), Failure> {
        // The new one is there before the old one goes: so it is fenced, whatever it still has on its way.
        match Self::connect(options) {
            Ok(new) => {
                *self = new;
                Ok(())
            }
            Err(ClientError::Initialise { source, .. }) => {
                Err(failure("initialising a new producer", During::Other, &source))
            }
            Err(error) => Err(Failure::Unknown(error.to_string())),
        }
    }

    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        self.producer.begin_transaction().map_err(|e| failure("beginning a transaction", During::Other, &e))?;
        self.open = true;
        Ok(())
    }

    pub(super) fn send(&mut self, out: &Outgoing, patience: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + patience;
        let packed = if self.packs { out.record.pack() } else { None };
        let mut record = outgoing(out, packed.as_ref());
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                // The queue's bound: waiting for the broker is the back-pressure.
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    if Instant::now() > deadline {
                        let why = format!("sending to {}: no room for {patience:?} in the queue", out.partition);
                        return Err(Failure::Abort(why));
                    }
                    record = back;
                    self.wait_a_step();
                }
                Err((error, _)) => {
                    let size = out.record.payload.len();
                    let doing = format!("sending {size} bytes to {}", out.partition);
                    return Err(failure(&doing, During::Transaction, &error));
                }
            }
        }
        self.producer.poll(Duration::ZERO);
        self.check()
    }

    /// Whether every record that was reported arrived.
    fn check(&mut self) -> Result<(), Failure> {
        match self.producer.context().failed() {
            None => Ok(()),
            Some((error, place)) => {
                self.lost = true;
                Err(failure(&format!("sending to {place}"), During::Transaction, &error))
            }
        }
    }

    /// Serves what has come and rests. Never by a poll with a time-out: rdkafka's rounds what is left of it down to whole
    /// milliseconds and spins through the rest.
    fn wait_a_step(&self) {
        self.producer.poll(Duration::ZERO);
        std::thread::sleep(STEP);
    }

    /// Waits until nothing is on its way; `false` when that takes longer than `patience`.
    pub(super) fn drain(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.producer.in_flight_count() > 0 {
            if Instant::now() > deadline {
                return false;
            }
            self.wait_a_step();
        }
        true
    }

    /// `group`: the metadata of the assignment; needed where there are offsets.
    pub(super) fn commit(
        &mut self,
        offsets: &[(Partition, Committed)],
        group: Option<&Arc<ConsumerGroupMetadata>>,
        timeout: Duration,
    ) -> Result<(), Failure> {
        if !self.drain(timeout) {
            return Err(Failure::Abort(format!("records were not acknowledged within {timeout:?}")));
        }
        self.check()?;
        if logmill_faults::at("before-offsets").fails {
            return Err(Failure::Abort("a fault point".into()));
        }
        if !offsets.is_empty() {
            let Some(group) = group else {
                return Err(Failure::Abort("nothing is assigned under which offsets could be committed".into()));
            };
            let Some(added) = self.adding.call((list_of(offsets)?, Arc::clone(group), timeout), timeout + OFFSETS)
            else {
                // The producer is stuck in it: only a new one helps, and fences this one.
                return Err(Failure::Unknown(format!(
                    "adding offsets to the transaction: no answer within {timeout:?}"
                )));
            };
            added.map_err(|e| failure("adding offsets to the transaction", During::Transaction, &e))?;
        }
        self.producer
            .commit_transaction(timeout + ANSWER)
            .map_err(|e| failure("committing the transaction", During::Commit, &e))?;
        self.open = false;
        Ok(())
    }

    /// Nothing of the open transaction will be seen. A new producer where anything was on its way, or lost: its numbers
    /// would not go on where the broker's end.
    pub(super) fn abort(&mut self, options: &ClientOptions) -> Result<(), Failure> {
        let result = self.abandon();
        if self.lost || result != Ok(false) { self.renew(options) } else { Ok(()) }
    }

    /// Aborts; says whether anything was on its way, or what failed.
    fn abandon(&mut self) -> Result<bool, KafkaError> {
        let on_its_way = self.producer.in_flight_count() > 0;
        if on_its_way {
            // With records in flight and nobody polling, aborting would block until its time-out.
            self.producer.purge(PurgeConfig::default().queue().inflight());
            self.drain(PURGE);
        }
        let _ = self.producer.context().failed();
        if self.open {
            self.producer.abort_transaction(ANSWER)?;
            self.open = false;
        }
        Ok(on_its_way)
    }
}

impl Drop for Producing {
    /// So that readers need not wait for the transaction's time-out. Best effort: the broker aborts it in the end.
    fn drop(&mut self) {
        if self.open
            && let Err(error) = self.abandon()
        {
            tracing::debug!(%error, "aborting the transaction of a producer that goes");
        }
    }
}

fn list_of(offsets: &[(Partition, Committed)]) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, committed) in offsets {
        let mut element = list.add_partition(&partition.topic, partition.index);
        element
            .set_offset(Offset::Offset(committed.offset.0))
            .map_err(|e| Failure::Fatal(format!("offset {} of {partition}: {e}", committed.offset)))?;
        element.set_metadata(&committed.metadata);
    }
    Ok(list)
}
