//! Bytes of the file's encoding to UTF-8, behind the text that is there.

use crate::cutter::Cutter;
use crate::foreign::{Foreign, Scan};
use logmill_core::Out;
use logmill_encodings::{Decoder, Encoding, Stop, UTF_8};
use memchr::memchr_iter;

/// U+FFFD, the replacement character.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// What is counted while a file is decoded.
#[derive(Default)]
pub(crate) struct Counts {
    /// Sequences that became U+FFFD.
    pub(crate) malformed: u64,
    pub(crate) foreign: Foreign,
}

/// Decodes one file.
pub(crate) enum Decode {
    /// UTF-8 as it comes.
    Utf8,
    /// Anything else; what it decodes goes where it stays.
    Other(Box<Decoder>, Option<Scan>),
}

impl Decode {
    /// Marks have been dropped before.
    pub(crate) fn new(encoding: &Encoding) -> Self {
        if encoding == UTF_8 {
            Decode::Utf8
        } else {
            Decode::Other(Box::new(encoding.new_decoder()), Scan::new(encoding))
        }
    }

    /// Decodes from the front of `bytes` as much as there is room for, and pushes the chunks that are complete. Gives
    /// the bytes used.
    pub(crate) fn step(&mut self, bytes: &[u8], to: &mut Cutter, counts: &mut Counts, out: &mut Out) -> usize {
        let used = match self {
            Decode::Utf8 => {
                let n = bytes.len().min(to.room());
                to.text.extend_from_slice(&bytes[..n]);
                check(to, false, counts);
                n
            }
            Decode::Other(decoder, scan) => {
                let begin = to.valid;
                let used = decode(decoder, bytes, false, to, counts);
                if let Some(scan) = scan {
                    scan.read(&bytes[..used], || to.line(begin), &mut counts.foreign);
                }
                used
            }
        };
        to.cut(out);
        used
    }

    /// What an unfinished sequence at the end becomes.
    pub(crate) fn finish(&mut self, to: &mut Cutter, counts: &mut Counts, out: &mut Out) {
        match self {
            Decode::Utf8 => check(to, true, counts),
            Decode::Other(decoder, scan) => {
                decode(decoder, &[], true, to, counts);
                if let Some(scan) = scan {
                    scan.end_line(|| to.line(to.valid), &mut counts.foreign);
                }
            }
        }
        to.cut(out);
    }
}

/// Makes what stands behind the valid text valid too, but for the beginning of a character at its end.
fn check(to: &mut Cutter, last: bool, counts: &mut Counts) {
    let new = &to.text[to.valid..];
    let whole = if last { new.len() } else { new.len() - unfinished(new) };
    if simdutf8::basic::from_utf8(&new[..whole]).is_ok() {
        to.valid += whole;
        return;
    }
    let mut line = to.line(to.valid);
    let new = to.text.split_off(to.valid);
    for piece in new[..whole].utf8_chunks() {
        to.text.extend_from_slice(piece.valid().as_bytes());
        line += memchr_iter(b'\n', piece.valid().as_bytes()).count() as u64;
        if !piece.invalid().is_empty() {
            to.text.extend_from_slice(REPLACEMENT);
            counts.malformed += 1;
            counts.foreign.add(line);
        }
    }
    to.valid = to.text.len();
    to.text.extend_from_slice(&new[whole..]);
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
fn decode(decoder: &mut Decoder, bytes: &[u8], last: bool, to: &mut Cutter, counts: &mut Counts) -> usize {
    let mut used = 0;
    let end = to.valid + to.room().max(Decoder::ROOM);
    to.text.resize(end + REPLACEMENT.len(), 0); // written to, then cut to what was written
    while to.valid < end {
        let spare = &mut to.text[to.valid..end];
        let (stop, read, written) = decoder.decode(&bytes[used..], spare, last);
        used += read;
        to.valid += written;
        if stop != Stop::Malformed {
            break;
        }
        to.text[to.valid..to.valid + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
        to.valid += REPLACEMENT.len();
        counts.malformed += 1;
    }
    to.text.truncate(to.valid);
    used
}
