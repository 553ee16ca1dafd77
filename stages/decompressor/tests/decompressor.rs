//! Files as they come, and what becomes of them.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, Load, Outcome, Output, Plan, Reject, RejectReason};
use logmill_decompressor::Decompressor;
use proptest::prelude::*;
use std::io::Write;
use std::sync::Arc;

fn file(plan: Plan) -> Arc<FileMeta> {
    let (file_id, load) = (FileId(1), Load(0));
    let (cluster, path, app) = ("a".into(), "/logs/app.log.gz".into(), String::new());
    Arc::new(FileMeta { file_id, load, cluster, path, path_bytes: None, length: 0, modified_ms: 0, app, plan })
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A skippable frame: RFC 8878, 3.1.2.
fn skippable(content: &[u8]) -> Vec<u8> {
    [&[0x5a, 0x2a, 0x4d, 0x18][..], &(content.len() as u32).to_le_bytes(), content].concat()
}

/// Text that compresses as logs do, not to nothing.
fn lines(n: usize) -> Vec<u8> {
    let mut x = 1u64;
    let mut line = |i| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("2026-11-22 10:00:{:02} INFO request {i} took {} ms\n", i % 60, x >> 40)
    };
    (0..n).flat_map(|i| line(i).into_bytes()).collect()
}

#[derive(Debug, PartialEq)]
struct Seen {
    chunks: Vec<Bytes>,
    rejects: Vec<(RejectReason, Option<u64>)>,
    outcome: Outcome,
    closed: Option<Event>,
}

impl Seen {
    fn plain(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    fn evidence(&self) -> &str {
        let Some(Event::Closed { evidence: Some(evidence), .. }) = &self.closed else {
            panic!("every file is closed with an event")
        };
        evidence
    }

    fn reasons(&self) -> Vec<RejectReason> {
        self.rejects.iter().map(|r| r.0).collect()
    }
}

fn run_pieces<'a>(plan: Plan, pieces: impl IntoIterator<Item = &'a [u8]>, end: End) -> Seen {
    let (mut chunks, mut rejects, mut closed) = (Vec::new(), Vec::new(), None);
    let mut see = |output| match output {
        Output::Product(product) => chunks.push(product.payload),
        Output::Reject(_, Reject { reason, at_byte, .. }) => rejects.push((reason, at_byte)),
        Output::Event(_, event) => closed = Some(event),
    };
    let mut run = Run::new(&Decompressor, &file(plan));
    for piece in pieces {
        run.push(Bytes::copy_from_slice(piece), &mut see);
    }
    let outcome = run.end(end, &mut see);
    Seen { chunks, rejects, outcome, closed }
}

fn run(input: &[u8]) -> Seen {
    run_pieces(Plan::default(), [input], End::Complete)
}

#[track_caller]
fn check(input: &[u8], plain: &[u8], outcome: Outcome, reasons: &[RejectReason]) -> Seen {
    let seen = run(input);
    assert_eq!(String::from_utf8_lossy(&seen.plain()), String::from_utf8_lossy(plain));
    assert_eq!((seen.outcome, &seen.reasons()[..]), (outcome, reasons));
    let Some(Event::Closed { outcome: told, bytes_in, bytes_out, crc32, .. }) = &seen.closed else {
        panic!("every file is closed with an event");
    };
    assert_eq!((*told, *bytes_in, *bytes_out), (outcome, input.len() as u64, plain.len() as u64));
    assert_eq!(*crc32, Some(format!("{:08x}", crc32fast_of(input))));
    seen
}

/// CRC-32 as gzip's own trailer has it, so that the test does not ask the code under test.
fn crc32fast_of(bytes: &[u8]) -> u32 {
    let member = gzip(bytes);
    u32::from_le_bytes(member[member.len() - 8..member.len() - 4].try_into().unwrap())
}

use Outcome::{Complete, Partial};
use RejectReason::{Bomb, Corrupt, Malformed, TrailingGarbage, Truncated};

