//! How long a small file takes from its cluster into the view that analysts query, through a chain that has nothing else
//! to do.

use crate::data;
use crate::report::Row;
use anyhow::ensure;
use logmill_config::Layout;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_stack::Stack;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const FILES: usize = 100;
/// From one file to the next: no multiple of a listing's interval, so that they fall on all of it.
const EVERY: Duration = Duration::from_millis(730);
const LOOK: Duration = Duration::from_millis(25);
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of text in a file.
const BYTES: usize = 20_000;
const FOLDER: &str = "/bench-latency";

/// The median and the 99th of a hundred, in seconds. A cluster is listed each second here, a file is taken when it looks
/// the same in two listings, and the loader waits a second for more: that is most of it.
///
/// # Errors
/// A file does not come.
pub async fn measure(stack: &Stack, folder: &Path, layout: Layout) -> anyhow::Result<Vec<Row>> {
    let folder = folder.join("latency");
    std::fs::create_dir_all(&folder)?;
    let local = folder.join("small.gz");
    std::fs::write(&local, data::gzip(data::log(BYTES).as_bytes()))?;
    let name = "bench_latency".to_owned();
    let settings = Settings { name, folder, layout, instances: 1, files: FOLDER.into(), chunk_bytes: None };
    let chain = tokio::task::block_in_place(|| Chain::set_up(stack, settings))?;
    let processes = tokio::task::block_in_place(|| chain.start(|line| eprintln!("{line}")))?;
    let clients = clients(stack)?;
    let put = |n: usize| Put { local: local.clone(), cluster: "a".into(), path: format!("{FOLDER}/{n}.log.gz") };
    // The first ones find connections, assignments and a cold broker; they are not counted.
    let warm = FILES..FILES + 5;
    upload(&clients, warm.clone().map(put).collect()).await?;
    let mut seen = BTreeMap::new();
    let begun = Instant::now();
    while seen.len() < warm.len() {
        ensure!(begun.elapsed() < PATIENCE, "the first files have not come within {PATIENCE:?}");
        look(&chain, &mut seen)?;
        tokio::time::sleep(LOOK).await;
    }
    let mut sent = BTreeMap::new();
    let begun = Instant::now();
    while seen.len() < FILES + warm.len() {
        let n = sent.len();
        if n < FILES && begun.elapsed() > EVERY * n as u32 {
            upload(&clients, vec![put(n)]).await?;
            sent.insert(put(n).path, Instant::now());
        }
        ensure!(begun.elapsed() < EVERY * FILES as u32 + PATIENCE, "only {} of {FILES} files came", seen.len());
        look(&chain, &mut seen)?;
        tokio::time::sleep(LOOK).await;
    }
    drop(processes);
    let mut seconds: Vec<f64> = sent.iter().map(|(path, at)| (seen[path] - *at).as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    let row = |what: &str, place: usize| {
        Row::new(format!("latency of a small file, idle chain: {what}"), "s", seconds[place])
    };
    Ok(vec![row("p50", FILES / 2), row("p99", FILES * 99 / 100 - 1)])
}

/// Notes which files can be queried by now.
fn look(chain: &Chain, seen: &mut BTreeMap<String, Instant>) -> anyhow::Result<()> {
    let answer = tokio::task::block_in_place(|| chain.sql("SELECT DISTINCT path FROM logs FORMAT TSV"))?;
    for path in answer.lines() {
        seen.entry(path.to_owned()).or_insert_with(Instant::now);
    }
    Ok(())
}
