//! Damaged zlib, and anything else that begins so.
#![no_main]

use flate2::Compression;
use flate2::write::ZlibEncoder;
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(logmill_fuzz::text().as_bytes()).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
