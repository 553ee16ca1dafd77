//! `make crash`.

use clap::Parser;
use logmill_crash::Campaign;
use std::process::ExitCode;

/// Inflicts random faults on the whole chain on real servers, while files are loaded again and readers look, and compares what
/// readers see with the original files.
///
/// What is drawn (kinds, targets, pauses) follows from the seed; what it meets does not, because real servers keep their
/// own time.
#[derive(Parser)]
#[command(
    name = "logmill-crash",
    version,
    after_help = "Examples:\n  make crash\n  CRASH_RUNS=10 CRASH_SEED=7 make crash\n  CRASH_BROKERS=3 make crash"
)]
struct Arguments {
    /// Runs, of the layouts in turn
    #[arg(long, env = "CRASH_RUNS", default_value_t = 4)]
    runs: u32,
    /// Of the first run; the next one takes the next number
    #[arg(long, env = "CRASH_SEED", default_value_t = 3)]
    seed: u64,
    /// Kafka brokers: 1, or 3, with every record on all of them
    #[arg(long, env = "CRASH_BROKERS", default_value = "1", value_parser = ["1", "3"])]
    brokers: String,
}

fn main() -> ExitCode {
    let Arguments { runs, seed, brokers } = Arguments::parse();
    println!("crash: {runs} runs from seed {seed}, brokers: {brokers}");
    let brokers = if brokers == "3" { 3 } else { 1 };
    let (tally, failure) = Campaign { runs, seed, brokers }.run();
    let (unmet, missing) = (tally.unmet(), tally.seen.missing());
    let never = || format!("no open transaction or INSERT was ever met by {unmet:?}");
    let failure = failure.or_else(|| (!unmet.is_empty()).then(never));
    let failure = failure.or_else(|| (!missing.is_empty()).then(|| format!("this never happened: {missing:?}")));
    if let Some(why) = &failure {
        println!("{why}");
    }
    println!("{tally} brokers={brokers} seed={seed} {}", if failure.is_none() { "ok" } else { "FAILED" });
    ExitCode::from(u8::from(failure.is_some()))
}
