//! What listing costs as the files in sight grow: files a second, CPU a file, memory; beside the bare client's listing.

use crate::processes::{cpu, peaks};
use crate::report::Row;
use anyhow::{Context, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hdfs_native::{Client, ClientBuilder, WriteOptions};
use logmill_config::Layout;
use logmill_core::FileId;
use logmill_core::wire::Record;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::processes::Processes;
use logmill_kafka::journal::{Journal, JournalOptions};
use logmill_protocol::{Outgoing, Partition};
use logmill_stack::{Stack, Wanted, http};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Files in one folder.
const IN_FOLDER: usize = 2_000;
/// Files that are made at the same time, by each of the clients.
const SIDE_BY_SIDE: usize = 64;
const CLIENTS: usize = 4;
/// Records in a transaction on the topic of known files.
const BATCH: usize = 20_000;
const FOLDER: &str = "/bench-listing";
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(20);
/// What a million files may cost a file, in parts of what a tenth of them does.
const GOAL: f64 = 1.2;

/// Lists 1000 files, ten times as many, and so on up to `most`; all empty, on servers of its own: a NameNode needs memory
/// for its names.
///
/// # Errors
/// A server does not start, or a listing does not come to its end.
pub async fn measure(most: usize) -> anyhow::Result<Vec<Row>> {
    let heap = 256 + most / 1000;
    let servers = Wanted { brokers: 1, hdfs: vec!["a".into()], hdfs_heap: heap, clickhouse: true, ..Wanted::default() };
    let stack = tokio::task::block_in_place(|| Stack::start(&logmill_stack::default_dir(), &servers))?;
    let rows = measure_on(&stack, most).await;
    tokio::task::block_in_place(|| stack.stop());
    rows
}

async fn measure_on(stack: &Stack, most: usize) -> anyhow::Result<Vec<Row>> {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let folder = stack.folder().join("bench-listing");
    let settings = Settings {
        name: "bench_listing".into(),
        folder: folder.clone(),
        layout: Layout::Separate,
        instances: 1,
        files: FOLDER.into(),
        chunk_bytes: None,
    };
    let set_up = || {
        Chain::set_up_with(stack, settings, |config| {
            config.http.listen = free.to_string();
            for cluster in config.clusters.values_mut() {
                cluster.scan_interval = Duration::from_millis(100);
                // All files are due, and next to none has a task.
                (cluster.settle, cluster.tasks_ahead) = (1, 1);
            }
        })
    };
    let bench =
        Bench { chain: tokio::task::block_in_place(set_up)?, folder, metrics: format!("http://{free}/metrics") };
    let address = stack.hdfs("a");
    let client = || {
        let config = address.config.iter().map(|(key, value)| (key.clone(), value.clone()));
        ClientBuilder::new().with_url(&address.url).with_config(config).build()
    };
    let clients: Vec<Client> = (0..CLIENTS).map(|_| client()).collect::<Result<_, _>>()?;
    let (mut rows, mut made, mut noted) = (Vec::new(), 0, 0);
    let mut before: Option<[f64; 2]> = None;
    for files in sizes(most) {
        let begun = Instant::now();
        make(&clients, made..files).await?;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("{} empty files were made in {seconds:.0} s", files - made);
        made = files;
        let name = |what: &str| format!("listing of {files} files: {what}");

        let (floor, rate, listed) = bare(&clients[0], files).await?;
        rows.push(Row::new(name("bare client"), "files/s", rate));
        let waiting = bench.run(files)?;
        rows.push(Row::new(name("all wait for a task"), "files/s", waiting.rate));
        rows.push(Row::new(name("all wait for a task"), "CPU-ns/file", waiting.cost).floor(floor));
        rows.push(Row::new(name("all wait for a task"), "MiB, at most", waiting.peak));

        // What the lister waiting above has noted is noted again: it is the same.
        tokio::task::block_in_place(|| bench.note(&listed[noted..]))?;
        noted = listed.len();
        let known = bench.run(files)?;
        rows.push(Row::new(name("all have a task"), "files/s", known.rate));
        let cost = Row::new(name("all have a task"), "CPU-ns/file", known.cost);
        rows.push(cost.floor(floor));
        rows.push(Row::new(name("all have a task"), "MiB, at most", known.peak));
        rows.push(Row::new(name("all have a task"), "s to the first's end", known.first));
        if let Some(before) = before.filter(|_| files > 10_000) {
            for (what, cost, before) in
                [("all wait for a task", waiting.cost, before[0]), ("all have a task", known.cost, before[1])]
            {
                let name = format!("{} (floor: of a tenth)", name(what));
                rows.push(Row::new(name, "CPU-ns/file", cost).floor(before).goal(GOAL));
            }
        }
        before = Some([waiting.cost, known.cost]);
    }
    Ok(rows)
}

/// 1000, and ten times as many each time, up to `most`.
fn sizes(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1000), |n| Some(n * 10)).take_while(move |n| *n <= most)
}

