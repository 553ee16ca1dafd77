//! Files that keep coming: the logs of the fixture again and again, each time under another name.

use anyhow::Context;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::manifest::{self, Entry};
use logmill_demo::logs::upload::{Clients, Put, upload};
use logmill_e2e::Fixture;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A file that lies in its cluster, and since when.
#[derive(Clone, Debug)]
pub struct Sent {
    pub entry: Entry,
    pub at: Instant,
}

/// A thread that puts one file after the other into the clusters, until it is stopped.
pub struct Feed {
    fixture: &'static Fixture,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

struct Shared {
    clients: Clients,
    /// Begins every path.
    folder: String,
    sent: Mutex<Vec<Sent>>,
    stop: AtomicBool,
    /// From one file to the next.
    every: Duration,
}

impl Feed {
    /// Puts a file below `folder` every `every`.
    ///
    /// # Errors
    /// A client of a cluster cannot be made.
    pub fn start(fixture: &'static Fixture, folder: &str, every: Duration) -> anyhow::Result<Self> {
        let _inside = fixture.runtime.enter();
        let shared = Arc::new(Shared {
            clients: clients(&fixture.stack)?,
            folder: folder.to_owned(),
            sent: Mutex::default(),
            stop: AtomicBool::new(false),
            every,
        });
        let feeding = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("feed".into()).spawn(move || feeding.run(fixture))?;
        Ok(Self { fixture, shared, thread: Some(thread) })
    }

    /// What was put there so far, in this order.
    ///
    /// # Panics
    /// When the thread that puts files has panicked.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.sent.lock().expect("it does not panic with the list in its hands").clone()
    }

    /// Deletes a file from its cluster, as people do when they think it loaded.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn delete(&self, entry: &Entry) -> anyhow::Result<()> {
        let deleted = self.fixture.runtime.block_on(self.shared.clients[&entry.cluster].delete(&entry.path, false));
        deleted.map(drop).with_context(|| format!("deleting {}", entry.path))
    }

    /// Puts no more files there. The list of all of them, for the comparison: how many, and where it lies.
    ///
    /// # Errors
    /// A file could not be put into its cluster, or the list cannot be written.
    ///
    /// # Panics
    /// When the thread that puts files has panicked.
    pub fn stop(mut self) -> anyhow::Result<(Vec<Sent>, PathBuf)> {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a thread that puts files reports errors")?;
        }
        let sent = self.sent();
        let entries: Vec<Entry> = sent.iter().map(|sent| sent.entry.clone()).collect();
        // Beside the one of the originals: its names are relative to the folder.
        let name = format!("{}.jsonl", self.shared.folder.trim_matches('/'));
        let manifest = self.fixture.logs.manifest.with_file_name(name);
        manifest::write(&manifest, &entries)?;
        Ok((sent, manifest))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, fixture: &'static Fixture) -> anyhow::Result<()> {
        let logs = &fixture.logs;
        let folder = logs.manifest.parent().context("the manifest lies in a folder")?;
        let mut next = Instant::now();
        for (n, original) in logs.entries.iter().cycle().enumerate() {
            while next > Instant::now() {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let round = n / logs.entries.len();
            let path = format!("{}/{round:05}{}", self.folder, original.path);
            let put = Put { path: path.clone(), ..Put::of(folder, original) };
            fixture.runtime.block_on(upload(&self.clients, vec![put]))?;
            let sent = Sent { entry: Entry { path, ..original.clone() }, at: Instant::now() };
            self.sent.lock().expect("nobody panics with the list in hands").push(sent);
            next += self.every;
        }
        unreachable!("a cycle of files has no end")
    }
}
