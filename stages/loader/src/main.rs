//! `logmill-loader`: rows, file events and dead letters into ClickHouse.

use logmill_runner::{Process, end};
use std::process::ExitCode;

fn main() -> ExitCode {
    let process = match Process::start("loader") {
        Ok(process) => process,
        Err(code) => return code,
    };
    end(process.serve().and_then(|()| logmill_loader::run(&process)))
}
