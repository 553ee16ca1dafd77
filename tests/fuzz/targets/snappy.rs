//! Damaged snappy, streams after streams, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snap::write::FrameEncoder;
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = FrameEncoder::new(Vec::new());
    for line in logmill_fuzz::text().split_inclusive('\n') {
        encoder.write_all(line.as_bytes()).expect("writing to memory does not fail");
        encoder.flush().expect("writing to memory does not fail");
    }
    encoder.into_inner().expect("writing to memory does not fail").repeat(2)
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
