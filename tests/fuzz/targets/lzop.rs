//! Damaged files of lzop, members after members, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// As lzop 1.04 writes them.
static SOUND: &[u8] = include_bytes!("../../../stages/decompressor/tests/files/lzop-two-members.lzo");

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(SOUND, data));
