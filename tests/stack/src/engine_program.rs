//! Where the program lies that hosts the ClickHouse engine: this package's own binary, also for the tests of others.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process;

const NAME: &str = "logmill-stack";

/// `LOGMILL_STACK_BIN`; this program itself; one built beside it (`target/release/logmill-stack` for the test
/// `target/release/deps/name-hash`); else one that cargo builds now.
pub fn find() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("LOGMILL_STACK_BIN") {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(Error::EngineProgram(format!("LOGMILL_STACK_BIN names {}, which is no file", named.display())))
        };
    }
    let own = std::env::current_exe().map_err(|error| Error::EngineProgram(format!("this program's path: {error}")))?;
    if own.file_name().is_some_and(|name| name == NAME) {
        return Ok(own);
    }
    match own.ancestors().skip(1).take(3).map(|folder| folder.join(NAME)).find(|place| place.is_file()) {
        Some(beside) => Ok(beside),
        None => build(&own),
    }
}

/// Builds it into the target folder that `own`, a test, lies in.
fn build(own: &Path) -> Result<PathBuf> {
    let deps = own.parent().filter(|folder| folder.ends_with("deps"));
    let Some(profile) = deps.and_then(Path::parent) else {
        return Err(Error::EngineProgram(format!("none beside {}", own.display())));
    };
    let (Some(target), Some(folder)) = (profile.parent(), profile.file_name()) else {
        return Err(Error::EngineProgram(format!("{} lies in no target folder", own.display())));
    };
    let name = if folder == "debug" { "dev".into() } else { folder.to_string_lossy() };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--offline", "--package", NAME, "--bin", NAME, "--profile", &name])
        .arg("--target-dir")
        .arg(target);
    cargo.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let log = profile.join("logmill-stack-build.log");
    process::run("cargo build", cargo, &log, Duration::from_secs(600))
        .map_err(|error| Error::EngineProgram(error.to_string()))?;
    let built = profile.join(NAME);
    if built.is_file() {
        Ok(built)
    } else {
        Err(Error::EngineProgram(format!("cargo left none at {}", built.display())))
    }
}
