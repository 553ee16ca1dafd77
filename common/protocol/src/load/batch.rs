//! What stands in a batch: records, the rows they hold, and why two of them may not stand in the same one.

use crate::log::{Incoming, Partition};
use logmill_core::wire::WireChunk;
use logmill_core::{FileId, LineSpan, Load, Offset, Reject, RejectReason};
use std::collections::HashMap;

/// What the records of a topic hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Row batches of the splitter: a row's identity is (file, load, line, part).
    Rows,
    /// File events or dead letters: a row's identity is the record's place in the log.
    Ledger,
}

/// The units of one record ([`LineSpan`]), and so the rows that they make, by their identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRange {
    pub file_id: FileId,
    pub load: Load,
    pub span: LineSpan,
}

impl RowRange {
    /// The first and the last (line, part), both inclusive.
    #[must_use]
    pub fn bounds(&self) -> ((u64, u32), (u64, u32)) {
        let last_part = if self.span.rows <= 1 { self.span.first_part } else { 0 };
        ((self.span.first_line, self.span.first_part), (self.span.last_line(), last_part))
    }
}

/// A record that was read and looked at.
#[derive(Clone, Debug)]
pub struct Item {
    pub incoming: Incoming,
    /// `None` for ledger records. An error: no row can be made of it.
    pub range: Result<Option<RowRange>, Reject>,
}

impl Item {
    #[must_use]
    pub fn new(incoming: Incoming, content: Content) -> Self {
        let range = match content {
            Content::Ledger => Ok(None),
            Content::Rows => rows_of(&incoming),
        };
        Self { incoming, range }
    }

    /// What it holds in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// Offsets, lists and allocations of one record.
        const OVERHEAD: usize = 256;
        let headers: usize = self.incoming.record.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
        self.incoming.record.payload.len() + headers + OVERHEAD
    }

    /// How many units ([`LineSpan`]) an INSERT makes rows of.
    #[must_use]
    pub fn rows(&self) -> u64 {
        match &self.range {
            Ok(Some(range)) => range.span.rows,
            Ok(None) => 1,
            Err(_) => 0,
        }
    }
}

fn rows_of(incoming: &Incoming) -> Result<Option<RowRange>, Reject> {
    let reject = |detail: String| Reject::new(RejectReason::Malformed, detail).carrying(&incoming.record.payload);
    let chunk = WireChunk::decode(&incoming.record).map_err(|e| reject(e.to_string()))?;
    if chunk.packed {
        return Err(reject("its payload is not packed as its header says".to_owned()));
    }
    let span = chunk.span.ok_or_else(|| reject("header \"line\" is missing".into()))?;
    Ok(Some(RowRange { file_id: chunk.file_id, load: chunk.load, span }))
}

/// The ranges of a batch that is being made: no two of them overlap, because the anti-join compares a batch with the
/// table and not with itself.
#[derive(Default)]
pub(super) struct Disjoint {
    files: HashMap<(FileId, Load), Vec<RowRange>>,
}

impl Disjoint {
    /// Takes the range in, unless it overlaps with one that is in.
    pub(super) fn admit(&mut self, range: &RowRange) -> bool {
        let ranges = self.files.entry((range.file_id, range.load)).or_default();
        let (first, last) = range.bounds();
        let overlaps = ranges.iter().map(RowRange::bounds).any(|(f, l)| first <= l && f <= last);
        if !overlaps {
            ranges.push(*range);
        }
        !overlaps
    }
}

/// A piece of a batch that is inserted by itself, after the whole was refused for its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Records `[from, to)`.
    pub from: Offset,
    pub to: Offset,
    /// Of the one record that is left, the rows that begin with its units `[first, end)`, counted from 0.
    pub rows: Option<(u64, u64)>,
}

impl Cut {
    /// Two halves, or `None` when it is one unit.
    pub(super) fn halves(self, items: &[Item]) -> Option<(Cut, Cut)> {
        let inside: Vec<&Item> =
            items.iter().filter(|i| i.range.is_ok() && (self.from..self.to).contains(&i.incoming.offset)).collect();
        match inside[..] {
            [] => None,
            [one] => {
                let (first, end) = self.rows.unwrap_or((0, one.rows()));
                let middle = first + (end - first) / 2;
                let cut = |rows| Cut { rows: Some(rows), ..self };
                (middle > first).then(|| (cut((first, middle)), cut((middle, end))))
            }
            _ => {
                let middle = inside[inside.len() / 2].incoming.offset;
                Some((Cut { to: middle, ..self }, Cut { from: middle, ..self }))
            }
        }
    }
}

/// One INSERT: exactly the records `[from, to)` of a partition, or a cut of them. Repeating it is harmless, because it
/// lets in only rows that are not in the table, and because the server refuses it while one of the same id runs.
#[derive(Clone, Debug)]
pub struct Insert {
    /// Names this process's wait for the answer. Never a part of the query id.
    pub ticket: u64,
    pub partition: Partition,
    pub content: Content,
    /// The batch as its committed intent fixes it.
    pub from: Offset,
    pub to: Offset,
    pub cut: Option<Cut>,
    /// In order; their ranges are disjoint.
    pub items: Vec<Item>,
}

impl Insert {
    /// The query id: chain, topic, partition, the batch's offsets and, for a piece, its records and rows. Nothing
    /// random, nothing counted, no epoch: two processes that insert the same batch use the same id.
    #[must_use]
    pub fn query_id(&self, chain: &str) -> String {
        let Partition { topic, index } = &self.partition;
        let mut id = format!("{chain}:{topic}:{index}:{}-{}", self.from, self.to);
        if let Some(cut) = self.cut {
            id += &format!(":{}-{}", cut.from, cut.to);
            if let Some((first, end)) = cut.rows {
                id += &format!(":{first}-{end}");
            }
        }
        id
    }

    /// The units of item `index` that are meant, counted from 0: with the rows that begin with them.
    #[must_use]
    pub fn rows_of(&self, index: usize) -> (u64, u64) {
        self.cut.and_then(|c| c.rows).unwrap_or((0, self.items[index].rows()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first_line: u64, first_part: u32, rows: u64) -> RowRange {
        RowRange { file_id: FileId(1), load: Load(0), span: LineSpan { first_line, first_part, rows } }
    }

    #[test]
    fn a_line_s_next_part_is_no_overlap_and_a_repeat_is_one() {
        let mut batch = Disjoint::default();
        assert!(batch.admit(&range(1, 0, 10)), "lines 1 to 10");
        assert!(batch.admit(&range(10, 1, 1)), "part 1 of line 10");
        assert!(batch.admit(&range(10, 2, 5)), "part 2 of line 10, lines 11 to 14");
        assert!(!batch.admit(&range(10, 1, 1)));
        assert!(!batch.admit(&range(14, 0, 1)));
        assert!(batch.admit(&RowRange { load: Load(1), ..range(1, 0, 10) }), "another load is another row");
    }
}
