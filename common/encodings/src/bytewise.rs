//! Decoders that take one byte after the other.

use crate::decoder::Stop;

/// What a byte completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Nothing,
    Char(char),
    Malformed,
}

/// Whether the byte belongs to what was made, or is to be read again behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Byte {
    Used,
    Again,
}

pub(crate) trait Bytewise {
    fn byte(&mut self, byte: u8) -> (Made, Byte);
    /// Forgets an unfinished sequence; whether there was one.
    fn forget(&mut self) -> bool;
}

/// As [`Decoder::decode`](crate::Decoder::decode).
pub(crate) fn decode(decoder: &mut impl Bytewise, bytes: &[u8], to: &mut [u8], last: bool) -> (Stop, usize, usize) {
    let (mut read, mut written) = (0, 0);
    while read < bytes.len() {
        if to.len() - written < char::MAX.len_utf8() {
            return (Stop::Full, read, written);
        }
        let (made, byte) = decoder.byte(bytes[read]);
        read += usize::from(byte == Byte::Used);
        match made {
            Made::Nothing => {}
            Made::Char(c) => written += c.encode_utf8(&mut to[written..]).len(),
            Made::Malformed => return (Stop::Malformed, read, written),
        }
    }
    let stop = if last && decoder.forget() { Stop::Malformed } else { Stop::Read };
    (stop, read, written)
}
