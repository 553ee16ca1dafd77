//! Two small stages that do all that a stage may do, and what they must put out, told in a straight line.
//!
//! A chunk's first byte says what happens: a digit puts out that many products; `B` puts out many, with a pause whenever
//! the output is full; `R` rejects something and goes on; `X` rejects the file; `D` kills its worker after some output.

use bytes::Bytes;
use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{
    Chunk, End, Event, FileMeta, Flow, LineSpan, Out, Outcome, Product, Progress, Reject, RejectReason, Stage,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Products of a `B` at most, and of a `D` before it kills.
pub const MANY: u8 = 5;
pub const BEFORE_DEATH: u8 = 3;

/// What both stages do; `LAST` is the one whose output stands alone.
pub struct Model<const LAST: bool> {
    /// Set when the stage has killed its worker: the step that set it never returned.
    pub killed: Arc<AtomicBool>,
    /// How a file's output is cut.
    pub cut: Cut,
}

/// Where the number of products of a `B` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// From the file's plan.
    Plan,
    /// From the configuration of the process, whatever the plan says: rule 5, broken.
    Configured(u8),
}

impl Cut {
    fn most(self, file: &FileMeta) -> u8 {
        match self {
            Self::Plan => MANY - u8::from(file.plan.plain_bytes.is_multiple_of(2)),
            Self::Configured(less) => MANY - less,
        }
    }
}

/// The state of a file.
pub struct State {
    sum: Sum,
    /// Products of a `B`.
    most: u8,
    /// Products so far: each is a line of its own.
    lines: u64,
}

impl State {
    fn put(&mut self, out: &mut Out, n: u8) {
        self.lines += 1;
        let line = LineSpan { first_line: self.lines, first_part: 0, rows: 1 };
        out.push(Product::new(self.sum.product(n)).lines(line));
    }
}

/// A running sum of everything seen: whatever is lost or doubled in a rebuilt state shows in all later output.
#[derive(Clone, Debug)]
pub struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(1_099_511_628_211) ^ u64::from(*byte);
        }
    }

    /// What the next stage is told to do, and the sum.
    fn product(&mut self, n: u8) -> Bytes {
        self.add(&[n]);
        let ops = *b"0112201121101B2012";
        let mut op = ops[(self.0 >> 20) as usize % ops.len()];
        match (self.0 >> 33) % 240 {
            0 => op = b'X',
            1 => op = b'D',
            2 | 3 => op = b'R',
            _ => {}
        }
        let mut payload = vec![op, MANY];
        payload.extend(self.0.to_be_bytes());
        Bytes::from(payload)
    }
}

impl<const LAST: bool> Stage for Model<LAST> {
    type State = State;
    const NAME: &'static str = if LAST { "second" } else { "first" };
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = if LAST { Flow::Standalone } else { Flow::Stream };

    fn open(&self, file: &Arc<FileMeta>) -> State {
        State { sum: Sum(file.length), most: self.cut.most(file), lines: 0 }
    }

    fn process(&self, state: &mut State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let mut payload = chunk.payload.to_vec();
        let op = payload[0];
        match op {
            b'B' | b'D' => {
                let most = if op == b'B' { state.most } else { BEFORE_DEATH };
                payload[1] = payload[1].min(most);
                while payload[1] > 0 {
                    if out.is_full() {
                        chunk.payload = Bytes::from(payload);
                        return Ok(Progress::More);
                    }
                    state.put(out, payload[1]);
                    payload[1] -= 1;
                }
                if op == b'D' {
                    self.killed.store(true, Ordering::Relaxed);
                }
            }
            b'X' => return Err(Reject::new(RejectReason::Corrupt, "X")),
            b'R' => {
                out.reject(Reject::new(RejectReason::TrailingGarbage, "R"));
                state.put(out, 1);
            }
            digit => {
                state.sum.add(&payload);
                for n in 0..digit - b'0' {
                    state.put(out, n);
                }
            }
        }
        Ok(Progress::Done)
    }

