//! The program with fault points is built by the test: it is in no set of programs that are made to be used.

use crate::programs;
use anyhow::{Context, ensure};
use std::path::PathBuf;
use std::process::Command;

/// Builds `logmill-faulty` beside the other programs, and leaves these as they are. All of the workspace is selected,
/// though one program of it is built: so the libraries have the same features as in the others, and only crates of our
/// own are compiled again.
///
/// # Errors
/// With what cargo said.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let folder = programs()?;
    let target = folder.parent().context("the folder of a profile lies in the target folder")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--workspace", "--bin", "logmill-faulty"]);
    cargo.args(["--features", "logmill-faulty/fault-points"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", target).output();
    let output = output.context("starting cargo")?;
    ensure!(output.status.success(), "logmill-faulty: {}", String::from_utf8_lossy(&output.stderr));
    Ok(folder.join("logmill-faulty"))
}
