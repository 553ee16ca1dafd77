//! The rows of a chunk, read by the patterns of its file's plan.

use crate::rows::Rows;
use logmill_core::{Chunk, FileMeta, Header, LineSpan};
use logmill_patterns::{Anchor, Found, Patterns, Reader, Zone};

/// Reads the rows of one chunk in their order, and sees the header lines among them.
///
/// What is found in a row is a function of the chunk and the plan: the header in force is the one that the chunk carries, or the
/// last one that stands in the chunk before the row.
pub(crate) struct Reading {
    reader: Reader,
    header: Option<Header>,
    /// [`Header::longest`].
    longest: usize,
    /// Whether the chunk begins with the file's first line, ...
    begins_file: bool,
    /// ... or within a line.
    begins_within: bool,
    found: Found,
    /// The text of a row whose lines end with CR and LF in the chunk.
    joined: Vec<u8>,
    is_joined: bool,
}

impl Reading {
    /// None where the plan has no patterns. `zone`: the plan's.
    pub(crate) fn of(file: &FileMeta, zone: Zone, chunk: &Chunk, span: LineSpan) -> Option<Self> {
        let patterns = Patterns::of(&file.plan.patterns)?;
        let anchor = Anchor {
            modified_ms: i64::try_from(file.modified_ms).unwrap_or(i64::MAX),
            zone,
            header: chunk.header.as_deref().map(str::as_bytes),
        };
        Some(Self {
            reader: patterns.reader(&anchor),
            header: file.plan.header,
            longest: Header::longest(file.plan.line_bytes as usize),
            begins_file: span.first_line == 1 && span.first_part == 0,
            begins_within: span.first_part > 0,
            found: Found::new(),
            joined: Vec::new(),
            is_joined: false,
        })
    }

    /// Sees whether the row's first line is a header: it is in force for the row itself.
    pub(crate) fn see_first(&mut self, rows: &Rows, row: usize) {
        self.see(rows, rows.unit(row));
    }

    /// Sees the other lines of the row.
    pub(crate) fn see_rest(&mut self, rows: &Rows, row: usize) {
        if !rows.are_units() {
            (rows.unit(row) + 1..rows.unit(row + 1)).for_each(|unit| self.see(rows, unit));
        }
    }

    fn see(&mut self, rows: &Rows, unit: usize) {
        let Some(header) = self.header else { return };
        let line = rows.line(unit);
        let is_whole = unit > 0 || !self.begins_within;
        if is_whole && header.is(line, self.begins_file && unit == 0) {
            self.reader.set_header(if line.len() <= self.longest { line } else { b"" });
        }
    }

    /// Whether a pattern matches the row.
    pub(crate) fn read(&mut self, rows: &Rows, row: usize) -> bool {
        self.is_joined = rows.join_text(row, &mut self.joined);
        let record = if self.is_joined { &self.joined } else { rows.raw(row) };
        self.reader.read(record, &mut self.found)
    }

    /// The time, and the place in the dictionary of levels, that the pattern found in the row that was read last.
    pub(crate) fn head(&self) -> (Option<i64>, u8) {
        (self.found.time, self.found.level as u8)
    }

    /// The fields of that row: name and value. The message is left out: the text has it.
    pub(crate) fn fields<'a>(&'a self, rows: &'a Rows, row: usize) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let record = if self.is_joined { &self.joined } else { rows.raw(row) };
        let message = self.found.message();
        let fields = self.reader.fields(&self.found, record).enumerate();
        fields.filter(move |(i, _)| Some(*i) != message).map(|(_, field)| (field.name, field.value))
    }
}

#[cfg(test)]
mod tests {
    use crate::level::LEVELS;
    use logmill_patterns::Level;

    #[test]
    fn levels_are_those_of_the_column() {
        use Level::{Debug, Error, Fatal, Info, None, Trace, Warn, Warning};
        for level in [None, Trace, Debug, Info, Warn, Warning, Error, Fatal] {
            assert_eq!(LEVELS[level as usize], level.name());
        }
    }
}
