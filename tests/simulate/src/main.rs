//! `logmill-simulate`: as many schedules as wanted.

use anyhow::bail;
use clap::Parser;
use logmill_simulate::run_campaign;

/// Runs the workers' machine under random schedules of faults on a simulated transactional log.
#[derive(Parser)]
#[command(version, after_help = "Example:\n  logmill-simulate --schedules 1000000 --seed 7")]
struct Arguments {
    /// How many schedules
    #[arg(long, default_value_t = 100_000)]
    schedules: u64,
    /// The first one's seed; the others follow
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Tell every step of the schedule that failed, in its smallest form, on standard error
    #[arg(long)]
    trace: bool,
}

fn main() -> anyhow::Result<()> {
    let Arguments { schedules, seed, trace } = Arguments::parse();
    println!("seeds {seed} to {}", seed + schedules - 1);
    match run_campaign(seed, schedules, None) {
        Ok(coverage) => println!("{coverage}all as it has to be"),
        Err(mut failed) => {
            failed.setup.trace = trace;
            if trace {
                // It fails as it did before; what is wanted is what it tells on the way.
                let _ = logmill_simulate::run_one(&failed.setup);
            }
            bail!("{failed}")
        }
    }
    Ok(())
}
