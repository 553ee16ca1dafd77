//! LZ4 frames (frame format 1.6.4), and the legacy frames that `lz4 -l` writes.

use crate::blocks::{Format, Next};
use xxhash_rust::xxh32::{Xxh32, xxh32};

pub(crate) const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
pub(crate) const LEGACY: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// How far back a block may refer to those before it.
const WINDOW: usize = 64 << 10;
/// Bytes of a legacy block but the last.
const LEGACY_BLOCK: usize = 8 << 20;
/// What incompressible bytes may grow to.
const LEGACY_LONGEST: usize = LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16;

/// Which unit comes next.
#[derive(Clone, Copy)]
enum Unit {
    /// Passed by itself: whatever is damaged, decoding never begins again where it began.
    Magic,
    /// Flags and block size.
    Flags,
    /// The rest of the descriptor: so many bytes.
    Descriptor(usize),
    Size,
    /// So many bytes, perhaps as they are, without the checksum.
    Block(usize, bool),
    Checksum,
    LegacyMagic,
    LegacySize,
    LegacyBlock(usize),
}

/// One frame.
pub(crate) struct Lz4 {
    unit: Unit,
    flags: u8,
    largest: usize,
    /// The descriptor so far, for its checksum.
    descriptor: Vec<u8>,
    /// The last bytes that came out, where blocks refer to them.
    window: Vec<u8>,
    content: Xxh32,
    /// Blocks are missing: nothing can be said of the content.
    gaps: bool,
}

/// No block refers to those before it.
const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const DICTIONARY: u8 = 0x01;

impl Lz4 {
    pub(crate) fn frame() -> Self {
        Self::of(Unit::Magic, 0)
    }

    pub(crate) fn legacy() -> Self {
        Self::of(Unit::LegacyMagic, INDEPENDENT)
    }

    fn of(unit: Unit, flags: u8) -> Self {
        let (descriptor, window) = (Vec::new(), Vec::new());
        Self { unit, flags, largest: LEGACY_BLOCK, descriptor, window, content: Xxh32::new(0), gaps: false }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn begin(&mut self, [flags, size]: [u8; 2]) -> Next {
        if flags & 0xc2 != 0x40 || !(0x40..=0x70).contains(&size) || size & 0x8f != 0 {
            return Next::Corrupt("an unknown version, or reserved bits");
        }
        if flags & DICTIONARY != 0 {
            return Next::Corrupt("it needs a dictionary that is not known");
        }
        self.flags = flags;
        self.largest = 1 << (8 + 2 * (size >> 4)); // 4: 64 KiB, ... 7: 4 MiB
        self.descriptor.extend_from_slice(&[flags, size]);
        self.unit = Unit::Descriptor(1 + if self.has(CONTENT_SIZE) { 8 } else { 0 });
        Next::Unit
    }

    /// A block is damaged. Those after it can be read where they do not refer to it.
    fn lost(&mut self, unit: &[u8], then: Unit, why: &'static str) -> Next {
        if !self.has(INDEPENDENT) {
            return Next::Corrupt(why);
        }
        self.gaps = true;
        self.unit = then;
        Next::Lost(unit.len(), why)
    }

    fn block(&mut self, data: &[u8], as_it_is: bool, plain: &mut Vec<u8>) -> Result<(), &'static str> {
        if as_it_is {
            plain.extend_from_slice(data);
        } else {
            plain.resize(self.largest, 0);
            let length = lz4_flex::block::decompress_into_with_dict(data, plain, &self.window)
                .map_err(|_| "invalid data in a block")?;
            plain.truncate(length);
        }
        if self.has(CONTENT_CHECKSUM) {
            self.content.update(plain);
        }
        if !self.has(INDEPENDENT) {
            let new = plain.len().min(WINDOW);
            let kept = self.window.len().min(WINDOW - new);
            self.window.drain(..self.window.len() - kept);
            self.window.extend_from_slice(&plain[plain.len() - new..]);
        }
        Ok(())
    }
}

impl Format for Lz4 {
    fn wants(&self) -> usize {
        match self.unit {
            Unit::Flags => 2,
            Unit::Descriptor(bytes) => bytes,
            Unit::Magic | Unit::Size | Unit::Checksum | Unit::LegacyMagic | Unit::LegacySize => 4,
            Unit::Block(bytes, _) => bytes + if self.has(BLOCK_CHECKSUM) { 4 } else { 0 },
            Unit::LegacyBlock(bytes) => bytes,
        }
    }

    fn unit(&mut self, unit: &[u8], plain: &mut Vec<u8>) -> Next {
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        match self.unit {
            Unit::Magic => self.unit = Unit::Flags,
            Unit::Flags => return self.begin([unit[0], unit[1]]),
            Unit::Descriptor(bytes) => {
                self.descriptor.extend_from_slice(&unit[..bytes - 1]);
                if (xxh32(&self.descriptor, 0) >> 8) as u8 != unit[bytes - 1] {
                    return Next::Corrupt("a wrong checksum of its header");
                }
                self.unit = Unit::Size;
            }
            Unit::Size => {
                let size = number(unit);
                let bytes = (size & !(1 << 31)) as usize;
                self.unit = match size {
                    0 if self.has(CONTENT_CHECKSUM) => Unit::Checksum,
                    0 => return Next::Ended,
                    _ if bytes == 0 || bytes > self.largest => return Next::Corrupt("a block of an impossible size"),
                    _ => Unit::Block(bytes, size >> 31 == 1),
                };
            }
            Unit::Block(bytes, as_it_is) => {
                let (data, checksum) = unit.split_at(bytes);
                if !checksum.is_empty() && xxh32(data, 0) != number(checksum) {
                    return self.lost(unit, Unit::Size, "a wrong checksum of a block");
                }
                if let Err(why) = self.block(data, as_it_is, plain) {
                    return self.lost(unit, Unit::Size, why);
                }
                self.unit = Unit::Size;
            }
            Unit::Checksum if !self.gaps && self.content.digest() != number(unit) => {
                return Next::Corrupt("a wrong checksum of its content");
            }
            Unit::Checksum => return Next::Ended,
            Unit::LegacyMagic => self.unit = Unit::LegacySize,
            Unit::LegacySize => match number(unit) as usize {
                // It has no end: what is no size is the next frame, or whatever follows.
                bytes @ 1..=LEGACY_LONGEST => self.unit = Unit::LegacyBlock(bytes),
                _ => return Next::EndedBefore,
            },
            Unit::LegacyBlock(_) => {
                if let Err(why) = self.block(unit, false, plain) {
                    return self.lost(unit, Unit::LegacySize, why);
                }
                self.unit = Unit::LegacySize;
            }
        }
        Next::Unit
    }

    fn may_end(&self, begun: bool) -> bool {
        !begun && matches!(self.unit, Unit::LegacySize)
    }
}
