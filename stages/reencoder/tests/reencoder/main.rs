//! Files of many encodings and shapes, and the text that comes out.

mod encodings;
mod foreign;

use bytes::Bytes;
use encoding_rs::{GB18030, SHIFT_JIS};
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, LineSpan, Outcome, Output, Plan, Stage};
use logmill_reencoder::Reencoder;
use proptest::prelude::*;
use std::sync::Arc;

fn file(plan: Plan) -> Arc<FileMeta> {
    Arc::new(FileMeta::new(FileId(1), "a", "/logs/app.log", plan))
}

#[derive(Debug, PartialEq)]
struct Seen {
    chunks: Vec<(Bytes, LineSpan)>,
    /// The event: every file has one.
    closed: Option<Event>,
}

struct Closed {
    lines: u64,
    rows: u64,
    malformed: u64,
    found: String,
    evidence: String,
    quarantine: Option<String>,
}

impl Seen {
    fn text(&self) -> String {
        String::from_utf8(self.chunks.iter().flat_map(|c| c.0.to_vec()).collect()).expect("text is UTF-8")
    }

    fn closed(&self) -> Closed {
        let Some(Event::Closed { lines, rows, malformed, found, evidence, quarantine, .. }) = self.closed.clone()
        else {
            panic!("every file is closed with an event")
        };
        Closed { lines, rows, malformed, found: found.unwrap(), evidence: evidence.unwrap(), quarantine }
    }
}

fn run_pieces<'a>(plan: Plan, pieces: impl IntoIterator<Item = &'a [u8]>, end: Option<End>) -> Seen {
    let (mut chunks, mut closed) = (Vec::new(), None);
    let mut see = |output| match output {
        Output::Product(p) => chunks.push((p.payload, p.span.expect("text knows its lines"))),
        Output::Reject(_, reject) => panic!("{reject:?}"),
        Output::Open(_) | Output::Close(_) => panic!("text has no members"),
        Output::Event(stage, event) => {
            assert_eq!(stage, Reencoder::NAME);
            closed = Some(event);
        }
    };
    let mut run = Run::new(&Reencoder, &file(plan));
    for piece in pieces {
        run.push(Bytes::copy_from_slice(piece), &mut see);
    }
    if let Some(end) = end {
        assert_eq!(run.end(end, &mut see), end.outcome());
    }
    Seen { chunks, closed }
}

fn run(input: &[u8]) -> Seen {
    run_pieces(Plan::default(), [input], Some(End::Complete))
}

/// Small sizes, so that a few words make many chunks.
fn small(text_bytes: u32, line_bytes: u32) -> Plan {
    Plan { text_bytes, line_bytes, plain_bytes: 64, ..Plan::default() }
}

#[track_caller]
fn check(input: &[u8], text: &str, encoding: &str) -> Closed {
    let seen = run(input);
    let closed = seen.closed();
    assert_eq!(seen.text(), text, "{}", closed.evidence);
    assert_eq!(closed.found, encoding, "{}", closed.evidence);
    closed
}

const CHINESE: &str = "2026-11-22 10:00:00 INFO 作业已提交到集群，等待资源分配完成后开始运行\n";

#[test]
fn encodings() {
    let text = format!("plain first line\n{}", CHINESE.repeat(40));
    check(text.as_bytes(), &text, "utf-8");
    check(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), &text, "utf-8");
    check(&GB18030.encode(&text).0, &text, "gb18030");
    check(
        &SHIFT_JIS.encode("開始しました。処理を実行しています。\n").0,
        "開始しました。処理を実行しています。\n",
        "shift_jis",
    );
    let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    check(&utf16(u16::to_le_bytes), &text, "utf-16le");
    check(&utf16(u16::to_be_bytes), &text, "utf-16be");
    check(&[b"\xff\xfe", &utf16(u16::to_le_bytes)[..]].concat(), &text, "utf-16le");
    check(&[b"\xfe\xff", &utf16(u16::to_be_bytes)[..]].concat(), &text, "utf-16be");
    check(b"\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n", "utf-8");
    check(b"x\n\x1b$B4A;z\x1b(B\n", "x\n漢字\n", "iso-2022-jp");
}

