//! `logmill dry-run --explain` and `--suggest`: why a file is treated as it is, and a pattern for what none matches.

use super::report::{Report, count};
use super::trial::{Example, Matched, Trial};
use crate::args::Format;
use crate::output::{Printer, escaped};
use crate::rows::{self, Rows};
use anyhow::Result;
use bytes::Bytes;
use logmill_config::{Config, Planner, Reasons, Rule, rule_for};
use logmill_core::{FileMeta, Outcome};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write;

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
    /// Of the file itself, whose plan its members have.
    path: String,
    /// Those that have rows, and are not told of yet.
    trials: Vec<Trial>,
    suggested: usize,
}

/// A file, as JSON.
#[derive(Serialize)]
struct Explained<'a> {
    path: &'a str,
    app: &'a str,
    rules: Vec<String>,
    stages: Vec<String>,
    patterns: Option<&'a [String]>,
    matched: &'a [Matched],
    unmatched: u64,
    examples: &'a [Example],
}

impl<'a> Explainer<'a> {
    pub fn new(config: &'a Config, planner: &'a Planner, asked: Asked, format: Format) -> Self {
        Self { config, planner, asked, format, path: String::new(), trials: Vec::new(), suggested: 0 }
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
        match self.asked {
            Asked::Explanation => self.explain(&trial, report, outcome, out).map(|()| true),
            Asked::Suggestion => self.suggest(&trial, out),
        }
    }

    fn explain<W: Write>(&self, trial: &Trial, report: &Report, outcome: Outcome, out: &mut Printer<W>) -> Result<()> {
        let FileMeta { path, app, cluster, .. } = &trial.file;
        let reasons = self.planner.reasons(cluster, &self.path);
        let mut rules: Vec<String> = Vec::new();
        match reasons.app {
            Some(i) => {
                rules.push(format!(
                    "[[apps]] {}: its path {:?} names the application {app}",
                    i + 1,
                    self.config.apps[i].path
                ));
            }
            None => rules.push("no entry of [[apps]] names its application".into()),
        }
        if let Some(i) = reasons.data_type {
            let named = &self.config.data_types[i];
            rules.push(format!(
                "[[data_types]] {}: its path {:?} names the data type {}",
                i + 1,
                named.path,
                named.data_type
            ));
        }
        if let Some(i) = reasons.encoding {
            rules.push(format!("[[encodings]] {}: says {}", i + 1, self.config.encodings[i].encoding));
        }
        for (i, (rule, other)) in self.config.rules.iter().zip(&reasons.rules).enumerate() {
            rules.push(match other {
                None => format!("[[rules]] {}: holds, and says {}", i + 1, says(rule)),
                Some(scope) => {
                    format!("[[rules]] {}: does not hold: {}", i + 1, self.lost(rule, scope, &trial.file, &reasons))
                }
            });
        }
        if self.format == Format::Json {
            let (named, stages) = (trial.named.as_deref(), report.stages());
            return out.json(&Explained {
                path,
                app,
                rules,
                stages,
                patterns: named,
                matched: &trial.matched,
                unmatched: trial.unmatched,
                examples: &trial.examples,
            });
        }
        out.text(&report.summary(path, outcome))?;
        for rule in &rules {
            out.line(&format!("  rule      {}", escaped(rule)))?;
        }
        out.text(&patterns(trial))
    }

    fn suggest<W: Write>(&mut self, trial: &Trial, out: &mut Printer<W>) -> Result<bool> {
        let path = escaped(&trial.file.path);
        let built_in = trial.matched.iter().max_by_key(|matched| matched.rows).filter(|_| trial.named.is_none());
        if let Some(best) = built_in.filter(|best| 2 * best.rows > trial.rows()) {
            out.line(&format!(
                "# {path}: the built-in pattern {} matches {} of {}",
                best.pattern,
                best.rows,
                count(trial.rows(), "row")
            ))?;
            out.line(&rule_for(&self.path, &[&best.pattern]))?;
            return Ok(true);
        }
        if trial.unmatched == 0 {
            eprintln!("{path}: nothing to propose: every row is matched (--explain says by what)");
            return Ok(true);
        }
        let Some(mut suggestion) = trial.suggestion() else {
            eprintln!(
                "{path}: nothing to propose: {} that no pattern matches have too little in common",
                count(trial.unmatched, "row")
            );
            return Ok(false);
        };
        let plain = suggestion.spec.name.clone();
        loop {
            self.suggested += 1;
            if self.suggested > 1 {
                suggestion.spec.name = format!("{plain}_{}", self.suggested);
            }
            if self.config.patterns.iter().all(|known| known.name != suggestion.spec.name) {
                break;
            }
        }
        let (matched, of) = (suggestion.matched, count(suggestion.of as u64, "row"));
        out.line(&format!("# {path}: matches {matched} of {of} that no other pattern does"))?;
        out.text(&suggestion.toml())?;
        let others = trial.named.iter().flatten().map(String::as_str);
        let patterns: Vec<&str> = others.chain([&*suggestion.spec.name]).collect();
        out.line(&rule_for(&self.path, &patterns))?;
        Ok(true)
    }

    /// Why a rule does not hold for a file.
    fn lost(&self, rule: &Rule, scope: &str, file: &FileMeta, reasons: &Reasons) -> String {
        let data_type = reasons.data_type.map_or("", |i| &self.config.data_types[i].data_type);
        let (glob, is) = match scope {
            "cluster" => (&rule.cluster, &*file.cluster),
            "app" => (&rule.app, &*file.app),
            "data_type" => (&rule.data_type, data_type),
            "min_priority" => return "the rules before it give the file less than its min_priority".into(),
            _ => (&rule.path, &*self.path),
        };
        format!("{scope} is {is:?}, which {:?} does not match", glob.as_deref().unwrap_or_default())
    }
}

/// The keys that a rule sets, with their values.
fn says(rule: &Rule) -> String {
    let Ok(Value::Object(keys)) = serde_json::to_value(rule) else { return String::new() };
    let set =
        keys.iter().filter(|(key, _)| !["cluster", "path", "app", "data_type", "min_priority"].contains(&key.as_str()));
    let set: Vec<String> = set.map(|(key, value)| format!("{key} = {value}")).collect();
    if set.is_empty() { "nothing".into() } else { set.join(", ") }
}

/// Which patterns matched, and in examples why the others did not.
fn patterns(trial: &Trial) -> String {
    let mut text = String::new();
    let _ = match &trial.named {
        Some(names) => writeln!(text, "  patterns  {}", names.join(", ")),
        None => writeln!(text, "  patterns  none is named: time and level alone; of the built-in ones would match"),
    };
    for Matched { form, rows, first_line, .. } in &trial.matched {
        let _ = writeln!(text, "  matched   {} by {form}, the first in line {first_line}", count(*rows, "row"));
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
