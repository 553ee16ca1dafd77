//! One member of a gzip file or one frame of a zstd file, fed with any pieces.

use crate::magic::Codec;
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// The largest window that a frame may ask for: 128 MiB, as the zstd program allows by default.
const WINDOW_LOG: u32 = 27;
/// RFC 8878, 3.1.1.2.
const ZSTD_BLOCK_HEADER: usize = 3;

/// The decoder of one member or frame.
pub(crate) enum Member {
    Gzip(Box<Decompress>),
    Zstd {
        decoder: Box<Decoder<'static>>,
        /// The bytes that the decoder wants next: the rest of a header or block, and the header of the block after it.
        wants: usize,
    },
}

/// What one step did.
pub(crate) struct Step {
    /// Bytes taken from the input.
    pub(crate) read: usize,
    pub(crate) then: Then,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// More input, or more room, is needed.
    GoOn,
    /// The member is whole, its checksum right.
    Ended,
    Corrupt(String),
    /// It asks for more memory than is allowed.
    TooLarge(String),
}

impl Member {
    /// # Panics
    /// When zstd has no memory for a context.
    pub(crate) fn new(codec: Codec) -> Self {
        match codec {
            Codec::Gzip => Member::Gzip(Box::new(Decompress::new_gzip(15))),
            Codec::Zstd => {
                let mut decoder = Decoder::new().expect("memory for a zstd context");
                decoder
                    .set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(WINDOW_LOG))
                    .expect("the window limit is a valid one");
                Member::Zstd { decoder: Box::new(decoder), wants: 1 }
            }
        }
    }

    /// Decodes `input` into the spare room of `plain`, which is not empty.
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        match self {
            Member::Gzip(decoder) => {
                let before = decoder.total_in();
                let result = decoder.decompress_vec(input, plain, FlushDecompress::None);
                let read = (decoder.total_in() - before) as usize;
                let then = match result {
                    Ok(Status::Ok | Status::BufError) => Then::GoOn,
                    Ok(Status::StreamEnd) => Then::Ended,
                    Err(error) => Then::Corrupt(error.message().unwrap_or("invalid deflate stream").to_owned()),
                };
                Step { read, then }
            }
            // A call of zstd that fails delivers nothing, not even the blocks that it decoded before: so one block a call.
            Member::Zstd { decoder, wants } => {
                let some = if *wants > ZSTD_BLOCK_HEADER { *wants - ZSTD_BLOCK_HEADER } else { *wants };
                let mut from = InBuffer::around(&input[..input.len().min(some)]);
                let at = plain.len();
                let mut to = OutBuffer::around_pos(plain, at);
                let result = decoder.run(&mut from, &mut to);
                let then = match result {
                    Ok(0) => Then::Ended,
                    Ok(hint) => {
                        *wants = hint;
                        Then::GoOn
                    }
                    Err(error) => {
                        let text = error.to_string();
                        if text.contains("too much memory") { Then::TooLarge(text) } else { Then::Corrupt(text) }
                    }
                };
                Step { read: from.pos(), then }
            }
        }
    }
}
