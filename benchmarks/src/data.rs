//! Generated logs: no real ones can be passed on. Shaped after those of job schedulers and services, with stack traces,
//! some Chinese, identifiers that do not repeat, and so compressed four to seven times, as real ones are.

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt::Write as _;
use std::io::Write as _;

const CLASSES: [&str; 8] = [
    "c.e.billing.InvoiceService",
    "o.a.h.hdfs.server.datanode.DataNode",
    "c.e.scheduler.JobTracker",
    "c.e.gateway.HttpHandler",
    "o.a.kafka.clients.NetworkClient",
    "c.e.store.BlockCache",
    "c.e.auth.TokenIssuer",
    "c.e.report.Exporter",
];
const MESSAGES: [&str; 8] = [
    "Receiving block blk_{} src: /10.{}.{}.7:50010 dest: /10.{}.{}.9:50010 of size {}",
    "request {} from user u{} took {} ms, status=200 bytes={} trace={:x}",
    "job {} queue={} submitted, waiting for {} nodes, priority {} estimate {} s id {}",
    "作业 {} 已提交到队列 q{}，等待 {} 个节点，优先级 {}，预计 {} 秒 编号 {}",
    "Disconnecting from node {} due to request timeout after {} ms (correlation {} api {} offset {} epoch {})",
    "evicted {} blocks, {} bytes free of {}, hit rate 0.{} loads {} misses {}",
    "用户 u{} 登录成功，来源 10.{}.{}.{}，会话 {} 有效期 {}",
    "export {} finished: rows={} files={} checksum={} duration={}ms part {}",
];
const LEVELS: [&str; 10] = ["INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "WARN", "ERROR"];

/// About `bytes` bytes of lines of Chinese, with a time before each: of characters at random, those of the first
/// level of GB 2312 eight times as often as the rest. The same each time.
#[must_use]
pub fn chinese(bytes: usize) -> String {
    let mut rng = StdRng::seed_from_u64(8);
    let of_rows = |rows: std::ops::RangeInclusive<u8>| {
        let all: Vec<u8> = rows.flat_map(|row| (0xa1..=0xfe_u8).flat_map(move |cell| [row, cell])).collect();
        let text = encoding_rs::GBK.decode(&all).0;
        text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).collect::<Vec<char>>()
    };
    let (common, rare) = (of_rows(0xb0..=0xd7), of_rows(0xd8..=0xf7));
    let mut text = String::with_capacity(bytes + 4096);
    while text.len() < bytes {
        text.push_str("2026-11-22 10:00:00 ");
        for _ in 0..rng.random_range(10..60) {
            let from = if rng.random_range(0..9) < 8 { &common } else { &rare };
            text.push(from[rng.random_range(0..from.len())]);
        }
        text.push('\n');
    }
    text
}

/// About `bytes` bytes of lines, the same each time.
#[must_use]
pub fn log(bytes: usize) -> String {
    let mut rng = StdRng::seed_from_u64(7);
    let mut text = String::with_capacity(bytes + 4096);
    let mut ms: u64 = 36_000_000;
    while text.len() < bytes {
        ms += rng.random_range(0..40);
        let (h, m, s) = (ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1000 % 60);
        let level = LEVELS[rng.random_range(0..LEVELS.len())];
        let class = CLASSES[rng.random_range(0..CLASSES.len())];
        let thread = rng.random_range(0..64);
        let ms = ms % 1000;
        write!(text, "2026-11-22 {h:02}:{m:02}:{s:02},{ms:03} {level:5} [worker-{thread}] {class} - ")
            .expect("writing to memory does not fail");
        let mut message = MESSAGES[rng.random_range(0..MESSAGES.len())];
        while let Some((before, after)) = message.split_once('{') {
            let digits = rng.random_range(1..6);
            let number = rng.random_range(0..10_u64.pow(digits));
            write!(text, "{before}{number}").expect("writing to memory does not fail");
            message = after.split_once('}').map_or(after, |(_, rest)| rest);
        }
        text.push_str(message);
        text.push('\n');
        if level == "ERROR" && rng.random_range(0..4) == 0 {
            for _ in 0..rng.random_range(5..20) {
                let class = CLASSES[rng.random_range(0..CLASSES.len())];
                let line = rng.random_range(10..900);
                writeln!(text, "\tat {class}.process({class}.java:{line})").expect("writing to memory does not fail");
            }
        }
    }
    text
}

/// One member, as `gzip` would write it.
///
/// # Panics
/// Never: it writes to memory.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}
