//! CPU time of whole processes, read where Linux keeps it.

use std::collections::BTreeMap;
use std::fs;

/// What the bench tells apart among its own processes: (name, what its command line has in it).
const KINDS: [(&str, &str); 11] = [
    ("broker", "kafka.Kafka"),
    ("engine", "logmill-stack"),
    ("fetcher", "logmill-fetcher"),
    ("decompressor", "logmill-decompressor"),
    ("reencoder", "logmill-reencoder"),
    ("decoder", "logmill-decoder"),
    ("parser", "logmill-parser"),
    ("ingester", "logmill-ingester"),
    ("distributor", "logmill-distributor"),
    ("splitter", "logmill-splitter"),
    ("loader", "logmill-loader"),
];

/// CPU seconds (user and system) that each kind of this process's descendants has had so far; `self` is this process.
#[must_use]
pub fn cpu() -> BTreeMap<&'static str, f64> {
    let mut sums = BTreeMap::new();
    for (kind, _, seconds) in family() {
        *sums.entry(kind).or_insert(0.0) += seconds;
    }
    sums
}

/// The most memory (MiB) that a process of each kind has had so far.
#[must_use]
pub fn peaks() -> BTreeMap<&'static str, f64> {
    let mut greatest = BTreeMap::new();
    for (kind, pid, _) in family() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = kilobytes.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        let before = greatest.entry(kind).or_insert(0.0_f64);
        *before = before.max(number.unwrap_or(0.0) / 1024.0);
    }
    greatest
}

/// This process and its descendants: kind, id, CPU seconds.
fn family() -> Vec<(&'static str, u32, f64)> {
    let all: BTreeMap<u32, (u32, f64)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect();
    let me = std::process::id();
    let kind = |pid: u32| {
        if pid == me {
            return Some("self");
        }
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|_| descends(pid, me, &all))?;
        let line = String::from_utf8_lossy(&line);
        KINDS.iter().find(|(_, part)| line.contains(part)).map(|(kind, _)| *kind)
    };
    all.iter().filter_map(|(pid, (_, seconds))| Some((kind(*pid)?, *pid, *seconds))).collect()
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
