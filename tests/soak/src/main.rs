//! `make soak`.

use clap::Parser;
use logmill_config::Layout;
use logmill_soak::soak::Soak;
use std::path::PathBuf;
use std::process::ExitCode;

/// Files come all the time, and faults too; in the end nothing has grown, and every line is in the table once.
#[derive(Parser)]
#[command(
    name = "logmill-soak",
    version,
    after_help = "Examples:\n  make soak\n  SOAK_MINUTES=10 SOAK_SEED=7 make soak"
)]
struct Arguments {
    /// How long files come
    #[arg(long, env = "SOAK_MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Of the faults
    #[arg(long, env = "SOAK_SEED", default_value_t = 1)]
    seed: u64,
    /// Where the looks and their plot are put
    #[arg(long, env = "SOAK_OUT", default_value = "target/soak", value_name = "FOLDER")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { minutes, seed, out } = Arguments::parse();
    println!("soak: {minutes} minutes, seed {seed}; looks and plot: {}", out.display());
    let soak = Soak { minutes, seed, layout: Layout::Separate, out };
    let report = match soak.run() {
        Ok(report) => report,
        Err(why) => {
            println!("{why:#}\nsoak: minutes={minutes} seed={seed} FAILED");
            return ExitCode::FAILURE;
        }
    };
    report.wrong.iter().for_each(|what| println!("{what}"));
    println!("soak: minutes={minutes} {report} seed={seed} {}", if report.wrong.is_empty() { "ok" } else { "FAILED" });
    ExitCode::from(u8::from(!report.wrong.is_empty()))
}
