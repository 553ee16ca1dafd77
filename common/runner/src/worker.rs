//! The workers of a stage: threads, each with a connection and a machine.

use crate::channels::ChannelWatch;
use crate::crew::Crew;
use crate::drive::{Driver, Trouble, run_machine};
use crate::metrics::WorkerMetrics;
use crate::readiness::Life;
use crate::restart::Restarts;
use crate::slow::{Done, Mates, Slowness};
use crate::stall::Stall;
use crate::throttle::{Throttle, Toll};
use logmill_core::Stage;
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::ingest::ROWS;
use logmill_protocol::worker::{Options, Position, Routes, Snapshot, StageWorker};
use logmill_protocol::{Committed, Event, Never};
use logmill_telemetry::Telemetry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the workers of a process share.
pub struct Settings {
    /// How many.
    pub threads: u32,
    /// Of one worker; `transactional_id` without the worker's number, which is appended.
    pub client: ClientOptions,
    pub machine: Options,
    pub metrics: WorkerMetrics,
    pub telemetry: Telemetry,
    /// Set when the process is asked to stop.
    pub stop: Arc<AtomicBool>,
    /// A worker that stands still for so long gives its partitions up.
    pub stall: Duration,
    pub restarts: Restarts,
    /// Where the stage chooses among channels.
    pub lags: Option<ChannelWatch>,
    /// Where a worker that is slower than the others of its stage gives its partitions up.
    pub mates: Option<Arc<Mates>>,
    /// What all workers together may take.
    pub throttle: Option<Arc<Throttle>>,
}

/// Runs `settings.threads` workers, each with a stage of its own, until the process is asked to stop or one fails for
/// good. Sets `settings.stop` in any case. The process is ready while all of them have their share of the partitions: one
/// that begins anew has none.
///
/// # Errors
/// Of the first worker that failed for good; the others were stopped then.
pub fn run_stage<S: Stage>(settings: &Settings, make: impl Fn() -> anyhow::Result<S> + Sync) -> anyhow::Result<()> {
    let Settings { telemetry, stop, threads, restarts, .. } = settings;
    let crew = Crew { telemetry, stop, threads: *threads, restarts: *restarts };
    crew.run(|number, name, life| run_worker(settings, number, name, life, &make))
}

/// How far a stage is by what it committed.
pub(crate) fn reached(committed: &Committed) -> Option<Done> {
    Some(Position::decode(committed).ok()?.next.into())
}

/// One life of a worker: from a new connection to the end of its machine.
fn run_worker<S: Stage>(
    settings: &Settings,
    number: u32,
    name: &str,
    life: Life<'_>,
    make: &(impl Fn() -> anyhow::Result<S> + Sync),
) -> Result<(), Trouble> {
    let mut options = settings.client.clone();
    options.transactional_id = format!("{}.{number}", options.transactional_id);
    let stage = make().map_err(|error| Trouble::Hopeless(format!("{error:#}")))?;
    let mut machine = StageWorker::new(stage, settings.machine.clone());
    let mut client = Client::connect(options, Arc::clone(&settings.stop))?;
    check_outputs(&settings.machine.routes, &client)?;
    if let Some(watch) = &settings.lags {
        watch.wait(&settings.stop);
    }
    let mut driver = StageDriver {
        settings,
        name,
        life,
        seen: machine.snapshot(),
        looked: Instant::now(),
        idle: false,
        lags_seen: 0,
        stall: Stall::new(settings.stall),
        slowness: Slowness::new(name, settings.mates.clone()),
        toll: Toll::new(settings.throttle.clone(), reached),
        held: false,
    };
    run_machine(&mut client, &mut machine, &mut driver)
}

/// Every output topic is there with the number of partitions that the routes spread over: the broker would take records
/// for a topic that is missing, and only the commit would fail, late.
///
/// # Errors
/// When one is not.
pub fn check_outputs(routes: &Routes, client: &Client) -> Result<(), Trouble> {
    for lane in routes.lanes().into_iter().filter(|lane| *lane.topic != *ROWS) {
        let found = client.partitions(&lane.topic)?;
        if found != lane.partitions {
            let (topic, wanted) = (&lane.topic, lane.partitions);
            return Err(Trouble::Hopeless(format!(
                "{topic} has {found} partitions, but kafka.partitions is {wanted}: all topics of a chain have as many"
            )));
        }
    }
    Ok(())
}

