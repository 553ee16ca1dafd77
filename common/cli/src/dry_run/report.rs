//! What became of one file, for people.

use crate::output::escaped;
use logmill_core::{Event, Outcome, Reject};
use std::fmt::Write as _;

/// Gathers what the stages say of one file.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows that came out of the splitter.
    pub rows: u64,
    closed: Vec<(&'static str, Event)>,
    rejects: Vec<(&'static str, Reject)>,
    quarantine: Option<String>,
}

/// Rejects that a summary shows; the rest is counted.
const SHOWN_REJECTS: usize = 10;

impl Report {
    pub fn event(&mut self, stage: &'static str, event: Event) {
        if let Event::Closed { quarantine, .. } = &event {
            if quarantine.is_some() {
                self.quarantine.clone_from(quarantine);
            }
            self.closed.push((stage, event));
        }
    }

    pub fn reject(&mut self, stage: &'static str, reject: Reject) {
        // The bytes are not shown, and a damaged file may have thousands of rejects.
        self.rejects.push((stage, Reject { bytes: bytes::Bytes::new(), ..reject }));
    }

    /// Whether nothing of the file was rejected.
    pub fn is_whole(&self, outcome: Outcome) -> bool {
        self.rejects.is_empty() && outcome == Outcome::Complete
    }

    /// What each stage found, with its evidence.
    pub fn stages(&self) -> Vec<String> {
        let of = |(stage, event): &(&'static str, Event)| {
            let closed = closed(event);
            let evidence = closed.evidence.map(|evidence| format!(" ({evidence})")).unwrap_or_default();
            format!("{}: {}{evidence}", found_by(stage), closed.found.unwrap_or("?"))
        };
        self.closed.iter().map(of).collect()
    }

    /// The summary: one line for the file, one for each stage that decided something, one for each reject.
    pub fn summary(&self, path: &str, outcome: Outcome) -> String {
        let mut out = String::new();
        let malformed: u64 = self.closed.iter().map(|(_, event)| closed(event).malformed).sum();
        let lines: u64 = self.closed.iter().map(|(_, event)| closed(event).lines).sum();
        let verdict = match (self.rejects.len(), outcome) {
            (0, Outcome::Complete) => "complete".to_owned(),
            (0, Outcome::Partial) => "partial".to_owned(),
            (n, _) => format!("partial, {}", count(n as u64, "reject")),
        };
        let _ = writeln!(
            out,
            "{}: {verdict}; {}, {}, {malformed} malformed",
            escaped(path),
            count(lines, "line"),
            count(self.rows, "row")
        );
        for (stage, event) in &self.closed {
            let what = found_by(stage);
            let closed = closed(event);
            let _ = write!(out, "  {what:<9} {}", escaped(closed.found.unwrap_or("?")));
            if let Some(evidence) = closed.evidence {
                let _ = write!(out, " ({})", escaped(evidence));
            }
            let _ = writeln!(out, "; {} bytes in, {} out", closed.bytes_in, closed.bytes_out);
        }
        if let Some(why) = &self.quarantine {
            let _ = writeln!(out, "  hidden    {}", escaped(why));
        }
        for (stage, reject) in self.rejects.iter().take(SHOWN_REJECTS) {
            let at = reject.at_byte.map(|at| format!(" at byte {at}")).unwrap_or_default();
            let _ = writeln!(out, "  reject    {stage}: {}{at}: {}", reject.reason.name(), escaped(&reject.detail));
        }
        if self.rejects.len() > SHOWN_REJECTS {
            let _ = writeln!(out, "  reject    and {} more", self.rejects.len() - SHOWN_REJECTS);
        }
        out
    }
}

/// What a stage finds.
fn found_by(stage: &'static str) -> &'static str {
    match stage {
        "decompressor" => "codec",
        "reencoder" => "encoding",
        other => other,
    }
}

/// The fields of [`Event::Closed`] that a summary shows.
struct Closed<'a> {
    bytes_in: u64,
    bytes_out: u64,
    lines: u64,
    malformed: u64,
    found: Option<&'a str>,
    evidence: Option<&'a str>,
}

fn closed(event: &Event) -> Closed<'_> {
    let Event::Closed { bytes_in, bytes_out, lines, malformed, found, evidence, .. } = event else {
        unreachable!("a report keeps closing events alone")
    };
    Closed {
        bytes_in: *bytes_in,
        bytes_out: *bytes_out,
        lines: *lines,
        malformed: *malformed,
        found: found.as_deref(),
        evidence: evidence.as_deref(),
    }
}

pub fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
