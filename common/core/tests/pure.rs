//! Pure stays pure: a stage and the protocol know bytes and numbers. Whoever reads one must not have to ask what the
//! clock, the network or another thread could do to it, and a simulation can only be believed if there is nothing else.

use std::fs;
use std::path::{Path, PathBuf};

/// What pure code must not name, and what it would bring in.
const FORBIDDEN: [(&str, &str); 12] = [
    ("rdkafka", "Kafka"),
    ("logmill_kafka", "Kafka"),
    ("logmill_runner", "Kafka"),
    ("logmill_clickhouse", "a database"),
    ("hdfs_native", "a store"),
    ("tokio", "an executor"),
    ("std::time", "a clock"),
    ("std::net", "a socket"),
    ("std::fs", "a file system"),
    ("std::thread", "a thread"),
    ("std::env", "the process's environment"),
    ("rand::", "chance"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "main.rs") {
            found.push(path);
        }
    }
}

/// The first forbidden name in a line of code (comments may name what they like).
fn offence(line: &str) -> Option<(&'static str, &'static str)> {
    let code = line.split("//").next().unwrap_or_default();
    let begins_a_word = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    FORBIDDEN.iter().copied().find(|(name, _)| code.match_indices(name).any(|(at, _)| begins_a_word(at)))
}

#[test]
fn pure_crates_name_no_clock_no_network_no_thread() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut offences = Vec::new();
    for folder in [
        "common/core",
        "common/encodings",
        "common/patterns",
        "common/protocol",
        "stages/decompressor",
        "stages/reencoder",
        "stages/decoder",
        "stages/distributor",
        "stages/splitter",
        "stages/parser",
    ] {
        let mut files = Vec::new();
        sources(&root.join(folder).join("src"), &mut files);
        assert!(!files.is_empty(), "{folder} has sources");
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file");
            for (number, line) in text.lines().enumerate() {
                if let Some((name, what)) = offence(line) {
                    offences.push(format!("{}:{}: `{name}` brings in {what}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(offences.is_empty(), "pure code must stay pure:\n{}", offences.join("\n"));
}

#[test]
fn an_offence_is_seen() {
    assert_eq!(offence("use std::time::Instant;").map(|o| o.1), Some("a clock"));
    assert_eq!(offence("// no std::time here"), None);
    assert_eq!(offence("let n = rand::random();").map(|o| o.1), Some("chance"));
    assert_eq!(offence("use strand::Strand;"), None);
}
