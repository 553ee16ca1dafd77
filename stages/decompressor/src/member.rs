//! One member of a gzip file or one frame of a zstd file, fed with any pieces.

use crate::frame::Frame;
use crate::magic::Codec;
use flate2::{Decompress, FlushDecompress, Status};

/// The decoder of one member or frame.
pub(crate) enum Member {
    Gzip(Box<Decompress>),
    Zstd(Box<Frame>),
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
    Corrupt(String),
    /// It asks for more memory than is allowed.
    TooLarge(String),
}

impl Member {
    /// `window_log`: as [`Frame::new`].
    ///
    /// # Panics
    /// When zstd has no memory for a context.
    pub(crate) fn new(codec: Codec, window_log: u32) -> Self {
        match codec {
            Codec::Gzip => Member::Gzip(Box::new(Decompress::new_gzip(15))),
            Codec::Zstd => Member::Zstd(Box::new(Frame::new(window_log))),
        }
    }

    /// Decodes `input` into the spare room of `plain`, which is not empty. Without `input`: what had no room before.
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        match self {
            Member::Gzip(decoder) => {
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
