//! Compressed within compressed.

use crate::laws::all;
use crate::pack::*;
use crate::seen::*;
use Outcome::{Complete, Partial};
use RejectReason::{Bomb, Corrupt, TrailingGarbage, Truncated};
use logmill_core::{End, Event, Outcome, Plan, RejectReason};

fn found(seen: &Seen) -> &str {
    let Some(Event::Closed { found: Some(found), .. }) = &seen.closed else { panic!("{:?}", seen.closed) };
    found
}

#[test]
fn every_codec_in_every_other() {
    let text = lines(700);
    let with_magic: Vec<_> = all().into_iter().filter(|named| named.1 == "/logs/a.log").collect();
    for (outer, path, pack) in all() {
        for (inner, _, pack_inner) in &with_magic {
            let seen = check_named(path, &pack(&pack_inner(&text)), &text, Complete, &[]);
            assert_eq!(found(&seen), format!("{outer}, {inner}"));
        }
    }
}

#[test]
fn three_layers_and_no_more() {
    let text = lines(700);
    let three = zstd(&gzip(&bzip2(&text)));
    let seen = check(&three, &text, Complete, &[]);
    assert_eq!(found(&seen), "zstd, gzip, bzip2");
    let expected = "zstd, gzip, bzip2: magic bytes; 1 whole frames; within it magic bytes; 1 whole members; \
                    within it magic bytes; 1 whole streams";
    assert_eq!(seen.evidence(), expected);
    let four = gzip(&zstd(&gzip(&bzip2(&text))));
    assert_eq!(found(&check(&four, &bzip2(&text), Complete, &[])), "gzip, zstd, gzip");
}

#[test]
fn little_within_a_layer() {
    for text in ["", "x", "\x1f", "BZ", "one line\n"] {
        let seen = check(&gzip(text.as_bytes()), text.as_bytes(), Complete, &[]);
        assert_eq!(found(&seen), "gzip", "{text:?}");
        check(&gzip(&gzip(text.as_bytes())), text.as_bytes(), Complete, &[]);
    }
    check(&gzip(b"\x1f\x8b"), b"", Partial, &[Truncated]);
    // Cut anywhere into members of the outer layer.
    let inner = gzip(&lines(100));
    let outer: Vec<u8> = inner.chunks(7).flat_map(gzip).collect();
    check(&outer, &lines(100), Complete, &[]);
}

#[test]
fn damage_in_an_inner_layer() {
    let (a, b) = (lines(1000), lines(500));
    let first = bzip2(&a).len();
    let mut inner = [bzip2(&a), bzip2(&b), b"signature".to_vec()].concat();
    inner[first / 2] ^= 0x55;
    let end = inner.len() - 9;
    let seen = check(&gzip(&inner), &b, Partial, &[Corrupt, TrailingGarbage]);
    assert_eq!(seen.rejects, [(Corrupt, None), (TrailingGarbage, None)]);
    let [damage, rest] = &seen.details[..] else { panic!("{:?}", seen.details) };
    assert!(damage.starts_with("within gzip, at byte 4 of it: stream 1 (bzip2) is damaged"), "{damage}");
    assert_eq!(*rest, format!("within gzip, at byte {end} of it: bytes {end} to {} belong to no member", end + 9));
    let seen = run(&gzip(&inner[..first / 2]));
    assert_eq!(seen.reasons(), [Truncated]);
}

#[test]
fn damage_in_the_outer_layer() {
    let parts = [lines(1000), lines(900), lines(800), lines(700)];
    let inner: Vec<_> = parts.iter().map(|part| gzip(part)).collect();
    let outer: Vec<_> = inner.iter().map(|member| bzip2(member)).collect();
    let mut input = outer.concat();
    input[outer[0].len() + outer[1].len() / 2] ^= 0x55;
    let seen = run(&input);
    assert_eq!((seen.outcome, seen.reasons()), (Partial, vec![Corrupt]));
    alike(&seen.plain(), &[&parts[0][..], &parts[2], &parts[3]].concat());
    // Cut off: it is said once.
    let half = run(&input[..outer[0].len() / 2]);
    assert_eq!(half.reasons(), [Truncated]);
}

#[test]
fn limits_are_on_all_of_it() {
    let bomb = gzip(&gzip(&vec![b'\n'; 64 << 20]));
    let plan = Plan { max_ratio: 10, ratio_after_bytes: 1 << 20, plain_bytes: 1 << 16, ..Plan::default() };
    let seen = run_pieces(plan.clone(), [&bomb[..]], End::Complete);
    assert_eq!((seen.outcome, seen.reasons()), (Partial, vec![Bomb]));
    assert!((1 << 20..2 << 20).contains(&seen.plain().len()), "{}", seen.plain().len());
    // Much between the layers, little out of them.
    let bomb = gzip(&gzip(b"").repeat(200_000));
    let seen = run_pieces(Plan { max_bytes: 1 << 20, ..plan.clone() }, [&bomb[..]], End::Complete);
    assert_eq!((seen.plain().len(), seen.reasons()), (0, vec![Bomb]));
    let seen = run_pieces(Plan { window_bytes: 1 << 10, ..plan }, [&gzip(&zstd(&lines(9000)))[..]], End::Complete);
    assert_eq!((seen.plain().len(), seen.reasons()), (0, vec![Bomb]));
}
