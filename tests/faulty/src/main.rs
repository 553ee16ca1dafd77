//! `logmill-faulty`: the stages that have fault points, with these made real. `LOGMILL_FAULTY_STAGE` names the stage;
//! what goes wrong is ordered as `logmill_faults` says.

use logmill_core::Stage;
use logmill_fetcher::Fetcher;
use logmill_runner::{Process, end, machine_options, stage_main};
use logmill_splitter::Splitter;
use std::process::ExitCode;

fn main() -> ExitCode {
    logmill_faults::arm();
    match std::env::var("LOGMILL_FAULTY_STAGE").as_deref() {
        Ok("fetcher") => process("fetcher", |process| {
            let fetcher = process.telemetry.register(|registry| Fetcher::new(process.config.clone(), registry))?;
            fetcher.run(process)
        }),
        Ok(logmill_decoder::NAME) => stage_main(logmill_decoder::NAME, |_| Ok(logmill_decoder::decoder())),
        Ok(Splitter::NAME) => stage_main(Splitter::NAME, |_| Ok(Splitter::new())),
        Ok("loader") => process("loader", logmill_loader::run),
        Ok(logmill_ingester::NAME) => process(logmill_ingester::NAME, |process| {
            logmill_ingester::run(process, machine_options(&process.config, logmill_ingester::NAME)?)
        }),
        other => {
            eprintln!("LOGMILL_FAULTY_STAGE is {other:?}: fetcher, decoder, splitter, loader or ingester");
            ExitCode::from(2)
        }
    }
}

fn process(name: &str, run: impl Fn(&Process) -> anyhow::Result<()>) -> ExitCode {
    let process = match Process::start(name) {
        Ok(process) => process,
        Err(code) => return code,
    };
    end(run(&process))
}
