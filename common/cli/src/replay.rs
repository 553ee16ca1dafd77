//! `logmill replay` and `logmill redecode`: files are loaded again, and their rows replaced at once. To redecode a file is to
//! replay it in another encoding.
//!
//! It may be killed at any moment and run again. What it has begun stands in ClickHouse (the later load is hidden before
//! anything is sent) and in Kafka (each task is sent in one transaction with a note that it was); what it does last is one
//! block.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::files::{now_ms, time};
use crate::migrate::database;
use crate::output::{Printer, escaped};
use anyhow::{Context, Result, anyhow, bail};
use logmill_clickhouse::Database;
use logmill_clickhouse::ledger::replay::{self, Loaded, Purpose, Wanted};
use logmill_clickhouse::ledger::{self, Fault, Options, Reconciliation, Selector, Verdict as Judged};
use logmill_config::{Config, Planner};
use logmill_core::wire::Record;
use logmill_core::{FileId, FileMeta, Load};
use logmill_kafka::journal::{Journal, JournalOptions};
use logmill_protocol::fetch::{Lane, Task};
use logmill_protocol::{Outgoing, Partition};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

/// How often a load is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is said what is waited for.
const SAY: Duration = Duration::from_secs(10);
/// Tasks in one transaction.
const BATCH: usize = 500;

/// A file that is loaded again.
#[derive(Clone, Debug, Serialize)]
struct Again {
    cluster: String,
    path: String,
    file_id: FileId,
    /// The load that is replaced, its state and lines.
    old: Load,
    #[serde(skip)]
    old_state: String,
    #[serde(skip)]
    old_lines: u64,
    new: Load,
    /// The encoding that it is given, where it is given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    #[serde(skip)]
    purpose: Purpose,
    /// The new load was begun by an earlier run, ...
    #[serde(skip)]
    begun: bool,
    /// ... or has replaced the old one already.
    already: bool,
    #[serde(skip)]
    length: u64,
    #[serde(skip)]
    modified_ms: u64,
}

/// What became of it.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    #[serde(flatten)]
    file: &'a Again,
    replaced: bool,
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Loads the files that `paths` name again as `encoding`, waits for each, and replaces its rows.
///
/// # Errors
/// No such encoding, another replay of a file is under way, or a server does not answer.
pub fn redecode(config: &Config, paths: &[String], encoding: &str, format: Format) -> Result<Verdict, Failure> {
    logmill_config::encoding(encoding).map_err(Failure::Usage)?;
    let wanted = paths.iter().map(|path| (path.as_str(), Wanted::all_of(Selector::parse(path)))).collect();
    load_again(config, wanted, &Wish::Redecode { encoding: encoding.to_owned() }, format)
}

/// Loads the files again that `paths` name (all when there are none) and that came to their end between `since` and
/// `until`, waits for each, and replaces its rows.
///
/// # Errors
/// A time cannot be read, a redecoding of a file is under way, or a server does not answer.
pub fn replay(
    config: &Config,
    paths: &[String],
    from_ms: Option<u64>,
    to_ms: Option<u64>,
    format: Format,
) -> Result<Verdict, Failure> {
    if let (Some(since), Some(until)) = (from_ms, to_ms)
        && since >= until
    {
        let (since, until) = (time(since), time(until));
        return Err(Failure::Usage(format!("--since is {since} and --until {until}: there is nothing between them")));
    }
    let wanted = |name, selector| (name, Wanted { selector, from_ms, to_ms });
    let wanted = match paths {
        [] => vec![wanted("these times", Selector::All)],
        paths => paths.iter().map(|path| wanted(path.as_str(), Selector::parse(path))).collect(),
    };
    load_again(config, wanted, &Wish::Replay, format)
}

/// Loads these files again, waits for each, and replaces its rows.
///
/// # Errors
/// As [`replay`].
pub fn replay_ids(config: &Config, files: &BTreeMap<FileId, String>, format: Format) -> Result<Verdict, Failure> {
    let wanted = files.iter().map(|(id, name)| (name.as_str(), Wanted::all_of(Selector::Id(*id)))).collect();
    load_again(config, wanted, &Wish::Replay, format)
}

/// What is asked for.
enum Wish {
    Redecode { encoding: String },
    Replay,
}

