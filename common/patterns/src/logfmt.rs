//! Logfmt: `time=2026-11-22T10:00:00Z level=info msg="listening on port 80" port=80`.

use crate::cursor::{Cursor, Lost, Read};
use crate::found::{Found, Known, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::roles::{Best, Roles};
use crate::spec::FieldType::{Bool, Float, Int, Str};
use crate::time::Clock;

static FIELDS: [&Known; 1] = [&SEVERITY];

/// The first line is pairs from its beginning to its end, at least two of them. Behind the first, a key may stand alone, without a
/// value; it is left out. Quoted values come without their escapes, those of Go's libraries and of Rust's: `\"`, `\'`, `\\`, `\n`, `\t`, `\r`,
/// `\x1b`, `\u001b`, `\u{1b}`; any other stands as it is.
#[derive(Debug)]
pub(crate) struct Logfmt(pub Roles);

impl Layout for Logfmt {
    fn name(&self) -> &'static str {
        "logfmt"
    }

    fn begins(&self, byte: u8) -> bool {
        is_of_a_key(byte)
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        let mut best = Best::default();
        let mut pairs = 0;
        loop {
            let key = at.while_(is_of_a_key);
            if key.is_empty() || !is_word(key.of(text)) {
                return Err(Lost { at: key.from(), wanted: "a key" });
            }
            if at.skip(b"=") {
                let value = if at.skip(b"\"") {
                    let quoted = at.quoted("the end of the value")?;
                    unescaped(quoted, text, found)
                } else {
                    at.while_(|byte| !matches!(byte, b' ' | b'\t' | b'"'))
                };
                pairs += 1;
                let bytes = found.bytes(value, text);
                let kind = match bytes {
                    b"true" | b"false" => Bool,
                    [b'-' | b'0'..=b'9', ..] if Int.holds(bytes) => Int,
                    [b'-' | b'0'..=b'9', ..] if bytes.len() < 32 && Float.holds(bytes) => Float,
                    _ => Str,
                };
                let name = key.of(text);
                let kind = self.0.kind(name, kind);
                if found.add_at(key, kind, value) {
                    best.note(self.0.of(name), found.len() - 1);
                }
            } else if pairs == 0 {
                return at.lost("an equals sign after the key");
            }
            if at.blanks() == 0 && !at.is_at_end() {
                return at.lost("a blank after the pair");
            }
            if at.is_at_end() {
                break;
            }
        }
        if pairs < 2 {
            return at.lost("a second pair");
        }
        best.settle(&self.0, text, clock, found);
        Ok(())
    }
}

fn is_of_a_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@') || !byte.is_ascii()
}

/// Whether what is not ASCII in a key are letters and their marks, of any script.
fn is_word(key: &[u8]) -> bool {
    let is_of_it = |char: char| char.is_ascii() || regex_syntax::is_word_character(char);
    key.is_ascii() || std::str::from_utf8(key).is_ok_and(|key| key.chars().all(is_of_it))
}

fn unescaped(value: Span, text: &[u8], found: &mut Found) -> Span {
    let bytes = value.of(text);
    if memchr::memchr(b'\\', bytes).is_none() {
        return value;
    }
    let from = found.scratch.len();
    let mut at = 0;
    while at < bytes.len() {
        match escape(&bytes[at..]) {
            Some((meant, length)) => {
                found.scratch.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            None => {
                found.scratch.push(bytes[at]);
                at += 1;
            }
        }
    }
    Span::scratch(from, found.scratch.len())
}

/// The character that the escape means with which the text begins, and the length of the escape.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    const LONGEST: usize = r"\u{10ffff}".len();
    let [b'\\', kind, rest @ ..] = text else { return None };
    Some(match kind {
        b'n' => ('\n', 2),
        b't' => ('\t', 2),
        b'r' => ('\r', 2),
        b'"' | b'\'' | b'\\' => (char::from(*kind), 2),
        b'x' => (character(rest.get(..2)?).filter(char::is_ascii)?, 4), // above, it is a byte that is no text
        b'u' if rest.first() == Some(&b'{') => {
            let end = text.iter().take(LONGEST).position(|byte| *byte == b'}')?;
            (character(&text[3..end])?, end + 1)
        }
        b'u' => (character(rest.get(..4)?)?, 6),
        _ => return None,
    })
}

/// By its number in hexadecimal.
fn character(digits: &[u8]) -> Option<char> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let number = digits.iter().try_fold(0, |number, byte| Some(16 * number + digit(byte)?))?;
    char::from_u32(number).filter(|_| !digits.is_empty())
}
