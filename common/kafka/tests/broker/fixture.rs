//! Topics and clients of one test, on the broker that the tests of a process share.

use logmill_core::Offset;
use logmill_core::wire::Record;
use logmill_kafka::admin::{Admin, TopicSpec};
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::{Action, Committed, Event, Never, Outgoing, Partition};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest that anything in these tests is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An input and an output topic and a consumer group that no other test has.
pub struct Place {
    pub brokers: String,
    pub admin: Admin,
    pub input: String,
    pub output: String,
    pub group: String,
    pub stop: Arc<AtomicBool>,
}

impl Place {
    pub fn new(partitions: i32) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let name = format!("t{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let place = Self::at(logmill_stack::shared::kafka(), &name);
        place.apply(&[place.spec(&place.input, partitions), place.spec(&place.output, partitions)]);
        let all: Vec<_> = (0..partitions).map(|n| place.input(n)).collect();
        assert_eq!(place.admin.commit_start(&place.group, &all).expect("offsets 0"), all.len());
        place
    }

    /// A place that exists already.
    pub fn at(brokers: &str, name: &str) -> Self {
        let admin = Admin::new(brokers, &BTreeMap::new()).expect("settings");
        let (input, output) = (format!("{name}.in"), format!("{name}.out"));
        let stop = Arc::new(AtomicBool::new(false));
        Self { brokers: brokers.to_owned(), admin, input, output, group: name.to_owned(), stop }
    }

    pub fn spec(&self, name: &str, partitions: i32) -> TopicSpec {
        TopicSpec { name: name.to_owned(), partitions, replication: 1, config: BTreeMap::new() }
    }

    pub fn apply(&self, specs: &[TopicSpec]) {
        block_on(self.admin.apply(specs)).expect("topics are made");
    }

    pub fn input(&self, index: i32) -> Partition {
        Partition::new(self.input.as_str(), index)
    }

    pub fn output(&self, index: i32) -> Partition {
        Partition::new(self.output.as_str(), index)
    }

    pub fn options(&self, id: &str) -> ClientOptions {
        // A member that is silent is thrown out as soon as the broker allows.
        let properties = [("session.timeout.ms", "2000"), ("max.poll.interval.ms", "3000")];
        ClientOptions {
            brokers: self.brokers.clone(),
            group: self.group.clone(),
            transactional_id: format!("{}.{id}", self.group),
            topics: vec![self.input.clone()],
            compression: "lz4".into(),
            packs: false,
            opens: true,
            transaction_timeout: Duration::from_secs(10),
            poll: Duration::from_millis(20),
            properties: properties.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        }
    }

    pub fn client(&self, id: &str) -> Worker {
        let client = Client::connect(self.options(id), Arc::clone(&self.stop)).expect("a client");
        Worker(client)
    }

    /// What the group has committed of input partition `index`.
    pub fn committed(&self, index: i32) -> (i64, String) {
        let mut all = self.admin.committed(&self.group, &[self.input(index)]).expect("committed offsets");
        let committed = all.remove(0).1.expect("something is committed");
        (committed.offset.0, committed.metadata)
    }

    /// The payloads that a reader of committed records sees in a partition once no transaction is open there. (A commit
    /// is answered before its marker stands in the partitions.)
    pub fn payloads(&self, partition: &Partition) -> Vec<String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("isolation.level", "read_uncommitted");
        let consumer: BaseConsumer = config.create().expect("settings");
        let start = Instant::now();
        loop {
            let all = consumer.fetch_watermarks(&partition.topic, partition.index, PATIENCE).expect("the ends");
            if self.admin.watermarks(partition).expect("the ends") == all {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "a transaction on {partition} is open for {PATIENCE:?}");
        }
        self.visible(partition)
    }

    /// The payloads that a reader of committed records sees now.
    pub fn visible(&self, partition: &Partition) -> Vec<String> {
        let records = self.admin.read(partition, 0, None, usize::MAX).expect("records");
        records.iter().map(|r| String::from_utf8_lossy(&r.record.payload).into_owned()).collect()
    }
}

/// A client, and what a machine would make of it.
pub struct Worker(pub Client);

impl Worker {
    pub fn perform(&mut self, action: Action) -> Event {
        self.0.perform::<Never, Never>(action)
    }

    pub fn done(&mut self, action: Action) {
        let what = format!("{action:?}");
        assert_eq!(self.perform(action), Event::Done, "{what}");
    }

    /// Polls until something comes.
    pub fn next(&mut self) -> Event {
        let start = Instant::now();
        loop {
            match self.perform(Action::Poll) {
                Event::Idle => assert!(start.elapsed() < PATIENCE, "nothing came within {PATIENCE:?}"),
                event => return event,
            }
        }
    }

    pub fn assigned(&mut self) -> Vec<Partition> {
        match self.next() {
            Event::Assigned(mut partitions) => {
                partitions.sort();
                partitions
            }
            other => panic!("an assignment was awaited, not {other:?}"),
        }
    }

    /// Takes its partitions and reads each from its committed offset on.
    pub fn start(&mut self) -> Vec<(Partition, Committed)> {
        let partitions = self.assigned();
        let positions = self.positions(&partitions);
        self.done(Action::Assign(positions.iter().map(|(p, c)| (p.clone(), c.offset)).collect()));
        positions
    }

    pub fn positions(&mut self, partitions: &[Partition]) -> Vec<(Partition, Committed)> {
        let start = Instant::now();
        loop {
            match self.perform(Action::Read(partitions.to_vec())) {
                Event::Positions(positions) => {
                    return positions.into_iter().map(|(p, c)| (p, c.expect("offset 0 was committed"))).collect();
                }
                Event::Idle => assert!(start.elapsed() < PATIENCE, "no positions within {PATIENCE:?}"),
                other => panic!("positions were awaited, not {other:?}"),
            }
        }
    }

    pub fn record(&mut self) -> (i64, String) {
        match self.next() {
            Event::Record(incoming) => {
                (incoming.offset.0, String::from_utf8_lossy(&incoming.record.payload).into_owned())
            }
            other => panic!("a record was awaited, not {other:?}"),
        }
    }

    pub fn send(&mut self, partition: &Partition, payload: &str) {
        self.done(Action::Send(outgoing(partition, payload)));
    }

    pub fn commit(&mut self, partition: &Partition, offset: i64, metadata: &str) -> Event {
        let committed = Committed { offset: Offset(offset), metadata: metadata.to_owned() };
        self.perform(Action::Commit(vec![(partition.clone(), committed)]))
    }

    /// One transaction without offsets.
    pub fn publish(&mut self, partition: &Partition, payloads: &[&str]) {
        self.done(Action::Begin);
        for payload in payloads {
            self.send(partition, payload);
        }
        self.done(Action::Commit(Vec::new()));
    }
}

pub fn outgoing(partition: &Partition, payload: &str) -> Outgoing {
    let record = Record { payload: payload.to_owned().into(), ..Record::default() };
    Outgoing { partition: partition.clone(), record }
}

/// Runs a future of the library, which has threads of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Wake(std::thread::Thread);
    impl std::task::Wake for Wake {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Wake(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    let start = Instant::now();
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park_timeout(Duration::from_secs(1)),
        }
        assert!(start.elapsed() < PATIENCE, "the broker did not answer within {PATIENCE:?}");
    }
}
