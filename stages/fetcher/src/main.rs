//! `logmill-fetcher`: brings the files of the configured clusters into the chain.

use logmill_fetcher::Fetcher;
use logmill_runner::Process;
use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: there is no other thread yet.
    for name in unsafe { logmill_fetcher::store::forget_environment() } {
        eprintln!("{name} is left aside: what a cluster's client needs stands in its section of the configuration");
    }
    let process = match Process::start(logmill_protocol::fetch::STAGE) {
        Ok(process) => process,
        Err(code) => return code,
    };
    match run(&process) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(process: &Process) -> anyhow::Result<()> {
    let fetcher = process.telemetry.register(|registry| Fetcher::new(process.config.clone(), registry))?;
    process.serve()?;
    fetcher.run(process)
}
