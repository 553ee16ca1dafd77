//! The first law, over every codec: nothing depends on how the input was cut, whatever is wrong with it. (The second, that
//! nothing depends on where the process died, follows from it for a stage without a clock or a random number: what is decoded
//! again is the same bytes, cut in another way. tests/laws holds both for the chain.)

use crate::named::NAMED;
use crate::pack::*;
use crate::seen::*;
use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{End, FileMeta, Output, Plan};
use logmill_decompressor::Decompressor;
use lz4_flex::frame::BlockMode;
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::Arc;

/// Every codec, with a name that suggests it where it needs one.
pub(crate) fn all() -> Vec<(&'static str, &'static str, Pack)> {
    let by_content: [(&str, Pack); 10] = [
        ("gzip", gzip),
        ("zstd", zstd),
        ("bzip2", bzip2),
        ("xz", xz),
        ("lzma", lzma),
        ("lz4", lz4),
        ("lz4-legacy", lz4_legacy),
        ("snappy", snappy),
        ("zlib", zlib),
        ("lzop", lzop),
    ];
    let by_name = NAMED.into_iter().filter(|named| named.1 != "zlib").map(|(path, codec, pack)| (codec, path, pack));
    by_content.into_iter().map(|(codec, pack)| (codec, "/logs/a.log", pack)).chain(by_name).collect()
}

/// Several ways to write one codec, all of which are read.
fn ways() -> Vec<(&'static str, Pack)> {
    let more: [(&str, Pack); 12] = [
        ("a.tar", tar_of_three),
        ("a", |text| gzip(&tar_of_three(text))),
        ("a", |text| tar_of(&[("a.zip", &zip_of_three(text)), ("b.tar.gz", &gzip(&tar_of_three(text)))])),
        ("a", zip_of_three),
        ("a", |text| zip_of(&[("a.gz", &gzip(text), Zipped::Stored), ("b", text, Zipped::Streamed)])),
        ("a", |text| {
            zip_of(&[("a", text, Zipped::Encrypted), ("b", text, Zipped::Method9), ("c", text, Zipped::Stored)])
        }),
        ("a", |text| xz_blocks(text, 3000)),
        ("a", |text| lz4_frame(text, |info| info.block_mode(BlockMode::Independent).block_checksums(true))),
        ("a", |text| text.chunks(2000).flat_map(gzip).collect()),
        ("a.snappy", |text| hadoop_one_block(text, raw_snappy)),
        ("a", |text| gzip(&gzip(text))),
        ("a", |text| zstd(&bzip2(&text.chunks(3000).flat_map(gzip).collect::<Vec<_>>()))),
    ];
    all().into_iter().map(|(_, path, pack)| (path, pack)).chain(more).collect()
}

fn tar_of_three(text: &[u8]) -> Vec<u8> {
    let (a, b) = text.split_at(text.len() / 3);
    tar_of(&[("a.log", a), (&format!("{}/b.gz", "long/".repeat(30)), &gzip(b)), ("empty", b"")])
}

fn zip_of_three(text: &[u8]) -> Vec<u8> {
    let (a, b) = text.split_at(text.len() / 3);
    let folder = ("folder/", &b""[..], Zipped::Stored);
    zip_of(&[("a.log", a, Zipped::Deflated), folder, ("folder/b", b, Zipped::Streamed), ("empty", b"", Zipped::Stored)])
}

fn outputs(file: &Arc<FileMeta>, pieces: &[&[u8]], end: Option<End>, budget: usize) -> Vec<Output> {
    let mut outputs = Vec::new();
    let mut run = Run::with_budget(&Decompressor, file, budget);
    pieces.iter().for_each(|piece| run.push(Bytes::copy_from_slice(piece), |output| outputs.push(output)));
    if let Some(end) = end {
        run.end(end, |output| outputs.push(output));
    }
    outputs
}

/// What may be wrong with a file.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Change(Index, u8),
    Zeros(Index, usize),
    Cut(Index),
    Without(Index, usize),
    Behind(&'static [u8]),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::None),
        (any::<Index>(), 1u8..).prop_map(|(at, by)| Damage::Change(at, by)),
        (any::<Index>(), 1usize..3000).prop_map(|(at, n)| Damage::Zeros(at, n)),
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), 1usize..300).prop_map(|(at, n)| Damage::Without(at, n)),
        prop_oneof![Just(&[0; 700][..]), Just(&b"signature"[..])].prop_map(Damage::Behind),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let length = bytes.len();
    match damage {
        Damage::None => {}
        Damage::Change(at, by) => bytes[at.index(length)] ^= by,
        Damage::Zeros(at, n) => bytes[at.index(length)..].iter_mut().take(*n).for_each(|byte| *byte = 0),
        Damage::Cut(at) => bytes.truncate(at.index(length)),
        Damage::Without(at, n) => drop(bytes.drain(at.index(length)..(at.index(length) + n).min(length))),
        Damage::Behind(more) => bytes.extend_from_slice(more),
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_depends_on_how_the_input_was_cut(
        way in any::<Index>(),
        n in 1usize..600,
        damage in proptest::collection::vec(damage(), 1..3),
        cuts in proptest::collection::vec(any::<Index>(), 0..40),
        upto in any::<Index>(),
        plain_bytes in prop_oneof![Just(1u32), 2u32..3000],
        max_bytes in prop_oneof![9 => Just(1u64 << 40), 1 => Just(20_000)],
        budget in prop_oneof![Just(1usize), 1usize..5000],
        bytewise in any::<bool>(),
    ) {
        let (path, pack) = *way.get(&ways());
        let input = damage.iter().fold(pack(&lines(n)), damaged);
        prop_assume!(!input.is_empty());
        let file = named(path, input.len(), Plan { plain_bytes, max_bytes, ..Plan::default() });
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).chain([0, input.len()]).collect();
        if bytewise {
            at = (0..=input.len()).collect();
        }
        at.sort_unstable();
        let pieces: Vec<_> = at.windows(2).map(|two| &input[two[0]..two[1]]).collect();
        let want = outputs(&file, &[&input], Some(End::Complete), usize::MAX);
        let got = outputs(&file, &pieces, Some(End::Complete), budget);
        prop_assert!(want == got, "{}", difference(&want, &got));
        // A prefix ends as a parked file does: nothing is flushed, the output so far is all that there is.
        let upto = upto.index(pieces.len() + 1);
        let one = outputs(&file, &[&pieces[..upto].concat()], None, usize::MAX);
        let many = outputs(&file, &pieces[..upto], None, budget);
        prop_assert!(one == many, "after a prefix: {}", difference(&one, &many));
        prop_assert!(want.starts_with(&many), "a prefix is no prefix: {}", difference(&want, &many));
    }
}

fn difference(want: &[Output], got: &[Output]) -> String {
    let n = want.iter().zip(got).take_while(|(a, b)| a == b).count();
    format!("output {n} of {} was in one piece {:?}, and is {:?}", want.len(), want.get(n), got.get(n))
}
