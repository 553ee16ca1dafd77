//! The whole chain: files in HDFS to rows in a MergeTree, every process and server counted but HDFS itself.

use crate::data;
use crate::processes::cpu;
use crate::report::Row;
use anyhow::{Context, ensure};
use encoding_rs::GB18030;
use logmill_clickhouse::WORDS;
use logmill_config::{FixedEncoding, Layout};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_stack::Stack;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files that the text is dealt out to; the first of them only warm everything up.
const FILES: usize = 32;
const WARM: usize = 8;
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the chain is looked at while it has nothing to do.
const IDLE: Duration = Duration::from_secs(5);
/// How often it is asked how far the chain is.
const LOOK: Duration = Duration::from_secs(1);

/// A chain, and what goes through it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Tells it from the others of a run: a part of the names of its folder, its topics and its database.
    pub name: String,
    pub layout: Layout,
    /// Of each topic.
    pub partitions: i32,
    /// Processes of each stage.
    pub instances: u32,
    /// Every second file is in GB18030.
    pub mixed: bool,
}

impl Shape {
    /// The configuration's own partitions, one process of each stage, UTF-8.
    #[must_use]
    pub fn of(layout: Layout) -> Self {
        let partitions = logmill_config::Kafka::default().partitions;
        Self { name: layout.name().into(), layout, partitions, instances: 1, mixed: false }
    }

    fn hops(&self) -> f64 {
        match self.layout {
            Layout::Separate => 4.0,
            Layout::Fused => 3.0,
            Layout::Compact => 1.0,
            Layout::Direct => 0.0,
        }
    }
}

/// What a chain took.
pub struct Taken {
    /// CPU-ns a byte of each part; of the engine without its merges.
    pub parts: BTreeMap<&'static str, f64>,
    /// What of the engine's time its own logs tell apart, in the order of [`OF_THE_ENGINE`].
    engine: [f64; OF_THE_ENGINE.len()],
    /// INSERTs of rows, and into the ledger.
    inserts: [f64; 2],
    /// CPU seconds a second of each part of the chain without files.
    idle: BTreeMap<&'static str, f64>,
    /// MB of text a second.
    pub throughput: f64,
    /// CPU-ns a byte of the engine's own writing of the same rows.
    copied: Written,
    /// CPU-ns a byte of the engine for reading the very files by itself, into a table like the chain's.
    by_itself: Option<Written>,
}

/// What the engine takes to write rows by itself.
#[derive(Clone, Copy)]
struct Written {
    /// As it does it by default.
    by_default: f64,
    /// As the loader does it: the index of words is left to the merges.
    as_the_loader: f64,
}

impl Written {
    /// Of CPU seconds, asked for with each one's settings.
    fn of(per_byte: impl Fn(f64) -> f64, seconds: impl Fn(&str) -> anyhow::Result<f64>) -> anyhow::Result<Self> {
        let one = "max_insert_threads = 1";
        let left_out = format!("{one}, exclude_materialize_skip_indexes_on_insert = '{WORDS}'");
        let of = |settings: &str| anyhow::Ok(per_byte(seconds(settings)?));
        Ok(Self { by_default: of(one)?, as_the_loader: of(&left_out)? })
    }

    /// The least of both.
    fn least(self, other: Self) -> Self {
        let by_default = self.by_default.min(other.by_default);
        Self { by_default, as_the_loader: self.as_the_loader.min(other.as_the_loader) }
    }
}

impl Taken {
    /// CPU-ns a byte of all parts, without the merges.
    #[must_use]
    pub fn whole(&self) -> f64 {
        self.parts.values().sum()
    }

    /// CPU seconds a second of all parts of the chain without files.
    #[must_use]
    pub fn at_rest(&self) -> f64 {
        self.idle.values().sum()
    }
}