#[test]
fn a_mark_of_gb18030_is_dropped() {
    for text in ["plain\n".to_owned(), "短\n".to_owned(), CHINESE.repeat(40)] {
        let marked = GB18030.encode(&format!("\u{feff}{text}")).0.into_owned();
        assert!(marked.starts_with(b"\x84\x31\x95\x33"));
        assert_eq!(check(&marked, &text, "gb18030").evidence, "byte order mark");
        for encoding in ["gb18030", "gbk"] {
            let plan = Plan { encoding: Some(encoding.into()), ..Plan::default() };
            assert_eq!(run_pieces(plan, marked.chunks(1), Some(End::Complete)).text(), text);
        }
    }
}

#[test]
fn a_window_grows_until_it_holds_enough() {
    // Two characters in 16 KiB, which alone could be of many encodings.
    let sparse = format!("{}\n{}", "支付", "x".repeat(16 << 10));
    let text = sparse.clone() + &format!("{}\n{CHINESE}", "y".repeat(200)).repeat(40);
    check(&GB18030.encode(&text).0, &text, "gb18030");
}

#[test]
fn ascii_before_the_window_is_not_held_back() {
    let ascii = "a line of ASCII\n".repeat(10_000);
    let gbk = GB18030.encode(CHINESE).0;
    let mut input = ascii.clone().into_bytes();
    for _ in 0..1000 {
        input.extend_from_slice(&gbk);
    }
    check(&input, &(ascii + &CHINESE.repeat(1000)), "gb18030");
}

/// Runs it in pieces of some sizes, and holds that they come to the same.
fn run_cut(plan: &Plan, input: &[u8]) -> Seen {
    let whole = run_pieces(plan.clone(), [input], Some(End::Complete));
    for size in [13, 4096, 100_001] {
        assert_eq!(run_pieces(plan.clone(), input.chunks(size), Some(End::Complete)), whole, "in pieces of {size}");
    }
    whole
}

#[test]
fn too_little_at_first_decides_nothing_for_what_comes_later() {
    let line = "a line of ASCII, as most of a log is\n";
    for (first, far) in [
        ("\u{1b}[31mred\u{1b}[0m\n", line.repeat(10_000)),
        ("\u{1b}[31mred\u{1b}[0m ", format!("{}\u{1b}[31m\n", "x".repeat(700_000))),
        ("é\n", line.repeat(20_000)),
    ] {
        let later = CHINESE.repeat(1000);
        let input = [first.as_bytes(), far.as_bytes(), &GB18030.encode(&later).0].concat();
        let seen = run_cut(&Plan::default(), &input);
        assert!(seen.text() == format!("{first}{far}{later}"), "{}", seen.closed().evidence);
        let Closed { found, evidence, malformed, .. } = seen.closed();
        assert_eq!((found.as_str(), malformed), ("gb18030", 0));
        let from = first.len() + far.len() + CHINESE.find('作').unwrap();
        assert!(evidence.contains("decided from byte "), "{evidence}");
        assert!(first.contains('\u{1b}') || evidence.contains(&format!("from byte {from} on; 2 bytes")), "{evidence}");
    }
}

#[test]
fn what_is_never_enough_to_decide_is_guessed_and_said() {
    let plan = Plan { default_encoding: "gb18030".into(), ..Plan::default() };
    let text = format!("短\n{}短", "a line of ASCII\n".repeat(50_000));
    let seen = run_cut(&plan, &GB18030.encode(&text).0);
    assert!(seen.text() == text);
    let Closed { found, evidence, .. } = seen.closed();
    assert_eq!(found, "gb18030");
    assert!(evidence.contains("never enough to decide; 4 bytes"), "{evidence}");
}

#[test]
fn coloured_ascii_is_not_held_back_to_its_end() {
    let text = "\u{1b}[31mred\u{1b}[0m\n".repeat(100_000);
    let seen = run_pieces(Plan::default(), text.as_bytes().chunks(10_000), None);
    assert!(seen.text().len() + (2 << 20) > text.len(), "{} of {} came out", seen.text().len(), text.len());
    check(text.as_bytes(), &text, "utf-8");
}

