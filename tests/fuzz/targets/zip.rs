//! Damaged zip, and anything else that begins so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logmill_fuzz::zipped;
use std::sync::LazyLock;

/// Stored, deflated, and deflated with its lengths behind it; then the end.
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = logmill_fuzz::text();
    let tar = logmill_fuzz::tar_of(&[("c", &text.as_bytes()[..300])]);
    let mut zip = zipped("a.log", text.as_bytes(), 8, false);
    zip.extend(zipped("b.log", text.as_bytes(), 8, true));
    zip.extend(zipped("c.tar", &tar, 0, false));
    zip.extend(b"PK\x05\x06");
    zip.extend([0; 18]);
    zip
});

fuzz_target!(|data: &[u8]| logmill_fuzz::damaged(&SOUND, data));