/// Takes `text` through the chain of `shape` as gzip files. A quarter of the files goes through before anything is counted,
/// so that starting, connecting and the broker's compiling are not taken for the cost of bytes.
///
/// # Errors
/// The chain does not come to its end, or proves something wrong.
pub async fn take(stack: &Stack, folder: &Path, text: &str, shape: &Shape) -> anyhow::Result<Taken> {
    let name = &shape.name;
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)?;
    let files = format!("/bench-{name}");
    let (waiting, taken) = (format!("/waiting-{name}"), format!("{files}/measured"));
    let pieces = pieces(text);
    let (mut puts, mut locals) = (Vec::new(), Vec::new());
    for (n, piece) in pieces.iter().enumerate() {
        let gbk = shape.mixed && n % 2 == 1;
        let (local, ending) = (folder.join(format!("{n}.gz")), if gbk { "gbk.gz" } else { "log.gz" });
        let bytes = if gbk { GB18030.encode(piece).0 } else { Cow::Borrowed(piece.as_bytes()) };
        std::fs::write(&local, data::gzip(&bytes))?;
        let place = if n < WARM { &files } else { &waiting };
        puts.push(Put { local: local.clone(), cluster: "a".into(), path: format!("{place}/{n}.{ending}") });
        locals.push((local, gbk));
    }
    let clients = clients(stack)?;
    upload(&clients, puts).await?;
    let Shape { layout, instances, partitions, mixed, .. } = *shape;
    let settings = Settings { name: format!("bench_{name}"), folder, layout, instances, files, chunk_bytes: None };
    let chain = tokio::task::block_in_place(|| {
        Chain::set_up_with(stack, settings, |config| {
            config.kafka.partitions = partitions;
            if mixed {
                let path = Some("/**/*.gbk.gz".into());
                config.encodings.push(FixedEncoding { cluster: None, path, app: None, encoding: "gb18030".into() });
            }
        })
    })?;
    let processes = tokio::task::block_in_place(|| chain.start(|line| eprintln!("{line}")))?;
    let lines = |pieces: &[&str]| pieces.iter().map(|piece| piece.lines().count() as u64).sum::<u64>();
    let (warm, all) = (pieces.len().min(WARM), pieces.len());
    wait(&chain, warm, lines(&pieces[..warm])).await?;
    let (before, engine_before, inserts_before) = (cpu(), engine(&chain)?, inserts(&chain)?);
    let begun = Instant::now();
    clients["a"].rename(&waiting, &taken, false).await.context("giving the chain its files")?;
    wait(&chain, all, lines(&pieces)).await?;
    let (after, engine_after, took) = (cpu(), engine(&chain)?, begun.elapsed());
    let inserts_after = inserts(&chain)?;
    let inserts = [0, 1].map(|i| inserts_after[i] - inserts_before[i]);
    let proof = tokio::task::block_in_place(|| chain.logmill(&["reconcile"]))?;
    ensure!(proof.status.success(), "the chain is not proven: {}", String::from_utf8_lossy(&proof.stdout));
    let idle = idle().await;
    drop(processes);
    let counted = pieces[warm..].iter().map(|piece| piece.len()).sum::<usize>() as f64;
    let per_byte = |seconds: f64| seconds * 1e9 / counted;
    let engine: [f64; OF_THE_ENGINE.len()] = std::array::from_fn(|i| per_byte(engine_after[i] - engine_before[i]));
    let parts = after
        .iter()
        .filter(|(kind, _)| **kind != "self")
        .map(|(kind, seconds)| (*kind, per_byte(seconds - before.get(kind).unwrap_or(&0.0))))
        .map(|(kind, cost)| (kind, if kind == "engine" { cost - engine[0] } else { cost }))
        .collect();
    let each = |seconds: f64| seconds * 1e9 / text.len() as f64;
    let copied = Written::of(each, |settings| copy(&chain, settings))?;
    let by_itself = if mixed { Some(Written::of(each, |settings| read(&chain, &locals, settings))?) } else { None };
    Ok(Taken { parts, engine, inserts, idle, throughput: counted / 1e6 / took.as_secs_f64(), copied, by_itself })
}

