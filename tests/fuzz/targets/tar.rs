//! Damaged tar, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = logmill_fuzz::text();
    let inner = logmill_fuzz::tar_of(&[("c", &text.as_bytes()[..300])]);
    let long = "folder/".repeat(20);
    logmill_fuzz::tar_of(&[("a.log", text.as_bytes()), (&long, b"b\n"), ("c.tar", &inner), ("empty", b"")])
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
