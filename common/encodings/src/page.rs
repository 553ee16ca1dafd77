//! Code pages of one byte a character, by table.

use crate::decoder::Stop;

/// What stands in a table where a page has nothing.
const NOTHING: u16 = 0xfffd;
/// Bytes that are looked up together.
const BLOCK: usize = 16;

pub(crate) struct Page {
    /// What each byte becomes: up to three bytes of UTF-8, and how many; none where it is malformed.
    chars: Box<[[u8; 4]; 256]>,
    /// The same where that is ASCII, and 0x80 elsewhere.
    ascii: Box<[u8; 256]>,
}

impl Page {
    /// `units`: UTF-16, one for each byte.
    pub(crate) fn new(units: impl Iterator<Item = u16>) -> Self {
        let (mut chars, mut ascii) = (Box::new([[0; 4]; 256]), Box::new([0x80; 256]));
        for (byte, unit) in units.take(256).enumerate().filter(|(_, unit)| *unit != NOTHING) {
            let Some(c) = char::from_u32(unit.into()) else { continue };
            let len = c.encode_utf8(&mut chars[byte]).len();
            chars[byte][3] = u8::try_from(len).unwrap_or_default();
            ascii[byte] = u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(0x80);
        }
        Self { chars, ascii }
    }

    /// As [`Decoder::decode`](crate::Decoder::decode); nothing is ever held back.
    pub(crate) fn decode(&self, bytes: &[u8], to: &mut [u8]) -> (Stop, usize, usize) {
        let (mut read, mut written) = (0, 0);
        for block in bytes.chunks(BLOCK) {
            if let Some(ascii) = self.ascii(block)
                && let Some(spare) = to[written..].first_chunk_mut()
            {
                *spare = ascii;
                read += BLOCK;
                written += BLOCK;
                continue;
            }
            for byte in block {
                let entry = &self.chars[usize::from(*byte)];
                let Some(spare) = to[written..].first_chunk_mut() else { return (Stop::Full, read, written) };
                *spare = *entry; // all four: a copy of known length is faster than a branch
                read += 1;
                written += usize::from(entry[3]);
                if entry[3] == 0 {
                    return (Stop::Malformed, read, written);
                }
            }
        }
        (Stop::Read, read, written)
    }

    /// A whole block, if it is ASCII: most of a log is.
    fn ascii(&self, block: &[u8]) -> Option<[u8; BLOCK]> {
        let ascii = <[u8; BLOCK]>::try_from(block).ok()?.map(|byte| self.ascii[usize::from(byte)]);
        ascii.is_ascii().then_some(ascii)
    }
}
