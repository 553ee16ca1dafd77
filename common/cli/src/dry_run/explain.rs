//! `logmill dry-run --explain` and `--suggest`: why a file is treated as it is, and a pattern for what none matches.

use super::input::STDIN;
use super::proposal::{Nothing, Wanting};
use super::reasons::{Setting, Treated, as_object};
use super::report::{Report, count};
use super::trial::{Example, Matched, Trial};
use crate::args::Format;
use crate::output::{Printer, escaped};
use crate::rows::{self, Rows};
use anyhow::Result;
use bytes::Bytes;
use logmill_config::{Config, Planner};
use logmill_core::{FileId, FileMeta, Outcome};
use logmill_reencoder::{Candidate, Lost};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::mpsc::Receiver;

/// What is asked for instead of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Explanation,
    Suggestion,
}

/// The files of one run: an archive's members come before it.
pub struct Explainer<'a> {
    pub config: &'a Config,
    pub planner: &'a Planner,
    pub asked: Asked,
    pub format: Format,
    /// Whether the paths are those in the cluster.
    pub is_placed: bool,
    /// Of the file itself, whose plan its members have.
    path: String,
    /// Those that have rows, and are not told of yet.
    trials: Vec<Trial>,
    /// Why the files that are over are not in other encodings, as the re-encoder tells it, ...
    told: Receiver<(FileId, Vec<Lost>)>,
    /// ... of the file that is told of, and members before it.
    lost: Vec<(FileId, Vec<Lost>)>,
    suggested: usize,
}

/// A file, as JSON.
#[derive(Serialize)]
struct Explained<'a> {
    path: &'a str,
    app: &'a str,
    #[serde(serialize_with = "as_object")]
    plan: &'a [Setting],
    rules: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    stages: Vec<String>,
    other_encodings: Vec<OtherEncodings<'a>>,
    patterns: Option<&'a [String]>,
    matched: &'a [Matched],
    headers: u64,
    unmatched: u64,
    examples: &'a [Example],
}

/// Encodings that a file is not in, for one reason; none of them named: all others.
#[derive(Serialize)]
struct OtherEncodings<'a> {
    encodings: Vec<OtherEncoding<'a>>,
    why: &'a str,
}

#[derive(Serialize)]
struct OtherEncoding<'a> {
    encoding: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_byte: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<i64>,
}

impl<'a> OtherEncodings<'a> {
    fn of(lost: &'a Lost) -> Self {
        let one = |Candidate { encoding, at_byte, score }: &Candidate| OtherEncoding {
            encoding,
            at_byte: *at_byte,
            score: *score,
        };
        Self { encodings: lost.candidates.iter().map(one).collect(), why: &lost.why }
    }
}

impl<'a> Explainer<'a> {
    pub fn new(
        config: &'a Config,
        planner: &'a Planner,
        asked: Asked,
        format: Format,
        is_placed: bool,
        told: Receiver<(FileId, Vec<Lost>)>,
    ) -> Self {
        let (path, trials, lost) = (String::new(), Vec::new(), Vec::new());
        Self { config, planner, asked, format, is_placed, path, trials, told, lost, suggested: 0 }
    }

    /// The next file, with its members.
    pub fn begin(&mut self, file: &FileMeta) {
        self.path.clone_from(&file.path);
    }

    /// Rows of a file: all of one come before those of another that is not within it.
    pub fn see(&mut self, file: &FileMeta, payload: &Bytes) -> Result<()> {
        let known = self.trials.iter().position(|trial| trial.file.file_id == file.file_id);
        let at = known.unwrap_or_else(|| {
            self.trials.push(Trial::new(file));
            self.trials.len() - 1
        });
        for batch in rows::batches(payload)? {
            let rows = Rows::of(&batch)?;
            for i in 0..rows.count {
                let (line, part, text) = (rows.value("line", i)?, rows.value("part", i)?, rows.value("text", i)?);
                let number = |value: &Value| value.as_u64().unwrap_or_default();
                self.trials[at].row(number(&line), number(&part), text.as_str().unwrap_or_default());
            }
        }
        Ok(())
    }

    /// The end of a file: prints what was asked for. Whether that could be given.
    pub fn end<W: Write>(
        &mut self,
        file: &FileMeta,
        report: &Report,
        outcome: Outcome,
        out: &mut Printer<W>,
    ) -> Result<bool> {
        let known = self.trials.iter().position(|trial| trial.file.file_id == file.file_id);
        let trial = known.map_or_else(|| Trial::new(file), |at| self.trials.swap_remove(at));
        self.lost.extend(self.told.try_iter());
        let given = match self.asked {
            Asked::Explanation => self.explain(&trial, report, outcome, out).map(|()| true),
            Asked::Suggestion => self.suggest(&trial, out),
        };
        self.lost.retain(|(of, _)| *of != file.file_id);
        given
    }

