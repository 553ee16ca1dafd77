//! Where the rows of a text stand.

use bytes::Bytes;
use logmill_core::LineSpan;
use memchr::memchr_iter;
use std::ops::Range;

/// A text and its rows.
pub(crate) struct Rows {
    text: Bytes,
    /// Where each row ends: at its LF, or at the end of the text.
    ends: Vec<u32>,
}

impl Rows {
    /// # Panics
    /// With a text of 4 GiB or more: no chunk is.
    pub(crate) fn new(text: Bytes, expected: u64) -> Self {
        let length = u32::try_from(text.len()).expect("a chunk is far smaller than 4 GiB");
        let mut ends = Vec::with_capacity(usize::try_from(expected).map_or(0, |n| n.min(text.len())));
        ends.extend(memchr_iter(b'\n', &text).map(|end| end as u32));
        if text.last().is_some_and(|last| *last != b'\n') {
            ends.push(length);
        }
        Self { text, ends }
    }

    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Where the row begins, or the text ends.
    pub(crate) fn begin(&self, row: usize) -> usize {
        if row == 0 { 0 } else { (self.ends[row - 1] as usize + 1).min(self.text.len()) }
    }

    /// The text of the rows in `range`, one after the other: without the LF, and without a CR before it.
    pub(crate) fn texts(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let mut from = self.begin(range.start);
        self.ends[range].iter().map(move |end| {
            let end = *end as usize;
            let row = &self.text[from..end];
            from = end + 1;
            if end < self.text.len() { row.strip_suffix(b"\r").unwrap_or(row) } else { row }
        })
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
        let first_part = if range.start == 0 { whole.first_part } else { 0 };
        LineSpan { first_line: whole.first_line + range.start as u64, first_part, rows: range.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &'static str) -> Rows {
        Rows::new(Bytes::from_static(text.as_bytes()), 0)
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
            let texts: Vec<&[u8]> = rows.texts(0..rows.count()).collect();
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
    }
}
