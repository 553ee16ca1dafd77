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

fn file_by(plan: Plan) -> Arc<FileMeta> {
    Arc::new(FileMeta {
        load: Load(7),
        length: 9,
        modified_ms: FILE_TIME,
        app: "billing".into(),
        ..FileMeta::new(FileId(0x0102_0304), "north", "/logs/a b.log", plan)
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
    lines: u32,
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
                lines: batch.column(4).as_primitive::<UInt32Type>().value(i),
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
fn split(chunk: Chunk) -> Result<Seen, Reject> {
    split_by(Plan::default(), chunk)
}

fn split_by(plan: Plan, mut chunk: Chunk) -> Result<Seen, Reject> {
    let stage = Splitter::new();
    let mut state = stage.open(&file_by(plan));
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
    let row = |line, level: &str, time, text: &str| Row {
        line,
        part: 0,
        lines: 1,
        level: level.into(),
        time,
        text: text.into(),
    };
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
fn which_rows_share_a_stream_does_not_hang_on_the_channel() {
    let line = "2026-11-22 10:00:00,123 INFO a line of the usual length, as logs have them by the million\n";
    let spans = |channel: &str| {
        let mut chunk = chunk(line.repeat((900 << 10) / line.len()), 1, 0);
        chunk.channel = Some(channel.to_owned());
        split(chunk).expect("text").streams.iter().map(|(_, span)| *span).collect::<Vec<_>>()
    };
    for long in [1, 7, 8, 9, 100, 249] {
        assert_eq!(spans(&"c".repeat(long)), spans(""), "a name of {long} bytes");
    }
}

/// Records begin with a date; a row has at most so many bytes.
fn records(line_bytes: u32) -> Plan {
    Plan { record_start: Some(r"\d{4}-".into()), line_bytes, ..Plan::default() }
}

/// (line, part, lines, text) of all rows.
fn record_rows(plan: Plan, chunk: Chunk) -> Vec<(u64, u32, u32, String)> {
    let seen = split_by(plan, chunk).expect("text");
    let rows = seen.streams.iter().flat_map(|(stream, _)| rows(stream));
    rows.map(|row| (row.line, row.part, row.lines, row.text)).collect()
}

#[test]
fn the_lines_of_a_record_are_one_row() {
    let trace = "2026-11-22 10:00:00,123 ERROR [main] shop.Order: cannot be paid\n\
        java.lang.IllegalStateException: no card\n\
        \tat shop.Order.pay(Order.java:41)\n\
        \tat shop.Main.main(Main.java:7)\n\
        Caused by: java.io.IOException: WARN is no level of the row\n\
        \t... 2 more\n\
        2026-11-22 10:00:00,124 INFO [main] shop.Order: done\n";
    let seen = split_by(records(1000), chunk(trace, 41, 0)).expect("text");
    let [(stream, span)] = &seen.streams[..] else { panic!("one stream") };
    assert_eq!(*span, LineSpan { first_line: 41, first_part: 0, rows: 7 }, "a span counts lines");
    assert!(matches!(seen.events[..], [Event::Passed { first_line: 41, rows: 7, .. }]), "{:?}", seen.events);
    insta::assert_debug_snapshot!(rows(stream));
}

#[test]
fn records_of_all_shapes() {
    let row = |line, part, lines, text: &str| (line, part, lines, text.to_owned());
    let of = |text: &'static str| record_rows(records(20), chunk(text, 1, 0));
    assert_eq!(of("2026-a\r\n\tb\r\n\r\n2026-c"), [row(1, 0, 3, "2026-a\n\tb\n"), row(4, 0, 1, "2026-c")]);
    assert_eq!(of("b\nc\n2026-a"), [row(1, 0, 2, "b\nc"), row(3, 0, 1, "2026-a")], "no beginning");
    assert_eq!(of("\n\n\n"), [row(1, 0, 3, "\n\n")], "nothing but line ends");
    assert_eq!(of("2026-\n2026-\n"), [row(1, 0, 1, "2026-"), row(2, 0, 1, "2026-")]);
    assert_eq!(of("2026-a\nb\r"), [row(1, 0, 2, "2026-a\nb\r")], "the last line has no end");
    // Of 20 bytes at most: cut at a line end, and each piece has the place of its first line.
    assert_eq!(
        of("2026-0123\n012345678\n012345678\n2026-b\n"),
        [row(1, 0, 2, "2026-0123\n012345678"), row(3, 0, 1, "012345678"), row(4, 0, 1, "2026-b")]
    );
    // The rest of a long line, and what follows it.
    let rest = record_rows(records(20), chunk("2026-rest\nb\n2026-c\nbeginning of a long", 9, 3));
    assert_eq!(rest, [row(9, 3, 2, "2026-rest\nb"), row(11, 0, 1, "2026-c"), row(12, 0, 1, "beginning of a long")]);
    let part = record_rows(records(40), chunk("2026-c\nbeginning of a long", 12, 0));
    assert_eq!(part, [row(12, 0, 2, "2026-c\nbeginning of a long")], "a part within a record");
}

#[test]
fn records_fit_in_messages() {
    let line = "\tat shop.Order.pay(Order.java:41) ~[shop-1.2.jar:1.2]\n";
    let short = format!("2026-11-22 ERROR\n{}", line.repeat(30));
    for (text, line_bytes) in [
        (format!("2026-11-22 ERROR\n{}", line.repeat((899 << 10) / line.len())), 900 << 10),
        (format!("2026-11-22 ERROR\n{}", line.repeat((899 << 10) / line.len())), 256 << 10),
        (short.repeat((899 << 10) / short.len()), 256 << 10),
        ("\n".repeat(900 << 10), 256 << 10),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        let seen = split_by(records(line_bytes), chunk(text.clone(), 1, 0)).expect("text");
        let mut next = 1;
        for (stream, span) in &seen.streams {
            assert!(stream.len() <= MESSAGE_BYTES, "{} bytes", stream.len());
            assert_eq!(span.first_line, next);
            for row in rows(stream) {
                assert_eq!(row.line, next);
                next += u64::from(row.lines);
                assert!(row.text.len() <= line_bytes as usize);
                assert!(row.text.split('\n').eq(lines[row.line as usize - 1..next as usize - 1].iter().copied()));
            }
            assert_eq!(span.first_line + span.rows, next);
        }
        assert_eq!(next, lines.len() as u64 + 1);
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

#[test]
fn times_are_of_the_zone_of_the_plan() {
    let by = |zone: &str| {
        let plan = Plan { zone_name: Some(zone.to_owned()), ..Plan::default() };
        split_by(plan, chunk("2026-07-15 12:00:00 a\n2026-11-22 11:00:00 b\n2026-11-22 11:00:00 +0000 c\n", 1, 0))
    };
    let seen = by("Europe/Berlin").expect("text");
    let times: Vec<_> = seen.streams.iter().flat_map(|(stream, _)| rows(stream)).map(|row| row.time).collect();
    assert_eq!(times, [Some(1_784_109_600_000), Some(1_795_341_600_000), Some(1_795_345_200_000)]);
    let reject = by("Mars/Olympus").map(|_| ()).expect_err("no zone");
    assert_eq!(reject.detail, "times of the zone \"Mars/Olympus\", which this program does not know");
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

    /// Rows of several lines, taken apart again, are the lines; each begins where the pattern says, or where it is too long.
    #[test]
    fn records_are_the_lines_joined(text in "([ -~一]|2026-|\n|\n|\r\n){1,200}", line_bytes in 4u32..60, first_part: u32) {
        let got = record_rows(records(line_bytes), chunk(text.clone(), 5, first_part));
        let want: Vec<&str> = text
            .split_inclusive('\n')
            .map(|l| l.strip_suffix('\n').map_or(l, |l| l.strip_suffix('\r').unwrap_or(l)))
            .collect();
        let apart: Vec<&str> = got.iter().flat_map(|row| row.3.split('\n')).collect();
        prop_assert_eq!(apart, want);
        let mut next = 5;
        for (i, (line, part, lines, text)) in got.iter().enumerate() {
            prop_assert_eq!((*line, *part), (next, if i == 0 { first_part } else { 0 }));
            prop_assert_eq!(text.split('\n').count() as u32, *lines);
            prop_assert!(*lines == 1 || text.len() <= line_bytes as usize);
            prop_assert!(text.split('\n').skip(1).all(|line| !line.starts_with("2026-")));
            next += u64::from(*lines);
        }
    }

    #[test]
    fn nothing_panics(payload in proptest::collection::vec(any::<u8>(), 0..100), rows in 0u64..5) {
        let span = Some(LineSpan { first_line: 1, first_part: 0, rows });
        let _ = split(Chunk { payload: payload.into(), span, ..chunk("", 1, 0) });
    }
}
