//! Row batches as a splitter makes them, records around them, and a database of one's own.
#![allow(dead_code)] // each test takes what it needs

use arrow_array::builder::{MapBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, FixedSizeBinaryArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array,
    UInt64Array,
};
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use logmill_clickhouse::{Database, migrate};
use logmill_config as config;
use logmill_core::wire::{Kind, Record, WireChunk};
use logmill_core::{FileId, FileMeta, LineSpan, Offset, Plan, Seq};
use logmill_loader::{Sink, Table};
use logmill_protocol::load::{Insert, Item};
use logmill_protocol::{Incoming, Partition};
use logmill_stack::ClickHouseAddress;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const ROWS: &str = "chain.rows.a";
pub const EVENTS: &str = "chain.file-events";
pub const REJECTS: &str = "chain.dead-letters";

/// A file of 2026-11-01, or so many days later.
pub fn file(number: u128, days: u64) -> FileMeta {
    FileMeta {
        length: 1_000,
        modified_ms: 1_793_491_200_000 + days * 86_400_000,
        app: "demo".into(),
        ..FileMeta::new(FileId(number), "a", format!("/logs/{number}.gz"), Plan::default())
    }
}

fn dictionary(values: Vec<String>) -> ArrayRef {
    Arc::new(values.iter().map(String::as_str).collect::<DictionaryArray<Int32Type>>())
}

/// The Arrow stream of the rows; `text` makes each line's text and level.
pub fn stream(file: &FileMeta, span: LineSpan, text: impl Fn(u64) -> (String, String)) -> Bytes {
    stream_of(file, span, &vec![1; span.rows as usize], true, text)
}

/// The same of rows that hold so many lines each. `counted`: they say so, as splitters have done since there are records
/// of several lines.
pub fn stream_of(
    file: &FileMeta,
    span: LineSpan,
    counts: &[u32],
    counted: bool,
    text: impl Fn(u64) -> (String, String),
) -> Bytes {
    let rows = counts.len();
    let first = |row: usize| span.first_line + counts[..row].iter().map(|count| u64::from(*count)).sum::<u64>();
    let lines: Vec<u64> = (0..rows).map(first).collect();
    let ids = FixedSizeBinaryArray::try_from_iter(lines.iter().map(|_| file.file_id.to_bytes())).unwrap();
    let parts: UInt32Array = (0..rows).map(|i| if i == 0 { span.first_part } else { 0 }).collect();
    let (texts, levels): (Vec<String>, Vec<String>) = lines.iter().map(|line| text(*line)).unzip();
    let constant = |value: &str| dictionary(vec![value.to_owned(); rows]);
    let mut fields = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for line in &lines {
        if line % 3 == 0 {
            fields.keys().append_value("thread");
            fields.values().append_value(format!("t{line}"));
        }
        fields.append(true).unwrap();
    }
    let utc = |array: TimestampMillisecondArray| Arc::new(array.with_timezone("UTC")) as ArrayRef;
    let file_time = utc(vec![file.modified_ms as i64; rows].into());
    let time = utc(lines.iter().map(|line| (line % 2 == 0).then_some(1_793_491_200_000 + *line as i64)).collect());
    let mut columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("file_id", Arc::new(ids), false),
        ("load", Arc::new(UInt32Array::from(vec![file.load.0; rows])), false),
        ("line", Arc::new(UInt64Array::from(lines)), false),
        ("part", Arc::new(parts), false),
        ("lines", Arc::new(UInt32Array::from(counts.to_vec())), false),
        ("cluster", constant(&file.cluster), false),
        ("path", constant(&file.path), false),
        ("app", constant(&file.app), false),
        ("channel", constant("a"), false),
        ("level", dictionary(levels), false),
        ("file_time", file_time, false),
        ("time", time, true),
        ("text", Arc::new(StringArray::from(texts)), false),
        ("fields", Arc::new(fields.finish()), false),
    ];
    columns.retain(|(name, ..)| counted || *name != "lines");
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, batch.schema_ref()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes.into()
}