#[test]
fn a_plan_fixes_the_encoding() {
    let plan = Plan { encoding: Some("gbk".into()), ..Plan::default() };
    let seen = run_pieces(plan, [&GB18030.encode("短\n").0[..]], Some(End::Complete));
    assert_eq!(seen.text(), "短\n");
    assert_eq!(seen.closed().evidence, "fixed by the plan");
}

#[test]
fn little_evidence_takes_the_default_and_says_so() {
    let plan = Plan { default_encoding: "gb18030".into(), ..Plan::default() };
    let seen = run_pieces(plan, [&GB18030.encode("短\n").0[..]], Some(End::Complete));
    assert_eq!(seen.text(), "短\n");
    assert!(seen.closed().evidence.starts_with("the plan's default: 2 bytes"), "{}", seen.closed().evidence);
}

#[test]
fn malformed_sequences_are_replaced_and_counted() {
    for (input, text, malformed) in [
        (&b"a\xffb\n"[..], "a\u{fffd}b\n", 1),
        (b"a\xe4\xb8", "a\u{fffd}", 1),
        (b"a\xe4\xb8\n\xf0\x9f\n", "a\u{fffd}\n\u{fffd}\n", 2),
        (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}", 3),
        (b"nul\0\n", "nul\0\n", 0),
    ] {
        let plan = Plan { encoding: Some("utf-8".into()), ..Plan::default() };
        for pieces in [vec![input], input.chunks(1).collect()] {
            let seen = run_pieces(plan.clone(), pieces, Some(End::Complete));
            assert_eq!((seen.text().as_str(), seen.closed().malformed), (text, malformed));
        }
    }
    let one_in_many = [CHINESE.repeat(50).as_bytes(), b"\xff\n"].concat();
    let closed = check(&one_in_many, &(CHINESE.repeat(50) + "\u{fffd}\n"), "utf-8");
    assert_eq!((closed.malformed, closed.quarantine), (1, None));
    assert!(closed.evidence.contains("1 are not"), "{}", closed.evidence);
}

#[test]
fn too_many_malformed_sequences_quarantine_the_load() {
    let plan = Plan { encoding: Some("utf-8".into()), ..Plan::default() };
    let seen = run_pieces(plan, [&b"\xff\xff\xff ok\n"[..]], Some(End::Complete));
    assert_eq!(
        seen.closed().quarantine.as_deref(),
        Some("3 malformed sequences in 7 bytes as utf-8, more than 10000 in a million")
    );
}

#[test]
fn lines_and_rows_are_counted() {
    for (input, lines) in [("", 0), ("\n", 1), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n\n", 3), ("a\r\nb\r\n", 2)] {
        let closed = check(input.as_bytes(), input, "utf-8");
        assert_eq!((closed.lines, closed.rows), (lines, lines), "{input:?}");
    }
}

/// (text, first line, first part, rows) of each chunk.
fn spans(seen: &Seen) -> Vec<(String, u64, u32, u64)> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    seen.chunks.iter().map(|(b, s)| (text(b), s.first_line, s.first_part, s.rows)).collect()
}

#[test]
fn chunks_end_at_line_ends() {
    let seen = run_pieces(small(10, 8), [&b"one\ntwo\nthree\n\n\nfour"[..]], Some(End::Complete));
    let expected = [("one\ntwo\n", 1, 0, 2), ("three\n\n\n", 3, 0, 3), ("four", 6, 0, 1)];
    assert_eq!(spans(&seen), expected.map(|(t, l, p, r)| (t.to_owned(), l, p, r)));
}

#[test]
fn a_long_line_is_cut_into_parts_between_characters() {
    let seen = run_pieces(small(12, 8), ["ab\n一二三四五六七\ncd\n".as_bytes()], Some(End::Complete));
    let expected = [("ab\n一二", 1, 0, 2), ("三四", 2, 1, 1), ("五六", 2, 2, 1), ("七\ncd\n", 2, 3, 2)];
    assert_eq!(spans(&seen), expected.map(|(t, l, p, r)| (t.to_owned(), l, p, r)));
    assert_eq!((seen.closed().lines, seen.closed().rows), (3, 6));
}

#[test]
fn a_line_of_exactly_the_limit_is_whole() {
    for input in ["12345678\n", "12345678", "x\n12345678\n", "12345678\r"] {
        let seen = run_pieces(small(20, 8), [input.as_bytes()], Some(End::Complete));
        assert_eq!(seen.closed().rows, if input.ends_with('\r') { 2 } else { seen.closed().lines }, "{input:?}");
    }
}

