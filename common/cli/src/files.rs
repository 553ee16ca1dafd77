//! `logmill where` and `logmill reconcile`: what the ledger knows of files.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::lag;
use crate::migrate::database;
use crate::output::{Printer, escaped};
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::{self, FileWay, Options, Reconciliation, Selector, StageWay, Verdict as Judged};
use logmill_config::Config;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Shows the ways of the files that `what` names.
///
/// # Errors
/// ClickHouse does not answer, or there is no such file.
pub fn locate(config: &Config, what: &str, format: Format) -> Result<Verdict, Failure> {
    let database = database(config)?;
    let ways = crate::runtime()?.block_on(ledger::where_file(&database, &Selector::parse(what)));
    let ways = ways.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))?;
    let mut out = Printer::stdout();
    for way in &ways {
        match format {
            Format::Json => out.json(way)?,
            Format::Text => out.text(&page(way))?,
        }
    }
    out.finish()?;
    if ways.is_empty() {
        eprintln!("no file is known as {}: is it spelt as in its cluster, and has a lister seen it?", escaped(what));
    }
    Ok(Verdict::of(!ways.is_empty()))
}

fn page(way: &FileWay) -> String {
    let mut out = String::new();
    let app = if way.app.is_empty() { String::new() } else { format!(", app {}", escaped(&way.app)) };
    let _ = writeln!(out, "{}:{}", escaped(&way.cluster), escaped(&way.path));
    let _ = writeln!(
        out,
        "  file {} load {}, {} bytes of {}{app}",
        way.file_id,
        way.load,
        way.length,
        time(way.modified_ms)
    );
    for stage in &way.stages {
        let _ = writeln!(out, "  {:<13} {}", stage.stage, stage_line(stage));
    }
    let _ = writeln!(out, "  {:<13} {} rows, {} distinct", "table", way.total, way.distinct);
    for reject in &way.rejects {
        let at = reject.at_byte.map(|at| format!(" at byte {at}")).unwrap_or_default();
        let rows = if reject.rows == 0 { String::new() } else { format!(", {} rows", reject.rows) };
        let (stage, reason, detail) = (&reject.stage, &reject.reason, escaped(&reject.detail));
        let _ = writeln!(out, "  rejected      {} by the {stage}: {reason}{at}: {detail}{rows}", time(reject.at_ms));
    }
    if let Some(why) = &way.hidden {
        let _ = writeln!(out, "  hidden        {}", escaped(why));
    }
    out
}

fn stage_line(stage: &StageWay) -> String {
    let mut parts =
        vec![format!("{} +{:.1} s", time(stage.first_ms), seconds(stage.last_ms.saturating_sub(stage.first_ms)))];
    let mut add = |holds: bool, text: String| {
        if holds {
            parts.push(text);
        }
    };
    add(!stage.outcome.is_empty(), stage.outcome.clone());
    // What goes through by chunks is told by the bytes that came.
    let by_chunks = stage.chunks > 0;
    add(by_chunks, format!("{} bytes", stage.bytes_in));
    add(
        !by_chunks && (stage.bytes_in > 0 || stage.bytes_out > 0),
        format!("{} bytes in, {} out", stage.bytes_in, stage.bytes_out),
    );
    add(stage.lines > 0, format!("{} lines", stage.lines));
    add(stage.rows > 0, format!("{} rows", stage.rows));
    add(by_chunks, format!("{} chunks", stage.chunks));
    add(!stage.found.is_empty(), format!("{} ({})", escaped(&stage.found), escaped(&stage.evidence)));
    add(stage.malformed > 0, format!("{} malformed", stage.malformed));
    add(!stage.crc32.is_empty(), format!("CRC-32 {}", stage.crc32));
    add(stage.parked > 0, format!("parked {} times", stage.parked));
    add(!stage.channels.is_empty(), format!("by {}", stage.channels.join(", ")));
    add(!stage.quarantine.is_empty(), format!("quarantined: {}", escaped(&stage.quarantine)));
    parts.join(", ")
}

#[allow(clippy::cast_precision_loss, reason = "seconds for people")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A time as people and programs read it.
pub fn time(millis: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}

