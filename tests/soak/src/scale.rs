//! One stage with 1, 2 and 4 instances, each held to so many bytes a second that the machine is not the limit: how much they do
//! together, through the rebalances; then one of them turned slow, and one killed. In the end every line is in the table once.

use anyhow::{Context, bail, ensure};
use logmill_config::{Layout, Size};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::faults::Watch;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::processes::{Processes, Spec};
use logmill_demo::progress;
use logmill_e2e::folder;
use logmill_stack::{Stack, Wanted, default_dir};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// What one instance may do: bytes a second of its input.
const RATE: u64 = 160 << 10;
/// A slow one does so much.
const SLOW: u64 = 64 << 10;
/// How long each number of instances is looked at, its rebalance among it.
const WINDOW: Duration = Duration::from_secs(30);
/// Bytes of a chunk; small, so that commits are many.
const CHUNK: u64 = 16 << 10;
const PARTITIONS: i32 = 16;
/// Of four instances, beside one.
const GOAL: f64 = 3.5;
const FILES: u32 = 240;
const LINES: u32 = 5000;
const CALL: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two INSERTs.
const SHORT: Duration = Duration::from_millis(500);
/// How long a worker is slow before it rests, as configured here.
const PATIENT: Duration = Duration::from_secs(20);

/// What came of one stage.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub stage: String,
    /// Records a second of 1, 2 and 4 instances.
    pub rates: Vec<(u32, f64)>,
    /// What is not as it should be, one line each.
    pub wrong: Vec<String>,
}

impl Report {
    /// Four instances beside one.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let of = |n| self.rates.iter().find(|(instances, _)| *instances == n).map_or(0.0, |(_, rate)| *rate);
        of(4) / of(1).max(f64::MIN_POSITIVE)
    }
}

struct Trial {
    chain: Chain,
    processes: Processes,
    stage: &'static str,
    consumer: BaseConsumer,
    report: Report,
}

/// What these do is seen in the table.
const LOADS: [&str; 2] = ["loader", "ingester"];

/// Tries one stage of the chain, in the first layout that has it.
///
/// # Errors
/// No layout has it; the chain cannot be run to its end.
pub fn run(stage: &'static str) -> anyhow::Result<Report> {
    let layout = Layout::ALL.into_iter().find(|layout| layout.stages().contains(&stage));
    let layout = layout.with_context(|| format!("no layout has a stage {stage}"))?;
    let wanted = Wanted { brokers: 1, hdfs: vec!["a".into()], clickhouse: true, ..Wanted::default() };
    let stack = Stack::start(&default_dir(), &wanted)?;
    let name = format!("scale_{stage}");
    let home = folder(&name);
    let settings = Settings {
        name: name.clone(),
        folder: home.clone(),
        layout,
        instances: 1,
        files: format!("/{name}"),
        chunk_bytes: Some(CHUNK),
    };
    let chain = Chain::set_up_with(&stack, settings, |config| {
        config.kafka.partitions = PARTITIONS;
        config.worker.slow = PATIENT;
        if LOADS.contains(&stage) {
            // What is done shows in time.
            (config.clickhouse.batch_interval, config.clickhouse.batch_quiet) = (SHORT, SHORT);
        }
        config.apps.clear();
    })?;
    let runtime = tokio::runtime::Runtime::new().context("a runtime")?;
    runtime.block_on(put(&stack, &home, &name))?;
    let consumer = ClientConfig::new().set("bootstrap.servers", &chain.config.kafka.brokers).create();
    let consumer = consumer.context("a client that watches")?;
    let processes = Processes::new(&home.join("log"), |text| println!("{text}"))?;
    let report = Report { stage: stage.to_owned(), ..Report::default() };
    let mut trial = Trial { chain, processes, stage, consumer, report };
    trial.fill()?;
    for instances in [1, 2, 4] {
        trial.window(instances)?;
    }
    // Tasks are few beside the records of other stages, and so are those that wait while the others have none; before loaders so many events wait, for all alike, that the others would have
    // to be through with theirs first, which takes them longer than is waited here (there are tests of both).
    if !["fetcher", "loader"].contains(&stage) {
        trial.turn_slow()?;
    }
    trial.end(&runtime)
}

/// Files of one size, and a sum of all.
async fn put(stack: &Stack, home: &Path, name: &str) -> anyhow::Result<()> {
    let mut puts = Vec::new();
    for n in 0..FILES {
        let mut text = String::new();
        for line in 0..LINES {
            writeln!(
                text,
                "2026-11-22 10:00:00,123 INFO the line {line} of the file {n}, {:x}",
                line.wrapping_mul(0x9e37_79b9)
            )?;
        }
        let local = home.join(format!("{n}.log"));
        std::fs::write(&local, text).with_context(|| format!("writing {}", local.display()))?;
        puts.push(Put { local, cluster: "a".into(), path: format!("/{name}/{n}.log") });
    }
    upload(&clients(stack)?, puts).await
}

impl Trial {
    /// A process of the stage, held to so many bytes a second.
    fn spec(&self, slot: u32, rate: u64) -> Spec {
        let mut spec = self.chain.spec(self.stage, slot);
        let of = if self.stage == "fetcher" { "CLUSTERS__A" } else { "WORKER" };
        spec.environment.push((format!("LOGMILL__{of}__BYTES_PER_SECOND"), format!("\"{}\"", Size(rate))));
        spec
    }

