//! Random faults on the whole chain, on real servers: processes killed, stopped beyond their session and woken, added and
//! taken away, the broker, the engine and whole clusters killed and started again, or stopped. Meanwhile people load files again,
//! analyses are counted, databases are migrated, and readers look. In the end what readers see is compared with the original
//! files.

mod archives;
mod faults;
mod keepers;
mod killed;
mod readers;
mod redecode;
mod seen;
mod sight;
mod tally;

pub use faults::{Faults, Kind};
pub use seen::Seen;
pub use tally::{Tally, judged};

use anyhow::{Context, ensure};
use archives::Archives;
use logmill_config::{Analysis, FixedEncoding, Layout, Size};
use logmill_demo::chain::Settings;
use logmill_demo::logs::manifest::{Encoding, Entry};
use logmill_e2e::{Fixture, Running, fixture_alone, folder, said, start_with};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use redecode::{Redecoded, Wanted, commands, person, seen_as};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(420);
/// Instances of each stage.
const INSTANCES: u32 = 2;
/// Bytes of a chunk: so few that a file has hundreds, and the chain work for long.
const CHUNK: u64 = 3 << 10;
/// Chunks of a plain file that each file has to have at least.
const CHUNKS: u64 = 20;
/// Seconds that fetching all files takes: faults are to meet fetchers too.
const FETCHING: u64 = 40;
/// Files that a fetcher reads at a time: with more, each waits so long for its next bytes that no call meets a cluster's death.
const COROUTINES: u32 = 2;
/// Times without an answer of a cluster after which a call is given up, its coroutines move, and the files are parked.
const CALL: Duration = Duration::from_secs(3);
const DOWN: Duration = Duration::from_secs(3);
const PARK: Duration = Duration::from_secs(4);
/// Time after which a cluster that answers again has its coroutines back.
const UP: Duration = Duration::from_secs(5);
/// Faults of a run that have to meet an open transaction or a running INSERT.
const HITS: u32 = 10;
/// People who run `logmill redecode` or `logmill replay` at the same time, files that they load again, and files of one command.
const PEOPLE: usize = 4;
const AGAIN: usize = 6;
const TOGETHER: usize = 2;

/// Some runs.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    pub runs: u32,
    /// Of the first run; the next one has the next number.
    pub seed: u64,
    /// Kafka brokers: 1 or 3.
    pub brokers: usize,
}

impl Campaign {
    /// Runs them all, or up to the first that fails. What happened, and why it failed. That every kind of fault met something
    /// is for the caller to ask.
    #[must_use]
    pub fn run(self) -> (Tally, Option<String>) {
        let (fixture, _turn) = fixture_alone(self.brokers);
        let mut tally = Tally::default();
        let archives = match Archives::put(fixture) {
            Ok(archives) => archives,
            Err(why) => return (tally, Some(format!("{why:#}"))),
        };
        for seed in (self.seed..).take(self.runs as usize) {
            let (counted, result) = run(fixture, &archives, seed);
            println!("run with seed {seed}: {counted}");
            for kind in counted.unmet() {
                println!("run with seed {seed}: no {kind} met an open transaction or a running INSERT");
            }
            for name in counted.seen.missing() {
                println!("run with seed {seed}: {name}: none");
            }
            tally.add(&counted);
            if let Err(why) = result {
                return (
                    tally,
                    Some(format!(
                        "{why:#}\nagain: CRASH_RUNS=1 CRASH_SEED={seed} CRASH_BROKERS={} make crash",
                        self.brokers
                    )),
                );
            }
        }
        (tally, None)
    }
}

