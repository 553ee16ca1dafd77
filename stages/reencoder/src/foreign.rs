//! Lines in another encoding than their file's: they are decoded as the others are, counted, and the first one is
//! named.
//!
//! In a file of UTF-8 these are the lines with malformed sequences. In one of a legacy encoding that extends ASCII,
//! those that are UTF-8 as they came ([`Scan`]). Other encodings are not looked at: there ASCII itself would be
//! foreign.

use logmill_encodings::{Encoding, Family};
use memchr::{memchr, memchr_iter};

/// How many there are, and which is the first; lines are numbered from 1, and come in order.
#[derive(Default)]
pub(crate) struct Foreign {
    lines: u64,
    first: u64,
    last: u64,
}

impl Foreign {
    /// Counts a line, once.
    pub(crate) fn add(&mut self, line: u64) {
        if line > self.last {
            self.lines += 1;
            self.last = line;
        }
        if self.first == 0 {
            self.first = line;
        }
    }

    pub(crate) fn explain(&self, evidence: &mut String) {
        let Self { lines, first, .. } = self;
        match lines {
            0 => {}
            1 => evidence.push_str(&format!("; 1 line in another encoding: line {first}")),
            _ => evidence.push_str(&format!("; {lines} lines in another encoding, the first is line {first}")),
        }
    }
}

/// Looks for lines of UTF-8 in the bytes of a file of another encoding.
///
/// A line counts if it is valid and has a sequence that tells: of two bytes or more where the file's encoding has one
/// byte a character; of three or more where it has several, as two characters of such an encoding happen to be
/// sequences of two.
pub(crate) struct Scan {
    /// The least first byte of a sequence that tells.
    least: u8,
    line: u64,
    /// The line under way has a sequence that tells, ...
    told: bool,
    /// ... or is not UTF-8.
    other: bool,
    /// The beginning of a sequence, at the end of what was read.
    tail: Vec<u8>,
}

impl Scan {
    /// `line`: in which the bytes to come begin. `None` where nothing is looked for.
    pub(crate) fn new(encoding: &Encoding, line: u64) -> Option<Self> {
        let least = match encoding.family() {
            Family::SingleByte => 0xc2,
            Family::MultiByte => 0xe0,
            Family::Utf8 | Family::Utf16 | Family::Utf32 | Family::Iso2022 | Family::Ebcdic => return None,
        };
        Some(Self { least, line, told: false, other: false, tail: Vec::new() })
    }

    /// LF is no byte of a longer character here, so raw lines are the lines of the text.
    pub(crate) fn read(&mut self, mut bytes: &[u8], foreign: &mut Foreign) {
        while !bytes.is_empty() {
            if !self.told && !self.other && self.tail.is_empty() {
                let (ascii, rest) = bytes.split_at(encoding_rs::Encoding::ascii_valid_up_to(bytes));
                self.line += memchr_iter(b'\n', ascii).count() as u64;
                bytes = rest;
            }
            let lf = memchr(b'\n', bytes);
            self.look(&bytes[..lf.unwrap_or(bytes.len())]);
            let Some(lf) = lf else { return };
            self.end_line(foreign);
            bytes = &bytes[lf + 1..];
        }
    }

    /// The line under way ends, with its LF or with the file.
    pub(crate) fn end_line(&mut self, foreign: &mut Foreign) {
        if self.told && !self.other && self.tail.is_empty() {
            foreign.add(self.line);
        }
        self.line += 1;
        (self.told, self.other) = (false, false);
        self.tail.clear();
    }

    /// Looks at bytes within a line.
    fn look(&mut self, mut bytes: &[u8]) {
        while !self.other && !self.tail.is_empty() && !bytes.is_empty() {
            self.tail.push(bytes[0]);
            bytes = &bytes[1..];
            let tail = std::mem::take(&mut self.tail);
            self.take(&tail);
        }
        if !self.other {
            self.take(bytes);
        }
    }

    /// Bytes that begin with a character.
    fn take(&mut self, bytes: &[u8]) {
        let valid = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => {
                self.other = true;
                return;
            }
        };
        self.told |= bytes[..valid].iter().any(|byte| *byte >= self.least);
        self.tail.extend_from_slice(&bytes[valid..]);
    }
}
