//! Damaged lzma, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liblzma::stream::{LzmaOptions, Stream};
use liblzma::write::XzEncoder;
use std::io::Write as _;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let options = LzmaOptions::new_preset(1).expect("a preset");
    let stream = Stream::new_lzma_encoder(&options).expect("an encoder of a preset");
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(logmill_fuzz::text().as_bytes()).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
