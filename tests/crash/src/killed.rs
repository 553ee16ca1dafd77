//! One run of a command, which may be killed in the middle.

use anyhow::Context;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(20);

/// How it ended.
pub(crate) enum Ended {
    Killed,
    Alone { status: ExitStatus, printed: String, errors: String },
}

/// A process that does not outlive whoever waits for it.
struct Waited(Child);

impl Drop for Waited {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the command; killed with -9 `after` so long, or when it is `over`.
///
/// # Errors
/// It cannot be started.
pub(crate) fn run(mut command: Command, after: Option<Duration>, over: &impl Fn() -> bool) -> anyhow::Result<Ended> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Waited(command.spawn().with_context(|| format!("starting {command:?}"))?);
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break status;
        }
        if after.is_some_and(|after| begun.elapsed() > after) || over() {
            return Ok(Ended::Killed);
        }
        std::thread::sleep(LOOK);
    };
    let (mut printed, mut errors) = (String::new(), String::new());
    child.0.stdout.take().context("it was piped")?.read_to_string(&mut printed)?;
    child.0.stderr.take().context("it was piped")?.read_to_string(&mut errors)?;
    Ok(Ended::Alone { status, printed, errors })
}

/// Waits, unless it is `over`.
pub(crate) fn rest(pause: Duration, over: &impl Fn() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < pause && !over() {
        std::thread::sleep(LOOK);
    }
}
