//! Channels on real servers: one that stands still, is full or is paused is passed over, and nothing is lost; rules name the group, and
//! bad ones are refused.

use crate::growing::rewrite;
use crate::redecode::{expected, seen, signal, stdout};
use logmill_config::{Choose, Config, DataType, Layout, Rule, Size};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::processes::Processes;
use logmill_demo::progress;
use logmill_e2e::{Fixture, PATIENCE, fixture, folder, said};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LINES: u64 = 3000;
const LOOK: Duration = Duration::from_millis(200);

/// Lines of a file, some 20 chunks.
fn text(path: &str) -> String {
    let mut text = String::new();
    for line in 0..LINES {
        writeln!(text, "2026-11-22 10:00:00,123 INFO a line of {path}, the one of the number {line}, with some words")
            .expect("a string takes it");
    }
    text
}

/// A chain whose channels have readers of their own: splitters, or loaders in the compact layout.
pub(crate) struct Bench {
    fixture: &'static Fixture,
    pub(crate) chain: Chain,
    pub(crate) processes: Processes,
    folder: PathBuf,
    name: &'static str,
}

impl Bench {
    pub(crate) fn set_up(fixture: &'static Fixture, name: &'static str, change: impl FnOnce(&mut Config)) -> Self {
        Self::laid_out(fixture, name, Layout::Separate, change)
    }

    fn laid_out(
        fixture: &'static Fixture,
        name: &'static str,
        layout: Layout,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = folder(name);
        let settings = Settings {
            name: name.into(),
            folder: folder.clone(),
            layout,
            instances: 1,
            files: format!("/{name}"),
            chunk_bytes: Some(16 << 10),
        };
        let chain = Chain::set_up_with(&fixture.stack, settings, |config| {
            config.apps.clear();
            config.distributor.stall = Duration::from_secs(8);
            change(config);
        });
        let chain = chain.expect("topics and tables");
        let processes = Processes::new(&folder.join("log"), |text| println!("{text}")).expect("a folder for logs");
        Self { fixture, chain, processes, folder, name }
    }

    pub(crate) fn start(&self, stage: &str) {
        self.processes.start(self.chain.spec(stage, 0)).expect("the stage starts");
    }

    /// The stage that reads the channels.
    fn reader(&self) -> &'static str {
        self.chain.config.topics().of_channels()
    }

    /// The reader of a channel alone: `splitter-N` serves `cN`.
    fn start_reader(&self, n: u32) {
        let mut spec = self.chain.spec(self.reader(), n);
        spec.environment.push(("LOGMILL__WORKER__CHANNELS".into(), format!("[\"c{n}\"]")));
        self.processes.start(spec).expect("it starts");
    }

    fn signal_reader(&self, n: u32, which: i32) {
        signal(&self.processes, &format!("{}-{n}", self.reader()), which);
    }

    fn start_others(&self) {
        self.chain.stages().iter().filter(|stage| **stage != self.reader()).for_each(|stage| self.start(stage));
    }

    /// Puts files of these names into a cluster.
    pub(crate) fn put(&self, cluster: &str, names: &[&str]) {
        let put = |name: &&str| {
            let path = format!("/{}/{name}", self.name);
            let local = self.folder.join(name.replace('/', "-"));
            std::fs::write(&local, text(&path)).expect("a file");
            Put { local, cluster: cluster.into(), path }
        };
        let clients = clients(&self.fixture.stack).expect("clients of the clusters");
        let all = upload(&clients, names.iter().map(put).collect());
        self.fixture.runtime.block_on(all).expect("putting the files");
    }

    pub(crate) fn through(&self, files: u64) {
        let every = Duration::from_secs(2);
        let wait = progress::wait(&self.chain, files, every, PATIENCE, |line| println!("{line}"));
        self.fixture.runtime.block_on(wait).expect("all files are loaded");
    }

    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE, "within {PATIENCE:?}: {what}; {}", said(&self.run(&["lag"])).1);
            std::thread::sleep(LOOK);
        }
        println!("{what}: after {:.1} s", start.elapsed().as_secs_f64());
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.chain.logmill(arguments).expect("logmill runs")
    }

    fn sql(&self, sql: &str) -> String {
        self.chain.sql(sql).expect("SQL").trim_end().to_owned()
    }

    /// The channels through which the rows of these files came, and how many there are.
    fn came(&self, names: &str) -> String {
        let path = format!("/{}/{names}", self.name);
        self.sql(&format!(
            "SELECT arrayStringConcat(arraySort(groupUniqArray(channel)), '+'), count() FROM rows WHERE path LIKE '{path}'"
        ))
    }

    /// Why `logmill lag` says that a channel is passed over.
    fn barred(&self, channel: &str) -> Option<String> {
        let topic = self.chain.config.topics().of_channel(channel);
        let lags = progress::lags(&self.chain).expect("what stands before each stage");
        lags.into_iter().find(|lag| lag.topic == topic).expect("a line for each channel").passed_over
    }

    pub(crate) fn log(&self, process: &str) -> String {
        std::fs::read_to_string(self.folder.join("log").join(format!("{process}.log"))).unwrap_or_default()
    }

    /// Every line of all files is there once, and under its number.
    pub(crate) fn assert_exactly_once(&self, names: &[&str]) {
        let reconciled = self.run(&["reconcile"]);
        assert!(reconciled.status.success(), "{}", said(&reconciled).1);
        let wanted = format!("{n}\t{n}", n = names.len() as u64 * LINES);
        assert_eq!(self.sql("SELECT count(), uniqExact(path, line, text) FROM rows"), wanted);
        for name in names {
            let path = format!("/{}/{name}", self.name);
            assert_eq!(seen(&self.chain, &path), expected(&self.chain, 0, &text(&path)), "{path}");
        }
        assert!(self.processes.list().iter().all(|process| process.deaths <= 1), "{:?}", self.processes.list());
    }
}