/// What a stage's machine has beside the log: eyes.
struct StageDriver<'a> {
    settings: &'a Settings,
    name: &'a str,
    life: Life<'a>,
    /// The machine as it was at the last look.
    seen: Snapshot,
    looked: Instant,
    /// The last poll brought nothing.
    idle: bool,
    /// The number of the last lags that the stage was told.
    lags_seen: u64,
    stall: Stall,
    slowness: Slowness,
    toll: Toll,
    /// The last poll was put off.
    held: bool,
}

/// The longest time for which a poll is put off at once.
const HELD: Duration = Duration::from_millis(50);

/// Whether any of the partitions has a record for the machine; where that cannot be found out, it has.
fn waits_in_truth(client: &Client, seen: &Snapshot) -> bool {
    seen.partitions.iter().any(|at| client.waits(&at.partition, at.next).unwrap_or(true))
}

/// How often the metrics follow the machine.
const LOOK: Duration = Duration::from_millis(500);

impl<S: Stage> Driver<StageWorker<S>> for StageDriver<'_> {
    fn other(&mut self, ask: Never) -> Event {
        match ask {}
    }

    fn holds(&mut self) -> bool {
        let owed = self.toll.owed();
        self.held = !owed.is_zero() && !self.settings.stop.load(Ordering::Relaxed);
        if self.held {
            std::thread::sleep(owed.min(HELD));
        }
        self.held
    }

    fn look(&mut self, client: &Client, machine: &mut StageWorker<S>, event: &Event) -> Result<(), Trouble> {
        self.settings.telemetry.beat(self.name);
        self.life.sees(event);
        self.slowness.sees(event);
        self.toll.sees(event);
        match event {
            Event::Idle => self.idle = !self.held,
            Event::Record(_) => self.idle = false,
            _ => {}
        }
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        let snapshot = machine.snapshot();
        let mut lag = 0;
        for at in &snapshot.partitions {
            let end = client.ends(&at.partition).map_or(at.next.0, |(_, end)| end);
            let waits = (end - at.next.0).max(0);
            // What stands before the end may be the markers of transactions, which no reader sees.
            let waits = if self.idle && waits <= MARKERS { 0 } else { waits };
            self.settings.metrics.lag(&at.partition, waits);
            lag += waits;
        }
        self.settings.metrics.add(&self.seen, &snapshot);
        let still = self.stall.look(&snapshot, lag);
        self.seen = snapshot;
        if let Some(why) = self.settings.lags.as_ref().and_then(ChannelWatch::ended) {
            return Err(Trouble::Hopeless(why));
        }
        if let Some(watch) = &self.settings.lags
            && let Some((number, lags)) = watch.newer(self.lags_seen)
        {
            self.lags_seen = number;
            machine.stage_mut().observe(&lags);
        }
        let silent = self.seen.partitions.iter().any(|at| at.silent);
        self.slowness.check(|| (lag > 0, silent))?;
        // What seems to wait may be what nobody sees, where a large transaction was aborted last.
        if still.is_some() && !waits_in_truth(client, &self.seen) {
            self.stall.rest();
            return Ok(());
        }
        match still {
            None => Ok(()),
            Some(still) => Err(Trouble::Again(format!(
                "nothing moved for {} s while {lag} records waited: its partitions are given up",
                still.as_secs()
            ))),
        }
    }

    fn committed(&mut self, time: Duration) {
        self.settings.metrics.commit_seconds.observe(time.as_secs_f64());
    }
}

/// Up to so many records before the end are taken for markers while nothing comes.
const MARKERS: i64 = 64;

impl Drop for StageDriver<'_> {
    /// The partitions are another worker's to show.
    fn drop(&mut self) {
        let gone = Snapshot { partitions: Vec::new(), ..self.seen.clone() };
        self.settings.metrics.add(&self.seen, &gone);
    }
}