/// The files of a run that are loaded again: one that its plan misreads, an archive, and others.
fn drawn(fixture: &Fixture, archives: &Archives, rng: &mut StdRng) -> anyhow::Result<(Entry, Vec<Wanted>)> {
    let (gbk, utf8): (Vec<&Entry>, Vec<&Entry>) =
        fixture.logs.entries.iter().partition(|entry| entry.encoding == Encoding::Gbk);
    let misread = (*gbk.choose(rng).context("no file is in GBK")?).clone();
    let again = |entry: &Entry, encoding| Wanted { cluster: entry.cluster.clone(), path: entry.path.clone(), encoding };
    let mut files = vec![again(&misread, Some("gb18030"))];
    let mut of_archives: Vec<_> = archives.files.iter().collect();
    of_archives.shuffle(rng);
    files.extend(of_archives.into_iter().zip([Some("utf-8"), None]).map(|((cluster, path), encoding)| Wanted {
        cluster: cluster.clone(),
        path: path.clone(),
        encoding,
    }));
    files.extend(
        gbk.into_iter().filter(|entry| entry.path != misread.path).take(1).map(|entry| again(entry, Some("gbk"))),
    );
    let as_planned = [None, Some("utf-8")].into_iter().cycle();
    files.extend(utf8.sample(rng, AGAIN - files.len()).zip(as_planned).map(|(entry, encoding)| again(entry, encoding)));
    Ok((misread, files))
}

fn run(fixture: &'static Fixture, archives: &Archives, seed: u64) -> (Tally, anyhow::Result<()>) {
    let layout = match seed {
        _ if seed.is_multiple_of(5) => Layout::Compact,
        _ if seed % 5 == 1 => Layout::Direct,
        _ if seed.is_multiple_of(2) => Layout::Fused,
        _ => Layout::Separate,
    };
    let begun = Instant::now();
    let entries = &fixture.logs.entries;
    let fewest = entries.iter().map(|entry| entry.bytes / CHUNK).min().unwrap_or_default();
    let files = entries.len() as u64 + archives.loads;
    println!(
        "run with seed {seed}: {files} files with members of archives, {} of {fewest} chunks and more",
        entries.len()
    );
    // The faults are those of the seed, whatever else is drawn.
    let mut rng = StdRng::seed_from_u64(!seed);
    let (misread, again) = match drawn(fixture, archives, &mut rng) {
        Ok(drawn) => drawn,
        Err(why) => return (Tally::default(), Err(why)),
    };
    let running = begin(fixture, seed, layout, files, &misread);
    let mut tally = Tally::default();
    let result = hold_out(fixture, &running, seed, commands(again, TOGETHER, &mut rng), &mut rng, &mut tally);
    let result = result.and_then(|redecoded| {
        tally.compared = 1;
        tally.lines = fixture.logs.totals().1 + archives.lines;
        let (equal, report) = said(&running.chain.compare_table("logs", &archives.manifest, false)?);
        println!("{}", report.trim_end());
        (tally.lost, tally.doubled) = judged(&report);
        ensure!(equal, "what readers see is not what the files hold:\n{report}");
        // Hidden loads too have no row twice.
        let doubled = running.chain.sql("SELECT count() - uniqExact(file_id, load, line, part) FROM rows")?;
        tally.doubled += doubled.trim().parse::<u64>().context("a count of rows")?;
        ensure!(tally.doubled == 0, "{} rows of hidden loads are in the table twice", tally.doubled);
        let (proven, report) = running.reconcile();
        ensure!(proven, "logmill reconcile: {report}");
        seen_as(&running.chain, &redecoded.loads)?;
        tally.seen.add(&Seen::by(&running.chain)?);
        tally.seen.days = keepers::analyzed(&running.chain)?;
        let hits: u32 = Kind::ALL.into_iter().map(|kind| tally.hits(kind)).sum();
        ensure!(fewest >= CHUNKS, "a file has only {fewest} chunks, {CHUNKS} are wanted");
        ensure!(hits >= HITS, "only {hits} faults met an open transaction or a running INSERT, {HITS} have to");
        Ok(())
    });
    tally.runs = 1;
    println!("run with seed {seed} took {:.0} s, {layout:?}", begun.elapsed().as_secs_f64());
    (tally, result)
}

