//! A stage run in memory, without a runner: for tests, dry runs and benchmarks.

use crate::file::FileMeta;
use crate::id::Seq;
use crate::stage::{Chunk, End, Out, Outcome, Output, Progress, Stage};
use bytes::Bytes;
use std::sync::Arc;

/// One file on its way through one stage.
pub struct Run<'a, S: Stage> {
    stage: &'a S,
    /// `None` once the stage rejected the file.
    state: Option<S::State>,
    seq: Seq,
    out: Out,
}

impl<'a, S: Stage> Run<'a, S> {
    #[must_use]
    pub fn new(stage: &'a S, file: &Arc<FileMeta>) -> Self {
        Self::with_budget(stage, file, file.plan.plain_bytes as usize)
    }

    /// The output is emptied whenever its payloads reach so many bytes.
    #[must_use]
    pub fn with_budget(stage: &'a S, file: &Arc<FileMeta>, bytes: usize) -> Self {
        let out = Out::new(S::NAME, bytes);
        Self { stage, state: Some(stage.open(file)), seq: Seq(0), out }
    }

    /// Puts consecutive bytes in; `sink` gets each output as it comes.
    pub fn push(&mut self, payload: Bytes, mut sink: impl FnMut(Output)) {
        let mut chunk = Chunk { seq: self.seq, payload, packed: false, span: None, channel: None, header: None };
        self.seq = self.seq.next();
        while let Some(state) = self.state.as_mut() {
            let step = self.stage.process(state, &mut chunk, &mut self.out);
            self.out.drain().for_each(&mut sink);
            match step {
                Ok(Progress::Done) => return,
                Ok(Progress::More) => {}
                Err(reject) => {
                    sink(Output::Reject(reject.stage.unwrap_or(S::NAME), reject));
                    self.state = None;
                }
            }
        }
    }

    /// Ends the file.
    pub fn end(mut self, end: End, mut sink: impl FnMut(Output)) -> Outcome {
        let Some(state) = self.state.take() else { return Outcome::Partial };
        let result = self.stage.finish(state, end, &mut self.out);
        self.out.drain().for_each(&mut sink);
        result.unwrap_or_else(|reject| {
            sink(Output::Reject(reject.stage.unwrap_or(S::NAME), reject));
            Outcome::Partial
        })
    }
}
