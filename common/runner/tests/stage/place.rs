//! The topics of one test, what goes in, and what came out.

use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{End, FileId, FileMeta, Plan, Seq};
use logmill_kafka::admin::{Admin, TopicSpec};
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::fetch::Lane;
use logmill_protocol::worker::{Options, Route, Routes};
use logmill_protocol::{Action, Event, Never, Outgoing, Partition};
use logmill_runner::{Restarts, Settings, WorkerMetrics};
use logmill_telemetry::Telemetry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const PARTITIONS: i32 = 4;
/// Bytes of an input chunk.
const CHUNK: usize = 2_000;

pub struct Place {
    pub brokers: String,
    pub name: String,
    pub admin: Admin,
}

impl Place {
    /// New topics, and offset 0 committed.
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let place = Self::at(logmill_stack::shared::kafka(), &format!("stage{now}"));
        let spec =
            |topic: String| TopicSpec { name: topic, partitions: PARTITIONS, replication: 1, config: BTreeMap::new() };
        let specs = ["in", "out", "events", "dead"].map(|topic| spec(place.topic(topic)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(place.admin.apply(&specs)).expect("topics");
        place.admin.commit_start(&place.name, &place.partitions("in")).expect("offset 0");
        place
    }

    pub fn at(brokers: &str, name: &str) -> Self {
        let admin = Admin::new(brokers, &BTreeMap::new()).expect("settings");
        Self { brokers: brokers.to_owned(), name: name.to_owned(), admin }
    }

    pub fn topic(&self, topic: &str) -> String {
        format!("{}.{topic}", self.name)
    }

    pub fn partitions(&self, topic: &str) -> Vec<Partition> {
        (0..PARTITIONS).map(|n| Partition::new(self.topic(topic), n)).collect()
    }

    fn client(&self, id: &str, topics: Vec<String>) -> ClientOptions {
        ClientOptions {
            brokers: self.brokers.clone(),
            group: self.name.clone(),
            transactional_id: format!("{}.{id}", self.name),
            topics,
            compression: "lz4".into(),
            packs: false,
            opens: true,
            transaction_timeout: Duration::from_secs(10),
            poll: Duration::from_millis(20),
            properties: [("session.timeout.ms".to_owned(), "2000".to_owned())].into(),
        }
    }

    /// A process of the stage with this slot.
    pub fn settings(&self, slot: &str, stop: &Arc<AtomicBool>) -> Settings {
        let lane = |topic: &str| Lane::new(self.topic(topic), PARTITIONS);
        let telemetry = Telemetry::new();
        Settings {
            threads: 2,
            client: self.client(slot, vec![self.topic("in")]),
            machine: Options {
                routes: Routes {
                    product: Route::Topic(lane("out")),
                    file_events: lane("events"),
                    dead_letters: lane("dead"),
                },
                transaction_bytes: 10_000,
                transaction_ms: 100,
                out_bytes: 100_000,
                metadata_bytes: 4096,
                attempts: 5,
            },
            metrics: telemetry.register(WorkerMetrics::register),
            telemetry,
            stop: Arc::clone(stop),
            stall: Duration::from_secs(60),
            restarts: Restarts::default(),
            lags: None,
            mates: None,
            throttle: None,
        }
    }

    /// Puts files into the input: chunk by chunk in turn, so that many are open at once.
    pub fn publish(&self, files: &[File]) {
        let options = self.client("publisher", Vec::new());
        let mut client = Client::connect(options, Arc::new(AtomicBool::new(false))).expect("a client");
        let mut done = |action: Action| {
            assert_eq!(client.perform::<Never, Never>(action), Event::Done);
        };
        let mut chunks: Vec<Vec<Outgoing>> = files.iter().map(|file| file.chunks(&self.topic("in"))).collect();
        while chunks.iter().any(|chunks| !chunks.is_empty()) {
            done(Action::Begin);
            for chunks in &mut chunks {
                let some = chunks.len().min(3);
                for chunk in chunks.drain(..some) {
                    done(Action::Send(chunk));
                }
            }
            done(Action::Commit(Vec::new()));
        }
    }

    /// All records of a topic, as chunks, in order by partition.
    pub fn output(&self, topic: &str) -> Vec<WireChunk> {
        let all = self
            .partitions(topic)
            .into_iter()
            .flat_map(|partition| self.admin.read(&partition, 0, None, usize::MAX).expect("the output can be read"));
        all.map(|incoming| WireChunk::decode(&incoming.record).expect("a chunk")).collect()
    }

    /// The number of records of a topic that are visible.
    pub fn count(&self, topic: &str) -> usize {
        let partitions = self.partitions(topic);
        partitions.iter().map(|p| self.admin.read(p, 0, None, usize::MAX).expect("readable").len()).sum()
    }
}

/// An input file.
pub struct File {
    pub meta: FileMeta,
    pub bytes: Vec<u8>,
}

impl File {
    pub fn new(number: usize, length: usize) -> Self {
        let path = format!("/logs/{number}.log");
        let bytes: Vec<u8> = (0..length).map(|at| b'a' + ((at * 7 + at / 26 + number) % 26) as u8).collect();
        let length = length as u64;
        let file_id = FileId::of("a", path.as_bytes(), length, 0);
        let meta = FileMeta { length, ..FileMeta::new(file_id, "a", path, Plan::default()) };
        Self { meta, bytes }
    }

    fn chunks(&self, topic: &str) -> Vec<Outgoing> {
        let partition = Partition::new(topic, self.meta.file_id.partition(PARTITIONS));
        let data = self.bytes.chunks(CHUNK).map(|bytes| (Kind::Data, bytes.to_vec()));
        let all = data.chain([(Kind::End(End::Complete), Vec::new())]).enumerate();
        let chunk = |(seq, (kind, payload)): (usize, (Kind, Vec<u8>))| WireChunk {
            file_id: self.meta.file_id,
            load: self.meta.load,
            seq: Seq(seq as u64),
            kind,
            silent: false,
            plan: self.meta.plan.version(),
            file: (seq == 0).then(|| Box::new(self.meta.clone())),
            span: None,
            header: None,
            notes: Vec::new(),
            packed: false,
            payload: payload.into(),
        };
        all.map(chunk).map(|c| Outgoing { partition: partition.clone(), record: c.encode() }).collect()
    }

    /// What of the output is this file's: numbered without gap or repetition, ended once, and its bytes.
    pub fn check(&self, output: &[WireChunk]) {
        let mine: Vec<_> = output.iter().filter(|chunk| chunk.file_id == self.meta.file_id).collect();
        let path = &self.meta.path;
        let numbers: Vec<_> = mine.iter().map(|chunk| chunk.seq.0).collect();
        assert_eq!(numbers, (0..mine.len() as u64).collect::<Vec<_>>(), "{path}: numbers");
        let (last, data) = mine.split_last().expect("it has an output");
        assert_eq!(last.kind, Kind::End(End::Complete), "{path}: its end");
        assert!(data.iter().all(|chunk| chunk.kind == Kind::Data), "{path}: one end");
        assert!(data.iter().rev().skip(1).all(|c| c.payload.len() == crate::shout::CUT), "{path}: cut as ever");
        let bytes: Vec<u8> = data.iter().flat_map(|chunk| chunk.payload.to_vec()).collect();
        assert!(bytes == self.bytes.to_ascii_uppercase(), "{path}: bytes");
    }
}