/// `wanted`: files, and the name by which they are asked for.
fn load_again(config: &Config, wanted: Vec<(&str, Wanted)>, wish: &Wish, format: Format) -> Result<Verdict, Failure> {
    let (runtime, database) = (crate::runtime()?, database(config)?);
    let place = || format!("the ledger in {:?} on {}", database.name(), database.url());
    let (loaded, unknown) = runtime.block_on(select(&database, &wanted)).with_context(place)?;
    let mut all = Verdict::of(unknown.is_empty());
    for (name, selector) in unknown {
        let archives = runtime.block_on(replay::archives_of(&database, selector)).with_context(place)?;
        let archives: Vec<_> = archives.iter().map(|path| escaped(path)).collect();
        let why = match archives.join(", ") {
            none if none.is_empty() || *selector == Selector::All => {
                "no file that has been loaded is known by that name: `logmill where` shows what is known of one".into()
            }
            names => format!("that is a member of an archive, which is loaded again as a whole: name {names}"),
        };
        eprintln!("{}: {why}", escaped(name));
    }
    let run = run_of(&loaded);
    let files = loaded.into_iter().map(|file| again(config, file, wish, &run)).collect::<Result<Vec<_>>>()?;
    let (already, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.already);
    let fresh = files.iter().filter(|file| !file.begun).map(|file| (file.file_id, file.new, &file.purpose));
    runtime.block_on(replay::hide_before(&database, &fresh.collect::<Vec<_>>())).with_context(place)?;
    send(config, &files, wish)?;
    let mut out = Printer::stdout();
    let mut say = |outcome: Outcome<'_>| {
        match format {
            Format::Json => out.json(&outcome)?,
            Format::Text => out.line(&line(&outcome))?,
        }
        out.finish()
    };
    for file in &already {
        say(Outcome { file, replaced: true, rows: 0, why: None })?;
    }
    if files.is_empty() {
        return Ok(all);
    }
    let how = match wish {
        Wish::Redecode { encoding } => format!(" as {encoding}"),
        Wish::Replay => ", while nothing else waits".to_owned(),
    };
    eprintln!(
        "{} files are loaded again{how}; until one is complete its old rows are what readers see.\n\
         This may be stopped at any time: the same command goes on.",
        files.len()
    );
    for file in &files {
        let outcome = runtime.block_on(await_and_replace(&database, file)).with_context(place)?;
        all = all.and(Verdict::of(outcome.replaced));
        say(outcome)?;
    }
    Ok(all)
}

/// The files that are wanted, and what names none.
async fn select<'a>(
    database: &Database,
    wanted: &'a [(&'a str, Wanted)],
) -> Result<(Vec<Loaded>, Vec<(&'a str, &'a Selector)>), logmill_clickhouse::Error> {
    let (mut all, mut unknown) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (name, wanted) in wanted {
        let found = replay::loaded(database, wanted).await?;
        if found.is_empty() {
            unknown.push((*name, &wanted.selector));
        }
        all.extend(found.into_iter().filter(|file| seen.insert(file.file_id)));
    }
    Ok((all, unknown))
}

/// The name of this run of a replay: that of an earlier one that did not come to its end with these files, else the time.
fn run_of(files: &[Loaded]) -> String {
    let under_way = files.iter().filter_map(|file| match &file.begun {
        Some(Purpose::Replay { run, .. }) => Some(run.clone()),
        _ => None,
    });
    under_way.max().unwrap_or_else(|| time(now_ms()))
}

