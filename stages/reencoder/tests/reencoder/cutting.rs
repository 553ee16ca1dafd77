//! Lines, parts and chunks, and what is malformed in them.

use crate::seen::*;
use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{End, Event, Outcome, Output, Plan};
use logmill_reencoder::Reencoder;
use proptest::prelude::*;

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
