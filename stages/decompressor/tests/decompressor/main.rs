//! The decompressor as the runner sees it: files in, chunks, rejects and events out.

mod archives;
mod files;
mod laws;
mod layers;
mod named;
mod outcomes;
mod pack;
mod salvage;
mod seen;
mod table;