/// Which load of the file comes next, or goes on.
fn again(config: &Config, file: Loaded, wish: &Wish, run: &str) -> Result<Again> {
    let place = format!("{}:{}", escaped(&file.cluster), escaped(&file.path));
    if !config.clusters.contains_key(&file.cluster) {
        bail!("{place}: there is no cluster {:?} in the configuration any more", file.cluster);
    }
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let begun = file.under_way != Load(0);
    // What is under way goes on as what it was begun for.
    let under_way = file.begun.as_ref().filter(|_| begun);
    let purpose = match (wish, under_way, &file.done) {
        (Wish::Redecode { encoding: wished }, Some(Purpose::Redecode { encoding }), _) if same(wished, encoding) => {
            Purpose::Redecode { encoding: encoding.clone() }
        }
        (Wish::Replay, Some(replay @ Purpose::Replay { .. }), _) => replay.clone(),
        (_, Some(Purpose::Redecode { encoding }), _) => {
            bail!("{place} is being loaded again as {encoding}: let `logmill redecode` end that first")
        }
        (_, Some(Purpose::Replay { run, .. }), _) => {
            bail!("{place} is being loaded again since {run}: let `logmill replay` end that first")
        }
        (_, None, _) if begun => {
            bail!("{place} is being loaded again by another version of logmill: let that end first")
        }
        (Wish::Redecode { encoding }, None, _) => Purpose::Redecode { encoding: encoding.clone() },
        (Wish::Replay, None, done) => {
            let encoding = done.as_ref().and_then(Purpose::encoding).map(str::to_owned);
            Purpose::Replay { run: run.to_owned(), encoding }
        }
    };
    let already = !begun
        && match (wish, &file.done) {
            (Wish::Redecode { encoding }, Some(done)) => done.encoding().is_some_and(|done| same(done, encoding)),
            (Wish::Replay, Some(Purpose::Replay { run: done, .. })) => done == run,
            _ => false,
        };
    let new = match (begun, already) {
        (true, _) => file.under_way,
        (_, true) => file.load,
        _ => Load(file.highest.0 + 1),
    };
    Ok(Again {
        cluster: file.cluster,
        path: file.path,
        file_id: file.file_id,
        old: file.load,
        old_state: file.state,
        old_lines: file.lines,
        new,
        encoding: purpose.encoding().map(str::to_owned),
        purpose,
        begun,
        already,
        length: file.length,
        modified_ms: file.modified_ms,
    })
}

/// The notes of later loads of a cluster's files. All commands that write some have one identity: so no load has two tasks,
/// whoever asks for it at the same time.
pub fn notes(config: &Config, cluster: &str) -> Result<Journal> {
    Ok(Journal::connect(JournalOptions {
        brokers: config.kafka.brokers.clone(),
        transactional_id: format!("{}.redecode.{cluster}", config.chain),
        transaction_timeout: config.transaction.timeout,
        properties: config.kafka.properties.0.clone(),
    })?)
}

