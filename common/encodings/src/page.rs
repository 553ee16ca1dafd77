//! Code pages of one byte a character, by table.

use crate::decoder::Stop;

/// What stands in a table where a page has nothing.
const NOTHING: u16 = 0xfffd;

/// What each byte becomes: up to three bytes of UTF-8, and how many; none where it is malformed.
pub(crate) struct Page(Box<[[u8; 4]; 256]>);

impl Page {
    /// `units`: UTF-16, one for each byte.
    pub(crate) fn new(units: impl Iterator<Item = u16>) -> Self {
        let mut table = Box::new([[0; 4]; 256]);
        for (entry, unit) in table.iter_mut().zip(units).filter(|(_, unit)| *unit != NOTHING) {
            let Some(c) = char::from_u32(unit.into()) else { continue };
            entry[3] = u8::try_from(c.encode_utf8(entry).len()).unwrap_or_default();
        }
        Self(table)
    }

    /// As [`Decoder::decode`](crate::Decoder::decode); nothing is ever held back.
    pub(crate) fn decode(&self, bytes: &[u8], to: &mut [u8]) -> (Stop, usize, usize) {
        let mut written = 0;
        for (read, byte) in bytes.iter().enumerate() {
            let entry = &self.0[usize::from(*byte)];
            let Some(spare) = to.get_mut(written..written + entry.len()) else { return (Stop::Full, read, written) };
            spare.copy_from_slice(entry); // all four: a copy of known length is faster than a branch
            if entry[3] == 0 {
                return (Stop::Malformed, read + 1, written);
            }
            written += usize::from(entry[3]);
        }
        (Stop::Read, bytes.len(), written)
    }
}
