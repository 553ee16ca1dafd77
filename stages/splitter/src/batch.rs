//! Rows to the bytes of one Arrow stream.

use crate::level::level;
use crate::rows::Rows;
use crate::stream::{ALIGNMENT, END, Node, Place, batch_metadata};
use crate::time::Times;
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

/// Lays buffers out one behind the other.
struct Body {
    places: Vec<Place>,
    bytes: usize,
}

impl Body {
    /// Room for a buffer; where it begins.
    fn buffer(&mut self, bytes: usize) -> usize {
        let at = self.bytes;
        self.places.push(Place { at, bytes });
        self.bytes = (at + bytes).next_multiple_of(ALIGNMENT);
        at
    }

    /// A column without nulls needs no bits that say so.
    fn column(&mut self, bytes: usize) -> usize {
        self.buffer(0);
        self.buffer(bytes)
    }
}

/// Writes the rows of `range` as a stream; `span` is theirs. `before` is the stream up to its batch.
pub(crate) fn write(before: &[u8], file: &FileMeta, span: LineSpan, rows: &Rows, range: Range<usize>) -> Vec<u8> {
    let n = range.len();
    // The buffers in the order of the schema. All but the text are as long as there are rows.
    let mut body = Body { places: Vec::with_capacity(40), bytes: 0 };
    let file_ids = body.column(16 * n);
    let loads = body.column(4 * n);
    let lines = body.column(8 * n);
    let parts = body.column(4 * n);
    let counts = body.column(4 * n);
    for _same_in_all_rows in ["cluster", "path", "app", "channel"] {
        body.column(n); // the index 0
    }
    let levels = body.column(n);
    let file_times = body.column(8 * n);
    let timed = body.buffer(n.div_ceil(8));
    let times = body.buffer(8 * n);
    let offsets = body.column(4 * (n + 1));
    let values = body.bytes;

    // Its size is the same with other numbers in it: the room for it is left, and filled last.
    let nodes = nodes(n, n);
    let room = batch_metadata(n, &nodes, &[Place { at: 1, bytes: 1 }; BUFFERS], 1).len();
    let start = before.len() + room;
    let mut out = Vec::with_capacity(
        start + values + rows.begin(range.end) - rows.begin(range.start) + 4 * (n + 1) + FRAME_BYTES,
    );
    out.extend_from_slice(before);
    out.resize(start + values, 0);

    let fixed = &mut out[start..];
    fill(fixed, file_ids, n, &file.file_id.to_bytes());
    fill(fixed, loads, n, &file.load.0.to_le_bytes());
    fill(fixed, file_times, n, &i64::try_from(file.modified_ms).unwrap_or(i64::MAX).to_le_bytes());
    fixed[parts..parts + 4].copy_from_slice(&span.first_part.to_le_bytes());
    let first = rows.unit(range.start);
    if rows.are_units() {
        fill(fixed, counts, n, &1_u32.to_le_bytes());
        for (to, line) in fixed[lines..lines + 8 * n].chunks_exact_mut(8).zip(span.first_line..) {
            to.copy_from_slice(&line.to_le_bytes());
        }
    } else {
        for (i, row) in range.clone().enumerate() {
            let (unit, end) = (rows.unit(row), rows.unit(row + 1));
            let line = span.first_line + (unit - first) as u64;
            fixed[lines + 8 * i..lines + 8 * i + 8].copy_from_slice(&line.to_le_bytes());
            fixed[counts + 4 * i..counts + 4 * i + 4].copy_from_slice(&((end - unit) as u32).to_le_bytes());
        }
    }

    let [levels, times, timed, offsets] = [levels, times, timed, offsets].map(|at| start + at);
    let mut clock = Times::default();
    let mut nulls = n;
    for (i, row) in range.enumerate() {
        let (unit, next) = (rows.unit(row), rows.unit(row + 1));
        let text = rows.line(unit); // the first line of a record says when and how grave
        let mut after = 0;
        if let Some((ms, end)) = clock.leading(text) {
            out[times + 8 * i..times + 8 * i + 8].copy_from_slice(&ms.to_le_bytes());
            out[timed + i / 8] |= 1 << (i % 8);
            nulls -= 1;
            after = end;
        }
        out[levels + i] = level(text, after);
        out.extend_from_slice(text);
        for unit in unit + 1..next {
            out.push(b'\n');
            out.extend_from_slice(rows.line(unit));
        }
        let end = (out.len() - start - values) as u32;
        out[offsets + 4 * i + 4..offsets + 4 * i + 8].copy_from_slice(&end.to_le_bytes());
    }
    body.buffer(out.len() - start - values);
    body.column(4 * (n + 1)); // the map: every row has no entries
    body.buffer(0); // the entries
    for _keys_then_values in 0..2 {
        body.column(4); // the one offset of a column without rows
        body.buffer(0);
    }
    out.resize(start + body.bytes, 0);
    let metadata = batch_metadata(n, &self::nodes(n, nulls), &body.places, body.bytes);
    assert_eq!(metadata.len(), room, "the size of a batch's metadata does not depend on its numbers");
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

/// The same value in each of `n` rows.
fn fill(body: &mut [u8], at: usize, n: usize, value: &[u8]) {
    for to in body[at..at + n * value.len()].chunks_exact_mut(value.len()) {
        to.copy_from_slice(value);
    }
}
