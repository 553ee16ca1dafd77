//! The whole chain: files in HDFS to rows in a MergeTree, every process and server counted but HDFS itself.

use crate::data;
use crate::processes::cpu;
use crate::report::Row;
use anyhow::{Context, ensure};
use logmill_config::Layout;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::progress;
use logmill_stack::Stack;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Files that the text is dealt out to.
const FILES: usize = 32;
const PATIENCE: Duration = Duration::from_secs(300);

/// Takes `text` through the chain of `layout` as gzip files: a row for each part and one for the whole. Its floor is
/// `front` (the bare libraries' front end), the topics' share by `hop` (the bare library's), and the engine's own cost
/// of writing the same rows from one table to another.
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
    let mut puts = Vec::new();
    for (n, piece) in pieces(text).into_iter().enumerate() {
        let local = folder.join(format!("{n}.gz"));
        std::fs::write(&local, data::gzip(piece.as_bytes()))?;
        puts.push(Put { local, cluster: "a".into(), path: format!("{files}/{n}.log.gz") });
    }
    let count = puts.len() as u64;
    upload(&clients(stack)?, puts).await?;
    let settings = Settings { name: format!("bench_{name}"), folder, layout, instances: 1, files, chunk_bytes: None };
    let chain = tokio::task::block_in_place(|| Chain::set_up(stack, settings))?;
    let before = cpu();
    let processes = tokio::task::block_in_place(|| chain.start(|line| eprintln!("{line}")))?;
    progress::wait(&chain, count, Duration::from_secs(5), PATIENCE, |line| eprintln!("{line}")).await?;
    let after = cpu();
    let proof = tokio::task::block_in_place(|| chain.logmill(&["reconcile"]))?;
    ensure!(proof.status.success(), "the chain is not proven: {}", String::from_utf8_lossy(&proof.stdout));
    drop(processes);
    let copied = copy(&chain)?;
    let bytes = text.len() as f64;
    let per_byte = |seconds: f64| seconds * 1e9 / bytes;
    let spent: BTreeMap<&str, f64> = after
        .iter()
        .filter(|(kind, _)| **kind != "self")
        .map(|(kind, seconds)| (*kind, per_byte(seconds - before.get(kind).unwrap_or(&0.0))))
        .collect();
    let whole = spent.values().sum();
    let hops = if layout == Layout::Fused { 3.0 } else { 4.0 };
    let floor = front + hops * hop + per_byte(copied);
    let row = |(kind, value): (&&str, &f64)| Row::new(format!("chain {name}: {kind}"), "CPU-ns/byte", *value);
    let mut rows: Vec<Row> = spent.iter().map(row).collect();
    let goal = if layout == Layout::Fused { 1.25 } else { 1.3 };
    rows.push(Row::new(format!("chain {name}: whole"), "CPU-ns/byte", whole).floor(floor).goal(goal));
    Ok(rows)
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

/// CPU seconds of the engine for writing the same rows into a table like it, without any client.
fn copy(chain: &Chain) -> anyhow::Result<f64> {
    chain.sql("CREATE TABLE copied AS rows")?;
    let engine = || cpu().get("engine").copied().unwrap_or_default();
    let before = engine();
    tokio::task::block_in_place(|| chain.sql("INSERT INTO copied SELECT * FROM rows")).context("copying the rows")?;
    Ok(engine() - before)
}
