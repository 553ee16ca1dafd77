//! `logmill`: the command line.

use clap::Parser;
use logmill_cli::args::Args;
use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: there is no other thread yet.
    let _ = unsafe { logmill_fetcher::store::forget_environment() };
    match logmill_cli::run(Args::parse()) {
        Ok(verdict) => verdict.into(),
        Err(failure) => {
            eprintln!("logmill: {failure}");
            failure.code().into()
        }
    }
}
