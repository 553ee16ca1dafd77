//! The contracts in schemas/topics hold for what the code writes.

mod common;

use common::{file, span};
use logmill_config::{BuiltIn, FieldType, PatternSpec};
use logmill_core::event::LedgerRecord;
use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{Barred, Event, FileMeta, Header, LineSpan, Load, Outcome, Plan, RejectReason, Seq};
use logmill_protocol::fetch::{ClusterNote, Resume, Task, VolumeNote};
use logmill_protocol::{ChannelNote, Pausable, PauseNote};
use serde_json::Value;
use std::collections::BTreeSet;

fn contract(topic: &str) -> Value {
    let path = format!("{}/../../schemas/topics/{topic}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn names(list: &Value, only: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let all = list.as_array().expect("a list").iter().filter(|entry| only(entry));
    all.map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
}

/// Holds an object to a JSON Schema as far as the contracts use one: required, properties, additionalProperties.
fn check(schema: &Value, value: &Value, place: &str) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let object = value.as_object().unwrap_or_else(|| panic!("{place} is an object"));
    for name in schema["required"].as_array().expect("required") {
        assert!(object.contains_key(name.as_str().unwrap()), "{place} lacks {name}");
    }
    for (name, value) in object {
        let schema = properties.get(name).unwrap_or_else(|| panic!("{place}.{name} is not in the contract"));
        let fits = match schema["type"].as_str() {
            Some("integer") => value.is_u64() || (value.is_i64() && schema["minimum"].is_null()),
            Some("string") => value.is_string(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => schema["enum"].as_array().is_none_or(|allowed| allowed.contains(value)),
        };
        assert!(fits, "{place}.{name} = {value} is not {schema}");
        check(schema, value, &format!("{place}.{name}"));
    }
}

fn chunk(
    file: Option<FileMeta>,
    span: Option<LineSpan>,
    silent: bool,
    packed: bool,
    header: Option<&str>,
) -> BTreeSet<String> {
    let chunk = WireChunk {
        file_id: logmill_core::FileId(1),
        load: Load(0),
        seq: Seq(0),
        kind: Kind::Data,
        silent,
        plan: Plan::default().version(),
        file: file.map(Box::new),
        span,
        header: header.map(Into::into),
        notes: Vec::new(),
        packed,
        payload: "x".into(),
    };
    chunk.encode().headers.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_chunk_has_the_headers_of_its_topic() {
    for topic in ["raw", "plain"] {
        let headers = &contract(topic)["headers"];
        assert_eq!(chunk(None, None, false, false, None), names(headers, |h| h["required"] == true), "{topic}");
        assert_eq!(chunk(Some(file(1, 0)), None, true, topic == "plain", None), names(headers, |_| true), "{topic}");
    }
    for topic in ["text", "channel", "rows"] {
        let headers = &contract(topic)["headers"];
        let packed = topic != "rows"; // nor has it a header: what it says is in the columns
        let header = packed.then_some("time,level,text");
        assert_eq!(
            chunk(Some(file(1, 0)), Some(span(1, 1)), false, packed, header),
            names(headers, |_| true),
            "{topic}"
        );
    }
}

#[test]
fn the_columns_of_a_row_batch_are_the_splitter_s() {
    let contract = contract("rows");
    let columns = contract["value"]["columns"].as_array().unwrap();
    let schema = logmill_splitter::schema();
    assert_eq!(columns.len(), schema.fields().len());
    for (column, field) in columns.iter().zip(schema.fields()) {
        let kind = field.data_type().to_string();
        let expected = column["type"].as_str().unwrap();
        let head = expected.split('(').next().unwrap();
        assert_eq!(column["name"], field.name().as_str());
        assert_eq!(column["nullable"], field.is_nullable(), "{kind}");
        assert!(kind.starts_with(head), "{expected} is {kind}");
    }
}

#[test]
fn every_kind_of_event_is_in_the_contract() {
    let text = || Some("0a0b0c0d".to_owned());
    let closed = Event::Closed {
        outcome: Outcome::Partial,
        bytes_in: 1,
        bytes_out: 2,
        lines: 3,
        rows: 4,
        malformed: 5,
        crc32: text(),
        found: text(),
        evidence: text(),
        quarantine: text(),
    };
    let passed = Event::Passed { first_line: 1, first_part: 0, rows: 1, bytes: 1, channel: text() };
    let schema = &contract("file-events")["value"];
    for event in [closed, passed, Event::Opened, Event::Parked { at: 1 }, Event::Resumed { at: 1 }] {
        let FileMeta { file_id, load, cluster, path, app, length, modified_ms, .. } = file(1, 0);
        let (stage, at_ms) = ("fetcher".into(), 1);
        let record =
            LedgerRecord { file_id, load, cluster, path, app, archive: None, length, modified_ms, stage, at_ms, event };
        check(schema, &serde_json::to_value(&record).unwrap(), "event");
    }
}

#[test]
fn a_task_with_everything_in_it_is_in_the_contract() {
    let record_start = Some(r"\d{4}-".into());
    let own = PatternSpec {
        separator: Some(';'),
        time: Some("t".into()),
        level: Some("l".into()),
        message: Some("m".into()),
        time_format: Some("%Y".into()),
        types: [("n".to_owned(), FieldType::Size)].into(),
        like: Some(BuiltIn::Csv),
        ..PatternSpec::own("mine", "(?<a>.)")
    };
    let patterns = vec![PatternSpec::built_in(BuiltIn::Nginx), own];
    let encoding = Some("gbk".into());
    let header = Some(Header::Csv);
    let plan = Plan { encoding, record_start, header, patterns, zone_seconds: -3600, ..Plan::default() };
    let file = FileMeta { path_bytes: Some(vec![255]), plan, ..file(1, 0) };
    let task = Task { file, resume: Some(Resume { seq: Seq(1), crc32: 7 }) };
    check(&contract("tasks")["value"], &serde_json::to_value(&task).unwrap(), "task");
}

#[test]
fn what_a_fetcher_tells_of_a_cluster_is_in_the_contract() {
    let (cluster, fetcher) = ("a".to_owned(), "0".to_owned());
    let note = ClusterNote { cluster, fetcher, down: true, paused: false, coroutines: 1, own: 4, weight: 1, at_ms: 1 };
    let mut volume = VolumeNote { partition: 1, next: 7, ..VolumeNote::default() };
    volume.count("a", 5, 1);
    let notes = &contract("clusters")["value"]["oneOf"];
    check(&notes[0], &serde_json::to_value(&note).unwrap(), "note");
    check(&notes[1], &serde_json::to_value(&volume).unwrap(), "volume");
    let (name, who, why) = ("a".to_owned(), "me".to_owned(), Some("a reason".to_owned()));
    let pause = PauseNote { pause: Pausable::Channel, name, paused: true, who, why, at_ms: 1 };
    check(&notes[2], &serde_json::to_value(&pause).unwrap(), "pause");
    for barred in [None, Some(Barred::StandsStill), Some(Barred::Full), Some(Barred::Paused)] {
        let note = ChannelNote { channel: "c0".into(), distributor: "0".into(), barred, at_ms: 1 };
        check(&notes[3], &serde_json::to_value(&note).unwrap(), "channel");
    }
}

#[test]
fn every_reason_of_a_reject_is_in_the_contract() {
    use RejectReason as R;
    let all = [
        R::Truncated,
        R::Corrupt,
        R::TrailingGarbage,
        R::Bomb,
        R::Changed,
        R::Headless,
        R::Decree,
        R::OutOfOrder,
        R::Malformed,
        R::Refused,
    ];
    let contract = contract("dead-letters");
    let reason = contract["headers"].as_array().unwrap().iter().find(|h| h["name"] == "reason").unwrap();
    assert_eq!(reason["one_of"], Value::from(all.map(R::name).to_vec()));
}
