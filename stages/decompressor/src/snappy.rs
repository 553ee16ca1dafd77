//! Snappy's framing format (its framing_format.txt).

use crate::blocks::{Format, Next};

pub(crate) const MAGIC: &[u8] = b"\xff\x06\0\0sNaPpY";

/// Bytes that a chunk holds at most.
const LARGEST: usize = 64 << 10;
/// What they may grow to, with their checksum (of the reference's `MaxCompressedLength`).
const LONGEST: usize = 32 + LARGEST + LARGEST / 6 + 4;
/// What is skipped at a time.
const PIECE: usize = 64 << 10;

/// Which unit comes next.
#[derive(Clone, Copy)]
enum Unit {
    /// The kind of a chunk, and how long it is.
    Header,
    /// Compressed or as they are, with their checksum: so many bytes.
    Data(usize, bool),
    Identifier,
    /// Padding, and what other kinds may be skipped: so many bytes.
    Skip(usize),
}

/// One stream. It has no end: it goes as far as there are chunks.
pub(crate) struct Snappy {
    unit: Unit,
    decoder: snap::raw::Decoder,
}

impl Snappy {
    pub(crate) fn new() -> Self {
        Self { unit: Unit::Header, decoder: snap::raw::Decoder::new() }
    }

    fn data(&mut self, unit: &[u8], compressed: bool, plain: &mut Vec<u8>) -> Result<(), &'static str> {
        let (checksum, data) = unit.split_first_chunk::<4>().expect("no chunk of data is shorter");
        if compressed {
            let length = snap::raw::decompress_len(data).map_err(|_| "invalid data in a chunk")?;
            if length > LARGEST {
                return Err("a chunk of an impossible size");
            }
            plain.resize(length, 0);
            self.decoder.decompress(data, plain).map_err(|_| "invalid data in a chunk")?;
        } else {
            plain.extend_from_slice(data);
        }
        let masked = crc32c::crc32c(plain).rotate_right(15).wrapping_add(0xa282_ead8);
        if masked == u32::from_le_bytes(*checksum) { Ok(()) } else { Err("a wrong checksum of a chunk") }
    }
}

impl Format for Snappy {
    fn wants(&self) -> usize {
        match self.unit {
            Unit::Header => 4,
            Unit::Data(bytes, _) => bytes,
            Unit::Identifier => MAGIC.len() - 4,
            Unit::Skip(bytes) => bytes.min(PIECE),
        }
    }

    fn unit(&mut self, unit: &[u8], plain: &mut Vec<u8>) -> Next {
        match self.unit {
            Unit::Header => {
                let length = u32::from_le_bytes([unit[1], unit[2], unit[3], 0]) as usize;
                self.unit = match (unit[0], length) {
                    (0xff, length) if length == MAGIC.len() - 4 => Unit::Identifier,
                    (0x00, 4..=LONGEST) => Unit::Data(length, true),
                    (0x01, length) if (4..=LARGEST + 4).contains(&length) => Unit::Data(length, false),
                    (0x80..=0xfe, 0) => Unit::Header,
                    (0x80..=0xfe, length) => Unit::Skip(length),
                    _ => return Next::EndedBefore,
                };
            }
            Unit::Identifier if unit != &MAGIC[4..] => return Next::Corrupt("a damaged identifier"),
            Unit::Identifier => self.unit = Unit::Header,
            Unit::Data(_, compressed) => {
                self.unit = Unit::Header; // no chunk refers to another
                if let Err(why) = self.data(unit, compressed, plain) {
                    return Next::Lost(unit.len(), why);
                }
            }
            Unit::Skip(bytes) => {
                self.unit = if bytes > unit.len() { Unit::Skip(bytes - unit.len()) } else { Unit::Header };
            }
        }
        Next::Unit
    }

    fn may_end(&self, begun: bool) -> bool {
        !begun && matches!(self.unit, Unit::Header)
    }
}
