//! One file that is larger than any memory: what each process had at most, beside what it had for a file of a tenth.

use crate::data;
use crate::processes::peaks;
use crate::report::Row;
use anyhow::{Context, ensure};
use logmill_config::Layout;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_stack::Stack;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of text in a member of the file.
const MEMBER: usize = 64 << 20;
/// The small file's part of the large one: enough to fill every queue.
const PART: usize = 10;
const PATIENCE: Duration = Duration::from_secs(1800);
const LOOK: Duration = Duration::from_secs(1);
const FOLDER: &str = "/bench-large";
/// How much more memory the large file may take.
const GOAL: f64 = 1.2;

/// Takes a small file and one of `gibibytes` through the chain.
///
/// # Errors
/// The chain does not come to its end.
pub async fn measure(stack: &Stack, folder: &Path, gibibytes: usize) -> anyhow::Result<Vec<Row>> {
    let folder = folder.join("large");
    std::fs::create_dir_all(&folder)?;
    let text = data::log(MEMBER);
    let (member, lines) = (data::gzip(text.as_bytes()), text.lines().count() as u64);
    let members = (gibibytes << 30) / MEMBER;
    let small = members.div_ceil(PART);
    let name = "bench_large".to_owned();
    let layout = Layout::Separate;
    let settings =
        Settings { name, folder: folder.clone(), layout, instances: 1, files: FOLDER.into(), chunk_bytes: None };
    let chain = tokio::task::block_in_place(|| Chain::set_up(stack, settings))?;
    let processes = tokio::task::block_in_place(|| chain.start(|line| eprintln!("{line}")))?;
    let clients = clients(stack)?;
    let mut seen = Vec::new();
    let mut rows = 0;
    for members in [small, members] {
        let local = folder.join(format!("{members}.gz"));
        let mut file = std::fs::File::create(&local)?;
        (0..members)
            .try_for_each(|_| file.write_all(&member))
            .with_context(|| format!("writing {}", local.display()))?;
        upload(
            &clients,
            vec![Put { local: local.clone(), cluster: "a".into(), path: format!("{FOLDER}/{members}.gz") }],
        )
        .await?;
        std::fs::remove_file(&local)?;
        rows += lines * members as u64;
        wait(&chain, rows).await?;
        seen.push(peaks());
    }
    let deaths: u32 = processes.list().iter().map(|process| process.deaths).sum();
    ensure!(deaths == 0, "a process died: {:?}", processes.list());
    let proof = tokio::task::block_in_place(|| chain.logmill(&["reconcile"]))?;
    ensure!(proof.status.success(), "the chain is not proven: {}", String::from_utf8_lossy(&proof.stdout));
    let row = |stage: &&'static str| {
        let of = |peaks: &std::collections::BTreeMap<&str, f64>| peaks.get(stage).copied().unwrap_or_default();
        let name =
            format!("a file of {gibibytes} GiB (floor: {} MiB): most memory of the {stage}", (small * MEMBER) >> 20);
        Row::new(name, "MiB", of(&seen[1])).floor(of(&seen[0])).goal(GOAL)
    };
    Ok(chain.stages().iter().map(row).collect())
}

/// Waits until so many rows are in the table.
async fn wait(chain: &Chain, rows: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let seen = tokio::task::block_in_place(|| chain.sql("SELECT count() FROM rows"))?;
        if seen.trim() == rows.to_string() {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "{} rows after {PATIENCE:?}, not {rows}", seen.trim());
        tokio::time::sleep(LOOK).await;
    }
}