#[test]
fn abort_flushes_what_is_there() {
    let seen = run_pieces(Plan::default(), [&b"one\ntw"[..]], Some(End::Abort));
    assert_eq!(spans(&seen), [("one\ntw".to_owned(), 1, 0, 2)]);
    assert!(matches!(seen.closed, Some(Event::Closed { outcome: Outcome::Partial, .. })));
}

#[test]
fn bare_line_ends_and_an_endless_line_stay_in_bounds() {
    for (byte, lines) in [(b'\n', 64 << 20), (0, 1)] {
        let plan = Plan::default();
        let piece = Bytes::from(vec![byte; 1 << 20]);
        let (mut bytes, mut rows, mut longest, mut told) = (0, 0, 0, 0);
        let mut see = |output| match output {
            Output::Product(p) => {
                bytes += p.payload.len();
                longest = longest.max(p.payload.len());
                rows += p.span.unwrap().rows;
            }
            Output::Event(_, Event::Closed { lines, .. }) => told = lines,
            other => panic!("{other:?}"),
        };
        let mut run = Run::new(&Reencoder, &file(plan.clone()));
        for _ in 0..64 {
            run.push(piece.clone(), &mut see);
        }
        run.end(End::Complete, &mut see);
        assert_eq!((bytes, told), (64 << 20, lines));
        assert!(longest <= plan.text_bytes as usize);
        assert_eq!(rows, if byte == 0 { (64 << 20) / (u64::from(plan.line_bytes)) } else { lines });
    }
}

/// Files of all kinds, small.
fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "[ -~]{0,30}".prop_map(String::into_bytes),
        "[一-十]{0,12}".prop_map(String::into_bytes),
        "[一-十]{0,12}".prop_map(|s| GB18030.encode(&s).0.into_owned()),
        "[ -~一-十]{0,9}".prop_map(|s| s.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        proptest::collection::vec(any::<u8>(), 0..12),
        Just(vec![0xef, 0xbb, 0xbf]),
    ];
    let end = prop_oneof![Just(&b"\n"[..]), Just(&b"\r\n"[..]), Just(&b""[..])];
    proptest::collection::vec((line, end), 0..12)
        .prop_map(|lines| lines.into_iter().flat_map(|(l, e)| [l, e.to_vec()].concat()).collect())
}

/// Sizes so small that a line is cut.
fn any_plan() -> impl Strategy<Value = Plan> {
    (4u32..40, 0u32..40).prop_map(|(line, more)| Plan { encoding: Some("utf-8".into()), ..small(line + more, line) })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// The chunks are the decoded text, cut where the plan says; their spans number every row.
    #[test]
    fn chunks_hold_the_text_and_know_their_lines(bytes in any_file(), plan in any_plan()) {
        let seen = run_pieces(plan.clone(), [&bytes[..]], Some(End::Complete));
        let whole = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        prop_assert_eq!(seen.text(), String::from_utf8_lossy(whole));
        let (mut line, mut part) = (1, 0);
        for (i, (text, span)) in seen.chunks.iter().enumerate() {
            prop_assert_eq!((span.first_line, span.first_part), (line, part));
            let text = std::str::from_utf8(text).unwrap();
            let rows: Vec<&str> = text.split_inclusive('\n').collect();
            prop_assert_eq!(span.rows, rows.len() as u64);
            for row in &rows {
                prop_assert!(row.trim_end_matches('\n').len() <= plan.line_bytes as usize);
            }
            prop_assert!(rows.len() == 1 || text.len() <= plan.text_bytes as usize);
            let open = !text.ends_with('\n');
            prop_assert!(!open || i + 1 == seen.chunks.len() || rows[rows.len() - 1].len() + 3 >= plan.line_bytes as usize);
            line += rows.len() as u64 - u64::from(open);
            part = if open { if rows.len() == 1 { part + 1 } else { 1 } } else { 0 };
        }
        let lines = seen.text().lines().count() as u64;
        prop_assert_eq!(seen.closed().lines, seen.text().split_inclusive('\n').count() as u64);
        prop_assert!(lines <= seen.closed().lines);
    }
}
