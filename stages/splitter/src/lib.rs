//! The splitter: a chunk of text to rows, as Arrow IPC streams.
//!
//! Every line, or part of a line that was too long, is a row, whether anything was recognised in it or not. Each product
//! is one whole Arrow stream (schema, dictionaries, one batch, end) that fits in a message of Kafka's default limits,
//! with the span of its rows; a chunk gives as many as it needs.

mod batch;
mod level;
mod schema;
mod time;

pub use schema::schema;

use arrow_schema::SchemaRef;
use batch::Batch;
use bytes::{Buf, Bytes};
use logmill_core::{
    Chunk, End, Event, FileMeta, Flow, LineSpan, Out, Outcome, Product, Progress, Reject, RejectReason, Stage,
};
use std::sync::Arc;

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
    /// The chunk's whole span and bytes, once it is known to be what it says. From then on the chunk's own span and
    /// payload are what is left of it.
    whole: Option<(LineSpan, u64)>,
}

impl Stage for Splitter {
    type State = State;
    const NAME: &'static str = "splitter";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;

    fn open(&self, file: &Arc<FileMeta>) -> State {
        State { file: Arc::clone(file), whole: None }
    }

    fn process(&self, state: &mut State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let (whole, bytes) = match state.whole {
            Some(whole) => whole,
            None => *state.whole.insert((check(chunk)?, chunk.payload.len() as u64)),
        };
        let channel = chunk.channel.clone().unwrap_or_default();
        let mut left = chunk.span.unwrap_or(whole);
        while !chunk.payload.is_empty() {
            if out.is_full() {
                return Ok(Progress::More);
            }
            let mut batch = Batch::new(&state.file, &channel, left);
            let used = batch.fill(&chunk.payload);
            let rows = batch.rows();
            out.push(Product::new(Bytes::from(batch.finish(&self.schema))).lines(LineSpan { rows, ..left }));
            chunk.payload.advance(used);
            left = LineSpan { first_line: left.first_line + rows, first_part: 0, rows: left.rows - rows };
            chunk.span = Some(left);
        }
        let LineSpan { first_line, first_part, rows } = whole;
        out.event(Event::Passed { first_line, first_part, rows, bytes, channel: chunk.channel.clone() });
        Ok(Progress::Done)
    }

    fn finish(&self, _: State, end: End, _: &mut Out) -> Result<Outcome, Reject> {
        Ok(end.outcome())
    }
}

/// The chunk's span, if the chunk is text that holds what it says.
fn check(chunk: &Chunk) -> Result<LineSpan, Reject> {
    let malformed = |why: String| Reject::new(RejectReason::Malformed, why).carrying(&chunk.payload);
    let Some(span) = chunk.span else {
        return Err(malformed("a chunk of text without its lines".into()));
    };
    let malformed = |why: String| malformed(why).lines(span);
    if simdutf8::basic::from_utf8(&chunk.payload).is_err() {
        return Err(malformed("a chunk of text that is not UTF-8".into()));
    }
    let ends = memchr::memchr_iter(b'\n', &chunk.payload).count() as u64;
    let rows = ends + u64::from(chunk.payload.last().is_some_and(|b| *b != b'\n'));
    if rows != span.rows || span.first_line.checked_add(rows).is_none() {
        return Err(malformed(format!(
            "a chunk of {rows} rows that says it has {} from {}",
            span.rows, span.first_line
        )));
    }
    Ok(span)
}
