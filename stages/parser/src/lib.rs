//! The parser: all between fetcher and loader in one process, compressed bytes to rows, without a topic between them.
//!
//! Fusing is composition: the same four stages, run by the same runner, tell the ledger the same under their own names.
//! The distributor's choice is no function of the input, and a large chunk may be committed in parts all the same: each product
//! of it goes to one channel or another, but which products there are, and in which order, hangs on the file alone.

use logmill_core::{Stage, Then};
use logmill_decoder::decoder;
use logmill_decompressor::Decompressor;
use logmill_distributor::Distributor;
use logmill_reencoder::Reencoder;
use logmill_splitter::Splitter;

/// The name of the program: of its consumer group and its metrics.
pub const NAME: &str = "parser";

/// Decompressor, re-encoder, distributor and splitter.
pub type Parser = Then<Then<Then<Decompressor, Reencoder>, Distributor>, Splitter>;

/// Compressed bytes to rows of the channels among which `distributor` chooses.
#[must_use]
pub fn parser(distributor: Distributor) -> Parser {
    decoder().then(distributor).then(Splitter::new())
}
