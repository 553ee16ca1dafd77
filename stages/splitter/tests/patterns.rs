//! Rows by patterns: their times, levels and fields, however many streams they take.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, TimestampMillisecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use bytes::Bytes;
use logmill_core::{Chunk, FileId, FileMeta, Header, LineSpan, Out, Output, Plan, Progress, Seq, Stage};
use logmill_patterns::{Anchor, BuiltIn, Found, PatternSpec, Patterns, Zone};
use logmill_splitter::Splitter;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::sync::Arc;

/// 2026-11-22 12:00:00 UTC.
const FILE_TIME: u64 = 1_795_348_800_000;
/// The splitter closes a stream before it is larger, but for a row that is so alone.
const STREAM_BYTES: usize = 900 << 10;

#[derive(Debug, PartialEq)]
struct Row {
    line: u64,
    level: String,
    time: Option<i64>,
    text: String,
    fields: Vec<(String, String)>,
}

fn plan(patterns: &[BuiltIn]) -> Plan {
    Plan { patterns: patterns.iter().copied().map(PatternSpec::built_in).collect(), ..Plan::default() }
}

/// The streams of a chunk that begins with that line, under that header.
fn streams(plan: Plan, text: impl Into<Bytes>, first_line: u64, header: Option<&str>) -> Vec<Bytes> {
    let payload = text.into();
    let rows = payload.split_inclusive(|b| *b == b'\n').count() as u64;
    let span = Some(LineSpan { first_line, first_part: 0, rows });
    let (channel, header) = (Some("c0".into()), header.map(Arc::from));
    let mut chunk = Chunk { seq: Seq(0), payload, packed: false, span, channel, header };
    let file = Arc::new(FileMeta { modified_ms: FILE_TIME, ..FileMeta::new(FileId(1), "north", "/logs/a", plan) });
    let stage = Splitter::new();
    let mut state = stage.open(&file);
    let mut out = Out::new(Splitter::NAME, 1);
    let (mut streams, mut next) = (Vec::new(), first_line);
    loop {
        let step = stage.process(&mut state, &mut chunk, &mut out).expect("text");
        for output in out.drain() {
            if let Output::Product(product) = output {
                let span = product.span.expect("rows know their lines");
                assert_eq!(span.first_line, next, "streams follow each other");
                next += span.rows;
                streams.push(product.payload);
            }
        }
        if step == Progress::Done {
            assert_eq!(next, first_line + rows, "every line is in a stream");
            return streams;
        }
    }
}

fn rows_of(stream: &[u8]) -> Vec<Row> {
    let batches: Vec<RecordBatch> =
        StreamReader::try_new(stream, None).expect("an Arrow stream").map(|b| b.expect("a batch")).collect();
    let [batch] = &batches[..] else { panic!("one batch a stream, not {}", batches.len()) };
    let levels = batch.column(9).as_dictionary::<Int8Type>();
    let times = batch.column(11).as_primitive::<TimestampMillisecondType>();
    let row = |i: usize| {
        let entries = batch.column(13).as_map().value(i);
        let [names, values] = [0, 1].map(|column| entries.column(column).as_string::<i32>().clone());
        Row {
            line: batch.column(2).as_primitive::<UInt64Type>().value(i),
            level: levels.values().as_string::<i32>().value(levels.key(i).unwrap()).to_owned(),
            time: times.is_valid(i).then(|| times.value(i)),
            text: batch.column(12).as_string::<i32>().value(i).to_owned(),
            fields: (0..names.len()).map(|j| (names.value(j).to_owned(), values.value(j).to_owned())).collect(),
        }
    };
    (0..batch.num_rows()).map(row).collect()
}

fn rows(plan: Plan, text: impl Into<Bytes>, first_line: u64, header: Option<&str>) -> Vec<Row> {
    streams(plan, text, first_line, header).iter().flat_map(|stream| rows_of(stream)).collect()
}

