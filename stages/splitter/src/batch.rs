//! Rows to the bytes of one Arrow stream.

use crate::level::level;
use crate::rows::Rows;
use crate::stream::{ALIGNMENT, END, Node, Place, batch_metadata};
use crate::time::Times;
use arrow_buffer::ToByteSlice;
use logmill_core::{FileMeta, LineSpan};
use std::ops::Range;

/// A stream is closed before it grows over this many bytes: Kafka's brokers take 1,048,588 by default, its clients
/// 1,000,000, headers included.
const STREAM_BYTES: usize = 900 << 10;
/// What a row takes beside its text in all columns, with its share of bits and padding.
const ROW_BYTES: usize = 66;
/// What a stream takes beside its rows, its schema and its dictionaries.
const FRAME_BYTES: usize = 2 << 10;

/// The rows from `first` on that fit in a stream with `before` bytes before its batch.
pub(crate) fn fit(rows: &Rows, first: usize, before: usize) -> Range<usize> {
    rows.fit(first, STREAM_BYTES.saturating_sub(FRAME_BYTES + before), ROW_BYTES)
}

/// Lays buffers out one behind the other, at the end of a stream.
struct Body {
    out: Vec<u8>,
    /// Where the body begins in it.
    start: usize,
    places: Vec<Place>,
}

impl Body {
    /// A buffer of what `write` puts at the end.
    fn buffer(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.out.len();
        write(&mut self.out);
        self.places.push(Place { at: begin - self.start, bytes: self.out.len() - begin });
        let padded = self.bytes().next_multiple_of(ALIGNMENT);
        self.out.resize(self.start + padded, 0);
    }

    /// A column without nulls needs no bits that say so.
    fn column(&mut self, bytes: &[u8]) {
        self.buffer(|_| {});
        self.buffer(|out| out.extend_from_slice(bytes));
    }

    /// The same value in each of `n` rows, of which there is one.
    fn same(&mut self, n: usize, value: &[u8]) {
        self.buffer(|_| {});
        self.buffer(|out| {
            let begin = out.len();
            out.extend_from_slice(value);
            while out.len() - begin < n * value.len() {
                let more = (out.len() - begin).min(begin + n * value.len() - out.len());
                out.extend_from_within(begin..begin + more);
            }
        });
    }

    fn bytes(&self) -> usize {
        self.out.len() - self.start
    }
}

/// What is found in the rows, one after the other.
struct Found {
    /// Places in the dictionary of levels.
    levels: Vec<u8>,
    /// 0 where there is none, ...
    times: Vec<i64>,
    /// ... which has no bit here.
    timed: Vec<u8>,
    untimed: usize,
    /// Where each row's text ends, after a first 0.
    ends: Vec<i32>,
}

impl Found {
    fn within(rows: &Rows, range: &Range<usize>) -> Self {
        let n = range.len();
        let mut ends = Vec::with_capacity(n + 1);
        ends.push(0);
        let mut found = Self {
            levels: Vec::with_capacity(n),
            times: Vec::with_capacity(n),
            timed: vec![0; n.div_ceil(8)],
            untimed: 0,
            ends,
        };
        let mut clock = Times::default();
        if rows.are_units() {
            rows.lines(range.clone()).for_each(|line| found.row(&mut clock, line, line.len()));
        } else {
            for row in range.clone() {
                let (first, end) = (rows.unit(row), rows.unit(row + 1));
                let bytes: usize = rows.lines(first..end).map(|line| line.len() + 1).sum();
                found.row(&mut clock, rows.line(first), bytes - 1);
            }
        }
        found
    }

    /// The next row, of so many bytes. Its first line says when and how grave.
    fn row(&mut self, clock: &mut Times, line: &[u8], bytes: usize) {
        let i = self.levels.len();
        let (time, after) = match clock.leading(line) {
            Some((ms, end)) => {
                self.timed[i / 8] |= 1 << (i % 8);
                (ms, end)
            }
            None => {
                self.untimed += 1;
                (0, 0)
            }
        };
        self.times.push(time);
        self.levels.push(level(line, after));
        self.ends.push(self.ends[i] + bytes as i32);
    }
}

