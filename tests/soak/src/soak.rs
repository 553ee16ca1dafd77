//! The soak: files and faults for as long as one likes, and one look after the other at what must not grow.

use crate::feed::{Feed, Sent};
use crate::flat::{Sample, grown};
use crate::plot;
use crate::vitals::{Vitals, disk};
use anyhow::{Context, ensure};
use logmill_config::Layout;
use logmill_crash::{Faults, Kind, Tally, judged};
use logmill_demo::chain::Settings;
use logmill_demo::progress;
use logmill_e2e::{Fixture, Running, fixture, folder, start_with};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// From one file to the next, from one fault to the next, from one look to the next.
const FILE_EVERY: Duration = Duration::from_millis(1500);
const FAULT_EVERY: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long a file stays in its cluster after it has come to its end.
const KEPT: Duration = Duration::from_secs(180);
/// How long the topics keep their records, and the lister a file that is gone: many times in an hour.
const RETENTION: Duration = Duration::from_secs(600);
/// Minutes that are enough to say what grows: in their first quarter the first records are deleted.
const JUDGED: u32 = 40;
/// How long nothing may move in the end.
const PATIENCE: Duration = Duration::from_secs(120);
const INSTANCES: u32 = 2;
const CHUNK: u64 = 64 << 10;
const FOLDER: &str = "/soak";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Soak {
    pub minutes: u32,
    pub seed: u64,
    pub layout: Layout,
    /// Where the looks (`soak.csv`) and their plot (`soak.svg`) are put.
    pub out: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub tally: Tally,
    pub files: u64,
    pub lines: u64,
    pub lost: u64,
    pub doubled: u64,
    /// What is not as it should be, one line each.
    pub wrong: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (faults, hits) = self.tally.faults();
        let Self { files, lines, lost, doubled, .. } = self;
        write!(f, "files={files} lines={lines} faults={faults} hits={hits} lost={lost} doubled={doubled}")
    }
}

impl Soak {
    /// Runs it. `Err` when it could not be run to its end.
    ///
    /// # Errors
    /// A server does not start again, a file cannot be put into its cluster, or nothing moves any more.
    pub fn run(&self) -> anyhow::Result<Report> {
        std::fs::create_dir_all(&self.out).with_context(|| format!("making {}", self.out.display()))?;
        let (fixture, _turn) = fixture();
        let settings = Settings {
            name: "soak".into(),
            folder: folder("soak"),
            layout: self.layout,
            instances: INSTANCES,
            files: FOLDER.into(),
            chunk_bytes: Some(CHUNK),
        };
        let running = start_with(fixture, settings, 0, |config| {
            config.kafka.retention = RETENTION;
            config.clusters.values_mut().for_each(|cluster| cluster.forget_after = RETENTION);
        });
        let feed = Feed::start(fixture, FOLDER, FILE_EVERY)?;
        let over = AtomicBool::new(false);
        let faults = Mutex::new(Vec::new());
        let begun = Instant::now();
        let (samples, tally) = std::thread::scope(|scope| {
            let inflict = scope.spawn(|| {
                let rng = StdRng::seed_from_u64(self.seed);
                // Files are put into the clusters all the time.
                let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Cluster).collect();
                let mut all = Faults::new(&fixture.stack, &running, &kinds, rng)?;
                loop {
                    all.rest(FAULT_EVERY, || over.load(Ordering::Relaxed))?;
                    if over.load(Ordering::Relaxed) {
                        return all.end();
                    }
                    let at = begun.elapsed().as_secs_f64();
                    let kind = all.inflict_next()?;
                    faults.lock().expect("nobody panics with the list in hands").push((at, kind));
                }
            });
            let time = Duration::from_secs(60 * u64::from(self.minutes));
            let samples = self.watch(fixture, &running, &feed, begun, time, &faults);
            over.store(true, Ordering::Relaxed);
            let tally = inflict.join().expect("a thread that inflicts faults reports errors");
            anyhow::Ok((samples?, tally?))
        })?;
        let (sent, manifest) = feed.stop()?;
        let mut report = judge(fixture, &running, &sent, &manifest)?;
        if self.minutes >= JUDGED {
            report.wrong.extend(grown(&samples));
        } else {
            println!("in less than {JUDGED} minutes the topics have not found their size: what grows is not judged");
        }
        report.tally = tally;
        Ok(report)
    }

    /// Looks again and again, for so long. Files that have come to their end are deleted after a while.
    fn watch(
        &self,
        fixture: &Fixture,
        running: &Running,
        feed: &Feed,
        begun: Instant,
        time: Duration,
        faults: &Mutex<Vec<(f64, Kind)>>,
    ) -> anyhow::Result<Vec<Sample>> {
        let mut looks = Looks::default();
        let mut samples = Vec::new();
        while begun.elapsed() < time {
            let due = begun + LOOK_EVERY * (samples.len() as u32 + 1);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let sample = looks.look(fixture, running, feed, begun);
            if samples.len() % 6 == 5 {
                println!("{}", line(&sample));
            }
            samples.push(sample);
            looks.delete(feed)?;
            write_csv(&self.out.join("soak.csv"), &samples)?;
            let faults = faults.lock().expect("nobody panics with the list in hands").clone();
            plot::write(&self.out.join("soak.svg"), &samples, &faults)?;
        }
        Ok(samples)
    }
}