/// Takes `text` through the chain of `shape`, `rounds` times: of the round that cost least a row for each part and one for the whole,
/// without the merges, which have a row of their own. The floor is `front` (the bare libraries' front end), the topics' share by `hop`
/// (the bare library's), and the engine's own cost of writing the same rows from one table to another, the least of all rounds too.
///
/// # Errors
/// The chain does not come to its end, or proves something wrong.
pub async fn measure(
    stack: &Stack,
    folder: &Path,
    text: &str,
    shape: &Shape,
    rounds: u32,
    (front, hop): (f64, f64),
    goal: f64,
) -> anyhow::Result<Vec<Row>> {
    let mut all = Vec::new();
    for round in 1..=rounds.max(1) {
        let shape = Shape { name: format!("{}_{round}", shape.name), ..shape.clone() };
        all.push(take(stack, folder, text, &shape).await?);
    }
    let of_rounds = all.iter().map(|taken| format!("{:.3}", taken.whole())).collect::<Vec<_>>().join(", ");
    let copied = all.iter().map(|taken| taken.copied).reduce(Written::least).expect("one round");
    let by_itself = all.iter().filter_map(|taken| taken.by_itself).reduce(Written::least);
    let taken = all.into_iter().min_by(|a, b| a.whole().total_cmp(&b.whole())).expect("one round");
    let name = &shape.name;
    let row = |what: &str, unit: &'static str, value: f64| Row::new(format!("chain {name}: {what}"), unit, value);
    let mut rows: Vec<Row> = taken.parts.iter().map(|(kind, cost)| row(kind, "CPU-ns/byte", *cost)).collect();
    let told = OF_THE_ENGINE.iter().zip(&taken.engine);
    rows.extend(told.map(|(what, cost)| row(what, "CPU-ns/byte", *cost)));
    let [of_rows, of_ledger] = taken.inserts;
    rows.push(row("INSERTs of rows", "a run", of_rows));
    rows.push(row("INSERTs into the ledger", "a run", of_ledger));
    rows.push(row("throughput", "MB/s", taken.throughput));
    rows.extend(taken.idle.iter().map(|(kind, rate)| row(&format!("at rest: {kind}"), "CPU-ms/s", rate * 1e3)));
    let at_rest = taken.at_rest();
    rows.push(row("at rest, all processes and servers", "CPU-ms/s", at_rest * 1e3));
    rows.push(row("one row of text", "bytes", text.len() as f64 / text.lines().count() as f64));
    let floor = |copied: f64| front + shape.hops() * hop + copied;
    let by_default = floor(copied.by_default);
    rows.push(
        row("whole (floor's table indexes words at once)", "CPU-ns/byte", taken.whole()).floor(by_default).goal(goal),
    );
    let floor = floor(copied.as_the_loader);
    rows.push(row("whole", "CPU-ns/byte", taken.whole()).floor(floor).goal(goal));
    if rounds > 1 {
        rows.push(row(&format!("whole, the least of {of_rounds}"), "CPU-ns/byte", taken.whole()));
    }
    // With more bytes a second what all take at rest is less of each.
    let added = taken.whole() - at_rest * 1e3 / taken.throughput;
    rows.push(row("whole, less what all take at rest", "CPU-ns/byte", added).floor(floor));
    if let Some(by_itself) = by_itself {
        let beside = "whole (floor: ClickHouse's own file() of the same files)";
        rows.push(row(beside, "CPU-ns/byte", taken.whole()).floor(by_itself.by_default).goal(1.0));
        let beside = "whole (floor: file(), words indexed by the merges)";
        rows.push(row(beside, "CPU-ns/byte", taken.whole()).floor(by_itself.as_the_loader));
    }
    Ok(rows)
}

/// Waits until so many files and lines are through, and the engine rests. What is asked while the rows come costs the
/// engine next to nothing.
async fn wait(chain: &Chain, files: usize, lines: u64) -> anyhow::Result<()> {
    let rest = "SELECT (SELECT uniqExact(file_id) FROM loads), \
                       (SELECT count() FROM system.merges WHERE database = currentDatabase())";
    reaches(chain, "SELECT count() FROM rows", &lines.to_string()).await?;
    reaches(chain, rest, &format!("{files}\t0")).await
}

async fn reaches(chain: &Chain, question: &str, expected: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let seen = tokio::task::block_in_place(|| chain.sql(question))?;
        if seen.trim() == expected {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "{question}: {} after {PATIENCE:?}, not {expected}", seen.trim());
        tokio::time::sleep(LOOK).await;
    }
}

/// CPU seconds that each part of a chain without files takes each second.
async fn idle() -> BTreeMap<&'static str, f64> {
    let before = cpu();
    tokio::time::sleep(IDLE).await;
    let since = |kind: &str, seconds: f64| (seconds - before.get(kind).unwrap_or(&0.0)) / IDLE.as_secs_f64();
    cpu().iter().filter(|(kind, _)| **kind != "self").map(|(kind, seconds)| (*kind, since(kind, *seconds))).collect()
}

/// What of the engine's CPU time its own logs tell apart, in the order of [`engine`]'s numbers.
const OF_THE_ENGINE: [&str; 4] =
    ["the engine's merges, apart", "engine, INSERTs of rows", "engine, INSERTs into the ledger", "engine, questions"];

