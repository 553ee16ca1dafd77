//! `logmill dry-run`: local files through the very same stages, without Kafka or ClickHouse.

mod chain;
mod csv;
mod explain;
mod input;
mod proposal;
mod reasons;
mod records;
mod report;
mod trial;

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::output::{Printer, escaped};
use crate::rows::{self, Rows};
use anyhow::Result;
use chain::{Batch, Chain};
pub use explain::Asked;
use explain::Explainer;
pub use input::Place;
use input::shown;
use logmill_config::{Config, Planner};
use logmill_core::{FileMeta, Outcome, Stage};
use logmill_distributor::{Channel, Distributor};
use logmill_reencoder::{Explaining, Reencoder};
use report::Report;
use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, mpsc};

/// Runs each file of `paths` and prints its rows, or what is asked for instead; its summary goes to standard error.
///
/// # Errors
/// The place is that of several files.
pub fn run(
    config: &Config,
    paths: &[OsString],
    place: Place<'_>,
    asked: Option<Asked>,
    format: Format,
) -> Result<Verdict, Failure> {
    if place.path.is_some() && paths.len() > 1 {
        return Err(Failure::Usage("--as is the path of one file or folder: run the others by themselves".into()));
    }
    let planner = Planner::new(config).expect("the globs of a checked configuration compile");
    let (to, told) = mpsc::channel();
    let explainer = asked.map(|asked| Explainer::new(config, &planner, asked, format, place.path.is_some(), told));
    Ok(match asked {
        Some(Asked::Explanation) => all(&chain(config, Explaining(to)), paths, place, &planner, format, explainer),
        _ => all(&chain(config, Reencoder), paths, place, &planner, format, explainer),
    })
}

/// The stages of a file's way, with one or the other form of the re-encoder.
fn chain<R: Stage>(config: &Config, reencoder: R) -> Chain<impl Stage, impl Stage, impl Stage> {
    Chain {
        front: logmill_decompressor::Decompressor.then(reencoder),
        distributor: distributor(config),
        splitter: logmill_splitter::Splitter::new(),
    }
}

/// Runs each file of `paths`.
fn all<F: Stage, D: Stage, S: Stage>(
    chain: &Chain<F, D, S>,
    paths: &[OsString],
    place: Place<'_>,
    planner: &Planner,
    format: Format,
    mut explainer: Option<Explainer<'_>>,
) -> Verdict {
    let mut out = Printer::stdout();
    let mut verdict = Verdict::Good;
    for named in paths.iter().map(Path::new) {
        let walked = input::walk(named, &mut |path| {
            if out.is_closed() {
                return Ok(());
            }
            let done = match &mut explainer {
                Some(explainer) => explained(chain, named, path, place, explainer, &mut out),
                None => one(chain, named, path, place, planner, format, &mut out),
            };
            match done {
                Ok(whole) => verdict = verdict.and(Verdict::of(whole)),
                Err(error) => {
                    eprintln!("{}: cannot be read: {error:#}", shown(path.as_os_str()));
                    verdict = Verdict::Bad;
                }
            }
            Ok(())
        });
        if let Err(error) = walked {
            eprintln!("{error:#}");
            verdict = Verdict::Bad;
        }
    }
    // Who closed the pipe has seen enough: what was not read is no failure.
    if out.is_closed() { Verdict::Good } else { verdict }
}

/// The distributor as its program makes it.
fn distributor(config: &Config) -> Distributor {
    let channel = |name: &String| Channel { name: name.clone(), weight: config.channels[name].weight };
    let groups = config.channel_groups.iter();
    let groups = groups.map(|(group, names)| (group.clone(), names.iter().map(channel).collect())).collect();
    // There are no lags here to choose by.
    Distributor::new(groups, logmill_distributor::Choose::Weight)
        .expect("a checked configuration has channels to choose")
}

