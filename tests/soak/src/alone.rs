//! One stage stopped after the other, while files keep coming: those before it go on filling their topics, what is past it
//! is loaded, and all catches up. Then the splitters of one channel alone: the other channel goes on.

use crate::feed::Feed;
use anyhow::{Context, ensure};
use logmill_config::Layout;
use logmill_crash::judged;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::faults::Watch;
use logmill_demo::processes::{Processes, Spec};
use logmill_demo::progress;
use logmill_e2e::{Fixture, fixture, folder};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const FILE_EVERY: Duration = Duration::from_millis(700);
const GRACE: Duration = Duration::from_secs(30);
/// How long catching up may take.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(250);
const FOLDER: &str = "/alone";
const CHUNK: u64 = 64 << 10;
/// The part of what a stage does in a calm time that it has to do while another is stopped.
const UNDISTURBED: f64 = 0.7;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A line for each stage that was stopped, and one for each channel, as they were printed.
    pub table: Vec<String>,
    pub stops: u32,
    pub lines: u64,
    pub lost: u64,
    pub doubled: u64,
    /// What is not as it should be, one line each.
    pub wrong: Vec<String>,
}

/// What was put out so far: records of each stage, rows of each channel.
#[derive(Clone, Debug, Default)]
struct Counts {
    records: BTreeMap<&'static str, u64>,
    rows: BTreeMap<String, u64>,
}

impl Counts {
    fn all_rows(&self) -> u64 {
        self.rows.values().sum()
    }

    fn since(&self, before: &Self) -> Self {
        let records = self.records.iter().map(|(stage, n)| (*stage, n - before.records[stage])).collect();
        let rows = self.rows.iter().map(|(c, n)| (c.clone(), n - before.rows.get(c).unwrap_or(&0))).collect();
        Self { records, rows }
    }
}

struct Trial {
    fixture: &'static Fixture,
    chain: Chain,
    processes: Processes,
    feed: Feed,
    /// How long a stage is stopped.
    stopped: Duration,
    report: Report,
}

/// Stops each stage for `stopped`, then the splitters of one channel.
///
/// # Errors
/// The chain cannot be run to its end.
pub fn run(stopped: Duration) -> anyhow::Result<Report> {
    let (fixture, _turn) = fixture();
    let folder = folder("alone");
    let (name, files) = ("alone".to_owned(), FOLDER.to_owned());
    let layout = Layout::Separate;
    let settings = Settings { name, folder: folder.clone(), layout, instances: 1, files, chunk_bytes: Some(CHUNK) };
    let chain = Chain::set_up(&fixture.stack, settings)?;
    let processes = Processes::new(&folder.join("log"), |text| println!("{text}"))?;
    let feed = Feed::start(fixture, FOLDER, FILE_EVERY)?;
    let mut trial = Trial { fixture, chain, processes, feed, stopped, report: Report::default() };
    for stage in trial.chain.stages() {
        trial.start(stage)?;
    }
    trial.await_files(20)?;
    let calm = trial.window()?;
    trial.print_head();
    trial.print("none", &calm, None);
    for stage in trial.chain.stages() {
        trial.stop_stage(stage, &calm)?;
    }
    trial.stop_channel(&calm)?;
    trial.end()
}

impl Trial {
    /// The processes of a stage: one, of the splitter one for each channel.
    fn specs(&self, stage: &str) -> Vec<Spec> {
        if stage != "splitter" {
            return vec![self.chain.spec(stage, 0)];
        }
        let of = |(n, channel): (usize, &String)| {
            let mut spec = self.chain.spec(stage, n as u32);
            spec.environment.push(("LOGMILL__WORKER__CHANNELS".into(), format!("[\"{channel}\"]")));
            spec
        };
        self.chain.config.topics().channels().iter().enumerate().map(of).collect()
    }

    fn start(&self, stage: &str) -> anyhow::Result<()> {
        self.specs(stage).into_iter().try_for_each(|spec| self.processes.start(spec))
    }

    fn counts(&self) -> anyhow::Result<Counts> {
        let watch = Watch::new(&self.chain)?;
        let stages = self.chain.stages().iter().filter(|stage| **stage != "loader");
        let records = stages.map(|stage| Ok((*stage, watch.output(stage)?))).collect::<anyhow::Result<_>>()?;
        let answer = self.chain.sql("SELECT channel, count() FROM rows GROUP BY channel FORMAT TSV")?;
        let row = |line: &str| Some((line.split('\t').next()?.to_owned(), line.split('\t').nth(1)?.parse().ok()?));
        Ok(Counts { records, rows: answer.lines().filter_map(row).collect() })
    }

