//! `make pools`.

use clap::Parser;
use logmill_soak::pools;
use std::path::PathBuf;
use std::process::ExitCode;

/// Stops the heaviest of four clusters for a while, and draws who has how many coroutines.
#[derive(Parser)]
#[command(name = "logmill-pools", version, after_help = "Examples:\n  make pools\n  POOLS_OUT=docs make pools")]
struct Arguments {
    /// The folder of the picture, pools.svg
    #[arg(long, env = "POOLS_OUT", default_value = "target/pools")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match pools::run(&Arguments::parse().out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why:#}\npools: FAILED");
            ExitCode::FAILURE
        }
    }
}
