//! Files as they come, and what becomes of them.

use crate::pack::*;
use crate::seen::*;
use bytes::Bytes;
use logmill_core::{End, Event, Outcome, Output, Plan, RejectReason};
use logmill_decompressor::Decompressor;
use lz4_flex::frame::BlockMode;
use lz4_flex::frame::BlockSize;
use proptest::prelude::*;
use std::io::Write;

use Outcome::{Complete, Partial};
use RejectReason::{Bomb, Corrupt, TrailingGarbage, Truncated};

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
        bzip2(&text),
        [bzip2(a), bzip2(b""), bzip2(b)].concat(),
        xz(&text),
        [xz(a), xz(b""), vec![0; 8], xz(b)].concat(),
        lzma(&text),
        [bzip2(a), xz(b)].concat(),
        lz4(&text),
        [lz4(a), skippable(b"index"), lz4(b)].concat(),
        lz4_frame(&text, |info| info.block_mode(BlockMode::Independent).content_size(Some(text.len() as u64))),
        lz4_frame(&text, |info| info.block_size(BlockSize::Max4MB).content_checksum(false)),
        lz4_legacy(&text),
        [lz4_legacy(a), lz4_legacy(b)].concat(),
        [lz4_legacy(a), lz4(b)].concat(),
        snappy(&text),
        [snappy(a), snappy(b)].concat(),
        zlib(&text),
    ] {
        check(&input, &text, Complete, &[]);
    }
}