/// INSERTs of rows so far, and into the ledger.
fn inserts(chain: &Chain) -> anyhow::Result<[f64; 2]> {
    let count = |is_of_rows: &str| {
        let which = "current_database = currentDatabase() AND type = 'QueryFinish' AND query_kind = 'Insert'";
        let sql = format!(
            "SELECT count() FROM system.query_log WHERE {which} AND {is_of_rows} startsWith(query, 'INSERT INTO rows')"
        );
        anyhow::Ok(chain.sql(&sql)?.trim().parse()?)
    };
    tokio::task::block_in_place(|| {
        chain.sql("SYSTEM FLUSH LOGS")?;
        Ok([count("")?, count("NOT")?])
    })
}

/// CPU seconds so far of the merges of the chain's tables and of the statements in its database, by kind.
fn engine(chain: &Chain) -> anyhow::Result<[f64; 4]> {
    const SPENT: &str = "sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) / 1e6";
    tokio::task::block_in_place(|| {
        chain.sql("SYSTEM FLUSH LOGS")?;
        let of = |what: &str| anyhow::Ok(chain.sql(&format!("SELECT {SPENT} FROM {what}"))?.trim().parse::<f64>()?);
        let statements = |which: &str| {
            of(&format!(
                "system.query_log WHERE current_database = currentDatabase() AND type != 'QueryStart' AND {which}"
            ))
        };
        Ok([
            of("system.part_log WHERE database = currentDatabase() AND event_type = 'MergeParts'")?,
            statements("startsWith(query, 'INSERT INTO rows')")?,
            statements("query_kind = 'Insert' AND NOT startsWith(query, 'INSERT INTO rows')")?,
            statements("query_kind != 'Insert'")?,
        ])
    })
}

/// The text in parts of whole lines.
fn pieces(text: &str) -> Vec<&str> {
    let mut rest = text;
    let size = text.len() / FILES + 1;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let near = rest.len().min(size);
        let cut = rest.as_bytes()[near..].iter().position(|b| *b == b'\n').map_or(rest.len(), |at| near + at + 1);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// CPU seconds of the engine for writing the same rows into a table like it, without any client: the best of several.
fn copy(chain: &Chain, settings: &str) -> anyhow::Result<f64> {
    let engine = || cpu().get("engine").copied().unwrap_or_default();
    let mut best = f64::INFINITY;
    for round in 0..3 {
        let table = format!("copied_{round}");
        chain.sql(&format!("CREATE TABLE {table} AS rows"))?;
        chain.sql(&format!("SYSTEM STOP MERGES {table}"))?;
        let before = engine();
        let sql = format!("INSERT INTO {table} SELECT * FROM rows SETTINGS {settings}");
        tokio::task::block_in_place(|| chain.sql(&sql)).context("copying the rows")?;
        best = best.min(engine() - before);
        chain.sql(&format!("DROP TABLE {table} SYNC"))?;
    }
    Ok(best)
}

/// CPU seconds of the engine for reading the same files by itself into a table like the chain's: no line is left out, none of
/// what tells where it comes from but the file's place, nothing is exactly once.
fn read(chain: &Chain, files: &[(PathBuf, bool)], settings: &str) -> anyhow::Result<f64> {
    let engine = || cpu().get("engine").copied().unwrap_or_default();
    chain.sql("CREATE TABLE by_itself AS rows")?;
    chain.sql("SYSTEM STOP MERGES by_itself")?;
    let before = engine();
    for (n, (path, gbk)) in files.iter().enumerate() {
        let text = if *gbk { "convertCharset(line, 'gb18030', 'utf-8')" } else { "line" };
        let sql = format!(
            "INSERT INTO by_itself (file_id, line, path, file_time, text) SELECT toFixedString('{n:016}', 16), \
             rowNumberInAllBlocks() + 1, '{n}.gz', now64(3, 'UTC'), {text} FROM \
             file('{}', 'LineAsString', 'line String', 'gzip') SETTINGS max_threads = 1, {settings}",
            path.display()
        );
        tokio::task::block_in_place(|| chain.sql(&sql)).context("reading the files by file()")?;
    }
    let spent = engine() - before;
    chain.sql("DROP TABLE by_itself SYNC")?;
    Ok(spent)
}
