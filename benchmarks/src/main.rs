//! Measures, prints a table, writes `target/bench.json`.

use clap::Parser;
use logmill_benchmarks::clock::Rounds;
use logmill_benchmarks::servers::{Fronts, Parts, Sizes};
use logmill_benchmarks::{Row, front, patterns, report, scale, servers};
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
    #[arg(long, default_value_t = 768)]
    chain: usize,
    #[command(flatten)]
    sizes: Sizes,
    /// Only what has this in its name; `hop`, `chain separate`, `chain fused`, `chain compact`, `chain direct`, `chain mix`, `scale`,
    /// `latency`, `listing`, `tiny` and `analyses` are measured on the servers
    #[arg(long)]
    only: Option<String>,
    /// Where the numbers go
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    logmill_kafka::keep_large_buffers();
    let wanted = Parts::of(arguments.only.as_deref(), arguments.sizes);
    let only = if wanted.chains() { Some("front end".to_owned()) } else { arguments.only.clone() };
    let rounds = Rounds { rounds: arguments.rounds, only: arguments.only.and(only) };
    let mut rows: Vec<Row> = front::measure(arguments.size << 20, &rounds);
    rows.extend(patterns::measure((arguments.size << 20) / 8, &rounds));
    rows.extend(patterns::splitter((arguments.size << 20) / 8, &rounds));
    if arguments.chain > 0 && wanted.any() {
        rows.extend(servers::measure(arguments.chain << 20, Fronts::among(&rows), &wanted)?);
    }
    print!("{}", report::table(&rows));
    if rows.iter().any(|row| row.name.starts_with("scale: ") && row.met() == Some(false)) {
        println!("{}", scale::WHY);
    }
    report::write(&rows, &arguments.json)
}
