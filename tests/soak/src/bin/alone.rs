//! `make alone`.

use clap::Parser;
use logmill_soak::alone;
use std::process::ExitCode;
use std::time::Duration;

/// Stops one stage after the other while files keep coming, and looks at what the others do meanwhile.
#[derive(Parser)]
#[command(name = "logmill-alone", version, after_help = "Examples:\n  make alone\n  ALONE_SECONDS=20 make alone")]
struct Arguments {
    /// Seconds that each stage is stopped
    #[arg(long, env = "ALONE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..))]
    seconds: u64,
}

fn main() -> ExitCode {
    let Arguments { seconds } = Arguments::parse();
    let report = match alone::run(Duration::from_secs(seconds)) {
        Ok(report) => report,
        Err(why) => {
            println!("{why:#}\nalone: seconds={seconds} FAILED");
            return ExitCode::FAILURE;
        }
    };
    report.wrong.iter().for_each(|what| println!("{what}"));
    let alone::Report { stops, lines, lost, doubled, wrong, .. } = &report;
    let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
    println!("alone: seconds={seconds} stops={stops} lines={lines} lost={lost} doubled={doubled} {verdict}");
    ExitCode::from(u8::from(!wrong.is_empty()))
}
