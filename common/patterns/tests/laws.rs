//! What holds for every record, whatever is in it.

use logmill_patterns::{
    Anchor, BuiltIn, FieldType, Found, LONGEST_NAME, Level, MOST_FIELDS, PatternSpec, Patterns, Reader, Zone,
};
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// All built-in ones, one of one's own before them and one behind.
fn specs() -> Vec<PatternSpec> {
    let mut specs = PatternSpec::all();
    let mut own = PatternSpec::own("own", r"(?<level>[A-Z]+) (?<time>[\d.: ]+) (?<who>\w*)[^|]*\|(?<message>.*)");
    own.time_format = Some("%d.%m. %H:%M:%S".into());
    own.types = [("who".to_owned(), FieldType::Int)].into();
    specs.insert(0, own);
    specs.push(PatternSpec::own("words", r"(?<first>\w+) (?<second>\w+)"));
    specs
}

fn reader(header: &[u8]) -> Reader {
    static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::compile(&specs()).expect("valid patterns"));
    let zone = Zone::named("Europe/Berlin").expect("it is in the database");
    PATTERNS.reader(&Anchor { modified_ms: 1_795_348_800_000, zone, header: Some(header) })
}

/// Real beginnings, so that what is made of them gets far.
const PIECES: [&str; 46] = [
    "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 2326",
    " \"-\" \"curl\"",
    "2026/11/22 10:00:00 [error] 17#18: *5 open(), client: ::1, server: _, request: \"",
    "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4] ",
    "[client 72.15.99.187:51234] AH00128: x, referer: ",
    "<34>Oct 11 22:14:15 host su[7]: x",
    "<165>1 2003-10-11T22:14:15.003Z host p - ID47 [id a=\"",
    "\\\"]\" b=\"2\"] x",
    "2026-11-22T10:00:00.222Z  INFO 11 --- [app] [   main] a.b.C       : x",
    "2026-11-22 10:00:00,123 INFO [main] a.B - x",
    "2026-11-22 10:00:00,123 [myid:1] - INFO  [a:b[1]:c.D@7] - x",
    "[2026-11-22 10:00:00,123] INFO x (a.B)",
    "2026-10-25 02:30:00,123 CEST INFO [main] a.B - x",
    "2026-10-25 02:30:00 CET",
    "2026-03-29 02:30:00.5 +0100 x",
    "{\"time\":\"Sun, 22 Nov 2026 10:00:00 +0800\"}",
    "2026.11.22 10:00:00.123456 [ 7 ] {q} <Information> a.B: x",
    "26/11/22 10:00:00 WARN FSNamesystem.audit: a=b\tip=/1.2.3.4",
    "[2026-11-22T10:00:00.123+0000][info][gc] GC(0) x 1.5ms",
    "{\"a\":{\"b\":\"c\\u00e9\\n\"},\"time\":1795341600,\"level\":\"err\"",
    ",\"msg\":\"\\ud83d\\ude00\",\"d\":[1,{}]}",
    "time=2026-11-22T10:00:00Z level=info msg=\"a \\\"b\\\"\"",
    "2026-11-22 10:00:00 10.0.0.9 GET",
    "<Event xmlns='x'><System><Level>2</Level><TimeCreated SystemTime='2026-11-22T10:00:00Z'/></System>",
    "<EventData><Data Name='a&amp;b'>x&lt;<![CDATA[y]]></Data></EventData></Event>",
    "INFO 22.11. 10:00:00 7 |x",
    "a,\"b \"\"c\"\" d\",,e",
    " ",
    "\n",
    "\t",
    "\"",
    "\\",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "=",
    ":",
    ",",
    "-",
    "é",
    "日志",
    "0",
    "\u{feff}",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => "\\PC{0,8}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (text(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)).prop_map(
        |(mut text, changes)| {
            for (at, byte) in changes {
                if !text.is_empty() {
                    let at = at.index(text.len());
                    text[at] = byte;
                }
            }
            text
        },
    );
    prop_oneof![3 => mutated, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"time,\"le\"\"vel\",b,c".to_vec()),
        Just(b"#Fields: date time s-ip cs-method".to_vec()),
        Just(b"a\tb".to_vec()),
        bytes(),
    ]
}

