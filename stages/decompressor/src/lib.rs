//! The decompressor: compressed bytes to plain bytes, in chunks of exactly the plan's size.
//!
//! The content decides what a file is: gzip with all of its members, zstd and lz4 with all of their frames, bzip2, xz and
//! snappy with all of their streams, lzop, lzma, zlib, or plain bytes as they are. Where it says nothing, the name may suggest
//! brotli, deflate, or one of Hadoop's framings. What is compressed within is decoded too, up to three layers. What decodes is
//! delivered; the members of tar and zip, in any of these or by themselves, become files of their own; damage, a missing end and bytes that belong to nothing are rejects that name their place, and decoding goes on
//! at the next block, member or frame that can be found.
//!
//! **Invariant:** a plain chunk is cut at a multiple of `plan.plain_bytes` from the file's first plain byte, whatever the
//! cuts of the input, and is pushed with its last byte.

mod archive;
mod blocks;
mod brotli;
mod bzip2;
mod frame;
mod gap;
mod gzip;
mod hadoop;
mod layer;
mod lz4;
mod lzo;
mod lzop;
mod magic;
mod member;
mod name;
mod sink;
mod snappy;
mod state;
mod tar;
mod xz;
mod zip;

pub use state::State;

use logmill_core::{Chunk, End, FileMeta, Flow, Out, Outcome, Progress, Reject, Stage};
use std::sync::Arc;

/// The stage; it has nothing to configure, the plan says all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decompressor;

impl Stage for Decompressor {
    type State = State;
    const NAME: &'static str = "decompressor";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Stream;

    fn open(&self, file: &Arc<FileMeta>) -> State {
        State::new(file)
    }

    /// Never rejects the whole file: after a limit was passed the rest is read for its checksum alone, so that the
    /// ledger has an event for every file.
    fn process(&self, state: &mut State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        Ok(state.read(&mut chunk.payload, out))
    }

    fn finish(&self, state: State, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        Ok(state.finish(end, out))
    }
}
