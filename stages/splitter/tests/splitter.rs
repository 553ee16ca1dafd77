//! Text, and the rows that come out.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, TimestampMillisecondType, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use bytes::Bytes;
use logmill_core::{
    Chunk, Event, FileId, FileMeta, LineSpan, Load, Out, Output, Plan, Progress, Reject, RejectReason, Seq, Stage,
};
use logmill_splitter::{Splitter, schema};
use proptest::prelude::*;
use std::sync::Arc;

const FILE_TIME: u64 = 1_795_000_000_123;

fn file() -> Arc<FileMeta> {
    Arc::new(FileMeta {
        load: Load(7),
        length: 9,
        modified_ms: FILE_TIME,
        app: "billing".into(),
        ..FileMeta::new(FileId(0x0102_0304), "north", "/logs/a b.log", Plan::default())
    })
}

fn chunk(text: impl Into<Bytes>, first_line: u64, first_part: u32) -> Chunk {
    let payload = text.into();
    let rows = payload.split_inclusive(|b| *b == b'\n').count() as u64;
    let span = Some(LineSpan { first_line, first_part, rows });
    Chunk { seq: Seq(3), payload, packed: false, span, channel: Some("c0".into()), header: None }
}

#[derive(Debug, PartialEq)]
struct Row {
    line: u64,
    part: u32,
    level: String,
    time: Option<i64>,
    text: String,
}

/// The rows of one stream; what is the same in all of them is checked here.
fn rows(stream: &[u8]) -> Vec<Row> {
    let batches: Vec<RecordBatch> =
        StreamReader::try_new(stream, None).expect("an Arrow stream").map(|b| b.expect("a batch")).collect();
    let [batch] = &batches[..] else { panic!("one batch a stream, not {}", batches.len()) };
    assert_eq!(*batch.schema(), schema());
    let word = |column: usize, row: usize| {
        let words = batch.column(column).as_dictionary::<Int8Type>();
        words.values().as_string::<i32>().value(words.key(row).unwrap()).to_owned()
    };
    let time = |column: usize| batch.column(column).as_primitive::<TimestampMillisecondType>();
    (0..batch.num_rows())
        .map(|i| {
            assert_eq!(batch.column(0).as_fixed_size_binary().value(i), 0x0102_0304_u128.to_be_bytes());
            assert_eq!(batch.column(1).as_primitive::<UInt32Type>().value(i), 7);
            assert_eq!([5, 6, 7, 8].map(|c| word(c, i)), ["north", "/logs/a b.log", "billing", "c0"]);
            assert_eq!(time(10).value(i), FILE_TIME as i64);
            assert!(batch.column(13).as_map().value(i).is_empty());
            Row {
                line: batch.column(2).as_primitive::<UInt64Type>().value(i),
                part: batch.column(3).as_primitive::<UInt32Type>().value(i),
                level: word(9, i),
                time: time(11).is_valid(i).then(|| time(11).value(i)),
                text: batch.column(12).as_string::<i32>().value(i).to_owned(),
            }
        })
        .collect()
}

struct Seen {
    streams: Vec<(Bytes, LineSpan)>,
    events: Vec<Event>,
}

/// With so small a budget that each stream fills the output.
fn split(mut chunk: Chunk) -> Result<Seen, Reject> {
    let stage = Splitter::new();
    let mut state = stage.open(&file());
    let mut out = Out::new(Splitter::NAME, 1);
    let (mut streams, mut events) = (Vec::new(), Vec::new());
    loop {
        let step = stage.process(&mut state, &mut chunk, &mut out);
        for output in out.drain() {
            match output {
                Output::Product(p) => {
                    assert_eq!(p.channel, None, "the channel it came by is the runner's to keep");
                    streams.push((p.payload, p.span.expect("rows know their lines")));
                }
                Output::Event(_, event) => events.push(event),
                Output::Reject(_, reject) => panic!("{reject:?}"),
                Output::Open(_) | Output::Close(_) => panic!("a chunk has no members"),
            }
        }
        if step? == Progress::Done {
            return Ok(Seen { streams, events });
        }
    }
}

fn texts(text: &'static str) -> Vec<String> {
    let seen = split(chunk(text, 1, 0)).expect("text");
    seen.streams.iter().flat_map(|(stream, _)| rows(stream)).map(|row| row.text).collect()
}

