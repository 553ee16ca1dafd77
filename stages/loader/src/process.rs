//! The loader as a process: its workers, made from the configuration.

use crate::body::Table;
use crate::metrics::Metrics;
use crate::sink::Sink;
use crate::worker::Worker;
use anyhow::Context;
use logmill_clickhouse::Database;
use logmill_config::Config;
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::load::{self, Content, Loader};
use logmill_runner::Process;
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

/// Loads until asked to stop.
///
/// # Errors
/// The password's file cannot be read, Kafka refuses, or a worker could not go on.
pub fn run(process: &Process) -> anyhow::Result<()> {
    let Process { config, telemetry, stop, .. } = process;
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("insert")
        .enable_all()
        .build()
        .context("the runtime of the INSERTs")?;
    let sink = sink(config)?;
    let metrics = telemetry.register(Metrics::new);
    let client = process.client("loader");
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..config.worker.threads)
            .map(|number| {
                let (sink, metrics, io) = (sink.clone(), metrics.clone(), io.handle().clone());
                let transactional_id = format!("{}.{number}", client.transactional_id);
                let options = ClientOptions { transactional_id, poll: POLL, ..client.clone() };
                scope.spawn(move || {
                    let name = format!("worker-{number}");
                    let result = match connect(&options, stop, || telemetry.beat(&name)) {
                        None => Ok(()),
                        Some(client) => {
                            telemetry.ready(true);
                            Worker::new(client, Loader::new(limits(config)), sink, io, metrics)
                                .run(|| telemetry.beat(&name))
                        }
                    };
                    telemetry.retire(&name);
                    // One worker that cannot go on ends the process: it is started anew as a whole.
                    stop.store(true, Ordering::Relaxed);
                    result.map_err(|why| format!("{name}: {why}"))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a worker that panics ends the process")).collect()
    });
    telemetry.ready(false);
    io.shutdown_background();
    results.into_iter().collect::<Result<(), String>>().map_err(anyhow::Error::msg)
}

/// Connects, however long Kafka is away; `None` when asked to stop before.
fn connect(options: &ClientOptions, stop: &Arc<AtomicBool>, beat: impl Fn()) -> Option<Client> {
    const AGAIN: Duration = Duration::from_secs(2);
    while !stop.load(Ordering::Relaxed) {
        beat();
        match Client::connect(options.clone(), Arc::clone(stop)) {
            Ok(client) => return Some(client),
            Err(why) => tracing::warn!(brokers = %options.brokers, %why, "waiting for Kafka"),
        }
        std::thread::sleep(AGAIN);
    }
    None
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
