//! The stage: a pure transformation of one file's chunks, with state per file.
//!
//! Bytes in, bytes out; no clock, no I/O, no randomness; output is cut by byte count and never by time. Two laws hold
//! for every stage and are tested by property: after any prefix of the input the output so far does not depend on
//! where the input was cut into chunks, and nothing depends on where the process died and resumed.

use crate::event::{Event, Reject};
use crate::file::FileMeta;
use crate::id::Seq;
use crate::packed;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How chunks on a topic relate to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Chunks of a file depend on those before; they keep their order and end with a marker.
    Stream,
    /// Every chunk stands alone and carries its file's [`FileMeta`]; there are no markers.
    Standalone,
}

/// One step of the chain.
pub trait Stage: Send {
    /// What must be remembered between two chunks of a file. `()`-like for stages whose input is standalone.
    type State: Send;
    /// One word; names the consumer group, the metrics and the ledger's entries.
    const NAME: &'static str;
    /// The stage that takes what comes, which rejects what is no chunk of a file: of fused ones the first.
    const TAKES: &'static str = Self::NAME;
    const INPUT: Flow;
    const OUTPUT: Flow;
    /// Whether it looks into payloads. A stage that does not gets them as they travel, [packed](crate::packed) or not.
    const OPENS: bool = true;
    /// Whether its products may travel packed: not those to which others than the chain subscribe.
    const PACKS: bool = true;

    /// The state before the first chunk. For standalone input it is made anew for each chunk.
    fn open(&self, file: &Arc<FileMeta>) -> Self::State;

    /// Transforms some or all of `chunk`. What it has consumed it removes from the front of `chunk.payload`. Returns
    /// [`Progress::More`] only after `out` said that it is full, and is then called again with the same chunk once
    /// `out` has been emptied: so a chunk that decompresses a thousandfold needs no memory for all of it.
    ///
    /// # Errors
    /// A [`Reject`] ends the file: what was pushed before stands, the rest of the file is passed over. `finish` is not
    /// called then: what the stage holds back and can still use it pushes before.
    fn process(&self, state: &mut Self::State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject>;

    /// The file's end: pushes what is held back. Also called, with [`End::Abort`], when the file was cut off upstream,
    /// and when the runner gives it up.
    /// Not called for a parked file: parking flushes nothing, the state is dropped.
    ///
    /// # Errors
    /// A [`Reject`] for what cannot be finished; what was pushed before stands and the outcome is partial.
    fn finish(&self, state: Self::State, end: End, out: &mut Out) -> Result<Outcome, Reject>;

    /// Hands over a new snapshot of the lags of the channels. Only the distributor looks at it.
    fn observe(&mut self, lags: &Lags) {
        let _ = lags;
    }

    /// This stage, then `next`, as one stage.
    fn then<B: Stage>(self, next: B) -> Then<Self, B>
    where
        Self: Sized,
    {
        Then { first: self, second: next }
    }
}

/// Consecutive bytes of one file at one step of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub seq: Seq,
    pub payload: Bytes,
    /// The payload is [packed](crate::packed): never for a stage that opens payloads.
    pub packed: bool,
    /// From `text` on: which rows the payload holds.
    pub span: Option<LineSpan>,
    /// The channel it came by, from the distributor on.
    pub channel: Option<String>,
    /// From `text` on: the file's header line that stands last before the payload, where its plan has one
    /// ([`crate::Header`]).
    pub header: Option<Arc<str>>,
}

impl Chunk {
    /// The payload, unpacked.
    #[must_use]
    pub fn opened(&self) -> Bytes {
        let opened = if self.packed { packed::unpack(&self.payload) } else { None };
        opened.unwrap_or_else(|| self.payload.clone())
    }

    /// Bytes of the payload, unpacked.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let length = if self.packed { packed::length(&self.payload) } else { None };
        length.unwrap_or(self.payload.len())
    }
}

/// Which lines a chunk holds, counted as *units*: a unit is a line, or a part of a line that was too long. Units are
/// separated by LF. Unit 0 is part `first_part` of line `first_line`; unit `i` (i > 0) is part 0 of line
/// `first_line + i`. A line is cut into parts only at the end of a chunk, so a chunk's last unit without an LF is either
/// a part that goes on in the next chunk or the file's last line.
///
/// Wherever the chain counts rows it counts these, from the re-encoder's end to the proof: where records have several
/// lines ([`crate::record`]), a row of the table says how many units it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSpan {
    pub first_line: u64,
    pub first_part: u32,
    pub rows: u64,
}

