//! A chain whose files come in portions, so that whatever happens meets something to do.

use crate::{Fixture, PATIENCE, Running, folder, said, start_with};
use logmill_config::{Config, Layout};
use logmill_demo::chain::Settings;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::manifest::{self, Entry};
use logmill_demo::logs::upload::{Clients, Put, upload};
use logmill_demo::progress;
use logmill_stack::http;
use std::time::{Duration, Instant};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// The chain, and the files that it was given.
pub struct Portions {
    pub running: Running,
    fixture: &'static Fixture,
    clients: Clients,
    /// Of the files, in every cluster.
    files: String,
    sent: Vec<Entry>,
}

impl Portions {
    /// Starts a chain of one process of each stage, with its configuration changed. There are no files yet.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn start(
        fixture: &'static Fixture,
        name: &str,
        layout: Layout,
        environment: &[(String, String)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let files = format!("/{name}");
        let chunk_bytes = Some(32 << 10);
        let settings = Settings {
            name: name.into(),
            folder: folder(name),
            layout,
            instances: 0,
            files: files.clone(),
            chunk_bytes,
        };
        let running = start_with(fixture, settings, 0, change);
        for stage in running.chain.stages() {
            let mut spec = running.chain.spec(stage, 0);
            spec.environment.extend(environment.iter().cloned());
            running.processes.start(spec).expect("the stage starts");
        }
        let clients = fixture.runtime.block_on(async { clients(&fixture.stack) }).expect("clients of the clusters");
        Self { running, fixture, clients, files, sent: Vec::new() }
    }

    /// Puts so many more files into the clusters.
    ///
    /// # Panics
    /// When a cluster refuses one.
    pub fn put(&mut self, files: usize) {
        let logs = &self.fixture.logs;
        let originals = logs.manifest.parent().expect("the manifest lies in a folder");
        let mut puts = Vec::new();
        for n in self.sent.len()..self.sent.len() + files {
            let (round, original) = (n / logs.entries.len(), &logs.entries[n % logs.entries.len()]);
            let path = format!("{}/{round}{}", self.files, original.path);
            puts.push(Put { path: path.clone(), ..Put::of(originals, original) });
            self.sent.push(Entry { path, ..original.clone() });
        }
        self.fixture.runtime.block_on(upload(&self.clients, puts)).expect("the clusters take files");
    }

    /// The files that were put there so far.
    #[must_use]
    pub fn sent(&self) -> &[Entry] {
        &self.sent
    }

    /// Waits until all files are through.
    ///
    /// # Panics
    /// When nothing has moved for [`PATIENCE`].
    pub fn through(&self) {
        let (files, every) = (self.sent.len() as u64, Duration::from_secs(2));
        let show = |line: String| println!("{line}");
        let arrived = progress::wait(&self.running.chain, files, every, PATIENCE, show);
        self.fixture.runtime.block_on(arrived).expect("all files come through");
    }

    /// Puts so many more files, and waits until the first of their rows is in: all stages have to do with them then.
    ///
    /// # Panics
    /// When none comes within [`PATIENCE`].
    pub fn put_and_meet(&mut self, files: usize) {
        let rows = |chain: &Self| chain.running.chain.sql("SELECT count() FROM rows").expect("SQL");
        let before = rows(self);
        self.put(files);
        let begun = Instant::now();
        while rows(self) == before {
            assert!(begun.elapsed() < PATIENCE, "no row of {files} more files came");
            std::thread::sleep(LOOK);
        }
    }

    fn log(&self, stage: &str) -> String {
        let path = self.running.chain.logs().join(format!("{stage}-0.log"));
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// How much a stage has said so far.
    #[must_use]
    pub fn mark(&self, stage: &str) -> usize {
        self.log(stage).len()
    }

    /// Waits until a stage has said a line with all of these words since the mark, `times` times.
    ///
    /// # Panics
    /// When it does not, within [`PATIENCE`].
    pub fn await_words(&self, stage: &str, mark: usize, words: &[&str], times: usize) {
        let begun = Instant::now();
        loop {
            let log = self.log(stage);
            let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
            let lines: Vec<&str> = log[mark..].lines().filter(has_all).collect();
            let count = lines.len();
            if let (true, Some(line)) = (count >= times, lines.last()) {
                println!("{stage} said it {count} times within {:.0} s: {line:.300}", begun.elapsed().as_secs_f64());
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{stage} did not say {words:?} {times} times:\n{}", &log[mark..]);
            std::thread::sleep(LOOK);
        }
    }

    /// A metric of a stage's process, with the sum of its series.
    ///
    /// # Panics
    /// When the process does not show it.
    #[must_use]
    pub fn metric(&self, stage: &str, name: &str) -> f64 {
        let log = self.log(stage);
        let at =
            log.lines().rev().find_map(|line| line.split_once("/readyz address=")).expect("where it shows metrics");
        let url = format!("http://{}/metrics", at.1.trim());
        let answer = http::request("GET", &url, &[], &[], Duration::from_secs(5)).expect("its metrics");
        let text = answer.text();
        let values: Vec<f64> = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
            .collect();
        assert!(!values.is_empty(), "{stage} shows no {name}:\n{text}");
        values.iter().sum()
    }

    /// Waits until a metric is above 0, or 0.
    ///
    /// # Panics
    /// When it does not come to that, within [`PATIENCE`].
    pub fn await_metric(&self, stage: &str, name: &str, above_zero: bool) {
        let begun = Instant::now();
        while (self.metric(stage, name) > 0.0) != above_zero {
            assert!(begun.elapsed() < PATIENCE, "{name} of {stage} is {}", self.metric(stage, name));
            std::thread::sleep(LOOK);
        }
    }

    /// Asserts that all lines of all files are there once, and that no process died on the way there.
    ///
    /// # Panics
    /// When it is not so.
    pub fn assert_exactly_once(&self) {
        self.assert_each_line_once();
        let all = self.running.processes.list();
        assert!(all.iter().all(|process| process.deaths == 0), "no process needs a hand, or another start: {all:?}");
    }

    /// Asserts that all lines of all files are there once.
    ///
    /// # Panics
    /// When it is not so.
    pub fn assert_each_line_once(&self) {
        let (proven, report) = self.running.reconcile();
        assert!(proven, "logmill reconcile: {report}");
        // Beside the one of the originals: its names are relative to the folder.
        let name = format!("{}.jsonl", self.files.trim_matches('/'));
        let manifest = self.fixture.logs.manifest.with_file_name(name);
        manifest::write(&manifest, &self.sent).expect("a list of the files");
        let (equal, report) = said(&self.running.chain.compare(&manifest, false).expect("the comparison runs"));
        println!("{report}");
        assert!(equal, "{report}");
    }
}
