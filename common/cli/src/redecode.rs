//! `logmill redecode`: files are loaded again in another encoding, and their rows replaced at once.
//!
//! It may be killed at any moment and run again. What it has begun stands in ClickHouse (the later load is hidden before
//! anything is sent) and in Kafka (each task is sent in one transaction with a note that it was); what it does last is one
//! block.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::migrate::database;
use crate::output::{Printer, escaped};
use anyhow::{Context, Result, anyhow, bail};
use logmill_clickhouse::Database;
use logmill_clickhouse::ledger::redecode::{self, Loaded};
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
    /// The load that is replaced, and its state.
    old: Load,
    #[serde(skip)]
    old_state: String,
    new: Load,
    encoding: String,
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
/// No such encoding, another redecoding of a file is under way, or a server does not answer.
pub fn run(config: &Config, paths: &[String], encoding: &str, format: Format) -> Result<Verdict, Failure> {
    logmill_config::encoding(encoding).map_err(Failure::Usage)?;
    let (runtime, database) = (crate::runtime()?, database(config)?);
    let place = || format!("the ledger in {:?} on {}", database.name(), database.url());
    let (loaded, unknown) = runtime.block_on(select(&database, paths)).with_context(place)?;
    let mut all = Verdict::of(unknown.is_empty());
    for path in unknown {
        let archives =
            runtime.block_on(redecode::archives_of(&database, &Selector::parse(path))).with_context(place)?;
        let archives: Vec<_> = archives.iter().map(|path| escaped(path)).collect();
        let why = match archives.join(", ") {
            none if none.is_empty() => {
                "no file that has been loaded is known by that name: `logmill where` shows what is known of one".into()
            }
            names => format!("that is a member of an archive, which is loaded again as a whole: name {names}"),
        };
        eprintln!("{}: {why}", escaped(path));
    }
    let files = loaded.into_iter().map(|file| again(config, file, encoding)).collect::<Result<Vec<_>>>()?;
    let (already, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.already);
    let fresh: Vec<_> = files.iter().filter(|file| !file.begun).map(|file| (file.file_id, file.new)).collect();
    runtime.block_on(redecode::hide_before(&database, &fresh, encoding)).with_context(place)?;
    send(config, &files)?;
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
    eprintln!(
        "{} files are loaded again as {encoding}; until one is complete its old rows are what readers see.\n\
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

/// The files that are named, and the names of none.
async fn select<'a>(
    database: &Database,
    paths: &'a [String],
) -> Result<(Vec<Loaded>, Vec<&'a str>), logmill_clickhouse::Error> {
    let (mut all, mut unknown) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in paths {
        let found = redecode::loaded(database, &Selector::parse(path)).await?;
        if found.is_empty() {
            unknown.push(path.as_str());
        }
        all.extend(found.into_iter().filter(|file| seen.insert(file.file_id)));
    }
    Ok((all, unknown))
}

/// Which load of the file comes next, or goes on.
fn again(config: &Config, file: Loaded, encoding: &str) -> Result<Again> {
    let place = format!("{}:{}", escaped(&file.cluster), escaped(&file.path));
    if !config.clusters.contains_key(&file.cluster) {
        bail!("{place}: there is no cluster {:?} in the configuration any more", file.cluster);
    }
    let begun = file.under_way != Load(0);
    if begun && !file.encoding.eq_ignore_ascii_case(encoding) {
        bail!("{place} is being loaded again as {}: let `logmill redecode` end that first", file.encoding);
    }
    let already = !begun && file.redecoded.eq_ignore_ascii_case(encoding);
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
        new,
        encoding: encoding.to_owned(),
        begun,
        already,
        length: file.length,
        modified_ms: file.modified_ms,
    })
}

/// Sends the tasks that were not sent yet, each in one transaction with a note on the topic of known files.
fn send(config: &Config, files: &[Again]) -> Result<()> {
    let planner = Planner::new(config).context("reading the patterns of apps and rules")?;
    let mut clusters: BTreeMap<&str, Vec<&Again>> = BTreeMap::new();
    for file in files {
        clusters.entry(&file.cluster).or_default().push(file);
    }
    for (cluster, files) in clusters {
        let known = Partition::new(config.topics().known(cluster).as_str(), 0);
        let mut journal = Journal::connect(JournalOptions {
            brokers: config.kafka.brokers.clone(),
            transactional_id: format!("{}.redecode.{cluster}", config.chain),
            transaction_timeout: config.transaction.timeout,
            properties: config.kafka.properties.0.clone(),
        })?;
        let wanted: HashSet<String> = files.iter().map(|file| note(file)).collect();
        let mut sent = HashSet::new();
        journal.read(&known, |key, is_there| match std::str::from_utf8(key) {
            Ok(key) if is_there && wanted.contains(key) => drop(sent.insert(key.to_owned())),
            _ => {}
        })?;
        let tasks = Lane::new(config.topics().tasks(cluster), config.kafka.partitions);
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
    plan.encoding = Some(again.encoding.clone());
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
                redecode::give_up(database, file.file_id, file.new, &why).await?;
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
                    redecode::give_up(database, file.file_id, file.new, why).await?;
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
    let ended = redecode::ended(database, file.file_id, file.new).await?;
    let why = match &*ended.state {
        "" => return Ok(None),
        _ if ended.changed > 0 => Some("the file is gone or another one by now".to_owned()),
        "quarantined" => Some(ended.detail),
        "complete" => None,
        // As damaged as it was.
        "partial" if file.old_state != "complete" => None,
        state => Some(format!("it is {state}, and load {} was complete", file.old)),
    };
    if why.is_none() {
        redecode::replace(database, file.file_id, file.new, &file.encoding).await.map_err(|e| anyhow!(e))?;
    }
    Ok(Some(why))
}

fn line(outcome: &Outcome<'_>) -> String {
    let Outcome { file, rows, why, .. } = outcome;
    let place = format!("{}:{}", escaped(&file.cluster), escaped(&file.path));
    match why {
        None if file.already => format!("already   {place}: load {} is as {}", file.new, file.encoding),
        None => format!("replaced  {place}: load {} as {} for load {}, {rows} rows", file.new, file.encoding, file.old),
        Some(why) => format!("KEPT      {place}: load {} stays what readers see: {}", file.old, escaped(why)),
    }
}
