//! How the first lines of records begin, told by lines: those of a record all begin with a time of one form.

use std::fmt::Write as _;

/// Bytes of a line within which its time ends.
const LONGEST: usize = 40;
/// Lines that begin records, fewer than which show nothing.
const LEAST: u64 = 2;
/// The expression for a time of day.
const CLOCK: &str = r"\d\d:\d\d:\d\d";

/// The lines of a file: those that begin with a time, which may begin records, and the others.
#[derive(Default)]
pub struct Beginnings {
    /// How the first ones begin.
    expression: Option<String>,
    /// Whether some begin with a time of another form.
    is_mixed: bool,
    timed: Lines,
    others: Lines,
    /// All others before the first that begins with a time.
    before: u64,
    /// Parts of long lines but the first ones: rows of their own in any case.
    parts: u64,
}

#[derive(Default)]
struct Lines {
    count: u64,
    /// Those that a pattern matches.
    matched: u64,
    /// Empty ones too.
    indented: u64,
}

/// How records begin.
pub struct Start {
    /// A `record_start`.
    pub expression: String,
    /// Rows that there are with it: what stands before the first record is one too.
    pub rows: u64,
    /// Whether a pattern matches all that begin so.
    pub is_matched: bool,
}

impl Beginnings {
    /// The next line, or another part of it; whether a pattern matches it.
    pub fn see(&mut self, line: &str, part: u64, is_matched: bool) {
        if part > 0 {
            self.parts += 1;
            return;
        }
        let expression = expression(line);
        let lines = if expression.is_some() { &mut self.timed } else { &mut self.others };
        lines.count += 1;
        lines.matched += u64::from(is_matched);
        lines.indented += u64::from(line.is_empty() || line.starts_with([' ', '\t']));
        match (&self.expression, expression) {
            (None, None) => self.before += 1,
            (None, first) => self.expression = first,
            (Some(first), Some(next)) => self.is_mixed |= *first != next,
            (Some(_), None) => {}
        }
    }

    /// How records begin, where some have several lines: those that begin with a time, if all of these do so in one form, and no pattern
    /// matches another line. Where patterns do not match the most of them, a third of the others is to be indented, as traces are.
    pub fn start(&self) -> Option<Start> {
        let Self { expression, is_mixed, timed, others, before, parts } = self;
        let joined = others.count - before;
        let is_told = 2 * timed.matched > timed.count || 3 * others.indented >= joined;
        let is_clear = !is_mixed && others.matched == 0 && timed.count >= LEAST;
        (is_clear && is_told && joined > 0).then(|| Start {
            expression: expression.clone().unwrap_or_default(),
            rows: u64::from(*before > 0) + timed.count + parts,
            is_matched: timed.matched == timed.count,
        })
    }
}

/// An expression for the beginning of a line up to the second of its time, where it begins with one.
pub fn expression(line: &str) -> Option<String> {
    let bytes = &line.as_bytes()[..line.len().min(LONGEST)];
    let mut expression = String::new();
    let mut at = 0;
    while !expression.ends_with(CLOCK) {
        let rest = &bytes[at..];
        at += match *rest.first()? {
            b'0'..=b'9' => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                match digits {
                    1 | 2 => expression += &r"\d".repeat(digits),
                    _ => write!(expression, r"\d{{{digits}}}").expect("writing to memory does not fail"),
                }
                digits
            }
            mark @ (b' ' | b'-' | b'/' | b':' | b',' | b'_') => {
                expression.push(char::from(mark));
                1
            }
            mark @ (b'[' | b'(' | b'.' | b'|') => {
                expression.extend(['\\', char::from(mark)]);
                1
            }
            b'T' if rest.get(1)?.is_ascii_digit() => {
                expression.push('T');
                1
            }
            // A month or a day of the week.
            b'A'..=b'Z' if rest[1..].iter().take_while(|byte| byte.is_ascii_lowercase()).count() == 2 => {
                expression += "[A-Z][a-z]{2}";
                3
            }
            _ => return None,
        };
    }
    Some(expression)
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_core::RecordStart;

    /// The rows that there are with what is proposed for lines, each with whether a pattern matches it.
    fn rows(lines: &[(&str, bool)]) -> Option<u64> {
        let mut beginnings = Beginnings::default();
        lines.iter().for_each(|(line, is_matched)| beginnings.see(line, 0, *is_matched));
        beginnings.start().map(|start| start.rows)
    }

    #[test]
    fn records_are_told_by_patterns_or_by_traces() {
        let [first, other, trace] = ["10:00:00 x", "2026-11-22 10:00:00 x", "\tat x"];
        assert_eq!(rows(&[(first, true), ("x", false), (first, true)]), Some(2));
        assert_eq!(rows(&[("x", false), ("x", false), (first, true), ("x", false), (first, true)]), Some(3));
        assert_eq!(rows(&[(first, false), (trace, false), (first, false)]), Some(2));
        for lines in [
            &[(first, true), (first, true)][..],
            &[("x", false), (first, true), (first, true)],
            &[(first, true), (trace, false)],
            &[(first, true), (trace, false), ("{}", true), (first, true)],
            &[(first, true), (trace, false), (other, false), (first, true)],
            &[(first, false), ("x", false), (first, false)],
            &[],
        ] {
            assert_eq!(rows(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn lines_begin_with_a_time() {
        for (line, wanted) in [
            ("2026-11-22 10:00:00,004 ERROR", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
            ("[2026-11-22T10:00:00Z] x", r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
            ("22.11.2026 10:00:00.123 | INFO", r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d"),
            ("22/Nov/2026:10:00:00 +0000", r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d"),
            ("Sun Nov 22 10:00:00 2026", r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d"),
            ("10:00:00.123 [main] INFO", r"\d\d:\d\d:\d\d"),
        ] {
            assert_eq!(expression(line).as_deref(), Some(wanted), "{line}");
            assert!(RecordStart::new(wanted).expect("it is valid").begins(line.as_bytes()), "{line}");
        }
        for line in
            ["", "\tat a.B(C.java:17)", "Caused by: x", "2026-11-22", "10.0.0.1 - - x", "Nov", "T", "order 10:00:00"]
        {
            assert_eq!(expression(line), None, "{line}");
        }
    }
}
