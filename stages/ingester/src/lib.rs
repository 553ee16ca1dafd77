//! The ingester: the parser and the loading of its rows in one process, compressed bytes into ClickHouse.
//!
//! The parser's rows become the loader's records without a topic between them; how that stays exactly once is said where the
//! two machines are one: [`logmill_protocol::ingest`].

use logmill_config::Config;
use logmill_core::Stage;
use logmill_distributor::configured;
use logmill_kafka::Client;
use logmill_loader::{Looks, limits, run_machine};
use logmill_parser::{Parser, parser};
use logmill_protocol::Committed;
use logmill_protocol::ingest::Ingester;
use logmill_protocol::worker::{Options, Position, Routes, Snapshot};
use logmill_runner::{
    ChannelWatch, Done, Process, Restarts, Trouble, WorkerMetrics, check_outputs, hold_back, stage_client,
};
use std::time::{Duration, Instant};

/// The name of the program: of its consumer group and its metrics.
pub const NAME: &str = "ingester";

/// How often the metrics follow the machine.
const LOOK: Duration = Duration::from_millis(500);

/// Ingests until asked to stop.
///
/// # Errors
/// The configuration has no choice of channels, the password's file cannot be read, Kafka refuses, or a worker could not go on.
pub fn run(process: &Process, options: Options) -> anyhow::Result<()> {
    let metrics = process.telemetry.register(WorkerMetrics::register);
    let watch = ChannelWatch::of(process, NAME)?;
    hold_back(&process.config, NAME, &process.stop)?;
    if let Some(watch) = &watch {
        watch.wait(&process.stop);
    }
    stage_of(&process.config)?;
    let make = || {
        let config = process.config.clone();
        let stage = move || stage_of(&config).expect("it could be made before");
        let machine = Ingester::new(stage, options.clone(), limits(&process.config));
        let (metrics, watch) = (metrics.clone(), watch.clone());
        let (seen, routes) = (Snapshot::default(), Some(options.routes.clone()));
        Ok((machine, Eyes { routes, metrics, watch, seen, lags_seen: 0, looked: Instant::now() }))
    };
    let reached: fn(&Committed) -> Option<Done> = |committed| Some(Position::decode(committed).ok()?.next.into());
    let client = stage_client::<Parser>(process, NAME);
    run_machine(process, NAME, client, Restarts::default(), reached, make)?;
    tracing::info!(stage = NAME, "stopped as asked");
    Ok(())
}

fn stage_of(config: &Config) -> anyhow::Result<Parser> {
    Ok(parser(configured(config)?))
}

/// Looks at a machine: what it did as metrics, and how the channels stand for its stages.
struct Eyes {
    /// Of its outputs, until they were looked at.
    routes: Option<Routes>,
    metrics: WorkerMetrics,
    watch: Option<ChannelWatch>,
    seen: Snapshot,
    /// The number of the last lags that the stages were told.
    lags_seen: u64,
    looked: Instant,
}

impl<S: Stage> Looks<Ingester<S>> for Eyes {
    fn look(&mut self, client: &Client, machine: &mut Ingester<S>) -> Result<(), Trouble> {
        if let Some(routes) = self.routes.take() {
            check_outputs(&routes, client)?;
        }
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        let snapshot = machine.snapshot();
        for at in &snapshot.partitions {
            let end = client.ends(&at.partition).map_or(at.next.0, |(_, end)| end);
            self.metrics.lag(&at.partition, (end - at.next.0).max(0));
        }
        self.metrics.add(&self.seen, &snapshot);
        self.seen = snapshot;
        let Some(watch) = &self.watch else { return Ok(()) };
        if let Some(why) = watch.ended() {
            return Err(Trouble::Hopeless(why));
        }
        if let Some((number, lags)) = watch.newer(self.lags_seen) {
            self.lags_seen = number;
            machine.observe(lags);
        }
        Ok(())
    }
}

impl Drop for Eyes {
    /// The partitions are another worker's to show.
    fn drop(&mut self) {
        let gone = Snapshot { partitions: Vec::new(), ..self.seen.clone() };
        self.metrics.add(&self.seen, &gone);
    }
}