/// Whether the whole file came through.
fn one<F: Stage, D: Stage, S: Stage, W: Write>(
    chain: &Chain<F, D, S>,
    named: &Path,
    path: &Path,
    place: Place<'_>,
    planner: &Planner,
    format: Format,
    out: &mut Printer<W>,
) -> Result<bool> {
    let input = input::open(named, path, place, planner)?;
    let file = Arc::new(input.meta);
    let mut report = Report::default();
    let (mut members, mut whole) = (String::new(), true);
    let mut rows = |file: &FileMeta, batch| {
        print(file, &batch, format, out)?;
        Ok(!out.is_closed())
    };
    let result = chain.run(&file, input.bytes, &mut report, &mut rows, &mut |member, report, outcome| {
        members.push_str(&report.summary(&member.path, outcome));
        whole &= report.is_whole(outcome);
    });
    out.finish()?;
    if out.is_closed() {
        return Ok(true);
    }
    let outcome = *result.as_ref().unwrap_or(&Outcome::Partial);
    eprint!("{members}{}", report.summary(&file.path, outcome));
    result.map(|outcome| whole && report.is_whole(outcome))
}

/// What is asked for of a file; whether it came through, and that could be given.
fn explained<F: Stage, D: Stage, S: Stage, W: Write>(
    chain: &Chain<F, D, S>,
    named: &Path,
    path: &Path,
    place: Place<'_>,
    explainer: &mut Explainer<'_>,
    out: &mut Printer<W>,
) -> Result<bool> {
    let input = input::open(named, path, place, explainer.planner)?;
    let file = Arc::new(input.meta);
    let mut report = Report::default();
    explainer.begin(&file);
    let (explainer, out) = (RefCell::new(explainer), RefCell::new(out));
    let (mut whole, mut failed) = (true, None);
    let mut rows = |file: &FileMeta, batch: Batch| {
        explainer.borrow_mut().see(file, &batch.payload)?;
        Ok(!out.borrow().is_closed())
    };
    let result = chain.run(&file, input.bytes, &mut report, &mut rows, &mut |member, report, outcome| {
        whole &= report.is_whole(outcome);
        match explainer.borrow_mut().end(member, report, outcome, &mut out.borrow_mut()) {
            Ok(given) => whole &= given,
            Err(error) => failed = Some(error),
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let outcome = *result.as_ref().unwrap_or(&Outcome::Partial);
    let given = explainer.into_inner().end(&file, &report, outcome, out.into_inner())?;
    result.map(|outcome| whole && given && report.is_whole(outcome))
}

/// A row as one JSON object: first what everyone looks for.
#[derive(Serialize)]
struct Row<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<&'a [u8]>,
    line: &'a Value,
    part: &'a Value,
    text: &'a Value,
    encoding: Option<&'a str>,
    #[serde(flatten)]
    rest: rows::Rest<'a>,
}

/// The columns that [`Row`] has itself.
const FIRST: [&str; 4] = ["path", "line", "part", "text"];

fn print<W: Write>(file: &FileMeta, batch: &Batch, format: Format, out: &mut Printer<W>) -> Result<()> {
    let (path, path_bytes, encoding) = (&file.path, file.path_bytes.as_deref(), batch.encoding.as_deref());
    let shown = escaped(path);
    for batch in rows::batches(&batch.payload)? {
        let rows = Rows::of(&batch)?;
        for i in 0..rows.count {
            let (line, part, text) = (&*rows.value("line", i)?, &*rows.value("part", i)?, &*rows.value("text", i)?);
            match format {
                Format::Json => {
                    out.json(&Row { path, path_bytes, line, part, text, encoding, rest: rows.rest(i, &FIRST) })?;
                }
                Format::Text => {
                    let part = if *part == 0 { String::new() } else { format!(".{part}") };
                    let text = escaped(text.as_str().unwrap_or_default());
                    out.line(&format!("{shown}:{line}{part}: {text}"))?;
                }
            }
        }
    }
    Ok(())
}
