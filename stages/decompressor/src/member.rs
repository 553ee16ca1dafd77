//! One member of a gzip file, one frame of a zstd file, one stream of the others, fed with any pieces.

use crate::blocks::Blocks;
use crate::brotli::Brotli;
use crate::frame::Frame;
use crate::hadoop::{Hadoop, Raw};
use crate::lz4::Lz4;
use crate::lzop::Lzop;
use crate::magic::Codec;
use crate::snappy::Snappy;
use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream::Action;

/// The decoder of one member, frame or stream. Each reads byte after byte, so that how far it was, when it found damage,
/// depends on nothing but the bytes; a whole block of zstd, lz4 or snappy counts as one.
pub(crate) enum Member {
    /// Of gzip, zlib and deflate.
    Deflate(Box<Decompress>),
    Zstd(Box<Frame>),
    Bzip2(Box<bzip2::Decompress>),
    /// Of both formats of xz-utils.
    Lzma(Box<liblzma::stream::Stream>),
    Lz4(Box<Blocks<Lz4>>),
    Snappy(Box<Blocks<Snappy>>),
    Lzop(Box<Blocks<Lzop>>),
    Hadoop(Box<Blocks<Hadoop>>),
    Brotli(Box<Brotli>),
}

/// What a decoder of lzma takes beside its dictionary, and a bit.
const BESIDE_DICTIONARY: u64 = 256 << 10;

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
    Corrupt(String),
    /// The same, but how much was read until then depends on how the input came.
    Unplaced(String),
    /// It asks for more memory than is allowed.
    TooLarge(String),
}

impl Member {
    /// `window_log`: as [`Frame::new`].
    ///
    /// # Panics
    /// When a library has no memory for a context.
    pub(crate) fn new(codec: Codec, window_log: u32) -> Self {
        let hadoop = |raw| Member::Hadoop(Box::new(Blocks::new(Hadoop::new(raw, 1 << window_log))));
        match codec {
            Codec::Gzip => Member::Deflate(Box::new(Decompress::new_gzip(15))),
            Codec::Zlib => Member::Deflate(Box::new(Decompress::new(true))),
            Codec::Deflate => Member::Deflate(Box::new(Decompress::new(false))),
            Codec::Brotli => Member::Brotli(Box::new(Brotli::new(window_log))),
            Codec::Lzop => Member::Lzop(Box::new(Blocks::new(Lzop::new(1 << window_log)))),
            Codec::HadoopSnappy => hadoop(Raw::Snappy),
            Codec::HadoopLz4 => hadoop(Raw::Lz4),
            Codec::HadoopLzo => hadoop(Raw::Lzo),
            Codec::Lz4 => Member::Lz4(Box::new(Blocks::new(Lz4::frame()))),
            Codec::Lz4Legacy => Member::Lz4(Box::new(Blocks::new(Lz4::legacy()))),
            Codec::Snappy => Member::Snappy(Box::new(Blocks::new(Snappy::new()))),
            Codec::Zstd => Member::Zstd(Box::new(Frame::new(window_log))),
            Codec::Bzip2 => Member::Bzip2(Box::new(bzip2::Decompress::new(false))),
            Codec::Xz | Codec::Lzma => {
                let memory = (1 << window_log) + BESIDE_DICTIONARY;
                let stream = match codec {
                    Codec::Xz => liblzma::stream::Stream::new_stream_decoder(memory, 0),
                    _ => liblzma::stream::Stream::new_lzma_decoder(memory),
                };
                Member::Lzma(Box::new(stream.expect("memory for an lzma context")))
            }
        }
    }

    /// Whether the file may end here though the decoder would take more: some formats have no end.
    pub(crate) fn may_end(&self) -> bool {
        match self {
            Member::Deflate(_) | Member::Zstd(_) | Member::Bzip2(_) | Member::Lzma(_) | Member::Brotli(_) => false,
            Member::Lzop(blocks) => blocks.may_end(),
            Member::Hadoop(blocks) => blocks.may_end(),
            Member::Lz4(blocks) => blocks.may_end(),
            Member::Snappy(blocks) => blocks.may_end(),
        }
    }

    /// Decodes `input` into the spare room of `plain`, which is not empty. Without `input`: what had no room before.
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        match self {
            Member::Deflate(decoder) => {
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
            Member::Zstd(frame) => frame.step(input, plain),
            Member::Lz4(blocks) => blocks.step(input, plain),
            Member::Snappy(blocks) => blocks.step(input, plain),
            Member::Lzop(blocks) => blocks.step(input, plain),
            Member::Hadoop(blocks) => blocks.step(input, plain),
            Member::Brotli(stream) => stream.step(input, plain),
            Member::Bzip2(decoder) => {
                let before = decoder.total_in();
                let result = decoder.decompress_vec(input, plain);
                let read = (decoder.total_in() - before) as usize;
                let then = match result {
                    Ok(bzip2::Status::StreamEnd) => Then::Ended,
                    Ok(_) => Then::GoOn,
                    Err(bzip2::Error::DataMagic) => Then::Corrupt("a block begins without its magic".into()),
                    Err(_) => Then::Corrupt("invalid data, or a wrong checksum, in a block".into()),
                };
                Step { read, back: Vec::new(), then }
            }
            Member::Lzma(decoder) => {
                use liblzma::stream::{Error, Status};
                let before = decoder.total_in();
                let result = decoder.process_vec(input, plain, Action::Run);
                let read = (decoder.total_in() - before) as usize;
                let then = match result {
                    Ok(Status::StreamEnd) => Then::Ended,
                    Ok(_) => Then::GoOn,
                    Err(Error::MemLimit) => Then::TooLarge("its dictionary is larger than the plan's window".into()),
                    Err(Error::Options | Error::UnsupportedCheck) => {
                        Then::Corrupt("it asks for a filter or a check that is not known".into())
                    }
                    Err(Error::Format) => Then::Corrupt("invalid header".into()),
                    Err(_) => Then::Corrupt("invalid data, or a wrong checksum".into()),
                };
                Step { read, back: Vec::new(), then }
            }
        }
    }
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