type Seen = (Option<(String, Option<i64>, Level)>, Vec<(Vec<u8>, Vec<u8>, FieldType)>);

fn seen(reader: &mut Reader, found: &mut Found, record: &[u8]) -> Seen {
    let is_read = reader.read(record, found);
    let head = is_read.then(|| (reader.pattern(found).1.to_owned(), found.time, found.level));
    let fields = reader.fields(found, record).map(|f| (f.name.to_vec(), f.value.to_vec(), f.kind)).collect();
    (head, fields)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is found depends on the record alone, not on those before it.
    #[test]
    fn records_are_read_each_by_itself(header in header(), records in prop::collection::vec(bytes(), 1..8)) {
        let (mut used, mut found) = (reader(&header), Found::new());
        for record in &records {
            let again = seen(&mut used, &mut found, record);
            prop_assert_eq!(again, seen(&mut reader(&header), &mut Found::new(), record));
        }
    }

    /// The first that matches of all that are tried, whatever its first byte promised.
    #[test]
    fn explaining_agrees(header in header(), record in bytes()) {
        let (mut reader, mut found) = (reader(&header), Found::new());
        let is_read = reader.read(&record, &mut found);
        let form = is_read.then(|| reader.pattern(&found).1.to_owned());
        let verdicts = reader.explain(&record);
        let first = verdicts.iter().find(|verdict| verdict.lost.is_none()).map(|verdict| verdict.form.clone());
        prop_assert_eq!(form, first);
        for why in verdicts.iter().filter_map(|verdict| verdict.lost.as_ref()) {
            prop_assert!(why.at <= record.len(), "{}", why);
        }
    }

    /// Of text, names and values are text, and no value is empty; together they are no longer than the record and a few words.
    #[test]
    fn fields_are_bounded(header in text(), record in text()) {
        let (mut reader, mut found) = (reader(&header), Found::new());
        let is_read = reader.read(&record, &mut found);
        prop_assert!(is_read || (found.is_empty() && found.time.is_none() && found.level == Level::None));
        prop_assert!(found.len() <= MOST_FIELDS);
        let mut values = 0;
        for field in reader.fields(&found, &record) {
            prop_assert!(std::str::from_utf8(field.name).is_ok() && std::str::from_utf8(field.value).is_ok());
            prop_assert!(field.name.len() <= LONGEST_NAME.max(header.len()));
            prop_assert!(!field.value.is_empty(), "{}", String::from_utf8_lossy(field.name));
            values += field.value.len();
        }
        // The words of a priority; what an audit says is in its message too.
        prop_assert!(values <= 2 * record.len() + 16, "{} of {}", values, record.len());
    }
}