pub fn span(first_line: u64, rows: u64) -> LineSpan {
    LineSpan { first_line, first_part: 0, rows }
}

/// A record of a rows topic.
pub fn record(file: &FileMeta, span: LineSpan, payload: Bytes) -> Record {
    WireChunk {
        file_id: file.file_id,
        load: file.load,
        seq: Seq(span.first_line),
        kind: Kind::Data,
        silent: false,
        plan: file.plan.version(),
        file: Some(Box::new(file.clone())),
        span: Some(span),
        header: None,
        notes: Vec::new(),
        packed: false,
        payload,
    }
    .encode()
}

/// Lines `first..first + rows` of a file: every line has its number as text, and one of a few levels.
pub fn lines(file: &FileMeta, first: u64, rows: u64) -> Record {
    let level = |line: u64| ["INFO", "WARN", "ERROR", "DEBUG"][((line + first) % 4) as usize].to_owned();
    let payload = stream(file, span(first, rows), |line| (format!("line {line}"), level(line)));
    record(file, span(first, rows), payload)
}

/// Rows of several lines, so many each, from line `first` on: each has its numbers as text.
pub fn records(file: &FileMeta, first: u64, counts: &[u32]) -> Record {
    let span = span(first, counts.iter().map(|count| u64::from(*count)).sum());
    let starts: BTreeMap<u64, u32> = counts
        .iter()
        .scan(first, |next, count| {
            let line = *next;
            *next += u64::from(*count);
            Some((line, *count))
        })
        .collect();
    let text = |line: u64| {
        let lines: Vec<String> = (line..line + u64::from(starts[&line])).map(|line| format!("line {line}")).collect();
        (lines.join("\n"), "ERROR".to_owned())
    };
    record(file, span, stream_of(file, span, counts, true, text))
}

/// The INSERT of these records, as the machine would ask for it.
pub fn insert(topic: &str, table: Table, from: i64, records: Vec<Record>) -> Insert {
    let partition = Partition::new(topic, 0);
    let to = Offset(from + records.len() as i64);
    let items = records
        .into_iter()
        .zip(from..)
        .map(|(record, offset)| {
            let offset = Offset(offset);
            let partition = partition.clone();
            Item::new(Incoming { partition, offset, timestamp_ms: 1_793_491_200_000, record }, table.content())
        })
        .collect();
    Insert { ticket: 0, partition, content: table.content(), from: Offset(from), to, cut: None, items }
}

/// How a test reaches a server.
pub fn settings(server: &ClickHouseAddress, database: &str) -> config::ClickHouse {
    config::ClickHouse {
        url: server.url.clone(),
        database: database.to_owned(),
        user: server.admin.user.clone(),
        password: Some(server.admin.password.clone()),
        ..config::ClickHouse::default()
    }
}

/// A migrated database of that name, emptied first.
pub async fn sink(server: &ClickHouseAddress, name: &str) -> Sink {
    let database = Database::new(&settings(server, name)).unwrap();
    migrate(&database).await.unwrap();
    for table in ["rows", "file_events", "rejects", "loads", "hidden", "reconciled"] {
        database.execute(&format!("TRUNCATE TABLE {table}")).await.unwrap();
    }
    let tables = [(ROWS, Table::Rows), (EVENTS, Table::FileEvents), (REJECTS, Table::Rejects)];
    let tables: BTreeMap<Arc<str>, Table> = tables.map(|(topic, table)| (topic.into(), table)).into();
    Sink { database, chain: name.into(), tables: tables.into() }
}

/// One number.
pub async fn number(sink: &Sink, sql: &str) -> u64 {
    #[derive(serde::Deserialize)]
    struct Row {
        n: u64,
    }
    let rows: Vec<Row> = sink.database.select(&format!("SELECT toUInt64(n) AS n FROM (SELECT {sql})")).await.unwrap();
    rows[0].n
}
