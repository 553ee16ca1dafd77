//! One stream of bzip2, block by block.
//!
//! A block says neither where it ends nor how long it is; it begins at any bit with 48 bits of its own, as does the end of the
//! stream. So each is cut out at the next of these, shifted to a byte and decoded as a stream of its own, as bzip2recover
//! does: what is damaged costs its block, and no byte of a block comes out before its checksum is known to be right.

use crate::member::{Step, Then};
use bzip2::{Decompress, Status};

const MAGIC_BITS: usize = 48;
const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;
/// The magic and a checksum: of the block's plain bytes, or of all blocks' checksums.
const HEAD_BITS: usize = MAGIC_BITS + 32;

/// No block of level 1 takes as many bytes: 100,000 symbols of 20 bits each, and tables. Level n: n times as many.
const LONGEST: usize = 300_000;
/// How much room is made at a time for what is decoded.
const ROOM: usize = 1 << 20;

/// Which unit comes next.
#[derive(Clone, Copy)]
enum Unit {
    /// `BZh` and the level. Passed by itself: whatever is damaged, decoding never begins again where it began.
    Header,
    /// A block that begins at this bit of what is held.
    Block(usize),
    /// The end begins at this bit of what is held.
    End(usize),
    /// Anything up to the next magic: too much came without one.
    Search,
    Ended,
}

/// What is wrong with a block.
enum Wrong {
    /// It goes on behind its end: that was no end, or the damage hides it.
    Short,
    Invalid,
    TooLarge,
}

/// The decoder of one stream.
pub(crate) struct Bzip2 {
    unit: Unit,
    level: u8,
    /// What was taken and not decoded, from the byte in which the unit begins.
    held: Vec<u8>,
    /// The place of `held` in the stream.
    place: u64,
    /// The last 64 bits taken.
    last: u64,
    /// A magic that was found and not yet looked at: its bit in `held`, and which it is.
    found: Option<(usize, u64)>,
    /// The bit of a magic at which the block under way did not end.
    doubt: Option<usize>,
    /// The checksum of all blocks so far; `None` when some are lost.
    combined: Option<u32>,
    /// The block that was decoded is followed by something that is neither a block nor the end; not yet told.
    damaged_end: bool,
    window_bytes: usize,
    /// What was decoded, and how much of it was handed on.
    plain: Vec<u8>,
    handed: usize,
}

impl Bzip2 {
    /// `window_bytes`: the most that a block may decode to. Without this limit it is 46 MB.
    pub(crate) fn new(window_bytes: usize) -> Self {
        Self {
            unit: Unit::Header,
            level: b'9',
            held: Vec::new(),
            place: 0,
            last: 0,
            found: None,
            doubt: None,
            combined: Some(0),
            damaged_end: false,
            window_bytes,
            plain: Vec::new(),
            handed: 0,
        }
    }

    /// As [`crate::member::Member::may_end`].
    pub(crate) fn may_end(&self) -> bool {
        matches!(self.unit, Unit::Ended)
    }

    /// As [`crate::member::Member::can_go_on`].
    pub(crate) fn can_go_on(&self) -> bool {
        self.handed < self.plain.len() || self.found.is_some() || self.damaged_end || matches!(self.unit, Unit::Ended)
    }