/// Starts the chain; `misread` is read in an encoding that is not its own.
fn begin(fixture: &'static Fixture, seed: u64, layout: Layout, files: u64, misread: &Entry) -> Running {
    let name = format!("crash{seed}");
    let settings = Settings {
        folder: folder(&name),
        name,
        layout,
        instances: INSTANCES,
        files: "/logs".into(),
        chunk_bytes: Some(CHUNK),
    };
    let bytes: u64 = fixture.logs.entries.iter().map(|entry| entry.bytes).sum();
    start_with(fixture, settings, files, |config| {
        let each = bytes / config.clusters.len() as u64 / u64::from(INSTANCES) / FETCHING;
        for cluster in config.clusters.values_mut() {
            (cluster.call_timeout, cluster.park_after) = (CALL, PARK);
            (cluster.down_after, cluster.up_after) = (DOWN, UP);
            (cluster.coroutines, cluster.bytes_per_second) = (COROUTINES, Some(Size(each)));
        }
        for app in ["hdfs", "kafka"] {
            config.analyses.insert(app.into(), Analysis { user: keepers::USER.into(), ..Analysis::default() });
        }
        config.plan.patterns = vec!["hadoop".into(), "kafka".into()];
        config.encodings.push(FixedEncoding {
            cluster: Some(misread.cluster.clone()),
            path: Some(misread.path.clone()),
            app: None,
            encoding: "windows-1252".into(),
        });
    })
}

/// Inflicts faults until all files are through and loaded again, while readers look. What was loaded again.
fn hold_out(
    fixture: &Fixture,
    running: &Running,
    seed: u64,
    commands: Vec<Vec<Wanted>>,
    rng: &mut StdRng,
    tally: &mut Tally,
) -> anyhow::Result<Redecoded> {
    let begun = Instant::now();
    let (failed, through) = (AtomicBool::new(false), AtomicBool::new(false));
    let hopeless = || failed.load(Ordering::Relaxed) || begun.elapsed() > LIMIT;
    let (inflicted, arrived, again, looks, keepers) = std::thread::scope(|scope| {
        let inflict = scope.spawn(|| {
            let rng = StdRng::seed_from_u64(seed);
            Faults::new(&fixture.stack, running, &Kind::ALL, rng)?.inflict(|| through.load(Ordering::Relaxed))
        });
        let readers = scope.spawn(|| readers::look(&running.chain, || through.load(Ordering::Relaxed)));
        let people: Vec<_> = commands
            .chunks(commands.len().div_ceil(PEOPLE))
            .map(|commands| {
                let rng = StdRng::seed_from_u64(rng.random());
                scope.spawn(move || person(&running.chain, commands, rng, hopeless))
            })
            .collect();
        let (of_analyst, of_migrator) = (StdRng::seed_from_u64(rng.random()), StdRng::seed_from_u64(rng.random()));
        let analyst = scope.spawn(|| keepers::analyst(&running.chain, of_analyst, || through.load(Ordering::Relaxed)));
        let migrator =
            scope.spawn(|| keepers::migrator(&running.chain, of_migrator, || through.load(Ordering::Relaxed)));
        let arrived = running.try_through(LIMIT);
        failed.store(arrived.is_err(), Ordering::Relaxed);
        let people = people.into_iter().map(|person| person.join().expect("a person reports errors"));
        let again: Vec<_> = people.collect();
        through.store(true, Ordering::Relaxed);
        let inflicted = inflict.join().expect("a thread that inflicts faults reports errors");
        let looks = readers.join().expect("readers report errors");
        let keepers = [analyst, migrator].map(|keeper| keeper.join().expect("keepers report errors"));
        // What was loaded again is through too.
        (inflicted, arrived.and_then(|()| running.try_through(LIMIT)), again, looks, keepers)
    });
    *tally = inflicted.context("a fault could not be inflicted")?;
    let mut all = Redecoded::default();
    tally.seen.looks = looks?;
    for one in again {
        let one = one?;
        all.killed += one.killed;
        all.refused += one.refused;
        all.replayed += one.replayed;
        all.loads.extend(one.loads);
    }
    let [analyst, migrator] = keepers;
    let (analyst, migrator) = (analyst?, migrator?);
    arrived.context("the files did not come through")?;
    let seen = &mut tally.seen;
    (seen.redecoded, seen.replayed, seen.killed) = (all.loads.len() as u32 - all.replayed, all.replayed, all.killed);
    (seen.refreshed, seen.refreshes_killed) = (analyst.done, analyst.killed);
    (seen.migrated, seen.migrations_killed) = (migrator.done, migrator.killed);
    println!("loaded again: {} files, {} kills, {} refusals", all.loads.len(), all.killed, all.refused);
    Ok(all)
}
