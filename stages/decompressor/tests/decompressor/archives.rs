//! Archives: each member becomes a file of its own.

use crate::pack::*;
use crate::seen::*;
use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{Event, FileMeta, Outcome, Output, Plan, RejectReason};
use logmill_decompressor::Decompressor;
use std::path::Path;
use std::sync::Arc;

use Outcome::{Complete, Partial};
use RejectReason::{Bomb, Corrupt, TrailingGarbage, Truncated};

type Members = Vec<(Arc<FileMeta>, Seen)>;

fn run(path: &str, input: &[u8]) -> (Seen, Members) {
    run_archive(path, input, Plan::default())
}

/// Names, plain bytes, outcomes and reasons.
#[track_caller]
fn check_members(members: &[(Arc<FileMeta>, Seen)], expected: &[(&str, &[u8], Outcome, &[RejectReason])]) {
    let names: Vec<_> = members.iter().map(|(file, _)| file.path.split_once("!/").unwrap().1).collect();
    assert_eq!(names, expected.iter().map(|one| one.0).collect::<Vec<_>>());
    for ((file, seen), (_, plain, outcome, reasons)) in members.iter().zip(expected) {
        alike(&seen.plain(), plain);
        assert_eq!((seen.outcome, &seen.reasons()[..]), (*outcome, *reasons), "{}: {:?}", file.path, seen.details);
        let Some(Event::Closed { outcome: told, bytes_out, .. }) = &seen.closed else {
            panic!("every member is closed with an event")
        };
        assert_eq!((*told, *bytes_out), (*outcome, plain.len() as u64));
    }
}

fn found(seen: &Seen) -> &str {
    let Some(Event::Closed { found: Some(found), bytes_out: 0, .. }) = &seen.closed else {
        panic!("{:?}", seen.closed)
    };
    found
}

#[test]
fn what_the_reference_tools_wrote() {
    let text = lines(600);
    let (a, b) = text.split_at(15_000);
    let long = format!("logs/deep/{}/b.log", "x".repeat(120));
    let three: [(&str, &[u8]); 3] = [("logs/a.log", a), ("logs/empty.log", b""), (&long, b)];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    for (name, codec, members) in [
        ("gnu.tar.xz", "xz, tar", &three[..]),
        ("pax.tar.xz", "xz, tar", &three),
        ("ustar.tar.gz", "gzip, tar", &three),
        ("v7.tar.xz", "xz, tar", &three[..2]),
        ("zip.zip", "zip", &three),
        ("zip-stdin.zip", "zip", &[("-", a)]),
        ("stored.zip.xz", "xz, zip", &three),
        ("bzip2.zip", "zip", &three),
        ("jar.zip", "zip", &three),
        ("zip64.zip", "zip", &three),
    ] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let (own, seen) = run(&format!("/logs/{name}"), &bytes);
        let whole: Vec<_> = members.iter().map(|(path, plain)| (*path, *plain, Complete, &[][..])).collect();
        check_members(&seen, &whole);
        assert_eq!((own.outcome, found(&own), &own.details[..]), (Complete, codec, &[][..]), "{name}");
    }
}

#[test]
fn a_member_is_a_file_of_its_archive() {
    let inner = zip_of(&[("c.log", b"c\n", Zipped::Deflated)]);
    let tar = tar_of(&[("./a.log", b"a\n"), ("b.zip", &inner), ("a.log", b"again\n")]);
    let (own, members) = run("/logs/x.tar.gz", &gzip(&tar));
    let whole = |name, plain: &'static [u8]| (name, plain, Complete, &[][..]);
    check_members(
        &members,
        &[whole("a.log", b"a\n"), whole("b.zip!/c.log", b"c\n"), whole("b.zip", b""), whole("a.log", b"again\n")],
    );
    assert_eq!(own.evidence(), "gzip, tar: magic bytes; 1 whole members; within it tar: 3 members");
    let archive = named("/logs/x.tar.gz", 0, Plan::default()).file_id;
    let mut ids: Vec<_> = members.iter().map(|(file, _)| file.file_id).collect();
    for (file, _) in &members {
        assert_eq!(file.archive, Some(archive), "{}: the file of the store, however deep it lies", file.path);
        assert_eq!(file.partition(7), archive.partition(7));
    }
    ids.extend([archive]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "members of the same name are told apart");
}

