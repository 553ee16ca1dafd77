//! The stages as processes of their own, started and kept running as an orchestrator would: one that dies
//! unexpectedly is started again and said; each gets SIGTERM and a grace period in the end, then SIGKILL.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the processes are looked at.
const BEAT: Duration = Duration::from_millis(50);
/// Time that the processes have between SIGTERM and SIGKILL when all of them are stopped.
const GRACE: Duration = Duration::from_secs(30);
/// Time before a process that died is started again; doubled each time it dies young, up to the limit.
const BACK_OFF: Duration = Duration::from_millis(500);
const BACK_OFF_LIMIT: Duration = Duration::from_secs(10);
/// A process that lived this long has proven itself: the back-off begins anew.
const PROVEN: Duration = Duration::from_secs(20);

/// One process to run.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Stage and slot: `loader-0`. Names the log file too.
    pub name: String,
    pub program: PathBuf,
    pub environment: Vec<(String, String)>,
    /// Bytes of memory of its own that it may have (`RLIMIT_DATA`): what asks for more gets none, and dies.
    pub memory: Option<u64>,
}

/// How a process looked when it was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub name: String,
    /// `None` while it is not running.
    pub pid: Option<u32>,
    /// Times that it died without being told to.
    pub deaths: u32,
}

/// What became of a process that was told to end.
#[derive(Clone, Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub took: Duration,
}

enum Ask {
    Start(Spec, Sender<anyhow::Result<()>>),
    Kill(String, Sender<anyhow::Result<u32>>),
    Terminate(String, Duration, Sender<anyhow::Result<Ended>>),
    List(Sender<Vec<Status>>),
}

/// The running processes. Dropping it ends them all and waits for that.
pub struct Processes {
    asks: Option<Sender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

impl Processes {
    /// Output of each process goes to `log_folder/NAME.log`, appended over restarts. `say` hears of deaths and restarts.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(log_folder: &Path, say: impl Fn(String) + Send + 'static) -> anyhow::Result<Self> {
        std::fs::create_dir_all(log_folder).with_context(|| format!("making {}", log_folder.display()))?;
        let (asks, heard) = channel();
        let keeper = Keeper { log_folder: log_folder.to_owned(), slots: BTreeMap::new(), say: Box::new(say) };
        // A thread of its own that lives as long as the processes: the kernel kills a child of a thread that ends.
        let thread = std::thread::Builder::new().name("processes".into()).spawn(move || keeper.run(&heard))?;
        Ok(Self { asks: Some(asks), thread: Some(thread) })
    }

    fn ask<T>(&self, make: impl FnOnce(Sender<T>) -> Ask) -> T {
        let (answer, answered) = channel();
        let asks = self.asks.as_ref().expect("asked only before it is dropped");
        asks.send(make(answer)).expect("the keeper lives until it is dropped");
        answered.recv().expect("the keeper answers every question")
    }

    /// Starts a process, and keeps it running.
    ///
    /// # Errors
    /// The program cannot be started, or one of this name runs already.
    pub fn start(&self, spec: Spec) -> anyhow::Result<()> {
        self.ask(|answer| Ask::Start(spec, answer))
    }

