//! Bytes of the file's encoding to UTF-8, behind the text that is there.

use crate::cutter::Cutter;
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use logmill_core::Out;

/// U+FFFD, the replacement character.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
/// The least spare room with which a decoder of `encoding_rs` makes progress, and some.
const ROOM: usize = 64;

/// Decodes one file.
pub(crate) enum Decode {
    /// UTF-8 as it comes.
    Utf8,
    /// Anything else; what it decodes goes where it stays.
    Other(Box<Decoder>),
}

impl Decode {
    /// Marks have been dropped before.
    pub(crate) fn new(encoding: &'static Encoding) -> Self {
        if encoding == UTF_8 {
            Decode::Utf8
        } else {
            Decode::Other(Box::new(encoding.new_decoder_without_bom_handling()))
        }
    }

    /// Decodes from the front of `bytes` as much as there is room for, and pushes the chunks that are complete. Gives the
    /// bytes used, and the malformed sequences replaced.
    pub(crate) fn step(&mut self, bytes: &[u8], to: &mut Cutter, out: &mut Out) -> (usize, u64) {
        let (used, malformed) = match self {
            Decode::Utf8 => {
                let n = bytes.len().min(to.room());
                to.text.extend_from_slice(&bytes[..n]);
                (n, check(to, false))
            }
            Decode::Other(decoder) => decode(decoder, bytes, false, to),
        };
        to.cut(out);
        (used, malformed)
    }

    /// What an unfinished sequence at the end becomes. The malformed sequences replaced.
    pub(crate) fn finish(&mut self, to: &mut Cutter, out: &mut Out) -> u64 {
        let malformed = match self {
            Decode::Utf8 => check(to, true),
            Decode::Other(decoder) => decode(decoder, &[], true, to).1,
        };
        to.cut(out);
        malformed
    }
}

/// Makes what stands behind the valid text valid too, but for the beginning of a character at its end.
fn check(to: &mut Cutter, last: bool) -> u64 {
    let new = &to.text[to.valid..];
    let whole = if last { new.len() } else { new.len() - unfinished(new) };
    if simdutf8::basic::from_utf8(&new[..whole]).is_ok() {
        to.valid += whole;
        return 0;
    }
    let new = to.text.split_off(to.valid);
    let mut malformed = 0;
    for piece in new[..whole].utf8_chunks() {
        to.text.extend_from_slice(piece.valid().as_bytes());
        if !piece.invalid().is_empty() {
            to.text.extend_from_slice(REPLACEMENT);
            malformed += 1;
        }
    }
    to.valid = to.text.len();
    to.text.extend_from_slice(&new[whole..]);
    malformed
}

/// How many bytes at the end of `bytes` are the beginning of a character that may go on (Unicode 16, table 3-7).
pub(crate) fn unfinished(bytes: &[u8]) -> usize {
    for n in 1..=bytes.len().min(3) {
        let tail = &bytes[bytes.len() - n..];
        if tail[0] & 0xc0 == 0x80 {
            continue;
        }
        return match std::str::from_utf8(tail) {
            Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => n,
            _ => 0,
        };
    }
    0
}

/// Decodes into the text; all of it is valid at once.
fn decode(decoder: &mut Decoder, bytes: &[u8], last: bool, to: &mut Cutter) -> (usize, u64) {
    let (mut used, mut malformed) = (0, 0);
    let end = to.valid + to.room().max(ROOM);
    to.text.resize(end + REPLACEMENT.len(), 0); // written to, then cut to what was written
    while to.valid < end {
        let spare = &mut to.text[to.valid..end];
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(&bytes[used..], spare, last);
        used += read;
        to.valid += written;
        if !matches!(result, DecoderResult::Malformed(..)) {
            break;
        }
        to.text[to.valid..to.valid + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
        to.valid += REPLACEMENT.len();
        malformed += 1;
    }
    to.text.truncate(to.valid);
    (used, malformed)
}