/// Sends the tasks that were not sent yet, each in one transaction with a note on the topic of known files.
fn send(config: &Config, files: &[Again], wish: &Wish) -> Result<()> {
    let planner = Planner::new(config).context("reading the patterns of apps and rules")?;
    let mut clusters: BTreeMap<&str, Vec<&Again>> = BTreeMap::new();
    for file in files {
        clusters.entry(&file.cluster).or_default().push(file);
    }
    for (cluster, files) in clusters {
        let known = Partition::new(config.topics().known(cluster).as_str(), 0);
        let mut journal = notes(config, cluster)?;
        let wanted: HashSet<String> = files.iter().map(|file| note(file)).collect();
        let mut sent = HashSet::new();
        journal.read(&known, |key, is_there| match std::str::from_utf8(key) {
            Ok(key) if is_there && wanted.contains(key) => drop(sent.insert(key.to_owned())),
            _ => {}
        })?;
        let topic = match wish {
            Wish::Redecode { .. } => config.topics().tasks(cluster),
            Wish::Replay => config.topics().backfill(cluster),
        };
        let tasks = Lane::new(topic, config.kafka.partitions);
        let unsent: Vec<_> = files.into_iter().filter(|file| !sent.contains(&note(file))).collect();
        for some in unsent.chunks(BATCH) {
            let records = |file: &&Again| [task(&planner, &tasks, file), noted(&known, file)];
            journal.write(&some.iter().flat_map(records).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// The key under which it stands that the task was sent.
fn note(file: &Again) -> String {
    format!("{}/{}", file.file_id, file.new)
}

fn noted(known: &Partition, file: &Again) -> Outgoing {
    let payload = serde_json::to_vec(file).expect("a file is plain data");
    Outgoing {
        partition: known.clone(),
        record: Record { key: note(file).into(), headers: Vec::new(), payload: payload.into() },
    }
}

fn task(planner: &Planner, tasks: &Lane, again: &Again) -> Outgoing {
    let (app, mut plan) = planner.plan(&again.cluster, &again.path);
    if again.encoding.is_some() {
        plan.encoding.clone_from(&again.encoding);
    }
    let file = FileMeta {
        load: again.new,
        length: again.length,
        modified_ms: again.modified_ms,
        app,
        ..FileMeta::new(again.file_id, again.cluster.as_str(), again.path.as_str(), plan)
    };
    tasks.of(&file, Task::new(file.clone()).encode())
}

/// Waits until every row of the new load is in the table, then replaces the old one; or says why it stays.
async fn await_and_replace<'a>(database: &Database, file: &'a Again) -> Result<Outcome<'a>> {
    let outcome = |rows, why: Option<String>| Outcome { file, replaced: why.is_none(), rows, why };
    let (mut said, mut failed_before) = (Instant::now(), false);
    loop {
        let options = Options { settled: false, skip_proven: false };
        let judged = ledger::reconcile(database, &Selector::Archive(file.file_id), options).await?;
        let new: Vec<_> = judged.into_iter().filter(|one| one.load == file.new).collect();
        let faults: Vec<_> = new.iter().flat_map(faults).map(ToString::to_string).collect();
        let unfinished = new.iter().find_map(|one| match one.verdict {
            Judged::Unfinished { waits_for } => Some(waits_for),
            _ => None,
        });
        let waits_for = match unfinished {
            _ if !new.iter().any(|one| one.file_id == file.file_id) => "fetcher",
            // What is late may look wrong for a moment: only what stays so is.
            _ if !faults.is_empty() && failed_before => {
                let why = faults.join("; ");
                replay::give_up(database, file.file_id, file.new, &file.purpose, &why).await?;
                return Ok(outcome(0, Some(why)));
            }
            _ if !faults.is_empty() => {
                failed_before = true;
                tokio::time::sleep(SAY).await;
                continue;
            }
            Some(waits_for) => waits_for,
            None => {
                let why = settle(database, file).await?;
                if let Some(Some(why)) = &why {
                    replay::give_up(database, file.file_id, file.new, &file.purpose, why).await?;
                }
                match why {
                    Some(why) => return Ok(outcome(new.iter().map(|one| one.distinct).sum(), why)),
                    None => "loader",
                }
            }
        };
        if said.elapsed() >= SAY {
            said = Instant::now();
            eprintln!(
                "{}:{} load {}: waits for the {waits_for}",
                escaped(&file.cluster),
                escaped(&file.path),
                file.new
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn faults(one: &Reconciliation) -> &[Fault] {
    if let Judged::Failed { faults } = &one.verdict { faults } else { &[] }
}

/// Replaces the old load by the new one, all of whose rows are in the table; or gives why not. `None`: the loader has not
/// settled it yet.
async fn settle(database: &Database, file: &Again) -> Result<Option<Option<String>>> {
    let ended = replay::ended(database, file.file_id, file.new).await?;
    let why = match &*ended.state {
        "" => return Ok(None),
        _ if ended.changed > 0 => Some("the file is gone or another one by now".to_owned()),
        "quarantined" => Some(ended.detail),
        "complete" => None,
        // In one encoding damage alone makes fewer lines.
        "partial" if file.old_state == "partial" && file.is_replay() && ended.lines < file.old_lines => {
            Some(format!("of a damaged file {} lines came, and {} before", ended.lines, file.old_lines))
        }
        // As damaged as it was.
        "partial" if file.old_state != "complete" => None,
        state => Some(format!("it is {state}, and load {} was complete", file.old)),
    };
    if why.is_none() {
        replay::replace(database, file.file_id, file.new, &file.purpose).await.map_err(|e| anyhow!(e))?;
    }
    Ok(Some(why))
}

impl Again {
    fn is_replay(&self) -> bool {
        matches!(self.purpose, Purpose::Replay { .. })
    }
}

fn line(outcome: &Outcome<'_>) -> String {
    let Outcome { file, rows, why, .. } = outcome;
    let place = format!("{}:{}", escaped(&file.cluster), escaped(&file.path));
    let load = match &file.encoding {
        Some(encoding) => format!("load {} as {encoding}", file.new),
        None => format!("load {}", file.new),
    };
    match why {
        None if file.already && file.is_replay() => format!("already   {place}: {load} came of this replay"),
        None if file.already => format!(
            "already   {place}: load {} is as {}",
            file.new,
            escaped(file.purpose.encoding().unwrap_or_default())
        ),
        None => format!("replaced  {place}: {load} for load {}, {rows} rows", file.old),
        Some(why) => format!("KEPT      {place}: load {} stays what readers see: {}", file.old, escaped(why)),
    }
}
