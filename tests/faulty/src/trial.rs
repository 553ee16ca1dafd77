//! One chain with orders, and what the independent comparison finds in its table in the end.

use crate::{Fixture, Logs, folder};
use logmill_config::{Channel, Config, Layout};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::faults::Watch;
use logmill_demo::processes::{Processes, Spec};
use logmill_demo::progress;
use logmill_kafka::admin::Admin;
use logmill_protocol::{Committed, Partition};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long harm is waited for, once all that leads to it has come to pass.
const HARM: Duration = Duration::from_secs(30);
/// One of those that a configuration without changes has.
const CHANNEL: &str = "c0";
const LOOK: Duration = Duration::from_millis(200);

/// A chain whose processes are started one by one.
pub struct Trial {
    fixture: &'static Fixture,
    files: &'static Logs,
    pub chain: Chain,
    pub processes: Processes,
    /// Where orders are said to be carried out.
    orders: PathBuf,
    logs: PathBuf,
    begun: Instant,
}

/// What the comparison counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub lines: u64,
    pub missing: u64,
    pub doubled: u64,
    pub different: u64,
    /// What it printed.
    pub report: String,
}

impl Found {
    /// Whether every line is there once.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        (self.missing, self.doubled, self.different) == (0, 0, 0)
    }
}

impl Trial {
    /// Sets a chain up, fused; nothing runs yet.
    ///
    /// # Panics
    /// When that fails.
    pub fn new(fixture: &'static Fixture, files: &'static Logs, name: &str, change: impl FnOnce(&mut Config)) -> Self {
        Self::laid_out(fixture, files, name, Layout::Fused, change)
    }

    /// The same in any layout.
    ///
    /// # Panics
    /// When that fails.
    pub fn laid_out(
        fixture: &'static Fixture,
        files: &'static Logs,
        name: &str,
        layout: Layout,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let begun = Instant::now();
        let home = folder(name);
        let settings = Settings {
            name: name.into(),
            folder: home.clone(),
            layout,
            instances: 1,
            files: files.folder.clone(),
            chunk_bytes: Some(16 << 10),
        };
        let mut chain = Chain::set_up(&fixture.stack, settings).expect("topics and tables");
        // One channel, so that what is little is not spread; and the loader waits for no more than comes at once.
        chain.config.channels = [(CHANNEL.to_owned(), Channel::default())].into();
        chain.config.channel_groups = [("default".to_owned(), vec![CHANNEL.to_owned()])].into();
        chain.config.clickhouse.batch_interval = Duration::from_millis(300);
        // A member that died is not waited for for long.
        let properties = &mut chain.config.kafka.properties.0;
        properties.insert("session.timeout.ms".into(), "4000".into());
        properties.insert("heartbeat.interval.ms".into(), "300".into());
        change(&mut chain.config);
        let text = toml::to_string(&chain.config).expect("a configuration is TOML");
        std::fs::write(chain.config_file(), text).expect("the configuration's file");
        let (orders, logs) = (home.join("orders"), home.join("log"));
        std::fs::create_dir_all(&orders).expect("a folder for the orders");
        let processes = Processes::new(&logs, |text| println!("  {text}")).expect("a folder for logs");
        Self { fixture, files, chain, processes, orders, logs, begun }
    }

