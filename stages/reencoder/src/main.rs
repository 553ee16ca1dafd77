//! The program of the reencoder.

use logmill_core::Stage;
use logmill_reencoder::Reencoder;
use logmill_runner::stage_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    stage_main(Reencoder::NAME, |_| Ok(Reencoder))
}
