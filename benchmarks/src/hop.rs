//! A hop: what it costs to take text off one topic and to put it on another, brokers included.

use crate::processes::cpu;
use crate::report::Row;
use anyhow::{Context, bail};
use bytes::Bytes;
use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{
    Chunk, End, FileId, FileMeta, Flow, LineSpan, Out, Outcome, Plan, Product, Progress, Reject, packed,
};
use logmill_core::{Seq, Stage};
use logmill_kafka::admin::{Admin, TopicSpec};
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::fetch::Lane;
use logmill_protocol::worker::{Options, Route, Routes, StageWorker};
use logmill_protocol::{Action, Event, Machine, Never, Partition};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Passes every chunk on as it is: with its payload opened, as by a stage that looks into it, or as it came.
struct Identity<const OPENS: bool>;

impl<const OPENS: bool> Stage for Identity<OPENS> {
    type State = ();
    const NAME: &'static str = "identity";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;
    const OPENS: bool = OPENS;
    fn open(&self, _: &Arc<FileMeta>) {}
    fn process(&self, (): &mut (), chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let span = chunk.span.expect("a chunk of text");
        out.push(Product::new(std::mem::take(&mut chunk.payload)).packed(chunk.packed).lines(span));
        Ok(Progress::Done)
    }
    fn finish(&self, (): (), end: End, _: &mut Out) -> Result<Outcome, Reject> {
        Ok(end.outcome())
    }
}

/// Bytes of a chunk.
const CHUNK: usize = 900 << 10;
/// Rounds, of which the best counts, of the floor too: in the first one the broker compiles itself.
const ROUNDS: usize = 4;
/// How long one pass may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Takes `text` over a hop with the runner's transactions, opened by a stage or passed on as it came, and, as the floor of
/// both, with the bare library and Kafka's own compression.
///
/// # Errors
/// The broker does not take part.
pub async fn measure(brokers: &str, text: &[u8], compression: &'static str) -> anyhow::Result<[Row; 2]> {
    let (mut floor, mut opened, mut passed) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    for round in 0..ROUNDS {
        let topic = |name: &str| format!("bench.{compression}.{round}.{name}");
        let (from, to, bare, rest) = (topic("from"), topic("to"), topic("bare"), topic("rest"));
        let packed = topic("packed");
        let admin = Admin::new(brokers, &BTreeMap::new())?;
        let spec = |name: &String| TopicSpec {
            name: name.clone(),
            partitions: 1,
            replication: 1,
            config: [("max.message.bytes".into(), batch())].into(),
        };
        admin.apply(&[spec(&from), spec(&packed), spec(&to), spec(&bare), spec(&rest)]).await?;
        let groups = [topic("opens"), topic("passes")];
        for group in &groups {
            admin.commit_start(group, &[Partition::new(packed.as_str(), 0)])?;
        }
        let chunks = fill(brokers, &from, text, compression, false)?;
        fill(brokers, &packed, text, "none", compression != "none")?;
        let per_byte = |seconds: f64| seconds * 1e9 / text.len() as f64;
        let before = total();
        pass_bare(brokers, &from, &bare, chunks, compression)?;
        floor = floor.min(per_byte(total() - before));
        let way = Way { brokers, from: &packed, to: &to, rest: &rest, chunks, packs: compression != "none" };
        let before = total();
        way.pass(Identity::<true>, &groups[0])?;
        opened = opened.min(per_byte(total() - before));
        let before = total();
        way.pass(Identity::<false>, &groups[1])?;
        passed = passed.min(per_byte(total() - before));
    }
    let row = |what, value| Row::new(format!("hop of text{what}, {compression}"), "CPU-ns/byte", value).floor(floor);
    Ok([row("", opened), row(" that is passed on", passed)])
}

/// Bytes of records that travel together at most, as the chain has it by default.
fn batch() -> String {
    logmill_config::Config::default().kafka.message_bytes.0.to_string()
}

/// CPU seconds of this process and the broker.
fn total() -> f64 {
    let cpu = cpu();
    cpu.get("self").unwrap_or(&0.0) + cpu.get("broker").unwrap_or(&0.0)
}

fn producer(brokers: &str, compression: &str) -> anyhow::Result<BaseProducer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("compression.type", compression).set("linger.ms", "20");
    config.set("batch.size", batch()).set("message.max.bytes", batch());
    config.set("queue.buffering.max.kbytes", "65536");
    config.create().context("a producer")
}

