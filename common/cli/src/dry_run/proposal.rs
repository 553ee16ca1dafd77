//! What `logmill dry-run --suggest` proposes for a file.

use super::csv;
use super::input::STDIN;
use super::records::Start;
use super::report::count;
use super::trial::Trial;
use crate::output::escaped;
use logmill_config::{Config, rule_for};
use logmill_patterns::Suggestion;
use serde::Serialize;

/// An addition to the configuration.
#[derive(Serialize)]
pub struct Proposal {
    path: String,
    /// Those of the rule.
    patterns: Vec<String>,
    /// Rows that the proposed pattern matches, of those that it is for.
    matched: u64,
    of: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_start: Option<String>,
    /// Rows that there are with `record_start`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    /// As it is written into the configuration.
    pub toml: String,
}

/// Why nothing is proposed.
pub struct Nothing {
    pub why: String,
    /// Nothing is wanted either.
    pub is_well: bool,
}

/// A file for which something is proposed.
pub struct Wanting<'a> {
    pub config: &'a Config,
    pub trial: &'a Trial,
    /// By which rules go: of a member that of its archive.
    pub path: &'a str,
    /// Whether that is the path in its cluster.
    pub is_placed: bool,
}

/// The patterns of a rule, and what is said of them.
struct Choice {
    about: String,
    /// Without `own`.
    patterns: Vec<String>,
    own: Option<Suggestion>,
    matched: u64,
    of: u64,
}

impl Choice {
    /// A pattern behind those that are named; a built-in one as it is needs no more than its name.
    fn new(about: String, mut patterns: Vec<String>, proposed: Suggestion) -> Self {
        let (matched, of) = (proposed.matched as u64, proposed.of as u64);
        let is_plain = proposed.spec.regex.is_none() && proposed.spec.like.is_none();
        if is_plain {
            patterns.push(proposed.spec.name.clone());
        }
        Self { about, patterns, own: (!is_plain).then_some(proposed), matched, of }
    }
}

impl Wanting<'_> {
    /// Built-in patterns that match most rows, else one for those that none matches; where records have several lines, also how they
    /// begin. `suggested` counts the patterns of one's own.
    pub fn propose(&self, suggested: &mut usize) -> Result<Proposal, Nothing> {
        let start = self.trial.start();
        let Choice { about, mut patterns, mut own, matched, of } = self.choose(start.as_ref())?;
        if let Some(own) = &mut own {
            self.rename(own, suggested);
            patterns.push(own.spec.name.clone());
        }
        let path = &self.trial.file.path;
        let mut toml = format!("# {}: {about}", escaped(path));
        if let Some(start) = &start {
            toml += &format!("; with record_start, which joins the lines of a record: {}", count(start.rows, "row"));
        }
        toml.push('\n');
        if let Some(own) = &own {
            toml += &own.toml();
        }
        toml += &self.rule(&patterns);
        if let Some(start) = &start {
            toml += &format!("record_start = '{}'\n", start.expression);
        }
        if own.is_some_and(|own| own.has_zones()) && self.trial.file.plan.zone_name.is_none() {
            toml += "# zone = \"Europe/Berlin\"   # set it: the abbreviation behind the time is a field alone\n";
        }
        let rows = start.as_ref().map(|start| start.rows);
        let record_start = start.map(|start| start.expression);
        Ok(Proposal { path: path.clone(), patterns, matched, of, record_start, rows, toml })
    }

    /// The patterns of the rule. Records of several lines begin by `start`.
    fn choose(&self, start: Option<&Start>) -> Result<Choice, Nothing> {
        let trial = self.trial;
        let nothing = |why: String, is_well| Err(Nothing { why, is_well });
        let rows = trial.rows();
        if rows + trial.headers == 0 {
            return nothing("it has no row".into(), true);
        }
        if let Some(choice) = self.built_in(start.map_or(rows, |start| start.rows)) {
            return Ok(choice);
        }
        if trial.unmatched == 0 {
            let but = if trial.headers > 0 { " but header lines" } else { "" };
            return nothing(format!("every row{but} is matched (--explain says by what)"), true);
        }
        let patterns = trial.named.clone().unwrap_or_default();
        if !patterns.is_empty() && start.is_some_and(|start| start.is_matched) {
            let matched = rows - trial.unmatched;
            let about = format!("its patterns match {matched} of {}", count(rows, "row"));
            return Ok(Choice { about, patterns, own: None, matched, of: rows });
        }
        if let Some(csv) = trial.first_lines().and_then(csv::suggest) {
            let about = format!(
                "CSV, the first line taken for its header: csv matches {} of {}",
                csv.matched,
                count(csv.of as u64, "row")
            );
            return Ok(Choice::new(about, patterns, csv));
        }
        let Some(own) = trial.suggestion(start) else {
            let why = match trial.unmatched {
                1 => "1 row that no pattern matches is too little to go by".into(),
                rows => format!("{rows} rows that no pattern matches have too little in common"),
            };
            return nothing(why, false);
        };
        let (matched, rows) = (own.matched, count(own.of as u64, "row"));
        let about = match start {
            Some(_) => format!("matches {matched} of {rows} that begin with a time and no other pattern matches"),
            None => format!("matches {matched} of {rows} that no other pattern does"),
        };
        Ok(Choice::new(about, patterns, own))
    }

    /// Where no pattern is named: the built-in one that matches more than half of so many rows, or all that do so together.
    fn built_in(&self, rows: u64) -> Option<Choice> {
        let all = if self.trial.named.is_none() { self.trial.by_pattern() } else { Vec::new() };
        let best = all.iter().position(|(_, matched)| 2 * matched > rows);
        let all = best.map_or(&all[..], |best| &all[best..=best]);
        let matched = all.iter().map(|(_, matched)| matched).sum();
        let patterns: Vec<String> = all.iter().map(|(pattern, _)| (*pattern).to_owned()).collect();
        let of = self.trial.rows();
        let (names, share) = (patterns.join(", "), format!("{matched} of {}", count(of, "row")));
        let about = match patterns.len() {
            1 => format!("the built-in pattern {names} matches {share}"),
            _ => format!("the built-in patterns {names} match {share}"),
        };
        (2 * matched > rows).then_some(Choice { about, patterns, own: None, matched, of })
    }

    /// A name that no other pattern has.
    fn rename(&self, own: &mut Suggestion, suggested: &mut usize) {
        let plain = own.spec.name.clone();
        loop {
            *suggested += 1;
            if *suggested > 1 {
                own.spec.name = format!("{plain}_{suggested}");
            }
            if self.config.patterns.iter().all(|known| known.name != own.spec.name) {
                return;
            }
        }
    }

    /// The rule up to its patterns. Where the path in the cluster is not known, its glob is over the name alone.
    fn rule(&self, patterns: &[String]) -> String {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let (note, path) = match name {
            _ if self.is_placed => ("", self.path),
            STDIN => ("   # set it: standard input has none (or say --as)", "/path/in/the/cluster"),
            name => ("   # in any folder: set the path in the cluster (or say --as)", name),
        };
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let rule = rule_for(path, &patterns);
        match rule.rsplit_once('\n') {
            Some((path, patterns)) => format!("{path}{note}\n{patterns}\n"),
            None => rule,
        }
    }
}
