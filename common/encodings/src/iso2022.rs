//! ISO-2022-KR (RFC 1557) and ISO-2022-CN (RFC 1922): SO and SI switch between ASCII and a set of two bytes a
//! character, which the Encoding Standard has with the high bits set.
//!
//! More is taken than the RFCs allow, as logs are cut and rotated: the set counts as designated from the beginning,
//! and a designation lasts until the next one. A line end switches back to ASCII, so that what is lost of a line costs
//! no other line. ESC passes as a control where it begins neither a designation nor a single shift: logs have colours.

use crate::bytewise::{Byte, Bytewise, Made};
use encoding_rs::{EUC_KR, GBK};

const SO: u8 = 0x0e;
const SI: u8 = 0x0f;
const ESC: u8 = 0x1b;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shifts {
    Korean,
    /// GB 2312 alone is decoded; characters of ISO-IR-165 and of the planes of CNS 11643 are malformed.
    Chinese,
}

pub(crate) struct Iso2022 {
    shifts: Shifts,
    /// Decodes the set of two bytes.
    set: encoding_rs::Decoder,
    /// The set under way is that one.
    known: bool,
    /// SO came last.
    shifted: bool,
    /// A sequence under way: a character's first byte, or what follows ESC.
    held: [u8; 3],
    len: usize,
}

impl Iso2022 {
    pub(crate) fn new(shifts: Shifts) -> Self {
        let set = match shifts {
            Shifts::Korean => EUC_KR,
            Shifts::Chinese => GBK,
        };
        let set = set.new_decoder_without_bom_handling();
        Self { shifts, set, known: true, shifted: false, held: [0; 3], len: 0 }
    }

    fn hold(&mut self, byte: u8) -> (Made, Byte) {
        self.held[self.len] = byte;
        self.len += 1;
        (Made::Nothing, Byte::Used)
    }

    fn done(&mut self, made: Made, byte: Byte) -> (Made, Byte) {
        self.len = 0;
        (made, byte)
    }

    /// A byte where no sequence is under way.
    fn first(&mut self, byte: u8) -> (Made, Byte) {
        let made = match byte {
            ESC => return self.hold(byte),
            0x21..=0x7e if self.shifted => return self.hold(byte),
            0x80.. => Made::Malformed,
            SO | SI => {
                self.shifted = byte == SO;
                Made::Nothing
            }
            _ => {
                self.shifted &= byte != b'\n';
                Made::Char(byte.into())
            }
        };
        (made, Byte::Used)
    }

    /// The second byte of a character.
    fn pair(&mut self, high: u8, low: u8) -> (Made, Byte) {
        if !is_graphic(low) {
            return self.done(Made::Malformed, Byte::Again);
        }
        let made = if self.known { self.look_up(high, low) } else { None };
        self.done(made.map_or(Made::Malformed, Made::Char), Byte::Used)
    }

    fn look_up(&mut self, high: u8, low: u8) -> Option<char> {
        let mut text = [0; 16];
        let (_, _, n) = self.set.decode_to_utf8_without_replacement(&[high | 0x80, low | 0x80], &mut text, false);
        std::str::from_utf8(&text[..n]).ok()?.chars().next()
    }

    /// The last byte of a designation.
    fn designation(&mut self, of: u8, set: u8) -> (Made, Byte) {
        match (self.shifts, of, set) {
            (Shifts::Korean, b')', b'C') | (Shifts::Chinese, b')', b'A') => self.known = true,
            (Shifts::Chinese, b')', b'E' | b'G') => self.known = false,
            (Shifts::Chinese, b'*', b'H') | (Shifts::Chinese, b'+', b'I'..=b'M') => {} // for single shifts
            _ => return self.done(Made::Malformed, Byte::Again),
        }
        self.done(Made::Nothing, Byte::Used)
    }

    fn is_single_shift(&self, byte: u8) -> bool {
        self.shifts == Shifts::Chinese && matches!(byte, b'N' | b'O')
    }
}

impl Bytewise for Iso2022 {
    fn byte(&mut self, byte: u8) -> (Made, Byte) {
        match self.held[..self.len] {
            [] => self.first(byte),
            [ESC] if byte == b'$' || self.is_single_shift(byte) => self.hold(byte),
            [ESC] => self.done(Made::Char(ESC.into()), Byte::Again),
            [ESC, b'$'] if matches!(byte, b')' | b'*' | b'+') => self.hold(byte),
            [ESC, b'$', of] => self.designation(of, byte),
            // A single shift: two bytes of a set that is not decoded.
            [ESC, b'N' | b'O'] if is_graphic(byte) => self.hold(byte),
            [ESC, b'N' | b'O', _] if is_graphic(byte) => self.done(Made::Malformed, Byte::Used),
            [ESC, ..] => self.done(Made::Malformed, Byte::Again),
            [high, ..] => self.pair(high, byte),
        }
    }

    fn forget(&mut self) -> bool {
        std::mem::take(&mut self.len) > 0
    }
}

fn is_graphic(byte: u8) -> bool {
    (0x21..=0x7e).contains(&byte)
}
