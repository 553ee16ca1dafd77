//! `logmill-ingester`: compressed bytes into ClickHouse, everything between them in one process.

use logmill_ingester::{NAME, run};
use logmill_runner::{Process, end, machine_options};
use std::process::ExitCode;

fn main() -> ExitCode {
    let process = match Process::start(NAME) {
        Ok(process) => process,
        Err(code) => return code,
    };
    match machine_options(&process.config, NAME) {
        Ok(options) => end(process.serve().and_then(|()| run(&process, options))),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}
