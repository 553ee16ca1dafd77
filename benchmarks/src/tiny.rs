//! Many files of a kilobyte or two, by themselves and beside large ones: what a file costs, whatever is in it.

use crate::data;
use crate::processes::{cpu, peaks};
use crate::report::Row;
use anyhow::{Context, ensure};
use logmill_config::Layout;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Clients, Put, upload};
use logmill_stack::Stack;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of text that gzip makes a kilobyte and a half of.
const TINY: usize = 4_500;
/// Bytes of text of a large file, and how many there are.
const LARGE: usize = 8 << 20;
const LARGE_FILES: usize = 16;
const FOLDER: &str = "/bench-tiny";
const WAITING: &str = "/waiting-tiny";
const PATIENCE: Duration = Duration::from_secs(1800);
const LOOK: Duration = Duration::from_millis(500);

/// Takes large files, then `files` tiny ones, then as many of both together through a chain.
///
/// # Errors
/// The chain does not come to its end, or proves something wrong.
pub async fn measure(stack: &Stack, folder: &Path, files: usize) -> anyhow::Result<Vec<Row>> {
    let folder = folder.join("tiny");
    std::fs::create_dir_all(&folder)?;
    let kind = |name: &str, bytes: usize, count: usize| {
        let (text, local) = (data::log(bytes), folder.join(name));
        let packed = data::gzip(text.as_bytes());
        std::fs::write(&local, &packed).with_context(|| format!("writing {}", local.display()))?;
        let lines = text.lines().count();
        anyhow::Ok((Kind { local, bytes: text.len(), lines, count }, packed.len()))
    };
    let ((tiny, packed), (large, _)) = (kind("tiny.gz", TINY, files)?, kind("large.gz", LARGE, LARGE_FILES)?);
    let settings = Settings {
        name: "bench_tiny".into(),
        folder: folder.clone(),
        layout: Layout::Separate,
        instances: 1,
        files: FOLDER.into(),
        chunk_bytes: None,
    };
    let chain = tokio::task::block_in_place(|| Chain::set_up(stack, settings))?;
    let processes = tokio::task::block_in_place(|| chain.start(|line| eprintln!("{line}")))?;
    let bench = Bench { chain, clients: clients(stack)? };
    let warm = Kind { count: 2, ..large.clone() };
    let mut rows = 0;
    bench.put("warm", &warm).await?;
    bench.take("warm", &[&warm], &mut rows).await?;
    bench.put("large", &large).await?;
    let alone = bench.take("large", &[&large], &mut rows).await?;
    bench.put("tiny", &tiny).await?;
    let many = bench.take("tiny", &[&tiny], &mut rows).await?;
    // Under another path they are other files: none has to be written again.
    bench.aside("tiny", "both").await?;
    bench.put("both", &large).await?;
    let both = bench.take("both", &[&large, &tiny], &mut rows).await?;
    let deaths: u32 = processes.list().iter().map(|process| process.deaths).sum();
    ensure!(deaths == 0, "a process died: {:?}", processes.list());
    let proof = tokio::task::block_in_place(|| bench.chain.logmill(&["reconcile"]))?;
    ensure!(proof.status.success(), "the chain is not proven: {}", String::from_utf8_lossy(&proof.stdout));

    let bytes = |kind: &Kind| (kind.bytes * kind.count) as f64;
    let name = format!("tiny: {files} files of {packed} B");
    let each = many.spent() / files as f64;
    let mut all = vec![
        Row::new("tiny: large files alone", "MB/s", bytes(&large) / 1e6 / alone.seconds),
        Row::new("tiny: large files alone", "CPU-ns/byte", alone.spent() * 1e9 / bytes(&large)),
        Row::new(&*name, "files/s", files as f64 / many.seconds),
        Row::new(&*name, "CPU-ns/byte", many.spent() * 1e9 / bytes(&tiny)),
        Row::new(&*name, "CPU-ms/file", each * 1e3),
    ];
    let parts = many.cpu.iter().map(|(part, seconds)| (part, seconds * 1e3 / files as f64));
    all.extend(parts.map(|(part, cost)| Row::new(format!("{name}: {part}"), "CPU-ms/file", cost)));
    all.push(
        Row::new("tiny: both together (floor: one after the other)", "CPU-s", both.spent())
            .floor(alone.spent() + many.spent()),
    );
    all.push(
        Row::new("tiny: both together (floor: one after the other)", "s", both.seconds)
            .floor(alone.seconds + many.seconds),
    );
    let stages = bench.chain.stages().iter();
    let peak = |taken: &Taken, stage: &str| taken.peaks.get(stage).copied().unwrap_or_default();
    all.extend(stages.map(|stage| {
        let name = format!("tiny: most memory of the {stage} (floor: with large files alone)");
        Row::new(name, "MiB", peak(&both, stage)).floor(peak(&alone, stage))
    }));
    Ok(all)
}

/// Files that are alike.
#[derive(Clone)]
struct Kind {
    local: PathBuf,
    /// Of text, in each.
    bytes: usize,
    lines: usize,
    count: usize,
}

/// What it took to take files through.
struct Taken {
    seconds: f64,
    /// CPU seconds of each process, and of the servers.
    cpu: BTreeMap<&'static str, f64>,
    /// MiB, so far.
    peaks: BTreeMap<&'static str, f64>,
}

impl Taken {
    fn spent(&self) -> f64 {
        self.cpu.values().sum()
    }
}

struct Bench {
    chain: Chain,
    clients: Clients,
}

impl Bench {
    /// Puts files of a kind aside.
    async fn put(&self, name: &str, Kind { local, bytes, count, .. }: &Kind) -> anyhow::Result<()> {
        let put = |n| {
            let path = format!("{WAITING}/{name}/{bytes}-{n:06}.log.gz");
            Put { local: local.clone(), cluster: "a".into(), path }
        };
        upload(&self.clients, (0..*count).map(put).collect()).await
    }

    /// Takes files that the chain is through with away from it, and puts them aside under another name.
    async fn aside(&self, name: &str, again: &str) -> anyhow::Result<()> {
        let (from, to) = (format!("{FOLDER}/{name}"), format!("{WAITING}/{again}"));
        self.clients["a"].rename(&from, &to, false).await.with_context(|| format!("renaming {from}"))
    }

    /// Gives the chain the files that stand aside, all at once, and waits until their rows are in the table, beside `rows`.
    async fn take(&self, name: &str, kinds: &[&Kind], rows: &mut usize) -> anyhow::Result<Taken> {
        *rows += kinds.iter().map(|kind| kind.lines * kind.count).sum::<usize>();
        let client = &self.clients["a"];
        client.mkdirs(FOLDER, 0o755, true).await?;
        let (before, begun) = (cpu(), Instant::now());
        client
            .rename(&format!("{WAITING}/{name}"), &format!("{FOLDER}/{name}"), false)
            .await
            .context("giving the chain its files")?;
        loop {
            let seen = tokio::task::block_in_place(|| self.chain.sql("SELECT count() FROM rows"))?;
            if seen.trim() == rows.to_string() {
                break;
            }
            ensure!(begun.elapsed() < PATIENCE, "{} rows after {PATIENCE:?}, not {rows}", seen.trim());
            tokio::time::sleep(LOOK).await;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let spent = |(kind, after): (&'static str, f64)| (kind, after - before.get(kind).unwrap_or(&0.0));
        let cpu = cpu().into_iter().filter(|(kind, _)| *kind != "self").map(spent).collect();
        Ok(Taken { seconds, cpu, peaks: peaks() })
    }
}
