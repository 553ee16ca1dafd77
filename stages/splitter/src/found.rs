//! What is found in rows, laid out as the columns of a batch.

use crate::level::level;
use crate::reading::Reading;
use crate::rows::Rows;
use logmill_patterns::Clock;
use std::ops::Range;

/// What a field takes beside its name and value: where each of the two ends.
const FIELD_BYTES: usize = 8;

/// Of rows that follow each other, one after the other.
pub(crate) struct Found {
    /// Places in the dictionary of levels.
    pub(crate) levels: Vec<u8>,
    /// 0 where there is none, ...
    pub(crate) times: Vec<i64>,
    /// ... which has no bit here.
    pub(crate) timed: Vec<u8>,
    pub(crate) untimed: usize,
    /// Where each row's text ends, after a first 0.
    pub(crate) ends: Vec<i32>,
    /// Where each row's fields end among all, after a first 0; that 0 alone where no patterns are tried.
    pub(crate) field_ends: Vec<i32>,
    pub(crate) names: Texts,
    pub(crate) values: Texts,
}

/// Texts, one behind the other.
pub(crate) struct Texts {
    /// Where each ends, after a first 0.
    pub(crate) ends: Vec<i32>,
    pub(crate) bytes: Vec<u8>,
}

impl Texts {
    fn new() -> Self {
        Self { ends: vec![0], bytes: Vec::new() }
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as i32);
    }

    /// Leaves the first so many.
    fn keep(&mut self, count: usize) {
        self.ends.truncate(count + 1);
        self.bytes.truncate(self.ends[count] as usize);
    }
}

impl Found {
    /// Of no row yet, with room for so many.
    fn new(rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self {
            levels: Vec::with_capacity(rows),
            times: Vec::with_capacity(rows),
            timed: vec![0; rows.div_ceil(8)],
            untimed: 0,
            ends,
            field_ends: vec![0],
            names: Texts::new(),
            values: Texts::new(),
        }
    }

    /// The times and levels of the rows, without patterns.
    pub(crate) fn within(rows: &Rows, clock: &mut Clock, range: &Range<usize>) -> Self {
        let mut found = Self::new(range.len());
        if rows.are_units() {
            rows.lines(range.clone()).for_each(|line| found.row(clock, line, line.len()));
        } else {
            for row in range.clone() {
                found.row(clock, rows.line(rows.unit(row)), rows.text_bytes(row));
            }
        }
        found
    }

    /// By patterns, the first of the rows in `range` that take at most `room` bytes with their fields, with `each` for every row
    /// beside its text and fields; at least one. Says which. A row that would not fit alone has no fields.
    pub(crate) fn read(
        reading: &mut Reading,
        rows: &Rows,
        clock: &mut Clock,
        range: Range<usize>,
        room: usize,
        each: usize,
    ) -> (Range<usize>, Self) {
        let mut found = Self::new(range.len());
        found.field_ends.reserve(range.len());
        // About what most formats come to; what takes more grows.
        let text = rows.begin(range.end) - rows.begin(range.start);
        for texts in [&mut found.names, &mut found.values] {
            texts.ends.reserve(8 * range.len());
            texts.bytes.reserve(text);
        }
        let mut used = 0;
        for row in range.clone() {
            reading.see_first(rows, row);
            let matched = reading.read(rows, row);
            let before = (found.fields(), found.field_bytes());
            if matched {
                for (name, value) in reading.fields(rows, row) {
                    found.names.push(name);
                    found.values.push(value);
                }
            }
            let text = rows.begin(row + 1) - rows.begin(row) + each;
            let fields = found.field_bytes() - before.1;
            if used + text + fields > room {
                found.names.keep(before.0);
                found.values.keep(before.0);
                if row > range.start {
                    found.timed.truncate((row - range.start).div_ceil(8));
                    return (range.start..row, found);
                }
            }
            used += text + found.field_bytes() - before.1;
            let (line, bytes) = (rows.line(rows.unit(row)), rows.text_bytes(row));
            if matched {
                let (time, level) = reading.head();
                found.push(time, level, bytes);
            } else {
                found.row(clock, line, bytes);
            }
            found.field_ends.push(found.fields() as i32);
            reading.see_rest(rows, row);
        }
        (range, found)
    }

    /// How many fields there are.
    pub(crate) fn fields(&self) -> usize {
        self.names.ends.len() - 1
    }

    /// What they take.
    pub(crate) fn field_bytes(&self) -> usize {
        self.names.bytes.len() + self.values.bytes.len() + FIELD_BYTES * self.fields()
    }

    /// The next row, of so many bytes. Its first line says when and how grave.
    fn row(&mut self, clock: &mut Clock, line: &[u8], bytes: usize) {
        let (time, after) = match clock.leading(line) {
            Some((ms, end)) => (Some(ms), end),
            None => (None, 0),
        };
        self.push(time, level(line, after), bytes);
    }

    #[inline]
    fn push(&mut self, time: Option<i64>, level: u8, bytes: usize) {
        let i = self.levels.len();
        match time {
            Some(_) => self.timed[i / 8] |= 1 << (i % 8),
            None => self.untimed += 1,
        }
        self.times.push(time.unwrap_or(0));
        self.levels.push(level);
        self.ends.push(self.ends[i] + bytes as i32);
    }
}
