//! How far a chain is: what is in the tables, and what stands before each stage.

use crate::chain::Chain;
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Files that have come to their end.
    pub files: u64,
    pub rows: u64,
    /// Bytes of text in the rows.
    pub bytes: u64,
    /// Records before each stage, in the order of the chain.
    pub lags: Vec<(String, i64)>,
}

/// A line of `logmill lag --format json`.
#[derive(Deserialize)]
struct Lag {
    stage: String,
    records: i64,
}

impl Snapshot {
    /// Looks at the tables and the topics.
    ///
    /// # Errors
    /// A server does not answer.
    pub fn take(chain: &Chain) -> anyhow::Result<Self> {
        let sql = "SELECT (SELECT count() FROM loads FINAL), count(), sum(length(text)) FROM rows FORMAT TSV";
        let answer = chain.sql(sql)?;
        let numbers: Vec<u64> = answer.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [files, rows, bytes] = numbers[..] else { anyhow::bail!("three numbers were asked for: {answer:?}") };
        let lag = chain.logmill(&["lag", "--over", "0", "--format", "json"])?;
        ensure!(lag.status.success(), "`logmill lag` failed: {}", String::from_utf8_lossy(&lag.stderr));
        let mut records: BTreeMap<String, i64> = BTreeMap::new();
        for line in String::from_utf8_lossy(&lag.stdout).lines() {
            let lag: Lag = serde_json::from_str(line).with_context(|| format!("`logmill lag` printed {line:?}"))?;
            *records.entry(lag.stage).or_default() += lag.records;
        }
        let lags = chain.stages().iter().map(|&s| (s.to_owned(), records.get(s).copied().unwrap_or(0))).collect();
        Ok(Self { files, rows, bytes, lags })
    }

    /// Whether `files` files are through, and nothing stands before any stage.
    #[must_use]
    pub fn is_done(&self, files: u64) -> bool {
        self.files >= files && self.lags.iter().all(|(_, records)| *records == 0)
    }

    /// One line for people; `since` is the snapshot that was shown before, and how long ago that was.
    #[must_use]
    pub fn line(&self, files: u64, since: Option<(&Self, Duration)>) -> String {
        let rate = since.map_or(0.0, |(before, ago)| {
            self.bytes.saturating_sub(before.bytes) as f64 / 1e6 / ago.as_secs_f64().max(0.001)
        });
        let lags: Vec<String> = self.lags.iter().map(|(stage, records)| format!("{stage} {records}")).collect();
        let (done, rows, megabytes) = (self.files, self.rows, self.bytes as f64 / 1e6);
        format!("{done}/{files} files  {rows} lines  {megabytes:.0} MB  {rate:.1} MB/s  lag: {}", lags.join(", "))
    }
}

/// Waits until `files` files are through. `show` gets a line every `every`.
///
/// # Errors
/// Nothing has moved for `patience`: what it waited for.
pub async fn wait(
    chain: &Chain,
    files: u64,
    every: Duration,
    patience: Duration,
    mut show: impl FnMut(String),
) -> anyhow::Result<Snapshot> {
    let mut last: Option<(Snapshot, Instant)> = None;
    let mut moved = Instant::now();
    loop {
        // A server that is away for a moment is no end.
        match tokio::task::block_in_place(|| Snapshot::take(chain)) {
            Ok(now) => {
                show(now.line(files, last.as_ref().map(|(snapshot, at)| (snapshot, at.elapsed()))));
                if now.is_done(files) {
                    return Ok(now);
                }
                if last.as_ref().is_none_or(|(snapshot, _)| *snapshot != now) {
                    moved = Instant::now();
                }
                last = Some((now, Instant::now()));
            }
            Err(error) => show(format!("no answer: {error:#}")),
        }
        let state = || last.as_ref().map_or_else(|| "no answer".into(), |(snapshot, _)| snapshot.line(files, None));
        ensure!(
            moved.elapsed() < patience,
            "nothing moved for {patience:?} while waiting for {files} files: {}",
            state()
        );
        tokio::time::sleep(every).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_is_all_files_and_nothing_on_its_way() {
        let at = |files, records| Snapshot { files, lags: vec![("loader".into(), records)], ..Snapshot::default() };
        assert!(at(3, 0).is_done(3));
        assert!(!at(2, 0).is_done(3));
        assert!(!at(3, 1).is_done(3));
    }

    #[test]
    fn a_line_says_how_fast_it_goes() {
        let at = |bytes| Snapshot { files: 1, rows: 7, bytes, lags: vec![("fetcher".into(), 2)] };
        let line = at(6_000_000).line(4, Some((&at(2_000_000), Duration::from_secs(2))));
        assert_eq!(line, "1/4 files  7 lines  6 MB  2.0 MB/s  lag: fetcher 2");
    }
}
