//! Codecs without a magic: the name suggests them, and the first bytes have the last word.

use crate::pack::*;
use crate::seen::*;
use Outcome::{Complete, Partial};
use RejectReason::{Bomb, Corrupt, TrailingGarbage, Truncated};
use logmill_core::{End, Event, Outcome, Plan, RejectReason};

/// Each with a name that suggests it, and what it is called then.
pub(crate) const NAMED: [(&str, &str, Pack); 6] = [
    ("/logs/a.log.br", "brotli", brotli),
    ("/logs/a.DEFLATE", "deflate", deflate),
    ("/logs/part-00000.deflate", "zlib", zlib),
    ("/logs/a.snappy", "hadoop-snappy", hadoop_snappy),
    ("/logs/a.lz4", "hadoop-lz4", hadoop_lz4),
    ("/logs/a.lzo_deflate", "hadoop-lzo", hadoop_lzo),
];

fn found(seen: &Seen) -> &str {
    let Some(Event::Closed { found: Some(found), .. }) = &seen.closed else { panic!("{:?}", seen.closed) };
    found
}

#[test]
fn whole_files() {
    for (path, codec, pack) in NAMED {
        for n in [1, 2, 3, 5, 80, 5000] {
            let text = lines(n);
            let seen = check_named(path, &pack(&text), &text, Complete, &[]);
            assert_eq!(found(&seen), codec, "{path} of {n} lines");
        }
    }
}

/// A name that says another codec than the content, or nothing: content decides.
#[test]
fn content_decides_first() {
    let text = lines(500);
    for (path, _, _) in NAMED {
        for (pack, codec) in [(gzip as Pack, "gzip"), (zstd, "zstd"), (lz4, "lz4"), (snappy, "snappy"), (lzop, "lzop")]
        {
            assert_eq!(found(&check_named(path, &pack(&text), &text, Complete, &[])), codec);
        }
        assert_eq!(found(&check_named(path, &text, &text, Complete, &[])), "plain", "{path}");
        for text in ["", "\n", "ok\n", "2026-11-22 10:00:00 INFO started\n"] {
            check_named(path, text.as_bytes(), text.as_bytes(), Complete, &[]);
        }
    }
    for (_, codec, pack) in NAMED.into_iter().filter(|named| named.1 != "zlib") {
        let packed = pack(&text);
        assert_eq!(found(&check_named("/logs/a.log", &packed, &packed, Complete, &[])), "plain", "{codec}");
    }
}

#[test]
fn a_block_of_many_chunks() {
    let text = lines(1000);
    for (path, packed) in [
        ("a.snappy", hadoop_one_block(&text, raw_snappy)),
        ("a.lz4", hadoop_one_block(&text, lz4_flex::block::compress)),
        ("a.lzo_deflate", hadoop_one_block(&text, raw_lzo)),
    ] {
        check_named(path, &packed, &text, Complete, &[]);
        let seen = run_named(path, &packed[..packed.len() / 2]);
        assert_eq!((seen.outcome, seen.reasons()), (Partial, vec![Truncated]));
        assert!(text.starts_with(&seen.plain()) && seen.plain().len().is_multiple_of(HADOOP_BLOCK));
    }
}

/// What Hadoop writes where nothing was written: one block of length 0, where its own reader ends too.
#[test]
fn nothing_written_by_hadoop() {
    for (path, _, pack) in &NAMED[3..] {
        check_named(path, &[0; 4], b"", Complete, &[]);
        let text = lines(300);
        check_named(path, &[pack(&text), vec![0; 4]].concat(), &text, Complete, &[]);
        check_named(path, &[pack(&text), vec![0; 4], pack(&text)].concat(), &text.repeat(2), Complete, &[]);
        let seen = check_named(
            path,
            &[pack(&text), vec![0; 4], b"signature".to_vec()].concat(),
            &text,
            Partial,
            &[TrailingGarbage],
        );
        assert_eq!(seen.rejects[0].1, Some(pack(&text).len() as u64 + 4));
        check_named(path, &[pack(&text), vec![0; 515]].concat(), &text, Complete, &[]);
    }
}

#[test]
fn lzop_with_all_members() {
    let text = lines(2000);
    let (a, b) = text.split_at(text.len() / 3);
    check(&lzop(&text), &text, Complete, &[]);
    check(&[lzop(a), lzop(b""), lzop(b)].concat(), &text, Complete, &[]);
    check(&[lzop(a), gzip(b)].concat(), &text, Complete, &[]);
    check(&[lzop(&text), vec![0; 512]].concat(), &text, Complete, &[]);
    check(&lzop(&text)[..5], b"", Partial, &[Truncated]);
    let mut damaged = [lzop(a), lzop(b)].concat();
    damaged[12] ^= 1; // in the header
    check(&damaged, b, Partial, &[Corrupt]);
}

#[test]
fn cut_short() {
    let text = lines(5000);
    for (path, _, pack) in NAMED {
        let whole = pack(&text);
        let half = whole.len() / 2;
        let seen = run_named(path, &whole[..half]);
        assert_eq!(seen.rejects, [(Truncated, Some(half as u64))], "{path}");
        assert!(!seen.plain().is_empty() && text.starts_with(&seen.plain()), "{path}");
    }
}

#[test]
fn what_follows() {
    let text = lines(100);
    for (path, _, pack) in &NAMED[..3] {
        check_named(path, &[pack(&text), vec![0; 512]].concat(), &text, Complete, &[]);
        check_named(path, &[pack(&text), b"signature".to_vec()].concat(), &text, Partial, &[TrailingGarbage]);
        check_named(path, &[pack(&text), gzip(b"x\n")].concat(), &[&text[..], b"x\n"].concat(), Complete, &[]);
    }
}

/// A chunk of Hadoop's, a block of lzop's, or a window of brotli's that is larger than the plan's.
#[test]
fn a_window_beyond_the_plans_is_refused() {
    let text = lines(3000);
    for (path, pack) in NAMED
        .iter()
        .filter(|named| named.1 != "zlib" && named.1 != "deflate")
        .map(|n| (n.0, n.2))
        .chain([("a.lzo", lzop as Pack)])
    {
        let packed = pack(&text);
        let run = |window_bytes| {
            let plan = Plan { window_bytes, ..Plan::default() };
            run_file(&named(path, packed.len(), plan), [&packed[..]], End::Complete)
        };
        assert_eq!(run(1 << 18).plain(), text, "{path}");
        let seen = run(1 << 11);
        assert_eq!((seen.plain().len(), seen.outcome, seen.reasons()), (0, Partial, vec![Bomb]), "{path}");
    }
}
