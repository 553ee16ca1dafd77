//! `logmill topics apply` with more partitions, and with another layout: refused while anything is on its way; afterwards the chain goes on exactly once.

use crate::redecode::{LINES, stdout, text};
use logmill_config::{Config, Layout};
use logmill_demo::chain::Chain;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::processes::Processes;
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, said, settings};
use std::time::{Duration, Instant};

pub fn rewrite(chain: &Chain, change: impl FnOnce(&mut Config)) -> Config {
    let read = std::fs::read_to_string(chain.config_file()).expect("a configuration");
    let mut config: Config = toml::from_str(&read).expect("a configuration");
    change(&mut config);
    std::fs::write(chain.config_file(), toml::to_string(&config).expect("a configuration")).expect("it is written");
    config
}

#[test]
fn a_drained_chain_gets_more_partitions_and_goes_on_exactly_once() {
    let (fixture, _turn) = fixture();
    let settings = settings("grown", 32 << 10);
    let folder = settings.folder.clone();
    let two = |config: &mut Config| config.kafka.partitions = 2;
    let chain = Chain::set_up_with(&fixture.stack, settings, two).expect("topics and tables");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let put = |from: u32, to: u32| {
        let files = (from..to).map(|n| {
            let path = format!("/grown/{n}.log");
            let local = folder.join(format!("{n}.log"));
            std::fs::write(&local, text(&path)).expect("a file");
            Put { local, cluster: "a".into(), path }
        });
        fixture.runtime.block_on(upload(&clients, files.collect())).expect("putting the files");
    };
    let through = |files: u64| {
        let every = Duration::from_secs(1);
        let wait = progress::wait(&chain, files, every, PATIENCE, |line| println!("{line}"));
        fixture.runtime.block_on(wait).expect("all files are loaded");
    };
    let apply = || chain.logmill(&["topics", "apply"]).expect("logmill runs");
    let refused = |why: &str| {
        let run = apply();
        assert!(!run.status.success() && said(&run).1.contains(why), "{why}: {}", said(&run).1);
        let again = chain.logmill(&["tap", "raw", "--partition", "2"]).expect("logmill runs");
        assert_eq!(again.status.code(), Some(2), "there is no such partition yet");
    };

    put(0, 6);
    // Without a loader: rows are on their way, and stay so.
    let processes = Processes::new(&chain.logs(), |text| println!("{text}")).expect("a folder for logs");
    for stage in chain.stages().iter().filter(|stage| **stage != "loader") {
        processes.start(chain.spec(stage, 0)).expect("the stage starts");
    }
    let start = Instant::now();
    let come = |topic| chain.logmill(&["tap", topic, "--no-payload"]).expect("logmill runs").status.success();
    while !come("rows.c0") && !come("rows.c1") {
        assert!(start.elapsed() < PATIENCE, "rows come");
        std::thread::sleep(Duration::from_millis(50));
    }
    rewrite(&chain, |config| config.kafka.partitions = 4);
    refused("the fetcher runs: its group grown.fetcher has");
    // All are stopped: nobody is at work, and files are on their way.
    drop(processes);
    refused("on its way: up to");
    rewrite(&chain, |config| config.kafka.partitions = 2);
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    through(6);

    // A cluster that is drained gives no task; what has one goes on.
    rewrite(&chain, |config| config.clusters.values_mut().for_each(|cluster| cluster.drain = true));
    let log = chain.logs().join("fetcher-0.log");
    let start = Instant::now();
    let said_by = || std::fs::read_to_string(&log).expect("the fetcher's log");
    while said_by().matches("no file of it gets a task any more").count() < chain.config.clusters.len() {
        assert!(start.elapsed() < PATIENCE, "each cluster is drained");
        std::thread::sleep(Duration::from_millis(50));
    }
    put(6, 18);
    std::thread::sleep(Duration::from_secs(5));
    let files = "SELECT uniqExact(path) FROM file_events";
    assert_eq!(chain.sql(files).expect("SQL").trim(), "6", "no file got a task since");
    drop(processes);
    rewrite(&chain, |config| config.kafka.partitions = 4);
    // A process that was killed stays a member until its session ends.
    let start = Instant::now();
    let grown = loop {
        let run = apply();
        if run.status.success() || start.elapsed() > PATIENCE {
            break run;
        }
        assert!(!said(&run).1.contains("on its way"), "it was drained: {}", said(&run).1);
        std::thread::sleep(Duration::from_secs(1));
    };
    assert!(grown.status.success(), "{}", said(&grown).1);
    println!("{}", said(&grown).1);
    let plan = chain.logmill(&["topics", "plan"]).expect("logmill runs");
    assert!(plan.status.success(), "{}", said(&plan).1);

    rewrite(&chain, |config| config.clusters.values_mut().for_each(|cluster| cluster.drain = false));
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    through(18);
    let reconciled = chain.logmill(&["reconcile"]).expect("logmill runs");
    assert!(reconciled.status.success(), "{}", said(&reconciled).1);
    let rows = "SELECT count(), uniqExact(path, line, text) FROM rows";
    let wanted = format!("{n}\t{n}", n = 18 * LINES);
    assert_eq!(chain.sql(rows).expect("SQL").trim(), wanted, "every line once");
    let new = ["2", "3"].map(|partition| chain.logmill(&["tap", "raw", "--partition", partition, "--no-payload"]));
    let new = new.map(|run| run.expect("logmill runs"));
    let count: usize = new.iter().map(|run| stdout(run).lines().count()).sum();
    assert!(count > 0, "the new partitions carry files: {:?}", new.map(|run| said(&run).1));
    assert!(processes.list().iter().all(|process| process.deaths == 0), "{:?}", processes.list());
}

