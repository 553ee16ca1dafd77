//! Cuts text into chunks of whole lines.
//!
//! The rules, which make the cuts a function of the text alone. A line of more than `line_bytes` bytes (its LF not
//! counted) is cut into parts of at most so many, at the boundaries of characters; a chunk ends after each part that is
//! not its line's last. Otherwise a chunk takes lines as long as they end within `text_bytes` of its beginning, and at
//! least one; where the plan says how records begin, it gives back the last record that begins in it, unless it begins
//! with it. It is pushed as soon as the text that follows leaves no choice.
//!
//! So a chunk begins with a record, but after a record that is longer than a chunk, or has a line that is too long: there it
//! begins with the rest of that one.

use crate::header::HeaderLine;
use bytes::Bytes;
use logmill_core::{LineSpan, Out, Plan, Product, RecordStart};
use memchr::{memchr_iter, memrchr};

/// The longest character of UTF-8.
const LONGEST_CHARACTER: usize = 4;
/// Room behind a chunk's longest text, for what is being looked at.
pub(crate) const SLACK: usize = 256;
/// Text is checked and decoded in pieces that stay in a core's own cache.
const PIECE: usize = 128 << 10;

/// The text that is not yet in a chunk, and the number of its first line.
pub(crate) struct Cutter {
    text_bytes: usize,
    line_bytes: usize,
    start: Option<RecordStart>,
    /// Of the chunks that were pushed.
    header: HeaderLine,
    /// Begins where the chunk under way begins. The first `valid` bytes are UTF-8; what stands behind them is the
    /// beginning of a character, or bytes that are just being looked at.
    pub(crate) text: Vec<u8>,
    pub(crate) valid: usize,
    /// The line, from 1, and the part in which `text` begins.
    line: u64,
    part: u32,
    /// Units ([`LineSpan`]) and bytes pushed.
    rows: u64,
    bytes: u64,
    /// What the file's encoding is taken for, in small letters: the chunks' header for people. UTF-8 until it is decided.
    pub(crate) encoding: String,
}

/// Where a chunk ends, from the beginning of the text.
#[derive(Clone, Copy)]
enum Cut {
    /// Behind a line: there is no room for the next.
    Line(usize),
    /// Within a line.
    Part(usize),
    /// Where the file ends.
    File(usize),
}

impl Cut {
    fn end(self) -> usize {
        match self {
            Cut::Line(end) | Cut::Part(end) | Cut::File(end) => end,
        }
    }
}

/// What came out of a file.
pub(crate) struct Totals {
    pub(crate) lines: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The first header line that is too long to go with the chunks.
    pub(crate) long_header: Option<u64>,
}

impl Cutter {
    pub(crate) fn new(plan: &Plan) -> Self {
        let line_bytes = (plan.line_bytes as usize).max(LONGEST_CHARACTER);
        Self {
            text_bytes: (plan.text_bytes as usize).max(line_bytes),
            line_bytes,
            start: RecordStart::of(plan),
            header: HeaderLine::new(plan, line_bytes),
            text: Vec::new(),
            valid: 0,
            line: 1,
            part: 0,
            rows: 0,
            bytes: 0,
            encoding: "utf-8".to_owned(),
        }
    }

    /// How many bytes may be put behind the valid ones before the next [`Cutter::cut`]: some, and few enough that little
    /// stands behind a chunk's end.
    pub(crate) fn room(&mut self) -> usize {
        if self.text.capacity() == 0 {
            self.text.reserve_exact(self.text_bytes + SLACK);
        }
        (self.text_bytes + 1).saturating_sub(self.valid).clamp(LONGEST_CHARACTER, PIECE)
    }

    /// The line, from 1, at a place in the text.
    pub(crate) fn line(&self, at: usize) -> u64 {
        self.line + memchr_iter(b'\n', &self.text[..at]).count() as u64
    }

    /// Pushes what is decided. Whatever stands behind the valid text stays there.
    pub(crate) fn cut(&mut self, out: &mut Out) {
        self.push_all(false, out);
    }

    /// Pushes the rest; only valid text is left. How many lines there were.
    pub(crate) fn finish(mut self, out: &mut Out) -> Totals {
        self.push_all(true, out);
        Totals { lines: self.line - 1, rows: self.rows, bytes: self.bytes, long_header: self.header.too_long }
    }

