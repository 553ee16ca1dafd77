//! A small stage whose chunks stand alone and whose output is not a function of its input, as the distributor's is not.
//!
//! Each chunk gives some parts; which channel each part goes to, and in which order they come, changes from one time to
//! the next. So a chunk that was committed by halves would lose parts or double them.

use crate::stage::{BEFORE_DEATH, MANY, Seen};
use bytes::Bytes;
use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{Chunk, End, Event, FileMeta, Flow, Out, Outcome, Product, Progress, Reject, RejectReason, Stage};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The channels it chooses from.
pub const CHANNELS: [&str; 2] = ["x", "y"];

pub struct Spread {
    /// Set when the stage has killed its worker.
    pub killed: Arc<AtomicBool>,
    /// Another one for each chunk and each process.
    pub turn: Cell<u64>,
}

/// How many parts a chunk has; `None`: it is rejected.
fn parts(op: u8) -> Option<u64> {
    match op {
        b'X' => None,
        b'R' => Some(1),
        b'B' => Some(u64::from(MANY)),
        b'D' => Some(u64::from(BEFORE_DEATH)),
        digit => Some(u64::from(digit - b'0') + 1),
    }
}

/// A part: its number, and the sum that tells which chunk it is of.
fn part(number: u64, payload: &[u8]) -> Bytes {
    let mut bytes = vec![u8::try_from(number).expect("a few parts")];
    bytes.extend(&payload[2..]);
    Bytes::from(bytes)
}

impl Stage for Spread {
    type State = u64;
    const NAME: &'static str = "third";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;

    fn open(&self, _: &Arc<FileMeta>) -> u64 {
        self.turn.set(self.turn.get() + 1);
        self.turn.get()
    }

    fn process(&self, turn: &mut u64, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let mut payload = chunk.payload.to_vec();
        let op = payload[0];
        let Some(count) = parts(op) else { return Err(Reject::new(RejectReason::Corrupt, "X")) };
        // The second byte counts what was put out, from 0 on: before, it is what the stage before wrote there.
        payload[1] %= MANY;
        while u64::from(payload[1]) < count {
            if out.is_full() {
                chunk.payload = Bytes::from(payload);
                return Ok(Progress::More);
            }
            let number = (u64::from(payload[1]) + *turn) % count;
            let channel = CHANNELS[((number + *turn) % 2) as usize];
            out.push(Product::new(part(number, &payload)).to_channel(channel));
            payload[1] += 1;
        }
        match op {
            b'D' => self.killed.store(true, Ordering::Relaxed),
            b'R' => out.reject(Reject::new(RejectReason::TrailingGarbage, "R")),
            _ => {}
        }
        out.event(Event::Opened);
        Ok(Progress::Done)
    }

    fn finish(&self, _: u64, _: End, _: &mut Out) -> Result<Outcome, Reject> {
        unreachable!("chunks that stand alone have no end")
    }
}

/// What must come out of a file's chunks, in whatever order and by whichever channel.
#[must_use]
pub fn reference(input: &[WireChunk]) -> Seen {
    let mut seen = Seen::default();
    for chunk in input {
        let (op, payload) = (chunk.payload[0], &chunk.payload);
        match op {
            b'X' => seen.rejects.push("corrupt".into()),
            b'D' => seen.rejects.push("decree".into()),
            _ => {
                if op == b'R' {
                    seen.rejects.push("trailing-garbage".into());
                }
                let count = parts(op).expect("only X has none");
                seen.chunks.extend((0..count).map(|n| (0, Kind::Data, false, part(n, payload))));
                seen.events += 1;
            }
        }
    }
    seen.rejects.sort();
    seen.chunks.sort_by(|a, b| a.3.cmp(&b.3));
    seen
}