/// Python's modules are the libraries that bzip2 and xz themselves are made of.
#[test]
fn what_the_reference_libraries_wrote() {
    let text = lines(20_000);
    for (name, codec, expression) in [
        ("gzip", "gzip", "gzip.compress(text, 9)"),
        ("bzip2", "bzip2", "bz2.compress(text, 9)"),
        ("bzip2, blocks of 100 kB", "bzip2", "bz2.compress(text, 1)"),
        ("bzip2, two streams", "bzip2", "bz2.compress(text[:9999]) + bz2.compress(text[9999:])"),
        ("xz", "xz", "lzma.compress(text)"),
        ("xz, the most of it", "xz", "lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)"),
        ("xz, SHA-256", "xz", "lzma.compress(text, check=lzma.CHECK_SHA256)"),
        ("xz, no check", "xz", "lzma.compress(text, check=lzma.CHECK_NONE)"),
        (
            "xz, a filter before",
            "xz",
            "lzma.compress(text, filters=[dict(id=lzma.FILTER_DELTA, dist=4), \
          dict(id=lzma.FILTER_LZMA2, preset=6)])",
        ),
        ("lzma", "lzma", "lzma.compress(text, format=lzma.FORMAT_ALONE)"),
        ("lzma, the least of it", "lzma", "lzma.compress(text, format=lzma.FORMAT_ALONE, preset=0)"),
    ] {
        let script = format!(
            "import sys, gzip, bz2, lzma; text = sys.stdin.buffer.read(); sys.stdout.buffer.write({expression})"
        );
        let mut python = std::process::Command::new("python3")
            .args(["-c", &script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3 runs");
        python.stdin.take().unwrap().write_all(&text).unwrap();
        let written = python.wait_with_output().unwrap();
        assert!(written.status.success(), "{name}");
        let seen = check(&written.stdout, &text, Complete, &[]);
        let Some(Event::Closed { found: Some(found), .. }) = &seen.closed else { panic!("{name}: {:?}", seen.closed) };
        assert_eq!(found, codec, "{name}");
    }
}

#[test]
fn nothing_in_it() {
    let nothing = PACKS.map(|pack| pack(b""));
    for input in [vec![], gzip(b"").repeat(2), skippable(b"only"), lzma(b""), zlib(b""), b"\xff\x06\0\0sNaPpY".to_vec()]
        .into_iter()
        .chain(nothing)
    {
        check(&input, b"", Complete, &[]);
    }
}

#[test]
fn plain_files_that_look_like_something_else_for_a_moment() {
    for input in ["\x1f", "BZh", "BZhello\n", "BZh9", "BZh91AY", "]", "]\0", "P", "S*M", "\u{4}", "x"] {
        check(input.as_bytes(), input.as_bytes(), Complete, &[]);
    }
}

/// A stream of snappy, and a legacy frame of lz4, end with the file or where something else begins.
#[test]
fn what_has_no_end() {
    let text = lines(5000);
    for pack in [snappy as Pack, lz4_legacy] {
        let whole = pack(&text);
        check(&[&whole[..], &[0; 512]].concat(), &text, Complete, &[]);
        let seen = check(&[&whole[..], b"signature"].concat(), &text, Partial, &[TrailingGarbage]);
        assert_eq!(seen.rejects[0].1, Some(whole.len() as u64));
        check(&[whole.clone(), zstd(b"x\n")].concat(), &[&text[..], b"x\n"].concat(), Complete, &[]);
        assert_eq!(run(&whole[..whole.len() - 1]).rejects, [(Truncated, Some(whole.len() as u64 - 1))]);
        let mut damaged = [&whole[..], &pack(b"after\n")].concat();
        damaged[whole.len() / 2..][..20].fill(0);
        let seen = run(&damaged);
        assert!(seen.outcome == Partial && seen.plain().ends_with(b"after\n"), "{:?}", seen.rejects);
    }
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
    for pack in [zstd, bzip2, xz, lzma, lz4, snappy, zlib] {
        let whole = pack(&large);
        let seen = run(&whole[..whole.len() * 3 / 4]);
        assert!(!seen.plain().is_empty() && large.starts_with(&seen.plain()));
        assert_eq!(seen.rejects, [(Truncated, Some(whole.len() as u64 * 3 / 4))]);
    }
    for (pack, short) in [(xz as Pack, 3), (xz, 5), (lzma, 3), (lzma, 12), (zstd, 2), (lz4, 2), (snappy, 2)] {
        check(&pack(&text)[..short], b"", Partial, &[Truncated]);
    }
}

/// A member of gzip does not say how long it is: where damage hides its end, the next one is taken for more of it.
const OVERRUN: usize = 24;

/// One byte after the other changed, in a file of two members: it is told, and costs its own member alone.
#[test]
fn a_flipped_byte_anywhere_is_found() {
    let (a, b) = (lines(40), lines(30));
    for pack in PACKS {
        let (first, second) = (pack(&a), pack(&b));
        for at in 0..first.len() {
            let mut input = [&first[..], &second].concat();
            input[at] ^= 0x41;
            let seen = run(&input);
            let plain = seen.plain();
            if (seen.outcome, seen.reasons()) == (Complete, vec![]) {
                // No checksum covers gzip's time and system; and without a magic a file is what it is.
                let sound = plain == [&a[..], &b].concat();
                assert!(sound || (at < 10 && plain == input), "damage at {at} is not told");
            } else if (10..first.len() - OVERRUN).contains(&at) {
                assert!(plain.ends_with(&b), "the second member is there, with damage at {at}: {:?}", seen.rejects);
            }
        }
    }
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
    for pack in PACKS {
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
    for pack in PACKS {
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
    for pack in [bzip2, xz] {
        assert!(run(&pack(&healthy[0])).plain() == healthy[0], "all of the {} bytes are there", healthy[0].len());
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

    // The presets 1 and 9 have dictionaries of 1 and 64 MiB.
    let packed = |preset| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), preset);
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    for (window, preset) in [(1 << 20, 1), (1 << 26, 9)] {
        assert!(run(window, &packed(preset)).plain() == text);
        assert_eq!(run(window / 2, &packed(preset)).reasons(), [Bomb]);
    }
}

/// Feeds a file in one piece, and holds that never more than the budget and a product come at a time.
fn needs_no_memory_for_all_of_it(path: &str, packed: Vec<u8>) {
    let mut out = logmill_core::Out::new("decompressor", 1 << 20);
    let file = named(path, packed.len(), Plan::default());
    let mut state = logmill_core::Stage::open(&Decompressor, &file);
    let payload = Bytes::from(packed);
    let mut chunk = logmill_core::Chunk {
        seq: logmill_core::Seq(0),
        payload,
        packed: false,
        span: None,
        channel: None,
        header: None,
    };
    let (mut calls, mut rest) = (0, 0);
    let bytes = |out: &mut logmill_core::Out| -> usize {
        out.drain().map(|o| if let Output::Product(p) = o { p.payload.len() } else { 512 }).sum()
    };
    loop {
        let step = logmill_core::Stage::process(&Decompressor, &mut state, &mut chunk, &mut out).unwrap();
        let some = bytes(&mut out);
        assert!(some <= 2 << 20, "{path}: {some} bytes, at most one product past the budget");
        calls += 1;
        if step == logmill_core::Progress::Done {
            break;
        }
    }
    logmill_core::Stage::finish(&Decompressor, state, End::Complete, &mut out).unwrap();
    rest += bytes(&mut out);
    assert!(rest <= 1 << 20, "{path}: {rest} bytes are left to the end");
    assert!(calls > 30, "{path}: {calls} calls");
}

#[test]
fn a_bomb_needs_no_memory_for_all_of_it() {
    let much = vec![b'\n'; 64 << 20];
    needs_no_memory_for_all_of_it("/logs/a.gz", gzip(&much));
    // Fewer bytes than are fed to the decoder at a time.
    let mut packed = Vec::new();
    brotli::CompressorWriter::new(&mut packed, 4096, 9, 24).write_all(&much).unwrap();
    assert!(packed.len() < 256, "{}", packed.len());
    needs_no_memory_for_all_of_it("/logs/a.br", packed.clone());
    needs_no_memory_for_all_of_it("/logs/a.tar", tar_of(&[("a.br", &packed)]));
    needs_no_memory_for_all_of_it("/logs/a.zip", zip_of(&[("a.log", &much, Zipped::Streamed)]));
    // Nothing in them, but many.
    let names: Vec<_> = (0..90_000).map(|n| format!("{n}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    needs_no_memory_for_all_of_it("/logs/a.tar.gz", gzip(&tar_of(&members)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0usize..9) {
        let lzma = b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff";
        let lz4 = b"\x04\x22\x4d\x18\x40\x40\xc0";
        let (snappy, legacy) = (b"\xff\x06\0\0sNaPpY", b"\x02\x21\x4c\x18");
        let magics: [&[u8]; 9] = [
            b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"BZh91AY&SY", b"\xfd7zXZ\0\0", lzma, lz4, snappy, legacy,
        ];
        let magic: &[u8] = magics[magic];
        run(&[magic, &bytes].concat());
    }
}
