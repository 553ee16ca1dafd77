//! Measures, prints a table, writes `target/bench.json`.

use anyhow::Context;
use clap::Parser;
use logmill_benchmarks::clock::{self, Rounds};
use logmill_benchmarks::{Row, front, report, servers};
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
    /// GiB of text in the largest file; needs twice as much of the disk
    #[arg(long, env = "LARGE", default_value_t = 0)]
    large: usize,
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
        rows.extend(servers::measure(arguments.chain << 20, front, arguments.large)?);
    }
    print!("{}", report::table(&rows));
    report::write(&rows, &arguments.json)
}