#[test]
fn whole_files() {
    let text = lines(5000);
    let (a, b) = text.split_at(text.len() / 3);
    for input in [
        text.clone(),
        gzip(&text),
        [gzip(a), gzip(b)].concat(),
        [gzip(a), gzip(b""), gzip(b)].concat(),
        text.chunks(1000).flat_map(gzip).collect(),
        zstd(&text),
        [zstd(a), zstd(b)].concat(),
        text.chunks(1000).flat_map(zstd).collect(),
        [skippable(b"index"), zstd(&text)].concat(),
        [zstd(a), skippable(b""), skippable(b"x"), zstd(b)].concat(),
        [gzip(a), zstd(b)].concat(),
    ] {
        check(&input, &text, Complete, &[]);
    }
}

#[test]
fn nothing_in_it() {
    for input in [vec![], gzip(b""), [gzip(b""), gzip(b"")].concat(), zstd(b""), skippable(b"only")] {
        check(&input, b"", Complete, &[]);
    }
}

#[test]
fn plain_files_that_look_like_something_else_for_a_moment() {
    for input in ["\x1f", "BZh", "BZhello\n", "P", "S*M", "\u{4}", "x"] {
        check(input.as_bytes(), input.as_bytes(), Complete, &[]);
    }
}

#[test]
fn a_compression_that_is_not_read_is_said() {
    check(b"BZh91AY&SY....", b"", Partial, &[Malformed]);
    check(b"\xfd7zXZ\0....", b"", Partial, &[Malformed]);
}

#[test]
fn cut_short() {
    let text = lines(5000);
    let whole = gzip(&text);
    for n in [2, 3, 9, 10, 11] {
        check(&whole[..n], b"", Partial, &[Truncated]);
    }
    check(&whole[..whole.len() - 1], &text, Partial, &[Truncated]); // in the trailer: all of the data is there
    let seen = run(&whole[..whole.len() / 2]);
    assert!(!seen.plain().is_empty() && text.starts_with(&seen.plain()));
    assert_eq!(seen.rejects, [(Truncated, Some(whole.len() as u64 / 2))]);

    let large = lines(20_000);
    let whole = zstd(&large);
    let seen = run(&whole[..whole.len() * 3 / 4]);
    assert!(!seen.plain().is_empty() && large.starts_with(&seen.plain()));
    assert_eq!(seen.reasons(), [Truncated]);
}

#[test]
fn cut_off_upstream_is_not_rejected_twice() {
    let whole = gzip(&lines(100));
    let seen = run_pieces(Plan::default(), [&whole[..whole.len() / 2]], End::Abort);
    assert_eq!((seen.outcome, seen.rejects), (Partial, vec![]));
}

#[test]
fn a_flipped_byte_costs_its_member_alone() {
    let (a, b, c) = (lines(3000), lines(2000), lines(1000));
    for pack in [gzip, zstd] {
        let mut input = [pack(&a), pack(&b), pack(&c)].concat();
        let at = pack(&a).len() + pack(&b).len() / 2;
        input[at] ^= 0x55;
        let seen = run(&input);
        let plain = seen.plain();
        assert_eq!((seen.outcome, seen.reasons()), (Partial, vec![Corrupt]));
        assert!(plain.starts_with(&a) && plain.ends_with(&c), "the members around it are there");
        let rejected_at = seen.rejects[0].1.unwrap() as usize;
        assert!((pack(&a).len()..input.len() - pack(&c).len() + 1).contains(&rejected_at));
    }
}

#[test]
fn a_wrong_checksum_is_damage_and_the_data_is_delivered() {
    let text = lines(1000);
    let mut input = gzip(&text);
    let at = input.len() - 6;
    input[at] ^= 1;
    check(&input, &text, Partial, &[Corrupt]);
}

#[test]
fn what_follows_an_archive() {
    let text = lines(100);
    for pack in [gzip, zstd] {
        let seen = check(&[pack(&text), vec![0; 512]].concat(), &text, Complete, &[]);
        let end = pack(&text).len();
        assert!(seen.evidence().ends_with(&format!("; bytes {end} to {} are NULs", end + 512)), "{}", seen.evidence());
        check(&[pack(&text), b"signature".to_vec()].concat(), &text, Partial, &[TrailingGarbage]);
        check(&[pack(&text), vec![0; 512], b"x".to_vec()].concat(), &text, Partial, &[TrailingGarbage]);
        let twice = [text.clone(), text.clone()].concat();
        check(&[pack(&text), vec![0; 512], pack(&text)].concat(), &twice, Complete, &[]);
        let seen = run(&[pack(&text), b"S*".to_vec()].concat());
        assert_eq!(seen.rejects, [(TrailingGarbage, Some(pack(&text).len() as u64))]);
    }
}

