//! The program of the decoder: decompressor and re-encoder fused.

use logmill_decoder::{NAME, decoder};
use logmill_runner::stage_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    stage_main(NAME, |_| Ok(decoder()))
}
