//! What Hadoop's SnappyCodec, Lz4Codec and LzoCodec write (`BlockCompressorStream`): blocks of chunks, with no magic, no
//! checksum and no end.
//!
//! A block is its plain length, four bytes big-endian, and chunks until so many bytes came out; a chunk is its own length,
//! four bytes big-endian, and raw data. A block of length 0 ends what one writer wrote.
//!
//! After damage the next block is looked for from where the damaged length or chunk begins: one of a single chunk, as small
//! writes make them, that decodes to just the length that it says.

use crate::blocks::{Format, Next};
use crate::lzo;
use lz4_flex::block::DecompressError;

/// How the data of a chunk is compressed.
#[derive(Clone, Copy)]
pub(crate) enum Raw {
    Snappy,
    Lz4,
    Lzo,
}

/// What is wrong with a chunk.
enum Wrong {
    Invalid,
    TooLarge,
}

impl Raw {
    /// What `plain` incompressible bytes grow to, at most (as each library's own bound says).
    fn longest(self, plain: usize) -> usize {
        match self {
            Raw::Snappy => 32 + plain + plain / 6,
            Raw::Lz4 => 16 + plain + plain / 255,
            Raw::Lzo => 67 + plain + plain / 16,
        }
    }

    /// Decodes one chunk into `plain`, which is empty, to at most `most` bytes.
    fn decode(self, data: &[u8], plain: &mut Vec<u8>, most: usize) -> Result<(), Wrong> {
        // No byte of lz4 or lzo becomes more than 255.
        let most_of_data = most.min(data.len().saturating_mul(255));
        match self {
            Raw::Snappy => {
                let length = snap::raw::decompress_len(data).map_err(|_| Wrong::Invalid)?;
                if length > most {
                    return Err(Wrong::TooLarge);
                }
                plain.resize(length, 0);
                snap::raw::Decoder::new().decompress(data, plain).map_err(|_| Wrong::Invalid)?;
            }
            Raw::Lz4 => {
                plain.resize(most_of_data, 0);
                let length = lz4_flex::block::decompress_into(data, plain).map_err(|error| match error {
                    DecompressError::OutputTooSmall { .. } => Wrong::TooLarge,
                    _ => Wrong::Invalid,
                })?;
                plain.truncate(length);
            }
            Raw::Lzo => lzo::decode(data, plain, most_of_data).map_err(|error| match error {
                lzo::Wrong::TooLong => Wrong::TooLarge,
                lzo::Wrong::Short | lzo::Wrong::Invalid => Wrong::Invalid,
            })?,
        }
        Ok(())
    }

    /// Whether a chunk may begin with `data`, or be it where `data` is all of it. `block`: how much comes out at most.
    fn may_begin(self, data: &[u8], block: usize) -> bool {
        match self {
            Raw::Snappy => snap::raw::decompress_len(data).is_ok_and(|length| (1..=block).contains(&length)),
            Raw::Lz4 => {
                let mut room = vec![0; data.len() * 255];
                !matches!(
                    lz4_flex::block::decompress_into(data, &mut room),
                    Err(DecompressError::OffsetZero | DecompressError::OffsetOutOfBounds)
                )
            }
            Raw::Lzo => lzo::decode(data, &mut Vec::new(), data.len() * 255) != Err(lzo::Wrong::Invalid),
        }
    }
}

/// Which unit comes next.
#[derive(Clone, Copy)]
enum Unit {
    /// How much comes out of a block.
    Length,
    /// How long a chunk is, while so much is to come out of its block.
    Chunk(usize),
    /// So much is to come out of its block; so long is the chunk.
    Data(usize, usize),
    /// After damage: the lengths of a block and of its one chunk, if they are ones.
    Search,
    /// They may be: so much comes out of the block, so long is the chunk behind them.
    Found(usize, usize),
}

/// What was written to one file, up to an end.
pub(crate) struct Hadoop {
    raw: Raw,
    unit: Unit,
    window_bytes: usize,
}

/// The longest block that is looked for after damage.
const LARGEST_IN_SEARCH: usize = 1 << 20;
/// The bytes that are looked at then: two lengths, and the one that snappy's data begins with.
pub(crate) const LOOK: usize = 13;

/// No length that a file begins with is as long: its buffers are of 64 or 256 KiB unless configuration says otherwise, and
/// the first byte of a text is more than 7.
const LARGEST_AT_FIRST: usize = 128 << 20;

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes) as usize)
}

