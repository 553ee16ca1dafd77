//! The patterns of a file tried on its rows, as the splitter tries them, with what each of them says.

use super::records::{self, Beginnings, Start};
use crate::output::escaped;
use logmill_core::{FileMeta, Header};
use logmill_patterns::{Anchor, BuiltIn, Found, PatternSpec, Patterns, Reader, Suggestion, Verdict, suggest};
use serde::Serialize;

/// Rows that no pattern matches of which is told why.
const MOST_LOST: usize = 3;
/// Rows that no pattern matches of which one is proposed.
const MOST_SAMPLED: usize = 1_000;
/// Bytes of such a row, from its beginning.
pub const SAMPLED_BYTES: usize = 4 << 10;
/// Rows that none matches, fewer than which show nothing in common.
const LEAST_SAMPLED: usize = 2;
/// Directives of W3C's extended log files beside `#Fields:` (WD-logfile-960323).
const DIRECTIVES: [&str; 6] = ["#Version:", "#Software:", "#Start-Date:", "#End-Date:", "#Date:", "#Remark:"];
/// Characters of a row, and of what stands where a pattern stopped, that are shown.
const SHOWN: usize = 120;
const SHOWN_THERE: usize = 24;

/// One file's rows, one after the other.
pub struct Trial {
    pub file: FileMeta,
    reader: Reader,
    header: Option<Header>,
    /// The header line that is in force.
    in_force: String,
    found: Found,
    /// The names of the plan's patterns; none where it has none: the built-in ones are tried then.
    pub named: Option<Vec<String>>,
    /// By the forms that matched, in the order in which they first did.
    pub matched: Vec<Matched>,
    /// Rows that say what the others hold, and that no pattern is for: header lines and directives.
    pub headers: u64,
    /// Other rows that none matched.
    pub unmatched: u64,
    /// A row for each form that matched, and some that none did.
    pub examples: Vec<Example>,
    /// Of those that none matched.
    sample: Vec<String>,
    /// The line of the first of these.
    sampled_from: u64,
    beginnings: Beginnings,
}

#[derive(Serialize)]
pub struct Matched {
    pub pattern: String,
    /// Which of the pattern's forms: `nginx error`.
    pub form: String,
    pub rows: u64,
    pub first_line: u64,
}

/// What each pattern says of one row.
#[derive(Serialize)]
pub struct Example {
    pub line: u64,
    pub text: String,
    pub verdicts: Vec<Said>,
}

#[derive(Serialize)]
pub struct Said {
    pub pattern: String,
    pub form: String,
    /// The first that matches has the row.
    pub wins: bool,
    /// Why it does not match, and where.
    pub lost: Option<String>,
    /// Bytes from the beginning of the row.
    pub at_byte: Option<usize>,
}

impl Trial {
    pub fn new(file: &FileMeta) -> Self {
        let (specs, header, named) = match &*file.plan.patterns {
            [] => (PatternSpec::all(), file.plan.header.or(Some(Header::W3c)), None),
            own => (own.to_vec(), file.plan.header, Some(own.iter().map(|spec| spec.name.clone()).collect())),
        };
        let patterns = Patterns::of(&specs).expect("the patterns of a checked configuration compile");
        let modified_ms = i64::try_from(file.modified_ms).unwrap_or(i64::MAX);
        let zone = file.plan.zone().expect("the zone of a checked configuration is known");
        let anchor = Anchor { modified_ms, zone, header: None };
        Self {
            file: file.clone(),
            reader: patterns.reader(&anchor),
            header,
            in_force: String::new(),
            found: Found::new(),
            named,
            matched: Vec::new(),
            headers: 0,
            unmatched: 0,
            examples: Vec::new(),
            sample: Vec::new(),
            sampled_from: 0,
            beginnings: Beginnings::default(),
        }
    }

