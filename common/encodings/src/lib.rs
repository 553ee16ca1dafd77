//! The encodings that are decoded: their names and labels, and a decoder of each. Which library or table stands behind
//! one is known here alone.

mod bytewise;
mod decoder;
mod dos;
mod ebcdic;
mod gb18030;
mod iso2022;
mod labels;
mod page;
mod utf32;

pub use decoder::{Decoder, Stop};

use iso2022::Shifts;
use std::fmt;
use utf32::ByteOrder;

/// An encoding. Two are the same if their names are.
#[derive(Clone, Copy)]
pub struct Encoding {
    name: &'static str,
    kind: Kind,
    /// The others, with a space between two.
    labels: &'static str,
}

/// What decodes it.
#[derive(Clone, Copy)]
enum Kind {
    /// The Encoding Standard's.
    Standard(&'static encoding_rs::Encoding),
    Utf32(ByteOrder),
    Iso2022(Shifts),
    /// The bytes from 0x40 on.
    Ebcdic(&'static [u16; 192]),
    /// The bytes from 0x80 on.
    Dos(&'static [u16; 128]),
}

/// What encodings have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Utf8,
    /// Units of two bytes.
    Utf16,
    /// Units of four bytes.
    Utf32,
    /// ASCII, and one byte for each other character.
    SingleByte,
    /// ASCII, and two to four bytes for most other characters; LF is a byte of none of them.
    MultiByte,
    /// Bytes of ASCII throughout; escape sequences and shifts give them another meaning.
    Iso2022,
    /// One byte for each character, and no ASCII.
    Ebcdic,
}

impl Family {
    /// Whether the bytes of ASCII stand for ASCII, wherever they are not part of a longer character.
    #[must_use]
    pub fn extends_ascii(self) -> bool {
        matches!(self, Self::Utf8 | Self::SingleByte | Self::MultiByte)
    }
}

pub static UTF_8: &Encoding = named("utf-8");
pub static UTF_16LE: &Encoding = named("utf-16le");
pub static UTF_16BE: &Encoding = named("utf-16be");
pub static UTF_32LE: &Encoding = named("utf-32le");
pub static UTF_32BE: &Encoding = named("utf-32be");
pub static GBK: &Encoding = named("gbk");
pub static GB18030: &Encoding = named("gb18030");
pub static ISO_2022_JP: &Encoding = named("iso-2022-jp");

impl Encoding {
    const fn new(name: &'static str, kind: Kind, labels: &'static str) -> Self {
        Self { name, kind, labels }
    }

    /// All that there are, in the order in which people read of them.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        labels::ALL.iter()
    }

    /// The encoding that a label means, in capitals or not.
    #[must_use]
    pub fn for_label(label: &str) -> Option<&'static Self> {
        let label = label.trim_ascii();
        Self::all().find(|encoding| encoding.labels().any(|known| known.eq_ignore_ascii_case(label)))
    }

    /// In small letters.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is called: its name, then its other labels. In small letters, and each label of one encoding only.
    pub fn labels(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.labels.split_ascii_whitespace())
    }

    #[must_use]
    pub fn family(&self) -> Family {
        match self.kind {
            Kind::Standard(standard) if standard == encoding_rs::UTF_8 => Family::Utf8,
            Kind::Standard(standard) if standard == encoding_rs::ISO_2022_JP => Family::Iso2022,
            Kind::Standard(standard) if !standard.is_ascii_compatible() => Family::Utf16,
            Kind::Standard(standard) if standard.is_single_byte() => Family::SingleByte,
            Kind::Standard(_) => Family::MultiByte,
            Kind::Utf32(_) => Family::Utf32,
            Kind::Iso2022(_) => Family::Iso2022,
            Kind::Ebcdic(_) => Family::Ebcdic,
            Kind::Dos(_) => Family::SingleByte,
        }
    }

    /// Its byte order mark: U+FEFF in its own bytes. Empty where files of it have none.
    #[must_use]
    pub fn mark(&self) -> &'static [u8] {
        match self.name {
            "utf-8" => &[0xef, 0xbb, 0xbf],
            "utf-16le" => &[0xff, 0xfe],
            "utf-16be" => &[0xfe, 0xff],
            "utf-32le" => &[0xff, 0xfe, 0, 0],
            "utf-32be" => &[0, 0, 0xfe, 0xff],
            "gb18030" | "gbk" => &[0x84, 0x31, 0x95, 0x33], // decoded alike
            _ => &[],
        }
    }

    /// The same units in the other byte order, where there is one.
    #[must_use]
    pub fn other_byte_order(&self) -> Option<&'static Self> {
        [(UTF_16LE, UTF_16BE), (UTF_32LE, UTF_32BE)]
            .into_iter()
            .flat_map(|(little, big)| [(little, big), (big, little)])
            .find_map(|(one, other)| (self == one).then_some(other))
    }

    /// What the Encoding Standard's library calls it, where it has it.
    #[must_use]
    pub fn standard(&self) -> Option<&'static encoding_rs::Encoding> {
        match self.kind {
            Kind::Standard(standard) => Some(standard),
            _ => None,
        }
    }

    /// A decoder of one stretch of bytes. A byte order mark is a character like any other to it.
    #[must_use]
    pub fn new_decoder(&self) -> Decoder {
        Decoder::new(self.kind)
    }
}

impl From<&'static encoding_rs::Encoding> for &'static Encoding {
    /// The one without a label of its own ("replacement") counts as UTF-8.
    fn from(standard: &'static encoding_rs::Encoding) -> Self {
        Encoding::for_label(standard.name()).unwrap_or(UTF_8)
    }
}

impl PartialEq for Encoding {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Encoding {}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Its row in the table; a name that is not there does not compile.
const fn named(name: &str) -> &'static Encoding {
    let mut i = 0;
    while !same(labels::ALL[i].name.as_bytes(), name.as_bytes()) {
        i += 1;
    }
    &labels::ALL[i]
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([a, rest_of_a @ ..], [b, rest_of_b @ ..]) => *a == *b && same(rest_of_a, rest_of_b),
        _ => false,
    }
}
