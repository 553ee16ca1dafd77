//! Random faults on the whole chain, on real servers: processes killed, stopped beyond their session and woken, added and
//! taken away, the broker, the engine and whole clusters killed and started again, or stopped. In the end the table is compared with the original files.

mod faults;
mod sight;
mod tally;

pub use faults::{Faults, Kind};
pub use tally::{Tally, judged};

use anyhow::{Context, ensure};
use logmill_config::{Layout, Size};
use logmill_demo::chain::Settings;
use logmill_e2e::{Fixture, fixture_with, folder, start_with};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(420);
/// Instances of each stage.
const INSTANCES: u32 = 2;
/// Bytes of a chunk: so few that a file has hundreds, and the chain work for long.
const CHUNK: u64 = 3 << 10;
/// Chunks of a plain file that each file has to have at least.
const CHUNKS: u64 = 20;
/// Seconds that fetching all files takes: faults are to meet fetchers too.
const FETCHING: u64 = 40;
/// Files that a fetcher reads at a time: with more, each waits so long for its next bytes that no call meets a cluster's death.
const COROUTINES: u32 = 2;
/// Times without an answer of a cluster after which a call is given up, and the files are parked.
const CALL: Duration = Duration::from_secs(3);
const PARK: Duration = Duration::from_secs(4);
/// Faults of a run that have to meet an open transaction or a running INSERT.
const HITS: u32 = 10;

/// Some runs.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    pub runs: u32,
    /// Of the first run; the next one has the next number.
    pub seed: u64,
    /// Kafka brokers: 1 or 3.
    pub brokers: usize,
}

impl Campaign {
    /// Runs them all, or up to the first that fails. What happened, and why it failed. That every kind of fault met something
    /// is for the caller to ask.
    #[must_use]
    pub fn run(self) -> (Tally, Option<String>) {
        let (fixture, _turn) = fixture_with(self.brokers);
        let mut tally = Tally::default();
        for seed in (self.seed..).take(self.runs as usize) {
            let (counted, result) = run(fixture, seed);
            println!("run with seed {seed}: {counted}");
            for kind in counted.unmet() {
                println!("run with seed {seed}: no {kind} met an open transaction or a running INSERT");
            }
            tally.add(&counted);
            if let Err(why) = result {
                return (
                    tally,
                    Some(format!(
                        "{why:#}\nagain: CRASH_RUNS=1 CRASH_SEED={seed} CRASH_BROKERS={} make crash",
                        self.brokers
                    )),
                );
            }
        }
        (tally, None)
    }
}

fn run(fixture: &'static Fixture, seed: u64) -> (Tally, anyhow::Result<()>) {
    let layout = if seed.is_multiple_of(2) { Layout::Fused } else { Layout::Separate };
    let begun = Instant::now();
    let fewest = fixture.logs.entries.iter().map(|entry| entry.bytes / CHUNK).min().unwrap_or_default();
    println!("run with seed {seed}: {} files of {fewest} chunks and more", fixture.logs.entries.len());
    let name = format!("crash{seed}");
    let settings = Settings {
        folder: folder(&name),
        name,
        layout,
        instances: INSTANCES,
        files: "/logs".into(),
        chunk_bytes: Some(CHUNK),
    };
    let bytes: u64 = fixture.logs.entries.iter().map(|entry| entry.bytes).sum();
    let running = start_with(fixture, settings, fixture.logs.entries.len() as u64, |config| {
        let each = bytes / config.clusters.len() as u64 / u64::from(INSTANCES) / FETCHING;
        for cluster in config.clusters.values_mut() {
            (cluster.call_timeout, cluster.park_after) = (CALL, PARK);
            (cluster.coroutines, cluster.bytes_per_second) = (COROUTINES, Some(Size(each)));
        }
    });
    let through = AtomicBool::new(false);
    let (mut tally, result) = std::thread::scope(|scope| {
        let inflict = scope.spawn(|| {
            let rng = StdRng::seed_from_u64(seed);
            Faults::new(&fixture.stack, &running, &Kind::ALL, rng)?.inflict(|| through.load(Ordering::Relaxed))
        });
        let arrived = running.try_through(LIMIT);
        through.store(true, Ordering::Relaxed);
        let inflicted = inflict.join().expect("a thread that inflicts faults reports errors");
        match (inflicted, arrived) {
            (Ok(tally), arrived) => (tally, arrived.context("the files did not come through")),
            (Err(why), _) => (Tally::default(), Err(why.context("a fault could not be inflicted"))),
        }
    });
    let result = result.and_then(|()| {
        tally.compared = 1;
        tally.lines = fixture.logs.totals().1;
        let (equal, report) = running.compare(&fixture.logs);
        println!("{}", report.trim_end());
        (tally.lost, tally.doubled) = judged(&report);
        ensure!(equal, "the table is not what the files hold:\n{report}");
        let (proven, report) = running.reconcile();
        ensure!(proven, "logmill reconcile: {report}");
        let hits: u32 = Kind::ALL.into_iter().map(|kind| tally.hits(kind)).sum();
        ensure!(fewest >= CHUNKS, "a file has only {fewest} chunks, {CHUNKS} are wanted");
        ensure!(hits >= HITS, "only {hits} faults met an open transaction or a running INSERT, {HITS} have to");
        Ok(())
    });
    tally.runs = 1;
    println!("run with seed {seed} took {:.0} s, {layout:?}", begun.elapsed().as_secs_f64());
    (tally, result)
}
