//! How far a chain is: what is in the tables, and what stands before each stage.

use crate::chain::Chain;
use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// How many lines of each log are shown when nothing moves.
const LAST_WORDS: usize = 5;

/// One look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Files that have come to their end, however often they were loaded.
    pub files: u64,
    pub rows: u64,
    /// Bytes of text in the rows.
    pub bytes: u64,
    /// Records before each stage, in the order of the chain.
    pub lags: Vec<(String, i64)>,
}

/// A line of `logmill lag --format json`: what stands before a stage in one topic.
#[derive(Clone, Debug, Deserialize)]
pub struct Lag {
    pub stage: String,
    pub topic: String,
    pub records: i64,
    /// Why the channel is passed over.
    pub passed_over: Option<String>,
}

const LAG: [&str; 5] = ["lag", "--over", "0", "--format", "json"];

/// What stands before each stage, by topic. Waits for the transactions that are open.
///
/// # Errors
/// `logmill lag` fails.
pub fn lags(chain: &Chain) -> anyhow::Result<Vec<Lag>> {
    let output = chain.logmill(&LAG)?;
    ensure!(output.status.success(), "`logmill lag` failed: {}", String::from_utf8_lossy(&output.stderr));
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(text: &str) -> anyhow::Result<Vec<Lag>> {
    let line = |line: &str| serde_json::from_str(line).with_context(|| format!("`logmill lag` printed {line:?}"));
    text.lines().map(line).collect()
}

/// Records before one stage.
#[must_use]
pub fn before(lags: &[Lag], stage: &str) -> i64 {
    lags.iter().filter(|lag| lag.stage == stage).map(|lag| lag.records).sum()
}

/// Asks for the lags again and again. An answer waits for the transactions that are open, so nobody waits for it.
struct Lags<'a> {
    chain: &'a Chain,
    asking: Option<(Asking, Instant)>,
    /// The last answer, and when it was asked for.
    last: Option<(Vec<(String, i64)>, Instant)>,
}

/// A process that goes when nobody waits for its answer.
struct Asking(Child);

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Lags<'_> {
    /// Takes an answer that has come, and asks anew.
    fn look(&mut self) -> anyhow::Result<()> {
        if let Some((asking, since)) = &mut self.asking {
            let Some(status) = asking.0.try_wait()? else { return Ok(()) };
            let since = *since;
            let (mut text, mut errors) = (String::new(), String::new());
            asking.0.stdout.take().context("it was piped")?.read_to_string(&mut text)?;
            asking.0.stderr.take().context("it was piped")?.read_to_string(&mut errors)?;
            self.asking = None;
            ensure!(status.success(), "`logmill lag` failed: {errors}");
            let lags = parse(&text)?;
            let stages = self.chain.stages().iter();
            self.last = Some((stages.map(|&stage| (stage.to_owned(), before(&lags, stage))).collect(), since));
        }
        let mut command = self.chain.command(&LAG);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("starting `logmill lag`")?;
        self.asking = Some((Asking(child), Instant::now()));
        Ok(())
    }
}

impl Snapshot {
    /// Looks at the tables, and takes what is known of the topics.
    fn take(chain: &Chain, lags: &mut Lags<'_>) -> anyhow::Result<Self> {
        let sql = "SELECT (SELECT uniqExact(file_id) FROM loads), count(), sum(length(text)) FROM rows FORMAT TSV";
        let answer = chain.sql(sql)?;
        let numbers: Vec<u64> = answer.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [files, rows, bytes] = numbers[..] else { bail!("three numbers were asked for: {answer:?}") };
        lags.look()?;
        let lags = lags.last.as_ref().map(|(lags, _)| lags.clone()).unwrap_or_default();
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
    let mut last: Option<Snapshot> = None;
    let mut shown: Option<(Snapshot, Instant)> = None;
    let mut lags = Lags { chain, asking: None, last: None };
    let mut moved = Instant::now();
    // Since when all files are through: lags that were asked for before say nothing of the end.
    let mut ended: Option<Instant> = None;
    loop {
        // A server that is away for a moment is no end.
        match tokio::task::block_in_place(|| Snapshot::take(chain, &mut lags)) {
            Ok(now) => {
                if shown.as_ref().is_none_or(|(_, at)| at.elapsed() >= every) {
                    show(now.line(files, shown.as_ref().map(|(snapshot, at)| (snapshot, at.elapsed()))));
                    shown = Some((now.clone(), Instant::now()));
                }
                if now.files >= files {
                    let ended = *ended.get_or_insert_with(Instant::now);
                    if now.is_done(files) && lags.last.as_ref().is_some_and(|(_, since)| *since > ended) {
                        return Ok(now);
                    }
                }
                if last.as_ref() != Some(&now) {
                    moved = Instant::now();
                }
                last = Some(now);
            }
            Err(error) => show(format!("no answer: {error:#}")),
        }
        let state = || last.as_ref().map_or_else(|| "no answer".into(), |snapshot| snapshot.line(files, None));
        ensure!(
            moved.elapsed() < patience,
            "nothing moved for {patience:?} while waiting for {files} files: {}\n{}",
            state(),
            last_words(&chain.logs())
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// The last lines of each log in a folder.
fn last_words(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let of = |file: &PathBuf| {
        let text = std::fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_WORDS)..].iter().map(|line| format!("  {line}\n"));
        format!("{}:\n{}", file.display(), last.collect::<String>())
    };
    files.iter().map(of).collect()
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
