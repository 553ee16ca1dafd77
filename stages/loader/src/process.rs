//! The loader as a process: its workers, made from the configuration.

use crate::body::Table;
use crate::metrics::Metrics;
use crate::sink::Sink;
use crate::worker::{Log, Worker};
use anyhow::Context;
use logmill_clickhouse::Database;
use logmill_config::Config;
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::load::{self, Answer, Ask, Content, Loader, Loads};
use logmill_protocol::{Action, Committed, Event};
use logmill_runner::{Crew, Done, Life, Mates, Process, Restarts, Slowness, Throttle, Toll, Trouble};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Records in a batch at most: the statement of its INSERT names every file of them, and ends at 1 MiB.
const BATCH_RECORDS: usize = 8_192;
/// The longest wait for a record: answers of the database are looked for between two polls.
const POLL: Duration = Duration::from_millis(20);
/// What leaving the group may take after the last INSERT that is waited for.
const LEAVING: Duration = Duration::from_secs(5);

/// Looks at a worker's machine, at every event.
pub trait Looks<M> {
    /// # Errors
    /// Ends the worker.
    fn look(&mut self, log: &Client, machine: &mut M) -> Result<(), Trouble>;
}

impl<M> Looks<M> for () {
    fn look(&mut self, _: &Client, _: &mut M) -> Result<(), Trouble> {
        Ok(())
    }
}

/// Loads until asked to stop.
///
/// # Errors
/// The password's file cannot be read, Kafka refuses, or a worker could not go on.
pub fn run(process: &Process) -> anyhow::Result<()> {
    // What is committed is the first record of what is not in the table.
    let reached: fn(&Committed) -> Option<Done> = |committed| Some(committed.offset.into());
    // One worker that cannot go on ends the process, by a panic too: it is started anew as a whole.
    let make = || Ok((Loader::new(limits(&process.config)), ()));
    run_machine(process, "loader", process.client("loader"), Restarts::NONE, reached, make)
}

/// Has workers of the stage `name` load until they are asked to stop: each has a machine, and what looks at it. `reached` says how
/// far a worker is, by what it committed.
///
/// # Errors
/// The password's file cannot be read, Kafka refuses, or a worker could not go on.
pub fn run_machine<M: Loads, O: Looks<M>>(
    process: &Process,
    name: &'static str,
    client: ClientOptions,
    restarts: Restarts,
    reached: fn(&Committed) -> Option<Done>,
    make: impl Fn() -> anyhow::Result<(M, O)> + Sync,
) -> anyhow::Result<()> {
    let Process { config, telemetry, stop, .. } = process;
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("insert")
        .enable_all()
        .build()
        .context("the runtime of the INSERTs")?;
    let sink = sink(config)?;
    let metrics = telemetry.register(Metrics::new);
    let throttle = config.worker.bytes_per_second.map(|rate| Arc::new(Throttle::new(rate.0)));
    let mates = Mates::start(process, name, config.topics().served(name, &config.worker.channels), reached)?;
    let crew = Crew { telemetry, stop, threads: config.worker.threads, restarts };
    let ended = crew.run(|number, name, life| {
        let transactional_id = format!("{}.{number}", client.transactional_id);
        let options = ClientOptions { transactional_id, poll: POLL, ..client.clone() };
        let (machine, mut looks) = make().map_err(|error| Trouble::Hopeless(format!("{error:#}")))?;
        let Some(client) = connect(&options, stop, || telemetry.beat(name))? else { return Ok(()) };
        let log = Shown { log: client, life, toll: Toll::new(throttle.clone(), reached), stop };
        let worker = Worker::new(log, machine, sink.clone(), io.handle().clone(), metrics.clone());
        let mut slowness = Slowness::new(name, mates.clone());
        worker.run(|shown, machine, event| {
            telemetry.beat(name);
            slowness.sees(event);
            looks.look(&shown.log, machine)?;
            // It is no worker's fault that ClickHouse refuses what it sends.
            slowness.check(|| (machine.buffered() > 0, machine.is_hindered()))
        })
    });
    io.shutdown_background();
    ended.with_context(|| format!("the {name} has ended"))
}

