//! What the simulated world consists of.

use logmill_core::Offset;
use logmill_core::wire::Record;
use logmill_protocol::load::{Answer, Ask, Loader};
use logmill_protocol::{Action, Committed, Incoming, Partition};
use std::collections::BTreeMap;

/// What holds; each is turned off by one test.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub anti_join: bool,
    pub id_without_epoch: bool,
    pub fenced_commits: bool,
    pub intent: bool,
    pub wait_while_busy: bool,
    pub unknown_is_again: bool,
    pub row_by_row: bool,
    pub durable: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            anti_join: true,
            id_without_epoch: true,
            fenced_commits: true,
            intent: true,
            wait_while_busy: true,
            unknown_is_again: true,
            row_by_row: true,
            durable: true,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Coverage {
    /// Assignments that found an intent.
    pub takeovers: u64,
    /// INSERTs refused because one of the same id ran.
    pub busy: u64,
    /// INSERTs that arrived when nobody waited for them any more.
    pub late: u64,
    /// INSERTs that died with only a part of their rows visible.
    pub partial: u64,
    /// INSERTs refused for their data.
    pub refused: u64,
    /// Commits refused because their generation or producer was over.
    pub stale_commits: u64,
}

impl Coverage {
    pub fn add(&mut self, other: &Self) {
        self.takeovers += other.takeovers;
        self.busy += other.busy;
        self.late += other.late;
        self.partial += other.partial;
        self.refused += other.refused;
        self.stale_commits += other.stale_commits;
    }
}

pub struct Failure {
    pub what: String,
    pub steps: u64,
    pub trace: Vec<String>,
}

/// (file, line): one row.
pub(crate) type Row = (u128, u64);

/// One visible record of a partition.
pub(crate) struct Entry {
    pub(crate) incoming: Incoming,
    pub(crate) rows: Vec<Row>,
    pub(crate) malformed: bool,
}

pub(crate) struct Request {
    /// Who waits, and under which ticket; a doubled one has nobody.
    pub(crate) waiter: Option<(u64, u64)>,
    pub(crate) id: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) state: Running,
}

pub(crate) enum Running {
    /// On the network.
    Sent,
    /// In the list of running queries; nothing is evaluated.
    Listed,
    /// The anti-join was evaluated; what is still to be written, by table partition.
    Writing([Vec<Row>; 2]),
}

pub(crate) struct Process {
    /// Unique to each start.
    pub(crate) uid: u64,
    pub(crate) machine: Loader,
    pub(crate) action: Action<Ask>,
    /// The generation and partitions of its assignment.
    pub(crate) generation: u64,
    pub(crate) holds: Vec<Partition>,
    pub(crate) producer: u64,
    pub(crate) cursors: BTreeMap<Partition, Offset>,
    /// Has to be told of the loss before it is told of anything new.
    pub(crate) revoke: bool,
    pub(crate) assign: bool,
    pub(crate) answers: Vec<Answer>,
    pub(crate) sends: Vec<Record>,
}

/// A commit that may arrive after its sender's death.
pub(crate) struct Late {
    pub(crate) slot: usize,
    pub(crate) generation: u64,
    pub(crate) producer: u64,
    pub(crate) offsets: Vec<(Partition, Committed)>,
    pub(crate) sends: Vec<Record>,
}
