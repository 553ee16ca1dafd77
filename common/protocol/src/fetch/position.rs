//! The committed position of a tasks partition: what a successor needs to go on.

use logmill_core::{Offset, Seq};
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::log::Committed;

/// How far a tasks partition is fetched. The committed offset is [`Position::first`]; the rest is its metadata, as text:
/// `f2;H;s;d.n.c,d.n.c` where H is the next task, s what was sent, and each open file has the distance of its task from the
/// committed offset, its next chunk and the CRC-32 so far, in hexadecimal. `f1;H;d.n.c,d.n.c` is of earlier versions, which did
/// not count what was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// H: the first task that was not taken yet. Above every key of `open`.
    pub next: Offset,
    /// The chunks and end markers that were sent of the partition's tasks, ever: how fast its fetchers are.
    pub sent: u64,
    /// The files that are open, by the offset of their task. Tasks below `next` that are not here are finished.
    pub open: BTreeMap<Offset, OpenFile>,
}

/// How far one file is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenFile {
    /// The next chunk to send.
    pub next: Seq,
    /// CRC-32 (ISO 3309) of the bytes before it.
    pub crc32: u32,
}

/// Metadata that this code did not write.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("the committed metadata {0:?} is not a fetcher's position; was another program using this consumer group?")]
pub struct BadPosition(pub String);

impl Position {
    /// The bytes that the metadata has beside its open files, at most.
    pub const FIXED_BYTES: usize = 3 + 20 + 1 + 20 + 1;

    /// The bytes that an open file of `chunks` chunks takes in the metadata, at most.
    #[must_use]
    pub fn entry_bytes(chunks: Seq) -> usize {
        let digits = |n: u64| (67 - n.leading_zeros().min(63) as usize) / 4;
        12 + 1 + digits(chunks.0) + 1 + 8 + 1
    }

    /// The oldest task that is not finished: the offset to commit, and to read from.
    #[must_use]
    pub fn first(&self) -> Offset {
        self.open.keys().next().copied().unwrap_or(self.next)
    }

    /// How many tasks are done: taken, and not open.
    #[must_use]
    pub fn done(&self) -> Offset {
        Offset(self.next.0 - i64::try_from(self.open.len()).unwrap_or(i64::MAX))
    }

    #[must_use]
    pub fn encode(&self) -> Committed {
        let first = self.first();
        let mut metadata = String::with_capacity(Self::FIXED_BYTES + self.open.len() * 24);
        write!(metadata, "f2;{};{};", self.next, self.sent).expect("a String takes any text");
        for (i, (offset, file)) in self.open.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let distance = offset.0 - first.0;
            write!(metadata, "{comma}{distance:x}.{:x}.{:x}", file.next.0, file.crc32)
                .expect("a String takes any text");
        }
        Committed { offset: first, metadata }
    }

    /// # Errors
    /// When the metadata is something else. Empty metadata is a position with no open file.
    pub fn decode(committed: &Committed) -> Result<Self, BadPosition> {
        if committed.metadata.is_empty() {
            return Ok(Self { next: committed.offset, ..Self::default() });
        }
        Self::parse(committed).ok_or_else(|| BadPosition(committed.metadata.clone()))
    }

    fn parse(committed: &Committed) -> Option<Self> {
        let mut fields = committed.metadata.split(';');
        let counts = match fields.next()? {
            "f1" => false,
            "f2" => true,
            _ => return None,
        };
        let next = Offset(fields.next()?.parse().ok()?);
        let sent = if counts { fields.next()?.parse().ok()? } else { 0 };
        let list = fields.next()?;
        let mut open = BTreeMap::new();
        for entry in list.split(',').filter(|e| !e.is_empty()) {
            let mut numbers = entry.split('.');
            let distance = i64::from_str_radix(numbers.next()?, 16).ok()?;
            let file = OpenFile {
                next: Seq(u64::from_str_radix(numbers.next()?, 16).ok()?),
                crc32: u32::from_str_radix(numbers.next()?, 16).ok()?,
            };
            open.insert(Offset(committed.offset.0.checked_add(distance)?), file);
        }
        let position = Self { next, sent, open };
        let whole = fields.next().is_none()
            && position.first() == committed.offset
            && position.open.keys().next_back().is_none_or(|last| *last < next);
        whole.then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(position: &Position) -> Committed {
        let committed = position.encode();
        assert_eq!(&Position::decode(&committed).unwrap(), position);
        committed
    }

    #[test]
    fn a_position_survives_its_metadata() {
        let mut position = Position { next: Offset(17), ..Position::default() };
        assert_eq!(round_trip(&position), Committed { offset: Offset(17), metadata: "f2;17;0;".into() });
        position.sent = 4711;
        position.open.insert(Offset(12), OpenFile { next: Seq(300), crc32: 0xdead_beef });
        position.open.insert(Offset(16), OpenFile::default());
        assert_eq!(
            round_trip(&position),
            Committed { offset: Offset(12), metadata: "f2;17;4711;0.12c.deadbeef,4.0.0".into() }
        );
        assert_eq!(position.done(), Offset(15));
        let before = Committed { offset: Offset(12), metadata: "f1;17;0.12c.deadbeef,4.0.0".into() };
        assert_eq!(Position::decode(&before), Ok(Position { sent: 0, ..position }));
    }

    #[test]
    fn an_entry_is_never_longer_than_its_estimate() {
        for chunks in [0, 1, 15, 16, 255, 256, u64::MAX] {
            let file = OpenFile { next: Seq(chunks), crc32: u32::MAX };
            let near = Position { next: Offset(2), sent: 0, open: [(Offset(1), file)].into() };
            let files = [(Offset(1), file), (Offset((1 << 47) - 1), file)];
            let both = Position { next: Offset(1 << 47), sent: 0, open: files.into() };
            let grown = both.encode().metadata.len() - near.encode().metadata.len();
            let digits = (1_i64 << 47).to_string().len();
            assert!(grown - digits < Position::entry_bytes(Seq(chunks)), "{chunks}");
        }
    }

    #[test]
    fn what_another_program_wrote_is_refused() {
        for text in [
            "x",
            "f1",
            "f1;",
            "f1;a;",
            "f1;9;0.0",
            "f1;9;0.0.0;",
            "f1;5;0.0.0",
            "f1;9;1.0.0",
            "s1;9;",
            "f2;9;",
            "f2;9;x;",
            "f2;9;0;0.0.0;",
        ] {
            let committed = Committed { offset: Offset(5), metadata: text.into() };
            assert_eq!(Position::decode(&committed), Err(BadPosition(text.into())), "{text}");
        }
        let empty = Committed { offset: Offset(5), metadata: String::new() };
        assert_eq!(Position::decode(&empty).unwrap().next, Offset(5));
    }
}
