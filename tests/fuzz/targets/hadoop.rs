//! Damaged blocks of Hadoop's framings, and anything else of such a name: the first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

fn blocks(raw: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let be32 = |n: usize| u32::try_from(n).expect("a small block").to_be_bytes();
    let text = logmill_fuzz::text();
    let block = |text: &[u8]| {
        let data = raw(text);
        [&be32(text.len())[..], &be32(data.len()), &data].concat()
    };
    text.as_bytes().chunks(300).flat_map(block).collect()
}

static SOUND: LazyLock<[(&str, Vec<u8>); 3]> = LazyLock::new(|| {
    [
        ("/logs/a.snappy", blocks(|text| snap::raw::Encoder::new().compress_vec(text).expect("a small block"))),
        ("/logs/a.lz4", blocks(lz4_flex::block::compress)),
        ("/logs/a.lzo_deflate", blocks(|text| lzokay_native::compress(text).expect("a small block"))),
    ]
});

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    let (path, sound) = &SOUND[usize::from(*which) % SOUND.len()];
    logmill_fuzz::damaged_named(path, sound, data);
});
