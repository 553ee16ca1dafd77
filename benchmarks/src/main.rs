//! Measures, prints a table, writes `target/bench.json`.

use anyhow::Context;
use clap::Parser;
use logmill_benchmarks::clock::{self, Rounds};
use logmill_benchmarks::{Row, chain, data, front, hop, report};
use logmill_config::Layout;
use logmill_stack::{Stack, Wanted};
use std::path::PathBuf;

/// CPU per byte of the chain, beside the floor
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// MiB of generated text
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Rounds, of which the best counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// MiB of generated text for what runs on the real servers; 0 leaves them out
    #[arg(long, default_value_t = 256)]
    chain: usize,
    /// Only what has this in its name, and no servers
    #[arg(long)]
    only: Option<String>,
    /// Where the numbers go
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    clock::keep_large_buffers();
    let rounds = Rounds { rounds: arguments.rounds, only: arguments.only };
    let mut rows: Vec<Row> = front::measure(arguments.size << 20, &rounds);
    if arguments.chain > 0 && rounds.only.is_none() {
        let front = rows.iter().find(|row| row.name.contains("front end")).and_then(|row| row.floor);
        let front = front.context("the front end was not measured")?;
        let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
        rows.extend(runtime.block_on(on_servers(arguments.chain << 20, front))?);
    }
    print!("{}", report::table(&rows));
    let json = serde_json::to_vec_pretty(&rows)?;
    if let Some(folder) = arguments.json.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    }
    std::fs::write(&arguments.json, json).with_context(|| format!("writing {}", arguments.json.display()))
}

/// What needs the real servers.
async fn on_servers(bytes: usize, front: f64) -> anyhow::Result<Vec<Row>> {
    let wanted = Wanted { brokers: 1, hdfs: vec!["a".into(), "b".into()], clickhouse: true };
    let stack = tokio::task::block_in_place(|| Stack::start(&logmill_stack::default_dir(), &wanted))?;
    let text = data::log(bytes);
    let mut rows = vec![
        hop::measure(stack.kafka(), text.as_bytes(), "none").await?,
        hop::measure(stack.kafka(), text.as_bytes(), "lz4").await?.goal(1.25),
    ];
    let hop = rows[1].floor.context("a hop has a floor")?;
    let folder = stack.folder().join("bench");
    for layout in [Layout::Separate, Layout::Fused] {
        rows.extend(chain::measure(&stack, &folder, &text, layout, front, hop).await?);
    }
    tokio::task::block_in_place(|| stack.stop());
    Ok(rows)
}
