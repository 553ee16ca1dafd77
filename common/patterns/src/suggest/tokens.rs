//! A line as tokens: what stands in it, by kinds.

use crate::level::Level;
use crate::time::{Clock, epoch};
use crate::time_format::TimeFormat;
use crate::{FieldType, Zone};
use std::sync::LazyLock;

/// Of a line no more is looked at, in bytes.
const LONGEST: usize = 2048;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Which of [`TIMES`].
    Time(usize),
    Level,
    Ip,
    Int,
    Float,
    Word,
    /// In double quotes.
    Quoted,
    /// In square brackets, and more than one token.
    Square,
    /// `key=value`, by its key.
    Pair(String),
    Space,
    Mark(char),
}

impl Kind {
    /// Whether what the part of this kind reads is of `other` too.
    pub fn holds(&self, other: &Kind) -> bool {
        match self {
            Kind::Float => matches!(other, Kind::Int | Kind::Float),
            Kind::Word => matches!(other, Kind::Int | Kind::Float | Kind::Ip | Kind::Level | Kind::Word),
            _ => self == other,
        }
    }
}

#[derive(Debug)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
}

/// What a word is, as short as what follows lets it.
pub(super) const WORD: &str = r#"[^\s\[\](){}<>"'|=,;]+?"#;

/// A form of times.
pub(super) struct Form {
    pub regex: &'static str,
    /// Where it is none of the usual ones.
    pub format: Option<&'static str>,
}

/// The first four are those of [`Clock`], in the order in which they are tried; the last is a count of seconds or milliseconds.
pub(super) const TIMES: [Form; 8] = [
    Form {
        regex: r"\d{2}(?:\d{2})?[-/]\d{2}[-/]\d{2}[ T_]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?: ?(?:Z|(?:UTC|GMT)(?:[+-]\d{1,2}(?::?\d{2})?)?|[+-]\d{2}:?\d{2})|[+-]\d{2})?",
        format: None,
    },
    Form { regex: r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}", format: None },
    Form { regex: r"[A-Z][a-z]{2} [ \d]?\d \d{2}:\d{2}:\d{2}(?:[.,]\d+)?", format: None },
    Form { regex: r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}(?:[.,]\d+)? \d{4}", format: None },
    Form { regex: r"\d{2}\.\d{2}\.\d{4} \d{2}:\d{2}:\d{2}", format: Some("%d.%m.%Y %H:%M:%S") },
    Form { regex: r"\d{2}-[A-Z][a-z]{2}-\d{4} \d{2}:\d{2}:\d{2}", format: Some("%d-%b-%Y %H:%M:%S") },
    Form { regex: r"\d{8} \d{2}:\d{2}:\d{2}", format: Some("%Y%m%d %H:%M:%S") },
    Form { regex: r"\d{10}(?:\.\d+|\d{3})?", format: None },
];

/// How long a time with a format of its own is, up to its second.
const LENGTHS: [(usize, usize); 3] = [(4, 19), (5, 20), (6, 17)];

fn time(text: &str) -> Option<(usize, usize)> {
    static FORMATS: LazyLock<Vec<TimeFormat>> = LazyLock::new(|| {
        let format = |&(form, _): &(usize, usize)| TIMES[form].format.expect("it has a format of its own");
        LENGTHS.iter().map(|of| TimeFormat::new(format(of)).expect("a form of a time")).collect()
    });
    let bytes = text.as_bytes();
    let mut clock = Clock::new(0, Zone::UTC);
    let iso = clock.iso(bytes, 0).map(|t| t.1);
    let of_clock =
        [iso, clock.clf(bytes, 0).map(|t| t.1), clock.bsd(bytes, 0).map(|t| t.1), clock.asctime(bytes, 0).map(|t| t.1)];
    if let Some((form, end)) = of_clock.into_iter().enumerate().find_map(|(form, end)| Some((form, end?))) {
        return Some((form, end));
    }
    for (&(form, length), format) in LENGTHS.iter().zip(&*FORMATS) {
        if bytes.get(..length).is_some_and(|part| format.read(part).is_some()) {
            return Some((form, length + fraction(&bytes[length..])));
        }
    }
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = digits + bytes[digits..].iter().take_while(|byte| **byte == b'.' || byte.is_ascii_digit()).count();
    let is_count = matches!(digits, 10 | 13) && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (is_count && epoch(&bytes[..end]).is_some()).then_some((7, end))
}