    /// As [`crate::member::Member::step`].
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let mut step = Step { read: 0, back: Vec::new(), then: Then::GoOn };
        if self.handed == self.plain.len() {
            (self.plain, self.handed) = (Vec::new(), 0);
            step.then = if std::mem::take(&mut self.damaged_end) {
                self.lost(0, "no block, and no end, behind a block")
            } else if let Unit::Ended = self.unit {
                Then::Ended
            } else if let Some((at, magic)) = self.found.take() {
                self.magic(at, magic)
            } else {
                step.read = self.take(input);
                self.taken()
            };
            if let Then::TooLarge(_) = step.then {
                step.back = std::mem::take(&mut self.held);
            }
        }
        let room = plain.capacity() - plain.len();
        let some = room.min(self.plain.len() - self.handed);
        plain.extend_from_slice(&self.plain[self.handed..self.handed + some]);
        self.handed += some;
        step
    }

    /// The file ends: decodes a last block of which all is there, but not the end of the stream behind it.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        match self.unit {
            Unit::Block(from) => self.decode(from, self.held.len() * 8).map_or(Vec::new(), |(plain, _)| plain),
            _ => Vec::new(),
        }
    }

    /// Takes bytes up to the next thing to look at; how many.
    fn take(&mut self, input: &[u8]) -> usize {
        match self.unit {
            Unit::Header => return self.take_to(4, input),
            Unit::End(at) => return self.take_to((at + HEAD_BITS).div_ceil(8), input),
            Unit::Block(_) | Unit::Search | Unit::Ended => {}
        }
        let most = if matches!(self.unit, Unit::Block(_)) { self.longest() + 1 - self.held.len() } else { input.len() };
        let input = &input[..input.len().min(most)];
        for (n, byte) in input.iter().enumerate() {
            self.last = self.last << 8 | u64::from(*byte);
            if let Some(magic) = magic(self.last) {
                self.held.extend_from_slice(&input[..=n]);
                self.found = Some((self.held.len() * 8 - magic.0 - MAGIC_BITS, magic.1));
                return n + 1;
            }
        }
        self.held.extend_from_slice(input);
        input.len()
    }

    /// No block is longer.
    fn longest(&self) -> usize {
        LONGEST * usize::from(self.level - b'0')
    }

    fn take_to(&mut self, bytes: usize, input: &[u8]) -> usize {
        let some = input.len().min(bytes.saturating_sub(self.held.len()));
        self.held.extend_from_slice(&input[..some]);
        some
    }

    /// Looks at what was taken.
    fn taken(&mut self) -> Then {
        match self.unit {
            Unit::Header if self.held.len() == 4 => {
                self.level = self.held[3];
                self.pass(4);
                self.unit = Unit::Block(0);
            }
            Unit::End(at) if self.held.len() * 8 >= at + HEAD_BITS => return self.end(at),
            Unit::Block(_) if self.held.len() > self.longest() => {
                if let Some(doubt) = self.doubt.take() {
                    return self.go_back(doubt);
                }
                self.unit = Unit::Search;
                return self.lost(self.held.len() - 8, "no end of a block");
            }
            Unit::Search if self.held.len() > 8 => return self.lost(self.held.len() - 8, "no block"),
            _ => {}
        }
        Then::GoOn
    }

    /// A magic begins at the bit `at` of what is held: so the block before it ends.
    fn magic(&mut self, at: usize, magic: u64) -> Then {
        let Unit::Block(from) = self.unit else {
            let then = self.lost(at / 8, "no block");
            self.unit = unit(at % 8, magic);
            return then;
        };
        if at > from {
            match self.decode(from, at) {
                Ok((plain, end)) => {
                    self.combined = self.combined.map(|all| all.rotate_left(1) ^ number(&self.held, from + MAGIC_BITS));
                    self.plain = plain;
                    self.damaged_end = !end;
                }
                Err(Wrong::Short) if self.doubt.is_none() && magic == BLOCK => {
                    self.doubt = Some(at);
                    return Then::GoOn;
                }
                Err(Wrong::TooLarge) => return Then::TooLarge("a block larger than the plan's window".into()),
                Err(Wrong::Short | Wrong::Invalid) => {
                    if let Some(doubt) = self.doubt.take() {
                        self.found = Some((at - doubt / 8 * 8, magic));
                        return self.go_back(doubt);
                    }
                    let then = self.lost(at / 8, "invalid data, or a wrong checksum, in a block");
                    self.unit = unit(at % 8, magic);
                    return then;
                }
            }
        }
        self.doubt = None;
        self.pass(at / 8);
        self.unit = unit(at % 8, magic);
        Then::GoOn
    }

    /// The block ended where that was doubted, and is lost; what follows it is a block of its own.
    fn go_back(&mut self, doubt: usize) -> Then {
        let then = self.lost(doubt / 8, "invalid data in a block");
        self.unit = Unit::Block(doubt % 8);
        then
    }

    /// The end of the stream, which begins at the bit `at`, is there.
    fn end(&mut self, at: usize) -> Then {
        self.unit = Unit::Ended;
        let told = number(&self.held, at + MAGIC_BITS);
        if self.combined.is_some_and(|all| all != told) {
            return self.lost(self.held.len(), "a wrong checksum of a stream");
        }
        Then::Ended
    }

    /// The first `bytes` of what is held are lost.
    fn lost(&mut self, bytes: usize, why: &str) -> Then {
        self.combined = None;
        let from = self.place;
        self.pass(bytes);
        Then::Lost { why: why.to_owned(), from, to: self.place }
    }

    fn pass(&mut self, bytes: usize) {
        self.held.drain(..bytes);
        self.place += bytes as u64;
    }

    /// Decodes the block between two bits of what is held; and whether it ends there, or something follows it.
    fn decode(&self, from: usize, to: usize) -> Result<(Vec<u8>, bool), Wrong> {
        let stream = self.stream(from, to);
        let (mut decoder, mut plain) = (Decompress::new(false), Vec::new());
        loop {
            plain.reserve(ROOM);
            let read = decoder.total_in() as usize;
            match decoder.decompress_vec(&stream[read..], &mut plain) {
                _ if plain.len() > self.window_bytes => return Err(Wrong::TooLarge),
                Ok(Status::StreamEnd) => return Ok((plain, true)),
                Ok(_) if plain.len() < plain.capacity() && decoder.total_in() as usize == stream.len() => {
                    return Err(Wrong::Short);
                }
                Ok(_) => {}
                // The end may be damaged, and the block be sound.
                Err(_) if checksum(&plain) == number(&self.held, from + MAGIC_BITS) => return Ok((plain, false)),
                Err(_) => return Err(Wrong::Invalid),
            }
        }
    }

    /// A stream of the block between two bits alone.
    fn stream(&self, from: usize, to: usize) -> Vec<u8> {
        let mut stream = vec![b'B', b'Z', b'h', self.level];
        let (first, shift) = (from / 8, from % 8);
        let whole = (to - from) / 8;
        let byte = |at: usize| self.held.get(at).copied().map_or(0, u16::from);
        stream.extend((first..first + whole).map(|at| ((byte(at) << 8 | byte(at + 1)) >> (8 - shift)) as u8));
        let rest = (to - from) % 8;
        let left = ((byte(first + whole) << 8 | byte(first + whole + 1)) >> (8 - shift)) as u8;
        let end = u128::from(END) << 32 | u128::from(number(&self.held, from + MAGIC_BITS));
        // The bits that are left of the block, the end, and nothing: 12 bytes.
        let tail = (u128::from(left) >> (8 - rest) << (96 - rest)) | (end << (16 - rest));
        stream.extend_from_slice(&tail.to_be_bytes()[4..]);
        stream
    }
}