#[test]
fn a_bomb_is_stopped_by_bytes_and_by_ratio() {
    let nothing = gzip(&vec![0; 4 << 20]);
    let plan = Plan { plain_bytes: 1 << 10, ..Plan::default() };
    let seen = run_pieces(Plan { max_bytes: 1 << 20, ..plan.clone() }, [&nothing[..]], End::Complete);
    assert_eq!((seen.outcome, seen.reasons()), (Partial, vec![Bomb]));
    assert_eq!(seen.plain().len(), (1 << 20) + (1 << 10));
    let by_ratio = Plan { max_ratio: 10, ratio_after_bytes: 1 << 19, ..plan };
    let seen = run_pieces(by_ratio, [&nothing[..]], End::Complete);
    assert_eq!((seen.outcome, seen.reasons()), (Partial, vec![Bomb]));
    assert!((1 << 19..2 << 20).contains(&seen.plain().len()), "{}", seen.plain().len());
}

#[test]
fn a_stretch_that_compresses_to_nothing_is_no_bomb() {
    let healthy = [
        [b"the same line again and again\n".repeat(40_000), lines(60_000)].concat(),
        [vec![0; 8 << 20], lines(1000)].concat(),
        [vec![b'\n'; 160 << 20], lines(1000)].concat(),
    ];
    for text in &healthy {
        for pack in [gzip, zstd] {
            let seen = run(&pack(text));
            assert_eq!((seen.outcome, seen.reasons()), (Complete, vec![]));
            assert!(seen.plain() == *text, "all of the {} bytes are there", text.len());
        }
    }
    // The last of them is far beyond the ratio: where it counts from the first byte, it is cut.
    let from_the_first = Plan { ratio_after_bytes: 0, ..Plan::default() };
    let seen = run_pieces(from_the_first, [&zstd(&healthy[2])[..]], End::Complete);
    assert_eq!((seen.outcome, seen.reasons()), (Partial, vec![Bomb]));
}

#[test]
fn a_window_beyond_the_plans_is_refused() {
    let text = lines(60_000);
    let packed = |window_log| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    let run = |window_bytes, input: &[u8]| run_pieces(Plan { window_bytes, ..Plan::default() }, [input], End::Complete);
    assert!(run(1 << 20, &packed(20)).plain() == text);
    let seen = run(1 << 20, &packed(21));
    assert_eq!((seen.plain().len(), seen.outcome, seen.reasons()), (0, Partial, vec![Bomb]));
    assert!(run(1 << 28, &packed(28)).plain() == text, "more than the default, where the plan allows it");
    assert_eq!(run(Plan::default().window_bytes, &packed(28)).reasons(), [Bomb]);
}

#[test]
fn a_bomb_needs_no_memory_for_all_of_it() {
    let bomb = gzip(&vec![b'\n'; 64 << 20]);
    let mut out = logmill_core::Out::new("decompressor", 1 << 20);
    let file = file(Plan::default());
    let mut state = logmill_core::Stage::open(&Decompressor, &file);
    let payload = Bytes::from(bomb);
    let mut chunk = logmill_core::Chunk { seq: logmill_core::Seq(0), payload, span: None, channel: None };
    let mut calls = 0;
    loop {
        let step = logmill_core::Stage::process(&Decompressor, &mut state, &mut chunk, &mut out).unwrap();
        let bytes: usize = out.drain().map(|o| if let Output::Product(p) = o { p.payload.len() } else { 0 }).sum();
        assert!(bytes <= 2 << 20, "at most one product past the budget");
        calls += 1;
        if step == logmill_core::Progress::Done {
            break;
        }
    }
    assert!(calls > 30);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0usize..3) {
        let magic: &[u8] = [&b""[..], b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd"][magic];
        run(&[magic, &bytes].concat());
    }
}
