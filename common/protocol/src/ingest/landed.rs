//! The committed position of a partition whose rows go straight into the database.

use crate::load::Intent;
use crate::log::Committed;
use crate::worker::{BadPosition, Position};
use logmill_core::Offset;

/// Outputs that one record of the input may have: 16.7 million. It leaves 39 bits for the offset, which is 17 years of a
/// thousand records a second in one partition.
const BITS: u32 = 24;

/// The offset of the output with the number `k`, counted from 0, of the record at `offset`.
///
/// # Panics
/// When either is out of what can be numbered: a worker that dies of it dies by its chunk, which is rejected by decree.
#[must_use]
pub fn virtually(offset: Offset, k: u64) -> Offset {
    numbered(offset, k).unwrap_or_else(|| panic!("output {k} of offset {offset} is out of what can be numbered"))
}

fn numbered(offset: Offset, k: u64) -> Option<Offset> {
    let fits = (0..1 << (i64::BITS - 1 - BITS)).contains(&offset.0) && k < 1 << BITS;
    fits.then(|| Offset((offset.0 << BITS) | i64::try_from(k).expect("it is below 2^24")))
}

/// The offset of the record of the input.
#[must_use]
pub fn really(offset: Offset) -> Offset {
    Offset(offset.0 >> BITS)
}

/// The number of the output, counted from 0.
pub(super) fn output(offset: Offset) -> u64 {
    (offset.0 & ((1 << BITS) - 1)).unsigned_abs()
}

/// Where a partition stands: committed as a stage's [`Position`], with `@to` in hexadecimal behind its metadata (`@0` where no
/// intent stands), then `!` where its chunk was rejected by decree, then `~` where somebody began here. None of them, no `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Everything before it is in the table, in the log of events, or among the dead letters.
    pub position: Position,
    /// The intent: the rows from the position up to here are being inserted.
    pub to: Option<Offset>,
    /// The chunk H was rejected by decree, and what its stage held back came out: it has to come out so again.
    pub flushed: bool,
    /// Somebody began here who may have died of what follows: who begins again is careful.
    pub begun: bool,
}

impl Landed {
    /// Where nothing is under way.
    #[must_use]
    pub fn at(position: Position) -> Self {
        Self { position, to: None, flushed: false, begun: false }
    }

    /// Where the position is in the log of rows: what the loader has committed.
    #[must_use]
    pub fn from(&self) -> Offset {
        virtually(self.position.next, self.position.k)
    }

    /// As the loader would have committed it.
    pub(super) fn as_loaded(&self) -> Committed {
        let metadata = self.to.map_or_else(String::new, |to| Intent { to }.encode());
        Committed { offset: self.from(), metadata }
    }

    /// The offset and metadata to commit, the metadata at most `bytes` long.
    #[must_use]
    pub fn encode(&self, bytes: usize) -> Committed {
        let mut behind = String::new();
        if self.to.is_some() || self.flushed || self.begun {
            let flag = |is_set, sign| if is_set { sign } else { "" };
            let to = self.to.unwrap_or_default().0;
            behind = format!("@{to:x}{}{}", flag(self.flushed, "!"), flag(self.begun, "~"));
        }
        let mut committed = self.position.encode(bytes.saturating_sub(behind.len()));
        committed.metadata += &behind;
        committed
    }

    /// # Errors
    /// When the metadata is something else.
    pub fn decode(committed: &Committed) -> Result<Self, BadPosition> {
        let bad = || BadPosition(committed.metadata.clone());
        let position = Position::decode(committed).map_err(|_| bad())?;
        let from = numbered(position.next, position.k).ok_or_else(bad)?;
        let Some((_, behind)) = committed.metadata.split_once('@') else { return Ok(Self::at(position)) };
        let (behind, begun) = behind.strip_suffix('~').map_or((behind, false), |rest| (rest, true));
        let (to, flushed) = behind.strip_suffix('!').map_or((behind, false), |rest| (rest, true));
        let to =
            i64::from_str_radix(to, 16).ok().map(Offset).filter(|to| to.0 != 0 || flushed || begun).ok_or_else(bad)?;
        let to = (to.0 != 0).then_some(to);
        to.is_none_or(|to| to > from).then_some(Self { position, to, flushed, begun }).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_it_looks_like() {
        let position = Position { k: 2, ..Position::start(Offset(5)) };
        let landed = Landed { to: Some(virtually(Offset(7), 1)), ..Landed::at(position) };
        let committed = landed.encode(4096);
        assert_eq!(committed.metadata, "s1;5;2.0;0;;@7000001");
        assert_eq!(Landed::decode(&committed), Ok(landed.clone()));
        // Who wants to know how far a stage is need not know of rows.
        assert_eq!(Position::decode(&committed), Ok(landed.position));
    }

    #[test]
    fn a_stage_s_position_has_no_intent() {
        let landed = Landed::decode(&Committed { offset: Offset(9), metadata: String::new() });
        assert_eq!(landed, Ok(Landed::at(Position::start(Offset(9)))));
    }

    #[test]
    fn what_another_program_wrote_is_refused() {
        for to in [
            "@",
            "@x",
            "@0",
            "@5000002",
            "@4000003",
            "@-5000003",
            "@5000003,",
            "@5000003@",
            "@5000003!!",
            "@!",
            "@~",
            "@0~!",
        ] {
            let committed = Committed { offset: Offset(5), metadata: format!("s1;5;2.0;0;;{to}") };
            assert_eq!(Landed::decode(&committed), Err(BadPosition(committed.metadata.clone())), "{to}");
        }
    }

    proptest! {
        #[test]
        fn comes_back_as_it_went_and_fits(
            first in 0i64..1 << 30, ahead in 0i64..100_000, k in 0u64..1000, rows in 0i64..5000, flushed: bool, begun: bool,
            open in proptest::collection::btree_set(0i64..100_000, 0..2000),
        ) {
            let open = open.into_iter().filter(|o| *o < ahead).map(|o| Offset(first + o)).collect();
            let position = Position { next: Offset(first + ahead), k, open: Some(open), ..Position::start(Offset(first)) };
            let from = virtually(position.next, k);
            let landed = Landed { position, to: (rows > 0).then(|| Offset(from.0 + rows)), flushed, begun };
            prop_assert_eq!(Landed::decode(&landed.encode(usize::MAX)), Ok(landed.clone()));
            prop_assert!(landed.encode(4096).metadata.len() <= 4096);
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(text in "[s1;.*,0-9a-f-]{0,30}@?[,0-9a-f!~]{0,20}", offset in any::<i64>()) {
            let _ = Landed::decode(&Committed { offset: Offset(offset), metadata: text });
        }
    }
}
