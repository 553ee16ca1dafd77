//! The whole chain: files in HDFS to rows in a MergeTree, every process and server counted but HDFS itself.

use crate::data;
use crate::processes::cpu;
use crate::report::Row;
use anyhow::{Context, ensure};
use logmill_config::Layout;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_stack::Stack;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Files that the text is dealt out to; the first of them only warm everything up.
const FILES: usize = 32;
const WARM: usize = 8;
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the chain is looked at while it has nothing to do.
const IDLE: Duration = Duration::from_secs(5);
/// How often it is asked how far the chain is.
const LOOK: Duration = Duration::from_secs(1);

/// Takes `text` through the chain of `layout` as gzip files: a row for each part and one for the whole, without the
/// merges, which have a row of their own. A quarter of the files goes through before anything is counted, so that
/// starting, connecting and the broker's compiling are not taken for the cost of bytes. The floor is `front` (the bare
/// libraries' front end), the topics' share by `hop` (the bare library's), and the engine's own cost of writing the same
/// rows from one table to another.
///
/// # Errors
/// The chain does not come to its end, or proves something wrong.
pub async fn measure(
    stack: &Stack,
    folder: &Path,
    text: &str,
    layout: Layout,
    front: f64,
    hop: f64,
) -> anyhow::Result<Vec<Row>> {
    let name = match layout {
        Layout::Separate => "separate",
        Layout::Fused => "fused",
    };
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)?;
    let files = format!("/bench-{name}");
    let (waiting, taken) = (format!("/waiting-{name}"), format!("{files}/measured"));
    let pieces = pieces(text);
    let mut puts = Vec::new();
    for (n, piece) in pieces.iter().enumerate() {
        let local = folder.join(format!("{n}.gz"));
        std::fs::write(&local, data::gzip(piece.as_bytes()))?;
        let place = if n < WARM { &files } else { &waiting };
        puts.push(Put { local, cluster: "a".into(), path: format!("{place}/{n}.log.gz") });
    }
    let clients = clients(stack)?;
    upload(&clients, puts).await?;
    let settings = Settings { name: format!("bench_{name}"), folder, layout, instances: 1, files, chunk_bytes: None };
    let chain = tokio::task::block_in_place(|| Chain::set_up(stack, settings))?;
    let processes = tokio::task::block_in_place(|| chain.start(|line| eprintln!("{line}")))?;
    let lines = |pieces: &[&str]| pieces.iter().map(|piece| piece.lines().count() as u64).sum::<u64>();
    let (warm, all) = (pieces.len().min(WARM), pieces.len());
    wait(&chain, warm, lines(&pieces[..warm])).await?;
    let (before, engine_before) = (cpu(), engine(&chain)?);
    let begun = Instant::now();
    clients["a"].rename(&waiting, &taken, false).await.context("giving the chain its files")?;
    wait(&chain, all, lines(&pieces)).await?;
    let (after, engine_after, took) = (cpu(), engine(&chain)?, begun.elapsed());
    let proof = tokio::task::block_in_place(|| chain.logmill(&["reconcile"]))?;
    ensure!(proof.status.success(), "the chain is not proven: {}", String::from_utf8_lossy(&proof.stdout));
    let idle = idle().await;
    drop(processes);
    let counted = pieces[warm..].iter().map(|piece| piece.len()).sum::<usize>() as f64;
    let copied = copy(&chain)? * 1e9 / text.len() as f64;
    let per_byte = |seconds: f64| seconds * 1e9 / counted;
    let of_the_engine: Vec<f64> =
        (0..OF_THE_ENGINE.len()).map(|i| per_byte(engine_after[i] - engine_before[i])).collect();
    let merged = of_the_engine[0];
    let spent: BTreeMap<&str, f64> = after
        .iter()
        .filter(|(kind, _)| **kind != "self")
        .map(|(kind, seconds)| (*kind, per_byte(seconds - before.get(kind).unwrap_or(&0.0))))
        .map(|(kind, cost)| (kind, if kind == "engine" { cost - merged } else { cost }))
        .collect();
    let whole = spent.values().sum();
    let hops = if layout == Layout::Fused { 3.0 } else { 4.0 };
    let floor = front + hops * hop + copied;
    let row = |(kind, value): (&&str, &f64)| Row::new(format!("chain {name}: {kind}"), "CPU-ns/byte", *value);
    let mut rows: Vec<Row> = spent.iter().map(row).collect();
    let told = OF_THE_ENGINE.iter().zip(&of_the_engine);
    rows.extend(told.map(|(what, cost)| Row::new(format!("chain {name}: {what}"), "CPU-ns/byte", *cost)));
    rows.push(Row::new(format!("chain {name}: throughput"), "MB/s", counted / 1e6 / took.as_secs_f64()));
    for (kind, rate) in &idle {
        rows.push(Row::new(format!("chain {name}: at rest: {kind}"), "CPU-ms/s", rate * 1e3));
    }
    let at_rest = idle.values().sum::<f64>();
    rows.push(Row::new(format!("chain {name}: at rest, all processes and servers"), "CPU-ms/s", at_rest * 1e3));
    rows.push(Row::new(format!("chain {name}: one row of text"), "bytes", text.len() as f64 / lines(&pieces) as f64));
    let goal = if layout == Layout::Fused { 1.25 } else { 1.3 };
    rows.push(Row::new(format!("chain {name}: whole"), "CPU-ns/byte", whole).floor(floor).goal(goal));
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
fn copy(chain: &Chain) -> anyhow::Result<f64> {
    let engine = || cpu().get("engine").copied().unwrap_or_default();
    let mut best = f64::INFINITY;
    for round in 0..3 {
        let table = format!("copied_{round}");
        chain.sql(&format!("CREATE TABLE {table} AS rows"))?;
        chain.sql(&format!("SYSTEM STOP MERGES {table}"))?;
        let before = engine();
        let sql = format!("INSERT INTO {table} SELECT * FROM rows");
        tokio::task::block_in_place(|| chain.sql(&sql)).context("copying the rows")?;
        best = best.min(engine() - before);
        chain.sql(&format!("DROP TABLE {table} SYNC"))?;
    }
    Ok(best)
}
