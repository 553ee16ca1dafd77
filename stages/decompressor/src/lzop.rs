//! The files of lzop (1.04, `src/lzop.c`): LZO in blocks with checksums.

use crate::blocks::{Format, Next};
use crate::lzo;

pub(crate) const MAGIC: [u8; 9] = [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', 0x1a, b'\n'];

/// The first version whose header says which one is needed to read it; it is of 1997.
const VERSION: u16 = 0x0940;
/// The largest block that lzop writes or reads.
const LARGEST: usize = 64 << 20;

/// Adler-32 and CRC-32 of a block's plain bytes, and of the compressed ones.
const PLAIN_ADLER: u32 = 0x0001;
const PLAIN_CRC: u32 = 0x0100;
const PACKED_ADLER: u32 = 0x0002;
const PACKED_CRC: u32 = 0x0200;
/// The header has a field more.
const EXTRA_FIELD: u32 = 0x0040;
/// The file goes on in another.
const MULTIPART: u32 = 0x0400;
/// The bytes were filtered before they were compressed.
const FILTER: u32 = 0x0800;
/// The header's own checksum is CRC-32.
const HEADER_CRC: u32 = 0x1000;

/// Which unit comes next.
#[derive(Clone, Copy)]
enum Unit {
    /// Passed by itself: whatever is damaged, decoding never begins again where it began.
    Magic,
    /// Versions, method, level and flags.
    Flags,
    /// Mode, times, and how long the name is.
    Times,
    /// So many bytes of the name, and the checksum of the header.
    Name(usize),
    /// How long a block is; 0 ends the file.
    Plain,
    /// How long it is compressed.
    Packed(usize),
    /// So many plain bytes, in so many, with checksums before them.
    Block(usize, usize),
}

/// One file.
pub(crate) struct Lzop {
    unit: Unit,
    flags: u32,
    /// The header so far, for its checksum.
    header: Vec<u8>,
    window_bytes: usize,
}

fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("four bytes"))
}

fn adler32(bytes: &[u8]) -> u32 {
    let mut sum = simd_adler32::Adler32::new();
    sum.write(bytes);
    sum.finish()
}

impl Lzop {
    /// `window_bytes`: the largest block that it may ask for.
    pub(crate) fn new(window_bytes: usize) -> Self {
        Self { unit: Unit::Magic, flags: 0, header: Vec::new(), window_bytes }
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    fn checksums(&self, of: [u32; 2]) -> usize {
        of.iter().filter(|flag| self.has(**flag)).count() * 4
    }

    fn begin(&mut self, unit: &[u8]) -> Next {
        let number = |at: usize| u16::from_be_bytes([unit[at], unit[at + 1]]);
        self.flags = be32(&unit[8..]);
        if number(0) < VERSION || self.has(MULTIPART | FILTER | EXTRA_FIELD) || !matches!(unit[6], 1..=3) {
            return Next::Corrupt("an unknown version or method");
        }
        self.header.extend_from_slice(unit);
        self.unit = Unit::Times;
        Next::Unit
    }

    /// Takes the checksums of `of` off the front of `unit`, and holds `bytes` to them.
    fn holds<'a>(&self, mut unit: &'a [u8], of: [u32; 2], bytes: Option<&[u8]>) -> (bool, &'a [u8]) {
        let mut sound = true;
        for (flag, sum) in of.into_iter().zip([adler32 as fn(&[u8]) -> u32, crc32fast::hash]) {
            if self.has(flag) {
                sound &= bytes.is_none_or(|bytes| sum(bytes) == be32(&unit[..4]));
                unit = &unit[4..];
            }
        }
        (sound, unit)
    }

    fn block(&self, unit: &[u8], length: usize, packed: usize, plain: &mut Vec<u8>) -> Result<(), &'static str> {
        let data = &unit[unit.len() - packed..];
        let (_, rest) = self.holds(unit, [PLAIN_ADLER, PLAIN_CRC], None);
        if packed == length {
            plain.extend_from_slice(data);
        } else {
            if !self.holds(rest, [PACKED_ADLER, PACKED_CRC], Some(data)).0 {
                return Err("a wrong checksum of a compressed block");
            }
            plain.reserve_exact(length);
            lzo::decode(data, plain, length).map_err(|_| "invalid data in a block")?;
            if plain.len() != length {
                return Err("a block of another length");
            }
        }
        let sound = self.holds(unit, [PLAIN_ADLER, PLAIN_CRC], Some(plain)).0;
        if sound { Ok(()) } else { Err("a wrong checksum of a block") }
    }
}

impl Format for Lzop {
    fn wants(&self) -> usize {
        match self.unit {
            Unit::Magic => MAGIC.len(),
            Unit::Flags => 12,
            Unit::Times => 13,
            Unit::Name(bytes) => bytes + 4,
            Unit::Plain | Unit::Packed(_) => 4,
            Unit::Block(plain, packed) => {
                let more = if packed < plain { self.checksums([PACKED_ADLER, PACKED_CRC]) } else { 0 };
                self.checksums([PLAIN_ADLER, PLAIN_CRC]) + more + packed
            }
        }
    }

    fn unit(&mut self, unit: &[u8], plain: &mut Vec<u8>) -> Next {
        match self.unit {
            Unit::Magic => self.unit = Unit::Flags,
            Unit::Flags => return self.begin(unit),
            Unit::Times => {
                self.header.extend_from_slice(unit);
                self.unit = Unit::Name(unit[12].into());
            }
            Unit::Name(bytes) => {
                self.header.extend_from_slice(&unit[..bytes]);
                let sum = if self.has(HEADER_CRC) { crc32fast::hash } else { adler32 };
                if sum(&self.header) != be32(&unit[bytes..]) {
                    return Next::Corrupt("a wrong checksum of its header");
                }
                self.unit = Unit::Plain;
            }
            Unit::Plain => match be32(unit) as usize {
                0 => return Next::Ended,
                length if length > LARGEST => return Next::Corrupt("a block of an impossible size"),
                length if length > self.window_bytes => return Next::TooLarge("a block larger than the plan's window"),
                length => self.unit = Unit::Packed(length),
            },
            Unit::Packed(length) => match be32(unit) as usize {
                packed if packed == 0 || packed > length => return Next::Corrupt("a block of an impossible size"),
                packed => self.unit = Unit::Block(length, packed),
            },
            Unit::Block(length, packed) => {
                self.unit = Unit::Plain; // no block refers to another
                if let Err(why) = self.block(unit, length, packed, plain) {
                    return Next::Lost(unit.len(), why);
                }
            }
        }
        Next::Unit
    }

    fn may_end(&self, _begun: bool) -> bool {
        false
    }
}
