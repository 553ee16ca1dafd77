//! A member of gzip (RFC 1952): its header, a stream of deflate, the checks behind it.
//!
//! zlib-rs reads all of that too. But of the processor's wide carry-less multiplication its checksum makes use only where the
//! whole program is compiled for such processors, and crc32fast wherever there is one: 0.04 ns a byte less.

use crate::member::{Step, Then, inflate};
use flate2::Decompress;

/// One member, fed with any pieces.
pub(crate) struct Gzip {
    part: Part,
    /// Bytes of the part under way, of a fixed number; `taken` of them are there.
    held: [u8; FIXED],
    taken: usize,
    /// What the header says that it has (FLG).
    flags: u8,
    /// Of the header, as far as it was read.
    header_check: crc32fast::Hasher,
    body: Decompress,
    body_check: crc32fast::Hasher,
    /// Bytes of the body, as its end counts them: modulo 2^32.
    length: u32,
}

/// Which part comes next.
#[derive(Clone, Copy)]
enum Part {
    /// Magic, method, flags, time, and two bytes that say nothing here.
    Fixed,
    ExtraLength,
    /// So many bytes of it are left.
    Extra(u16),
    Name,
    Comment,
    HeaderCheck,
    Body,
    BodyCheck,
    BodyLength,
}

/// Bytes that each header begins with.
const FIXED: usize = 10;
const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;

const HAS_HEADER_CHECK: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

