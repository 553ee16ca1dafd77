//! GB18030, and with it GBK: the Encoding Standard decodes both alike.
//!
//! Characters of ASCII and of two bytes, which is all that most logs have, are read through one table of what encoding_rs
//! makes of any two bytes: less than half of the CPU time a byte that its own decoder takes. Whatever else comes is taken
//! apart by the standard's rules (`https://encoding.spec.whatwg.org/#gb18030-decoder`), and characters of four bytes are
//! decoded by encoding_rs, one at a time.

use crate::Stop;
use std::sync::LazyLock;

/// Decodes bytes as they come.
pub(crate) struct Gb18030 {
    /// The beginning of a character that may go on, in the first `held` bytes: at most three.
    beginning: [u8; 3],
    held: usize,
    table: &'static Table,
}

/// By two bytes, the first being the higher one: the UTF-8 of what they are, the first byte being the lowest one, and in the
/// highest byte its length. 0: they are no character by themselves.
type Table = [u32; 1 << 16];

static TABLE: LazyLock<Box<Table>> = LazyLock::new(|| {
    let mut table: Box<Table> = vec![0; 1 << 16].into_boxed_slice().try_into().expect("its length");
    for first in LEAST..=MOST {
        for second in (0x40..=0x7e).chain(0x80..=MOST) {
            if let Some((character, length)) = standard(&[first, second])
                && length < 4
            {
                table[usize::from(u16::from_be_bytes([first, second]))] =
                    u32::from_le_bytes(character) | (length as u32) << 24;
            }
        }
    }
    table
});

/// The first bytes of characters of two and four bytes.
const LEAST: u8 = 0x81;
const MOST: u8 = 0xfe;

/// The longest character, in UTF-8 and as it comes.
const LONGEST: usize = 4;

/// What a whole sequence is to encoding_rs: its UTF-8 with the length. `None`: it is malformed.
fn standard(sequence: &[u8]) -> Option<([u8; LONGEST], usize)> {
    let mut character = [0; 16];
    let mut decoder = encoding_rs::GB18030.new_decoder_without_bom_handling();
    let (result, read, written) = decoder.decode_to_utf8_without_replacement(sequence, &mut character, true);
    let is_whole = result == encoding_rs::DecoderResult::InputEmpty && read == sequence.len();
    let length = (is_whole && written <= LONGEST).then_some(written)?;
    Some((*character.first_chunk().expect("sixteen bytes"), length))
}

/// What a stretch of bytes begins with.
enum Next {
    /// So many bytes are a character: its UTF-8 and the length of that.
    Character(usize, [u8; LONGEST], usize),
    /// So many bytes are malformed.
    Malformed(usize),
    /// The beginning of a character: what follows decides.
    Open,
}

impl Gb18030 {
    pub(crate) fn new() -> Self {
        Self { beginning: [0; 3], held: 0, table: &TABLE }
    }

    /// As [`crate::Decoder::decode`].
    pub(crate) fn decode(&mut self, bytes: &[u8], to: &mut [u8], last: bool) -> (Stop, usize, usize) {
        let (mut read, mut written) = (0, 0);
        loop {
            if self.held == 0 {
                let (r, w) = self.run(&bytes[read..], &mut to[written..]);
                read += r;
                written += w;
            }
            // One by one, until the next run: what was held before, and what comes.
            let mut window = [0; LONGEST];
            window[..self.held].copy_from_slice(&self.beginning[..self.held]);
            let new = (bytes.len() - read).min(LONGEST - self.held);
            window[self.held..self.held + new].copy_from_slice(&bytes[read..read + new]);
            let window = &window[..self.held + new];
            if window.is_empty() {
                return (Stop::Read, read, written);
            }
            if to.len() - written < LONGEST {
                return (Stop::Full, read, written);
            }
            match self.next(window) {
                Next::Character(length, character, utf8) => {
                    to[written..written + LONGEST].copy_from_slice(&character);
                    written += utf8;
                    read += self.drop(length);
                }
                Next::Malformed(length) => {
                    read += self.drop(length);
                    return (Stop::Malformed, read, written);
                }
                Next::Open if last => {
                    let length = window.len();
                    read += self.drop(length);
                    return (Stop::Malformed, read, written);
                }
                Next::Open => {
                    self.beginning[..window.len()].copy_from_slice(window);
                    self.held = window.len();
                    return (Stop::Read, read + new, written);
                }
            }
        }
    }