/// Makes empty files of these numbers.
async fn make(clients: &[Client], numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let folder = |n: usize| format!("{FOLDER}/2026/11/{:04}", n / IN_FOLDER);
    for n in numbers.clone().filter(|n| n % IN_FOLDER == 0 || *n == numbers.start) {
        clients[0].mkdirs(&folder(n), 0o755, true).await?;
    }
    let one = |n: usize| {
        let path = format!("{}/application-server-{n:08}.log.gz", folder(n));
        let client = &clients[n % clients.len()];
        async move {
            let mut writer = client.create(&path, WriteOptions::default()).await?;
            writer.close().await
        }
    };
    stream::iter(numbers).map(one).buffer_unordered(SIDE_BY_SIDE * clients.len()).try_collect::<()>().await?;
    Ok(())
}

/// A file as the client lists it.
struct File {
    path: String,
    modified_ms: u64,
}

/// CPU-ns a file and files a second of the bare client; and the files, in the order of their paths.
async fn bare(client: &Client, files: usize) -> anyhow::Result<(f64, f64, Vec<File>)> {
    let (begun, before) = (Instant::now(), cpu()["self"]);
    // CPU time is told in hundredths of a second.
    let (rounds, mut count) = ((200_000 / files).max(1), 0);
    for _ in 0..rounds {
        let listing = client.list_status_iter(FOLDER, true);
        while let Some(status) = listing.next().await.transpose()? {
            count += usize::from(!status.isdir);
        }
    }
    let (cost, seconds) = (cpu()["self"] - before, begun.elapsed().as_secs_f64());
    ensure!(count == rounds * files, "{count} files were listed in {rounds} rounds of {files}");
    let mut listed = Vec::with_capacity(files);
    let listing = client.list_status_iter(FOLDER, true);
    while let Some(status) = listing.next().await.transpose()? {
        if !status.isdir {
            listed.push(File { path: status.path, modified_ms: status.modification_time });
        }
    }
    // Names are made in order, so that what is new stands behind what was there.
    listed.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok((cost * 1e9 / count as f64, count as f64 / seconds, listed))
}

/// What a lister showed.
struct Seen {
    /// CPU-ns a file and files a second of listings after the first.
    cost: f64,
    rate: f64,
    /// Seconds from the start of the process to the end of the first listing.
    first: f64,
    /// MiB that the fetcher had at most.
    peak: f64,
}

struct Bench {
    chain: Chain,
    folder: PathBuf,
    metrics: String,
}

impl Bench {
    /// Starts a fetcher and looks at its listings.
    fn run(&self, files: usize) -> anyhow::Result<Seen> {
        tokio::task::block_in_place(|| {
            let processes = Processes::new(&self.folder.join("log"), |line| eprintln!("{line}"))?;
            let begun = Instant::now();
            processes.start(self.chain.spec("fetcher", 0))?;
            let first = self.wait(1)?;
            let seconds = begun.elapsed().as_secs_f64();
            let before = fetcher_cpu();
            // Short listings are many, so that what the process does beside them counts as little as it is.
            let last = self.wait(first + if files < 100_000 { 20 } else { 2 })?;
            let (cost, took) = (fetcher_cpu() - before, begun.elapsed().as_secs_f64() - seconds);
            let listed = (last - first) as f64 * files as f64;
            let peak = peaks().get("fetcher").copied().context("the fetcher runs")?;
            processes.terminate("fetcher-0", Duration::from_secs(30))?;
            Ok(Seen { cost: cost * 1e9 / listed, rate: listed / took, first: seconds, peak })
        })
    }

    /// Waits until so many listings have come to their end; how many have.
    fn wait(&self, scans: u64) -> anyhow::Result<u64> {
        let begun = Instant::now();
        loop {
            let seen = self.scans().unwrap_or(0);
            if seen >= scans {
                return Ok(seen);
            }
            ensure!(begun.elapsed() < PATIENCE, "{seen} of {scans} listings came to their end within {PATIENCE:?}");
            std::thread::sleep(LOOK);
        }
    }

    fn scans(&self) -> Option<u64> {
        let page = http::request("GET", &self.metrics, &[], b"", Duration::from_secs(5)).ok()?.text();
        page.lines().find_map(|line| line.strip_prefix("logmill_fetcher_scans_total{cluster=\"a\"} ")?.parse().ok())
    }

    /// Notes files as known, as a lister does with their tasks.
    fn note(&self, files: &[File]) -> anyhow::Result<()> {
        let kafka = &self.chain.config.kafka;
        let mut journal = Journal::connect(JournalOptions {
            brokers: kafka.brokers.clone(),
            transactional_id: "bench-listing".into(),
            transaction_timeout: Duration::from_secs(60),
            properties: kafka.properties.0.clone(),
        })?;
        let known = Partition::new(self.chain.config.topics().known("a"), 0);
        let record = |file: &File| {
            let id = FileId::of("a", file.path.as_bytes(), 0, file.modified_ms);
            let value = serde_json::json!({ "path": file.path, "length": 0, "modified_ms": file.modified_ms });
            let record = Record { key: id.to_string().into(), headers: Vec::new(), payload: value.to_string().into() };
            Outgoing { partition: known.clone(), record }
        };
        for batch in files.chunks(BATCH) {
            journal.write(&batch.iter().map(record).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

fn fetcher_cpu() -> f64 {
    cpu().get("fetcher").copied().unwrap_or_default()
}