    /// What is put out in as long as a stage is stopped.
    fn window(&self) -> anyhow::Result<Counts> {
        let before = self.counts()?;
        std::thread::sleep(self.stopped);
        Ok(self.counts()?.since(&before))
    }

    fn ended(&self) -> anyhow::Result<u64> {
        Ok(self.chain.sql("SELECT uniqExact(file_id) FROM loads")?.trim().parse()?)
    }

    /// Waits until so many files have come to their end.
    fn await_files(&self, files: u64) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        while self.ended()? < files {
            ensure!(begun.elapsed() < PATIENCE, "{files} files have not come to their end within {PATIENCE:?}");
            std::thread::sleep(LOOK);
        }
        Ok(begun.elapsed())
    }

    fn stop_stage(&mut self, stage: &'static str, calm: &Counts) -> anyhow::Result<()> {
        for spec in self.specs(stage) {
            self.processes.terminate(&spec.name, GRACE)?;
        }
        let seen = self.window()?;
        self.start(stage)?;
        let caught_up = self.await_files(self.feed.sent().len() as u64)?;
        self.print(stage, &seen, Some(caught_up));
        self.report.stops += 1;
        let before = self.chain.stages().iter().take_while(|other| **other != stage);
        for other in before {
            let (did, does) = (seen.records[other], calm.records[other]);
            if (did as f64) < does as f64 * UNDISTURBED {
                self.report
                    .wrong
                    .push(format!("the {other} put {did} records out while the {stage} was stopped, else {does}"));
            }
        }
        if stage != "loader" && seen.all_rows() == 0 {
            self.report.wrong.push(format!("nothing of what was past the {stage} was loaded while it was stopped"));
        }
        Ok(())
    }

    /// Stops the splitter of the last channel; the rows of the others come as before.
    fn stop_channel(&mut self, calm: &Counts) -> anyhow::Result<()> {
        let specs = self.specs("splitter");
        let (down, spec) =
            self.chain.config.topics().channels().iter().cloned().zip(specs).next_back().context("a channel")?;
        self.processes.terminate(&spec.name, GRACE)?;
        let seen = self.window()?;
        self.processes.start(spec)?;
        let caught_up = self.await_files(self.feed.sent().len() as u64)?;
        self.report.stops += 1;
        for (channel, does) in calm.rows.iter().filter(|(channel, _)| **channel != down) {
            let did = seen.rows.get(channel).copied().unwrap_or_default();
            let line = format!(
                "the splitters of {down} stopped: {did} rows of {channel}, {does} in a calm time; of {down} {}; \
                 caught up after {:.1} s",
                seen.rows.get(&down).copied().unwrap_or_default(),
                caught_up.as_secs_f64()
            );
            println!("{line}");
            self.report.table.push(line);
            if (did as f64) < *does as f64 * UNDISTURBED {
                self.report.wrong.push(format!("{channel} went slower while the splitters of {down} were stopped"));
            }
        }
        Ok(())
    }

    fn print_head(&mut self) {
        let stages: String =
            self.chain.stages().iter().filter(|s| **s != "loader").map(|s| format!("{s:>13}")).collect();
        let seconds = self.stopped.as_secs();
        let head = format!("{:<14}{stages}{:>10}  (records put out in {seconds} s; rows)", "stopped", "rows");
        println!("{head}");
        self.report.table.push(head);
    }

    fn print(&mut self, stopped: &str, seen: &Counts, caught_up: Option<Duration>) {
        let stages = self.chain.stages().iter().filter(|stage| **stage != "loader");
        let records: String = stages.map(|stage| format!("{:>13}", seen.records[stage])).collect();
        let after = caught_up.map(|took| format!("  caught up after {:.1} s", took.as_secs_f64())).unwrap_or_default();
        let line = format!("{stopped:<14}{records}{:>10}{after}", seen.all_rows());
        println!("{line}");
        self.report.table.push(line);
    }

    /// The last files, and the comparison of all.
    fn end(self) -> anyhow::Result<Report> {
        let Self { fixture, chain, processes, feed, mut report, .. } = self;
        let (sent, manifest) = feed.stop()?;
        let every = Duration::from_secs(5);
        let through = progress::wait(&chain, sent.len() as u64, every, PATIENCE, |line| println!("{line}"));
        fixture.runtime.block_on(through)?;
        let output = chain.compare(&manifest, false)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        println!("{}", said.trim_end());
        report.lines = sent.iter().map(|sent| sent.entry.lines).sum();
        (report.lost, report.doubled) = judged(&said);
        if !output.status.success() {
            report.wrong.push("the table is not what the files hold".into());
        }
        let deaths: u32 = processes.list().iter().map(|process| process.deaths).sum();
        if deaths > 0 {
            report.wrong.push(format!("{deaths} processes died: {:?}", processes.list()));
        }
        Ok(report)
    }
}