#[test]
fn an_archive_of_nothing() {
    for (path, input) in [("/a.tar", tar_of(&[])), ("/a.tgz", gzip(&tar_of(&[]))), ("/a", zip_of(&[]))] {
        let (own, members) = run(path, &input);
        assert_eq!((own.outcome, &own.details[..], members.len()), (Complete, &[][..], 0), "{path}");
    }
    // Nothing says that these are an archive.
    let seen = run_named("/a.log", &[0; 1024]);
    assert_eq!((seen.outcome, seen.plain().len()), (Complete, 1024));
}

#[test]
fn older_plans_open_none() {
    let tar = tar_of(&[("a", b"a\n")]);
    let seen =
        run_file(&named("/a.tar", 0, Plan { rules: 2, ..Plan::default() }), [&tar[..]], logmill_core::End::Complete);
    alike(&seen.plain(), &tar);
}

/// POSIX: what is of an unknown type is a file; `M` is the rest of one that another volume begins.
#[test]
fn members_of_any_type_are_read_and_what_is_no_file_is_passed_over() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut put = |kind: u8, name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    put(b'M', "rest", b"of a line\n");
    put(b'V', "label", b"");
    put(b'D', "folder", b"Yname\0\0");
    put(b'5', "folder2", b"");
    put(b'Q', "of no known type", b"a\n");
    put(b'0', "slash/", b"b\n");
    let (own, members) = run("/a.tar", &builder.into_inner().unwrap());
    let whole = |name, plain: &'static [u8]| (name, plain, Complete, &[][..]);
    check_members(
        &members,
        &[whole("rest", b"of a line\n"), whole("of no known type", b"a\n"), whole("slash/", b"b\n")],
    );
    assert_eq!((own.outcome, own.evidence()), (Complete, "tar: 3 members, 3 folders and links"));
}

/// A compression that ends early: what it can still decode is the member's.
#[test]
fn the_last_block_before_a_cut_is_read() {
    let text = lines(4000);
    let packed = bzip2(&tar_of(&[("a", &text)]));
    let (own, members) = run("/a.tar.bz2", &packed[..packed.len() - 4]);
    alike(&members[0].1.plain(), &text);
    assert_eq!((own.outcome, own.reasons()), (Partial, vec![Truncated]));
}

/// What a lost member's own header says is not said of the next one.
#[test]
fn a_hole_behind_a_long_name() {
    let (long, text) = ("folder/".repeat(30), lines(3000));
    let name = format!("{long}lost");
    let tar = tar_of(&[("first", &text), (&name, &text), ("last", b"last\n")]);
    // The name stands in a block of its own, the header that it is about in the next one.
    let at = 1024 + text.len().next_multiple_of(512) + 512;
    let packed = [xz(&tar[..at]), xz(&tar[at..at + 1024]), xz(&tar[at + 1024..])];
    let mut damaged = packed.concat();
    damaged[packed[0].len() + 30..][..20].fill(0);
    let (own, members) = run("/a.tar.xz", &damaged);
    let names: Vec<_> = members.iter().map(|(file, _)| &*file.path).collect();
    assert_eq!(names, ["/a.tar.xz!/first", "/a.tar.xz!/last"], "{:?}", own.details);
    alike(&members[1].1.plain(), b"last\n");
}

/// By zip64 the lengths behind a member are of eight bytes, and those of an empty one look like lengths of four.
#[test]
fn an_empty_member_of_zip64_with_its_lengths_behind_it() {
    let mut zip = b"PK\x03\x04\x2d\0\x08\0\x08\0\0\0\0\0".to_vec();
    zip.extend([0; 12]);
    zip.extend([5, 0, 20, 0]);
    zip.extend(b"empty\x01\0\x10\0");
    zip.extend([0; 16]);
    zip.extend(deflate(b""));
    zip.extend(b"PK\x07\x08\0\0\0\0");
    zip.extend((deflate(b"").len() as u64).to_le_bytes());
    zip.extend([0; 8]);
    zip.extend(zip_of(&[("a", b"a\n", Zipped::Streamed)]));
    let (own, members) = run("/a.zip", &zip);
    check_members(&members, &[("empty", b"", Complete, &[]), ("a", b"a\n", Complete, &[])]);
    assert_eq!((own.outcome, &own.details[..]), (Complete, &[][..]));
}

