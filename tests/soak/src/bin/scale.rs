//! `make scale`.

use clap::Parser;
use logmill_soak::scale;
use std::process::ExitCode;

/// One stage after the other with 1, 2 and 4 instances, each held to the same few bytes a second, and one that turns slow.
#[derive(Parser)]
#[command(name = "logmill-scale", version, after_help = "Examples:\n  make scale\n  SCALE_STAGES=splitter make scale")]
struct Arguments {
    /// The stages, one after the other
    #[arg(
        long,
        env = "SCALE_STAGES",
        value_delimiter = ',',
        default_value = "fetcher,decompressor,reencoder,distributor,splitter,loader,ingester"
    )]
    stages: Vec<String>,
}

fn main() -> ExitCode {
    let mut all = true;
    for stage in Arguments::parse().stages {
        let stage: &'static str = stage.leak();
        match scale::run(stage) {
            Ok(report) => {
                report.wrong.iter().for_each(|what| println!("{what}"));
                let (ratio, verdict) = (report.ratio(), if report.wrong.is_empty() { "ok" } else { "FAILED" });
                println!("scale: {stage} 1 -> 4 instances: {ratio:.2} times as much {verdict}");
                all &= report.wrong.is_empty();
            }
            Err(why) => {
                println!("{why:#}\nscale: {stage} FAILED");
                all = false;
            }
        }
    }
    ExitCode::from(u8::from(!all))
}
