//! Exactly once, as state machines without I/O: an event in, an action out, strictly in turn. rdkafka performs the
//! actions in production, a simulated transactional log performs them in tests; the machines are the same code.
//!
//! **Invariant:** nothing here knows rdkafka, ClickHouse, clocks, sockets or threads. Time comes in as a number.

pub mod fetch;
pub mod ingest;
pub mod load;
pub mod log;
mod notes;
pub mod worker;

pub use notes::{ChannelNote, Pausable, PauseNote, Pauses};

pub use log::{Action, Committed, Event, Failure, Incoming, Machine, Never, Outgoing, Partition};