    /// Lets all stages before the one that is tried do all that there is.
    fn fill(&self) -> anyhow::Result<()> {
        if self.stage == "fetcher" {
            return Ok(());
        }
        let before: Vec<_> = self.chain.stages().iter().take_while(|other| **other != self.stage).collect();
        before.iter().try_for_each(|stage| self.processes.start(self.chain.spec(stage, 0)))?;
        let begun = Instant::now();
        let mut last = -1;
        loop {
            let lags = progress::lags(&self.chain)?;
            let waits = progress::before(&lags, self.stage);
            let others: i64 = before.iter().map(|stage| progress::before(&lags, stage)).sum();
            if others == 0 && waits > 0 && waits == last {
                break;
            }
            last = waits;
            ensure!(begun.elapsed() < PATIENCE, "the {} has not got its input within {PATIENCE:?}", self.stage);
            std::thread::sleep(Duration::from_secs(3));
        }
        println!("{:<13} {last} records wait", self.stage);
        Ok(())
    }

    /// Records that the stage has done, from any point on: a fetcher's are chunks, those of who loads are rows, and of others what waits for
    /// them no more.
    fn done(&self) -> anyhow::Result<i64> {
        if self.stage == "fetcher" || LOADS.contains(&self.stage) {
            return Ok(Watch::new(&self.chain)?.output(self.stage)?.cast_signed());
        }
        Ok(-self.waits()?)
    }

    /// Records before the stage.
    fn waits(&self) -> anyhow::Result<i64> {
        Ok(progress::before(&progress::lags(&self.chain)?, self.stage))
    }

    /// What is done in the window in which the number of instances becomes this one.
    fn window(&mut self, instances: u32) -> anyhow::Result<()> {
        for slot in 0..instances {
            if !self.runs(slot) {
                self.processes.start(self.spec(slot, RATE))?;
            }
        }
        // The first one has its partitions before the time begins; with the others the rebalance is in it.
        if instances == 1 {
            let all = self.done()?;
            let begun = Instant::now();
            while self.done()? == all {
                ensure!(begun.elapsed() < PATIENCE, "the {} does nothing", self.stage);
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        let (before, begun) = (self.done()?, Instant::now());
        std::thread::sleep(WINDOW);
        let (after, took) = (self.done()?, begun.elapsed());
        let rate = (after - before) as f64 / took.as_secs_f64();
        let left = self.waits()?;
        self.report.rates.push((instances, rate));
        let beside = self.report.rates[0].1;
        println!(
            "{:<13} {instances} instances: {rate:.1} records/s, {:.2} times one; {left} left",
            self.stage,
            rate / beside
        );
        if left == 0 {
            bail!("too little waited: the window of {instances} instances was not full");
        }
        if instances == 4 && self.report.ratio() < GOAL {
            self.report.wrong.push(format!("four instances do {:.2} times what one does", self.report.ratio()));
        }
        Ok(())
    }

    fn runs(&self, slot: u32) -> bool {
        let name = format!("{}-{slot}", self.stage);
        self.processes.list().iter().any(|process| process.name == name)
    }

    /// The last instance is started anew as a slow one, while the others are let go: it gives its partitions up.
    fn turn_slow(&mut self) -> anyhow::Result<()> {
        let name = |slot| format!("{}-{slot}", self.stage);
        self.processes.terminate(&name(3), Duration::from_secs(30))?;
        self.processes.start(self.spec(3, SLOW))?;
        let (begun, mut rested) = (Instant::now(), None);
        let limit = PATIENT * 2 + Duration::from_secs(140);
        while begun.elapsed() < limit && self.waits()? > 0 {
            let members = self.members()?;
            if members == 3 && begun.elapsed() > Duration::from_secs(15) {
                rested = Some(begun.elapsed());
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        match rested {
            Some(after) => println!(
                "{:<13} an instance of {} of what the others do gave its partitions up after {:.0} s; {} left",
                self.stage,
                Size(SLOW),
                after.as_secs_f64(),
                self.waits()?
            ),
            None => self.report.wrong.push("the slow instance kept its partitions".into()),
        }
        Ok(())
    }

    /// How many are in the stage's group.
    fn members(&self) -> anyhow::Result<usize> {
        let group = self.chain.config.topics().group(self.stage);
        let list = self.consumer.fetch_group_list(Some(&group), CALL).context("the members of a group")?;
        Ok(list.groups().iter().map(|group| group.members().len()).sum())
    }

    /// One of the others is killed; all comes to its end.
    fn end(self, runtime: &tokio::runtime::Runtime) -> anyhow::Result<Report> {
        let Self { chain, processes, stage, mut report, .. } = self;
        processes.kill(&format!("{stage}-0"))?;
        let after = chain.stages().iter().skip_while(|other| **other != stage).skip(1);
        for stage in after {
            processes.start(chain.spec(stage, 0))?;
        }
        let every = Duration::from_secs(10);
        runtime.block_on(progress::wait(&chain, FILES.into(), every, PATIENCE, |line| println!("{line}")))?;
        let rows = chain.sql("SELECT count(), uniqExact(path, line, text) FROM rows")?;
        let wanted = format!("{n}\t{n}", n = FILES * LINES);
        if rows.trim() != wanted {
            report.wrong.push(format!("rows, and different ones: {}, not {wanted}", rows.trim()));
        }
        let reconciled = chain.logmill(&["reconcile"])?;
        if !reconciled.status.success() {
            report.wrong.push(format!("logmill reconcile: {}", String::from_utf8_lossy(&reconciled.stdout)));
        }
        println!("{stage:<13} {} lines, each once; reconcile {}", FILES * LINES, reconciled.status);
        Ok(report)
    }
}
