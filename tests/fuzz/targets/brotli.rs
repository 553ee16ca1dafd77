//! Damaged brotli, and anything else of such a name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut all = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut all, 4096, 5, 16);
    encoder.write_all(logmill_fuzz::text().as_bytes()).expect("writing to memory does not fail");
    drop(encoder);
    all
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged_named("/logs/a.br", &SOUND, data));