/// Writes the rows of `range` as a stream; `span` is theirs. `before` is the stream up to its batch.
pub(crate) fn write(before: &[u8], file: &FileMeta, span: LineSpan, rows: &Rows, range: Range<usize>) -> Vec<u8> {
    let n = range.len();
    let found = Found::within(rows, &range);
    // Its size is the same with other numbers in it: the room for it is left, and filled last.
    let room = batch_metadata(n, &nodes(n, n), &[Place { at: 1, bytes: 1 }; BUFFERS], 1).len();
    let start = before.len() + room;
    let text = rows.begin(range.end) - rows.begin(range.start);
    let mut out = Vec::with_capacity(start + ROW_BYTES * n + text + 4 * (n + 1) + FRAME_BYTES);
    out.extend_from_slice(before);
    out.resize(start, 0);

    // The buffers in the order of the schema.
    let mut body = Body { out, start, places: Vec::with_capacity(BUFFERS) };
    body.same(n, &file.file_id.to_bytes());
    body.same(n, &file.load.0.to_le_bytes());
    let first = rows.unit(range.start);
    let unit = |row: usize| (rows.unit(row) - first) as u64;
    if rows.are_units() {
        body.column((span.first_line..span.first_line + n as u64).collect::<Vec<_>>().to_byte_slice());
    } else {
        let lines: Vec<u64> = range.clone().map(|row| span.first_line + unit(row)).collect();
        body.column(lines.to_byte_slice());
    }
    body.same(n, &0_u32.to_le_bytes());
    let part = body.places[body.places.len() - 1].at + start;
    body.out[part..part + 4].copy_from_slice(&span.first_part.to_le_bytes());
    if rows.are_units() {
        body.same(n, &1_u32.to_le_bytes());
    } else {
        let counts: Vec<u32> = range.clone().map(|row| (unit(row + 1) - unit(row)) as u32).collect();
        body.column(counts.to_byte_slice());
    }
    for _same_in_all_rows in ["cluster", "path", "app", "channel"] {
        body.same(n, &[0]); // its place in the dictionary
    }
    body.column(&found.levels);
    body.same(n, &i64::try_from(file.modified_ms).unwrap_or(i64::MAX).to_le_bytes());
    body.buffer(|out| out.extend_from_slice(&found.timed));
    body.buffer(|out| out.extend_from_slice(found.times.to_byte_slice()));
    body.column(found.ends.to_byte_slice());
    body.buffer(|out| {
        let units = rows.unit(range.start)..rows.unit(range.end);
        if rows.are_units() {
            rows.lines(units).for_each(|line| out.extend_from_slice(line));
        } else {
            for row in range.clone() {
                for (i, line) in rows.lines(rows.unit(row)..rows.unit(row + 1)).enumerate() {
                    out.extend_from_slice(if i > 0 { b"\n" } else { b"" });
                    out.extend_from_slice(line);
                }
            }
        }
    });
    body.same(n + 1, &0_i32.to_le_bytes()); // the map: every row has no entries
    body.buffer(|_| {}); // the entries
    for _keys_then_values in 0..2 {
        body.column(&0_i32.to_le_bytes()); // the one offset of a column without rows
        body.buffer(|_| {});
    }
    let metadata = batch_metadata(n, &nodes(n, found.untimed), &body.places, body.bytes());
    assert_eq!(metadata.len(), room, "the size of a batch's metadata does not depend on its numbers");
    let mut out = body.out;
    out[before.len()..start].copy_from_slice(&metadata);
    out.extend_from_slice(&END);
    out
}

/// The buffers of all columns.
const BUFFERS: usize = 36;

/// The columns, the nested ones after what they are nested in.
fn nodes(rows: usize, nulls_in_time: usize) -> [Node; 17] {
    let mut nodes = [Node { rows, nulls: 0 }; 17];
    nodes[11].nulls = nulls_in_time;
    for empty in &mut nodes[14..] {
        empty.rows = 0; // the entries of the map, their keys and values
    }
    nodes
}
