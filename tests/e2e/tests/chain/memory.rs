//! Memory: every stage under a hard limit, with what is worst for it. A process that asks for more gets none, and dies; then
//! the test fails. `make memory` runs these at their full size (`MEMORY=full`), as the names say it; the tests of each change
//! with half a gibibyte and an eighth of the line ends.

use flate2::Compression;
use flate2::write::GzEncoder;
use logmill_config::{Layout, Size};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::processes::Processes;
use logmill_demo::progress;
use logmill_e2e::{Fixture, PATIENCE, fixture, folder};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What each process may have. Most of it is what librdkafka's threads have for stacks.
const LIMIT: u64 = 320 << 20;

/// The full size where it was asked for, or else a part of it.
fn sized(full: u64, part: u64) -> u64 {
    if std::env::var("MEMORY").is_ok_and(|size| size == "full") { full } else { full / part }
}

/// A chain whose buffers are small, each process held to [`LIMIT`]; nothing runs yet.
fn chain(fixture: &'static Fixture, name: &str, layout: Layout) -> (Chain, PathBuf) {
    let home = folder(name);
    let files = format!("/{name}");
    let settings = Settings { name: name.into(), folder: home.clone(), layout, instances: 1, files, chunk_bytes: None };
    let mut chain = Chain::set_up_with(&fixture.stack, settings, |config| {
        config.worker.queue_bytes = Size::mib(4);
        config.worker.fetch_bytes = Size(256 << 10);
        config.worker.send_bytes = Size::mib(8);
        config.transaction.bytes = Size::mib(8);
        config.clickhouse.batch_bytes = Size::mib(16);
        config.clusters.values_mut().for_each(|cluster| cluster.coroutines = 2);
    })
    .expect("topics and tables");
    chain.hold_to(LIMIT);
    (chain, home)
}

/// A gzip file of `text` again and again.
fn gzip(path: &Path, text: &[u8], times: usize) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let file = std::fs::File::create(path).expect("a local file");
    let mut encoder = GzEncoder::new(std::io::BufWriter::new(file), Compression::new(1));
    (0..times).for_each(|_| encoder.write_all(text).expect("writing a local file"));
    encoder.finish().expect("writing a local file").flush().expect("writing a local file");
}

/// Takes files through; no process dies. The greatest memory of each is printed.
fn through(fixture: &Fixture, chain: &Chain, puts: Vec<Put>) {
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    let files = puts.len() as u64;
    fixture.runtime.block_on(async {
        upload(&clients(&fixture.stack).expect("clients of the clusters"), puts).await.expect("putting the files");
        let show = |line: String| println!("{line}");
        progress::wait(chain, files, Duration::from_secs(5), PATIENCE, show).await.expect("all come to their end");
    });
    print_peaks(&processes);
    let deaths: Vec<_> = processes.list().into_iter().filter(|process| process.deaths > 0).collect();
    assert!(deaths.is_empty(), "{} MiB were too little: {deaths:?}", LIMIT >> 20);
    let proof = chain.logmill(&["reconcile"]).expect("logmill reconcile runs");
    assert!(proof.status.success(), "{}", String::from_utf8_lossy(&proof.stdout));
}

fn print_peaks(processes: &Processes) {
    for process in processes.list() {
        let status = process.pid.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let field = |name: &str| {
            let line = status.as_deref()?.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let mib = |name| field(name).unwrap_or(0) / 1024;
        println!("{}: at most {} MiB resident, {} MiB asked for now", process.name, mib("VmHWM:"), mib("VmData:"));
    }
}

fn put(local: PathBuf, chain: &str, name: &str) -> Put {
    Put { local, cluster: "a".into(), path: format!("/{chain}/{name}") }
}

/// Numbers that SQL gives.
fn numbers(chain: &Chain, sql: &str) -> Vec<u64> {
    let answer = chain.sql(&format!("{sql} FORMAT TSV")).expect("SQL");
    answer.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

#[test]
fn a_line_of_a_gibibyte() {
    let (fixture, _turn) = fixture();
    let (chain, home) = chain(fixture, "longline", Layout::Separate);
    let local = home.join("line.gz");
    let bytes = sized(1 << 30, 2);
    gzip(&local, &[b'x'; 1 << 20], (bytes >> 20) as usize);
    through(fixture, &chain, vec![put(local, "longline", "line.log.gz")]);
    let sql = "SELECT count(), uniqExact(part), max(part), uniqExact(line), sum(length(text)), \
               countIf(replaceAll(text, 'x', '') != '') FROM rows";
    let parts = bytes / (256 << 10);
    assert_eq!(numbers(&chain, sql), [parts, parts, parts - 1, 1, bytes, 0]);
}

#[test]
fn sixty_four_mebibytes_of_bare_line_ends() {
    let (fixture, _turn) = fixture();
    let (chain, home) = chain(fixture, "linefeeds", Layout::Fused);
    let local = home.join("lines.gz");
    let lines = sized(64 << 20, 8);
    gzip(&local, &[b'\n'; 1 << 20], (lines >> 20) as usize);
    through(fixture, &chain, vec![put(local, "linefeeds", "lines.log.gz")]);
    let sql = "SELECT count(), min(line), max(line), sum(length(text)) FROM rows";
    assert_eq!(numbers(&chain, sql), [lines, 1, lines, 0]);
}

#[test]
fn more_files_than_may_be_open() {
    let (fixture, _turn) = fixture();
    let (chain, home) = chain(fixture, "manyfiles", Layout::Separate);
    let (files, bytes) = (400, 40_000);
    let line = format!("2026-11-01 12:00:00,000 INFO {}\n", "x".repeat(69));
    let local = home.join("small.gz");
    gzip(&local, line.as_bytes(), bytes / line.len());
    let puts = (0..files).map(|n| put(local.clone(), "manyfiles", &format!("{n:04}.log.gz"))).collect();
    through(fixture, &chain, puts);
    let sql = "SELECT uniqExact(file_id), count() FROM rows";
    assert_eq!(numbers(&chain, sql), [files, files * (bytes / line.len()) as u64]);
}