    fn explain<W: Write>(&self, trial: &Trial, report: &Report, outcome: Outcome, out: &mut Printer<W>) -> Result<()> {
        let FileMeta { file_id, path, app, .. } = &trial.file;
        let treated = Treated::new(self.config, self.planner, &trial.file, &self.path);
        let (rules, plan) = (treated.entries(), treated.plan());
        let hint = if self.is_placed || !treated.hangs_on_path() { None } else { Some(local(&self.path)) };
        let lost = self.lost.iter().find(|(of, _)| of == file_id).map_or(&[][..], |(_, lost)| lost);
        if self.format == Format::Json {
            let (named, stages) = (trial.named.as_deref(), report.stages());
            return out.json(&Explained {
                path,
                app,
                plan: &plan,
                rules,
                hint,
                stages,
                other_encodings: lost.iter().map(OtherEncodings::of).collect(),
                patterns: named,
                matched: &trial.matched,
                headers: trial.headers,
                unmatched: trial.unmatched,
                examples: &trial.examples,
            });
        }
        out.text(&report.summary(path, outcome))?;
        for lost in lost {
            out.line(&format!("  not in    {}: {}", candidates(lost), escaped(&lost.why)))?;
        }
        for line in Setting::lines(&plan) {
            out.line(&format!("  plan      {}", escaped(&line)))?;
        }
        for rule in &rules {
            out.line(&format!("  rule      {}", escaped(rule)))?;
        }
        if let Some(hint) = hint {
            out.line(&format!("  hint      {hint}"))?;
        }
        out.text(&patterns(trial))
    }

    fn suggest<W: Write>(&mut self, trial: &Trial, out: &mut Printer<W>) -> Result<bool> {
        let wanting = Wanting { config: self.config, trial, path: &self.path, is_placed: self.is_placed };
        match wanting.propose(&mut self.suggested) {
            Ok(proposal) if self.format == Format::Json => out.json(&proposal)?,
            Ok(proposal) => out.text(&proposal.toml)?,
            Err(Nothing { why, is_well }) => {
                eprintln!("{}: nothing to propose: {why}", escaped(&trial.file.path));
                return Ok(is_well);
            }
        }
        Ok(true)
    }
}

/// What to do where rules were judged by a local path.
fn local(path: &str) -> &'static str {
    match path {
        STDIN => "standard input has no path, and rules go by that in the cluster: --as PATH says it",
        path if path.starts_with('/') => {
            "the path is the local one, rules go by that in the cluster: --as PATH says it"
        }
        _ => "the path is the local one, rules go by that in the cluster, which begins with /: --as PATH says it",
    }
}

/// Encodings that a file is not in, for people.
fn candidates(lost: &Lost) -> String {
    let shown = |Candidate { encoding, at_byte, score }: &Candidate| match (at_byte, score) {
        (Some(at), _) => format!("{encoding} (byte {at})"),
        (None, Some(score @ 1..)) => format!("{encoding} (score {score})"),
        (None, _) => (*encoding).to_owned(),
    };
    match &*lost.candidates {
        [] => "any other".into(),
        some => some.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

/// Which patterns matched, and in examples why the others did not.
fn patterns(trial: &Trial) -> String {
    let mut text = String::new();
    if trial.named.is_none() {
        text += "  patterns  none is named: time and level alone; of the built-in ones would match\n";
    }
    for Matched { form, rows, first_line, .. } in &trial.matched {
        let _ = writeln!(text, "  matched   {} by {form}, the first in line {first_line}", count(*rows, "row"));
    }
    if trial.headers > 0 {
        let _ = writeln!(
            text,
            "  matched   {} by none: header lines, which say what the others hold",
            count(trial.headers, "row")
        );
    }
    if trial.unmatched > 0 {
        let _ = writeln!(text, "  matched   {} by none", count(trial.unmatched, "row"));
    }
    for example in &trial.examples {
        let _ = writeln!(text, "\nline {}: {}", example.line, example.text);
        let width = example.verdicts.iter().map(|said| said.form.len()).max().unwrap_or_default();
        for said in &example.verdicts {
            let verdict = match (&said.lost, said.wins) {
                (Some(why), _) => escaped(why),
                (None, true) => "wins".into(),
                (None, false) => "would match too, but comes later".into(),
            };
            let _ = writeln!(text, "  {:<width$}  {verdict}", said.form);
        }
    }
    text + "\n"
}
