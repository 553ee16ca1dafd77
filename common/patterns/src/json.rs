//! JSON lines: one object a record.

use crate::cursor::{Cursor, Lost, Read};
use crate::found::{Found, Known, LONGEST_NAME, MOST_FIELDS, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::roles::{Best, Roles};
use crate::spec::FieldType::{Bool, Float, Int, Str};
use crate::time::Clock;

static FIELDS: [&Known; 1] = [&SEVERITY];

/// Objects in objects are opened so far; deeper ones stay JSON.
const DEPTH: usize = 16;

/// A field's name is its key, behind those of the objects that it is in, with dots between; an array is a value, as it
/// stands; what is null or empty is left out. Strings come without their escapes, all else as it stands.
#[derive(Debug)]
pub(crate) struct Json(pub Roles);

impl Layout for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn begins(&self, byte: u8) -> bool {
        byte == b'{' || is_space(byte)
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let record = line.record;
        let mut reading = Reading { at: Cursor::new(record), roles: &self.0, found, best: Best::default() };
        reading.space();
        reading.at.want(b"{", "an object")?;
        reading.object(None, 1)?;
        reading.space();
        if !reading.at.is_at_end() {
            return reading.at.lost("nothing more behind the object");
        }
        let Reading { found, best, .. } = reading;
        best.settle(&self.0, record, clock, found);
        Ok(())
    }
}

struct Reading<'r> {
    at: Cursor<'r>,
    roles: &'r Roles,
    found: &'r mut Found,
    best: Best,
}

