//! `logmill forget`: lawful erasure of files.
//!
//! What ClickHouse has of them goes at once ([`logmill_clickhouse::ledger::forget`] says how, beside loaders and refreshes at
//! work), and with them the days that the analyses counted of them. In Kafka their tasks go at once, as far as all tasks before
//! them are done; where they are known, a value without a name takes the place of the one that has it; chunks, rows, events and
//! dead letters go with the retention of their topics. It may be killed at any moment and run again.

use crate::args::{Forget, Format};
use crate::exit::{Failure, Verdict};
use crate::files::{now_ms, time};
use crate::migrate::database;
use crate::output::{Printer, escaped};
use crate::topic_reader::TopicReader;
use crate::{replay, topics, waiting};
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::Selector;
use logmill_clickhouse::ledger::forget::{self, Day, Days, Known, Traces};
use logmill_config::{Config, Layout};
use logmill_core::wire::Record;
use logmill_core::{FileId, Load};
use logmill_kafka::admin::Admin;
use logmill_protocol::{Outgoing, Partition};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What takes the place of a value that names a file.
const NAMELESS: &str = "{\"forgotten\":true}";
/// Counts days of the analyses anew.
const AGAIN: &str = "logmill analyze --refresh";

/// What there is, or was, of one file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    file: &'a Known,
    /// Records by table.
    tables: BTreeMap<String, u64>,
    /// Records that are left; there is something wrong where there are any.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left: BTreeMap<String, u64>,
    /// The days that the analyses counted with it, and that go as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    analyses: Vec<Counted<'a>>,
    kafka: &'a [Leaves],
    forgotten: bool,
}

/// Days of an application that are dropped from the analyses.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Counted<'a> {
    app: &'a str,
    days: Vec<String>,
    /// The command that counts them anew, of the rows that are there; none where the configuration does not say how.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<&'static str>,
}

/// When the last of a file leaves a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Leaves {
    topic: String,
    /// RFC 3339; none where the topic keeps its records for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

/// Shows what there is of the files; with `yes` erases it.
///
/// # Errors
/// Kafka or ClickHouse does not answer.
pub fn run(config: &Config, wish: &Forget, format: Format) -> Result<Verdict, Failure> {
    let (runtime, database) = (crate::runtime()?, database(config)?);
    let place = || format!("the ledger in {:?} on {}", database.name(), database.url());
    let selector = Selector::any(&wish.files);
    let mut files = runtime.block_on(forget::known(&database, &selector)).with_context(place)?;
    add_waiting(config, &selector, &mut files)?;
    if wish.yes {
        let seen: HashSet<FileId> = files.iter().map(|file| file.file_id).collect();
        for id in runtime.block_on(forget::begun(&database)).with_context(place)? {
            if !seen.contains(&id) {
                eprintln!("{id}: its erasure was begun before, and is ended too");
                let mut more = runtime.block_on(forget::known(&database, &Selector::Id(id))).with_context(place)?;
                more.retain(|file| file.file_id == id);
                let unnamed =
                    Known { file_id: id, cluster: String::new(), path: String::new(), highest: Load(0), last_ms: 0 };
                files.push(more.pop().unwrap_or(unnamed));
            }
        }
    }
    if files.is_empty() {
        eprintln!("no file is known by that name: is it spelt as in its cluster? What was erased has no name any more");
        return Ok(Verdict::Bad);
    }
    let ids: Vec<FileId> = files.iter().map(|file| file.file_id).collect();
    let newest = files.iter().map(|file| file.last_ms).max().unwrap_or_default();
    let kafka = runtime.block_on(leaves(config, newest, now_ms()))?;
    let why = wish.why.as_ref().filter(|_| wish.yes);
    if let Some(why) = why {
        runtime.block_on(forget::close(&database, &ids, &wish.who, why)).with_context(place)?;
    }
    let days = runtime.block_on(forget::days(&database, &ids)).with_context(place)?;
    let mut found = runtime.block_on(forget::traces(&database, &ids)).with_context(place)?;
    let mut left = Traces::new();
    if let Some(why) = why {
        unname(config, &files)?;
        runtime.block_on(drop_tasks(config, &files))?;
        left = runtime.block_on(forget::erase(&database, &ids, &days)).with_context(place)?;
        let gone: Vec<FileId> = ids.iter().copied().filter(|id| !left.contains_key(id)).collect();
        runtime.block_on(forget::done(&database, &gone, &wish.who, why, &found)).with_context(place)?;
    }
    let all = Verdict::of(left.is_empty());
    let mut out = Printer::stdout();
    for file in &files {
        let line = Line {
            file,
            tables: found.remove(&file.file_id).unwrap_or_default(),
            left: left.remove(&file.file_id).unwrap_or_default(),
            analyses: counted(config, days.of(file.file_id)),
            kafka: &kafka,
            forgotten: wish.yes,
        };
        match format {
            Format::Json => out.json(&line)?,
            Format::Text => out.line(&line.text())?,
        }
    }
    out.finish()?;
    say(config, wish, &kafka);
    say_counted(config, wish, &days);
    Ok(all)
}

