//! Which listers run in this process: a cluster's runs where partition 0 of its tasks is assigned.
//!
//! The assignment only saves work: should two run at a time, the younger has fenced the older.

use crate::cluster::Cluster;
use crate::scan::Scan;
use crate::worker::{Log, lift, lower, now_ms};
use logmill_core::FileId;
use logmill_protocol::fetch::{Lister, ListerAnswer, ListerAsk, ListerOptions};
use logmill_protocol::{Action, Event, Machine, Partition};
use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a lister that failed waits before it begins anew, while its partition stays assigned.
const AGAIN: Duration = Duration::from_secs(5);

/// A log with the topic of known files beside it.
pub trait ListerLog: Log {
    /// The ids on the topic, read up to its high watermark of now.
    ///
    /// # Errors
    /// What the log says.
    fn known(&mut self) -> Result<Vec<FileId>, String>;
}

/// All that one cluster's lister needs, made anew for each run.
pub trait ListerKit: Send + Sync {
    /// Connects, and initialises the producer: from here on an older lister is fenced.
    ///
    /// # Errors
    /// What the log says.
    fn connect(&self) -> Result<Box<dyn ListerLog>, String>;
    fn options(&self) -> ListerOptions;
    fn scan(&self) -> Scan;
    fn cluster(&self) -> &Cluster;
}

/// The listers of one worker.
pub struct Listers {
    io: Handle,
    /// By the topic of the cluster's tasks.
    kits: HashMap<String, Arc<dyn ListerKit>>,
    running: HashMap<String, Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Listers {
    /// None runs before its partition is assigned.
    #[must_use]
    pub fn new(io: Handle, kits: HashMap<String, Arc<dyn ListerKit>>) -> Self {
        Self { io, kits, running: HashMap::new() }
    }

    /// Starts and stops listers: these partitions are the worker's now. Waits for none.
    pub fn assigned(&mut self, partitions: &[Partition]) {
        let wanted = |topic: &String| partitions.iter().any(|p| p.index == 0 && *p.topic == **topic);
        self.running.retain(|topic, running| {
            let keep = wanted(topic) && !running.thread.is_finished();
            if !keep {
                running.stop.send_replace(true);
            }
            keep
        });
        for (topic, kit) in &self.kits {
            if !wanted(topic) || self.running.contains_key(topic) {
                continue;
            }
            let (stop, stopped) = watch::channel(false);
            let (io, kit) = (self.io.clone(), Arc::clone(kit));
            let name = format!("lister-{}", kit.cluster().name);
            let thread = std::thread::Builder::new()
                .name(name)
                .spawn(move || supervise(&io, kit.as_ref(), stopped))
                .expect("the system gives a thread");
            self.running.insert(topic.clone(), Running { stop, thread });
        }
    }
}

impl Drop for Listers {
    fn drop(&mut self) {
        for (_, Running { stop, thread }) in self.running.drain() {
            stop.send_replace(true);
            if thread.join().is_err() {
                tracing::error!("a lister panicked");
            }
        }
    }
}

/// Runs a cluster's lister until it is stopped, anew after each failure.
fn supervise(io: &Handle, kit: &dyn ListerKit, mut stopped: watch::Receiver<bool>) {
    let cluster = &kit.cluster().name;
    loop {
        match kit.connect().and_then(|log| run(io, kit, log, stopped.clone())) {
            Ok(()) => return tracing::info!(cluster, "the lister ends: it is another's task now"),
            Err(why) => tracing::warn!(cluster, "the lister ends, and begins anew in {AGAIN:?}: {why}"),
        }
        let stop = io.block_on(async {
            tokio::select! { _ = stopped.wait_for(|stop| *stop) => true, () = sleep(AGAIN) => false }
        });
        if stop {
            return;
        }
    }
}

fn run(
    io: &Handle,
    kit: &dyn ListerKit,
    mut log: Box<dyn ListerLog>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), String> {
    let mut machine = Lister::new(kit.options());
    let mut scan = kit.scan();
    let mut event = Event::Start;
    loop {
        event = match machine.step(now_ms(), event) {
            Action::Other(ListerAsk::Known) => {
                let known = log.known()?;
                tracing::info!(cluster = kit.cluster().name, files = known.len(), "the lister knows these files");
                Event::Other(ListerAnswer::Known(known))
            }
            Action::Other(ListerAsk::List) => {
                kit.cluster().metrics().known.set(machine.known() as i64);
                Event::Other(io.block_on(async {
                    tokio::select! { _ = stopped.wait_for(|stop| *stop) => ListerAnswer::Stop, next = scan.next() => next }
                }))
            }
            Action::Exit(why) => return why,
            action => lift(log.perform(lower(action))),
        };
    }
}
