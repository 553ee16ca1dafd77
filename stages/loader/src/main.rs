//! `logmill-loader`: rows, file events and dead letters into ClickHouse.

use logmill_runner::Process;
use std::process::ExitCode;

fn main() -> ExitCode {
    let process = match Process::start("loader") {
        Ok(process) => process,
        Err(code) => return code,
    };
    let result = process.serve().and_then(|()| logmill_loader::run(&process));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