/// Judges the files that `paths` name, all when there are none.
///
/// # Errors
/// ClickHouse does not answer.
pub fn reconcile(config: &Config, paths: &[String], settled: bool, format: Format) -> Result<Verdict, Failure> {
    let (all, underway) = judge(config, paths, settled)?;
    let mut out = Printer::stdout();
    let (mut proven, mut failed) = (0, 0);
    for one in &all {
        match &one.verdict {
            Judged::Proven => proven += 1,
            Judged::Failed { .. } => failed += 1,
            Judged::Unfinished { .. } => {}
        }
        match format {
            Format::Json => out.json(one)?,
            Format::Text => out.line(&judged_line(one))?,
        }
    }
    out.finish()?;
    let sum = |of: fn(&Reconciliation) -> u64| all.iter().map(of).sum::<u64>();
    eprintln!(
        "{} files: {proven} proven, {failed} failed, {} unfinished; {} lines, {} rows in the table, {} rejected",
        all.len(),
        all.len() - proven - failed,
        sum(|one| one.lines),
        sum(|one| one.distinct),
        sum(|one| one.rejected),
    );
    let all_proven = proven == all.len();
    if paths.is_empty() || !all_proven {
        underway.iter().for_each(|what| eprintln!("{what}"));
    }
    // Of a file that no stage has opened the ledger knows nothing: its task waits in Kafka.
    let complete = if paths.is_empty() { underway.is_empty() } else { !all.is_empty() };
    Ok(Verdict::of(all_proven && complete))
}

/// What is not in the table is missing once nothing is on its way any more, and late before that: Kafka says which, where
/// the caller does not. With it, a line for each thing that is on its way.
fn judge(config: &Config, paths: &[String], settled: bool) -> Result<(Vec<Reconciliation>, Vec<String>)> {
    if settled {
        return Ok((ask(config, paths, true)?, Vec::new()));
    }
    let underway = underway(config);
    let all = ask(config, paths, underway.is_empty())?;
    let is_failed = |one: &Reconciliation| matches!(one.verdict, Judged::Failed { .. });
    if underway.is_empty() && all.iter().any(is_failed) {
        // A file may have come in between: then it was late after all.
        let since = self::underway(config);
        if !since.is_empty() {
            return Ok((ask(config, paths, false)?, since));
        }
    }
    Ok((all, underway))
}

fn underway(config: &Config) -> Vec<String> {
    match lag::underway(config) {
        Ok(all) => all.iter().map(|what| format!("on its way: {what}")).collect(),
        Err(error) => {
            vec![format!("{error:#}; what is not in the table counts as late, not as missing")]
        }
    }
}

fn ask(config: &Config, paths: &[String], settled: bool) -> Result<Vec<Reconciliation>> {
    let database = database(config)?;
    let selectors: Vec<_> = match paths {
        [] => vec![Selector::All],
        paths => paths.iter().map(|path| Selector::parse(path)).collect(),
    };
    crate::runtime()?.block_on(async {
        let mut all = Vec::new();
        let mut seen = BTreeSet::new();
        for selector in &selectors {
            let options = Options { settled, skip_proven: false };
            let judged = ledger::reconcile(&database, selector, options).await;
            let judged =
                judged.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))?;
            all.extend(judged.into_iter().filter(|one| seen.insert((one.file_id, one.load))));
        }
        Ok(all)
    })
}

fn judged_line(one: &Reconciliation) -> String {
    let place = format!("{}:{} load {}", escaped(&one.cluster), escaped(&one.path), one.load);
    let counts = format!("{} lines, {} rows, {} rejected", one.lines, one.distinct, one.rejected);
    match &one.verdict {
        Judged::Proven if one.expired => {
            format!("ok         {place}: {} lines, proven before; its day has left the table", one.lines)
        }
        Judged::Proven => format!("ok         {place}: {counts}"),
        Judged::Unfinished { waits_for } => format!("unfinished {place}: waits for the {waits_for}; {counts}"),
        Judged::Failed { faults } => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            format!("FAILED     {place}: {}; {counts}", faults.join("; "))
        }
    }
}
