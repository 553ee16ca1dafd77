//! Damaged xz, streams after streams, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liblzma::write::XzEncoder;
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for level in [0, 6] {
        let mut encoder = XzEncoder::new(&mut all, level);
        encoder.write_all(logmill_fuzz::text().as_bytes()).expect("writing to memory does not fail");
        encoder.finish().expect("writing to memory does not fail");
    }
    all
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
