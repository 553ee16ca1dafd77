//! `logmill`: the command line.

use clap::Parser;
use logmill_cli::args::Args;
use std::process::ExitCode;

fn main() -> ExitCode {
    match logmill_cli::run(Args::parse()) {
        Ok(verdict) => verdict.into(),
        Err(failure) => {
            eprintln!("logmill: {failure}");
            failure.code().into()
        }
    }
}
