//! What every part of logmill speaks: files, chunks, plans, stages.
//!
//! **Invariant:** nothing here knows Kafka, ClickHouse, clocks, sockets or threads. A stage that depends on this
//! crate alone is a pure transformation; the runner (another crate) gives it exactly-once.

pub mod event;
pub mod file;
pub mod id;
pub mod memory;
pub mod packed;
pub mod record;
pub mod stage;
pub mod wire;

pub use event::{Event, Reject, RejectReason};
pub use file::{FileMeta, Header, Plan};
pub use id::{ByteCount, FileId, LineNumber, Load, Offset, Seq};
pub use record::RecordStart;
pub use stage::{Barred, Chunk, End, Flow, Lags, LineSpan, Out, Outcome, Output, Product, Progress, Stage, Then};
