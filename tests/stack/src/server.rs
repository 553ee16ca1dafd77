//! One server as the stack sees it: how to start it, when it is ready, its process.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::process::Process;

/// How a server is started, and how one sees that it serves.
pub(crate) struct Recipe {
    /// As people and the state file name it: `kafka-1`, `hdfs-a`, `clickhouse`.
    pub name: String,
    /// Where its output goes.
    pub log: PathBuf,
    /// The command that starts it, the same at every restart.
    pub command: Box<dyn Fn() -> Command + Send + Sync>,
    /// Whether it serves; asked again and again, so it must answer within a second or two.
    pub ready: Box<dyn Fn() -> bool + Send + Sync>,
    /// How long a start may take.
    pub patience: Duration,
    /// How long it stays away before it starts again.
    pub rest: Duration,
}

/// A server and its process.
pub(crate) struct Server {
    recipe: Recipe,
    /// `None` before the first start and after a kill.
    process: Mutex<Option<Process>>,
    /// When it was last seen to have ended.
    ended: Mutex<Option<Instant>>,
}

impl Server {
    pub fn new(recipe: Recipe) -> Server {
        Server { recipe, process: Mutex::new(None), ended: Mutex::new(None) }
    }

    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Starts it and waits until it serves. A process that still runs is killed first.
    pub fn start(&self) -> Result<()> {
        if self.pid().is_some() {
            self.kill();
        }
        let recipe = &self.recipe;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        let rest = ended.and_then(|ended| (ended + recipe.rest).checked_duration_since(Instant::now()));
        std::thread::sleep(rest.unwrap_or_default());
        let mut slot = self.slot();
        let process = slot.insert(Process::launch(&recipe.name, (recipe.command)(), &recipe.log)?);
        let ready = process.until("ready to serve", recipe.patience, &recipe.ready);
        if ready.is_err() {
            drop(slot.take());
        }
        ready
    }

    /// SIGKILL.
    pub fn kill(&self) {
        drop(self.slot().take());
        self.has_ended();
    }

    /// It counts as ended now: its rest begins.
    pub fn has_ended(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// SIGTERM, and SIGKILL after `patience`.
    pub fn stop(&self, patience: Duration) {
        if let Some(mut process) = self.slot().take() {
            process.stop(patience);
        }
    }

    /// SIGSTOP to the running process: it has stopped when this returns.
    pub fn pause(&self) -> Result<()> {
        self.running(Process::pause)
    }

    /// SIGCONT to the running process.
    pub fn resume(&self) -> Result<()> {
        self.running(|process| process.signal(libc::SIGCONT))
    }

    fn running(&self, act: impl FnOnce(&mut Process) -> bool) -> Result<()> {
        let done = self.slot().as_mut().is_some_and(act);
        if done { Ok(()) } else { Err(Error::NoSuchServer(format!("running {}", self.recipe.name))) }
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.slot().as_mut().and_then(|process| process.ended().is_none().then(|| process.id()))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts all of them side by side; the first error, after every start has ended.
pub(crate) fn start_all<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Result<()> {
    std::thread::scope(|scope| {
        let starts: Vec<_> = servers.into_iter().map(|server| scope.spawn(|| server.start())).collect();
        let results: Vec<_> = starts.into_iter().map(|start| start.join().expect("a start does not panic")).collect();
        results.into_iter().collect()
    })
}