    /// `n` bytes are done, those that are held first: how many of them are of the input.
    fn drop(&mut self, n: usize) -> usize {
        let of_held = n.min(self.held);
        self.beginning.copy_within(of_held..self.held, 0);
        self.held -= of_held;
        n - of_held
    }

    /// What begins at the front of some bytes; four of them decide.
    fn next(&self, bytes: &[u8]) -> Next {
        let ascii = |byte: u8| Next::Character(1, [byte, 0, 0, 0], 1);
        match *bytes {
            [byte @ 0..=0x7f, ..] => ascii(byte),
            [0x80, ..] => Next::Character(1, [0xe2, 0x82, 0xac, 0], 3), // U+20AC, as the standard has it
            [0xff, ..] => Next::Malformed(1),
            [_, b'0'..=b'9', LEAST..=MOST, b'0'..=b'9', ..] => match standard(&bytes[..4]) {
                Some((character, utf8)) => Next::Character(4, character, utf8),
                None => Next::Malformed(4),
            },
            [_, b'0'..=b'9', LEAST..=MOST] | [_, b'0'..=b'9'] | [_] => Next::Open,
            [_, b'0'..=b'9', ..] => Next::Malformed(1),
            [first, second, ..] => match self.table[usize::from(u16::from_be_bytes([first, second]))] {
                0 => Next::Malformed(if second.is_ascii() { 1 } else { 2 }),
                entry => {
                    let [a, b, c, length] = entry.to_le_bytes();
                    Next::Character(2, [a, b, c, 0], usize::from(length))
                }
            },
            [] => Next::Open,
        }
    }

    /// Characters of ASCII and of two bytes from the front of `bytes`, as long as there are enough bytes and room that neither
    /// has to be asked for. The bytes read and written.
    fn run(&self, bytes: &[u8], to: &mut [u8]) -> (usize, usize) {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let (mut read, mut written) = (0, 0);
        while let (Some(word), Some(room)) = (bytes[read..].first_chunk::<8>(), to[written..].first_chunk_mut::<8>()) {
            *room = *word;
            let high = u64::from_le_bytes(*word) & HIGH;
            let ascii = match high {
                0 => 8 + copy_ascii(&bytes[read + 8..], &mut to[written + 8..]),
                _ => high.trailing_zeros() as usize / 8,
            };
            read += ascii;
            written += ascii;
            if high != 0 {
                let (r, w) = self.pairs(&bytes[read..], &mut to[written..]);
                read += r;
                written += w;
                if bytes.get(read).is_none_or(|byte| !byte.is_ascii()) {
                    break;
                }
            }
        }
        (read, written)
    }

    /// Characters of two bytes, in the same way.
    fn pairs(&self, bytes: &[u8], to: &mut [u8]) -> (usize, usize) {
        const FIRST: u64 = 0x8000_8000_8000_8000;
        let entry = |pair: u16| self.table[usize::from(pair)];
        let (mut read, mut written) = (0, 0);
        // Four at once, where each is three bytes of UTF-8, as nearly all are.
        while let (Some(four), Some(room)) = (bytes[read..].first_chunk::<8>(), to[written..].first_chunk_mut::<13>()) {
            let four = u64::from_be_bytes(*four);
            if four & FIRST != FIRST {
                break;
            }
            let entries = [48, 32, 16, 0].map(|shift| entry((four >> shift) as u16));
            if entries.iter().fold(!0, |all, entry| all & entry) >> 24 != 3 {
                break;
            }
            for (i, entry) in entries.into_iter().enumerate() {
                room[3 * i..3 * i + LONGEST].copy_from_slice(&entry.to_le_bytes()); // the next one writes over its length
            }
            read += 8;
            written += 12;
        }
        while let (Some(pair), Some(room)) =
            (bytes[read..].first_chunk::<2>(), to[written..].first_chunk_mut::<LONGEST>())
        {
            let entry = if pair[0].is_ascii() { 0 } else { entry(u16::from_be_bytes(*pair)) };
            if entry == 0 {
                break;
            }
            *room = entry.to_le_bytes();
            read += 2;
            written += (entry >> 24) as usize;
        }
        (read, written)
    }
}

/// Copies whole stretches of ASCII from the front. How many bytes.
fn copy_ascii(bytes: &[u8], to: &mut [u8]) -> usize {
    const STRETCH: usize = 32;
    let mut n = 0;
    for (from, to) in bytes.as_chunks::<STRETCH>().0.iter().zip(to.as_chunks_mut::<STRETCH>().0) {
        if from.iter().fold(0, |all, byte| all | byte) >= 0x80 {
            break;
        }
        *to = *from;
        n += STRETCH;
    }
    n
}