/// Where a limit is passed does not depend on how the archive came.
#[test]
fn the_place_of_a_limit() {
    let packed = gzip(&vec![b'\n'; 100_000]);
    let names: Vec<_> = (0..300).map(|n| format!("{n}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), &packed[..])).collect();
    let tar = tar_of(&members);
    let plan = Plan { max_bytes: 5_000_000, ..Plan::default() };
    let file = named("/a.tar", tar.len(), plan);
    let told = |size: usize| {
        let mut told = Vec::new();
        let mut run = Run::new(&Decompressor, &file);
        let mut see = |output| {
            if let Output::Reject(_, reject) = output {
                told.push((reject.reason, reject.at_byte));
            }
        };
        tar.chunks(size).for_each(|piece| run.push(Bytes::copy_from_slice(piece), &mut see));
        run.end(logmill_core::End::Complete, &mut see);
        told
    };
    let whole = told(tar.len());
    assert_eq!(whole.iter().map(|one| one.0).collect::<Vec<_>>(), [Bomb]);
    for size in [1 << 10, 64 << 10, 100_000] {
        assert_eq!(told(size), whole, "in pieces of {size}");
    }
}

#[test]
fn text_is_no_archive() {
    let letters = "x".repeat(99);
    for text in ["PK\n", "PK\x03", "", "\n", &letters, &format!("{letters}\n0000644\n"), "a\0\0\0\0"] {
        let seen = run_named("/a.tar.log", text.as_bytes());
        assert_eq!((seen.outcome, seen.plain()), (Complete, text.as_bytes().to_vec()));
    }
}

/// A tar goes on at the next header that can be found, wherever it stands.
#[test]
fn a_damaged_tar() {
    let text = lines(300);
    let whole = tar_of(&[("a", &text), ("b", &text), ("c", b"c\n")]);
    let second = 512 + text.len().next_multiple_of(512);
    let all = |name| (name, &text[..], Complete, &[][..]);

    let mut header = whole.clone();
    header[second + 5] ^= 1;
    let (own, members) = run("/a.tar", &header);
    check_members(&members, &[all("a"), ("c", b"c\n", Complete, &[])]);
    assert_eq!(own.rejects, [(Corrupt, Some(second as u64))]);
    let third = 2 * second;
    assert_eq!(own.details, [format!("a header (tar) is damaged; bytes {second} to {third} are lost")]);
    assert_eq!(own.outcome, Partial);

    let (own, members) = run("/a.tar", &whole[..second + 512 + 1000]);
    check_members(&members, &[all("a"), ("b", &text[..1000], Partial, &[Truncated])]);
    assert_eq!(own.reasons(), [Truncated]);

    // Without its end: nobody knows what came.
    let (own, members) = run("/a.tar", &whole[..2 * second]);
    check_members(&members, &[all("a"), all("b")]);
    assert_eq!(own.details, ["the file ends before the tar does, after member 2"]);

    let (own, members) = run("/a.tar", &[&whole[..], b"a signature"].concat());
    assert_eq!((members.len(), own.reasons()), (3, vec![TrailingGarbage]));
    let (own, members) = run("/a.tar", &[&whole[..], &[0; 9000]].concat());
    assert_eq!((members.len(), own.reasons(), own.outcome), (3, vec![], Complete));
    let (own, members) = run("/a.tar", &[&whole[..], &whole].concat());
    assert_eq!((members.len(), own.reasons(), own.outcome), (6, vec![], Complete), "one behind the other");
}

/// A hole in the compression around it: the bytes that are missing are no block's.
#[test]
fn a_damaged_compression_around_a_tar() {
    let text = lines(9_000);
    let tar = tar_of(&[("a", &text), ("b", &text), ("c", b"c\n")]);
    let mut packed = xz_blocks(&tar, 50_000);
    let middle = packed.len() / 4;
    packed[middle..][..24].fill(0);
    let (own, members) = run("/a.tar.xz", &packed);
    let [(a, first), .., (_, last)] = &members[..] else { panic!("{own:?}") };
    assert_eq!((first.outcome, &first.reasons()[..]), (Partial, &[Corrupt][..]), "{}: {:?}", a.path, first.details);
    assert_eq!((last.outcome, last.plain()), (Complete, b"c\n".to_vec()));
    assert_eq!(own.outcome, Partial);
}

/// A zip goes on at the next member, as its own header or a signature says.
#[test]
fn a_damaged_zip() {
    let text = lines(2000);
    let all = |name| (name, &text[..], Complete, &[][..]);
    for how in [Zipped::Deflated, Zipped::Streamed] {
        let whole = zip_of(&[("a", &text, how), ("b", &text, how)]);
        let mut damaged = whole.clone();
        damaged[100..130].fill(0);
        let (own, members) = run("/a.zip", &damaged);
        assert_eq!((members[0].1.outcome, &members[0].1.reasons()[..]), (Partial, &[Corrupt][..]), "{how:?}");
        assert!(text.starts_with(&members[0].1.plain()[..20]));
        check_members(&members[1..], &[all("b")]);
        assert_eq!(own.outcome, Partial);

        let (own, members) = run("/a.zip", &whole[..whole.len() / 2 - 3000]);
        assert_eq!((members.len(), members[0].1.reasons(), own.reasons()), (1, vec![Truncated], vec![Truncated]));

        let (own, members) = run("/a.zip", &[&whole[..], b"a signature"].concat());
        assert_eq!((members.len(), own.reasons()), (2, vec![TrailingGarbage]));
    }
    // Its bytes decode, and are not what they were.
    let mut stored = zip_of(&[("a", b"hello\n", Zipped::Stored), ("b", &text, Zipped::Stored)]);
    stored[32] ^= 1;
    let (_, members) = run("/a.zip", &stored);
    check_members(&members, &[("a", b"hdllo\n", Partial, &[Corrupt]), all("b")]);
    assert_eq!(members[0].1.details, ["its CRC-32 is 0b5a1990, and 363a3020 is stated, at byte 37 of the zip"]);
}

#[test]
fn what_is_not_read_of_a_zip_is_told() {
    let text = lines(200);
    let zip = zip_of(&[
        ("secret", &text, Zipped::Encrypted),
        ("other", &text, Zipped::Method9),
        ("a", &text, Zipped::Deflated),
    ]);
    let (own, members) = run("/a.zip", &zip);
    check_members(&members, &[("a", &text, Complete, &[])]);
    assert_eq!(own.reasons(), [Corrupt, Corrupt]);
    assert!(own.details[0].starts_with("secret: it is encrypted; bytes 36 to "), "{:?}", own.details);
    assert!(own.details[1].starts_with("other: method 9 is not read; bytes "), "{:?}", own.details);
}

/// Each member is within its limit, all of them are not.
#[test]
fn a_bomb_of_many_members() {
    let zeros = vec![0; 200_000];
    let names: Vec<_> = (0..600).map(|n| format!("{n}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), &zeros[..], Zipped::Deflated)).collect();
    let zip = zip_of(&members);
    let plan = Plan { max_ratio: 20, ratio_after_bytes: 1_000_000, ..Plan::default() };
    let (own, members) = run_archive("/a.zip", &zip, plan);
    assert_eq!((own.reasons(), own.outcome), (vec![Bomb], Partial));
    assert!(members.len() < 400, "{}", members.len());
}

#[test]
fn so_many_archives_one_within_the_other() {
    let mut tar = tar_of(&[("a.log", b"a\n")]);
    for depth in 1..6 {
        let (own, members) = run("/a.tar", &tar);
        let opened = if depth < 4 { (Complete, 0) } else { (Partial, 1) };
        let bombs = members.iter().filter(|(_, seen)| seen.reasons() == [Bomb]).count();
        assert_eq!((own.outcome, bombs), opened, "{depth}");
        tar = tar_of(&[("b.tar", &tar)]);
    }
}