impl LineSpan {
    /// The line of the last unit. A span has at least one.
    #[must_use]
    pub fn last_line(&self) -> u64 {
        self.first_line + self.rows.saturating_sub(1)
    }
}

/// How a file's input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// All of it came.
    Complete,
    /// An end marker that says that something before is missing or damaged.
    Partial,
    /// It was cut off: nothing more will come.
    Abort,
}

/// How a stage's output for a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Complete,
    Partial,
}

impl End {
    /// The best outcome that input with this end can have.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            End::Complete => Outcome::Complete,
            End::Partial | End::Abort => Outcome::Partial,
        }
    }
}

impl Outcome {
    /// Partial as soon as one of the two is.
    #[must_use]
    pub fn and(self, other: Outcome) -> Outcome {
        if self == Outcome::Complete { other } else { Outcome::Partial }
    }

    /// The end that the next stage sees.
    #[must_use]
    pub fn end(self) -> End {
        match self {
            Outcome::Complete => End::Complete,
            Outcome::Partial => End::Partial,
        }
    }
}

/// Whether a chunk is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// Out was full; call again with the same chunk.
    More,
}

/// How the channels stand, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lags {
    pub channels: BTreeMap<String, ChannelLag>,
}

impl Lags {
    /// Why the first of these channels to be chosen would be passed over, if it were not that the others are worse; `None`
    /// where one of them may be chosen.
    #[must_use]
    pub fn least_barred<'a>(&self, channels: impl IntoIterator<Item = &'a str>) -> Option<Barred> {
        channels.into_iter().map(|channel| self.barred(channel)).min().flatten()
    }

    /// Why a channel is passed over, if it is.
    #[must_use]
    pub fn barred(&self, channel: &str) -> Option<Barred> {
        self.channels.get(channel).and_then(|lag| lag.barred)
    }
}

/// Why others of its group are chosen before a channel, from the least to the worst: where all are barred, those that are least are
/// chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Barred {
    /// Something waits before its splitters, and they do nothing.
    StandsStill,
    /// More waits than it is to hold.
    Full,
    /// An operator said so.
    Paused,
}

impl std::fmt::Display for Barred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::StandsStill => "stands still",
            Self::Full => "is full",
            Self::Paused => "is paused",
        })
    }
}

/// The state of one channel as its consumers' committed positions show it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChannelLag {
    pub records: u64,
    pub seconds_to_drain: f64,
    /// Others of its group are chosen before it.
    pub barred: Option<Barred>,
}

