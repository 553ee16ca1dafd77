//! The same work with nothing but the best libraries: no laws, no limits, no damage, one file.

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use encoding_rs::Decoder;
use flate2::read::GzDecoder;
use memchr::{memchr_iter, memrchr};
use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;

/// What the decompressor of the floor writes to: it stays in a core's own cache.
const BUFFER: usize = 256 << 10;

/// Gunzips, gives the buffers to `sink`.
///
/// # Panics
/// When the input is damaged.
pub fn gunzip(input: &[u8], mut sink: impl FnMut(&[u8])) {
    let mut decoder = GzDecoder::new(input);
    let mut buffer = vec![0; BUFFER];
    loop {
        match decoder.read(&mut buffer).expect("sound input") {
            0 => return,
            n => sink(&buffer[..n]),
        }
    }
}

/// Checks that text is UTF-8.
///
/// # Panics
/// When it is not.
pub fn check(text: &[u8]) {
    assert!(simdutf8::basic::from_utf8(text).is_ok(), "sound input");
}

/// Counts the lines of text.
#[must_use]
pub fn lines(text: &[u8]) -> usize {
    memchr_iter(b'\n', text).count()
}

/// Decodes to UTF-8; `to` is used again and again.
///
/// # Panics
/// When a sequence is malformed.
pub fn decode<'a>(decoder: &mut Decoder, bytes: &[u8], to: &'a mut Vec<u8>) -> &'a [u8] {
    to.resize(bytes.len() * 2 + 16, 0);
    let (result, read, written, malformed) = decoder.decode_to_utf8(bytes, to, false);
    assert!(!malformed && read == bytes.len() && result == encoding_rs::CoderResult::InputEmpty, "sound input");
    &to[..written]
}

/// Whole lines to columns: the line numbers and the text. Gives the number of lines.
///
/// # Panics
/// Never with sound input.
#[must_use]
pub fn columns(text: &[u8], first_line: u64) -> (RecordBatch, u64) {
    let mut values = Vec::with_capacity(text.len());
    let mut offsets = Vec::with_capacity(text.len() / 64);
    offsets.push(0);
    let mut from = 0;
    for end in memchr_iter(b'\n', text) {
        values.extend_from_slice(&text[from..end]);
        offsets.push(values.len() as i32);
        from = end + 1;
    }
    let lines = offsets.len() as u64 - 1;
    // SAFETY: whole lines of text that was checked; the offsets rise from 0 to its length.
    let text = unsafe {
        let offsets = OffsetBuffer::new_unchecked(ScalarBuffer::from(offsets));
        StringArray::new_unchecked(offsets, Buffer::from(values), None)
    };
    let numbers = UInt64Array::from((first_line..first_line + lines).collect::<Vec<u64>>());
    let columns = [("line", Arc::new(numbers) as ArrayRef), ("text", Arc::new(text))];
    (RecordBatch::try_from_iter(columns).expect("columns of one length"), lines)
}

/// The whole front end: gunzip, decode where `encoding` is not UTF-8, check, lines, columns. Gives the lines.
pub fn front_end(input: &[u8], mut decoder: Option<Decoder>) -> u64 {
    let mut held: Vec<u8> = Vec::with_capacity(4 * BUFFER);
    let mut decoded = Vec::new();
    let mut line = 1;
    gunzip(input, |plain| {
        let text = match &mut decoder {
            Some(decoder) => decode(decoder, plain, &mut decoded),
            None => plain,
        };
        // Only the line between two buffers is copied; all else is split where it stands.
        let first = memchr::memchr(b'\n', text).map_or(0, |lf| lf + 1);
        let last = memrchr(b'\n', text).map_or(0, |lf| lf + 1);
        held.extend_from_slice(&text[..first]);
        for whole in [&held[..], &text[first..last]] {
            if decoder.is_none() {
                check(whole);
            }
            let (batch, lines) = columns(whole, line);
            black_box(batch);
            line += lines;
        }
        held.clear();
        held.extend_from_slice(&text[last..]);
    });
    line - 1
}
