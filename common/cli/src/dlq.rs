//! `logmill dlq`: what the stages could not turn into anything, read from the topic of dead letters.

use crate::args::{DlqCommand, Format};
use crate::exit::{Failure, Verdict};
use crate::files;
use crate::letters;
use crate::migrate::database;
use crate::output::{Printer, escaped, escaped_bytes};
use crate::topic_reader::TopicReader;
use logmill_clickhouse::ledger::letters::{self as ledger, Place, Settled};
use logmill_config::Config;
use logmill_core::wire::header;
use logmill_core::{FileMeta, Offset};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// One dead letter.
#[derive(Debug, Serialize)]
struct Letter {
    /// Its place on the topic of dead letters: `partition/offset`.
    place: String,
    time: String,
    stage: String,
    reason: String,
    detail: String,
    file_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// `topic/partition/offset` of the record that was rejected.
    origin: String,
    /// The other headers: load, at-byte, line, part, rows.
    at: BTreeMap<String, String>,
    /// Bytes that it carries.
    bytes: usize,
    /// Who dropped it, when and why, or what took the place of its load.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<Settled>,
    /// The bytes as text, where they were asked for; what is not UTF-8 in them as U+FFFD.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// The bytes themselves, two digits each.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
    #[serde(skip)]
    sort: (i64, i32, i64),
}

impl Letter {
    fn at(&self) -> Place {
        (self.sort.1, self.sort.2)
    }
}

/// Lists or shows dead letters.
///
/// # Errors
/// Kafka does not answer, there is no such topic or letter.
pub fn run(config: &Config, what: &DlqCommand, format: Format) -> Result<Verdict, Failure> {
    let topic = config.topics().dead_letters();
    let reader = TopicReader::new(config, &config.topics().group("dlq"))?;
    match what {
        DlqCommand::List { limit, all } => list(config, &reader, &topic, (*limit, *all), format),
        DlqCommand::Show { place } => show(&reader, &topic, place, format),
        DlqCommand::Replay { which } => letters::replay(config, which, format),
        DlqCommand::Drop { which, why, who } => letters::drop_seen(config, which, (who, why), format),
    }
}

fn list(
    config: &Config,
    reader: &TopicReader,
    topic: &str,
    (limit, all): (usize, bool),
    format: Format,
) -> Result<Verdict, Failure> {
    let mut ends = Vec::new();
    for partition in 0..reader.partitions(topic)? {
        let (low, end) = reader.ends(topic, partition)?;
        if end > low {
            ends.push((partition, low, end));
        }
    }
    // Every letter may have the marker of its transaction after it.
    let mut back = i64::try_from(limit).unwrap_or(i64::MAX / 2).saturating_mul(2);
    let (newest, verdict) = loop {
        let from: Vec<(i32, Offset)> = ends
            .iter()
            .map(|(partition, low, end)| (*partition, Offset(low.0.max(end.0.saturating_sub(back)))))
            .collect();
        let mut letters = Vec::new();
        reader.read(topic, &from, |message| {
            letters.push(letter(message, false));
            Ok(true)
        })?;
        let verdict = settle(config, topic, &from, &mut letters);
        letters.retain(|letter| all || letter.settled.is_none());
        letters.sort_by_key(|letter| letter.sort);
        let is_all = ends.iter().zip(&from).all(|((_, low, _), (_, from))| from <= low);
        if letters.len() >= limit || is_all {
            break (letters.split_off(letters.len().saturating_sub(limit)), verdict);
        }
        // Behind those that were dealt with lie others.
        back = back.saturating_mul(8);
    };
    let mut out = Printer::stdout();
    for letter in &newest {
        match format {
            Format::Json => out.json(letter)?,
            Format::Text => out.line(&letter.line())?,
        }
    }
    out.finish()?;
    if newest.is_empty() && format == Format::Text {
        let all = if all { "" } else { " that anybody has to look at; --all shows the others" };
        eprintln!("{topic} has no letters{all}");
    }
    Ok(verdict)
}

/// Tells of each letter whether it waits for somebody; bad where nobody knows.
fn settle(config: &Config, topic: &str, from: &[(i32, Offset)], letters: &mut [Letter]) -> Verdict {
    let places: Vec<Place> = from.iter().map(|(partition, offset)| (*partition, offset.0)).collect();
    let ask = || {
        let database = database(config)?;
        anyhow::Ok(crate::runtime()?.block_on(ledger::settled(&database, topic, &places))?)
    };
    match ask() {
        Ok(mut settled) => {
            letters.iter_mut().for_each(|letter| letter.settled = settled.remove(&letter.at()));
            Verdict::Good
        }
        Err(error) => {
            eprintln!("{error:#}; letters that were dealt with are shown too");
            Verdict::Bad
        }
    }
}

