//! Damaged zstd, frames after frames, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let frame = |level| zstd::bulk::compress(logmill_fuzz::text().as_bytes(), level).expect("it is compressed");
    [frame(1), frame(9)].concat()
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
