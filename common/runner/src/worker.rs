//! The loop of a worker, and the threads that run it.

use crate::metrics::WorkerMetrics;
use anyhow::Context as _;
use logmill_core::Stage;
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::worker::{Options, StageWorker};
use logmill_protocol::{Action, Event, Machine, Never};
use logmill_telemetry::Telemetry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
}

/// Runs `settings.threads` workers, each with a stage of its own, until the process is asked to stop or one fails.
///
/// # Errors
/// Of the first worker that failed; the others were stopped then.
pub fn run_stage<S: Stage>(settings: &Settings, make: impl Fn() -> anyhow::Result<S> + Sync) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let make = &make;
        let workers: Vec<_> = (0..settings.threads)
            .map(|number| {
                let name = format!("worker {number}");
                let run = move || {
                    let ended = run_worker(settings, number, make);
                    // One that failed ends the process: its supervisor sees it, and the group gives its partitions away.
                    settings.stop.store(true, Ordering::Relaxed);
                    ended
                };
                let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, run);
                thread.context("starting a worker's thread")
            })
            .collect();
        let mut all = Ok(());
        for (number, worker) in workers.into_iter().enumerate() {
            let ended = worker?.join().unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked; the log says where")));
            all = all.and(ended.with_context(|| format!("worker {number}")));
        }
        all
    })
}

fn run_worker<S: Stage>(
    settings: &Settings,
    number: u32,
    make: &(impl Fn() -> anyhow::Result<S> + Sync),
) -> anyhow::Result<()> {
    let mut options = settings.client.clone();
    options.transactional_id = format!("{}.{number}", options.transactional_id);
    let name = format!("worker {number}");
    settings.telemetry.beat(&name);
    let mut client = Client::connect(options, Arc::clone(&settings.stop)).context("connecting to Kafka")?;
    let mut machine = StageWorker::new(make()?, settings.machine.clone());
    let mut seen = machine.snapshot();
    let mut looked = Instant::now();
    let mut event = Event::Start;
    loop {
        settings.telemetry.beat(&name);
        if let Event::Failed(failure) = &event {
            tracing::warn!(worker = number, ?failure, "a transaction failed; going on from what is committed");
        }
        let action = machine.step(now_ms(), event);
        let committing = matches!(action, Action::Commit(_)).then(Instant::now);
        event = match action {
            Action::Exit(result) => {
                settings.telemetry.retire(&name);
                settings.metrics.add(&seen, &machine.snapshot());
                return result.map_err(anyhow::Error::msg);
            }
            action => client.perform::<Never, Never>(action),
        };
        match &event {
            Event::Assigned(partitions) => {
                settings.telemetry.ready(true);
                tracing::info!(worker = number, partitions = partitions.len(), "assigned");
            }
            Event::Revoked => tracing::info!(worker = number, "revoked"),
            _ => {}
        }
        if let Some(since) = committing {
            settings.metrics.commit_seconds.observe(since.elapsed().as_secs_f64());
        }
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            let now = machine.snapshot();
            settings.metrics.add(&seen, &now);
            seen = now;
        }
    }
}

/// How often the metrics follow the machine.
const LOOK: Duration = Duration::from_millis(500);

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
