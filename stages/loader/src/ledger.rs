//! The bodies of INSERTs of file events and of dead letters: each record becomes one row, whose identity is the record's
//! place in Kafka.

use crate::body::{Body, Prepared};
use crate::ipc::Stream;
use crate::table::Columns;
use logmill_clickhouse::origins_sql;
use logmill_core::event::LedgerRecord;
use logmill_core::wire::{Record, header};
use logmill_core::{Event, FileMeta, Offset, Outcome, Reject, RejectReason};
use logmill_protocol::Incoming;
use logmill_protocol::load::Insert;

/// Events as rows; what is no event is rejected.
pub(crate) fn prepare_events(insert: &Insert) -> Prepared {
    let mut columns = Columns::new();
    let mut rejected = Vec::new();
    for item in &insert.items {
        match serde_json::from_slice::<LedgerRecord>(&item.incoming.record.payload) {
            Ok(record) => event(&mut columns, &item.incoming, &record),
            Err(e) => {
                let reject = Reject::new(RejectReason::Malformed, format!("not an event: {e}"))
                    .carrying(&item.incoming.record.payload);
                rejected.push((item.incoming.offset, reject));
            }
        }
    }
    Prepared { bodies: body("file_events", insert, columns), rejected, row: None }
}

/// Dead letters as rows. Anything is one: what a header does not say stays empty.
pub(crate) fn prepare_rejects(insert: &Insert) -> Prepared {
    let mut columns = Columns::new();
    for item in &insert.items {
        reject(&mut columns, &item.incoming);
    }
    Prepared { bodies: body("rejects", insert, columns), rejected: Vec::new(), row: None }
}

fn body(table: &str, insert: &Insert, columns: Columns) -> Vec<Body> {
    if columns.is_empty() {
        return Vec::new();
    }
    let (from, to) = insert.cut.map_or((insert.from, insert.to), |cut| (cut.from, cut.to));
    let (Offset(from), Offset(to)) = (from, to);
    let partition = &insert.partition;
    let sql = origins_sql(table, &columns.types(), &partition.topic, partition.index, from, to);
    let stream: Stream = columns.stream();
    let end = bytes::Bytes::from_static(&crate::ipc::END);
    vec![Body { holder: 0, sql, pieces: vec![stream.schema, stream.batches, end] }]
}

fn origin(columns: &mut Columns, incoming: &Incoming) {
    columns.text("topic", &incoming.partition.topic);
    columns.i32("partition", incoming.partition.index);
    columns.i64("offset", incoming.offset.0);
}

fn event(columns: &mut Columns, incoming: &Incoming, record: &LedgerRecord) {
    origin(columns, incoming);
    columns.id("file_id", record.file_id);
    columns.u32("load", record.load.0);
    columns.text("cluster", &record.cluster);
    columns.text("path", &record.path);
    columns.text("app", &record.app);
    columns.id("archive", record.archive.unwrap_or_default());
    columns.u64("length", record.length);
    columns.time("modified", record.modified_ms);
    columns.text("stage", &record.stage);
    columns.time("at", record.at_ms);
    let flat = Flat::of(&record.event);
    columns.text("event", flat.event);
    columns.text("outcome", flat.outcome);
    columns.u64("bytes_in", flat.bytes_in);
    columns.u64("bytes_out", flat.bytes_out);
    columns.u64("lines", flat.lines);
    columns.u64("rows", flat.rows);
    columns.u64("malformed", flat.malformed);
    columns.text("crc32", flat.crc32);
    columns.text("found", flat.found);
    columns.text("evidence", flat.evidence);
    columns.text("quarantine", flat.quarantine);
    columns.u64("first_line", flat.first_line);
    columns.u32("first_part", flat.first_part);
    columns.text("channel", flat.channel);
    columns.u64("at_byte", flat.at_byte);
}