/// One thing that a stage sends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Product(Product),
    /// Names the stage that rejects, so that fused stages stay apart in the ledger.
    Reject(&'static str, Reject),
    /// Names the stage whose event it is.
    Event(&'static str, Event),
    /// A member of the file begins, of an archive: what follows is of it, until its [`Output::Close`].
    Open(Arc<FileMeta>),
    /// The member that began last is over.
    Close(Outcome),
}

/// A chunk for the next stage, before the runner gives it its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub payload: Bytes,
    /// It is passed on packed, as it came.
    pub packed: bool,
    pub span: Option<LineSpan>,
    /// The channel, where the stage chooses one: the output topic is then that channel's.
    pub channel: Option<String>,
    /// The header line that is in force where the payload begins ([`Chunk::header`]).
    pub header: Option<Arc<str>>,
    /// Headers for people and other readers (`codec`, `encoding`): nothing in the chain depends on them.
    pub notes: Vec<(&'static str, String)>,
}

impl Product {
    #[must_use]
    pub fn new(payload: Bytes) -> Self {
        Self { payload, packed: false, span: None, channel: None, header: None, notes: Vec::new() }
    }

    /// The payload is packed, or not.
    #[must_use]
    pub fn packed(mut self, packed: bool) -> Self {
        self.packed = packed;
        self
    }

    #[must_use]
    pub fn lines(mut self, span: LineSpan) -> Self {
        self.span = Some(span);
        self
    }

    #[must_use]
    pub fn to_channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    #[must_use]
    pub fn under(mut self, header: Option<Arc<str>>) -> Self {
        self.header = header;
        self
    }

    #[must_use]
    pub fn note(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.notes.push((name, value.into()));
        self
    }
}

/// Where a stage puts its output, in order. A budget in bytes, not a hard wall: a stage looks at [`Out::is_full`] where
/// its input can grow without bound, and pushes at most one product past it.
#[derive(Debug)]
pub struct Out {
    stage: &'static str,
    items: Vec<Output>,
    /// What `items` weigh.
    bytes: usize,
    budget: usize,
}

/// What an event, or the beginning of a member, weighs beside payloads, in bytes: hardly less than it takes on its way.
const TOLD: usize = 512;

impl Output {
    fn weight(&self) -> usize {
        match self {
            Self::Product(product) => product.payload.len(),
            Self::Reject(_, reject) => reject.bytes.len(),
            Self::Event(..) | Self::Open(_) => TOLD,
            Self::Close(_) => 0,
        }
    }
}

impl Out {
    /// The output of `stage`; full when what was pushed reaches `budget` bytes: payloads, and a little for all else.
    #[must_use]
    pub fn new(stage: &'static str, budget: usize) -> Self {
        Self { stage, items: Vec::new(), bytes: 0, budget }
    }

    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= self.budget
    }

    pub fn push(&mut self, product: Product) {
        self.put(Output::Product(product));
    }

    /// Puts it behind what is there: of this stage, or passed on of another.
    fn put(&mut self, item: Output) {
        self.bytes += item.weight();
        self.items.push(item);
    }

    /// Something could not be turned into anything, and the file goes on.
    pub fn reject(&mut self, reject: Reject) {
        self.put(Output::Reject(reject.stage.unwrap_or(self.stage), reject));
    }

    pub fn event(&mut self, event: Event) {
        self.put(Output::Event(self.stage, event));
    }

    /// A file within the file begins, a member of an archive; members may have members.
    pub fn open(&mut self, member: Arc<FileMeta>) {
        self.put(Output::Open(member));
    }

    /// The member that began last is over: all of a file's members are before the file itself.
    pub fn close(&mut self, outcome: Outcome) {
        self.put(Output::Close(outcome));
    }

    /// Takes what is there, in order, and is empty again.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Output> {
        self.bytes = 0;
        self.items.drain(..)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Two stages as one: what the first pushes is the second's input, without a topic between them.
pub struct Then<A, B> {
    pub first: A,
    pub second: B,
}

/// The pair of the two states, and what stands between them.
pub struct ThenState<A, B> {
    first: A,
    second: Second<B>,
    /// The second's of the members that are open, the outermost first.
    members: Vec<Second<B>>,
    /// The first stage's output on its way; empty between two calls of the runner.
    between: Out,
}

/// Where the second stage stands in a file, or in a member of one.
struct Second<B> {
    at: At<B>,
    /// The number of the next chunk between the two.
    seq: Seq,
}

enum At<B> {
    Running(B),
    /// It rejected the file: the first still runs to its end for its own event.
    Rejected,
    /// Its input stands alone: a state is made for each chunk, and a reject is of that chunk.
    EachChunk(Arc<FileMeta>),
}

impl<B> Second<B> {
    fn open<S: Stage<State = B>>(stage: &S, file: &Arc<FileMeta>) -> Self {
        let at = match S::INPUT {
            Flow::Stream => At::Running(stage.open(file)),
            Flow::Standalone => At::EachChunk(Arc::clone(file)),
        };
        Self { at, seq: Seq(0) }
    }

    fn finish<S: Stage<State = B>>(self, stage: &S, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        match self.at {
            At::Running(state) => stage.finish(state, end, out),
            At::Rejected => Ok(Outcome::Partial),
            At::EachChunk(_) => Ok(end.outcome()),
        }
    }
}

impl<A: Stage, B: Stage> Then<A, B> {
    /// Feeds what the first stage pushed to the second. Rejects and events of the first pass by, in order.
    ///
    /// The second stage's output is never full meanwhile, as nobody could empty it: it has bounds all the same, because
    /// the first stage stops when `between` is full.
    fn pass_on<S>(next: &B, state: &mut ThenState<S, B::State>, out: &mut Out) {
        let budget = std::mem::replace(&mut out.budget, usize::MAX);
        for item in state.between.drain() {
            match item {
                Output::Product(product) => {
                    let second = state.members.last_mut().unwrap_or(&mut state.second);
                    Self::pass_product(next, second, product, out);
                }
                Output::Open(member) => {
                    state.members.push(Second::open(next, &member));
                    out.open(member);
                }
                Output::Close(outcome) => {
                    let member = state.members.pop().expect("a stage closes what it has opened");
                    Self::close(next, member, outcome.end(), out);
                }
                Output::Reject(..) | Output::Event(..) => out.put(item),
            }
        }
        out.budget = budget;
    }

    fn pass_product(next: &B, second: &mut Second<B::State>, product: Product, out: &mut Out) {
        let seq = second.seq;
        second.seq = seq.next();
        let mut alone;
        let state = match &mut second.at {
            At::Running(state) => state,
            At::Rejected => return,
            At::EachChunk(file) => {
                alone = next.open(file);
                &mut alone
            }
        };
        let came_by = product.channel.clone();
        let Product { payload, packed, span, channel, header, .. } = product;
        let mut chunk = Chunk { seq, payload, packed, span, channel, header };
        let from = out.items.len();
        match next.process(state, &mut chunk, out) {
            Ok(Progress::Done) => {}
            Ok(Progress::More) => panic!("{} stops only when its output is full", B::NAME),
            Err(reject) => {
                out.reject(reject);
                if matches!(second.at, At::Running(_)) {
                    second.at = At::Rejected;
                }
            }
        }
        // What came by a channel goes on by it, as it does over a topic.
        for item in &mut out.items[from..] {
            if let (Output::Product(product), Some(channel)) = (item, &came_by) {
                product.channel.get_or_insert_with(|| channel.clone());
            }
        }
    }

    /// Ends a member in the second stage.
    fn close(next: &B, member: Second<B::State>, end: End, out: &mut Out) {
        let outcome = member.finish(next, end, out).unwrap_or_else(|reject| {
            out.reject(reject);
            Outcome::Partial
        });
        out.close(outcome);
    }

    /// Ends the members that the first stage has left open: it gave the file up.
    fn close_all(next: &B, members: &mut Vec<Second<B::State>>, out: &mut Out) {
        while let Some(member) = members.pop() {
            Self::close(next, member, End::Abort, out);
        }
    }
}

impl<A: Stage, B: Stage> Stage for Then<A, B> {
    type State = ThenState<A::State, B::State>;
    const NAME: &'static str = B::NAME;
    const TAKES: &'static str = A::TAKES;
    const INPUT: Flow = A::INPUT;
    const OUTPUT: Flow = B::OUTPUT;
    const OPENS: bool = A::OPENS || B::OPENS;
    const PACKS: bool = B::PACKS;

    fn open(&self, file: &Arc<FileMeta>) -> Self::State {
        let between = Out::new(A::NAME, file.plan.plain_bytes as usize);
        let (first, second) = (self.first.open(file), Second::open(&self.second, file));
        ThenState { first, second, members: Vec::new(), between }
    }

    fn process(&self, state: &mut Self::State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        loop {
            let step = self.first.process(&mut state.first, chunk, &mut state.between);
            Self::pass_on(&self.second, state, out);
            match step {
                Ok(Progress::Done) => return Ok(Progress::Done),
                Ok(Progress::More) if out.is_full() => return Ok(Progress::More),
                Ok(Progress::More) => {}
                Err(reject) => {
                    // The second stage flushes what it holds back, as an abort marker would make it do.
                    Self::close_all(&self.second, &mut state.members, out);
                    if let At::Running(second) = std::mem::replace(&mut state.second.at, At::Rejected)
                        && let Err(other) = self.second.finish(second, End::Abort, out)
                    {
                        out.reject(other);
                    }
                    return Err(reject.by(A::NAME));
                }
            }
        }
    }

    fn finish(&self, mut state: Self::State, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        let first = self.first.finish(state.first, end, &mut state.between);
        let ThenState { second, members, between, .. } = state;
        let mut rest = ThenState { first: (), second, members, between };
        Self::pass_on(&self.second, &mut rest, out);
        Self::close_all(&self.second, &mut rest.members, out);
        // The second stage's input ends as the marker between the two would say.
        let (end, rejected) = match first {
            Ok(_) if end == End::Abort => (End::Abort, None),
            Ok(outcome) => (outcome.end(), None),
            Err(reject) => (End::Abort, Some(reject.by(A::NAME))),
        };
        match (rejected, rest.second.finish(&self.second, end, out)) {
            (None, second) => second,
            (Some(reject), Ok(_)) => Err(reject),
            (Some(reject), Err(other)) => {
                out.reject(other);
                Err(reject)
            }
        }
    }

    fn observe(&mut self, lags: &Lags) {
        self.first.observe(lags);
        self.second.observe(lags);
    }
}