/// Rows as people read them.
fn shown(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { line, level, time, text: of_row, fields } in rows {
        let time = time.map_or("-".to_owned(), |ms| ms.to_string());
        writeln!(text, "{line} {time} {level:?} {of_row:?}").expect("to memory");
        fields.iter().for_each(|(name, value)| writeln!(text, "    {name} = {value:?}").expect("to memory"));
    }
    text
}

#[test]
fn the_first_pattern_that_matches_says_what_is_in_a_row() {
    let mut plan = plan(&[BuiltIn::Nginx, BuiltIn::Json]);
    plan.patterns.push(PatternSpec::own("orders", r"(?<time>\S+) (?<level>\w+) order (?<order>\d+): (?<message>.*)"));
    let text = "10.0.0.1 - jane [22/Nov/2026:10:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 17 \"-\" \"curl/8\"\n\
        {\"time\":\"2026-11-22T10:00:00Z\",\"level\":\"notice\",\"msg\":\"a \\\"b\\\"\",\"http\":{\"status\":404}}\r\n\
        2026-11-22T10:00:00.5Z ERROR order 17: lost\n\
        2026-11-22 10:00:00,123 WARN nothing that a pattern knows\n\
        \n\
        10.0.0.1 - - [22/Nov/2026:25:00:00 +0000] INFO\n";
    insta::assert_snapshot!("patterns", shown(&rows(plan, text, 1, None)));
}

#[test]
fn the_columns_of_csv_are_those_of_its_first_line_in_every_chunk() {
    let plan = Plan { header: Some(Header::Csv), ..plan(&[BuiltIn::Csv]) };
    let header = "time,level,user,sum";
    let line = "2026-11-22 10:00:00,INFO,\"Jane, \"\"J\"\"\",1.5\r\n";
    let first = rows(plan.clone(), format!("{header}\r\n{line}a,b\n"), 1, None);
    let later = rows(plan.clone(), format!("{line}{header}\n"), 10, Some(header));
    assert_eq!(first[1].fields, later[0].fields);
    insta::assert_snapshot!("csv", shown(&first) + &shown(&later));
    // Nor is it asked for where the chunk does not have it: one that was too long.
    assert!(rows(plan, line, 10, None)[0].fields.is_empty());
}

#[test]
fn a_directive_holds_from_its_row_on() {
    let plan = Plan { header: Some(Header::W3c), ..plan(&[BuiltIn::W3c]) };
    let text = "10:00:00 GET\n#Fields: cs-method time\nGET 10:00:00\n 1\n#Fields: c-ip sc-status\n::1 200\n";
    let rows = rows(plan.clone(), text, 7, Some("#Fields: time cs-method"));
    insta::assert_snapshot!("w3c", shown(&rows));
    // One that is too long ends the one before it.
    let long = format!("10:00:00 GET\n#Fields: time {}\n10:00:00 GET\n", "x".repeat(Header::BYTES));
    let rows = self::rows(plan, long, 7, Some("#Fields: time cs-method"));
    assert_eq!(rows.iter().map(|row| row.fields.len()).collect::<Vec<_>>(), [2, 0, 0]);
}

#[test]
fn the_lines_of_a_record_are_read_as_one() {
    let plan = Plan { record_start: Some(r"\{|2".into()), ..plan(&[BuiltIn::Json, BuiltIn::Log4j]) };
    let text = "{\r\n \"a\": 1,\r\n \"b\": \"x\"\r\n}\r\n2026-11-22 10:00:00,123 [main] ERROR a.B - x\r\n\tat y\r\n";
    insta::assert_snapshot!("records", shown(&rows(plan, text, 1, None)));
}

#[test]
fn streams_stay_small_whatever_the_fields_take() {
    // A value of two bytes under a name of 250: of a chunk come many times as many bytes.
    let header: Vec<String> = (0..400).map(|i| format!("{i:0>250}")).collect();
    let header = header.join(",");
    let line = format!("{}1\n", "1,".repeat(399));
    let plan = Plan { line_bytes: 900 << 10, header: Some(Header::Csv), ..plan(&[BuiltIn::Csv]) };
    // It has more bytes than a chunk carries; here it does not matter.
    let text = line.repeat(40);
    let streams = streams(plan, text, 2, Some(&header));
    let rows: Vec<Row> = streams.iter().flat_map(|stream| rows_of(stream)).collect();
    assert!(rows.len() == 40 && rows.iter().all(|row| row.fields.len() == 400), "every row has its fields");
    assert!(streams.len() > 4 && streams.iter().all(|stream| stream.len() <= STREAM_BYTES + (4 << 10)));
}

