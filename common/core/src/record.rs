//! Records of several lines: where one begins.
//!
//! A stack trace is one record: its first line matches the plan's `record_start`, the others do not. The re-encoder cuts
//! its chunks where records begin, the splitter joins a record's lines to one row; both ask [`RecordStart`].

use crate::file::Plan;
use regex::bytes::{Regex, RegexBuilder};
use std::cell::RefCell;

/// Bytes of a pattern at most: it travels in every chunk, with its plan.
pub const PATTERN_BYTES: usize = 1 << 10;
/// Bytes of a line that a pattern is shown, from its beginning: a line of many KiB costs no more than one of so many.
pub const SHOWN_BYTES: usize = 1 << 10;
/// Bytes that a compiled pattern may take: far more than one without large counted repetitions.
const COMPILED_BYTES: usize = 1 << 20;
/// Patterns that a thread keeps compiled.
const KEPT: usize = 64;

/// A pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("has {0} bytes, at most {PATTERN_BYTES} can be")]
    Long(usize),
    /// As the library has it, in several lines: the last one says what is wrong.
    #[error("is not a regular expression: {0}")]
    Wrong(String),
    #[error("would take more than {COMPILED_BYTES} bytes once compiled: its repetitions are too many")]
    Large,
}

/// What a record's first line matches at its beginning: a regular expression over bytes, in which `.`, `\d`, `\w`
/// and `\s` mean ASCII unless it says `(?u)`.
#[derive(Clone, Debug)]
pub struct RecordStart {
    regex: Regex,
}

impl RecordStart {
    /// # Errors
    /// What is wrong with the pattern.
    pub fn new(pattern: &str) -> Result<Self, BadPattern> {
        if pattern.len() > PATTERN_BYTES {
            return Err(BadPattern::Long(pattern.len()));
        }
        let compiled = |pattern: &str| {
            RegexBuilder::new(pattern).unicode(false).size_limit(COMPILED_BYTES).build().map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => BadPattern::Large,
                other => {
                    let text = other.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    BadPattern::Wrong(last.trim_start_matches("error: ").to_owned())
                }
            })
        };
        // By itself first: `a)|(?:b` is none, and must not become one between parentheses.
        compiled(pattern)?;
        Ok(Self { regex: compiled(&format!("^(?:{pattern})"))? })
    }

    /// That of a plan, where it has one; one that cannot be read counts as none: configuration refuses those. What a
    /// thread compiled it keeps, as small files come with the same plan again and again.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        thread_local! {
            static COMPILED: RefCell<Vec<(String, Option<RecordStart>)>> = const { RefCell::new(Vec::new()) };
        }
        let pattern = plan.record_start.as_deref()?;
        COMPILED.with_borrow_mut(|compiled| {
            if let Some((_, start)) = compiled.iter().find(|(known, _)| known == pattern) {
                return start.clone();
            }
            if compiled.len() == KEPT {
                compiled.remove(0);
            }
            let start = Self::new(pattern).ok();
            compiled.push((pattern.to_owned(), start.clone()));
            start
        })
    }

    /// Whether a record begins with this line, which is given without its LF.
    #[must_use]
    pub fn begins(&self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.regex.is_match(&line[..line.len().min(SHOWN_BYTES)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_begins_where_the_pattern_matches_at_the_beginning() {
        for (pattern, line, begins) in [
            (r"\d{4}-\d\d-\d\d", &b"2026-11-22 10:00:00 INFO"[..], true),
            (r"\d{4}-\d\d-\d\d", b" 2026-11-22", false),
            (r"\d{4}-\d\d-\d\d", b"", false),
            (r"\S", b"at x", true),
            (r"\S", b"\tat x", false),
            ("a|b", b"xb", false),
            ("b$", b"b\r", true),
            ("b$", b"b\r\r", false),
            ("", b"anything", true),
            (r"\d", "\u{0663}".as_bytes(), false),
            (r"(?u)\d", "\u{0663}".as_bytes(), true),
            ("错误", "错误：".as_bytes(), true),
            (r"\xff", b"\xff", true),
            ("(?x) a # the letter\n b", b"ab", true),
        ] {
            let start = RecordStart::new(pattern).unwrap_or_else(|e| panic!("{pattern:?} {e}"));
            assert_eq!(start.begins(line), begins, "{pattern:?} {line:?}");
        }
    }

    #[test]
    fn a_long_line_is_looked_at_in_its_beginning() {
        let start = RecordStart::new("a*b").unwrap();
        let line = |n: usize| [&vec![b'a'; n][..], b"b"].concat();
        assert!(start.begins(&line(SHOWN_BYTES - 1)));
        assert!(!start.begins(&line(SHOWN_BYTES)));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let wrong = |pattern: &str| RecordStart::new(pattern).unwrap_err();
        assert_eq!(wrong("[a"), BadPattern::Wrong("unclosed character class".into()));
        assert_eq!(wrong("a)|(?:b"), BadPattern::Wrong("unopened group".into()));
        assert_eq!(wrong(&"a".repeat(PATTERN_BYTES + 1)), BadPattern::Long(PATTERN_BYTES + 1));
        assert_eq!(wrong("(a{1000}){1000}"), BadPattern::Large);
    }

    #[test]
    fn a_plan_s_pattern_is_the_same_however_often_it_is_asked_for() {
        let plan = |pattern: &str| Plan { record_start: Some(pattern.to_owned()), ..Plan::default() };
        assert!(RecordStart::of(&Plan::default()).is_none());
        assert!(RecordStart::of(&plan("[a")).is_none());
        for round in 0..2 * KEPT {
            let start = RecordStart::of(&plan(&format!("{}!", round % (KEPT + 5)))).expect("a pattern");
            assert!(start.begins(format!("{}!", round % (KEPT + 5)).as_bytes()));
            assert!(!start.begins(b"!"));
        }
    }
}
