//! The splitter: a chunk of text to rows, as Arrow IPC streams.
//!
//! Every line, or part of a line that was too long, is a row, whether anything was recognised in it or not. Where the plan
//! says how records begin, the lines of a record are one row: its place is that of its first line, as are time and level,
//! and its text has an LF between two lines. Where the plan names patterns, the first that matches a row says its time, level and
//! fields. What a chunk begins with begins a row, whatever it is. Each product
//! is one whole Arrow stream (schema, dictionaries, one batch, end) that fits in a message of Kafka's default limits,
//! with the span of its lines; a chunk gives as many as it needs.

mod batch;
mod found;
mod level;
mod reading;
mod rows;
mod schema;
mod stream;

pub use schema::schema;

use arrow_schema::SchemaRef;
use batch::{fit, write};
use bytes::{Buf, Bytes};
use logmill_core::{
    Chunk, End, Event, FileMeta, Flow, LineSpan, Out, Outcome, Product, Progress, RecordStart, Reject, RejectReason,
    Stage,
};
use logmill_patterns::Clock;
use reading::Reading;
use rows::Rows;
use std::sync::Arc;

/// The longest name of a channel: it is a part of a topic's.
const CHANNEL_BYTES: usize = padded(249);

/// What so many bytes take in a stream.
const fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(stream::ALIGNMENT)
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Splitter {
    schema: SchemaRef,
}

impl Splitter {
    #[must_use]
    pub fn new() -> Self {
        Self { schema: Arc::new(schema()) }
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

/// Of one chunk.
pub struct State {
    file: Arc<FileMeta>,
    /// Once the chunk is known to be what it says.
    work: Option<Work>,
}

struct Work {
    rows: Rows,
    span: LineSpan,
    clock: Clock,
    /// Where the plan has patterns.
    reading: Option<Reading>,
    /// What stands before the batch in each of the streams.
    before: Vec<u8>,
    /// Bytes that a stream is held to have before its batch: the same for every channel, so that which rows share a stream does not
    /// hang on where they go.
    head: usize,
    /// The first row that is not yet in a stream.
    next: usize,
}

impl Stage for Splitter {
    type State = State;
    const NAME: &'static str = "splitter";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;
    const PACKS: bool = false;

    fn open(&self, file: &Arc<FileMeta>) -> State {
        State { file: Arc::clone(file), work: None }
    }

    fn process(&self, state: &mut State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let work = match &mut state.work {
            Some(work) => work,
            None => state.work.insert(self.begin(&state.file, chunk)?),
        };
        while work.next < work.rows.count() {
            if out.is_full() {
                return Ok(Progress::More);
            }
            let (range, found) = fit(&work.rows, &mut work.clock, work.reading.as_mut(), work.next, work.head);
            let span = work.rows.span(work.span, &range);
            chunk.payload.advance(work.rows.begin(range.end) - work.rows.begin(range.start));
            work.next = range.end;
            let stream = write(&work.before, &state.file, span, &work.rows, range, &found);
            out.push(Product::new(stream.into()).lines(span));
        }
        let (LineSpan { first_line, first_part, rows }, bytes) = (work.span, work.rows.bytes() as u64);
        out.event(Event::Passed { first_line, first_part, rows, bytes, channel: chunk.channel.clone() });
        Ok(Progress::Done)
    }

    fn finish(&self, _: State, end: End, _: &mut Out) -> Result<Outcome, Reject> {
        Ok(end.outcome())
    }
}

impl Splitter {
    /// Sees that the chunk is text and holds what it says.
    fn begin(&self, file: &FileMeta, chunk: &Chunk) -> Result<Work, Reject> {
        let malformed = |why: String| Reject::new(RejectReason::Malformed, why).carrying(&chunk.payload);
        let Some(span) = chunk.span else {
            return Err(malformed("a chunk of text without its lines".into()));
        };
        let malformed = |why: String| malformed(why).lines(span);
        if simdutf8::basic::from_utf8(&chunk.payload).is_err() {
            return Err(malformed("a chunk of text that is not UTF-8".into()));
        }
        let mut rows = Rows::new(Bytes::clone(&chunk.payload), span.rows);
        let count = rows.units() as u64;
        if count != span.rows || span.first_line.checked_add(count).is_none() {
            let LineSpan { first_line, rows: told, .. } = span;
            return Err(malformed(format!(
                "a chunk of {count} rows that says it has {told} from line {first_line} on"
            )));
        }
        let Some(zone) = file.plan.zone() else {
            let name = file.plan.zone_name.as_deref().unwrap_or_default();
            return Err(malformed(format!("times of the zone {name:?}, which this program does not know")));
        };
        if let Some(start) = RecordStart::of(&file.plan) {
            rows.join(&start, file.plan.line_bytes as usize);
        }
        let channel = chunk.channel.as_deref().unwrap_or_default();
        let before = stream::before_batch(&self.schema, [&file.cluster, &file.path, &file.app, channel]);
        let head = before.len() + CHANNEL_BYTES.saturating_sub(padded(channel.len()));
        let reading = Reading::of(file, zone.clone(), chunk, span);
        let modified_ms = i64::try_from(file.modified_ms).unwrap_or(i64::MAX);
        let clock = Clock::new(modified_ms, zone);
        Ok(Work { rows, span, clock, reading, before, head, next: 0 })
    }
}