/// What is remembered from one look to the next.
#[derive(Default)]
struct Looks {
    /// Files that have come to their end, and when that was seen.
    ended: BTreeMap<(String, String), Instant>,
    deleted: BTreeSet<(String, String)>,
    table: (u64, u64),
}

impl Looks {
    fn look(&mut self, fixture: &Fixture, running: &Running, feed: &Feed, begun: Instant) -> Sample {
        let chain = &running.chain;
        // A server that is away for a moment leaves what was known.
        if let Ok(answer) = chain.sql("SELECT DISTINCT cluster, path FROM loads FORMAT TSV") {
            for (cluster, path) in answer.lines().filter_map(|line| line.split_once('\t')) {
                self.ended.entry((cluster.into(), path.into())).or_insert_with(Instant::now);
            }
        }
        let table = "SELECT sum(bytes_on_disk), (SELECT count() FROM rows) FROM system.parts \
                     WHERE active AND database = currentDatabase() AND table = 'rows' FORMAT TSV";
        if let Ok(answer) = chain.sql(table) {
            let mut numbers = answer.split_whitespace().filter_map(|n| n.parse().ok());
            self.table = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        }
        let mut stages: BTreeMap<String, Vitals> = BTreeMap::new();
        for status in running.processes.list() {
            let stage = status.name.split('-').next().unwrap_or_default().to_owned();
            if let Some(vitals) = status.pid.and_then(Vitals::of) {
                let greatest = stages.entry(stage).or_default();
                *greatest = greatest.max(vitals);
            }
        }
        let processes = fixture.stack.state().processes;
        let servers = processes.iter().filter_map(|one| Some((one.name.clone(), Vitals::of(one.pid)?))).collect();
        let sent = feed.sent();
        let is_open = |sent: &&Sent| !self.ended.contains_key(&key(sent));
        Sample {
            seconds: begun.elapsed().as_secs_f64(),
            stages,
            servers,
            kafka_disk: disk(&fixture.stack.folder().join("kafka-1")),
            table_disk: self.table.0,
            rows: self.table.1,
            sent: sent.len() as u64,
            ended: self.ended.len() as u64,
            oldest: sent.iter().find(is_open).map_or(0.0, |sent| sent.at.elapsed().as_secs_f64()),
        }
    }

    fn delete(&mut self, feed: &Feed) -> anyhow::Result<()> {
        for sent in feed.sent() {
            let key = key(&sent);
            let is_old = self.ended.get(&key).is_some_and(|since| since.elapsed() > KEPT);
            if is_old && self.deleted.insert(key) {
                feed.delete(&sent.entry)?;
            }
        }
        Ok(())
    }
}

fn key(sent: &Sent) -> (String, String) {
    (sent.entry.cluster.clone(), sent.entry.path.clone())
}

/// Waits for the last files; compares all of them with their originals.
fn judge(fixture: &Fixture, running: &Running, sent: &[Sent], manifest: &Path) -> anyhow::Result<Report> {
    let files = sent.len() as u64;
    let every = Duration::from_secs(5);
    let through = progress::wait(&running.chain, files, every, PATIENCE, |line| println!("{line}"));
    fixture.runtime.block_on(through)?;
    let output = running.chain.compare(manifest, false)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{}", said.trim_end());
    let (lost, doubled) = judged(&said);
    let lines = sent.iter().map(|sent| sent.entry.lines).sum();
    let mut report = Report { files, lines, lost, doubled, ..Report::default() };
    if !output.status.success() {
        report.wrong.push("the table is not what the files hold".into());
    }
    let (proven, said) = running.reconcile();
    if !proven {
        report.wrong.push(format!("logmill reconcile: {}", said.trim_end()));
    }
    ensure!(files > 0, "no file was put into a cluster");
    Ok(report)
}

/// One look, for people.
fn line(sample: &Sample) -> String {
    let mib = |bytes: u64| bytes >> 20;
    let stages: Vec<String> =
        sample.stages.iter().map(|(stage, v)| format!("{stage} {} MiB {} fd", mib(v.memory), v.files)).collect();
    format!(
        "{:3.0} min  {}/{} files  {} lines  oldest {:.0} s  Kafka's disk {} MiB  {}",
        sample.seconds / 60.0,
        sample.ended,
        sample.sent,
        sample.rows,
        sample.oldest,
        mib(sample.kafka_disk),
        stages.join(", ")
    )
}

/// All looks as a table, one line each.
fn write_csv(path: &Path, samples: &[Sample]) -> anyhow::Result<()> {
    let mut names: BTreeSet<&String> = BTreeSet::new();
    samples.iter().for_each(|sample| names.extend(sample.stages.keys().chain(sample.servers.keys())));
    let mut text = "seconds,files_sent,files_ended,oldest_seconds,rows,table_bytes,kafka_bytes".to_owned();
    names.iter().for_each(|name| write!(text, ",{name}_memory,{name}_files,{name}_threads").expect("text"));
    for sample in samples {
        let Sample { seconds, sent, ended, oldest, rows, table_disk, kafka_disk, .. } = sample;
        write!(text, "\n{seconds:.1},{sent},{ended},{oldest:.1},{rows},{table_disk},{kafka_disk}").expect("text");
        for name in &names {
            let vitals = sample.stages.get(*name).or_else(|| sample.servers.get(*name)).copied().unwrap_or_default();
            write!(text, ",{},{},{}", vitals.memory, vitals.files, vitals.threads).expect("text");
        }
    }
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