/// All kinds of events in one row: what a kind does not have is 0 or empty.
#[derive(Default)]
struct Flat<'a> {
    event: &'static str,
    outcome: &'static str,
    bytes_in: u64,
    bytes_out: u64,
    lines: u64,
    rows: u64,
    malformed: u64,
    crc32: &'a str,
    found: &'a str,
    evidence: &'a str,
    quarantine: &'a str,
    first_line: u64,
    first_part: u32,
    channel: &'a str,
    at_byte: u64,
}

impl<'a> Flat<'a> {
    fn of(event: &'a Event) -> Self {
        fn or_empty(text: &Option<String>) -> &str {
            text.as_deref().unwrap_or_default()
        }
        match event {
            Event::Closed {
                outcome,
                bytes_in,
                bytes_out,
                lines,
                rows,
                malformed,
                crc32,
                found,
                evidence,
                quarantine,
            } => Self {
                event: "closed",
                outcome: match outcome {
                    Outcome::Complete => "complete",
                    Outcome::Partial => "partial",
                },
                bytes_in: *bytes_in,
                bytes_out: *bytes_out,
                lines: *lines,
                rows: *rows,
                malformed: *malformed,
                crc32: or_empty(crc32),
                found: or_empty(found),
                evidence: or_empty(evidence),
                quarantine: or_empty(quarantine),
                ..Self::default()
            },
            Event::Passed { first_line, first_part, rows, bytes, channel } => Self {
                event: "passed",
                first_line: *first_line,
                first_part: *first_part,
                rows: *rows,
                bytes_in: *bytes,
                channel: or_empty(channel),
                ..Self::default()
            },
            Event::Opened => Self { event: "opened", ..Self::default() },
            Event::Parked { at } => Self { event: "parked", at_byte: *at, ..Self::default() },
            Event::Resumed { at } => Self { event: "resumed", at_byte: *at, ..Self::default() },
        }
    }
}

/// Whether a batch of events has the end of a load in it: the last that is told of a file as a whole.
pub(crate) fn has_closed(insert: &Insert) -> bool {
    let closed = |payload: &[u8]| {
        serde_json::from_slice::<LedgerRecord>(payload)
            .is_ok_and(|record| matches!(record.event, Event::Closed { .. }) && record.stage == "reencoder")
    };
    insert.items.iter().any(|item| closed(&item.incoming.record.payload))
}

fn reject(columns: &mut Columns, incoming: &Incoming) {
    let record = &incoming.record;
    let text = |name| record.header(name).map(|v| String::from_utf8_lossy(v).into_owned()).unwrap_or_default();
    let number = |name| text(name).parse::<u64>().ok();
    let file: Option<FileMeta> = record.header(header::FILE).and_then(|json| serde_json::from_slice(json).ok());
    origin(columns, incoming);
    columns.time("at", incoming.timestamp_ms.max(0).unsigned_abs());
    columns.text("stage", &text(header::STAGE));
    columns.text("reason", &text(header::REASON));
    columns.text("detail", &text(header::DETAIL));
    columns.text("origin", &text(header::ORIGIN));
    columns.id("file_id", file_id(record, file.as_ref()));
    columns.u32("load", text(header::LOAD).parse().ok().or(file.as_ref().map(|f| f.load.0)).unwrap_or_default());
    let of_file = |header: &str, field: fn(&FileMeta) -> &str| match &file {
        Some(file) => field(file).to_owned(),
        None if header.is_empty() => String::new(),
        None => record.header(header).map(|v| String::from_utf8_lossy(v).into_owned()).unwrap_or_default(),
    };
    columns.text("cluster", &of_file(header::CLUSTER, |f| &f.cluster));
    columns.text("path", &of_file(header::PATH, |f| &f.path));
    columns.text("app", &of_file("", |f| &f.app));
    columns.optional("at_byte", number(header::AT_BYTE));
    columns.optional("first_line", number(header::LINE));
    columns.u32("first_part", text(header::PART).parse().unwrap_or_default());
    columns.u64("rows", number(header::ROWS).unwrap_or_default());
    columns.bytes("bytes", &record.payload);
}

fn file_id(record: &Record, file: Option<&FileMeta>) -> logmill_core::FileId {
    record.file_id().ok().or(file.map(|f| f.file_id)).unwrap_or_default()
}