impl Gzip {
    pub(crate) fn new() -> Self {
        Self {
            part: Part::Fixed,
            held: [0; FIXED],
            taken: 0,
            flags: 0,
            header_check: crc32fast::Hasher::new(),
            body: Decompress::new(false),
            body_check: crc32fast::Hasher::new(),
            length: 0,
        }
    }

    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let mut read = 0;
        loop {
            if let Part::Body = self.part {
                let before = plain.len();
                let step = inflate(&mut self.body, &input[read..], plain);
                let new = &plain[before..];
                self.body_check.update(new);
                self.length = self.length.wrapping_add(new.len() as u32);
                read += step.read;
                if step.then != Then::Ended {
                    return Step { read, ..step };
                }
                self.part = Part::BodyCheck;
            }
            let Some(byte) = input.get(read) else { return Step { read, back: Vec::new(), then: Then::GoOn } };
            read += 1;
            let then = match self.take(*byte) {
                Ok(false) => continue,
                Ok(true) => Then::Ended,
                Err(why) => Then::Corrupt(why.to_owned()),
            };
            return Step { read, back: Vec::new(), then };
        }
    }

    /// The next byte of what is not the body. Whether it was the member's last one; what is wrong with it.
    fn take(&mut self, byte: u8) -> Result<bool, &'static str> {
        match self.part {
            Part::Body | Part::HeaderCheck | Part::BodyCheck | Part::BodyLength => {}
            _ => self.header_check.update(&[byte]),
        }
        match self.part {
            Part::Fixed => {
                self.hold(byte);
                match self.taken {
                    2 if self.held[..2] != MAGIC => return Err("incorrect header check"),
                    4 if self.held[2] != DEFLATE => return Err("unknown compression method"),
                    4 if byte & RESERVED != 0 => return Err("unknown header flags set"),
                    4 => self.flags = byte,
                    FIXED => self.next(Part::ExtraLength),
                    _ => {}
                }
            }
            Part::ExtraLength => {
                self.hold(byte);
                if self.taken == 2 {
                    let length = u16::from_le_bytes([self.held[0], self.held[1]]);
                    self.next(if length == 0 { Part::Name } else { Part::Extra(length) });
                }
            }
            Part::Extra(1) => self.next(Part::Name),
            Part::Extra(left) => self.part = Part::Extra(left - 1),
            Part::Name if byte == 0 => self.next(Part::Comment),
            Part::Comment if byte == 0 => self.next(Part::HeaderCheck),
            Part::Name | Part::Comment => {}
            Part::HeaderCheck => {
                self.hold(byte);
                if self.taken == 2 {
                    let check = self.header_check.clone().finalize() as u16;
                    if self.held[..2] != check.to_le_bytes() {
                        return Err("header crc mismatch");
                    }
                    self.next(Part::Body);
                }
            }
            Part::Body => unreachable!("deflate takes the body's bytes"),
            Part::BodyCheck => {
                self.hold(byte);
                if self.taken == 4 {
                    if self.held[..4] != self.body_check.clone().finalize().to_le_bytes() {
                        return Err("incorrect data check");
                    }
                    self.next(Part::BodyLength);
                }
            }
            Part::BodyLength => {
                self.hold(byte);
                if self.taken == 4 {
                    return if self.held[..4] == self.length.to_le_bytes() {
                        Ok(true)
                    } else {
                        Err("incorrect length check")
                    };
                }
            }
        }
        Ok(false)
    }

    fn hold(&mut self, byte: u8) {
        self.held[self.taken] = byte;
        self.taken += 1;
    }

    /// Goes on with `part`, or with the first one after it that the header says it has.
    fn next(&mut self, part: Part) {
        let has = |flag| self.flags & flag != 0;
        self.part = match part {
            Part::ExtraLength if has(HAS_EXTRA) => Part::ExtraLength,
            Part::ExtraLength | Part::Name if has(HAS_NAME) => Part::Name,
            Part::ExtraLength | Part::Name | Part::Comment if has(HAS_COMMENT) => Part::Comment,
            Part::ExtraLength | Part::Name | Part::Comment | Part::HeaderCheck => {
                if has(HAS_HEADER_CHECK) {
                    Part::HeaderCheck
                } else {
                    Part::Body
                }
            }
            part => part,
        };
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder};
    use std::io::Write as _;

    /// What comes of `input`, fed in pieces of `size`: the text, the bytes read, how it ended.
    fn ours(input: &[u8], size: usize) -> (Vec<u8>, usize, Then) {
        let mut member = Gzip::new();
        run(input, size, |piece, plain| member.step(piece, plain))
    }

    /// The same by zlib-rs alone.
    fn zlib(input: &[u8], size: usize) -> (Vec<u8>, usize, Then) {
        let mut member = Decompress::new_gzip(15);
        run(input, size, |piece, plain| inflate(&mut member, piece, plain))
    }

    fn run(input: &[u8], size: usize, mut step: impl FnMut(&[u8], &mut Vec<u8>) -> Step) -> (Vec<u8>, usize, Then) {
        let (mut text, mut read) = (Vec::new(), 0);
        loop {
            let mut plain = Vec::with_capacity(1 << 16);
            let piece = &input[read..input.len().min(read + size)];
            let done = step(piece, &mut plain);
            read += done.read;
            text.append(&mut plain);
            if done.then != Then::GoOn || piece.is_empty() {
                return (text, read, done.then);
            }
        }
    }

    fn headers() -> Vec<Vec<u8>> {
        let plain = || GzBuilder::new().mtime(7);
        let builders = [
            plain(),
            plain().filename("a.log"),
            plain().comment("c"),
            plain().extra(&b"xy\x02\x00ab"[..]),
            plain().extra(&b""[..]).filename("").comment(""),
            plain().extra([1; 300]).filename("a").comment("b"),
        ];
        let mut members: Vec<Vec<u8>> = builders
            .into_iter()
            .map(|builder| {
                let mut encoder = builder.write(Vec::new(), Compression::default());
                encoder.write_all(b"one line\nanother line\n").expect("memory takes it");
                encoder.finish().expect("memory takes it")
            })
            .collect();
        // With a check of the header, which the library does not write.
        let mut checked = members[1].clone();
        checked[3] |= HAS_HEADER_CHECK;
        let end = FIXED + "a.log\0".len();
        let check = crc32fast::hash(&checked[..end]) as u16;
        checked.splice(end..end, check.to_le_bytes());
        members.push(checked);
        members
    }

    #[test]
    fn every_header_and_every_flipped_bit_gives_what_zlib_gives() {
        for member in headers() {
            let whole = zlib(&member, member.len());
            assert_eq!((whole.2, whole.0.len()), (Then::Ended, 22), "{member:x?}");
            for bit in 0..8 * member.len() {
                let mut flipped = member.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let expected = zlib(&flipped, flipped.len());
                if bit < 16 {
                    continue; // another magic is another codec: zlib looks whether it is its own
                }
                for size in [1, 3, flipped.len()] {
                    assert_eq!(ours(&flipped, size), expected, "bit {bit} in pieces of {size}: {member:x?}");
                }
            }
        }
    }

    #[test]
    fn every_cut_gives_what_zlib_gives() {
        for member in headers() {
            for end in 0..=member.len() {
                let cut = &member[..end];
                assert_eq!(ours(cut, 1), zlib(cut, cut.len().max(1)), "{end} of {member:x?}");
            }
        }
    }
}
