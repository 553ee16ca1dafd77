//! The loader on real Kafka and the real engine, dying where it hurts: every row is in the table once.

mod common;

use common::*;
use logmill_config::Config;
use logmill_core::wire::header;
use logmill_kafka::admin::{Admin, TopicSpec};
use logmill_kafka::{Client, ClientOptions};
use logmill_loader::{Log, Metrics, Sink, Worker, limits};
use logmill_protocol::load::{Answer, Ask, Loader};
use logmill_protocol::{Action, Event, Failure, Partition};
use logmill_runner::Trouble;
use logmill_stack::shared;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 2;

/// A chain of that name: topics, database, configuration.
struct Chain {
    config: Config,
    sink: Sink,
    io: tokio::runtime::Runtime,
    admin: Admin,
}

impl Chain {
    fn new(name: &str) -> Self {
        let (kafka, clickhouse) = (shared::kafka(), shared::clickhouse());
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut config = Config { chain: name.into(), ..Config::default() };
        config.kafka.brokers = kafka.into();
        config.kafka.partitions = PARTITIONS;
        config.channels = BTreeMap::from([("a".into(), Default::default())]);
        config.channel_groups = BTreeMap::from([("default".into(), vec!["a".into()])]);
        config.clickhouse = settings(clickhouse, name);
        config.clickhouse.batch_interval = Duration::from_millis(50);
        config.transaction.timeout = Duration::from_secs(10);
        io.block_on(sink(clickhouse, name));
        let sink = logmill_loader::sink(&config).unwrap();
        let admin = Admin::new(kafka, &BTreeMap::new()).unwrap();
        let topics = config.topics().inputs("loader");
        let spec = |name: &String| TopicSpec {
            name: name.clone(),
            partitions: PARTITIONS,
            replication: 1,
            config: BTreeMap::new(),
        };
        io.block_on(admin.apply(&topics.iter().map(spec).collect::<Vec<_>>())).unwrap();
        let all: Vec<Partition> =
            topics.iter().flat_map(|t| (0..PARTITIONS).map(|i| Partition::new(t.as_str(), i))).collect();
        admin.commit_start(&config.topics().group("loader"), &all).unwrap();
        Self { config, sink, io, admin }
    }

