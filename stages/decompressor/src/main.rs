//! The program of the decompressor.

use logmill_core::Stage;
use logmill_decompressor::Decompressor;
use logmill_runner::stage_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    stage_main(Decompressor::NAME, |_| Ok(Decompressor))
}
