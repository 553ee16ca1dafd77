//! A worker: one thread that drives the fetch machine between the log and the stores.

use crate::listers::Listers;
use crate::metrics::Metrics;
use crate::source::Source;
use logmill_protocol::fetch::{Answer, Ask, Fetch};
use logmill_protocol::{Action, Event, Failure, Machine};
use logmill_runner::Trouble;
use std::time::{SystemTime, UNIX_EPOCH};

/// A transactional log as a machine uses it.
pub trait Log {
    /// Does what is asked and says what came of it. Never called with `Other` or `Exit`.
    fn perform(&mut self, action: Action) -> Event;
}

/// What a worker works with.
pub struct Worker<L> {
    pub log: L,
    pub machine: Fetch,
    pub source: Source,
    /// Told what is assigned to this worker.
    pub listers: Listers,
    pub counted: Counted,
}

/// What the gauges, which all workers share, have of one worker; they lose it when the worker goes.
pub struct Counted {
    metrics: Metrics,
    open: i64,
    waiting: i64,
}

impl Counted {
    /// Nothing yet.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, open: 0, waiting: 0 }
    }

    fn set(&mut self, open: i64, waiting: i64) {
        self.metrics.open.inc_by(open - self.open);
        self.metrics.waiting.inc_by(waiting - self.waiting);
        (self.open, self.waiting) = (open, waiting);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.set(0, 0);
    }
}

impl<L: Log> Worker<L> {
    /// Runs until the log says to stop; `look` is shown every event, and the machine before that is.
    ///
    /// # Errors
    /// The machine gave up, a coroutine panicked, or a lister panicked too often; what `look` says.
    pub fn run(mut self, mut look: impl FnMut(&Event<Answer>, &Fetch) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let mut event = Event::Start;
        loop {
            look(&event, &self.machine)?;
            if let Some(why) = self.listers.failed() {
                return Err(Trouble::Hopeless(why));
            }
            // A machine that gives up over a failure has tried for long; one that gives up over anything else has found
            // something that a repetition finds again.
            let helps = matches!(&event, Event::Failed(failure) if !matches!(failure, Failure::Fatal(_)));
            event = match self.machine.step(now_ms(), event) {
                Action::Other(ask) => {
                    let answer = self.source.answer(ask).map_err(|why| Trouble::Again(why.to_string()))?;
                    Event::Other(answer)
                }
                Action::Exit(Ok(())) => return Ok(()),
                Action::Exit(Err(why)) if helps => return Err(Trouble::Again(why)),
                Action::Exit(Err(why)) => return Err(Trouble::Hopeless(why)),
                action => self.perform(action),
            };
            self.counted.set(self.machine.open_files() as i64, self.machine.waiting_tasks() as i64);
        }
    }

