//! Measures, prints a table, writes `target/bench.json`.

use anyhow::Context;
use clap::Parser;
use logmill_benchmarks::clock::{self, Rounds};
use logmill_benchmarks::{Row, front, report};
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
    /// Only what has this in its name
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
    let rows: Vec<Row> = front::measure(arguments.size << 20, &rounds);
    print!("{}", report::table(&rows));
    let json = serde_json::to_vec_pretty(&rows)?;
    if let Some(folder) = arguments.json.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    }
    std::fs::write(&arguments.json, json).with_context(|| format!("writing {}", arguments.json.display()))
}
