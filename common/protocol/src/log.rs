//! What a machine asks of a transactional log, and what it hears back.

use logmill_core::Offset;
use logmill_core::wire::Record;
use std::fmt;
use std::sync::Arc;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    pub topic: Arc<str>,
    pub index: i32,
}

impl Partition {
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, index: i32) -> Self {
        Self { topic: topic.into(), index }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.index)
    }
}

/// A group's committed offset of one partition, with its metadata: the only thing that outlives a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub offset: Offset,
    /// At most 4,096 bytes on a broker with default settings.
    pub metadata: String,
}

/// A record that was read: visible, that is, committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub partition: Partition,
    pub offset: Offset,
    /// The broker's or producer's timestamp, ms since 1970.
    pub timestamp_ms: i64,
    pub record: Record,
}

/// A record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub partition: Partition,
    pub record: Record,
}

/// A type without values: for machines that need nothing beyond the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

/// What a machine wants done next. One at a time; its answer is the next [`Event`]. `X` is what a machine asks of
/// something other than the log (the loader: an INSERT; the fetcher: bytes of a file).
#[derive(Clone, Debug, PartialEq)]
pub enum Action<X = Never> {
    /// Wait a little for a record or a change of assignment. Answer: `Record`, `Nothing`, `Assigned`, `Revoked`, `Idle`,
    /// `Stop`.
    Poll,
    /// Read the group's committed offsets, waiting a little for pending transactions to end. Answer: `Positions`, or `Idle`
    /// while one has not ended: a poll is due, which tells of the group and of a stop, before they are asked for again.
    Read(Vec<Partition>),
    /// Fetch these partitions, each from its offset; replaces what was fetched before. Answer: `Done`.
    Assign(Vec<(Partition, Offset)>),
    /// Give up all partitions (after `Revoked`). The group waits for this. Answer: `Done`.
    Release,
    /// Answer: `Done`.
    Begin,
    /// Put a record into the open transaction. `Done` says that it is queued, not that it arrived.
    Send(Outgoing),
    /// Send these offsets to the open transaction under the group metadata *of the assignment*, wait until all records
    /// have arrived, commit. Answer: `Done` only when the broker said so.
    Commit(Vec<(Partition, Committed)>),
    /// Abort the open transaction. `Done` when nothing was in flight; else the driver makes a new producer first (rule 4).
    Abort,
    /// Make a new producer of the same `transactional.id` and initialise it: fences the older, ends its transaction.
    Renew,
    /// Not the log's business.
    Other(X),
    /// The machine has ended; why, for people. `Ok` after `Stop`, or where all is done.
    Exit(Result<(), String>),
}

/// What happened. Answers the last [`Action`], always.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<Y = Never> {
    /// The first event: producer and consumer are there and initialised, nothing is assigned.
    Start,
    Idle,
    Record(Incoming),
    /// From `from` up to `to` the partition has no visible record, and never will: markers of transactions, and what was
    /// aborted. All records below `to` were told before. Who would stay before them could not go on once retention has
    /// deleted them, though it lost nothing.
    Nothing {
        partition: Partition,
        from: Offset,
        to: Offset,
    },
    /// The group gave these partitions, all that are this member's now. The driver has kept the group metadata.
    Assigned(Vec<Partition>),
    /// All partitions are taken away. Nothing may be sent or committed for them any more.
    Revoked,
    Positions(Vec<(Partition, Option<Committed>)>),
    Done,
    Failed(Failure),
    /// The process was asked to stop (answers `Poll`).
    Stop,
    Other(Y),
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The transaction has to be aborted; then things can go on. Also: stale group metadata.
    Abort(String),
    /// Another producer of this `transactional.id` has taken over, or the transaction outlived its time-out.
    Fenced(String),
    /// The outcome is unknown (a time-out of a commit). Treated as a failed producer: renew, read positions anew.
    Unknown(String),
    /// Nothing helps but an operator.
    Fatal(String),
}

/// A machine: told what happened, says what to do.
pub trait Machine {
    /// What it asks beyond the log.
    type Ask;
    /// What it hears beyond the log.
    type Answer;
    /// `now_ms`: any clock that does not go back.
    fn step(&mut self, now_ms: u64, event: Event<Self::Answer>) -> Action<Self::Ask>;
}

/// Why nobody begins at a partition of which nothing is committed: what was done before would be done again.
pub(crate) fn nothing_committed(partition: &Partition) -> String {
    format!(
        "{partition} has no committed offset: the chain was never set up for this group, or its offsets expired; \
         `logmill topics apply` sets up what is new and refuses what was lost"
    )
}