/// The place of a letter.
///
/// # Errors
/// It is none.
pub fn at(place: &str) -> Result<Place, Failure> {
    let parsed =
        place.split_once('/').and_then(|(partition, offset)| Some((partition.parse().ok()?, offset.parse().ok()?)));
    parsed.ok_or_else(|| Failure::Usage(format!("{place:?} is not PARTITION/OFFSET, as `logmill dlq list` shows it")))
}

fn show(reader: &TopicReader, topic: &str, place: &str, format: Format) -> Result<Verdict, Failure> {
    let (partition, offset) = at(place)?;
    let nothing =
        || Failure::Usage(format!("there is no letter at {place} of {topic}; `logmill dlq list` shows those that are"));
    if !(0..reader.partitions(topic)?).contains(&partition) {
        return Err(nothing());
    }
    let (low, end) = reader.ends(topic, partition)?;
    if !(low.0..end.0).contains(&offset) {
        return Err(nothing());
    }
    let mut found = None;
    reader.read(topic, &[(partition, Offset(offset))], |message| {
        if message.offset() == offset {
            found = Some((letter(message, true), message.payload().unwrap_or_default().to_vec()));
        }
        Ok(false)
    })?;
    let (letter, payload) = found.ok_or_else(nothing)?;
    let mut out = Printer::stdout();
    match format {
        Format::Json => out.json(&letter)?,
        Format::Text => out.text(&letter.page(&payload))?,
    }
    out.finish()?;
    Ok(Verdict::Good)
}

fn letter(message: &BorrowedMessage<'_>, whole: bool) -> Letter {
    let mut headers: BTreeMap<String, String> = message
        .headers()
        .into_iter()
        .flat_map(Headers::iter)
        .map(|one| (one.key.to_owned(), String::from_utf8_lossy(one.value.unwrap_or_default()).into_owned()))
        .collect();
    let mut take = |name: &str| headers.remove(name);
    let file: Option<FileMeta> = take(header::FILE).and_then(|json| serde_json::from_str(&json).ok());
    let (stage, reason, detail) = (take(header::STAGE), take(header::REASON), take(header::DETAIL));
    let origin = take(header::ORIGIN);
    let (cluster, path) = (take(header::CLUSTER), take(header::PATH));
    let payload = message.payload().unwrap_or_default();
    let millis = message.timestamp().to_millis().unwrap_or_default();
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    Letter {
        place: format!("{}/{}", message.partition(), message.offset()),
        time: humantime::format_rfc3339_millis(time).to_string(),
        stage: stage.unwrap_or_default(),
        reason: reason.unwrap_or_default(),
        detail: detail.unwrap_or_default(),
        file_id: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
        cluster: file.as_ref().map(|file| file.cluster.clone()).or(cluster),
        path: file.map(|file| file.path).or(path),
        origin: origin.unwrap_or_default(),
        at: headers,
        bytes: payload.len(),
        settled: None,
        payload: whole.then(|| String::from_utf8_lossy(payload).into_owned()),
        payload_hex: whole.then(|| payload.iter().map(|byte| format!("{byte:02x}")).collect()),
        sort: (millis, message.partition(), message.offset()),
    }
}

impl Letter {
    fn line(&self) -> String {
        let settled = match &self.settled {
            None => String::new(),
            Some(Settled { who, why, .. }) if who.is_empty() => format!(" [{why}]"),
            Some(Settled { who, why, at_ms }) => format!(" [dropped by {who} {}: {why}]", files::time(*at_ms)),
        };
        format!(
            "{:<8} {} {} {} {}: {}{}",
            self.place,
            self.time,
            self.stage,
            self.reason,
            escaped(self.path.as_deref().unwrap_or(&self.file_id)),
            escaped(&self.detail),
            escaped(&settled)
        )
    }

    fn page(&self, payload: &[u8]) -> String {
        let mut out = String::new();
        let mut add = |name: &str, value: &str| out.push_str(&format!("{name:<9} {}\n", escaped(value)));
        add("place", &self.place);
        add("time", &self.time);
        add("stage", &self.stage);
        add("reason", &self.reason);
        add("detail", &self.detail);
        add("file", &self.file_id);
        add("cluster", self.cluster.as_deref().unwrap_or("?"));
        add("path", self.path.as_deref().unwrap_or("?"));
        add("origin", &self.origin);
        for (name, value) in &self.at {
            add(name, value);
        }
        add("bytes", &self.bytes.to_string());
        for line in payload.split_inclusive(|byte| *byte == b'\n') {
            out.push_str(&format!("| {}\n", escaped_bytes(line.strip_suffix(b"\n").unwrap_or(line))));
        }
        out
    }
}
