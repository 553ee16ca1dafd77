//! The re-encoder: plain bytes of any encoding to text chunks, each of which stands alone.
//!
//! A text chunk is UTF-8 and holds whole lines, or ends with a part of a line that is longer than the plan allows; it
//! knows which lines. Which encoding the file has comes from the plan, else from the bytes ([`detect`]); sequences that are
//! malformed in it become U+FFFD and are counted.
//!
//! **Invariant:** where a chunk is cut depends on the decoded text alone, never on the cuts of the input ([`cutter`]).

mod apart;
mod cutter;
mod decode;
mod detect;
mod foreign;
mod header;
mod losers;
mod reference;
mod state;
mod units;

pub use losers::{Candidate, Lost};
pub use reference::reference;
pub use state::State;

use logmill_core::{Chunk, End, FileId, FileMeta, Flow, Out, Outcome, Progress, Reject, Stage};
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// The stage; it has nothing to configure, the plan says all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reencoder;

impl Stage for Reencoder {
    type State = State;
    const NAME: &'static str = "reencoder";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Standalone;

    fn open(&self, file: &Arc<FileMeta>) -> State {
        State::new(&file.plan, false)
    }

    fn process(&self, state: &mut State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        Ok(state.read(&mut chunk.payload, out))
    }

    fn finish(&self, state: State, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        Ok(state.finish(end, out).0)
    }
}

/// The stage, which says of each file beside it why it is not in the other encodings: for people, and slower. It is told before the
/// file's event.
#[derive(Clone, Debug)]
pub struct Explaining(pub Sender<(FileId, Vec<Lost>)>);

impl Stage for Explaining {
    type State = (FileId, State);
    const NAME: &'static str = Reencoder::NAME;
    const INPUT: Flow = Reencoder::INPUT;
    const OUTPUT: Flow = Reencoder::OUTPUT;

    fn open(&self, file: &Arc<FileMeta>) -> Self::State {
        (file.file_id, State::new(&file.plan, true))
    }

    fn process(&self, (_, state): &mut Self::State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        Ok(state.read(&mut chunk.payload, out))
    }

    fn finish(&self, (file, state): Self::State, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        let (outcome, lost) = state.finish(end, out);
        // Who listens no more has no use for it.
        let _ = self.0.send((file, lost));
        Ok(outcome)
    }
}