fn unit(at: usize, magic: u64) -> Unit {
    if magic == BLOCK { Unit::Block(at) } else { Unit::End(at) }
}

/// Whether a magic ends in the last byte of `last`: how many bits before the byte's end, and which.
fn magic(last: u64) -> Option<(usize, u64)> {
    const MASK: u64 = (1 << MAGIC_BITS) - 1;
    (0..8).rev().find_map(|bit| match last >> bit & MASK {
        magic @ (BLOCK | END) => Some((bit, magic)),
        _ => None,
    })
}

/// The 32 bits at the bit `at`; bits that are missing are 0.
fn number(bytes: &[u8], at: usize) -> u32 {
    let some = &bytes[bytes.len().min(at / 8)..bytes.len().min(at / 8 + 5)];
    let all = some.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte)) << (8 * (5 - some.len()));
    (all >> (8 - at % 8)) as u32
}

/// bzip2's CRC-32, most significant bit first.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |mut all: u32, byte| {
        all ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            all = if all >> 31 == 1 { all << 1 ^ 0x04c1_1db7 } else { all << 1 };
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magic_is_found_at_every_bit() {
        for bit in 0..8 {
            let last = BLOCK << bit | ((1 << bit) - 1) | 0x5a << (MAGIC_BITS + bit);
            assert_eq!(magic(last), Some((bit, BLOCK)));
            assert_eq!(magic(END << bit), Some((bit, END)));
            assert_eq!(magic((BLOCK ^ 1 << 20) << bit), None);
        }
    }

    #[test]
    fn checksums_are_those_of_bzip2() {
        for (bytes, expected) in [(&b""[..], 0), (b"123456789", 0xfc89_1918)] {
            assert_eq!(checksum(bytes), expected);
        }
    }
}
