//! The program of the distributor.

use logmill_core::Stage;
use logmill_distributor::{Distributor, configured};
use logmill_runner::stage_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    stage_main(Distributor::NAME, |config| Ok(configured(config)?))
}
