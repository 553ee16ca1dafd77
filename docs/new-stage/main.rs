//! `logmill-reencoder-mask`: the re-encoder with the masking of secrets behind it, in one process.

mod mask;

use logmill_core::Stage;
use logmill_reencoder::Reencoder;
use mask::Mask;
use std::process::ExitCode;

fn main() -> ExitCode {
    logmill_runner::stage_main("reencoder", |_config| Ok(Reencoder.then(Mask::new(&["password", "token", "secret"]))))
}
