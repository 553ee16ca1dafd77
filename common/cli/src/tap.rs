//! `logmill tap`: the records of a topic as they stand there, opened for people and programs.

use crate::args::Tap;
use crate::exit::{Failure, Verdict};
use crate::files::time;
use crate::migrate::database;
use crate::moment::Begin;
use crate::output::Printer;
use crate::rows::{self, Rows};
use crate::topic_reader::{Seen, TopicReader};
use anyhow::Result;
use bytes::Bytes;
use logmill_clickhouse::ledger::Selector;
use logmill_clickhouse::ledger::files;
use logmill_config::{Config, Topics};
use logmill_core::wire::{Record, header};
use logmill_core::{FileId, Offset};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// One record.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    /// By the broker's clock.
    time: String,
    key: String,
    headers: Map<String, Value>,
    /// Of the payload, as it stands on the topic.
    bytes: usize,
    #[serde(flatten)]
    payload: Option<Payload>,
}

/// A payload, opened.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Payload {
    Text(String),
    Json(Value),
    Rows(Vec<Value>),
    /// What is none of these: two digits a byte.
    Hex(String),
    /// There is none: compaction takes the key.
    Null(()),
}

/// Shows them.
///
/// # Errors
/// There is no such topic, or Kafka does not answer.
pub fn run(config: &Config, tap: &Tap) -> Result<Verdict, Failure> {
    let topics = topics(config, &tap.topic)?;
    if tap.from == Begin::End && !tap.follow {
        return Err(Failure::Usage("--from end shows nothing without --follow".into()));
    }
    let reader = TopicReader::new(config, &config.topics().group("tap"))?;
    let wanted = tap.file.as_deref().map(|file| Wanted::of(config, file));
    let mut out = Printer::stdout();
    let mut shown = 0;
    if tap.follow && topics.len() > 1 {
        let names = topics.join(", ");
        return Err(Failure::Usage(format!("--follow goes with one topic, and these are {}: {names}", topics.len())));
    }
    for topic in &topics {
        let tapped = Tapped { topic, carries: carries(&config.topics(), topic), tap, wanted: wanted.as_ref() };
        let from = from(&reader, topic, tap)?;
        let left = tap.limit.map(|limit| limit.saturating_sub(shown));
        shown += tapped.read(&reader, &from, left, &mut out)?;
    }
    out.finish()?;
    if shown == 0 {
        eprintln!("nothing of that stands on {}", topics.join(", "));
    }
    Ok(Verdict::of(shown > 0))
}

/// The topics that are meant.
fn topics(config: &Config, name: &str) -> Result<Vec<String>, Failure> {
    let topics = config.topics();
    if topics.stages().contains(&name) {
        return Ok(topics.inputs(name));
    }
    let all: Vec<String> = config.topic_specs().into_iter().map(|spec| spec.name).collect();
    let whole = format!("{}.{name}", config.chain);
    if let Some(found) = all.iter().find(|topic| **topic == name || **topic == whole) {
        return Ok(vec![found.clone()]);
    }
    let prefix = format!("{}.", config.chain);
    let short: Vec<&str> = all.iter().filter_map(|topic| topic.strip_prefix(&prefix)).collect();
    Err(Failure::Usage(format!(
        "{name:?} is neither a topic of the chain ({}) nor a stage ({})",
        short.join(", "),
        topics.stages().join(", ")
    )))
}

/// Where each partition begins.
fn from(reader: &TopicReader, topic: &str, tap: &Tap) -> Result<Vec<(i32, Offset)>, Failure> {
    let count = reader.partitions(topic)?;
    let partitions: Vec<i32> = match tap.partition {
        None => (0..count).collect(),
        Some(one) if (0..count).contains(&one) => vec![one],
        Some(one) => return Err(Failure::Usage(format!("{topic} has {count} partitions, from 0 on; {one} is none"))),
    };
    let each = |at: fn(Offset, Offset, i64) -> Offset, offset| {
        let place = |&partition| {
            let (low, end) = reader.ends(topic, partition)?;
            Ok((partition, at(low, end, offset)))
        };
        partitions.iter().map(place).collect()
    };
    match tap.from {
        Begin::Beginning => each(|low, _, _| low, 0),
        Begin::End => each(|_, end, _| end, 0),
        Begin::Offset(offset) => each(|low, end, offset| Offset(offset).clamp(low, end), offset),
        Begin::Time(since) => Ok(reader.at_time(topic, &partitions, since)?),
    }
}

/// One topic, and what is asked of it.
struct Tapped<'a> {
    topic: &'a str,
    carries: Carries,
    tap: &'a Tap,
    wanted: Option<&'a Wanted>,
}