/// The bytes of a fraction of a second, with what stands before its digits; 0 where there is none.
fn fraction(text: &[u8]) -> usize {
    let Some((b'.' | b',', rest)) = text.split_first() else { return 0 };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let goes_on = rest.get(digits).is_some_and(u8::is_ascii_alphanumeric);
    if (1..=9).contains(&digits) && !goes_on { 1 + digits } else { 0 }
}

/// The tokens of a line, one behind the other without a gap.
pub(super) fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut end = line.len().min(LONGEST);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let line = &line[..end];
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut has_time = false;
    while at < line.len() {
        let rest = &line[at..];
        let (kind, length) = match time(rest).filter(|_| !has_time && is_beginning(line, at)) {
            Some((form, length)) => {
                has_time = true;
                (Kind::Time(form), length)
            }
            None => next(rest),
        };
        tokens.push(Token { kind, text: &line[at..at + length] });
        at += length;
    }
    tokens
}

/// Whether a word may begin here.
fn is_beginning(line: &str, at: usize) -> bool {
    !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':'))
}

fn next(rest: &str) -> (Kind, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        return (Kind::Space, rest.len() - rest.trim_start().len());
    }
    match first {
        '"' => match quoted(rest) {
            Some(length) => (Kind::Quoted, length),
            None => (Kind::Mark('"'), 1),
        },
        '[' => match rest.find(']') {
            // A single token in brackets is itself, between two marks.
            Some(end) if is_single(&rest[1..end]) => (Kind::Mark('['), 1),
            Some(end) if !rest[1..end].contains('[') => (Kind::Square, end + 1),
            _ => (Kind::Mark('['), 1),
        },
        _ => {
            let length = rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len());
            if length > 0 && rest[length..].starts_with('=') && !rest[..length].contains(':') {
                let value = &rest[length + 1..];
                let end = match value.starts_with('"') {
                    true => quoted(value),
                    false => Some(
                        value
                            .find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '"'))
                            .unwrap_or(value.len()),
                    ),
                };
                if let Some(end) = end {
                    return (Kind::Pair(rest[..length].to_owned()), length + 1 + end);
                }
            }
            let word = rest[..length].trim_end_matches([':', '.']);
            if word.is_empty() { (Kind::Mark(first), first.len_utf8()) } else { (of_word(word), word.len()) }
        }
    }
}

fn is_of_a_word(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(c, '[' | ']' | '(' | ')' | '{' | '}' | '<' | '>' | '"' | '\'' | '|' | '=' | ',' | ';')
}

fn of_word(word: &str) -> Kind {
    let bytes = word.as_bytes();
    if FieldType::Int.holds(bytes) && !word.starts_with('+') {
        Kind::Int
    } else if word.contains('.')
        && !word.starts_with(['+', '.'])
        && word.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
        && FieldType::Float.holds(bytes)
    {
        Kind::Float
    } else if FieldType::Ip.holds(bytes) {
        Kind::Ip
    } else if Level::of(bytes).is_some() {
        Kind::Level
    } else {
        Kind::Word
    }
}

fn is_single(inner: &str) -> bool {
    match time(inner) {
        Some((_, length)) => length == inner.len(),
        None => !inner.is_empty() && inner.chars().all(is_of_a_word) && !inner.ends_with([':', '.']),
    }
}

/// How long what is in quotes is, with them.
fn quoted(rest: &str) -> Option<usize> {
    let mut cursor = crate::cursor::Cursor::new(rest.as_bytes());
    cursor.at = 1;
    cursor.quoted("").ok().map(|_| cursor.at)
}
