//! The program of the parser: decompressor, re-encoder, distributor and splitter in one.

use logmill_distributor::configured;
use logmill_parser::{NAME, parser};
use logmill_runner::stage_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    stage_main(NAME, |config| Ok(parser(configured(config)?)))
}