/// The reader of c0 is stopped while files come: what comes later goes to c1 and is loaded.
fn passed_over(name: &'static str, layout: Layout, choose: Choose) {
    let (fixture, _turn) = fixture();
    let bench = Bench::laid_out(fixture, name, layout, |config| config.distributor.choose = choose);
    let topics = bench.chain.config.topics();
    let (c0, c1, chooses) = (topics.of_channel("c0"), topics.of_channel("c1"), format!("{}-0", topics.chooses()));
    bench.start_others();
    (0..2).for_each(|n| bench.start_reader(n));
    bench.put("a", &["1", "2", "3", "4"]);
    bench.through(4);
    assert_eq!(bench.came("_"), format!("c0+c1\t{}", 4 * LINES));

    bench.signal_reader(0, libc::SIGSTOP);
    bench.put("a", &["5", "6"]);
    bench.until("c0 is passed over", || bench.barred("c0").as_deref() == Some("stands_still"));
    let late = ["later-1", "later-2", "later-3"];
    bench.put("a", &late);
    bench.until("what came later is loaded", || bench.came("later-_") == format!("c1\t{}", 3 * LINES));
    assert_ne!(bench.came("_"), format!("c0+c1\t{}", 6 * LINES), "something waits in c0");
    let status = said(&bench.run(&["status"])).1;
    assert!(status.contains(&format!("channel {c0} is passed over: it stands still")), "{status}");

    // All of the group stand still: by weight, and said.
    bench.signal_reader(1, libc::SIGSTOP);
    bench.put("a", &["7"]);
    bench.until("c1 is passed over too", || bench.barred("c1").as_deref() == Some("stands_still"));
    bench.until("it is said", || bench.log(&chooses).contains("each of its channels is passed over"));
    let on = |topic: &str| stdout(&bench.run(&["tap", topic, "--no-payload"])).lines().count();
    let records = || on(&c0) + on(&c1);
    let before = records();
    bench.put("a", &["8", "9"]);
    bench.until("they get text all the same", || records() > before);

    (0..2).for_each(|n| bench.signal_reader(n, libc::SIGCONT));
    bench.through(12);
    bench.until("none is passed over", || bench.barred("c0").is_none() && bench.barred("c1").is_none());
    bench.put("a", &["last-1", "last-2"]);
    bench.through(14);
    assert_eq!(bench.came("last-_"), format!("c0+c1\t{}", 2 * LINES));
    let all = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "later-1", "later-2", "later-3", "last-1", "last-2"];
    bench.assert_exactly_once(&all);
}

#[test]
fn by_weight_a_channel_that_stands_still_is_passed_over_and_nothing_is_lost() {
    passed_over("passed_weight", Layout::Separate, Choose::Weight);
}

