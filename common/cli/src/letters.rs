//! `logmill dlq replay` and `logmill dlq drop`: dead letters are dealt with.

use crate::args::{Format, Letters};
use crate::dlq;
use crate::exit::{Failure, Verdict};
use crate::files::time;
use crate::migrate::database;
use crate::output::{Printer, escaped};
use crate::replay;
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::Selector;
use logmill_clickhouse::ledger::letters::{Filter, Letter, drop_letters, waiting};
use logmill_config::Config;
use logmill_core::FileId;
use std::collections::BTreeMap;

/// Loads the files of the letters again.
///
/// # Errors
/// A place is none, or as [`replay::replay`].
pub fn replay(config: &Config, which: &Letters, format: Format) -> Result<Verdict, Failure> {
    let letters = select(config, which)?;
    let (known, unknown): (Vec<&Letter>, Vec<&Letter>) =
        letters.iter().partition(|letter| letter.whole != FileId::default());
    for letter in &unknown {
        eprintln!(
            "{}/{}: nothing says of which file it is, so there is nothing to load",
            letter.partition, letter.offset
        );
    }
    // A member of an archive is loaded with it, under the name that is known of either.
    let files: BTreeMap<FileId, String> =
        known.iter().map(|letter| (letter.whole, format!("{}:{}", letter.cluster, letter.path))).collect();
    let verdict = Verdict::of(!letters.is_empty() && unknown.is_empty());
    if files.is_empty() {
        return Ok(verdict);
    }
    eprintln!("{} letters of {} files", known.len(), files.len());
    Ok(verdict.and(replay::replay_ids(config, &files, format)?))
}

/// Marks the letters as seen.
///
/// # Errors
/// A place is none, or ClickHouse does not answer.
pub fn drop_seen(
    config: &Config,
    which: &Letters,
    (who, why): (&str, &str),
    format: Format,
) -> Result<Verdict, Failure> {
    if why.trim().is_empty() {
        return Err(Failure::Usage("--why is empty: say why nobody has to look at these letters any more".into()));
    }
    let letters = select(config, which)?;
    let places: Vec<_> = letters.iter().map(|letter| (letter.partition, letter.offset)).collect();
    let database = database(config)?;
    let dropped =
        crate::runtime()?.block_on(drop_letters(&database, &config.topics().dead_letters(), &places, who, why));
    dropped.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))?;
    let mut out = Printer::stdout();
    for letter in &letters {
        match format {
            Format::Json => out.json(letter)?,
            Format::Text => {
                let Letter { partition, offset, stage, reason, cluster, path, .. } = letter;
                let path = escaped(path);
                out.line(&format!(
                    "dropped {partition}/{offset} {} {stage} {reason} {cluster}:{path}",
                    time(letter.at_ms)
                ))?;
            }
        }
    }
    out.finish()?;
    Ok(Verdict::of(!letters.is_empty()))
}

/// The letters that are meant and wait.
fn select(config: &Config, which: &Letters) -> Result<Vec<Letter>, Failure> {
    let places = which.places.iter().map(|place| dlq::at(place)).collect::<Result<Vec<_>, _>>()?;
    let filter = Filter {
        topic: config.topics().dead_letters(),
        places,
        reason: which.reason.clone(),
        selector: which.path.as_deref().map_or(Selector::All, Selector::parse),
    };
    let database = database(config)?;
    let letters = crate::runtime()?.block_on(waiting(&database, &filter));
    let letters = letters.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))?;
    let missing = filter.places.iter().filter(|place| !letters.iter().any(|l| (l.partition, l.offset) == **place));
    for (partition, offset) in missing {
        eprintln!(
            "{partition}/{offset} does not fit: it was dealt with (`logmill dlq list --all` says how), is not in the \
             ledger yet, or is none"
        );
    }
    if letters.is_empty() {
        eprintln!("no letter fits that waits for somebody");
    }
    Ok(letters)
}