    /// Starts a process of the release.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, stage: &str, slot: u32) {
        self.processes.start(self.chain.spec(stage, slot)).expect("it starts");
    }

    /// Starts a process with orders.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_faulty(&self, stage: &str, slot: u32, orders: &str) {
        let Spec { name, mut environment, memory, .. } = self.chain.spec(stage, slot);
        let variable = |name: &str, value: String| (name.to_owned(), value);
        environment.push(variable("LOGMILL_FAULTY_STAGE", stage.into()));
        environment.push(variable("LOGMILL_FAULTS", orders.into()));
        environment.push(variable("LOGMILL_FAULTS_FOLDER", self.orders.display().to_string()));
        let spec = Spec { name, program: self.fixture.faulty.clone(), environment, memory };
        self.processes.start(spec).expect("it starts");
    }

    /// Starts one process of each of the other stages.
    pub fn start_others(&self, but: &[&str]) {
        for stage in self.chain.stages().iter().filter(|stage| !but.contains(stage)) {
            self.start(stage, 0);
        }
    }

    /// Waits for something that comes to pass.
    ///
    /// # Panics
    /// When it does not.
    pub fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            if begun.elapsed() > PATIENCE {
                panic!(
                    "waited {PATIENCE:?} until {what}; logs: {}; {:?}",
                    self.logs.display(),
                    progress::lags(&self.chain)
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether an order was carried out: `die-amid-file`.
    #[must_use]
    pub fn is_done(&self, order: &str) -> bool {
        self.orders.join(order).exists()
    }

    /// Lets whoever is held there go on.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn release(&self, place: &str) {
        std::fs::write(self.orders.join(format!("release-{place}")), "").expect("the folder of the orders");
    }

    /// A signal to a process: `SIGSTOP`, `SIGCONT`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, name: &str, signal: i32) {
        let list = self.processes.list();
        let pid = list.iter().find(|process| process.name == name).and_then(|process| process.pid);
        let pid = pid.unwrap_or_else(|| panic!("{name} does not run: {list:?}"));
        // SAFETY: two numbers; the process is a child that is not waited for yet, so the id is its own.
        unsafe { libc::kill(pid as libc::pid_t, signal) };
    }

    /// Whether the log of a process says that.
    #[must_use]
    pub fn says(&self, name: &str, text: &str) -> bool {
        let log = std::fs::read(self.logs.join(format!("{name}.log"))).unwrap_or_default();
        String::from_utf8_lossy(&log).contains(text)
    }

    /// A number that SQL gives.
    ///
    /// # Panics
    /// When it gives none.
    #[must_use]
    pub fn number(&self, sql: &str) -> u64 {
        self.chain.sql(sql).expect("an answer").trim().parse().expect("a number")
    }

    /// Dead letters with this reason.
    #[must_use]
    pub fn rejects(&self, reason: &str) -> u64 {
        self.number(&format!("SELECT count() FROM rejects WHERE reason = '{reason}'"))
    }

    /// Whether files have come and nothing stands before any of these stages.
    #[must_use]
    pub fn is_idle(&self, stages: &[&str]) -> bool {
        // All files are listed in one transaction: where one has chunks, all have tasks.
        let begun = Watch::new(&self.chain).and_then(|watch| watch.output("fetcher")).unwrap_or(0) > 0;
        begun
            && progress::lags(&self.chain)
                .is_ok_and(|lags| stages.iter().all(|stage| progress::before(&lags, stage) == 0))
    }

    /// Whether the loader has committed all but one partition of rows.
    ///
    /// # Panics
    /// When the broker does not answer.
    #[must_use]
    pub fn has_one_batch_left(&self) -> bool {
        let (config, topics) = (&self.chain.config, self.chain.config.topics());
        let rows = topics.rows(CHANNEL).expect("the layout has topics of rows");
        let Ok(lags) = progress::lags(&self.chain) else { return false };
        if lags.iter().any(|lag| lag.stage == "loader" && lag.topic != rows && lag.records > 0) {
            return false;
        }
        let admin = Admin::new(&config.kafka.brokers, &BTreeMap::new()).expect("a client that asks");
        let all: Vec<_> = (0..config.kafka.partitions).map(|index| Partition::new(rows.as_str(), index)).collect();
        let committed = admin.committed(&topics.group("loader"), &all).expect("the loader's offsets");
        let is_left = |(partition, committed): &&(Partition, Option<Committed>)| {
            let (_, end) = admin.watermarks(partition).expect("the topic's end");
            // One producer: the last record is the marker of its transaction.
            !committed.as_ref().is_some_and(|at| at.offset.0 >= end - 1 && at.metadata.is_empty())
        };
        committed.iter().filter(is_left).count() == 1
    }

    /// Whether the fetcher has sent all files and nothing stands before any stage, whatever became of the files.
    fn is_quiet(&self) -> bool {
        let sql = "SELECT uniqExact(file_id) FROM file_events WHERE stage = 'fetcher' AND event = 'closed'";
        self.number(sql) == self.files.entries.len() as u64 && self.is_idle(self.chain.stages())
    }

    /// Waits until all files are through.
    ///
    /// # Panics
    /// When nothing moves any more before.
    pub fn through(&self) {
        self.through_with(0);
    }

    /// Waits until all files are through, and so many that are not listed.
    ///
    /// # Panics
    /// When nothing moves any more before.
    pub fn through_with(&self, others: u64) {
        let (files, every) = (self.files.entries.len() as u64 + others, Duration::from_secs(5));
        let through = progress::wait(&self.chain, files, every, PATIENCE, |line| println!("  {line}"));
        self.fixture.runtime.block_on(through).expect("all files come through");
    }

    /// The independent comparison.
    ///
    /// # Panics
    /// When it cannot compare.
    #[must_use]
    pub fn compare(&self) -> Found {
        self.compared(false)
    }

    /// The same, where files that are not listed may be in the table.
    ///
    /// # Panics
    /// When it cannot compare.
    #[must_use]
    pub fn compared(&self, others: bool) -> Found {
        let output = self.chain.compare(&self.files.manifest, others).expect("the comparison runs");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = report.lines().last().unwrap_or_default();
        let before = |word: &str| {
            let words: Vec<&str> = last.split([' ', ',', ':', '(']).filter(|word| !word.is_empty()).collect();
            let at = words.iter().position(|found| *found == word)?;
            words[at.checked_sub(1)?].parse().ok()
        };
        let count = |word| before(word).unwrap_or_else(|| panic!("no number of {word}: {output:?}"));
        let (lines, missing) = (count("lines"), count("missing"));
        let found = Found { lines, missing, doubled: count("doubled"), different: count("different"), report };
        assert_eq!(output.status.success(), found.is_exact(), "{found:?}");
        found
    }

    /// All orders named were carried out, all files come through, and every line is in the table once.
    ///
    /// # Panics
    /// When not so.
    pub fn assert_exact(&self, orders: &[&str]) {
        self.until_carried_out(orders);
        self.through();
        let found = self.compare();
        assert!(found.is_exact(), "{}", found.report);
        self.say("control", orders, &found);
    }

    /// Waits until all orders named are carried out. Whether lines are lost in the end, and none doubled.
    ///
    /// # Panics
    /// When one is not carried out.
    #[must_use]
    pub fn loses(&self, off: &str, orders: &[&str]) -> bool {
        self.until_carried_out(orders);
        // Before, lines are missing because they are on their way.
        self.until("nothing moves any more", || self.is_quiet());
        self.finds(off, orders, |found| found.missing > 0 && found.doubled == 0)
    }

    /// Waits until all orders named are carried out. Whether every line is there in the end, and some of them twice.
    ///
    /// # Panics
    /// When one is not carried out.
    #[must_use]
    pub fn doubles(&self, off: &str, orders: &[&str]) -> bool {
        self.until_carried_out(orders);
        self.finds(off, orders, |found| found.doubled > 0 && (found.missing, found.different) == (0, 0))
    }

    fn finds(&self, off: &str, orders: &[&str], expected: impl Fn(&Found) -> bool) -> bool {
        let begun = Instant::now();
        loop {
            let found = self.compare();
            if expected(&found) {
                self.say(&format!("{off} off"), orders, &found);
                return true;
            }
            if begun.elapsed() > HARM {
                self.say(&format!("{off} off, which did no such harm"), orders, &found);
                return false;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn until_carried_out(&self, orders: &[&str]) {
        for order in orders {
            self.until(&format!("{order} comes to pass"), || self.is_done(order));
        }
    }

    fn say(&self, what: &str, orders: &[&str], found: &Found) {
        let Found { lines, missing, doubled, different, .. } = found;
        println!(
            "{what} [{}]: {lines} lines, {missing} missing, {doubled} doubled, {different} different; {:.1} s",
            orders.join(", "),
            self.begun.elapsed().as_secs_f64()
        );
    }
}
