//! Which listers run in this process: a cluster's runs where partition 0 of its tasks is assigned.
//!
//! The assignment only saves work: should two run at a time, the younger has fenced the older.

use crate::cluster::Cluster;
use crate::scan::Scan;
use crate::worker::{Log, lift, lower, now_ms};
use logmill_core::FileId;
use logmill_protocol::fetch::{Lister, ListerAnswer, ListerAsk, ListerOptions, Waiting};
use logmill_protocol::{Action, Event, Machine, Partition};
use logmill_runner::{Restarts, keep_running};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a lister that failed waits before it begins anew, while its partition stays assigned.
const AGAIN: Duration = Duration::from_secs(5);

/// How often a lister looks whether its cluster is drained still.
const LOOK: Duration = Duration::from_millis(250);

/// A log with the topic of known files beside it.
pub trait ListerLog: Log {
    /// The ids on the topic, read up to its high watermark of now.
    ///
    /// # Errors
    /// What the log says.
    fn known(&mut self) -> Result<Vec<FileId>, String>;

    /// Tasks of the cluster that no fetcher has taken.
    ///
    /// # Errors
    /// What the log says.
    fn waiting(&mut self) -> Result<Waiting, String>;
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
    /// How often one that panics begins anew.
    restarts: Restarts,
    /// Why one of them ended that should not have.
    failed: Arc<Mutex<Option<String>>>,
}

struct Running {
    stop: Stop,
    thread: JoinHandle<()>,
}

/// Tells a lister to end, whatever it waits for.
struct Stop {
    scan: watch::Sender<bool>,
    restart: Arc<AtomicBool>,
}

impl Stop {
    fn say(&self) {
        self.restart.store(true, Ordering::Relaxed);
        self.scan.send_replace(true);
    }
}

impl Listers {
    /// None runs before its partition is assigned.
    #[must_use]
    pub fn new(io: Handle, kits: HashMap<String, Arc<dyn ListerKit>>, restarts: Restarts) -> Self {
        Self { io, kits, running: HashMap::new(), restarts, failed: Arc::default() }
    }

    /// Why a lister ended that should not have, if one did: it panicked again and again.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts and stops listers: these partitions are the worker's now. Waits for none.
    pub fn assigned(&mut self, partitions: &[Partition]) {
        let wanted = |topic: &String| partitions.iter().any(|p| p.index == 0 && *p.topic == **topic);
        self.running.retain(|topic, running| {
            let keep = wanted(topic) && !running.thread.is_finished();
            if !keep {
                running.stop.say();
            }
            keep
        });
        for (topic, kit) in &self.kits {
            if !wanted(topic) || self.running.contains_key(topic) {
                continue;
            }
            let (scan, stopped) = watch::channel(false);
            let restart = Arc::new(AtomicBool::new(false));
            let stop = Stop { scan, restart: Arc::clone(&restart) };
            let (io, kit, failed, restarts) =
                (self.io.clone(), Arc::clone(kit), Arc::clone(&self.failed), self.restarts);
            let name = format!("lister-{}", kit.cluster().name);
            let run = move || {
                let name = format!("lister-{}", kit.cluster().name);
                let once = || {
                    supervise(&io, kit.as_ref(), stopped.clone());
                    Ok(())
                };
                if let Err(why) = keep_running(&name, restarts, &restart, once) {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{name}: {why:#}"));
                }
            };
            let thread = std::thread::Builder::new().name(name).spawn(run).expect("the system gives a thread");
            self.running.insert(topic.clone(), Running { stop, thread });
        }
    }
}

impl Drop for Listers {
    fn drop(&mut self) {
        for (_, Running { stop, thread }) in self.running.drain() {
            stop.say();
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
    let mut waiting = None;
    loop {
        event = match machine.step(now_ms(), event) {
            Action::Other(ListerAsk::Known) => {
                let known = log.known()?;
                tracing::info!(cluster = kit.cluster().name, files = known.len(), "the lister knows these files");
                Event::Other(ListerAnswer::Known(known))
            }
            Action::Other(ListerAsk::Waiting) => {
                io.block_on(while_drained(kit.cluster(), &mut stopped));
                // How many there were is good enough where nobody says how many there are.
                match (log.waiting(), &waiting) {
                    (Ok(now), _) => waiting = Some(now),
                    (Err(why), Some(_)) => {
                        tracing::warn!(cluster = kit.cluster().name, "it is not known how many tasks wait: {why}");
                    }
                    (Err(why), None) => return Err(why),
                }
                Event::Other(ListerAnswer::Waiting(waiting.clone().expect("known by now")))
            }
            Action::Other(ListerAsk::List { wait_ms }) => {
                let metrics = kit.cluster().metrics();
                metrics.known.set(machine.known() as i64);
                metrics.held.set(machine.held() as i64);
                metrics.withheld.set(machine.withheld() as i64);
                io.block_on(while_drained(kit.cluster(), &mut stopped));
                let next = scan.next(wait_ms.map(Duration::from_millis));
                Event::Other(io.block_on(async {
                    tokio::select! { _ = stopped.wait_for(|stop| *stop) => ListerAnswer::Stop, next = next => next }
                }))
            }
            Action::Exit(why) => return why,
            action => lift(log.perform(lower(action))),
        };
    }
}

/// Between two tasks a lister rests for as long as its cluster is drained or paused, or until it is stopped.
async fn while_drained(cluster: &Cluster, stopped: &mut watch::Receiver<bool>) {
    while cluster.is_drained() && !*stopped.borrow() {
        tokio::select! { _ = stopped.wait_for(|stop| *stop) => return, () = sleep(LOOK) => {} }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ClusterMetrics;
    use crate::store::FolderStore;
    use std::sync::atomic::AtomicU32;
    use std::time::Instant;

    /// A lister with a bug.
    struct Broken {
        cluster: Cluster,
        lives: AtomicU32,
    }

    impl ListerKit for Broken {
        fn connect(&self) -> Result<Box<dyn ListerLog>, String> {
            self.lives.fetch_add(1, Ordering::Relaxed);
            panic!("an invariant broke")
        }
        fn options(&self) -> ListerOptions {
            unreachable!("it never connects")
        }
        fn scan(&self) -> Scan {
            unreachable!("it never connects")
        }
        fn cluster(&self) -> &Cluster {
            &self.cluster
        }
    }

    #[test]
    fn a_lister_that_panics_begins_anew_and_at_last_ends_its_worker_with_its_words() {
        let io = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let settings = logmill_config::Cluster::default();
        let cluster = Cluster::new("a", Arc::new(FolderStore::new("/none")), &settings, ClusterMetrics::default());
        let kit = Arc::new(Broken { cluster, lives: AtomicU32::new(0) });
        let kits = HashMap::from([("tasks.a".to_owned(), Arc::clone(&kit) as Arc<dyn ListerKit>)]);
        let quick = Restarts { first: Duration::ZERO, longest: Duration::ZERO, most: 2, ..Restarts::default() };
        let mut listers = Listers::new(io.handle().clone(), kits, quick);
        listers.assigned(&[Partition::new("tasks.a", 0)]);
        let start = Instant::now();
        while listers.failed().is_none() {
            assert!(start.elapsed() < Duration::from_secs(30), "the panics were not seen within 30 s");
            std::thread::yield_now();
        }
        let why = "lister-a: it panicked: an invariant broke (after 2 restarts in a row)";
        assert_eq!(listers.failed().as_deref(), Some(why));
        assert_eq!(kit.lives.load(Ordering::Relaxed), 3);
    }
}