#[test]
fn a_drained_chain_goes_on_in_another_layout_and_back_and_nothing_is_sent_again() {
    let (fixture, _turn) = fixture();
    let settings = settings("relaid", 32 << 10);
    let folder = settings.folder.clone();
    let mut chain = Chain::set_up_with(&fixture.stack, settings, |_| {}).expect("topics and tables");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let apply = |chain: &Chain| chain.logmill(&["topics", "apply"]).expect("logmill runs");
    let mut processes = None;
    let layouts = [Layout::Separate, Layout::Compact, Layout::Direct, Layout::Fused, Layout::Separate];
    for (turn, layout) in layouts.into_iter().enumerate() {
        chain.config = rewrite(&chain, |config| config.layout = layout);
        if turn > 0 {
            let run = apply(&chain);
            assert!(
                !run.status.success() && said(&run).1.contains("the chain is at work in the layout"),
                "{}",
                said(&run).1
            );
            processes = None;
            // Whoever forgets it is told.
            let logs = folder.join(format!("early-{turn}"));
            let early = Processes::new(&logs, |text| println!("{text}")).expect("a folder");
            for stage in ["fetcher", layout.decompresses()] {
                early.start(chain.spec(stage, 0)).expect("it starts");
                let said = || std::fs::read_to_string(logs.join(format!("{stage}-0.log"))).unwrap_or_default();
                let start = Instant::now();
                while !said().contains("run `logmill topics apply` with the new one") {
                    assert!(start.elapsed() < PATIENCE, "{stage} does not begin");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            drop(early);
            assert_eq!(chain.logmill(&["topics", "plan"]).expect("logmill runs").status.code(), Some(1));
            let run = apply(&chain);
            assert!(run.status.success(), "{}", said(&run).1);
            let run = chain.logmill(&["topics", "plan"]).expect("logmill runs");
            assert!(run.status.success(), "{}", said(&run).1);
        }
        assert!(processes.is_none());
        processes = Some(chain.start(|text| println!("{text}")).expect("the stages start"));
        let files = (0..3).map(|n| {
            let path = format!("/relaid/{turn}-{n}.log");
            let local = folder.join(format!("{turn}-{n}.log"));
            std::fs::write(&local, text(&path)).expect("a file");
            Put { local, cluster: "a".into(), path }
        });
        fixture.runtime.block_on(upload(&clients, files.collect())).expect("putting the files");
        let wait =
            progress::wait(&chain, 3 * (turn as u64 + 1), Duration::from_secs(1), PATIENCE, |line| println!("{line}"));
        fixture.runtime.block_on(wait).expect("all files are loaded");
    }
    let run = chain.logmill(&["reconcile"]).expect("logmill runs");
    assert!(run.status.success(), "{}", said(&run).1);
    let wanted = format!("{n}\t{n}", n = 15 * LINES);
    assert_eq!(chain.sql("SELECT count(), uniqExact(path, line, text) FROM rows").expect("SQL").trim(), wanted);
    // Each stage told the ledger of each line once.
    let told = "SELECT groupUniqArray(rows) FROM (SELECT stage, sum(rows) AS rows FROM file_events WHERE event = 'passed' GROUP BY stage)";
    assert_eq!(chain.sql(told).expect("SQL").trim(), format!("[{}]", 15 * LINES));
}
