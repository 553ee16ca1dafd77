//! Where the rows of a text stand.

use bytes::Bytes;
use logmill_core::{LineSpan, RecordStart};
use memchr::{memchr, memchr_iter};
use std::ops::Range;

/// A text, its units ([`LineSpan`]), and the rows that they make: each unit one, or the units of a record.
pub(crate) struct Rows {
    text: Bytes,
    /// Where each unit ends: at its LF, or at the end of the text.
    ends: Vec<u32>,
    /// The unit with which each row begins, where a row may have several.
    firsts: Option<Vec<u32>>,
}

impl Rows {
    /// Every unit is a row; `expected` are about as many.
    ///
    /// # Panics
    /// With a text of 4 GiB or more: no chunk is.
    pub(crate) fn new(text: Bytes, expected: u64) -> Self {
        let length = u32::try_from(text.len()).expect("a chunk is far smaller than 4 GiB");
        let mut ends = Vec::with_capacity(usize::try_from(expected).map_or(0, |n| n.min(text.len())));
        line_ends(&text, &mut ends);
        if text.last().is_some_and(|last| *last != b'\n') {
            ends.push(length);
        }
        Self { text, ends, firsts: None }
    }

    /// Every record is a row, but one of more than `most` bytes is several, cut at the ends of its lines. What stands before
    /// the first line that begins a record is one, too.
    pub(crate) fn join(&mut self, start: &RecordStart, most: usize) {
        let mut firsts = Vec::new();
        let mut begin = 0; // of the row under way
        for (unit, end) in self.ends.iter().enumerate() {
            let (line, end) = (self.begin_of(unit), *end as usize);
            if unit == 0 || end - begin > most || start.begins(&self.text[line..end]) {
                firsts.push(unit as u32);
                begin = line;
            }
        }
        self.firsts = Some(firsts);
    }

    pub(crate) fn count(&self) -> usize {
        self.firsts.as_ref().map_or(self.ends.len(), Vec::len)
    }

