//! Damaged bzip2, streams after streams, and anything else that begins so.
#![no_main]

use bzip2::Compression;
use bzip2::write::BzEncoder;
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for level in [1, 9] {
        let mut encoder = BzEncoder::new(&mut all, Compression::new(level));
        encoder.write_all(logmill_fuzz::text().as_bytes()).expect("writing to memory does not fail");
        encoder.finish().expect("writing to memory does not fail");
    }
    all
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
