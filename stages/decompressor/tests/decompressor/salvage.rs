//! What damage costs: its block where the format allows, and no line is glued to one that does not follow it.

use crate::laws::all;
use crate::named::NAMED;
use crate::pack::*;
use crate::seen::*;
use Outcome::{Complete, Partial};
use RejectReason::Corrupt;
use logmill_core::{End, Outcome, Plan, RejectReason};
use lz4_flex::frame::BlockMode;
use std::collections::HashSet;

/// The formats that go on within a stream: how they are written with many blocks, and how many plain bytes a block has at most.
fn in_blocks() -> Vec<(&'static str, Pack, usize)> {
    let independent: Pack =
        |text| lz4_frame(text, |info| info.block_mode(BlockMode::Independent).block_checksums(true));
    let mut all: Vec<(&str, Pack, usize)> = vec![
        ("a.bz2", bzip2, 100_000),
        ("a.xz", |text| xz_blocks(text, 50_000), 50_000),
        ("a.lz4", independent, 64 << 10),
        ("a.lz4", lz4_legacy, 8 << 20),
        ("a.sz", snappy, 64 << 10),
        ("a.lzo", lzop, LZOP_BLOCK),
    ];
    all.extend(NAMED[3..].iter().map(|(path, _, pack)| (*path, *pack, HADOOP_BLOCK)));
    all
}

