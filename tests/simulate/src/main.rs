//! `logmill-simulate`: as many schedules as wanted.

use anyhow::bail;
use clap::Parser;
use logmill_simulate::{Count as _, Schedule, fetch, run_campaign};

/// Runs the stages' workers, and the listers and fetchers, under random schedules of faults on a simulated log.
#[derive(Parser)]
#[command(version, after_help = "Example:\n  logmill-simulate --schedules 1000000 --seed 7")]
struct Arguments {
    /// How many schedules of each of the two
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
    let arguments = Arguments::parse();
    run("workers", &arguments, |setup: &mut logmill_simulate::Setup| setup.trace = true)?;
    run("fetchers and listers", &arguments, |setup: &mut fetch::Setup| setup.trace = true)
}

fn run<S: Schedule>(what: &str, arguments: &Arguments, trace: impl Fn(&mut S)) -> anyhow::Result<()> {
    let Arguments { schedules, seed, .. } = *arguments;
    println!("{what}, seeds {seed} to {}", seed + schedules.saturating_sub(1));
    match run_campaign::<S>(seed, schedules, None) {
        Ok(coverage) => println!("{}all as it has to be", coverage.table()),
        Err(mut failed) => {
            if arguments.trace {
                trace(&mut failed.setup);
                // It fails as it did before; what is wanted is what it tells on the way.
                let _ = failed.setup.run();
            }
            bail!("{failed}")
        }
    }
    Ok(())
}
