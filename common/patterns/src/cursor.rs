//! A place in a line that only goes forward, so that no line takes more than a few passes.

use crate::found::Span;

/// Where a pattern stopped, and what it wanted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Bytes from the beginning of the record.
    pub at: usize,
    pub wanted: &'static str,
}

pub(crate) type Read = Result<(), Lost>;

/// **Invariant:** `at <= text.len()`.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'t> {
    pub text: &'t [u8],
    pub at: usize,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    pub fn lost<T>(&self, wanted: &'static str) -> Result<T, Lost> {
        Err(Lost { at: self.at, wanted })
    }

    /// What is left.
    pub fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Steps over `expected` where it stands.
    pub fn skip(&mut self, expected: &[u8]) -> bool {
        let is_there = self.rest().starts_with(expected);
        self.at += if is_there { expected.len() } else { 0 };
        is_there
    }

    /// Steps over `expected`.
    pub fn want(&mut self, expected: &[u8], wanted: &'static str) -> Read {
        if self.skip(expected) { Ok(()) } else { self.lost(wanted) }
    }

    /// Steps over blanks, tabs among them; says how many.
    pub fn blanks(&mut self) -> usize {
        let from = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.at - from
    }

    /// The bytes up to the next `end`, and steps over that. Loses where none comes.
    #[inline]
    pub fn until(&mut self, end: u8, wanted: &'static str) -> Result<Span, Lost> {
        match memchr::memchr(end, self.rest()) {
            Some(length) => {
                let span = Span::new(self.at, self.at + length);
                self.at += length + 1;
                Ok(span)
            }
            None => self.lost(wanted),
        }
    }

    /// A word: at least one byte, up to a blank or the end. For short ones.
    #[inline]
    pub fn word(&mut self, wanted: &'static str) -> Result<Span, Lost> {
        let span = self.while_(|byte| byte != b' ' && byte != b'\t');
        if span.is_empty() { self.lost(wanted) } else { Ok(span) }
    }

    /// A number: at least one digit.
    #[inline]
    pub fn digits(&mut self, wanted: &'static str) -> Result<Span, Lost> {
        let span = self.while_(|byte| byte.is_ascii_digit());
        if span.is_empty() { self.lost(wanted) } else { Ok(span) }
    }

    #[inline]
    pub fn while_(&mut self, is_of_it: impl Fn(u8) -> bool) -> Span {
        let rest = self.rest();
        let length = rest.iter().position(|&byte| !is_of_it(byte)).unwrap_or(rest.len());
        self.at += length;
        Span::new(self.at - length, self.at)
    }

    /// All that is left.
    pub fn take_rest(&mut self) -> Span {
        let span = Span::new(self.at, self.text.len());
        self.at = self.text.len();
        span
    }

    /// What stands before the `"` that no backslash takes away, and steps over that; the cursor is behind the first `"`.
    pub fn quoted(&mut self, wanted: &'static str) -> Result<Span, Lost> {
        let from = self.at;
        loop {
            let Some(length) = memchr::memchr2(b'"', b'\\', self.rest()) else {
                self.at = from;
                return self.lost(wanted);
            };
            self.at += length;
            if self.text[self.at] == b'"' {
                let span = Span::new(from, self.at);
                self.at += 1;
                return Ok(span);
            }
            self.at = (self.at + 2).min(self.text.len());
        }
    }
}
