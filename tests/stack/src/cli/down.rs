//! `down`: end the running stack, whatever state it is in.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use logmill_stack::{Recorded, State};

use super::Dir;

/// A clean end of all servers takes up to 10 s.
const CLEAN: Duration = Duration::from_secs(20);
const KILLED: Duration = Duration::from_secs(10);

pub fn run(dir: &Dir) -> Result<()> {
    let Ok(state) = State::read(&dir.state_file()) else {
        println!("no stack runs in {}", dir.path().display());
        return Ok(());
    };
    let (supervisors, servers): (Vec<_>, Vec<_>) =
        state.processes.into_iter().partition(|process| process.name == "supervisor");
    supervisors.iter().for_each(|process| signal(process, libc::SIGTERM));
    if !gone(&supervisors, CLEAN) {
        supervisors.iter().for_each(|process| signal(process, libc::SIGKILL));
    }
    // They end with their supervisor; one that did not is ended here.
    if !gone(&servers, Duration::from_secs(2)) {
        servers.iter().for_each(|process| signal(process, libc::SIGKILL));
    }
    let all: Vec<Recorded> = supervisors.into_iter().chain(servers).collect();
    if !gone(&all, KILLED) {
        let left: Vec<String> =
            all.iter().filter(|p| p.is_alive()).map(|p| format!("{} ({})", p.name, p.pid)).collect();
        bail!("still running {KILLED:?} after SIGKILL: {}", left.join(", "));
    }
    let _ = std::fs::remove_file(dir.state_file());
    println!("down; the data stays in {}", dir.state_file().with_file_name("").display());
    Ok(())
}

fn signal(process: &Recorded, signal: i32) {
    if process.is_alive() {
        // SAFETY: kill takes integers; the start time said that the id is still this process's.
        unsafe { libc::kill(process.pid as i32, signal) };
    }
}

fn gone(processes: &[Recorded], patience: Duration) -> bool {
    let start = Instant::now();
    loop {
        if !processes.iter().any(Recorded::is_alive) {
            return true;
        }
        if start.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
