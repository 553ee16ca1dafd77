//! `logmill dry-run`: local files through the very same stages, without Kafka or ClickHouse.

mod chain;
mod explain;
mod input;
mod reasons;
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
/// Standard output cannot be written.
pub fn run(
    config: &Config,
    paths: &[OsString],
    cluster: &str,
    asked: Option<Asked>,
    format: Format,
) -> Result<Verdict, Failure> {
    let planner = Planner::new(config).expect("the globs of a checked configuration compile");
    let (to, told) = mpsc::channel();
    let explainer = asked.map(|asked| Explainer::new(config, &planner, asked, format, told));
    Ok(match asked {
        Some(Asked::Explanation) => all(&chain(config, Explaining(to)), paths, cluster, &planner, format, explainer),
        _ => all(&chain(config, Reencoder), paths, cluster, &planner, format, explainer),
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
    cluster: &str,
    planner: &Planner,
    format: Format,
    mut explainer: Option<Explainer<'_>>,
) -> Verdict {
    let mut out = Printer::stdout();
    let mut verdict = Verdict::Good;
    for path in paths {
        let walked = input::walk(Path::new(path), &mut |path| {
            if out.is_closed() {
                return Ok(());
            }
            let done = match &mut explainer {
                Some(explainer) => explained(chain, path, cluster, explainer, &mut out),
                None => one(chain, path, cluster, planner, format, &mut out),
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
    path: &Path,
    cluster: &str,
    planner: &Planner,
    format: Format,
    out: &mut Printer<W>,
) -> Result<bool> {
    let input = input::open(path, cluster, planner)?;
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
    path: &Path,
    cluster: &str,
    explainer: &mut Explainer<'_>,
    out: &mut Printer<W>,
) -> Result<bool> {
    let input = input::open(path, cluster, explainer.planner)?;
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
