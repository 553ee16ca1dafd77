//! One member of a gzip file, one frame of a zstd file, one stream of the others, fed with any pieces.

use crate::blocks::Blocks;
use crate::brotli::Brotli;
use crate::bzip2::Bzip2;
use crate::frame::Frame;
use crate::gzip::Gzip;
use crate::hadoop::{Hadoop, Raw};
use crate::lz4::Lz4;
use crate::lzop::Lzop;
use crate::magic::Codec;
use crate::snappy::Snappy;
use crate::xz::{Header, Xz};
use flate2::{Decompress, FlushDecompress, Status};

/// The decoder of one member, frame or stream. Each reads byte after byte, so that how far it was, when it found damage,
/// depends on nothing but the bytes; a whole block of bzip2, zstd, lz4, snappy, lzop or Hadoop counts as one.
pub(crate) enum Member {
    Gzip(Box<Gzip>),
    /// Of zlib and deflate.
    Deflate(Box<Decompress>),
    Zstd(Box<Frame>),
    Bzip2(Box<Bzip2>),
    /// Of both formats of xz-utils.
    Xz(Box<Xz>),
    Lz4(Box<Blocks<Lz4>>),
    Snappy(Box<Blocks<Snappy>>),
    Lzop(Box<Blocks<Lzop>>),
    Hadoop(Box<Blocks<Hadoop>>),
    Brotli(Box<Brotli>),
}

/// What one step did.
pub(crate) struct Step {
    /// Bytes taken from the input.
    pub(crate) read: usize,
    /// The last bytes taken in the steps before: the damage begins with them, so they are to be looked at again.
    pub(crate) back: Vec<u8>,
    pub(crate) then: Then,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// More input, or more room, is needed.
    GoOn,
    /// The member is whole, its checksum right.
    Ended,
    /// The bytes of the member from `from` to `to`, counted from its first, are damaged, and decoding goes on behind them.
    Lost {
        why: String,
        from: u64,
        to: u64,
    },
    Corrupt(String),
    /// The same, but how much was read until then depends on how the input came.
    Unplaced(String),
    /// It asks for more memory than is allowed.
    TooLarge(String),
    /// More came out of the file than its plan allows.
    TooMuch(String),
}

impl Member {
    /// `window_log`: as [`Frame::new`].
    ///
    /// # Panics
    /// When a library has no memory for a context.
    pub(crate) fn new(codec: Codec, window_log: u32) -> Self {
        let window_bytes = 1 << window_log;
        let hadoop = |raw| Member::Hadoop(Box::new(Blocks::new(Hadoop::new(raw, window_bytes))));
        match codec {
            Codec::Gzip => Member::Gzip(Box::new(Gzip::new())),
            Codec::Zlib => Member::Deflate(Box::new(Decompress::new(true))),
            Codec::Deflate => Member::Deflate(Box::new(Decompress::new(false))),
            Codec::Zstd => Member::Zstd(Box::new(Frame::new(window_log))),
            Codec::Bzip2 => Member::Bzip2(Box::new(Bzip2::new(window_bytes))),
            Codec::Xz => Member::Xz(Box::new(Xz::new(window_log))),
            Codec::Lzma => Member::Xz(Box::new(Xz::lzma(window_log))),
            Codec::Lz4 => Member::Lz4(Box::new(Blocks::new(Lz4::frame()))),
            Codec::Lz4Legacy => Member::Lz4(Box::new(Blocks::new(Lz4::legacy()))),
            Codec::Snappy => Member::Snappy(Box::new(Blocks::new(Snappy::new()))),
            Codec::Lzop => Member::Lzop(Box::new(Blocks::new(Lzop::new(window_bytes)))),
            Codec::HadoopSnappy => hadoop(Raw::Snappy),
            Codec::HadoopLz4 => hadoop(Raw::Lz4),
            Codec::HadoopLzo => hadoop(Raw::Lzo),
            Codec::Brotli => Member::Brotli(Box::new(Brotli::new(window_log))),
        }
    }

