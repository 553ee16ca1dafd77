//! Damaged raw deflate, and anything else of such a name.
#![no_main]

use flate2::Compression;
use flate2::write::DeflateEncoder;
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(logmill_fuzz::text().as_bytes()).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged_named("/logs/a.deflate", &SOUND, data));
