//! A stage for tests, with a state that matters: upper case, cut anew.

use logmill_core::event::Event;
use logmill_core::{Chunk, End, FileMeta, Flow, Out, Outcome, Product, Progress, Reject, Stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of an output chunk. Not a multiple or part of what comes in.
pub const CUT: usize = 3_000;

pub struct Shout;

/// What is not cut yet.
#[derive(Default)]
pub struct Rest {
    bytes: Vec<u8>,
    bytes_in: u64,
}

impl Stage for Shout {
    type State = Rest;
    const NAME: &'static str = "shout";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Stream;

    fn open(&self, _: &Arc<FileMeta>) -> Rest {
        Rest::default()
    }

    fn process(&self, rest: &mut Rest, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let payload = std::mem::take(&mut chunk.payload);
        rest.bytes_in += payload.len() as u64;
        rest.bytes.extend(payload.iter().map(u8::to_ascii_uppercase));
        while rest.bytes.len() >= CUT {
            let tail = rest.bytes.split_off(CUT);
            out.push(Product::new(std::mem::replace(&mut rest.bytes, tail).into()));
        }
        Ok(Progress::Done)
    }

    fn finish(&self, rest: Rest, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        if !rest.bytes.is_empty() {
            out.push(Product::new(rest.bytes.into()));
        }
        let outcome = end.outcome();
        out.event(Event::Closed {
            outcome,
            bytes_in: rest.bytes_in,
            bytes_out: rest.bytes_in,
            lines: 0,
            rows: 0,
            malformed: 0,
            crc32: None,
            found: None,
            evidence: None,
            quarantine: None,
        });
        Ok(outcome)
    }
}

/// Shout, but it panics at the next chunk when the flag is set, which is reset.
pub struct Startled<'a>(pub &'a AtomicBool);

impl Stage for Startled<'_> {
    type State = Rest;
    const NAME: &'static str = Shout::NAME;
    const INPUT: Flow = Shout::INPUT;
    const OUTPUT: Flow = Shout::OUTPUT;

    fn open(&self, file: &Arc<FileMeta>) -> Rest {
        Shout.open(file)
    }

    fn process(&self, rest: &mut Rest, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        assert!(!self.0.swap(false, Ordering::Relaxed), "startled, as the test wants");
        Shout.process(rest, chunk, out)
    }

    fn finish(&self, rest: Rest, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        Shout.finish(rest, end, out)
    }
}
