//! The re-encoder: plain bytes of any encoding to text chunks, each of which stands alone.
//!
//! A text chunk is UTF-8 and holds whole lines, or ends with a part of a line that is longer than the plan allows; it
//! knows which lines. Which encoding the file has comes from the plan, else from the bytes ([`detect`]); sequences that are
//! malformed in it become U+FFFD and are counted.
//!
//! **Invariant:** where a chunk is cut depends on the decoded text alone, never on the cuts of the input ([`cutter`]).

mod cutter;
mod decode;
mod detect;
mod foreign;
mod header;
mod reference;
mod state;
mod units;

pub use reference::reference;
pub use state::State;

use logmill_core::{Chunk, End, FileMeta, Flow, Out, Outcome, Progress, Reject, Stage};
use std::sync::Arc;

/// The stage; it has nothing to configure, the plan says all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reencoder;

impl Stage for Reencoder {
    type State = State;
    const NAME: &'static str = "reencoder";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Standalone;

    fn open(&self, file: &Arc<FileMeta>) -> State {
        State::new(&file.plan)
    }

    fn process(&self, state: &mut State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        Ok(state.read(&mut chunk.payload, out))
    }

    fn finish(&self, state: State, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        Ok(state.finish(end, out))
    }
}