/// The lines of `got` that `text` does not have.
fn strange(got: &[u8], text: &[u8]) -> Vec<String> {
    let known: HashSet<_> = text.split(|byte| *byte == b'\n').collect();
    let lines = got.split(|byte| *byte == b'\n').filter(|line| !known.contains(line));
    lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

#[test]
fn a_damaged_block_costs_itself() {
    let text = lines(10_000);
    for (path, pack, block) in in_blocks() {
        let whole = pack(&text);
        for place in [2, 3, 5, 7] {
            let mut input = whole.clone();
            input[whole.len() * place / 11] ^= 0x10;
            let seen = run_named(path, &input);
            let plain = seen.plain();
            if seen.outcome == Complete && (path.starts_with('/') || block > 1 << 20) {
                continue; // Hadoop's framings and legacy lz4 have no checksum
            }
            assert_eq!(seen.outcome, Partial, "{path}");
            assert!(seen.reasons().iter().all(|reason| *reason == Corrupt), "{path}: {:?}", seen.details);
            assert!(seen.details[0].ends_with(" are lost"), "{path}: {:?}", seen.details);
            if block < text.len() {
                assert!(
                    plain.len() + 2 * block > text.len(),
                    "{path}: {} of {}: {:?}",
                    plain.len(),
                    text.len(),
                    seen.details
                );
                assert!(plain.ends_with(&text[text.len() - 100..]), "{path} at {place}: {:?}", seen.details);
            }
            // The lines that the block has cut in two are by themselves.
            let strange = strange(&plain, &text);
            let checked = ["a.bz2", "a.sz", "a.lzo"].contains(&path);
            assert!(!checked || strange.len() <= 2, "{path}: {strange:?}");
        }
    }
}

/// Any byte of any codec: no panic, and what does not come out as it was is told.
#[test]
fn a_changed_byte_anywhere_is_told() {
    let text = lines(300);
    for (codec, path, pack) in all() {
        let whole = pack(&text);
        for at in 0..whole.len() {
            let mut input = whole.clone();
            input[at] ^= 1 << (at % 8);
            let seen = run_named(path, &input);
            if seen.outcome == Complete {
                let plain = seen.plain();
                // Without its magic a file is what it is; and some formats have no checksum of their blocks.
                let unchecked =
                    ["brotli", "deflate", "hadoop-snappy", "hadoop-lz4", "hadoop-lzo", "lzma", "lz4-legacy"];
                assert!(
                    plain == text || plain == input || unchecked.contains(&codec),
                    "{codec}: damage at {at} is not told"
                );
            } else {
                assert!(!seen.rejects.is_empty(), "{codec}: damage at {at} has no reject");
            }
        }
    }
}

/// The range that is lost is that of the damaged block, and what comes out around it is all of the rest.
#[test]
fn the_range_is_told() {
    let text = lines(400);
    let blocks: Vec<_> = text.chunks(HADOOP_BLOCK).map(hadoop_snappy).collect();
    let mut input = blocks.concat();
    let (from, to) = (blocks[0].len() + blocks[1].len(), blocks[..3].concat().len());
    input[from + 8..to - 8].fill(0xff);
    let seen = run_named("a.snappy", &input);
    assert_eq!(seen.rejects, [(Corrupt, Some(from as u64 + 8))], "{:?}", seen.details);
    let detail =
        format!("stream 1 (hadoop-snappy) is damaged: invalid data in a chunk; bytes {} to {to} are lost", from + 8);
    assert_eq!(seen.details, [detail]);
    let (before, after) = (&text[..2 * HADOOP_BLOCK], &text[3 * HADOOP_BLOCK..]);
    alike(&seen.plain(), &[before, b"\n", after].concat());
}

/// A stretch of zeros, as a lost block of a disk leaves it: more than one block of the format, and its lengths.
#[test]
fn a_stretch_is_lost() {
    let text = lines(20_000);
    for (path, pack, block) in in_blocks().into_iter().filter(|format| format.2 < 64 << 10 || format.0 == "a.bz2") {
        let mut input = pack(&text);
        let third = input.len() / 3;
        input[third..third + 4096].fill(0);
        let seen = run_named(path, &input);
        let plain = seen.plain();
        assert_eq!(seen.outcome, Partial);
        if path == "a.lzo" {
            continue; // the lengths of its blocks have no magic to be found by
        }
        assert!(plain.ends_with(&text[text.len() - 500..]), "{path}: {:?}", seen.details);
        assert!(
            plain.len() + 3 * block + 40_000 > text.len(),
            "{path}: {} of {}: {:?}",
            plain.len(),
            text.len(),
            seen.details
        );
    }
}

#[test]
fn the_end_of_a_stream_of_bzip2() {
    let (a, b) = (lines(9000), lines(5000));
    let (first, second) = (bzip2(&a), bzip2(&b));
    for (back, why) in [(9, "no block, and no end, behind a block"), (3, "a wrong checksum of a stream")] {
        let mut input = [&first[..], &second].concat();
        input[first.len() - back] ^= 0x40;
        let seen = run(&input);
        assert!(seen.details.len() == 1 && seen.details[0].contains(why), "{:?}", seen.details);
        alike(&seen.plain(), &[&a[..], &b].concat());
    }
    // Cut off within it: the last block is there.
    for short in 1..10 {
        let seen = run(&first[..first.len() - short]);
        assert_eq!(seen.reasons(), [RejectReason::Truncated]);
        alike(&seen.plain(), &a);
    }
}

/// The line before a gap ends there, but where that would set off all that follows.
#[test]
fn no_line_goes_over_a_gap() {
    let (a, c) = (b"one\ntwo, and then".to_vec(), b"rest\nlast\n".to_vec());
    let b = lines(1000);
    let damaged = |pack: Pack, a: &[u8]| {
        let mut input = [pack(a), pack(&b), pack(&c)].concat();
        let at = pack(a).len() + pack(&b).len() / 2;
        input[at] ^= 0x55;
        input
    };
    let seen = run(&damaged(bzip2, &a));
    alike(&seen.plain(), b"one\ntwo, and then\nrest\nlast\n");
    alike(&run(&damaged(bzip2, b"one\n")).plain(), b"one\nrest\nlast\n");
    alike(&run(&damaged(bzip2, b"")).plain(), b"rest\nlast\n");
    alike(&run(&[gzip(&a), b"garbage".to_vec(), gzip(&c)].concat()).plain(), b"one\ntwo, and then\nrest\nlast\n");
    alike(&run(&[gzip(&a), vec![0; 9], gzip(&c)].concat()).plain(), b"one\ntwo, and thenrest\nlast\n");
    for wide in [&b"\xff\xfea\0"[..], b"a\0\n\0b\0"] {
        assert!(!run(&damaged(bzip2, wide)).plain().windows(5).any(|some| some == b"\nrest"));
    }
    let plan = Plan { encoding: Some("UTF-16LE".into()), ..Plan::default() };
    let input = damaged(bzip2, &a);
    let seen = run_file(&named("a", input.len(), plan), [&input[..]], End::Complete);
    alike(&seen.plain(), b"one\ntwo, and thenrest\nlast\n");
}