/// A log whose events the worker's life is shown, and which brings no more than the process may take.
struct Shown<'a, L> {
    log: L,
    life: Life<'a>,
    toll: Toll,
    stop: &'a AtomicBool,
}

impl<L: Log> Log for Shown<'_, L> {
    fn perform(&mut self, action: Action<Ask>) -> Event<Answer> {
        let owed = self.toll.owed();
        if matches!(action, Action::Poll) && !owed.is_zero() && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(owed.min(POLL));
            return Event::Idle;
        }
        let event = self.log.perform(action);
        self.toll.sees(&event);
        self.life.sees(&event);
        event
    }
}

/// Connects, however long Kafka is away; `None` when asked to stop before.
///
/// # Errors
/// What no waiting helps against.
fn connect(options: &ClientOptions, stop: &Arc<AtomicBool>, beat: impl Fn()) -> Result<Option<Client>, Trouble> {
    const AGAIN: Duration = Duration::from_secs(2);
    while !stop.load(Ordering::Relaxed) {
        beat();
        match Client::connect(options.clone(), Arc::clone(stop)).map_err(Trouble::from) {
            Ok(client) => return Ok(Some(client)),
            Err(Trouble::Again(why)) => tracing::warn!(brokers = %options.brokers, %why, "waiting for Kafka"),
            Err(hopeless) => return Err(hopeless),
        }
        std::thread::sleep(AGAIN);
    }
    Ok(None)
}

/// Where the chain's records go.
///
/// # Errors
/// The password's file cannot be read.
pub fn sink(config: &Config) -> anyhow::Result<Sink> {
    let database = Database::new(&config.clickhouse).context("the password of ClickHouse")?;
    let tables: BTreeMap<Arc<str>, Table> = tables(config);
    Ok(Sink { database, chain: config.chain.as_str().into(), tables: tables.into() })
}

fn tables(config: &Config) -> BTreeMap<Arc<str>, Table> {
    let topics = config.topics();
    let (events, letters) = (topics.file_events(), topics.dead_letters());
    topics
        .inputs("loader")
        .into_iter()
        .map(|topic| {
            let table = match &topic {
                t if *t == events => Table::FileEvents,
                t if *t == letters => Table::Rejects,
                _ => Table::Rows,
            };
            (topic.into(), table)
        })
        .collect()
}

/// The machine's limits. A worker holds two batches at most: one on its way, one that fills.
#[must_use]
pub fn limits(config: &Config) -> load::Config {
    let batch_bytes = usize::try_from(config.clickhouse.batch_bytes.0).unwrap_or(usize::MAX);
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let contents: BTreeMap<Arc<str>, Content> =
        tables(config).into_iter().map(|(topic, table)| (topic, table.content())).collect();
    load::Config {
        dead_letters: (config.topics().dead_letters().into(), config.kafka.partitions),
        contents,
        batch_bytes,
        batch_records: BATCH_RECORDS,
        quiet_ms: ms(config.clickhouse.batch_quiet),
        batch_ms: ms(config.clickhouse.batch_interval),
        budget_bytes: batch_bytes.saturating_mul(2),
        backoff_ms: (100, 10_000),
        // What is under way then is repeated: before the process is ended, so that the group is left in order.
        grace_ms: ms(config.worker.grace.saturating_sub(LEAVING.min(config.worker.grace / 2))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_none_ends_the_wait_for_kafka_with_the_reason() {
        let options = ClientOptions {
            brokers: "127.0.0.1:1".into(),
            group: "g".into(),
            transactional_id: "t.0".into(),
            topics: vec!["rows".into()],
            compression: "none".into(),
            packs: false,
            opens: true,
            transaction_timeout: Duration::from_secs(60),
            poll: POLL,
            properties: BTreeMap::from([("no.such.setting".to_owned(), "1".to_owned())]),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let beats = std::cell::Cell::new(0);
        let ended = connect(&options, &stop, || {
            beats.set(beats.get() + 1);
            // Should it wait for ever, the test does not.
            stop.store(beats.get() > 1, Ordering::Relaxed);
        });
        let Err(Trouble::Hopeless(why)) = ended else { panic!("it has to end for good") };
        assert!(why.contains("kafka.properties") && why.contains("no.such.setting"), "{why}");
    }
}