fn fill(brokers: &str, topic: &str, text: &[u8], compression: &str, packs: bool) -> anyhow::Result<i64> {
    let producer = producer(brokers, compression)?;
    let file = FileMeta::new(FileId(1), "bench", "/bench", Plan::default());
    let mut count = 0;
    for (seq, piece) in text.chunks(CHUNK).enumerate() {
        let packed = if packs { packed::pack(piece) } else { None };
        let record = WireChunk {
            file_id: file.file_id,
            load: file.load,
            seq: Seq(seq as u64),
            kind: Kind::Data,
            silent: false,
            plan: file.plan.version(),
            file: Some(Box::new(file.clone())),
            span: Some(LineSpan { first_line: 1, first_part: 0, rows: 1 }),
            header: None,
            notes: Vec::new(),
            packed: packed.is_some(),
            payload: packed.unwrap_or_else(|| Bytes::copy_from_slice(piece)),
        }
        .encode();
        let mut headers = rdkafka::message::OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(rdkafka::message::Header { key, value: Some(&value[..]) });
        }
        let message: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(topic).partition(0).key(&record.key[..]).payload(&record.payload[..]).headers(headers);
        send(&producer, message)?;
        count += 1;
    }
    producer.flush(PATIENCE)?;
    Ok(count)
}

fn send(producer: &BaseProducer, mut message: BaseRecord<'_, [u8], [u8]>) -> anyhow::Result<()> {
    loop {
        match producer.send(message) {
            Ok(()) => break,
            Err((error, back)) if error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull) => {
                message = back;
                producer.poll(Duration::ZERO);
                std::thread::sleep(Duration::from_micros(500));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
    producer.poll(Duration::ZERO);
    Ok(())
}

/// The same work by the bare library: read, send, no transaction.
fn pass_bare(brokers: &str, from: &str, to: &str, chunks: i64, compression: &str) -> anyhow::Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "bench.bare").set("enable.auto.commit", "false");
    config.set("queued.max.messages.kbytes", "16384").set("fetch.max.bytes", "8388608");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(from, 0, Offset::Beginning)?;
    consumer.assign(&list)?;
    let producer = producer(brokers, compression)?;
    let mut seen = 0;
    let begun = Instant::now();
    while seen < chunks {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            if begun.elapsed() > PATIENCE {
                bail!("{seen} of {chunks} chunks came within {PATIENCE:?}");
            }
            continue;
        };
        let message = message?;
        let payload = message.payload().unwrap_or_default();
        send(&producer, BaseRecord::to(to).partition(0).key(message.key().unwrap_or_default()).payload(payload))?;
        seen += 1;
    }
    producer.flush(PATIENCE)?;
    Ok(())
}

/// A hop by the runner.
struct Way<'a> {
    brokers: &'a str,
    from: &'a str,
    to: &'a str,
    rest: &'a str,
    chunks: i64,
    packs: bool,
}

impl Way<'_> {
    fn pass<S: Stage>(&self, stage: S, group: &str) -> anyhow::Result<()> {
        let Self { brokers, from, to, rest, chunks, packs } = *self;
        let options = ClientOptions {
            brokers: brokers.to_owned(),
            group: group.to_owned(),
            transactional_id: format!("{group}.0"),
            topics: vec![from.to_owned()],
            compression: "none".to_owned(),
            packs,
            opens: S::OPENS,
            transaction_timeout: Duration::from_secs(30),
            poll: Duration::from_millis(50),
            properties: ["message.max.bytes", "batch.size"].map(|key| (key.to_owned(), batch())).into(),
        };
        let mut client = Client::connect(options, Arc::new(AtomicBool::new(false)))?;
        let lane = |topic: &str| Lane::new(topic, 1);
        let routes = Routes { product: Route::Topic(lane(to)), file_events: lane(rest), dead_letters: lane(rest) };
        let defaults = logmill_config::Config::default().transaction;
        let machine = Options {
            routes,
            transaction_bytes: usize::try_from(defaults.bytes.0)?,
            transaction_ms: u64::try_from(defaults.interval.as_millis())?,
            out_bytes: 4 << 20,
            metadata_bytes: 4096,
            attempts: 5,
        };
        let mut worker = StageWorker::new(stage, machine);
        let mut event = Event::Start;
        let begun = Instant::now();
        while worker.snapshot().partitions.iter().all(|p| p.next.0 < chunks) {
            if begun.elapsed() > PATIENCE {
                bail!("the runner did not pass {chunks} chunks within {PATIENCE:?}");
            }
            let now = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            event = match worker.step(now, event) {
                Action::Exit(ended) => bail!("the worker ended: {ended:?}"),
                action => client.perform::<Never, Never>(action),
            };
        }
        Ok(())
    }
}
