//! Numbers that must not be swapped, each its own type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.0) }
        }
    };
}

number!(
    /// A position in a Kafka partition: the offset of a record.
    Offset, i64
);
number!(
    /// The number of a chunk within its file at one step of the chain, from 0, without gaps.
    Seq, u64
);
number!(
    /// A count of bytes.
    ByteCount, u64
);
number!(
    /// The number of a line within its file, from 1.
    LineNumber, u64
);
number!(
    /// One loading of a file's rows: 0 at first, a new number for each replay or redecode.
    Load, u32
);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Seq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Identity of one file's content: a 128-bit hash of (cluster, path, length, modification time), so that a changed
/// file is a new file. Shown and sent as 32 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(pub u128);

impl FileId {
    /// Hashes (cluster, path, length in bytes, modification time in milliseconds since 1970) with XXH3-128. Each part
    /// is preceded by its length, so that no two different tuples give the same input.
    #[must_use]
    pub fn of(cluster: &str, path: &[u8], length: u64, modified_ms: u64) -> Self {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for part in [cluster.as_bytes(), path] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(&length.to_le_bytes());
        hash.update(&modified_ms.to_le_bytes());
        Self(hash.digest128())
    }

    /// Of a member of this file, which is an archive: a hash of this id, the member's number, counted from 0, and its name.
    #[must_use]
    pub fn of_member(self, ordinal: u64, name: &[u8]) -> Self {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&self.to_bytes());
        hash.update(&ordinal.to_le_bytes());
        hash.update(name);
        Self(hash.digest128())
    }

    /// The 16 bytes, most significant first: the order in which the hex digits stand.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The partition among `count` that carries this file's chunks: the same at every step of the chain, whatever the
    /// client library's own partitioner would say.
    ///
    /// # Panics
    /// When `count` is not positive.
    #[must_use]
    pub fn partition(self, count: i32) -> i32 {
        assert!(count > 0, "a topic has at least one partition");
        (self.0 % (count as u128)) as i32
    }

    /// The partition among `count` that carries chunk `seq` of this file where every chunk stands alone: runs of
    /// [`RUN`] chunks go to one partition, the next run to the next. So a large file is everybody's work, and what one
    /// consumer takes of it is a few long ranges of lines instead of many short ones.
    ///
    /// # Panics
    /// When `count` is not positive.
    #[must_use]
    pub fn partition_of(self, seq: Seq, count: i32) -> i32 {
        Self(self.0.wrapping_add(u128::from(seq.0 / RUN))).partition(count)
    }
}

/// Consecutive chunks of a file that share a partition where every chunk stands alone.
pub const RUN: u64 = 32;

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A text that is not 32 hex digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a file id is 32 hex digits, this is {0:?}")]
pub struct BadFileId(pub String);

impl FromStr for FileId {
    type Err = BadFileId;
    fn from_str(text: &str) -> Result<Self, BadFileId> {
        let bad = || BadFileId(text.to_owned());
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| bad())
    }
}

impl Serialize for FileId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