    /// The next row.
    pub fn row(&mut self, line: u64, part: u64, text: &str) {
        let (head, rest) = text.split_once('\n').unwrap_or((text, ""));
        if part == 0 {
            self.see_header(head, line == 1);
        }
        let is_matched = self.reader.read(text.as_bytes(), &mut self.found);
        let is_header = !is_matched && self.is_header(head, line);
        if !is_header {
            self.beginnings.see(head, part, is_matched);
        }
        if is_matched {
            let (pattern, form) = self.reader.pattern(&self.found);
            match self.matched.iter_mut().find(|known| known.form == form && known.pattern == pattern) {
                Some(known) => known.rows += 1,
                None => {
                    let (pattern, form) = (pattern.to_owned(), form.to_owned());
                    self.matched.push(Matched { pattern, form, rows: 1, first_line: line });
                    self.example(line, text);
                }
            }
        } else if is_header {
            self.headers += 1;
        } else {
            if (self.unmatched as usize) < MOST_LOST {
                self.example(line, text);
            }
            if self.sample.is_empty() {
                self.sampled_from = line;
            }
            if self.sample.len() < MOST_SAMPLED {
                let end = (0..=head.len().min(SAMPLED_BYTES)).rev().find(|end| head.is_char_boundary(*end));
                self.sample.push(head[..end.unwrap_or(0)].to_owned());
            }
            self.unmatched += 1;
        }
        rest.split('\n').for_each(|line| self.see_header(line, false));
    }

    fn see_header(&mut self, line: &str, is_first: bool) {
        if self.header.is_some_and(|header| header.is(line.as_bytes(), is_first)) {
            let is_one = line.len() <= Header::longest(self.file.plan.line_bytes as usize);
            self.reader.set_header(if is_one { line.as_bytes() } else { b"" });
            line.clone_into(&mut self.in_force);
        }
    }

    /// Whether a row that begins so in that line of the file says what the others hold.
    fn is_header(&self, head: &str, line: u64) -> bool {
        match self.header {
            // A part of it too, where it was cut; and it again, as in files that were put together.
            Some(Header::Csv) => line == 1 || head == self.in_force,
            Some(Header::W3c) => {
                Header::W3c.is(head.as_bytes(), false) || DIRECTIVES.iter().any(|name| head.starts_with(name))
            }
            None => false,
        }
    }

    fn example(&mut self, line: u64, text: &str) {
        let mut is_won = false;
        let said = |Verdict { pattern, form, lost }: Verdict| {
            let wins = lost.is_none() && !is_won;
            is_won |= wins;
            let at_byte = lost.as_ref().map(|why| why.at);
            let lost = lost.map(|why| {
                let there = String::from_utf8_lossy(text.as_bytes().get(why.at..).unwrap_or_default()).into_owned();
                match there.is_empty() {
                    true => format!("{why}, and the row ends there"),
                    false => format!("{why}, and there is {:?}", begin(&there, SHOWN_THERE)),
                }
            });
            Said { pattern, form, wins, lost, at_byte }
        };
        let verdicts = self.reader.explain(text.as_bytes()).into_iter().map(said).collect();
        self.examples.push(Example { line, text: escaped(&begin(text, SHOWN)), verdicts });
    }

    /// A pattern for the rows that none matches; where records begin so, for those that do.
    pub fn suggestion(&self, start: Option<&Start>) -> Option<Suggestion> {
        let is_first =
            |row: &&String| start.is_none_or(|start| records::expression(row).as_ref() == Some(&start.expression));
        let sample: Vec<&[u8]> = self.sample.iter().filter(is_first).map(String::as_bytes).collect();
        if sample.len() < LEAST_SAMPLED {
            return None;
        }
        suggest(&sample)
    }

    /// The first lines of the file, where no pattern matches them and none of them is known to be a header.
    pub fn first_lines(&self) -> Option<&[String]> {
        (self.sampled_from == 1 && self.file.plan.header.is_none()).then_some(&self.sample)
    }

    /// How records of several lines begin, where the plan does not say it.
    pub fn start(&self) -> Option<Start> {
        self.file.plan.record_start.as_ref().map_or_else(|| self.beginnings.start(), |_| None)
    }

    /// The patterns that matched, in the order in which built-in ones are tried, each with its rows.
    pub fn by_pattern(&self) -> Vec<(&str, u64)> {
        let mut rows: Vec<(&str, u64)> = Vec::new();
        for Matched { pattern, rows: more, .. } in &self.matched {
            match rows.iter_mut().find(|(known, _)| known == pattern) {
                Some((_, rows)) => *rows += more,
                None => rows.push((pattern, *more)),
            }
        }
        rows.sort_by_key(|(pattern, _)| BuiltIn::ALL.iter().position(|built_in| built_in.name() == *pattern));
        rows
    }

    /// All rows so far that a pattern may be for.
    pub fn rows(&self) -> u64 {
        self.unmatched + self.matched.iter().map(|matched| matched.rows).sum::<u64>()
    }
}

/// So many characters of a text at most.
fn begin(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