#[test]
fn by_lag_a_channel_that_stands_still_is_passed_over_and_nothing_is_lost() {
    passed_over("passed_lag", Layout::Separate, Choose::Lag);
}

#[test]
fn in_the_compact_layout_a_channel_whose_loader_stands_still_is_passed_over() {
    passed_over("passed_compact", Layout::Compact, Choose::Weight);
}

#[test]
fn what_is_paused_rests_until_it_is_resumed_whoever_is_started_anew() {
    let (fixture, _turn) = fixture();
    let bench = Bench::set_up(fixture, "paused", |config| {
        let a = config.clusters.get_mut("a").expect("a cluster");
        (a.bytes_per_second, a.park_after) = (Some(Size(20 << 10)), Duration::from_secs(3));
    });
    let ok = |arguments: &[&str]| {
        let run = bench.run(arguments);
        assert!(run.status.success(), "{arguments:?}: {}", said(&run).1);
        said(&run).1
    };
    for (what, name) in [("cluster", "c0"), ("channel", "a")] {
        let run = bench.run(&["pause", what, name]);
        assert_eq!(run.status.code(), Some(2), "{}", said(&run).1);
    }
    ok(&["pause", "cluster", "b", "--who", "me", "--why", "an upgrade"]);
    bench.start_others();
    (0..2).for_each(|n| bench.start_reader(n));
    bench.put("b", &["b-1", "b-2"]);
    bench.put("a", &["a-1"]);
    // A file that is being read is paused: it is parked, and nothing more comes of it.
    let events = |what: &str| {
        let sql = format!("SELECT count() FROM file_events WHERE path = '/paused/a-1' AND event = '{what}'");
        bench.sql(&sql) != "0"
    };
    let raw = || stdout(&bench.run(&["tap", "raw", "--no-payload"])).lines().count();
    bench.until("a file of a is read", || raw() > 0);
    ok(&["pause", "cluster", "a", "--format", "json"]);
    bench.until("it is parked", || events("parked"));
    let state = || ok(&["clusters", "--format", "json"]);
    bench.until("the fetchers have seen it", || state().lines().all(|line| line.contains("\"paused\":1")));
    let page = ok(&["status"]);
    assert!(page.contains("paused  the cluster b since ") && page.contains(" by me: an upgrade"), "{page}");
    // Over a restart.
    bench.processes.kill("fetcher-0").expect("it runs");
    let before = raw();
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!((raw(), bench.came("b-_").as_str()), (before, "\t0"), "nothing is read while all are paused");
    bench.until("it is paused still", || state().lines().all(|line| line.contains("\"paused\":1")));
    ok(&["resume", "cluster", "b"]);
    bench.until("the other cluster's files are loaded", || bench.came("b-_").ends_with(&format!("\t{}", 2 * LINES)));
    assert!(!bench.came("a-1").ends_with(&format!("\t{LINES}")));
    ok(&["resume", "cluster", "a"]);
    bench.through(3);

    ok(&["pause", "channel", "c0"]);
    bench.until("it is passed over", || bench.log("distributor-0").contains("passed over from now on: it is paused"));
    assert_eq!(bench.barred("c0").as_deref(), Some("paused"));
    bench.put("b", &["c-1", "c-2"]);
    bench.through(5);
    bench.processes.kill("distributor-0").expect("it runs");
    bench.put("b", &["c-3", "c-4"]);
    bench.through(7);
    assert_eq!(bench.came("c-_"), format!("c1\t{}", 4 * LINES));
    // None of the group is left: no file gets a task.
    ok(&["pause", "channel", "c1"]);
    bench.until("no file gets a task", || bench.log("fetcher-0").contains("no file that leads there gets a task"));
    bench.put("b", &["d-1"]);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(bench.sql("SELECT count() FROM file_events WHERE path = '/paused/d-1'"), "0");
    ok(&["resume", "channel", "c0"]);
    ok(&["resume", "channel", "c1"]);
    bench.put("b", &["d-2"]);
    bench.through(9);
    assert_eq!(bench.came("d-_"), format!("c0+c1\t{}", 2 * LINES));
    assert!(ok(&["resume", "channel", "c1"]).contains("was not paused"));
    bench.assert_exactly_once(&["a-1", "b-1", "b-2", "c-1", "c-2", "c-3", "c-4", "d-1", "d-2"]);
}

