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
use logmill_telemetry::Telemetry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Records in a batch at most: its INSERT names every file of them in the URL, of which ClickHouse takes 1 MiB
/// (`http_max_uri_size`); a file takes up to 60 bytes, escaped.
const BATCH_RECORDS: usize = 8_192;
/// The longest wait for a record: answers of the database are looked for between two polls.
const POLL: Duration = Duration::from_millis(20);

/// Loads until asked to stop by SIGTERM or SIGINT.
///
/// # Errors
/// The configuration's files cannot be read, Kafka refuses, or a worker could not go on.
pub fn run(config: &Config, telemetry: &Telemetry) -> anyhow::Result<()> {
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("insert")
        .enable_all()
        .build()
        .context("the runtime of the INSERTs")?;
    let sink = sink(config)?;
    let metrics = telemetry.register(Metrics::new);
    let stop = stop_on_signals(&io);
    let slot = config.worker.slot.clone().unwrap_or_else(unique);
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..config.worker.threads)
            .map(|number| {
                let (sink, metrics, stop, slot) = (sink.clone(), metrics.clone(), stop.clone(), &slot);
                let io = io.handle().clone();
                scope.spawn(move || {
                    let name = format!("worker-{number}");
                    let options = options(config, slot, number);
                    let result = Client::connect(options, stop.clone()).map_err(|e| e.to_string()).and_then(|client| {
                        telemetry.ready(true);
                        Worker::new(client, Loader::new(limits(config)), sink, io, metrics)
                            .run(|| telemetry.beat(&name))
                    });
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
        batch_ms: ms(config.clickhouse.batch_interval),
        budget_bytes: batch_bytes.saturating_mul(2),
        backoff_ms: (100, 10_000),
        grace_ms: ms(config.worker.grace),
    }
}

fn options(config: &Config, slot: &str, number: u32) -> ClientOptions {
    let topics = config.topics();
    ClientOptions {
        brokers: config.kafka.brokers.clone(),
        group: topics.group("loader"),
        transactional_id: topics.transactional_id("loader", slot, number),
        topics: topics.inputs("loader"),
        compression: config.kafka.compression.name().into(),
        transaction_timeout: config.transaction.timeout,
        poll: POLL,
        properties: config.kafka.properties.0.clone(),
    }
}

/// A name that no other process has, where none is configured.
fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:x}", std::process::id(), now.as_nanos())
}

fn stop_on_signals(io: &Runtime) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    io.spawn(async move {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            tracing::error!("signals cannot be caught: SIGTERM will end this process at once");
            return;
        };
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        asked.store(true, Ordering::Relaxed);
    });
    stop
}