/// The days by application.
fn counted<'a>(config: &Config, days: impl Iterator<Item = &'a Day>) -> Vec<Counted<'a>> {
    let mut all: Vec<Counted<'a>> = Vec::new();
    for Day { app, day } in days {
        let day = logmill_analyses::Day(*day).to_string();
        match all.last_mut().filter(|last| last.app == app) {
            Some(last) => last.days.push(day),
            None => {
                let again = config.analyses.contains_key(app).then_some(AGAIN);
                all.push(Counted { app, days: vec![day], again });
            }
        }
    }
    all
}

/// Files of which only their task is known.
fn add_waiting(config: &Config, selector: &Selector, files: &mut Vec<Known>) -> Result<()> {
    let seen: HashSet<FileId> = files.iter().map(|file| file.file_id).collect();
    for wait in waiting::tasks(config)? {
        let file = wait.task.file;
        if !seen.contains(&file.file_id) && selector.covers(file.file_id, &file.cluster, &file.path) {
            let (cluster, path, highest) = (file.cluster, file.path, file.load);
            files.push(Known { file_id: file.file_id, cluster, path, highest, last_ms: wait.since_ms });
        }
    }
    Ok(())
}

/// When what was written until `last_ms` has left the topics that still have it.
async fn leaves(config: &Config, last_ms: u64, now_ms: u64) -> Result<Vec<Leaves>> {
    // What a layout that was left has written lies there still.
    let of = |layout| Config { layout, ..config.clone() }.topics().passing();
    let there = TopicReader::new(config, &config.topics().group("forget"))?.topics()?;
    let chain: BTreeSet<_> = Layout::ALL.into_iter().flat_map(of).filter(|topic| there.contains_key(topic)).collect();
    let settings = topics::settings(config, &chain.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(chain.into_iter().filter_map(|topic| leaves_by(&topic, settings.get(&topic)?, last_ms, now_ms)).collect())
}

/// Only a closed segment is deleted, and only so long after its last record.
fn leaves_by(topic: &str, settings: &BTreeMap<String, String>, last_ms: u64, now_ms: u64) -> Option<Leaves> {
    let number = |name: &str| settings.get(name).and_then(|value| value.parse::<i64>().ok()).unwrap_or(-1);
    let (retention, segment) = (number("retention.ms"), number("segment.ms"));
    let (Ok(retention), Ok(segment)) = (u64::try_from(retention), u64::try_from(segment)) else {
        return Some(Leaves { topic: topic.to_owned(), by: None });
    };
    let by = last_ms.saturating_add(retention).saturating_add(segment);
    (by > now_ms).then(|| Leaves { topic: topic.to_owned(), by: Some(time(by)) })
}

/// Writes values without a name over those that have it, on the topics of known files: compaction then takes the older ones.
/// The key, the file's id, stays known.
fn unname(config: &Config, files: &[Known]) -> Result<()> {
    let mut clusters: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let keys = (0..=file.highest.0).map(|load| match load {
            0 => file.file_id.to_string(),
            load => format!("{}/{load}", file.file_id),
        });
        clusters.entry(&file.cluster).or_default().extend(keys);
    }
    for (cluster, keys) in clusters {
        if !config.clusters.contains_key(cluster) {
            eprintln!("{cluster:?} is not configured any more: what its topic of known files says stays there");
            continue;
        }
        let known = Partition::new(config.topics().known(cluster).as_str(), 0);
        let mut journal = replay::notes(config, cluster)?; // a lister at work is not fenced
        let mut there = BTreeSet::new();
        journal.read(&known, |key, is_there| match std::str::from_utf8(key) {
            Ok(key) if is_there && keys.contains(key) => drop(there.insert(key.to_owned())),
            _ => {}
        })?;
        let record = |key: String| Outgoing {
            partition: known.clone(),
            record: Record { key: key.into(), headers: Vec::new(), payload: NAMELESS.into() },
        };
        let records: Vec<Outgoing> = there.into_iter().map(record).collect();
        if !records.is_empty() {
            journal.write(&records)?;
        }
    }
    Ok(())
}

