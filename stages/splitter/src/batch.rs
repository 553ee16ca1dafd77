//! Rows to the bytes of one Arrow stream.

use crate::found::Found;
use crate::reading::Reading;
use crate::rows::Rows;
use crate::stream::{ALIGNMENT, END, Node, Place, batch_metadata};
use arrow_buffer::ToByteSlice;
use logmill_core::{FileMeta, LineSpan};
use logmill_patterns::Clock;
use std::ops::Range;

/// A stream is closed before it grows over this many bytes: Kafka's brokers take 1,048,588 by default, its clients
/// 1,000,000, headers included.
const STREAM_BYTES: usize = 900 << 10;
/// What a row takes beside its text in all columns, with its share of bits and padding.
const ROW_BYTES: usize = 66;
/// What a stream takes beside its rows, its schema and its dictionaries.
const FRAME_BYTES: usize = 2 << 10;

/// The rows from `first` on that fit in a stream with `before` bytes before its batch, and what is found in them.
pub(crate) fn fit(
    rows: &Rows,
    clock: &mut Clock,
    reading: Option<&mut Reading>,
    first: usize,
    before: usize,
) -> (Range<usize>, Found) {
    let room = STREAM_BYTES.saturating_sub(FRAME_BYTES + before);
    let range = rows.fit(first, room, ROW_BYTES);
    match reading {
        None => {
            let found = Found::within(rows, clock, &range);
            (range, found)
        }
        Some(reading) => Found::read(reading, rows, clock, range, room, ROW_BYTES),
    }
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

/// Writes the rows of `range`, in which was `found`, as a stream; `span` is theirs. `before` is the stream up to its batch.
pub(crate) fn write(
    before: &[u8],
    file: &FileMeta,
    span: LineSpan,
    rows: &Rows,
    range: Range<usize>,
    found: &Found,
) -> Vec<u8> {
    let n = range.len();
    // Its size is the same with other numbers in it: the room for it is left, and filled last.
    let room = batch_metadata(n, &nodes(n, n, n), &[Place { at: 1, bytes: 1 }; BUFFERS], 1).len();
    let start = before.len() + room;
    let text = rows.begin(range.end) - rows.begin(range.start);
    let mut out = Vec::with_capacity(start + ROW_BYTES * n + text + 4 * (n + 1) + found.field_bytes() + FRAME_BYTES);
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
    match &*found.field_ends {
        [_] => body.same(n + 1, &0_i32.to_le_bytes()), // no row has any
        ends => body.column(ends.to_byte_slice()),
    }
    body.buffer(|_| {}); // the entries
    for texts in [&found.names, &found.values] {
        body.column(texts.ends.to_byte_slice());
        body.buffer(|out| out.extend_from_slice(&texts.bytes));
    }
    let metadata = batch_metadata(n, &nodes(n, found.untimed, found.fields()), &body.places, body.bytes());
    assert_eq!(metadata.len(), room, "the size of a batch's metadata does not depend on its numbers");
    let mut out = body.out;
    out[before.len()..start].copy_from_slice(&metadata);
    out.extend_from_slice(&END);
    out
}

/// The buffers of all columns.
const BUFFERS: usize = 36;

/// The columns, the nested ones after what they are nested in.
fn nodes(rows: usize, nulls_in_time: usize, fields: usize) -> [Node; 17] {
    let mut nodes = [Node { rows, nulls: 0 }; 17];
    nodes[11].nulls = nulls_in_time;
    for entries in &mut nodes[14..] {
        entries.rows = fields; // of the map: the entries, their keys and values
    }
    nodes
}