impl Reading<'_> {
    fn space(&mut self) {
        self.at.while_(is_space);
    }

    /// The members of an object; the cursor is behind its brace. `before` is the name so far, with its dot.
    fn object(&mut self, before: Option<Span>, depth: usize) -> Read {
        self.space();
        if self.at.skip(b"}") {
            return Ok(());
        }
        loop {
            self.space();
            self.at.want(b"\"", "a key in quotes")?;
            let key = self.string("the end of the key")?;
            self.space();
            self.at.want(b":", "a colon after the key")?;
            self.space();
            self.value(before, key, depth)?;
            self.space();
            match self.at.peek() {
                Some(b',') => self.at.at += 1,
                Some(b'}') => {
                    self.at.at += 1;
                    return Ok(());
                }
                _ => return self.at.lost("a comma, or the end of the object"),
            }
        }
    }

    fn value(&mut self, before: Option<Span>, key: Span, depth: usize) -> Read {
        let from = self.at.at;
        match self.at.peek() {
            Some(b'"') => {
                self.at.at += 1;
                let value = self.string("the end of the string")?;
                self.field(before, key, Str, value);
            }
            Some(b'{') => {
                // The name with its dot, where it is not too long for anything within it.
                let length = before.map_or(0, Span::len) + key.len() + 1;
                if depth < DEPTH && length < LONGEST_NAME && self.found.len() < MOST_FIELDS {
                    self.at.at += 1;
                    let (fields, scratch) = (self.found.len(), self.found.scratch.len());
                    let name = self.joined(before, key, b".");
                    self.object(Some(name), depth + 1)?;
                    if self.found.len() == fields {
                        self.found.scratch.truncate(scratch); // a million empty objects take no room
                    }
                    return Ok(());
                }
                self.nested()?;
                self.field(before, key, Str, Span::new(from, self.at.at));
            }
            Some(b'[') => {
                self.nested()?;
                self.field(before, key, Str, Span::new(from, self.at.at));
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.at.while_(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
                let text = number.of(self.at.text);
                let is_whole = text.iter().skip(1).all(u8::is_ascii_digit);
                if !text.last().is_some_and(u8::is_ascii_digit) {
                    return self.at.lost("a digit");
                }
                self.field(before, key, if is_whole { Int } else { Float }, number);
            }
            Some(b't' | b'f') => {
                if !self.at.skip(b"true") && !self.at.skip(b"false") {
                    return self.at.lost("true or false");
                }
                self.field(before, key, Bool, Span::new(from, self.at.at));
            }
            Some(b'n') => self.at.want(b"null", "null")?,
            _ => return self.at.lost("a value"),
        }
        Ok(())
    }

    /// Steps over an array, or an object that stays JSON: up to the bracket that closes it.
    fn nested(&mut self) -> Read {
        let mut open = 0_usize;
        loop {
            let rest = self.at.rest();
            let Some(length) = rest.iter().position(|b| matches!(b, b'"' | b'[' | b']' | b'{' | b'}')) else {
                self.at.at = self.at.text.len();
                return self.at.lost("the end of the array or object");
            };
            self.at.at += length + 1;
            match rest[length] {
                b'"' => {
                    self.at.quoted("the end of the string")?;
                }
                b'[' | b'{' => open += 1,
                _ => open -= 1, // the first was one that opens
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    fn field(&mut self, before: Option<Span>, key: Span, kind: crate::FieldType, value: Span) {
        let is_too_long = before.map_or(0, Span::len) + key.len() > LONGEST_NAME;
        if value.is_empty() || is_too_long || self.found.len() == MOST_FIELDS {
            return; // before the name is joined
        }
        let name = if before.is_some() { self.joined(before, key, b"") } else { key };
        let text = self.found.bytes(name, self.at.text);
        let (kind, role) = (self.roles.kind(text, kind), self.roles.of(text));
        if self.found.add_at(name, kind, value) {
            self.best.note(role, self.found.len() - 1);
        }
    }

    fn joined(&mut self, before: Option<Span>, key: Span, after: &[u8]) -> Span {
        let scratch = &mut self.found.scratch;
        let from = scratch.len();
        if let Some(before) = before {
            scratch.extend_from_within(before.from()..before.to());
        }
        match key.is_scratch() {
            true => scratch.extend_from_within(key.from()..key.to()),
            false => scratch.extend_from_slice(key.of(self.at.text)),
        }
        scratch.extend_from_slice(after);
        Span::scratch(from, scratch.len())
    }

    /// A string without its escapes; the cursor is behind its first quote.
    fn string(&mut self, wanted: &'static str) -> Result<Span, Lost> {
        let quoted = self.at.quoted(wanted)?;
        let text = quoted.of(self.at.text);
        if memchr::memchr(b'\\', text).is_none() {
            return Ok(quoted);
        }
        let from = self.found.scratch.len();
        match unescape(text, &mut self.found.scratch) {
            Ok(()) => Ok(Span::scratch(from, self.found.scratch.len())),
            Err(at) => Err(Lost { at: quoted.from() + at, wanted: "an escape of JSON" }),
        }
    }
}

/// RFC 8259, 2.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Resolves the escapes of RFC 8259, 7; or tells where one stands that is none. Half of a surrogate pair is U+FFFD.
fn unescape(text: &[u8], to: &mut Vec<u8>) -> Result<(), usize> {
    let mut at = 0;
    while let Some(length) = memchr::memchr(b'\\', &text[at..]) {
        to.extend_from_slice(&text[at..at + length]);
        at += length;
        let byte = match text.get(at + 1).ok_or(at)? {
            byte @ (b'"' | b'\\' | b'/') => *byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let unit = hex(text, at + 2).ok_or(at)?;
                let second = |at: usize| (text.get(at..at + 2)? == br"\u").then(|| hex(text, at + 2))?;
                let pair = second(at + 6).filter(|low| unit >> 10 == 0x36 && low >> 10 == 0x37);
                let (scalar, length) = match pair {
                    Some(low) => (0x1_0000 + ((unit & 0x3ff) << 10) + (low & 0x3ff), 12),
                    None => (unit, 6),
                };
                let char = char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
                to.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
                continue;
            }
            _ => return Err(at),
        };
        to.push(byte);
        at += 2;
    }
    to.extend_from_slice(&text[at..]);
    Ok(())
}

fn hex(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    digits.iter().try_fold(0, |n, digit| Some(n << 4 | char::from(*digit).to_digit(16)?))
}