/// Files of `/NAME/one` lead to c0, others to c1.
fn two_groups(config: &mut Config) {
    config.channel_groups.insert("default".into(), vec!["c1".into()]);
    config.channel_groups.insert("one".into(), vec!["c0".into()]);
}

#[test]
fn while_a_channel_is_full_the_files_alone_that_lead_there_are_withheld() {
    let (fixture, _turn) = fixture();
    let bench = Bench::set_up(fixture, "full", |config| {
        two_groups(config);
        config.channels.get_mut("c0").expect("a channel").backlog = Some(30);
        let (path, channel_group) = (Some("/full/one/**".into()), Some("one".into()));
        config.rules = vec![Rule { path, channel_group, ..Rule::default() }];
    });
    bench.start_others();
    bench.start_reader(1);
    bench.put("a", &["one/1", "one/2"]);
    bench.until("c0 is full", || bench.barred("c0").as_deref() == Some("full"));
    bench.until("its files are withheld", || bench.log("fetcher-0").contains("no file that leads there gets a task"));
    bench.put("a", &["one/3", "one/4"]);
    bench.put("b", &["one/5"]);
    bench.put("a", &["two/1", "two/2"]);
    bench.until("the others are loaded", || bench.came("two/_") == format!("c1\t{}", 2 * LINES));
    std::thread::sleep(Duration::from_secs(3));
    let begun = "SELECT uniqExact(path) FROM file_events WHERE path LIKE '/full/one/_'";
    assert_eq!(bench.sql(begun), "2", "those that came before it was full");
    bench.start_reader(0);
    bench.through(7);
    assert_eq!(bench.came("one/_"), format!("c0\t{}", 5 * LINES));
    bench.until("it is full no more", || bench.barred("c0").is_none());
    bench.assert_exactly_once(&["one/1", "one/2", "one/3", "one/4", "one/5", "two/1", "two/2"]);
}

#[test]
fn rules_hold_for_files_that_come_later_and_bad_ones_are_refused() {
    let (fixture, _turn) = fixture();
    let by_type =
        |group: &str| Rule { data_type: Some("audit".into()), channel_group: Some(group.into()), ..Rule::default() };
    let bench = Bench::set_up(fixture, "ruled", |config| {
        two_groups(config);
        config.data_types = vec![DataType { path: "*.audit".into(), data_type: "audit".into() }];
        config.rules = vec![by_type("one")];
    });
    bench.start_others();
    (0..2).for_each(|n| bench.start_reader(n));
    bench.put("a", &["1.audit", "1.log"]);
    bench.through(2);
    assert_eq!((bench.came("1.audit"), bench.came("1.log")), (format!("c0\t{LINES}"), format!("c1\t{LINES}")));
    let refusals = || bench.log("fetcher-0").matches("was changed and is wrong; what it said before holds").count();
    for (n, bad) in
        [by_type("nowhere"), Rule { path: Some("/x/[".into()), channel_group: Some("one".into()), ..Rule::default() }]
            .into_iter()
            .enumerate()
    {
        rewrite(&bench.chain, |config| config.rules = vec![bad]);
        bench.until("it is refused", || refusals() > n);
    }
    bench.put("a", &["2.audit", "2.log"]);
    // No command runs with this configuration.
    bench.until("the files are loaded", || bench.came("2.%").ends_with(&format!("\t{}", 2 * LINES)));
    assert_eq!((bench.came("2.audit"), bench.came("2.log")), (format!("c0\t{LINES}"), format!("c1\t{LINES}")));
    // By priority: a rule before it gives it.
    rewrite(&bench.chain, |config| {
        let urgent = Rule { path: Some("*.log".into()), priority: Some(7), ..Rule::default() };
        let lead = Rule { min_priority: Some(5), channel_group: Some("one".into()), ..Rule::default() };
        config.rules = vec![urgent, lead];
    });
    bench.until("other rules hold", || {
        bench.log("fetcher-0").contains("other rules hold for files that come from now on")
    });
    bench.put("a", &["3.audit", "3.log"]);
    bench.through(6);
    assert_eq!((bench.came("3.audit"), bench.came("3.log")), (format!("c1\t{LINES}"), format!("c0\t{LINES}")));
    bench.assert_exactly_once(&["1.audit", "1.log", "2.audit", "2.log", "3.audit", "3.log"]);
}
