//! `logmill files`: where files stand, and since when.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::files::now_ms;
use crate::migrate::database;
use crate::output::{Printer, escaped};
use crate::waiting::{self, Waiting};
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::Selector;
use logmill_clickhouse::ledger::files::{self, Listed, Listing, State};
use logmill_config::Config;
use logmill_core::{FileId, Load};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// What is printed of a file.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    file: &'a Listed,
    /// Since it came, while it is under way or failed; since it was proven else.
    age_seconds: u64,
}

/// Lists the files that `paths` name, all when there are none, of these states, all when there are none.
///
/// # Errors
/// ClickHouse or Kafka does not answer.
pub fn run(
    config: &Config,
    paths: &[String],
    states: &[String],
    limit: usize,
    format: Format,
) -> Result<Verdict, Failure> {
    let wanted = |state: &State| states.is_empty() || states.iter().any(|name| name == state.name());
    let states: Vec<State> = State::ALL.into_iter().filter(wanted).collect();
    let selector = Selector::any(paths);
    let waits = waiting::tasks(config)?;
    let database = database(config)?;
    let listing = crate::runtime()?.block_on(files::files(&database, &selector, &states, limit));
    let listing = listing.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))?;
    let waits = waits.into_iter().filter(|wait| covers(&selector, wait)).collect();
    let (open, proven, counts) = joined(listing, waits, &states);
    let now = now_ms();
    let mut out = Printer::stdout();
    if format == Format::Text && !(open.is_empty() && proven.is_empty()) {
        out.line(&format!("{:<11} {:>14} {:>12} {:>12}  {}", "STATE", "AGE", "LINES", "ROWS", "FILE"))?;
    }
    for file in open.iter().chain(&proven).take(limit) {
        let line = Line { file, age_seconds: now.saturating_sub(file.since_ms) / 1000 };
        match format {
            Format::Json => out.json(&line)?,
            Format::Text => out.line(&line.text())?,
        }
    }
    out.finish()?;
    let all: u64 = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {}", state.name())).collect();
    if all == 0 {
        eprintln!("no file of that name and state is known");
    } else {
        let shown = u64::try_from(limit).unwrap_or(u64::MAX).min(all);
        let cut = if shown < all { format!("; {shown} of them shown: --limit shows more") } else { String::new() };
        eprintln!("{all} files: {}{cut}", each.join(", "));
    }
    Ok(Verdict::of(all > 0))
}

fn covers(selector: &Selector, wait: &Waiting) -> bool {
    let file = &wait.task.file;
    selector.covers(file.file_id, &file.cluster, &file.path)
}

/// What is under way, oldest first, with the tasks that wait; what is proven; and the counts of both.
pub fn joined(
    listing: Listing,
    waits: Vec<Waiting>,
    states: &[State],
) -> (Vec<Listed>, Vec<Listed>, BTreeMap<State, u64>) {
    let Listing { mut open, proven, mut counts } = listing;
    let tasks: HashSet<(FileId, Load)> =
        waits.iter().map(|wait| (wait.task.file.file_id, wait.task.file.load)).collect();
    // Of a parked file the task says more than the ledger, which has it as begun.
    open.retain(|file| !tasks.contains(&(file.file_id, file.load)));
    open.extend(waits.into_iter().map(of_task).filter(|file| states.contains(&file.state)));
    open.sort_by(|a, b| (a.since_ms, &a.path, a.load).cmp(&(b.since_ms, &b.path, b.load)));
    for file in &open {
        *counts.entry(file.state).or_default() += 1;
    }
    (open, proven, counts)
}

fn of_task(Waiting { task, since_ms }: Waiting) -> Listed {
    let state = if task.resume.is_some() { State::Parked } else { State::Waiting };
    let (file, lines, rows) = (task.file, 0, 0);
    let detail = task.resume.map(|resume| format!("at chunk {}", resume.seq)).unwrap_or_default();
    Listed {
        file_id: file.file_id,
        load: file.load,
        cluster: file.cluster,
        path: file.path,
        state,
        since_ms,
        lines,
        rows,
        detail,
    }
}

impl Line<'_> {
    fn text(&self) -> String {
        let Listed { load, cluster, path, state, lines, rows, detail, .. } = self.file;
        let age = humantime::format_duration(Duration::from_secs(self.age_seconds)).to_string();
        let load = if load.0 == 0 { String::new() } else { format!(" load {load}") };
        let detail = if detail.is_empty() { String::new() } else { format!(": {}", escaped(detail)) };
        format!(
            "{:<11} {age:>14} {lines:>12} {rows:>12}  {}:{}{load}{detail}",
            state.name(),
            escaped(cluster),
            escaped(path)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_core::{FileMeta, Plan, Seq};
    use logmill_protocol::fetch::{Resume, Task};

    fn listed(id: u128, state: State, since_ms: u64) -> Listed {
        let (cluster, path, detail) = ("a".to_owned(), format!("/{id}"), String::new());
        Listed { file_id: FileId(id), load: Load(0), cluster, path, state, since_ms, lines: 1, rows: 0, detail }
    }

    fn wait(id: u128, resume: Option<Resume>, since_ms: u64) -> Waiting {
        let file = FileMeta::new(FileId(id), "a", format!("/{id}"), Plan::default());
        Waiting { task: Task { file, resume }, since_ms }
    }

    #[test]
    fn what_is_under_way_comes_oldest_first_whoever_knows_of_it() {
        let listing = Listing {
            open: vec![listed(1, State::Loading, 10), listed(2, State::Fetching, 20)],
            proven: vec![listed(9, State::Proven, 5)],
            counts: BTreeMap::from([(State::Proven, 7)]),
        };
        let parked = Resume { seq: Seq(3), crc32: 0 };
        let waits = vec![wait(3, None, 15), wait(2, Some(parked), 30)];
        let (open, proven, counts) = joined(listing, waits, &State::ALL);
        let order: Vec<_> = open.iter().map(|file| (file.file_id.0, file.state)).collect();
        assert_eq!(order, [(1, State::Loading), (3, State::Waiting), (2, State::Parked)]);
        assert_eq!((proven.len(), counts[&State::Proven], counts[&State::Parked]), (1, 7, 1));
        assert!(!counts.contains_key(&State::Fetching), "a parked file is not fetched");
    }
}
