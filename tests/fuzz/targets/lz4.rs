//! Damaged lz4, frames after frames, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for mode in [BlockMode::Linked, BlockMode::Independent] {
        let info = FrameInfo::new().content_checksum(true).block_checksums(true).block_mode(mode);
        let mut encoder = FrameEncoder::with_frame_info(info, &mut all);
        for line in logmill_fuzz::text().split_inclusive('\n') {
            encoder.write_all(line.as_bytes()).expect("writing to memory does not fail");
            encoder.flush().expect("writing to memory does not fail");
        }
        encoder.finish().expect("writing to memory does not fail");
    }
    // A legacy frame, which the library does not write.
    let block = lz4_flex::block::compress(logmill_fuzz::text().as_bytes());
    all.extend([0x02, 0x21, 0x4c, 0x18]);
    all.extend(u32::try_from(block.len()).expect("a small block").to_le_bytes());
    all.extend(block);
    all
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