/// A mebibyte of whatever is worst for a scanner takes no longer than a few passes over it.
#[test]
fn no_record_takes_long() {
    const SIZE: usize = 1 << 20;
    let repeated = |start: &str, piece: &str, end: &str| {
        let mut text = start.as_bytes().to_vec();
        while text.len() < SIZE {
            text.extend_from_slice(piece.as_bytes());
        }
        text.extend_from_slice(end.as_bytes());
        text
    };
    let mut records = Vec::new();
    for start in PIECES {
        for piece in [
            "a", " ", "\"", "\\", "[", "]", "{", "(", "\\\"", ", x: \"", "] ", "=\"", "a=b ", "a=\"b\" ", "\n",
            " (a.B)\n", ",",
        ] {
            records.push(repeated(start, piece, ""));
        }
    }
    for (start, piece, end) in [
        ("{", "\"a\":{", ""),
        ("{\"a\":1", ",\"b\":{}", "}"),
        ("{\"a\":{\"b\":{\"c\":1", ",\"b\":\"\"", "}}}"),
        ("{\"a\":", "[", ""),
        ("{\"a\":1", ",\"b\":2", "}"),
        ("{\"a\":{\"b\":{\"c\":1", ",\"b\":{\"a\":{}}", "}}}"),
        ("{\"a\":\"", "\\u00e9", "\"}"),
        ("<Event><EventData><Data>", "a<![CDATA[b]]>", "</Data></EventData></Event>"),
        ("<Event><EventData><Data>", "&amp;<!---->", "</Data></EventData></Event>"),
        ("<Event><EventData>", "<Data Name='a'>b</Data>", "</EventData></Event>"),
        ("<Event>", "<a>", ""),
        ("<Event ", "a='&'", ""),
        ("<14>1 - - - - - ", "[a b=\"c\"]", ""),
        ("<14>1 - - - - - [a", " b=\"\\\"\"", "]"),
        ("<14>1 - - - - - [a", " b=\"\"", "]"),
        ("2026/11/22 10:00:00 [error] 17#18: x", ", client: \"", ""),
        ("2026/11/22 10:00:00 [error] 17#18: x", ", client: \"a\"", ""),
        ("[2026-11-22 10:00:00,123] INFO x", "\n(", ""),
        ("10:00:00.123 [main] INFO a.B -", "a=\"b\" ", "- x"),
    ] {
        records.push(repeated(start, piece, end));
    }
    let mut reader = reader(b"time,level,a,b");
    let mut found = Found::new();
    for record in records {
        let start = Instant::now();
        reader.read(&record, &mut found);
        // Twenty patterns of a few passes; quadratic time would be minutes.
        let took = start.elapsed();
        let beginning = String::from_utf8_lossy(&record[..60]).into_owned();
        assert!(took < Duration::from_secs(2), "{took:?} for {beginning:?}");
        let bytes: usize = reader.fields(&found, &record).map(|field| field.name.len() + field.value.len()).sum();
        assert!(bytes <= 2 * record.len() + MOST_FIELDS * LONGEST_NAME, "{bytes} bytes of {beginning:?}");
    }
}

/// Whether a time names its zone decides what time it is, not which pattern matches.
#[test]
fn a_zone_changes_no_pattern() {
    let mut reader = Patterns::compile(&PatternSpec::all()).expect("valid patterns").reader(&Anchor::default());
    let mut found = Found::new();
    let mut of = |record: &str| {
        assert!(reader.read(record.as_bytes(), &mut found), "{record}");
        (found.time.expect(record), reader.pattern(&found).0.to_owned())
    };
    for rest in ["INFO [main] a.b.C - m", "[main] INFO a.b.C - m", "INFO Billing:117 - m", "INFO m"] {
        let (time, pattern) = of(&format!("2026-11-22 10:00:00,123 {rest}"));
        for (zone, east_ms) in [("+0800", 28_800_000), ("-05:00", -18_000_000), ("Z", 0), ("UTC", 0)] {
            let record = format!("2026-11-22 10:00:00,123 {zone} {rest}");
            assert_eq!(of(&record), (time - east_ms, pattern.clone()), "{record}");
        }
    }
}

/// The order of the specs decides where several match.
#[test]
fn the_first_that_matches_has_the_record() {
    let combined = br#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 "-" "curl""#;
    let of = |specs: &[BuiltIn]| {
        let specs: Vec<PatternSpec> = specs.iter().copied().map(PatternSpec::built_in).collect();
        let mut reader = Patterns::compile(&specs).expect("valid patterns").reader(&Anchor::default());
        let mut found = Found::new();
        reader.read(combined, &mut found).then(|| reader.pattern(&found).0.to_owned())
    };
    assert_eq!(of(&[BuiltIn::Nginx, BuiltIn::Apache]).as_deref(), Some("nginx"));
    assert_eq!(of(&[BuiltIn::Apache, BuiltIn::Nginx]).as_deref(), Some("apache"));
    assert_eq!(of(&[BuiltIn::Kafka]), None);
    assert_eq!(of(&[]), None);
}