impl Tapped<'_> {
    /// Shows records up to where each partition ends now, or on and on; says how many.
    fn read(
        &self,
        reader: &TopicReader,
        from: &[(i32, Offset)],
        limit: Option<usize>,
        out: &mut Printer<std::io::Stdout>,
    ) -> Result<usize> {
        let follows = self.tap.follow;
        let mut ends: BTreeMap<i32, Offset> = BTreeMap::new();
        for (partition, at) in from {
            let (_, end) = reader.ends(self.topic, *partition)?;
            if *at < end || follows {
                ends.insert(*partition, end);
            }
        }
        let from: Vec<_> = from.iter().copied().filter(|(partition, _)| ends.contains_key(partition)).collect();
        let mut shown = 0;
        if ends.is_empty() || limit == Some(0) {
            return Ok(shown);
        }
        reader.stream(self.topic, &from, |seen| {
            match seen {
                Seen::Record(message) => {
                    let end = ends.get(&message.partition()).copied();
                    if !follows && end.is_none_or(|end| message.offset() >= end.0) {
                        ends.remove(&message.partition());
                    } else {
                        let record = record(message);
                        if self.wanted.is_none_or(|wanted| wanted.has(&record)) {
                            out.json(&self.opened(message, record))?;
                            shown += 1;
                        }
                    }
                }
                Seen::End(partition) if !follows => drop(ends.remove(&partition)),
                // Who looks on sees what has come.
                Seen::End(_) | Seen::Nothing => out.finish()?,
            }
            Ok(!out.is_closed() && !ends.is_empty() && limit.is_none_or(|limit| shown < limit))
        })?;
        Ok(shown)
    }

    fn opened(&self, message: &BorrowedMessage<'_>, record: Record) -> Shown<'_> {
        let millis = message.timestamp().to_millis().unwrap_or_default();
        let bytes = record.payload.len();
        let headers = record.headers.iter().map(|(name, value)| (name.clone(), header_value(name, value))).collect();
        let key = String::from_utf8_lossy(&record.key).into_owned();
        let payload = (!self.tap.no_payload).then(|| match message.payload() {
            None => Payload::Null(()),
            Some(_) => open(self.carries, record),
        });
        Shown {
            topic: self.topic,
            partition: message.partition(),
            offset: message.offset(),
            time: time(u64::try_from(millis).unwrap_or_default()),
            key,
            headers,
            bytes,
            payload,
        }
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        key: Bytes::copy_from_slice(message.key().unwrap_or_default()),
        headers: headers
            .map(|one| (one.key.to_owned(), Bytes::copy_from_slice(one.value.unwrap_or_default())))
            .collect(),
        payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
    }
}

/// A header as people read it: text, and where it is JSON, that.
fn header_value(name: &str, value: &[u8]) -> Value {
    let text = || Value::String(String::from_utf8_lossy(value).into_owned());
    if name == header::FILE { serde_json::from_slice(value).unwrap_or_else(|_| text()) } else { text() }
}

/// The payload, by what the topic carries; one that is something else is shown as what it is.
fn open(carries: Carries, mut record: Record) -> Payload {
    record.unpack();
    let payload = &record.payload;
    let opened = match carries {
        Carries::Arrow => table(payload).ok().map(Payload::Rows),
        Carries::Json => serde_json::from_slice(payload).ok().map(Payload::Json),
        Carries::Bytes => None,
    };
    if let Some(opened) = opened {
        return opened;
    }
    match std::str::from_utf8(payload) {
        Ok(text) => Payload::Text(text.to_owned()),
        Err(_) => Payload::Hex(payload.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}

/// What the payloads of a topic are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    /// Chunks, and what was rejected.
    Bytes,
    Json,
    Arrow,
}

fn carries(topics: &Topics, topic: &str) -> Carries {
    let of_cluster = |cluster: &String| [topics.tasks(cluster), topics.backfill(cluster), topics.known(cluster)];
    if topics.channels().iter().any(|channel| topics.rows(channel).as_deref() == Some(topic)) {
        Carries::Arrow
    } else if topic == topics.file_events()
        || topic == topics.clusters_topic()
        || topics.clusters().iter().flat_map(of_cluster).any(|one| one == topic)
    {
        Carries::Json
    } else {
        Carries::Bytes
    }
}

fn table(payload: &Bytes) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for batch in rows::batches(payload)? {
        let rows = Rows::of(&batch)?;
        for row in 0..rows.count {
            all.push(serde_json::to_value(rows.rest(row, &[]))?);
        }
    }
    Ok(all)
}

