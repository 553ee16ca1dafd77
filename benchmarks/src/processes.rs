//! CPU time of whole processes, read where Linux keeps it.

use std::collections::BTreeMap;
use std::fs;

/// What the bench tells apart among its own processes: (name, what its command line has in it).
const KINDS: [(&str, &str); 9] = [
    ("broker", "kafka.Kafka"),
    ("engine", "logmill-stack"),
    ("fetcher", "logmill-fetcher"),
    ("decompressor", "logmill-decompressor"),
    ("reencoder", "logmill-reencoder"),
    ("decoder", "logmill-decoder"),
    ("distributor", "logmill-distributor"),
    ("splitter", "logmill-splitter"),
    ("loader", "logmill-loader"),
];

/// CPU seconds (user and system) that each kind of this process's descendants has had so far; `self` is this process.
#[must_use]
pub fn cpu() -> BTreeMap<&'static str, f64> {
    let all: BTreeMap<u32, (u32, f64)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect();
    let me = std::process::id();
    let mut sums = BTreeMap::new();
    for (pid, (_, seconds)) in &all {
        if *pid == me {
            *sums.entry("self").or_insert(0.0) += seconds;
        } else if descends(*pid, me, &all) {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            if let Some((kind, _)) = KINDS.iter().find(|(_, part)| line.contains(part)) {
                *sums.entry(*kind).or_insert(0.0) += seconds;
            }
        }
    }
    sums
}

fn descends(mut pid: u32, from: u32, all: &BTreeMap<u32, (u32, f64)>) -> bool {
    while let Some((parent, _)) = all.get(&pid) {
        if *parent == from {
            return true;
        }
        pid = *parent;
    }
    false
}

/// The parent and the CPU seconds of a process (proc(5), fields 4, 14 and 15; ticks of a hundredth of a second).
fn stat(pid: u32) -> Option<(u32, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, but it ends at the last parenthesis.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((fields.get(1)?.parse().ok()?, ticks / 100.0))
}
