//! The decompressor as the runner sees it: files in, chunks, rejects and events out.

mod named;
mod outcomes;
mod pack;
mod seen;