    fn perform(&mut self, action: Action<Ask>) -> Event<logmill_protocol::fetch::Answer> {
        let event = lift(self.log.perform(lower(action)));
        match &event {
            Event::Assigned(partitions) => self.listers.assigned(partitions),
            Event::Revoked => self.listers.assigned(&[]),
            _ => {}
        }
        event
    }
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The same action for a log, which knows no asks.
pub(crate) fn lower<X>(action: Action<X>) -> Action {
    match action {
        Action::Poll => Action::Poll,
        Action::Read(partitions) => Action::Read(partitions),
        Action::Assign(offsets) => Action::Assign(offsets),
        Action::Release => Action::Release,
        Action::Begin => Action::Begin,
        Action::Send(outgoing) => Action::Send(outgoing),
        Action::Commit(positions) => Action::Commit(positions),
        Action::Abort => Action::Abort,
        Action::Renew => Action::Renew,
        Action::Other(_) | Action::Exit(_) => unreachable!("a driver answers these itself"),
    }
}

/// What a log says, for a machine that hears others too.
pub(crate) fn lift<Y>(event: Event) -> Event<Y> {
    match event {
        Event::Start => Event::Start,
        Event::Idle => Event::Idle,
        Event::Record(incoming) => Event::Record(incoming),
        Event::Nothing { partition, from, to } => Event::Nothing { partition, from, to },
        Event::Assigned(partitions) => Event::Assigned(partitions),
        Event::Revoked => Event::Revoked,
        Event::Positions(positions) => Event::Positions(positions),
        Event::Done => Event::Done,
        Event::Failed(failure) => Event::Failed(failure),
        Event::Stop => Event::Stop,
        Event::Other(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;
    use crate::listers::{ListerKit, ListerLog};
    use crate::metrics::ClusterMetrics;
    use crate::scan::Scan;
    use crate::store::{Entry, Snapshot, Store, StoreError};
    use futures::future::{BoxFuture, pending};
    use futures::stream::{self, BoxStream};
    use logmill_core::Offset;
    use logmill_protocol::fetch::{Lane, ListerOptions, Options};
    use logmill_protocol::{Committed, Partition};
    use logmill_runner::Readiness;
    use logmill_telemetry::Telemetry;
    use std::collections::HashMap;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    /// A cluster that never answers.
    struct Dead;

    impl Store for Dead {
        fn list(&self, _: &str) -> BoxStream<'static, Result<Entry, StoreError>> {
            Box::pin(stream::pending())
        }
        fn stat(&self, _: &str) -> BoxFuture<'static, Result<Entry, StoreError>> {
            Box::pin(pending())
        }
        fn open(&self, _: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>> {
            Box::pin(pending())
        }
    }

    /// Tells that its lister was started; no more comes of it.
    struct Told {
        cluster: Cluster,
        started: Sender<()>,
    }

    impl ListerKit for Told {
        fn connect(&self) -> Result<Box<dyn ListerLog>, String> {
            self.started.send(()).expect("the test waits");
            Err("Kafka is away".into())
        }
        fn options(&self) -> ListerOptions {
            unreachable!("it never connects")
        }
        fn scan(&self) -> Scan {
            unreachable!("it never connects")
        }
        fn cluster(&self) -> &Cluster {
            &self.cluster
        }
    }

    /// A log of one partition without tasks, which looks at the probe at every step.
    struct Probed {
        probes: SocketAddr,
        lister: Receiver<()>,
        assigned: bool,
        positions: bool,
    }

    impl Probed {
        fn says_ready(&self) -> bool {
            let mut probe = TcpStream::connect(self.probes).expect("the probes are served");
            probe.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").expect("a request");
            let mut answer = String::new();
            probe.read_to_string(&mut answer).expect("an answer");
            answer.lines().next().is_some_and(|status| status.contains(" 200 "))
        }
    }

    impl Log for Probed {
        fn perform(&mut self, action: Action) -> Event {
            assert_eq!(self.says_ready(), self.positions, "at {action:?}");
            let partition = Partition::new("tasks.a", 0);
            match action {
                Action::Poll if !std::mem::replace(&mut self.assigned, true) => Event::Assigned(vec![partition]),
                Action::Read(_) => {
                    self.lister.recv_timeout(Duration::from_secs(30)).expect("the lister runs within 30 s");
                    self.positions = true;
                    let start = Committed { offset: Offset(0), metadata: String::new() };
                    Event::Positions(vec![(partition, Some(start))])
                }
                Action::Poll => Event::Stop,
                _ => Event::Done,
            }
        }
    }

    #[test]
    fn a_fetcher_is_ready_when_it_has_read_its_positions_though_its_cluster_is_dead() {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let telemetry = Telemetry::new();
        let probes = telemetry.serve("127.0.0.1:0").expect("a free port");
        let settings = logmill_config::Cluster { call_timeout: Duration::from_secs(5), ..Default::default() };
        let cluster = || Cluster::new("a", Arc::new(Dead), &settings, ClusterMetrics::default());
        let (started, lister) = channel();
        let kit: Arc<dyn ListerKit> = Arc::new(Told { cluster: cluster(), started });
        let clusters = Arc::new(HashMap::from([("a".to_owned(), Arc::new(cluster()))]));
        let worker = Worker {
            log: Probed { probes, lister, assigned: false, positions: false },
            machine: Fetch::new(Options {
                raw: Lane::new("raw", 1),
                file_events: Lane::new("file-events", 1),
                dead_letters: Lane::new("dead-letters", 1),
                open_files: 1,
                backfill: std::collections::BTreeSet::new(),
                backfill_files: 1,
                batch_bytes: 1,
                metadata_bytes: 4096,
            }),
            source: Source::new(io.handle().clone(), clusters, 1),
            listers: Listers::new(
                io.handle().clone(),
                HashMap::from([("tasks.a".to_owned(), kit)]),
                logmill_runner::Restarts::default(),
            ),
            counted: Counted::new(Metrics::default()),
        };
        let readiness = Readiness::new(&telemetry, 1);
        let mut life = readiness.life("worker-0");
        let look = |event: &_, _: &Fetch| {
            life.sees(event);
            Ok(())
        };
        worker.run(look).expect("it stops as asked");
    }
}
