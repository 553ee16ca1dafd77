//! Chunks that begin with records, and the header lines that go with them.

use crate::seen::*;
use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{End, Header, Output, Plan};
use logmill_reencoder::Reencoder;
use proptest::prelude::*;

/// Records begin with a capital letter.
fn records(text_bytes: u32, line_bytes: u32) -> Plan {
    Plan { record_start: Some("[A-Z]".into()), encoding: Some("utf-8".into()), ..small(text_bytes, line_bytes) }
}

/// The texts of the chunks; the same however the input is cut.
fn chunks(plan: &Plan, input: &str) -> Vec<String> {
    let whole = run_pieces(plan.clone(), [input.as_bytes()], Some(End::Complete));
    for size in [1, 2, 7] {
        let cut = run_pieces(plan.clone(), input.as_bytes().chunks(size), Some(End::Complete));
        assert_eq!(cut, whole, "in pieces of {size}");
    }
    whole.chunks.iter().map(|(text, _)| String::from_utf8(text.to_vec()).expect("text is UTF-8")).collect()
}

#[test]
fn a_chunk_gives_back_the_last_record_that_begins_in_it() {
    for (input, expected) in [
        ("", &[][..]),
        ("A\nb\n", &["A\nb\n"]),
        // 12 bytes of text: "A b b B b b" would fit but for the end of its last record.
        ("A\nb\nb\nB\nb\nb\nb\nC\n", &["A\nb\nb\n", "B\nb\nb\nb\nC\n"]),
        // As much as fits, and the next record begins just behind: nobody looks there.
        ("A\nb\nB\nb\nb\nb\nC\nb\n", &["A\nb\n", "B\nb\nb\nb\n", "C\nb\n"]),
        // Every line begins one.
        ("A\nB\nC\nD\nE\nF\nG\nH\n", &["A\nB\nC\nD\nE\n", "F\nG\nH\n"]),
        // None does: lines, as if there were no pattern.
        ("a\nb\nc\nd\ne\nf\ng\nh\n", &["a\nb\nc\nd\ne\nf\n", "g\nh\n"]),
        // The file begins within a record.
        ("a\nb\nB\nc\nc\nc\nc\n", &["a\nb\n", "B\nc\nc\nc\nc\n"]),
        // A record that is longer than a chunk: cut at a line end, and so is its rest.
        ("A\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nb\nB\nc\n", &["A\nb\nb\nb\nb\nb\n", "b\nb\nb\nb\nb\nb\n", "b\nB\nc\n"]),
        // The last line has no end, and the end of a line is CR LF.
        ("A\r\nb\r\nB\r\nb\r\nb", &["A\r\nb\r\n", "B\r\nb\r\nb"]),
        ("A\nbbbbbbb\nB", &["A\nbbbbbbb\nB"]),
    ] {
        assert_eq!(chunks(&records(12, 8), input), expected, "{input:?}");
    }
}

#[test]
fn a_line_that_is_too_long_ends_a_chunk_within_a_record_as_ever() {
    let expected = ["A\nb\nB\ncccccccc", "cccc\nb\n", "C\nb\nb\nb\n"];
    assert_eq!(chunks(&records(20, 8), "A\nb\nB\ncccccccccccc\nb\nC\nb\nb\nb\n")[..1], expected[..1]);
    // The part that goes on behind a chunk's beginning is no line's beginning, whatever it says.
    let rest = chunks(&records(12, 8), "aaaaaaaaBBBB\nb\nb\nC\nb\n");
    assert_eq!(rest, ["aaaaaaaa", "BBBB\nb\nb\n", "C\nb\n"]);
}

