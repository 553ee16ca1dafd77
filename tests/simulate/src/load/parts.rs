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

/// (file, line): one row.
pub type Row = (u128, u64);

/// One visible record of a partition.
pub struct Entry {
    pub incoming: Incoming,
    pub rows: Vec<Row>,
    pub malformed: bool,
}

pub struct Request {
    /// Who waits, and under which ticket; a doubled one has nobody.
    pub waiter: Option<(u64, u64)>,
    pub id: String,
    pub rows: Vec<Row>,
    pub state: Running,
}

pub enum Running {
    /// On the network.
    Sent,
    /// In the list of running queries; nothing is evaluated.
    Listed,
    /// The anti-join was evaluated; what is still to be written, by table partition.
    Writing([Vec<Row>; 2]),
}

pub struct Process {
    /// Unique to each start.
    pub uid: u64,
    pub machine: Loader,
    pub action: Action<Ask>,
    /// The generation and partitions of its assignment.
    pub generation: u64,
    pub holds: Vec<Partition>,
    pub producer: u64,
    pub cursors: BTreeMap<Partition, Offset>,
    /// Has to be told of the loss before it is told of anything new.
    pub revoke: bool,
    /// It does nothing before this step.
    pub paused_until: u64,
    pub assign: bool,
    pub answers: Vec<Answer>,
    pub sends: Vec<Record>,
}

/// A commit that may arrive after its sender's death.
pub struct Late {
    pub slot: usize,
    pub generation: u64,
    pub producer: u64,
    pub offsets: Vec<(Partition, Committed)>,
    pub sends: Vec<Record>,
}