    /// SIGKILL to one process; it is started again as if it had died by itself. Returns the id it had.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&self, name: &str) -> anyhow::Result<u32> {
        self.ask(|answer| Ask::Kill(name.into(), answer))
    }

    /// SIGTERM to one process, and waits for its end; it is not started again.
    ///
    /// # Errors
    /// It does not run, or did not end within `grace` (it gets SIGKILL then).
    pub fn terminate(&self, name: &str, grace: Duration) -> anyhow::Result<Ended> {
        self.ask(|answer| Ask::Terminate(name.into(), grace, answer))
    }

    /// All processes, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Status> {
        self.ask(Ask::List)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        drop(self.asks.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A process, or the place of one that will be started again.
struct Slot {
    spec: Spec,
    child: Option<Child>,
    since: Instant,
    deaths: u32,
    back_off: Duration,
    /// Set when a SIGKILL of ours is what it will die of: no surprise, and no back-off.
    killed: bool,
}

struct Keeper {
    log_folder: PathBuf,
    slots: BTreeMap<String, Slot>,
    say: Box<dyn Fn(String) + Send>,
}

impl Keeper {
    fn run(mut self, heard: &Receiver<Ask>) {
        loop {
            match heard.recv_timeout(BEAT) {
                Ok(ask) => self.answer(ask),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            self.look();
        }
    }

    fn answer(&mut self, ask: Ask) {
        // Whoever asked may have gone: then nobody needs the answer.
        match ask {
            Ask::Start(spec, answer) => drop(answer.send(self.start(spec))),
            Ask::Kill(name, answer) => drop(answer.send(self.kill(&name))),
            Ask::Terminate(name, grace, answer) => drop(answer.send(self.terminate(&name, grace))),
            Ask::List(answer) => drop(answer.send(self.list())),
        }
    }

    fn start(&mut self, spec: Spec) -> anyhow::Result<()> {
        if self.slots.contains_key(&spec.name) {
            bail!("{} runs already", spec.name);
        }
        let child = spawn(&spec, &self.log_folder)?;
        let name = spec.name.clone();
        let slot =
            Slot { spec, child: Some(child), since: Instant::now(), deaths: 0, back_off: BACK_OFF, killed: false };
        self.slots.insert(name, slot);
        Ok(())
    }

    fn kill(&mut self, name: &str) -> anyhow::Result<u32> {
        let slot = self.slots.get_mut(name).with_context(|| format!("there is no {name}"))?;
        let child = slot.child.as_mut().with_context(|| format!("{name} is not running"))?;
        slot.killed = true;
        child.kill()?;
        Ok(child.id())
    }

    fn terminate(&mut self, name: &str, grace: Duration) -> anyhow::Result<Ended> {
        let mut slot = self.slots.remove(name).with_context(|| format!("there is no {name}"))?;
        let mut child = slot.child.take().with_context(|| format!("{name} is not running"))?;
        let begun = Instant::now();
        signal(&child, libc::SIGTERM);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Ended { status, took: begun.elapsed() });
            }
            if begun.elapsed() > grace {
                child.kill()?;
                child.wait()?;
                bail!("{name} did not end within {grace:?} of SIGTERM");
            }
            self.look();
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn list(&mut self) -> Vec<Status> {
        let status = |slot: &Slot| Status {
            name: slot.spec.name.clone(),
            pid: slot.child.as_ref().map(Child::id),
            deaths: slot.deaths,
        };
        self.slots.values().map(status).collect()
    }

    /// Notices who died, and starts again whose time has come.
    fn look(&mut self) {
        for slot in self.slots.values_mut() {
            match &mut slot.child {
                Some(child) => {
                    let Ok(Some(status)) = child.try_wait() else { continue };
                    let lived = slot.since.elapsed();
                    slot.deaths += 1;
                    slot.back_off = match (slot.killed, lived < PROVEN) {
                        (false, true) => (slot.back_off * 2).min(BACK_OFF_LIMIT),
                        _ => BACK_OFF,
                    };
                    if !slot.killed {
                        let what = describe(status);
                        (self.say)(format!(
                            "{} died ({what}) after {:.1} s, is started again",
                            slot.spec.name,
                            lived.as_secs_f64()
                        ));
                    }
                    (slot.child, slot.since, slot.killed) = (None, Instant::now(), false);
                }
                None if slot.since.elapsed() >= slot.back_off => {
                    slot.since = Instant::now();
                    match spawn(&slot.spec, &self.log_folder) {
                        Ok(child) => slot.child = Some(child),
                        Err(error) => (self.say)(format!("{} cannot be started: {error:#}", slot.spec.name)),
                    }
                }
                None => {}
            }
        }
    }

    fn end(&mut self) {
        let mut children: Vec<Child> = self.slots.values_mut().filter_map(|slot| slot.child.take()).collect();
        children.iter().for_each(|child| signal(child, libc::SIGTERM));
        let begun = Instant::now();
        while begun.elapsed() < GRACE {
            children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            if children.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        for mut child in children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How a process ended, for people.
fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, code) => format!("exit code {}", code.unwrap_or_default()),
    }
}

fn signal(child: &Child, signal: i32) {
    // A process id is positive and fits; a child that is gone already is as it should be.
    // SAFETY: kill takes two numbers; the child is not yet waited for, so the id is still its own.
    unsafe { libc::kill(child.id() as libc::pid_t, signal) };
}

fn spawn(spec: &Spec, log_folder: &Path) -> anyhow::Result<Child> {
    let log = log_folder.join(format!("{}.log", spec.name));
    let open = || std::fs::OpenOptions::new().create(true).append(true).open(&log);
    let output = open().with_context(|| format!("opening {}", log.display()))?;
    let mut command = Command::new(&spec.program);
    command.envs(spec.environment.iter().cloned()).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    // A group of its own: Ctrl-C at the terminal is for the demo, which then ends the stages in good order.
    command.process_group(0);
    let memory = spec.memory;
    // SAFETY: between fork and exec only prctl and setrlimit are called, which are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            if let Some(bytes) = memory {
                let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
                if libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            // Should this process be killed, the kernel takes the child with it: nothing is left behind.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    command.spawn().with_context(|| format!("starting {}", spec.program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    struct Bench {
        processes: Processes,
        said: Arc<Mutex<Vec<String>>>,
        _folder: tempfile::TempDir,
    }

    fn running(script: &str) -> Bench {
        running_within(script, None)
    }

    fn running_within(script: &str, memory: Option<u64>) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        let processes = Processes::new(folder.path(), move |text| heard.lock().unwrap().push(text)).unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::process::Command::new("chmod").arg("+x").arg(&program).status().unwrap();
        processes.start(Spec { name: "x-0".into(), program, environment: Vec::new(), memory }).unwrap();
        Bench { processes, said, _folder: folder }
    }

    /// Waits for another process of the name than `before`.
    fn successor(bench: &Bench, before: u32) -> u32 {
        let begun = Instant::now();
        loop {
            match bench.processes.list()[0].pid {
                Some(pid) if pid != before => return pid,
                _ => assert!(begun.elapsed() < Duration::from_secs(10), "no successor within 10 s"),
            }
            std::thread::sleep(BEAT);
        }
    }

    fn alive(pid: u32) -> bool {
        Path::new(&format!("/proc/{pid}")).exists()
    }

    #[test]
    fn a_killed_process_is_started_again() {
        let bench = running("exec sleep 1000");
        let first = bench.processes.kill("x-0").unwrap();
        let second = successor(&bench, first);
        assert!(!alive(first) && alive(second));
        assert_eq!(bench.processes.list()[0].deaths, 1);
        assert!(bench.said.lock().unwrap().is_empty(), "a kill that was asked for is no news");
    }

    #[test]
    fn an_unexpected_death_is_said_and_mended() {
        let bench = running("exec sleep 1000");
        let first = bench.processes.list()[0].pid.unwrap();
        unsafe { libc::kill(first as i32, libc::SIGSEGV) };
        successor(&bench, first);
        let said = bench.said.lock().unwrap();
        assert!(said[0].starts_with("x-0 died (signal 11)"), "{said:?}");
    }

    #[test]
    fn a_terminated_process_stays_ended() {
        let bench = running("exec sleep 1000");
        let ended = bench.processes.terminate("x-0", Duration::from_secs(5)).unwrap();
        assert_eq!(ended.status.signal(), Some(libc::SIGTERM));
        assert!(bench.processes.list().is_empty());
    }

    #[test]
    fn a_process_gets_no_more_memory_than_it_may_have() {
        let greedy = "exec python3 -c 'import time; x = bytearray(200_000_000); time.sleep(1000)'";
        let bench = running_within(greedy, Some(100 << 20));
        let begun = Instant::now();
        while bench.processes.list()[0].deaths == 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "it lives with twice what it may have");
            std::thread::sleep(BEAT);
        }
    }

    #[test]
    fn dropping_ends_all() {
        let bench = running("exec sleep 1000");
        let pid = bench.processes.list()[0].pid.unwrap();
        drop(bench);
        assert!(!alive(pid));
    }
}