#[test]
fn a_line_is_a_row() {
    let text = "2026-11-22 10:00:00,123 INFO 开始\r\n\n\tat x.Y(Z.java:1)\nWARNING: last";
    let seen = split(chunk(text, 41, 0)).expect("text");
    let [(stream, span)] = &seen.streams[..] else { panic!("one stream") };
    assert_eq!(*span, LineSpan { first_line: 41, first_part: 0, rows: 4 });
    let row = |line, level: &str, time, text: &str| Row { line, part: 0, level: level.into(), time, text: text.into() };
    let expected = [
        row(41, "INFO", Some(1_795_341_600_123), "2026-11-22 10:00:00,123 INFO 开始"),
        row(42, "", None, ""),
        row(43, "", None, "\tat x.Y(Z.java:1)"),
        row(44, "WARNING", None, "WARNING: last"),
    ];
    assert_eq!(rows(stream), expected);
    let bytes = text.len() as u64;
    let channel = Some("c0".into());
    assert_eq!(seen.events, [Event::Passed { first_line: 41, first_part: 0, rows: 4, bytes, channel }]);
}

#[test]
fn parts_keep_their_line() {
    let seen = split(chunk("end of a long line\nnext\nbeginning of a long", 9, 3)).expect("text");
    let places: Vec<(u64, u32)> = rows(&seen.streams[0].0).iter().map(|r| (r.line, r.part)).collect();
    assert_eq!(places, [(9, 3), (10, 0), (11, 0)]);
}

#[test]
fn line_ends() {
    assert_eq!(texts("a\n"), ["a"]);
    assert_eq!(texts("a"), ["a"]);
    assert_eq!(texts("\n"), [""]);
    assert_eq!(texts("a\r\r\nb\r"), ["a\r", "b\r"]);
    assert_eq!(texts("\r\n\r\n"), ["", ""]);
    assert_eq!(texts("nul\0 and \u{2028}\n"), ["nul\0 and \u{2028}"]);
}

/// Kafka's clients refuse more in one message by default, headers included.
const MESSAGE_BYTES: usize = 1_000_000 - 40_000;

#[test]
fn streams_fit_in_messages() {
    let line = "2026-11-22 10:00:00,123 INFO a line of the usual length, as logs have them by the million\n";
    for text in [
        line.repeat((900 << 10) / line.len()),
        "\n".repeat(900 << 10),
        "x".repeat(900 << 10),
        format!("{}\n{}", "y".repeat(500 << 10), "z".repeat(399 << 10)),
    ] {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let seen = split(chunk(text, 1, 0)).expect("text");
        let mut next = 1;
        for (stream, span) in &seen.streams {
            assert!(stream.len() <= MESSAGE_BYTES, "{} bytes", stream.len());
            assert_eq!(span.first_line, next);
            next += span.rows;
            for (row, line) in rows(stream).iter().zip(span.first_line..) {
                assert_eq!((row.line, &row.text), (line, &lines[line as usize - 1]));
            }
        }
        assert_eq!(next, lines.len() as u64 + 1);
        assert_eq!(seen.events.len(), 1);
    }
}

#[test]
fn what_is_not_text_is_rejected() {
    let of = |chunk: Chunk| split(chunk).map(|_| ()).expect_err("not a chunk of text");
    let good = || chunk("one\ntwo\n", 1, 0);
    let span = |rows| Some(LineSpan { first_line: 1, first_part: 0, rows });
    for bad in [
        Chunk { payload: Bytes::from_static(b"\xff\n"), span: span(1), ..good() },
        Chunk { span: span(3), ..good() },
        Chunk { span: span(0), ..good() },
        Chunk { span: None, ..good() },
        Chunk { span: Some(LineSpan { first_line: u64::MAX, first_part: 0, rows: 2 }), ..good() },
    ] {
        let payload = bad.payload.clone();
        let reject = of(bad);
        assert_eq!((reject.reason, &reject.bytes), (RejectReason::Malformed, &payload), "{}", reject.detail);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_lines(text in "[ -~\r\n\t一-十]{1,300}", first_line in 1u64..1 << 60, first_part: u32) {
        let seen = split(chunk(text.clone(), first_line, first_part)).expect("text");
        let got: Vec<Row> = seen.streams.iter().flat_map(|(stream, _)| rows(stream)).collect();
        let want: Vec<&str> = text
            .split_inclusive('\n')
            .map(|l| l.strip_suffix('\n').map_or(l, |l| l.strip_suffix('\r').unwrap_or(l)))
            .collect();
        prop_assert_eq!(got.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(), want);
        prop_assert!(got.iter().map(|r| r.line).eq(first_line..first_line + got.len() as u64));
        prop_assert_eq!(got[0].part, first_part);
        prop_assert!(got[1..].iter().all(|r| r.part == 0));
    }

    #[test]
    fn nothing_panics(payload in proptest::collection::vec(any::<u8>(), 0..100), rows in 0u64..5) {
        let span = Some(LineSpan { first_line: 1, first_part: 0, rows });
        let _ = split(Chunk { payload: payload.into(), span, ..chunk("", 1, 0) });
    }
}
