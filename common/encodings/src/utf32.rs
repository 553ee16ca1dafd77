//! UTF-32.

use crate::bytewise::{Byte, Bytewise, Made};

/// Which byte of a unit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

/// What stands for no character is malformed, a unit at a time; so is a unit that the file's end cuts.
pub(crate) struct Utf32 {
    order: ByteOrder,
    held: [u8; 4],
    /// How many are held.
    len: usize,
}

impl Utf32 {
    pub(crate) fn new(order: ByteOrder) -> Self {
        Self { order, held: [0; 4], len: 0 }
    }
}

impl Bytewise for Utf32 {
    fn byte(&mut self, byte: u8) -> (Made, Byte) {
        self.held[self.len] = byte;
        self.len = (self.len + 1) % 4;
        if self.len > 0 {
            return (Made::Nothing, Byte::Used);
        }
        let unit = match self.order {
            ByteOrder::Little => u32::from_le_bytes(self.held),
            ByteOrder::Big => u32::from_be_bytes(self.held),
        };
        (char::from_u32(unit).map_or(Made::Malformed, Made::Char), Byte::Used)
    }

    fn forget(&mut self) -> bool {
        std::mem::take(&mut self.len) > 0
    }
}
