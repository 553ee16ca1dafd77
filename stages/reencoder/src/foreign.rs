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
    /// The line under way has a sequence that tells, ...
    told: bool,
    /// ... or is not UTF-8.
    other: bool,
    /// The beginning of a sequence, at the end of what was read.
    tail: Vec<u8>,
}

impl Scan {
    /// `None` where nothing is looked for.
    pub(crate) fn new(encoding: &Encoding) -> Option<Self> {
        let least = match encoding.family() {
            Family::SingleByte => 0xc2,
            Family::MultiByte => 0xe0,
            Family::Utf8 | Family::Utf16 | Family::Utf32 | Family::Iso2022 | Family::Ebcdic => return None,
        };
        Some(Self { least, told: false, other: false, tail: Vec::new() })
    }

    /// `begin`: the line in which the bytes begin; it is asked for only where a line counts. LF is no byte of a longer
    /// character here, so raw lines are the lines of the text.
    pub(crate) fn read(&mut self, bytes: &[u8], begin: impl Fn() -> u64, foreign: &mut Foreign) {
        let mut at = 0;
        let mut numbered = None; // a place up to which the lines are numbered, and the line there
        while at < bytes.len() {
            if !self.told && !self.other && self.tail.is_empty() {
                at += ascii_len(&bytes[at..]);
            }
            let lf = memchr(b'\n', &bytes[at..]).map(|lf| at + lf);
            self.look(&bytes[at..lf.unwrap_or(bytes.len())]);
            let Some(lf) = lf else { return };
            self.end_line(
                || {
                    let (from, line) = numbered.unwrap_or_else(|| (0, begin()));
                    let line = line + memchr_iter(b'\n', &bytes[from..lf]).count() as u64;
                    numbered = Some((lf, line));
                    line
                },
                foreign,
            );
            at = lf + 1;
        }
    }

    /// The line under way ends, with its LF or with the file. `number`: its number.
    pub(crate) fn end_line(&mut self, number: impl FnOnce() -> u64, foreign: &mut Foreign) {
        if self.told && !self.other && self.tail.is_empty() {
            foreign.add(number());
        }
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

/// How many bytes at the beginning are ASCII. Eight at a time: lines are short, and every one is asked about.
fn ascii_len(bytes: &[u8]) -> usize {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    let high = |word: &[u8; 8]| u64::from_le_bytes(*word) & HIGH;
    match words.iter().position(|word| high(word) != 0) {
        Some(i) => i * 8 + high(&words[i]).trailing_zeros() as usize / 8,
        None => words.len() * 8 + rest.iter().take_while(|byte| byte.is_ascii()).count(),
    }
}
