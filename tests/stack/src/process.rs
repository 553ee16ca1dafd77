//! Processes that cannot outlive their parent.
//!
//! **Invariant:** every process launched here gets SIGKILL from the kernel when this process ends, however it ends
//! (`PR_SET_PDEATHSIG`). The kernel sends that signal when the *thread* that forked ends, so all forks happen in one
//! thread that lives as long as the process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crate::error::{Doing, Error, Result};

/// How often a condition of another process is looked at.
const LOOK: Duration = Duration::from_millis(15);

type Order = (Command, Sender<io::Result<Child>>);

/// Spawns in the one thread that lives as long as the process.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<std::sync::Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::Builder::new()
            .name("stack-spawner".into())
            .spawn(move || {
                for (mut command, reply) in inbox {
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("the spawner thread starts");
        orders.into()
    });
    let (reply, answer) = channel();
    spawner.lock().expect("no spawner panicked").send((command, reply)).expect("the spawner lives");
    answer.recv().expect("the spawner answers")
}

/// Asks the kernel to kill the child with us, in the child, between fork and exec.
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let bind = move || {
        // SAFETY: only async-signal-safe calls, on plain integers and one local signal set.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            if libc::getppid() as u32 != parent {
                libc::_exit(1); // the parent went between fork and prctl
            }
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        }
        Ok(())
    };
    // SAFETY: see `bind`.
    unsafe { command.pre_exec(bind) };
    command.process_group(0); // Ctrl-C is for the stack; it decides how its servers end
}

/// One process, its output in a log file. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where this run's output starts in the log, in bytes.
    log_from: u64,
}

impl Process {
    /// Starts `command`, its output appended to `log`.
    pub fn launch(name: &str, mut command: Command, log: &Path) -> Result<Process> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .doing(|| format!("open the log {}", log.display()))?;
        let log_from = output.metadata().doing(|| format!("measure {}", log.display()))?.len();
        let errors = output.try_clone().doing(|| format!("share the log {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        die_with_parent(&mut command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = spawn(command).doing(|| format!("start {name} ({program})"))?;
        Ok(Process { name: name.to_owned(), child, log: log.to_owned(), log_from })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// Sends a signal; false when the process has ended already.
    pub fn signal(&mut self, signal: i32) -> bool {
        // An unreaped child keeps its id, so the id cannot be another's.
        // SAFETY: kill takes integers.
        self.ended().is_none() && unsafe { libc::kill(self.child.id() as i32, signal) } == 0
    }

    /// SIGSTOP, and waits until every thread has stopped: the signal alone is there before its effect. False when the
    /// process has ended already.
    pub fn pause(&mut self) -> bool {
        if !self.signal(libc::SIGSTOP) {
            return false;
        }
        let how = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT;
        // SAFETY: an all-zero siginfo is a value of its type; waitid writes to nothing else, and reaps nothing.
        unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, self.child.id(), &raw mut info, how) == 0 && info.si_code == libc::CLD_STOPPED
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        let _ = self.child.wait();
    }

    /// SIGTERM; after `patience` SIGKILL.
    pub fn stop(&mut self, patience: Duration) {
        self.signal(libc::SIGTERM);
        if self.wait(patience).is_none() {
            self.kill();
        }
    }

    /// Waits for the end, at most `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.ended() {
                Some(status) => return Some(status),
                None if start.elapsed() >= patience => return None,
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// Waits until `ready` says so: an error when the process ends before, or after `patience`.
    pub fn until(&mut self, what: &str, patience: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Err(Error::Died {
                    server: self.name.clone(),
                    status: status.to_string(),
                    log: self.log.clone(),
                    tail: self.tail(),
                });
            }
            if ready() {
                return Ok(());
            }
            if start.elapsed() >= patience {
                return Err(Error::Timeout {
                    what: format!("{}: {what}", self.name),
                    waited: patience,
                    log: self.log.clone(),
                    tail: self.tail(),
                });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The last lines of what this run wrote.
    pub fn tail(&self) -> String {
        tail(&self.log, self.log_from)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end; an error with its last lines when it fails or takes longer than `patience`.
pub fn run(name: &str, command: Command, log: &Path, patience: Duration) -> Result<()> {
    let mut process = Process::launch(name, command, log)?;
    match process.wait(patience) {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(Error::Tool { program: name.to_owned(), status: status.to_string(), tail: process.tail() }),
        None => Err(Error::Timeout {
            what: format!("{name} to end"),
            waited: patience,
            log: log.to_owned(),
            tail: process.tail(),
        }),
    }
}

/// The last 15 lines of `log` that stand after byte `from`.
fn tail(log: &Path, from: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let from = from.max(file.metadata()?.len().saturating_sub(16 * 1024));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let lines = &lines[lines.len().saturating_sub(15)..];
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// When the process `id` started, in clock ticks since boot: with the id it names one process for ever.
/// `None` when there is no such process, or only its unreaped remains.
pub fn start_time(id: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // proc_pid_stat(5): the fields after the name in brackets are state (3rd), …, start time (22nd).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}
