//! A compacted topic that has one writer at a time: what the younger writer reads is all that the older one committed.
//!
//! A writer that connects fences the older one of its `transactional.id` and ends that one's transaction; only then it
//! reads, and up to the high watermark of a read-uncommitted reader. (The last *stable* offset alone may lie before a
//! transaction that is committed already but whose marker is still on its way to this partition.)

use crate::quiet::Quiet;
use crate::reach::Reach;
use logmill_protocol::{Outgoing, Partition};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a journal is reached.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    pub brokers: String,
    /// The writer: whoever connects with it fences the one before.
    pub transactional_id: String,
    pub transaction_timeout: Duration,
    /// Settings of librdkafka, passed on as they are.
    pub properties: BTreeMap<String, String>,
}

/// The writer's connection.
pub struct Journal {
    options: JournalOptions,
    reach: Arc<Reach>,
    producer: BaseProducer,
}

/// What a journal could not do. Whatever it was: the writer ends, and reads anew before it writes again.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot {what}: {source}")]
    Kafka { what: &'static str, source: KafkaError },
    #[error("{partition} could not be read up to its end of {high} within {CALL:?}; it was read up to {reached}")]
    Short { partition: Partition, high: i64, reached: i64 },
    #[error("{count} records were not acknowledged within {CALL:?}")]
    Unacknowledged { count: i32 },
}

/// How long one call may take.
const CALL: Duration = Duration::from_secs(60);

fn failed(what: &'static str) -> impl FnOnce(KafkaError) -> JournalError {
    move |source| JournalError::Kafka { what, source }
}

impl Journal {
    /// Connects, and fences the writer before.
    ///
    /// # Errors
    /// When the broker refuses it or does not answer.
    pub fn connect(options: JournalOptions) -> Result<Self, JournalError> {
        let reach = Reach::new(&options.transactional_id, &options.brokers);
        let connecting = reach.call("connecting");
        let mut config = ClientConfig::new();
        let timeout = options.transaction_timeout.as_millis().to_string();
        config.set("bootstrap.servers", &options.brokers).set("transactional.id", &options.transactional_id);
        config.set("transaction.timeout.ms", &timeout).set("message.timeout.ms", &timeout);
        config.set("retry.backoff.ms", "10").set("linger.ms", "0");
        for (key, value) in &options.properties {
            config.set(key, value);
        }
        let producer: BaseProducer = config.create().map_err(failed("make a producer"))?;
        producer.init_transactions(CALL).map_err(failed("begin as the only writer"))?;
        drop(connecting);
        Ok(Self { options, reach, producer })
    }

    /// Reads a partition from its beginning up to its high watermark of now: every key with whether its value is a
    /// value or null, in order.
    ///
    /// # Errors
    /// When the end is not reached in time: nothing that was read may be used then.
    pub fn read(&self, partition: &Partition, mut each: impl FnMut(&[u8], bool)) -> Result<(), JournalError> {
        let (topic, index) = (&*partition.topic, partition.index);
        let asking = self.reach.call("the end of a journal");
        let (low, high) =
            self.reader("read_uncommitted")?.fetch_watermarks(topic, index, CALL).map_err(failed("find the end"))?;
        drop(asking);
        if low >= high {
            return Ok(());
        }
        let reader = self.reader("read_committed")?;
        let deadline = Instant::now() + CALL;
        // Of a read-committed reader this is the last stable offset.
        while let (_, stable) = reader.fetch_watermarks(topic, index, CALL).map_err(failed("find the end"))?
            && stable < high
        {
            if Instant::now() > deadline {
                return Err(JournalError::Short { partition: partition.clone(), high, reached: stable });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, index, Offset::Offset(low)).map_err(failed("read from the beginning"))?;
        reader.assign(&list).map_err(failed("read from the beginning"))?;
        let mut reached = low;
        let mut deadline = Instant::now() + CALL;
        while Instant::now() < deadline {
            match reader.poll(Duration::from_millis(100)) {
                None => {}
                // It comes at the stable end, which lies at `high` or behind it.
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(source)) => tracing::warn!("reading {partition}: {source}"),
                Some(Ok(message)) => {
                    reached = message.offset() + 1;
                    deadline = Instant::now() + CALL;
                    each(message.key().unwrap_or_default(), message.payload().is_some_and(|value| !value.is_empty()));
                }
            }
        }
        Err(JournalError::Short { partition: partition.clone(), high, reached })
    }

    fn reader(&self, isolation: &str) -> Result<BaseConsumer<Quiet>, JournalError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.options.brokers).set("group.id", &self.options.transactional_id);
        config.set("isolation.level", isolation).set("enable.partition.eof", "true");
        config.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
        for (key, value) in &self.options.properties {
            config.set(key, value);
        }
        config.create_with_context(Quiet).map_err(failed("make a reader"))
    }

    /// Writes these records, to whatever topics, all or none. An empty payload becomes null: compaction takes its key.
    ///
    /// # Errors
    /// Fenced, or an outcome that is unknown.
    pub fn write(&mut self, records: &[Outgoing]) -> Result<(), JournalError> {
        let _call = self.reach.call("writing a journal");
        self.producer.begin_transaction().map_err(failed("begin a transaction"))?;
        for Outgoing { partition, record } in records {
            let key = &record.key[..];
            let mut message: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(&partition.topic).partition(partition.index).key(key);
            if !record.payload.is_empty() {
                message = message.payload(&record.payload[..]);
            }
            self.producer.send(message).map_err(|(source, _)| JournalError::Kafka { what: "send", source })?;
            self.producer.poll(Duration::ZERO);
        }
        let deadline = Instant::now() + CALL;
        // Not by `flush`, which polls in steps of 100 ms, nor by longer polls: rdkafka rounds what is left of a time-out
        // down to whole milliseconds, so that the last of them is spent spinning.
        while self.producer.in_flight_count() > 0 {
            if Instant::now() > deadline {
                return Err(JournalError::Unacknowledged { count: self.producer.in_flight_count() });
            }
            self.producer.poll(Duration::ZERO);
            std::thread::sleep(Duration::from_micros(500));
        }
        self.producer.commit_transaction(CALL).map_err(failed("commit"))
    }
}
