//! A configuration file: an error or a configuration, which may then be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logmill_config::{Config, example};
use std::sync::LazyLock;

static SOUND: LazyLock<String> = LazyLock::new(example);

fuzz_target!(|data: &[u8]| {
    let bytes = logmill_fuzz::changed(SOUND.as_bytes(), data);
    let text = String::from_utf8_lossy(&bytes);
    match Config::parse(&text, "fuzz.toml", []) {
        Ok(config) => drop(config.topics()),
        Err(error) => assert!(!error.to_string().is_empty(), "an error says something"),
    }
});