    /// Puts `records` into the rows topic, in turn into its partitions.
    fn produce(&self, records: Vec<logmill_core::wire::Record>) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.config.kafka.brokers);
        config.set("transactional.id", format!("{}-producer", self.config.chain));
        let (wait, topic) = (Duration::from_secs(30), self.config.topics().rows("a").expect("the layout has it"));
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(wait).unwrap();
        producer.begin_transaction().unwrap();
        for (record, n) in records.iter().zip(0..) {
            let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(&value[..]) })
            });
            let message = BaseRecord::to(&topic).partition(n % PARTITIONS).headers(headers);
            producer.send(message.key(&record.key[..]).payload(&record.payload[..])).unwrap();
        }
        producer.flush(wait).unwrap();
        producer.commit_transaction(wait).unwrap();
    }

    fn number(&self, sql: &str) -> u64 {
        self.io.block_on(number(&self.sink, sql))
    }

    fn rows(&self) -> (u64, u64) {
        (self.number("count() AS n FROM rows"), self.number("uniqExact(file_id, load, line, part) AS n FROM rows"))
    }

    /// Whether everything that was produced is committed.
    fn is_drained(&self) -> bool {
        let topic = self.config.topics().rows("a").expect("the layout has it");
        let all: Vec<Partition> = (0..PARTITIONS).map(|i| Partition::new(topic.as_str(), i)).collect();
        let committed = self.admin.committed(&self.config.topics().group("loader"), &all).unwrap();
        committed.into_iter().all(|(partition, committed)| {
            let (_, high) = self.admin.watermarks(&partition).unwrap();
            // The last offset is the end marker of the producer's transaction.
            committed.is_some_and(|c| c.offset.0 >= high - 1 && c.metadata.is_empty())
        })
    }

    fn until(&self, what: &str, done: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !done() {
            assert!(Instant::now() < deadline, "waited two minutes until {what}; rows {:?}", self.rows());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A worker in this process, whose log fails as `fail` says; it ends when `done`, or by its failure.
    fn work(&self, fail: impl FnMut(&Action<Ask>) -> Fails + Send, done: impl Fn() -> bool) -> Result<(), String> {
        let topics = self.config.topics();
        let stop = Arc::new(AtomicBool::new(false));
        let options = ClientOptions {
            brokers: self.config.kafka.brokers.clone(),
            group: topics.group("loader"),
            transactional_id: topics.transactional_id("loader", "test", 0),
            topics: topics.inputs("loader"),
            compression: "none".into(),
            packs: false,
            opens: true,
            transaction_timeout: Duration::from_secs(10),
            poll: Duration::from_millis(20),
            properties: BTreeMap::new(),
        };
        let log = Dying { client: Client::connect(options, stop.clone()).unwrap(), fail };
        let metrics = Metrics::new(&mut prometheus_client::registry::Registry::default());
        let (machine, io) = (Loader::new(limits(&self.config)), self.io.handle().clone());
        let worker = Worker::new(log, machine, self.sink.clone(), io, metrics);
        std::thread::scope(|scope| {
            let running = scope.spawn(|| worker.run(|_, _, _| Ok(())));
            self.until("the worker has done its work", || running.is_finished() || done());
            stop.store(true, Ordering::Relaxed);
            running.join().unwrap().map_err(|trouble| match trouble {
                Trouble::Hopeless(why) | Trouble::Again(why) | Trouble::Rest(why, _) => why,
            })
        })
    }
}

/// What becomes of an action.
enum Fails {
    No,
    /// The process dies instead of it.
    Before,
    /// The process dies after it.
    After,
}

struct Dying<F> {
    client: Client,
    fail: F,
}

impl<F: FnMut(&Action<Ask>) -> Fails> Log for Dying<F> {
    fn perform(&mut self, action: Action<Ask>) -> Event<Answer> {
        let died = || Event::Failed(Failure::Fatal("died".into()));
        match (self.fail)(&action) {
            Fails::No => Log::perform(&mut self.client, action),
            Fails::Before => died(),
            Fails::After => {
                Log::perform(&mut self.client, action);
                died()
            }
        }
    }
}

fn files(count: u128, rows: u64) -> Vec<logmill_core::wire::Record> {
    (0..count)
        .flat_map(|n| [lines(&file(n, n as u64 % 3), 1, rows), lines(&file(n, n as u64 % 3), rows + 1, rows)])
        .collect()
}

/// Dies at the `n`-th commit, before or after it.
fn at_commit(n: usize, fails: fn() -> Fails) -> impl FnMut(&Action<Ask>) -> Fails + Send {
    let mut commits = 0;
    move |action| {
        commits += usize::from(matches!(action, Action::Commit(_)));
        if commits == n && matches!(action, Action::Commit(_)) { fails() } else { Fails::No }
    }
}

#[test]
fn dying_between_intent_and_insert_and_between_insert_and_commit_leaves_every_row_once() {
    let chain = Chain::new("loader_crash");
    chain.produce(files(20, 100));
    // The first commit is an intent; a later one says that a batch is in.
    assert_eq!(chain.work(at_commit(1, || Fails::After), || false), Err("died".into()));
    assert_eq!(chain.work(at_commit(1, || Fails::Before), || false), Err("died".into()));
    chain.produce(files(40, 100));
    assert_eq!(chain.work(at_commit(2, || Fails::Before), || false), Err("died".into()));
    assert_eq!(chain.work(at_commit(2, || Fails::After), || false), Err("died".into()));
    assert_eq!(chain.work(|_| Fails::No, || chain.is_drained()), Ok(()));
    assert_eq!(chain.rows(), (8_000, 8_000));
}

#[test]
fn a_refused_row_and_a_malformed_record_become_dead_letters_and_all_around_them_is_loaded() {
    let chain = Chain::new("loader_refused");
    let constraint = "ALTER TABLE rows ADD CONSTRAINT IF NOT EXISTS no13 CHECK text != 'line 13'";
    chain.io.block_on(chain.sink.database.execute(constraint)).unwrap();
    let mut records = files(3, 50);
    let mut malformed = lines(&file(9, 0), 1, 10);
    malformed.headers.retain(|(name, _)| name != header::LINE);
    records.push(malformed);
    chain.produce(records);
    let letters = || chain.number("count() AS n FROM rejects");
    assert_eq!(chain.work(|_| Fails::No, || chain.is_drained() && letters() >= 4), Ok(()));
    assert_eq!(chain.rows(), (3 * 99, 3 * 99));
    assert_eq!(letters(), 4);
    let refused = "count() AS n FROM rejects WHERE reason = 'refused' AND first_line = 13 AND rows = 1 AND path != ''";
    assert_eq!(chain.number(refused), 3);
    assert_eq!(chain.number("count() AS n FROM rejects WHERE reason = 'malformed'"), 1);
}

#[test]
fn a_refused_row_of_several_lines_is_a_dead_letter_of_all_its_lines() {
    let chain = Chain::new("loader_refused_records");
    let constraint = "ALTER TABLE rows ADD CONSTRAINT IF NOT EXISTS no13 CHECK NOT startsWith(text, 'line 13')";
    chain.io.block_on(chain.sink.database.execute(constraint)).unwrap();
    let one = file(1, 0);
    // Line 13 begins the fifth record; that of lines 130 to 134 is alone in its chunk.
    let third = [3; 20];
    chain.produce(vec![records(&one, 1, &third), records(&one, 61, &third[..10]), records(&one, 130, &[5])]);
    let letters = || chain.number("count() AS n FROM rejects");
    assert_eq!(chain.work(|_| Fails::No, || chain.is_drained() && letters() >= 2), Ok(()));
    assert_eq!(letters(), 2);
    for (line, rows) in [(13, 3), (130, 5)] {
        let refused =
            format!("count() AS n FROM rejects WHERE reason = 'refused' AND first_line = {line} AND rows = {rows}");
        assert_eq!(chain.number(&refused), 1, "line {line}");
    }
    assert_eq!(chain.number("sum(lines) AS n FROM rows"), 60 + 30 - 3);
    assert_eq!(chain.rows(), (29, 29));
}

/// Kills it by SIGKILL when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn two_processes_killed_again_and_again_leave_every_row_once() {
    let chain = Chain::new("loader_kill");
    let folder = tempfile::tempdir().unwrap();
    let login = &shared::clickhouse().admin;
    let text = format!(
        "chain = \"loader_kill\"\n[kafka]\nbrokers = \"{}\"\npartitions = {PARTITIONS}\n\
         [clickhouse]\nurl = \"{}\"\ndatabase = \"loader_kill\"\nuser = \"{}\"\npassword = \"{}\"\n\
         batch_bytes = \"100KiB\"\nbatch_interval = \"20ms\"\n[channels.a]\n[channel_groups]\ndefault = [\"a\"]\n",
        chain.config.kafka.brokers, chain.config.clickhouse.url, login.user, login.password
    );
    let path = folder.path().join("logmill.toml");
    std::fs::write(&path, text).unwrap();
    let start = |slot: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logmill-loader"));
        command.arg("--config").arg(&path).env("LOGMILL__WORKER__SLOT", slot).env("LOGMILL_LOG", "warn");
        Process(command.stdout(Stdio::null()).spawn().unwrap())
    };
    let files: Vec<_> = (0..60).map(|n| file(n, n as u64 % 4)).collect();
    let produce = |round: u64| chain.produce(files.iter().map(|f| lines(f, 1 + round * 100, 100)).collect());
    let mut two = [start("0"), start("1")];
    let mut expected = 0;
    for round in 0..6 {
        produce(round);
        expected += 60 * 100;
        // Kill as soon as some of the round's rows are there: in the middle of its INSERTs and commits.
        let seen = chain.rows().0;
        chain.until("some rows of the round arrive", || chain.rows().0 > seen || chain.rows().0 >= expected);
        let slot = (round % 2) as usize;
        two[slot] = start(["0", "1"][slot]);
    }
    chain.until("all is committed", || chain.is_drained());
    assert_eq!(chain.rows(), (expected, expected));
}
