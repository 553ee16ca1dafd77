//! A worker that is slow, not dead: it gives its partitions up, is called back when it is needed, and nothing is lost or doubled.

use crate::channels::Bench;
use logmill_config::{Compression, Size};
use logmill_demo::progress::{self, Lag, before};
use logmill_e2e::fixture;
use std::time::Duration;

/// A worker that is slow for so long rests, five times as long the first time.
const PATIENT: Duration = Duration::from_secs(10);
/// What each may do, bytes a second.
const FAST: u64 = 256 << 10;
const SLOW: u64 = 64 << 10;
const FILES: usize = 60;
/// Between two INSERTs.
const SHORT: Duration = Duration::from_millis(500);

/// Chunks of all files at least, 16 KiB each.
const CHUNKS: i64 = 16 * FILES as i64;

fn names() -> Vec<String> {
    (0..FILES).map(|n| n.to_string()).collect()
}

/// A process of the stage that may do so many bytes a second.
fn start(bench: &Bench, stage: &str, slot: u32, rate: u64) {
    let mut spec = bench.chain.spec(stage, slot);
    let limit = if stage == "fetcher" { "CLUSTERS__A" } else { "WORKER" };
    spec.environment.push((format!("LOGMILL__{limit}__BYTES_PER_SECOND"), format!("\"{}\"", Size(rate))));
    bench.processes.start(spec).expect("the stage starts");
}

fn lags(bench: &Bench) -> Vec<Lag> {
    progress::lags(&bench.chain).expect("what stands before each stage")
}

/// Records before the re-encoders.
fn waits(bench: &Bench) -> i64 {
    before(&lags(bench), "reencoder")
}

#[test]
fn a_slow_worker_gives_its_partitions_up_and_is_called_back_when_the_others_become_fewer() {
    let (fixture, _turn) = fixture();
    let bench = Bench::set_up(fixture, "slow", |config| {
        config.worker.slow = PATIENT;
        config.kafka.compression = Compression::None; // so that a chunk is as many bytes as it says
    });
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    ["fetcher", "decompressor"].into_iter().for_each(|stage| bench.start(stage));
    bench.put("a", &names);
    bench.until("there is much to do", || waits(&bench) >= CHUNKS);

    start(&bench, "reencoder", 0, FAST);
    start(&bench, "reencoder", 1, SLOW);
    bench.until("the slow one gives its partitions up", || bench.log("reencoder-1").contains("rests: for "));
    assert!(!bench.log("reencoder-0").contains("rests: "), "{}", bench.log("reencoder-0"));
    assert!(waits(&bench) > CHUNKS / 8, "there is much to do still");
    bench.processes.terminate("reencoder-0", Duration::from_secs(30)).expect("it ends");
    bench.until("it is called back", || bench.log("reencoder-1").contains("goes on: called back"));

    start(&bench, "reencoder", 2, FAST * 100);
    ["distributor", "splitter", "loader"].into_iter().for_each(|stage| bench.start(stage));
    bench.through(FILES as u64);
    bench.assert_exactly_once(&names);
}

#[test]
fn a_slow_loader_gives_its_partitions_up_and_every_row_is_there_once() {
    let (fixture, _turn) = fixture();
    let bench = Bench::set_up(fixture, "slow_loader", |config| {
        config.worker.slow = PATIENT;
        // What is done shows in time.
        (config.clickhouse.batch_interval, config.clickhouse.batch_quiet) = (SHORT, SHORT);
    });
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let others = ["fetcher", "decompressor", "reencoder", "distributor", "splitter"];
    others.into_iter().for_each(|stage| bench.start(stage));
    bench.put("a", &names);
    bench.until("all else is done", || {
        let lags = lags(&bench);
        before(&lags, "loader") >= 3 * CHUNKS && others.into_iter().all(|stage| before(&lags, stage) == 0)
    });

    start(&bench, "loader", 0, 2 * FAST);
    start(&bench, "loader", 1, SLOW);
    bench.until("the slow one gives its partitions up", || bench.log("loader-1").contains("rests: for "));
    assert!(!bench.log("loader-0").contains("rests: "), "{}", bench.log("loader-0"));
    bench.through(FILES as u64);
    bench.assert_exactly_once(&names);
}

#[test]
fn a_slow_fetcher_gives_its_tasks_up_amid_files_and_every_row_is_there_once() {
    let (fixture, _turn) = fixture();
    let bench = Bench::set_up(fixture, "slow_fetcher", |config| config.worker.slow = PATIENT);
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    start(&bench, "fetcher", 0, 4 * FAST);
    start(&bench, "fetcher", 1, SLOW);
    bench.put("a", &names);
    bench.until("the slow one gives its tasks up", || bench.log("fetcher-1").contains("rests: for "));
    assert!(!bench.log("fetcher-0").contains("rests: "), "{}", bench.log("fetcher-0"));
    ["decompressor", "reencoder", "distributor", "splitter", "loader"].into_iter().for_each(|stage| bench.start(stage));
    bench.through(FILES as u64);
    bench.assert_exactly_once(&names);
}
