//! Damaged lz4, frames after frames, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for legacy in [false, true] {
        let info = FrameInfo::new().content_checksum(true).block_mode(BlockMode::Linked).legacy_frame(legacy);
        let mut encoder = FrameEncoder::with_frame_info(info, &mut all);
        for line in logmill_fuzz::text().split_inclusive('\n') {
            encoder.write_all(line.as_bytes()).expect("writing to memory does not fail");
            encoder.flush().expect("writing to memory does not fail");
        }
        encoder.finish().expect("writing to memory does not fail");
    }
    all
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