/// Whether a file may begin with `bytes`, or be them where they are `all` of it.
pub(crate) fn may_begin(raw: Raw, bytes: &[u8], all: bool) -> bool {
    let (Some(block), Some(chunk)) = (length(bytes, 0), length(bytes, 4)) else {
        return all && bytes == [0; 4]; // nothing was written
    };
    let data = &bytes[8..];
    (1..LARGEST_AT_FIRST).contains(&block)
        && (1..=raw.longest(block)).contains(&chunk)
        && raw.may_begin(&data[..data.len().min(chunk)], block)
}

impl Hadoop {
    /// `window_bytes`: the largest chunk that it may ask for, compressed or not.
    pub(crate) fn new(raw: Raw, window_bytes: usize) -> Self {
        Self { raw, unit: Unit::Length, window_bytes }
    }

    fn chunk(&mut self, unit: &[u8], left: usize, plain: &mut Vec<u8>) -> Next {
        let most = left.min(self.window_bytes);
        match self.raw.decode(unit, plain, most) {
            Err(Wrong::TooLarge) if most < left => return Next::TooLarge(TOO_LARGE),
            Err(Wrong::TooLarge) => return self.search("more data in a chunk than in its block"),
            Err(Wrong::Invalid) => return self.search("invalid data in a chunk"),
            Ok(()) if plain.is_empty() => return self.search("nothing in a chunk"),
            Ok(()) => {}
        }
        self.unit = if plain.len() == left { Unit::Length } else { Unit::Chunk(left - plain.len()) };
        Next::Unit
    }

    /// What is held is no unit, or a damaged one: a block may begin with any byte after its first.
    fn search(&mut self, why: &'static str) -> Next {
        self.unit = Unit::Search;
        Next::Lost(1, why)
    }

    fn look(&mut self, unit: &[u8]) -> Next {
        let (block, chunk) = (length(unit, 0).unwrap_or(0), length(unit, 4).unwrap_or(0));
        let most = LARGEST_IN_SEARCH.min(self.window_bytes);
        if may_begin(self.raw, unit, false) && block <= most && chunk <= most {
            self.unit = Unit::Found(block, chunk);
            return Next::More;
        }
        // The first byte of such a length is 0.
        Next::Lost(unit[1..].iter().position(|byte| *byte == 0).map_or(unit.len(), |at| at + 1), NO_BLOCK)
    }

    fn found(&mut self, unit: &[u8], block: usize, plain: &mut Vec<u8>) -> Next {
        if self.raw.decode(&unit[8..], plain, block).is_err() || plain.len() != block {
            return self.search(NO_BLOCK);
        }
        self.unit = Unit::Length;
        Next::Unit
    }
}

const TOO_LARGE: &str = "a chunk larger than the plan's window";
const IMPOSSIBLE: &str = "a block or chunk of an impossible size";
const NO_BLOCK: &str = "no block";

impl Format for Hadoop {
    fn wants(&self) -> usize {
        match self.unit {
            Unit::Length | Unit::Chunk(_) => 4,
            Unit::Data(_, chunk) => chunk,
            Unit::Search => LOOK,
            Unit::Found(_, chunk) => 8 + chunk,
        }
    }

    fn unit(&mut self, unit: &[u8], plain: &mut Vec<u8>) -> Next {
        match self.unit {
            Unit::Length => match length(unit, 0) {
                Some(0) => return Next::Ended,
                Some(block) if block <= i32::MAX as usize => self.unit = Unit::Chunk(block),
                _ => return self.search(IMPOSSIBLE),
            },
            Unit::Chunk(left) => match length(unit, 0) {
                Some(chunk) if chunk == 0 || chunk > self.raw.longest(left) => {
                    return self.search(IMPOSSIBLE);
                }
                Some(chunk) if chunk <= self.window_bytes => self.unit = Unit::Data(left, chunk),
                // Rather text that was taken for lengths.
                _ if left >= LARGEST_AT_FIRST => return self.search(IMPOSSIBLE),
                _ => return Next::TooLarge(TOO_LARGE),
            },
            Unit::Data(left, _) => return self.chunk(unit, left, plain),
            Unit::Search => return self.look(unit),
            Unit::Found(block, _) => return self.found(unit, block, plain),
        }
        Next::Unit
    }

    fn may_end(&self, begun: bool) -> bool {
        match self.unit {
            Unit::Length => !begun,
            Unit::Search | Unit::Found(..) => true, // what is lost was told
            Unit::Chunk(_) | Unit::Data(..) => false,
        }
    }
}