    pub(crate) fn units(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Where the unit begins, or the text ends.
    fn begin_of(&self, unit: usize) -> usize {
        if unit == 0 { 0 } else { (self.ends[unit - 1] as usize + 1).min(self.text.len()) }
    }

    /// The first unit of the row; of the one behind the last, how many there are.
    pub(crate) fn unit(&self, row: usize) -> usize {
        match &self.firsts {
            None => row,
            Some(firsts) => firsts.get(row).map_or(self.ends.len(), |unit| *unit as usize),
        }
    }

    /// Whether each row is one unit.
    pub(crate) fn are_units(&self) -> bool {
        self.firsts.is_none()
    }

    /// Where the row begins, or the text ends.
    pub(crate) fn begin(&self, row: usize) -> usize {
        self.begin_of(self.unit(row))
    }

    /// The text of a unit: without the LF, and without a CR before it.
    pub(crate) fn line(&self, unit: usize) -> &[u8] {
        let end = self.ends[unit] as usize;
        let line = &self.text[self.begin_of(unit)..end];
        if end < self.text.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
    }

    /// The texts of some units, one after the other.
    pub(crate) fn lines(&self, units: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let mut from = self.begin_of(units.start);
        self.ends[units].iter().map(move |end| {
            let end = *end as usize;
            let line = &self.text[from..end];
            from = end + 1;
            if end < self.text.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
        })
    }

    /// Bytes of the row's text: its lines, with an LF between two.
    pub(crate) fn text_bytes(&self, row: usize) -> usize {
        self.lines(self.unit(row)..self.unit(row + 1)).map(|line| line.len() + 1).sum::<usize>() - 1
    }

    /// The row as it stands in the text, without its end: its text, but for CRs between its lines.
    pub(crate) fn raw(&self, row: usize) -> &[u8] {
        let last = self.unit(row + 1) - 1;
        &self.text[self.begin(row)..self.begin_of(last) + self.line(last).len()]
    }

    /// Writes the row's text to `joined`, where it does not stand in the text as it is; whether that was so.
    pub(crate) fn join_text(&self, row: usize, joined: &mut Vec<u8>) -> bool {
        if self.are_units() || memchr(b'\r', self.raw(row)).is_none() {
            return false;
        }
        joined.clear();
        for (i, line) in self.lines(self.unit(row)..self.unit(row + 1)).enumerate() {
            joined.extend_from_slice(if i > 0 { b"\n" } else { b"" });
            joined.extend_from_slice(line);
        }
        true
    }

    /// The rows from `first` on that take at most `room` bytes, with `each` for every row beside its text: at least one.
    pub(crate) fn fit(&self, first: usize, room: usize, each: usize) -> Range<usize> {
        let start = self.begin(first);
        let (mut fits, mut too_many) = (first + 1, self.count() + 1);
        while fits + 1 < too_many {
            let middle = fits.midpoint(too_many);
            if self.begin(middle) - start + (middle - first) * each <= room {
                fits = middle;
            } else {
                too_many = middle;
            }
        }
        first..fits
    }

    /// The place of the rows in `range`, when `whole` is that of all.
    pub(crate) fn span(&self, whole: LineSpan, range: &Range<usize>) -> LineSpan {
        let (first, end) = (self.unit(range.start), self.unit(range.end));
        let first_part = if first == 0 { whole.first_part } else { 0 };
        LineSpan { first_line: whole.first_line + first as u64, first_part, rows: (end - first) as u64 }
    }
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// The places of all LFs. Lines are short: to look for one after the other costs twice as much as to see those of a block at once.
fn line_ends(text: &[u8], ends: &mut Vec<u32>) {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (i, block) in blocks.iter().enumerate() {
        let mut bits = line_feeds(block);
        while bits != 0 {
            ends.push((i * BLOCK) as u32 + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
    let begin = text.len() - rest.len();
    ends.extend(memchr_iter(b'\n', rest).map(|end| (begin + end) as u32));
}

/// A bit for each byte that is an LF, the first byte's the lowest.
#[cfg(target_arch = "x86_64")]
fn line_feeds(block: &[u8; BLOCK]) -> u64 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    let mut feeds = 0;
    for (i, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: SSE2 is a part of x86-64; the pointer is to sixteen bytes, and may be at any address.
        let mask = unsafe {
            let bytes = _mm_loadu_si128(sixteen.as_ptr().cast::<__m128i>());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\n' as i8)))
        };
        feeds |= u64::from(mask as u32) << (16 * i);
    }
    feeds
}

/// A bit for each byte that is an LF, the first byte's the lowest.
#[cfg(not(target_arch = "x86_64"))]
fn line_feeds(block: &[u8; BLOCK]) -> u64 {
    block.iter().enumerate().fold(0, |bits, (i, byte)| bits | (u64::from(*byte == b'\n') << i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_line_ends_are_found(text in proptest::collection::vec(proptest::sample::select(vec![b'\n', b'x', 0x8a, 0xff]), 0..300)) {
            let mut ends = Vec::new();
            line_ends(&text, &mut ends);
            prop_assert_eq!(ends, memchr_iter(b'\n', &text).map(|end| end as u32).collect::<Vec<_>>());
        }
    }

    fn rows(text: &'static str) -> Rows {
        Rows::new(Bytes::from_static(text.as_bytes()), 0)
    }

    fn records(text: &'static str, most: usize) -> Rows {
        let mut rows = rows(text);
        rows.join(&RecordStart::new("[A-Z]").expect("a pattern"), most);
        rows
    }

    #[test]
    fn texts() {
        for (text, expected) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("a\r\nb\r", &["a", "b\r"]),
            ("\n\nx", &["", "", "x"]),
            ("\r\n\r\r\n", &["", "\r"]),
        ] {
            let rows = rows(text);
            let texts: Vec<&[u8]> = rows.lines(0..rows.units()).collect();
            assert_eq!(texts, (0..rows.units()).map(|unit| rows.line(unit)).collect::<Vec<_>>());
            assert_eq!(texts, expected.iter().map(|t| t.as_bytes()).collect::<Vec<_>>(), "{text:?}");
        }
    }

    #[test]
    fn as_many_as_fit_and_at_least_one() {
        let rows = rows("1\n22\n333\n4444");
        for (first, room, expected) in
            [(0, 0, 0..1), (0, 12, 0..1), (0, 25, 0..2), (0, 39, 0..3), (0, 53, 0..4), (2, 1000, 2..4), (3, 0, 3..4)]
        {
            assert_eq!(rows.fit(first, room, 10), expected, "{room} from {first}");
        }
        let records = records("A\n22\nB\n4444\nC", 1000);
        for (first, room, expected) in [(0, 14, 0..1), (0, 32, 0..2), (0, 43, 0..3), (1, 1000, 1..3), (2, 0, 2..3)] {
            assert_eq!(records.fit(first, room, 10), expected, "{room} from {first}");
        }
    }

    #[test]
    fn the_units_with_which_records_begin() {
        for (text, most, firsts) in [
            ("", 100, &[][..]),
            ("A", 100, &[0]),
            ("A\nb\nc\nD\ne", 100, &[0, 3]),
            ("a\nb\nC\n", 100, &[0, 2]),    // the text begins within a record
            ("A\nB\nC\n", 100, &[0, 1, 2]), // all begin one
            ("a\nb\nc\n", 100, &[0]),       // none does
            ("A\r\n\r\n\r\nB\r\n", 100, &[0, 3]),
            ("A\nbb\nccc\ndddd\nE", 4, &[0, 2, 3, 4]), // too long: "A bb", "ccc", "dddd"
            ("A\nbb\nccc\ndddd\nE", 8, &[0, 3, 4]),
            ("A\nbb\nccc\ndddd\nE", 0, &[0, 1, 2, 3, 4]),
        ] {
            assert_eq!(records(text, most).firsts.expect("joined"), firsts, "{text:?} of {most} bytes");
        }
    }

    #[test]
    fn a_span_counts_units() {
        let records = records("b\nA\nb\nc\nD", 100);
        let whole = LineSpan { first_line: 10, first_part: 2, rows: 5 };
        for (range, first_line, first_part, rows) in
            [(0..1, 10, 2, 1), (0..2, 10, 2, 4), (1..2, 11, 0, 3), (1..3, 11, 0, 4), (2..3, 14, 0, 1)]
        {
            assert_eq!(records.span(whole, &range), LineSpan { first_line, first_part, rows }, "{range:?}");
        }
    }
}