    /// What is left of a stream of xz from one of its blocks on.
    ///
    /// # Panics
    /// As [`Member::new`].
    pub(crate) fn from_block(header: Header, window_log: u32) -> Self {
        Member::Xz(Box::new(Xz::from_block(header, window_log)))
    }

    /// The header of a stream of xz, with which its blocks can be read alone.
    pub(crate) fn xz_header(&self) -> Option<Header> {
        if let Member::Xz(xz) = self { xz.header() } else { None }
    }

    /// Whether the file may end here though the decoder would take more: some formats have no end.
    pub(crate) fn may_end(&self) -> bool {
        match self {
            Member::Gzip(_) | Member::Deflate(_) | Member::Zstd(_) | Member::Xz(_) | Member::Brotli(_) => false,
            Member::Bzip2(stream) => stream.may_end(),
            Member::Lzop(blocks) => blocks.may_end(),
            Member::Hadoop(blocks) => blocks.may_end(),
            Member::Lz4(blocks) => blocks.may_end(),
            Member::Snappy(blocks) => blocks.may_end(),
        }
    }

    /// Whether a step without input does something, beside what had no room before.
    pub(crate) fn can_go_on(&self) -> bool {
        match self {
            Member::Gzip(_) | Member::Deflate(_) | Member::Zstd(_) | Member::Xz(_) | Member::Brotli(_) => false,
            Member::Bzip2(stream) => stream.can_go_on(),
            Member::Lzop(blocks) => blocks.can_go_on(),
            Member::Hadoop(blocks) => blocks.can_go_on(),
            Member::Lz4(blocks) => blocks.can_go_on(),
            Member::Snappy(blocks) => blocks.can_go_on(),
        }
    }

    /// So many bytes come, its own and what is behind them.
    pub(crate) fn expect(&mut self, bytes: u64) {
        if let Member::Brotli(stream) = self {
            stream.expect(bytes);
        }
    }

    /// No more input comes. Whether a step without input does something now.
    pub(crate) fn end_input(&mut self) -> bool {
        if let Member::Brotli(stream) = self { stream.end_input() } else { false }
    }

    /// Decodes `input` into the spare room of `plain`, of which there is some. Without `input`: what had no room before.
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        match self {
            Member::Gzip(member) => member.step(input, plain),
            Member::Deflate(decoder) => inflate(decoder, input, plain),
            Member::Zstd(frame) => frame.step(input, plain),
            Member::Bzip2(stream) => stream.step(input, plain),
            Member::Xz(stream) => stream.step(input, plain),
            Member::Lz4(blocks) => blocks.step(input, plain),
            Member::Snappy(blocks) => blocks.step(input, plain),
            Member::Lzop(blocks) => blocks.step(input, plain),
            Member::Hadoop(blocks) => blocks.step(input, plain),
            Member::Brotli(stream) => stream.step(input, plain),
        }
    }

    /// The file ends within the member: what can be decoded of what it holds back.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        if let Member::Bzip2(stream) = self { stream.finish() } else { Vec::new() }
    }
}

/// One step of a stream of deflate, with or without what zlib puts around it.
pub(crate) fn inflate(decoder: &mut Decompress, input: &[u8], plain: &mut Vec<u8>) -> Step {
    let before = decoder.total_in();
    let result = decoder.decompress_vec(input, plain, FlushDecompress::None);
    let read = (decoder.total_in() - before) as usize;
    let then = match result {
        Ok(Status::Ok | Status::BufError) => Then::GoOn,
        Ok(Status::StreamEnd) => Then::Ended,
        Err(error) => Then::Corrupt(damage(error.message()).to_owned()),
    };
    Step { read, back: Vec::new(), then }
}

/// What is wrong with a member. Of what is wrong within a block, zlib-rs tells no more where it is on its fast path, and
/// that depends on how the input comes.
fn damage(message: Option<&str>) -> &str {
    match message {
        None
        | Some(
            "repeated call with bad state"
            | "invalid literal/length code"
            | "invalid distance code"
            | "invalid distance too far back",
        ) => "invalid code or distance in a block",
        Some(message) => message,
    }
}