/// The records of some files: by their key, or by the path that they carry.
struct Wanted {
    selector: Selector,
    /// The files that the ledger knows by that name: of a chunk the key alone says whose it is.
    ids: HashSet<FileId>,
}

impl Wanted {
    fn of(config: &Config, file: &str) -> Self {
        let selector = Selector::parse(file);
        let ids = || {
            let database = database(config)?;
            anyhow::Ok(crate::runtime()?.block_on(files::ids(&database, &selector))?)
        };
        let ids = if matches!(selector, Selector::Id(_)) { Ok(HashSet::new()) } else { ids() };
        let ids = ids.unwrap_or_else(|error| {
            eprintln!("{error:#}; only records that carry the path themselves are found by it");
            HashSet::new()
        });
        Self { selector, ids }
    }

    fn has(&self, record: &Record) -> bool {
        // Of a note that a later load was begun: file id/load.
        let key = record.key.get(..32).and_then(|key| std::str::from_utf8(key).ok());
        let id: FileId = key.and_then(|key| key.parse().ok()).unwrap_or_default();
        let text = |name| record.header(name).map(|value| String::from_utf8_lossy(value));
        let file: Option<Named> = record.header(header::FILE).and_then(|json| serde_json::from_slice(json).ok());
        let file = file
            .or_else(|| serde_json::from_slice(&record.payload).ok())
            .map(|named| named.file.map_or((named.cluster, named.path), |file| (file.cluster, file.path)));
        let carried = |(cluster, path): &(String, String)| self.selector.covers(id, cluster, path);
        self.ids.contains(&id)
            || self.selector.covers(
                id,
                &text(header::CLUSTER).unwrap_or_default(),
                &text(header::PATH).unwrap_or_default(),
            )
            || file.as_ref().is_some_and(carried)
    }
}

/// What tells of a file names it so: a description, an event, a note; or has its description within, as a task.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    cluster: String,
    path: String,
    file: Option<Box<Named>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_core::{FileMeta, Plan, packed};
    use logmill_protocol::fetch::Task;
    use serde_json::json;

    fn record(key: &str, headers: &[(&str, &str)], payload: &[u8]) -> Record {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())));
        Record { key: key.to_owned().into(), headers: headers.collect(), payload: payload.to_vec().into() }
    }

    #[test]
    fn a_payload_is_shown_as_what_it_is() {
        let long = "2026-11-22 10:00:00 a line\n".repeat(100);
        let packed = packed::pack(long.as_bytes()).unwrap();
        for (carries, headers, payload, expected) in [
            (Carries::Bytes, &[][..], &b"a line\n"[..], Payload::Text("a line\n".into())),
            (Carries::Bytes, &[], b"\x1f\x8b", Payload::Hex("1f8b".into())),
            (Carries::Bytes, &[("packed", "lz4")], &packed[..], Payload::Text(long.clone())),
            (Carries::Bytes, &[("packed", "lz4")], b"\xff\xff", Payload::Hex("ffff".into())),
            (Carries::Json, &[], b"{\"a\":1}", Payload::Json(json!({"a": 1}))),
            (Carries::Json, &[], b"no json", Payload::Text("no json".into())),
            (Carries::Arrow, &[], b"no table", Payload::Text("no table".into())),
        ] {
            assert_eq!(open(carries, record("k", headers, payload)), expected);
        }
    }

    #[test]
    fn a_file_is_found_by_whatever_tells_of_it() {
        let id = "000000000000000000000000000000ff";
        let file = FileMeta::new(FileId(255), "a", "/logs/one.gz", Plan::default());
        let json = serde_json::to_string(&file).unwrap();
        let all = [
            record(id, &[("cluster", "a"), ("path", "/logs/one.gz")], b"raw"),
            record(id, &[("file", &json)], b"text"),
            record(id, &[], json.as_bytes()),
            Task::new(file).encode(),
            record(&format!("{id}/1"), &[], b"{\"cluster\":\"a\",\"path\":\"/logs/one.gz\"}"),
        ];
        for text in ["/logs/one.gz", "a:/logs/*", id] {
            let wanted = Wanted { selector: Selector::parse(text), ids: HashSet::new() };
            assert!(all.iter().all(|record| wanted.has(record)), "{text}");
        }
        for text in ["/logs/two.gz", "b:/logs/*", "000000000000000000000000000000fe"] {
            let wanted = Wanted { selector: Selector::parse(text), ids: HashSet::new() };
            assert!(!all.iter().any(|record| wanted.has(record)), "{text}");
        }
        let by_key = Wanted { selector: Selector::parse("/logs/one.gz"), ids: [FileId(255)].into() };
        assert!(by_key.has(&record(id, &[], b"a chunk in the middle")));
    }
}