    fn finish(&self, mut state: State, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        state.put(out, 9);
        out.event(Event::Opened);
        Ok(end.outcome())
    }
}

/// What came out of one file at one stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Products and markers, as they stand in the file's partition (standalone ones: by their number): (number, kind,
    /// silent, payload).
    pub chunks: Vec<(u64, Kind, bool, Bytes)>,
    /// Reasons of the dead letters, sorted.
    pub rejects: Vec<String>,
    pub events: usize,
}

/// How a deadly chunk went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// So many of its products were committed before it was given up.
    After(u8),
    /// None of them was, and what the stage held back came out.
    Flushed,
}

impl Death {
    /// Every way it can go. With nothing committed the stage's work is ended, unless even that died.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        std::iter::once(Self::Flushed).chain((0..=BEFORE_DEATH).map(Self::After))
    }
}

/// What must come out of a file whose records are `input`, when its deadly chunks (a parked file has one twice) went so.
#[must_use]
pub fn reference<const LAST: bool>(input: &[WireChunk], deaths: [Death; 2], cut: Cut) -> Seen {
    let mut deaths = deaths.into_iter();
    let stage = Model::<LAST> { killed: Arc::default(), cut };
    let mut seen = Seen::default();
    let mut open: Option<(Option<State>, u64)> = None;
    for chunk in input {
        let over = chunk.kind != Kind::Data;
        if open.is_none() {
            match &chunk.file {
                Some(file) if chunk.seq.0 == 0 => open = Some((Some(stage.open(&Arc::new((**file).clone()))), 0)),
                _ if matches!(chunk.kind, Kind::Park | Kind::End(End::Abort)) => continue,
                _ => {
                    seen.rejects.push("headless".into());
                    open = (!over).then_some((None, 0));
                    continue;
                }
            }
        }
        let (running, seq) = open.as_mut().expect("it is open by now");
        let mut put = |seq: &mut u64, kind, payload| {
            if !LAST || (kind == Kind::Data && !chunk.silent) {
                seen.chunks.push((*seq, kind, chunk.silent, payload));
            }
            if kind == Kind::Data || !LAST {
                *seq += 1;
            }
        };
        let mut end = None;
        if let Some(State { sum, most, .. }) = running.as_mut() {
            match chunk.kind {
                Kind::Park => put(seq, Kind::Park, Bytes::new()),
                Kind::End(how) => {
                    put(seq, Kind::Data, sum.product(9));
                    if !chunk.silent {
                        seen.events += 1;
                    }
                    put(seq, Kind::End(how), Bytes::new());
                }
                Kind::Data => {
                    let (op, mut rejected) = (chunk.payload[0], None);
                    match op {
                        b'B' => (1..=*most).rev().for_each(|i| put(seq, Kind::Data, sum.product(i))),
                        b'D' => {
                            let count = match deaths.next().expect("a file comes twice at most") {
                                Death::After(count) => count,
                                Death::Flushed => {
                                    put(seq, Kind::Data, sum.product(9));
                                    seen.events += usize::from(!chunk.silent);
                                    0
                                }
                            };
                            let products = (1..=BEFORE_DEATH).rev().take(count.into());
                            products.for_each(|i| put(seq, Kind::Data, sum.product(i)));
                            end = Some("decree");
                        }
                        b'X' => end = Some("corrupt"),
                        b'R' => {
                            rejected = Some("trailing-garbage");
                            put(seq, Kind::Data, sum.product(1));
                        }
                        digit => {
                            sum.add(&chunk.payload);
                            (0..digit - b'0').for_each(|i| put(seq, Kind::Data, sum.product(i)));
                        }
                    }
                    if let Some(reason) = end {
                        put(seq, Kind::End(End::Abort), Bytes::new());
                        rejected = Some(reason);
                    }
                    if let (Some(reason), false) = (rejected, chunk.silent) {
                        seen.rejects.push(reason.into());
                    }
                }
            }
        }
        if end.is_some() {
            *running = None;
        }
        if over {
            open = None;
        }
    }
    seen.rejects.sort();
    seen
}
