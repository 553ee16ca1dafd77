//! `logmill-simulate`: as many schedules as wanted.

use anyhow::Error;
use clap::Parser;
use logmill_simulate::{Setup, fetch, ingest, load, report};

/// Runs the stages' workers, the listers and fetchers, the loaders and the ingesters under random schedules of faults.
#[derive(Parser)]
#[command(version, after_help = "Example:\n  logmill-simulate --schedules 1000000 --seed 7")]
struct Arguments {
    /// How many schedules of each of the four
    #[arg(long, default_value_t = 100_000, env = "SCHEDULES")]
    schedules: u64,
    /// The first one's seed; the others follow
    #[arg(long, default_value_t = 0, env = "SEED")]
    seed: u64,
    /// Of a schedule that failed, tell every step of its smallest form on standard error
    #[arg(long)]
    trace: bool,
}

fn main() -> anyhow::Result<()> {
    let Arguments { schedules, seed, trace } = Arguments::parse();
    report::<Setup>("workers", seed, schedules, trace).map_err(Error::msg)?;
    report::<fetch::Setup>("fetchers and listers", seed, schedules, trace).map_err(Error::msg)?;
    report::<load::Setup>("loaders", seed, schedules, trace).map_err(Error::msg)?;
    report::<ingest::Setup>("ingesters", seed, schedules, trace).map_err(Error::msg)
}
