//! What the simulated world consists of.

use crate::database::{InsertRules, Row};
use logmill_core::Offset;
use logmill_core::wire::Record;
use logmill_protocol::load::{Ask, Loader};
use logmill_protocol::{Action, Committed, Incoming, Partition};
use std::collections::BTreeMap;

/// What holds; each is turned off by one test.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub id_without_epoch: bool,
    pub fenced_commits: bool,
    pub intent: bool,
    pub insert: InsertRules,
}

impl Default for Rules {
    fn default() -> Self {
        Self { id_without_epoch: true, fenced_commits: true, intent: true, insert: InsertRules::default() }
    }
}

/// One visible record of a partition.
pub struct Entry {
    pub incoming: Incoming,
    pub rows: Vec<Row>,
    pub malformed: bool,
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
