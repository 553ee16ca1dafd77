//! The committed position of a stage's input partition: offset S, metadata H, k and what a successor needs beside them.

use crate::log::Committed;
use logmill_core::{Offset, Seq};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Where a partition stands. Committed as offset S with the rest as metadata text: `s1;H;k.q;tries;open;decrees`, where
/// the two lists hold distances from S in hexadecimal, and `open` is `*` when the list did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// S: the first chunk of the oldest file that is still open, or H.
    pub first: Offset,
    /// H: the next input offset whose output is not all committed.
    pub next: Offset,
    /// How many outputs of H are committed, and the number of the next chunk of its file then.
    pub k: u64,
    pub k_seq: Seq,
    /// How many workers have begun with H without getting past it.
    pub tries: u32,
    /// The first offsets of the files that are open at H, if they are known: the silent stretch passes over all others.
    pub open: Option<BTreeSet<Offset>>,
    /// The first offsets of open files that were rejected by decree.
    pub decrees: BTreeSet<Offset>,
}

/// Metadata that this code did not write.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("the committed metadata {0:?} is not a stage's position; was another program using this consumer group?")]
pub struct BadPosition(pub String);

/// The most decrees that the metadata holds, so that it always fits: older ones are the first to be kept.
const MAX_DECREES: usize = 64;

impl Position {
    /// Where a partition without a history begins.
    #[must_use]
    pub fn start(at: Offset) -> Self {
        Self {
            first: at,
            next: at,
            k: 0,
            k_seq: Seq(0),
            tries: 0,
            open: Some(BTreeSet::new()),
            decrees: BTreeSet::new(),
        }
    }

    /// The offset and metadata to commit, the metadata at most `bytes` long (the list of open files is left out if need
    /// be; S alone is enough to rebuild, only dearer).
    #[must_use]
    pub fn encode(&self, bytes: usize) -> Committed {
        let list = |offsets: &BTreeSet<Offset>, most: usize| {
            let mut text = String::new();
            for offset in offsets.iter().take(most) {
                let comma = if text.is_empty() { "" } else { "," };
                write!(text, "{comma}{:x}", offset.0 - self.first.0).expect("a String takes any text");
            }
            text
        };
        let decrees = list(&self.decrees, MAX_DECREES);
        let text =
            |open: &str| format!("s1;{};{:x}.{:x};{:x};{open};{decrees}", self.next, self.k, self.k_seq.0, self.tries);
        let mut metadata = text(&self.open.as_ref().map_or("*".to_owned(), |open| list(open, usize::MAX)));
        if metadata.len() > bytes {
            metadata = text("*");
        }
        Committed { offset: self.first, metadata }
    }

    /// # Errors
    /// When the metadata is something else. Empty metadata is a position with nothing open; what stands behind an `@` says how
    /// far its rows are, and is none of a position's business.
    pub fn decode(committed: &Committed) -> Result<Self, BadPosition> {
        if committed.metadata.is_empty() {
            return Ok(Self::start(committed.offset));
        }
        Self::parse(committed).ok_or_else(|| BadPosition(committed.metadata.clone()))
    }

    fn parse(committed: &Committed) -> Option<Self> {
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let list = |text: &str| {
            let entries = text.split(',').filter(|e| !e.is_empty());
            let offset = |e| committed.offset.0.checked_add(i64::try_from(hex(e)?).ok()?).map(Offset);
            entries.map(offset).collect::<Option<BTreeSet<Offset>>>()
        };
        let text = committed.metadata.split('@').next()?;
        let mut fields = text.split(';');
        if fields.next()? != "s1" {
            return None;
        }
        let next = Offset(fields.next()?.parse().ok()?);
        let (k, k_seq) = fields.next()?.split_once('.')?;
        let tries = u32::try_from(hex(fields.next()?)?).ok()?;
        let open = match fields.next()? {
            "*" => None,
            text => Some(list(text)?),
        };
        let decrees = list(fields.next()?)?;
        let first = committed.offset;
        let position = Self { first, next, k: hex(k)?, k_seq: Seq(hex(k_seq)?), tries, open, decrees };
        let below = |list: &BTreeSet<Offset>| list.last().is_none_or(|last| *last < next);
        let right = fields.next().is_none()
            && first <= next
            && position.open.as_ref().is_none_or(below)
            && below(&position.decrees);
        right.then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offsets(list: &[i64]) -> BTreeSet<Offset> {
        list.iter().copied().map(Offset).collect()
    }

    #[test]
    fn what_it_looks_like() {
        let position = Position {
            first: Offset(10),
            next: Offset(300),
            k: 17,
            k_seq: Seq(20),
            tries: 1,
            open: Some(offsets(&[10, 299])),
            decrees: offsets(&[10]),
        };
        let committed = position.encode(4096);
        assert_eq!(committed.metadata, "s1;300;11.14;1;0,121;0");
        assert_eq!(Position::decode(&committed), Ok(position));
    }

    #[test]
    fn a_list_that_does_not_fit_is_left_out() {
        let open = (0..5000).map(Offset).collect();
        let position = Position { next: Offset(5000), open: Some(open), ..Position::start(Offset(0)) };
        let committed = position.encode(4096);
        assert_eq!(committed.metadata, "s1;5000;0.0;0;*;");
        assert_eq!(Position::decode(&committed), Ok(Position { open: None, ..position }));
    }

    #[test]
    fn what_another_program_wrote_is_refused() {
        for text in ["x", "s1", "s1;;;;;", "s1;9;0;0;;", "s1;1;0.0;0;;", "s1;9;0.0;0;9;", "s1;9;0.0;0;;;", "f1;9;"] {
            let committed = Committed { offset: Offset(5), metadata: text.into() };
            assert_eq!(Position::decode(&committed), Err(BadPosition(text.into())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn comes_back_as_it_went(
            first in 0i64..1 << 40, ahead in 0i64..100_000, k in any::<u64>(), q in any::<u64>(), tries in any::<u32>(),
            open in proptest::option::of(proptest::collection::btree_set(0i64..100_000, 0..200)),
            decrees in proptest::collection::btree_set(0i64..100_000, 0..5),
        ) {
            let inside = |list: BTreeSet<i64>| list.into_iter().filter(|d| *d < ahead).map(|d| Offset(first + d)).collect();
            let position = Position { first: Offset(first), next: Offset(first + ahead), k, k_seq: Seq(q), tries,
                open: open.map(inside), decrees: inside(decrees) };
            prop_assert_eq!(Position::decode(&position.encode(usize::MAX)), Ok(position.clone()));
            prop_assert!(position.encode(4096).metadata.len() <= 4096);
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(text in "[s1;.*,0-9a-f-]{0,60}", offset in any::<i64>()) {
            let _ = Position::decode(&Committed { offset: Offset(offset), metadata: text });
        }
    }
}