    /// Pushes the chunks that are decided, as slices of the one buffer; only what comes after them is copied.
    fn push_all(&mut self, last: bool, out: &mut Out) {
        let Some(first) = self.next(0, last) else { return };
        let mut ends = vec![first];
        while let Some(cut) = self.next(ends[ends.len() - 1].end(), last) {
            ends.push(cut);
        }
        let end = ends[ends.len() - 1].end();
        let mut rest = Vec::new();
        if self.text.len() > end {
            rest.reserve_exact(self.text_bytes + SLACK);
            rest.extend_from_slice(&self.text[end..]);
        }
        self.valid -= end;
        let mut text = std::mem::replace(&mut self.text, rest);
        text.truncate(end);
        if end < text.capacity() / 2 {
            text.shrink_to_fit(); // a small file does not hold a large chunk's memory on its way
        }
        let mut text = Bytes::from(text);
        let mut from = 0;
        for cut in ends {
            self.push(text.split_to(cut.end() - from), matches!(cut, Cut::Part(_)), out);
            from = cut.end();
        }
    }

    /// Where the chunk ends that begins at `base`; `None` when that needs more text. `last`: nothing more comes.
    fn next(&self, base: usize, last: bool) -> Option<Cut> {
        match (self.longest(base, last)?, &self.start) {
            (Cut::Line(end), Some(start)) => Some(Cut::Line(self.last_record(start, base, end).unwrap_or(end))),
            (cut, _) => Some(cut),
        }
    }

    /// Where the last record begins behind `base`, of the lines up to `end`.
    fn last_record(&self, start: &RecordStart, base: usize, end: usize) -> Option<usize> {
        let mut lf = end - 1; // of the line that is looked at
        while let Some(before) = memrchr(b'\n', &self.text[base..lf]) {
            let line = base + before + 1;
            if start.begins(&self.text[line..lf]) {
                return Some(line);
            }
            lf = line - 1;
        }
        None
    }

    /// Where it would end if lines were all that counts.
    fn longest(&self, base: usize, last: bool) -> Option<Cut> {
        let text = &self.text[base..self.valid];
        if text.is_empty() {
            return None;
        }
        let mut row = 0; // where the row under way begins; those before it are in the chunk
        while row < self.text_bytes {
            // The row's LF stands here at the latest, if the row is short enough for a line and for this chunk.
            let longest = row + self.line_bytes;
            let mut furthest = longest.min(self.text_bytes - 1);
            if furthest >= text.len() {
                return last.then_some(Cut::File(base + text.len()));
            }
            let mut lf = memrchr(b'\n', &text[row..=furthest]);
            if lf.is_none() && furthest < longest {
                if row > 0 {
                    break; // it is the next chunk's first row
                }
                furthest = longest; // a chunk has a first row, even if the row's LF is a byte too many
                if furthest >= text.len() {
                    return last.then_some(Cut::File(base + text.len()));
                }
                lf = memrchr(b'\n', &text[row..=furthest]);
            }
            match lf {
                Some(lf) => row += lf + 1, // all rows up to there are short enough
                None => return Some(Cut::Part(base + character_boundary(text, longest))),
            }
        }
        Some(Cut::Line(base + row))
    }

    /// Pushes a chunk. `part`: it ends within a line.
    fn push(&mut self, chunk: Bytes, part: bool, out: &mut Out) {
        let ends = memchr_iter(b'\n', &chunk).count() as u64;
        let open = chunk.last() != Some(&b'\n');
        let span = LineSpan { first_line: self.line, first_part: self.part, rows: ends + u64::from(open) };
        self.line += ends + u64::from(open && !part); // an open row that is no part is the file's last line
        self.part = match (part, ends) {
            (true, 0) => self.part + 1,
            (true, _) => 1,
            (false, _) => 0,
        };
        self.rows += span.rows;
        self.bytes += chunk.len() as u64;
        let header = self.header.in_force.clone();
        self.header.see(&chunk, span, part);
        out.push(Product::new(chunk).lines(span).under(header).note("encoding", self.encoding.as_str()));
    }
}

/// The last place at or before `at` where a character begins; `at` is within the text.
fn character_boundary(text: &[u8], at: usize) -> usize {
    (at.saturating_sub(LONGEST_CHARACTER - 1)..=at).rev().find(|i| text[*i] & 0xc0 != 0x80).unwrap_or(at)
}