/// Deletes the tasks that are done, of the clusters of these files: those before the oldest that is not.
async fn drop_tasks(config: &Config, files: &[Known]) -> Result<()> {
    let names = config.topics();
    let clusters: BTreeSet<&String> = files.iter().map(|file| &file.cluster).collect();
    let reader = TopicReader::new(config, &names.group("fetcher"))?;
    let mut places = Vec::new();
    for cluster in clusters.into_iter().filter(|cluster| config.clusters.contains_key(*cluster)) {
        for topic in [names.tasks(cluster), names.backfill(cluster)] {
            let committed = reader.committed(&topic, reader.partitions(&topic)?)?;
            for (index, committed) in (0..).zip(committed) {
                let (low, _) = reader.ends(&topic, index)?;
                if let Some(committed) = committed.filter(|committed| committed.offset > low) {
                    places.push((Partition::new(topic.as_str(), index), committed.offset.0));
                }
            }
        }
    }
    Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?.delete_before(&places).await?;
    Ok(())
}

impl Line<'_> {
    fn text(&self) -> String {
        let Known { file_id, cluster, path, .. } = self.file;
        let count = |tables: &BTreeMap<String, u64>| {
            let each: Vec<String> = tables.iter().map(|(table, count)| format!("{count} in {table}")).collect();
            if each.is_empty() { "nothing in any table".to_owned() } else { each.join(", ") }
        };
        let word = if self.forgotten { "forgotten" } else { "there is " };
        let left = if self.left.is_empty() { String::new() } else { format!("; LEFT: {}", count(&self.left)) };
        let analyses: Vec<String> = self.analyses.iter().map(Counted::text).collect();
        let analyses =
            if analyses.is_empty() { String::new() } else { format!("; in the analyses {}", analyses.join(", ")) };
        format!("{word} {}:{} {file_id}: {}{analyses}{left}", escaped(cluster), escaped(path), count(&self.tables))
    }
}

impl Counted<'_> {
    fn text(&self) -> String {
        let app = if self.app.is_empty() { "no application".to_owned() } else { escaped(self.app) };
        match &self.days[..] {
            [day] => format!("1 day of {app}, {day}"),
            [first, .., last] => format!("{} days of {app}, {first} to {last}", self.days.len()),
            [] => format!("no day of {app}"),
        }
    }
}

/// What becomes of the analyses, for people: as a count does not say whose it is, whole days go.
fn say_counted(config: &Config, wish: &Forget, days: &Days) {
    let oldest = days.counted();
    let over = config.clickhouse.keep.map(|keep| i128::from(now_ms()) - keep.as_millis().cast_signed());
    for counted in counted(config, oldest.keys().copied()) {
        let of_it = oldest.iter().filter(|(day, _)| day.app == counted.app);
        let kept = of_it.filter(|(_, oldest)| over.is_some_and(|over| i128::from(**oldest) < over)).count();
        let what = if wish.yes { "dropped from the analyses" } else { "to be dropped from the analyses" };
        let then = match counted.again {
            Some(again) => format!("`{again}` counts anew what rows are there"),
            None => format!("without a section [analyses.{}] nothing counts them anew", escaped(counted.app)),
        };
        let gone = match kept {
            0 => String::new(),
            some => {
                format!("; of {some} of them rows have passed clickhouse.keep, and what was counted of these is gone")
            }
        };
        eprintln!("{what}: {}; {then}{gone}", counted.text());
    }
}

/// What else there is to know, for people.
fn say(config: &Config, wish: &Forget, kafka: &[Leaves]) {
    match kafka.iter().filter_map(|leaves| leaves.by.as_ref()).max() {
        Some(last) => eprintln!(
            "Kafka keeps chunks, rows, events and dead letters as long as its topics do: the last of these leave by {last}"
        ),
        None if kafka.is_empty() => eprintln!("nothing of it is on the topics of {} any more", config.chain),
        None => {}
    }
    let forever: Vec<&str> = kafka.iter().filter(|leaves| leaves.by.is_none()).map(|leaves| &*leaves.topic).collect();
    if !forever.is_empty() {
        eprintln!("these topics keep their records for ever: {}", forever.join(", "));
    }
    if wish.yes {
        eprintln!(
            "Tasks up to the oldest that is not done are deleted; on the topics of known files the name goes when Kafka \
             compacts them. The parts that ClickHouse had before leave its disk within minutes. What lies in the cluster \
             was not touched."
        );
    } else {
        eprintln!("nothing was done: --yes --why TEXT does it, and nothing undoes it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_leaves_when_its_segment_is_closed_and_past_its_time() {
        let settings = |retention: &str, segment: &str| {
            BTreeMap::from([("retention.ms".into(), retention.into()), ("segment.ms".into(), segment.into())])
        };
        let by = |retention, segment, now| leaves_by("t", &settings(retention, segment), 1_000_000, now);
        let at = |ms| Some(Leaves { topic: "t".into(), by: Some(time(ms)) });
        assert_eq!(by("60000", "5000", 1_000_000), at(1_065_000));
        assert_eq!(by("60000", "5000", 1_065_000), None, "nothing is left by then");
        assert_eq!(by("-1", "5000", 1_000_000), Some(Leaves { topic: "t".into(), by: None }));
    }
}
