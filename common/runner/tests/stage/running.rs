//! A process of the stage.

use crate::place::Place;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The longest that anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const CHILD: &str = "LOGMILL_TEST_STAGE";

pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(place: &Place, slot: &str) -> Self {
        Self::start_with(place, slot, Stdio::inherit())
    }

    pub(crate) fn start_with(place: &Place, slot: &str, errors: Stdio) -> Self {
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["process", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, format!("{} {} {slot}", place.brokers, place.name))
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn();
        Self(child.expect("a process"))
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().expect("kill -9");
        self.0.wait().expect("its end");
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = i32::try_from(self.0.id()).expect("a process id");
        // SAFETY: kill sends a signal to a process that we started and have not waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("its state") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it did not stop within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