#[test]
fn a_row_that_does_not_fit_with_its_fields_keeps_its_text() {
    let large = format!("{{\"level\":\"ERROR\",\"a\":\"{}\"}}", "x".repeat(500 << 10));
    let small = "{\"a\":\"b\"}";
    let plan = Plan { line_bytes: 900 << 10, ..plan(&[BuiltIn::Json]) };
    let rows = rows(plan, format!("{small}\n{large}\n{small}\n"), 1, None);
    let seen: Vec<(usize, usize, &str)> =
        rows.iter().map(|row| (row.text.len(), row.fields.len(), row.level.as_str())).collect();
    assert_eq!(seen, [(small.len(), 1, ""), (large.len(), 0, "ERROR"), (small.len(), 1, "")]);
}

#[test]
fn patterns_that_match_nothing_change_nothing() {
    let text = "2026-11-22 10:00:00,123 INFO a\n\nx\nERROR y\n".repeat(100);
    let (bare, tried) = (plan(&[]), plan(&[BuiltIn::Json, BuiltIn::Windows]));
    assert_eq!(streams(bare, text.clone(), 1, None), streams(tried, text, 1, None));
}

/// Pieces of lines that patterns know, and of others.
fn line() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{\"a\":1,\"b\":\"c\\n\"}",
        "{\"message\":\"m\",\"level\":\"info\"}",
        "10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 17 \"-\" \"-\"",
        "2026-11-22 10:00:00,123 [main] INFO a.B - x",
        "a,b,c",
        "1,\"2,\"\"\",3",
        "#Fields: time cs-method",
        "10:00:00 GET",
        "é",
        "key=value other=\"x y\"",
        "\r",
        " ",
        "",
    ]);
    prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// A row is what a reader finds in its text under the header in force: nothing hangs on the rows before it.
    #[test]
    fn rows_are_what_a_reader_finds(
        lines in prop::collection::vec(line(), 1..40),
        header in prop::sample::select(vec![None, Some(Header::Csv), Some(Header::W3c)]),
        first_line in 1..3_u64,
        carried in prop::sample::select(vec![None, Some("x,y,z"), Some("#Fields: cs-method time")]),
    ) {
        let specs = PatternSpec::all();
        let plan = Plan { patterns: specs.clone(), header, ..Plan::default() };
        let text = lines.join("\n") + "\n";
        let patterns = Patterns::compile(&specs).expect("valid patterns");
        let mut in_force = carried.map(str::to_owned);
        let mut found = Found::new();
        for (i, row) in rows(plan, text.clone(), first_line, carried).into_iter().enumerate() {
            if header.is_some_and(|header| header.is(row.text.as_bytes(), first_line == 1 && i == 0)) {
                in_force = Some(row.text.clone());
            }
            let header = in_force.as_deref().map(str::as_bytes);
            let mut reader = patterns.reader(&Anchor { modified_ms: FILE_TIME as i64, zone: Zone::UTC, header });
            let is_read = reader.read(row.text.as_bytes(), &mut found);
            let expected: Vec<(String, String)> = reader
                .fields(&found, row.text.as_bytes())
                .enumerate()
                .filter(|(i, _)| found.message() != Some(*i))
                .map(|(_, field)| [field.name, field.value].map(|text| String::from_utf8(text.to_vec()).expect("text")))
                .map(|[name, value]| (name, value))
                .collect();
            prop_assert_eq!(&row.fields, &expected, "{:?}", row.text);
            if is_read {
                prop_assert_eq!((row.time, &*row.level), (found.time, found.level.name()));
            }
        }
    }
}
