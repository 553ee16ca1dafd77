//! Measures, prints a table, writes `target/bench.json`.

use clap::Parser;
use logmill_benchmarks::clock::Rounds;
use logmill_benchmarks::scale::Steps;
use logmill_benchmarks::servers::{Fronts, Parts, Sizes};
use logmill_benchmarks::{Row, front, patterns, report, servers};
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
    /// GiB of text in the largest file; needs twice as much of the disk
    #[arg(long, env = "LARGE", default_value_t = 0)]
    large: usize,
    /// Files in the longest listing: 1000, ten times as many, and so on; 0 leaves listing out
    #[arg(long, env = "FILES", default_value_t = 100_000)]
    files: usize,
    /// Files of a kilobyte beside large ones; 0 leaves them out
    #[arg(long, env = "TINY", default_value_t = 2_000)]
    tiny: usize,
    /// Rows that the analyses count; each takes 50 bytes of the disk meanwhile; 0 leaves them out
    #[arg(long, env = "ANALYZED", default_value_t = 0)]
    analyzed: usize,
    /// MiB of generated text for chains of more and more partitions and processes; 0 leaves them out
    #[arg(long, env = "SCALE", default_value_t = 768)]
    scale: usize,
    /// How many partitions of each topic, with one process of each stage
    #[arg(long, env = "SCALE_PARTITIONS", value_delimiter = ',', default_value = "1,4,16,64")]
    scale_partitions: Vec<i32>,
    /// How many processes of each stage, with the most of those partitions; 0 leaves them out
    #[arg(long, env = "SCALE_INSTANCES", value_delimiter = ',', default_value = "1,2,4,8")]
    scale_instances: Vec<u32>,
    /// Only what has this in its name; `hop`, `chain separate`, `chain fused`, `chain mix`, `scale`, `latency`, `listing`,
    /// `tiny` and `analyses` are measured on the servers
    #[arg(long)]
    only: Option<String>,
    /// Where the numbers go
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    logmill_kafka::keep_large_buffers();
    let Arguments { large, files: listed, tiny, analyzed, .. } = arguments;
    let instances = arguments.scale_instances.iter().copied().filter(|n| *n > 0).collect();
    let scale = Steps { size: arguments.scale, partitions: arguments.scale_partitions.clone(), instances };
    let sizes = Sizes { large, listed, tiny, analyzed, scale };
    let wanted = Parts::of(arguments.only.as_deref(), sizes);
    let only = if wanted.chains() { Some("front end".to_owned()) } else { arguments.only.clone() };
    let rounds = Rounds { rounds: arguments.rounds, only: arguments.only.and(only) };
    let mut rows: Vec<Row> = front::measure(arguments.size << 20, &rounds);
    rows.extend(patterns::measure((arguments.size << 20) / 8, &rounds));
    rows.extend(patterns::splitter((arguments.size << 20) / 8, &rounds));
    if arguments.chain > 0 && wanted.any() {
        rows.extend(servers::measure(arguments.chain << 20, Fronts::among(&rows), &wanted)?);
    }
    print!("{}", report::table(&rows));
    report::write(&rows, &arguments.json)
}
