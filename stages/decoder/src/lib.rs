//! The decoder: decompressor and re-encoder in one process, without the topic between them.
//!
//! Fusing is composition: the same two stages, run by the same runner, tell the ledger the same under their own names.

use logmill_core::{Stage, Then};
use logmill_decompressor::Decompressor;
use logmill_reencoder::Reencoder;

/// The name of the fused program: of its consumer group and its metrics.
pub const NAME: &str = "decoder";

/// Compressed bytes to text.
#[must_use]
pub fn decoder() -> Then<Decompressor, Reencoder> {
    Decompressor.then(Reencoder)
}