/// The header with which each chunk goes.
fn headers(header: Header, plan: Plan, input: &str) -> Vec<Option<String>> {
    let plan = Plan { header: Some(header), encoding: Some("utf-8".into()), ..plan };
    let with = |size: usize| {
        let mut headers = Vec::new();
        let mut see = |output| {
            if let Output::Product(p) = output {
                headers.push(p.header.map(|header| header.to_string()));
            }
        };
        let mut run = Run::new(&Reencoder, &file(plan.clone()));
        for piece in input.as_bytes().chunks(size) {
            run.push(Bytes::copy_from_slice(piece), &mut see);
        }
        run.end(End::Complete, &mut see);
        headers
    };
    let whole = with(usize::MAX);
    assert_eq!(with(1), whole, "byte by byte");
    whole
}

#[test]
fn every_chunk_knows_the_header_that_stands_before_it() {
    let w3c = |input: &str| headers(Header::W3c, small(16, 14), input);
    let csv = |input: &str| headers(Header::Csv, small(12, 8), input);
    let some = |header: &str| Some(header.to_owned());
    assert_eq!(csv("a,b\r\n1,2\n3,4\n5,6\n7,8\n"), [None, some("a,b")]);
    assert_eq!(csv("\u{feff}a\n1\n2\n3\n4\n5\n6\n7\n"), [None, some("a")]);
    assert_eq!(csv("\n1\n2\n3\n4\n5\n6\n7\n"), [None, some("")]);
    assert_eq!(csv(""), []);
    // 16 bytes a chunk.
    assert_eq!(w3c("#Version: 1.0\n#Fields: a b\n1 2\n3 4\n5 6\n"), [None, None, some("#Fields: a b")]);
    assert_eq!(
        w3c("#Fields: a\r\n1\n2\n3\n#Fields: b\n4\n5\n6\n"),
        [None, some("#Fields: a"), some("#Fields: b")],
        "one that comes again counts for what follows"
    );
    assert_eq!(w3c("x #Fields: a\n1\n2\n3\n4\n5\n6\n7\n"), [None, None], "only at a line's beginning");
    assert_eq!(w3c("0123456789abcd#Fields: a\n1\n2\n3\n4\n"), [None, None, None], "a part is no line's beginning");
}

#[test]
fn a_header_that_is_too_long_is_none_and_the_ledger_says_so() {
    let long = "n".repeat(Header::BYTES);
    for (header, first, is_header) in [
        (Header::Csv, long.clone(), true),
        (Header::Csv, format!("{long}n"), false),
        (Header::W3c, format!("#Fields: a\n1\n#Fields: {long}"), false),
    ] {
        let plan = Plan { header: Some(header), ..small(100_000, 100_000) };
        let input = format!("{first}\n{}", "a line\n".repeat(20_000));
        let last = headers(header, plan.clone(), &input[..]).pop().expect("a chunk");
        assert!(last == is_header.then(|| first.clone()), "{header:?} of {} bytes", first.len());
        let evidence = run_pieces(plan, [input.as_bytes()], Some(End::Complete)).closed().evidence;
        let line = if header == Header::Csv { 1 } else { 3 };
        let told = format!("the header in line {line} is longer than");
        assert_eq!(evidence.contains(&told), !is_header, "{evidence}");
    }
    // Longer than a line may be.
    assert_eq!(headers(Header::Csv, small(8, 8), "123456789\n1\n2\n3\n4\n5\n6\n"), [None, None, None]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// A record that fits is in one chunk, whole.
    #[test]
    fn no_record_is_cut_that_fits(
        records_of in proptest::collection::vec(proptest::collection::vec("[a-z\t]{0,9}", 0..6), 0..40),
        more in 0u32..100,
        is_ended: bool,
    ) {
        let record = |lines: &Vec<String>| format!("A\n{}", lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        let texts: Vec<String> = records_of.iter().map(record).collect();
        let whole = texts.concat();
        let input = if is_ended { &whole[..] } else { whole.trim_end_matches('\n') };
        let most = texts.iter().map(String::len).max().unwrap_or(9) as u32;
        let chunks = chunks(&records(most.max(9) + more, 9), input);
        prop_assert_eq!(chunks.concat(), input);
        for chunk in &chunks {
            prop_assert!(chunk.starts_with('A'), "{:?} begins within a record", chunk);
        }
    }
}
