//! The program of the splitter.

use logmill_core::Stage;
use logmill_runner::stage_main;
use logmill_splitter::Splitter;
use std::process::ExitCode;

fn main() -> ExitCode {
    stage_main(Splitter::NAME, |_| Ok(Splitter::new()))
}
