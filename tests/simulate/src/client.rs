//! A worker as the simulated broker sees it: the machine, the action that is under way, what is in flight.

use crate::broker::Request;
use logmill_core::Offset;
use logmill_core::Stage;
use logmill_protocol::worker::{Position, Snapshot, StageWorker};
use logmill_protocol::{Action, Committed, Event, Incoming, Machine, Partition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A stage's worker, whatever its stage.
pub trait Driven {
    fn step(&mut self, now_ms: u64, event: Event) -> Action;
    fn snapshot(&self) -> Snapshot;
}

impl<S: Stage> Driven for StageWorker<S> {
    fn step(&mut self, now_ms: u64, event: Event) -> Action {
        Machine::step(self, now_ms, event)
    }

    fn snapshot(&self) -> Snapshot {
        StageWorker::snapshot(self)
    }
}

/// One process.
pub struct Client {
    /// Its member id: never used twice.
    pub member: u32,
    pub hop: usize,
    pub slot: u32,
    pub id: String,
    pub machine: Box<dyn Driven>,
    pub killed: Arc<AtomicBool>,
    pub doing: Doing,
    pub epoch: u32,
    /// The generation of the assignment that it was told, while it holds one.
    pub generation: Option<u32>,
    pub positions: BTreeMap<Partition, Offset>,
    /// H of each partition as this process last read or committed it.
    pub next: BTreeMap<Partition, Offset>,
    /// Partitions with records at or after H that it was given since they were read; whether since the last commit.
    pub taken: BTreeMap<Partition, bool>,
    /// Records that are queued, not yet sent.
    pub in_flight: Vec<Request>,
    /// It neither moves nor polls until this step.
    pub paused_until: u64,
    pub stop: bool,
    /// The next answer gets lost.
    pub lose_answer: bool,
}

impl Client {
    /// The positions are read: what was taken before counts no more.
    pub fn read(&mut self, positions: &[(Partition, Option<Committed>)]) {
        let next = |committed: &Committed| Position::decode(committed).map_or(committed.offset, |p| p.next);
        self.next = positions.iter().filter_map(|(p, c)| Some((p.clone(), next(c.as_ref()?)))).collect();
        self.taken.clear();
    }

    pub fn took(&mut self, incoming: &Incoming) {
        if self.next.get(&incoming.partition).is_some_and(|next| incoming.offset >= *next) {
            self.taken.insert(incoming.partition.clone(), true);
        }
    }

    /// What a transaction with these offsets would break: it has to have those of every partition that its outputs came
    /// from, and none of a partition that is silent.
    #[must_use]
    pub fn breach(&self, offsets: &[(Partition, Committed)]) -> Option<String> {
        let mut since = self.taken.iter().filter(|(_, since_commit)| **since_commit);
        if let Some((missing, _)) = since.find(|(taken, _)| offsets.iter().all(|(p, _)| p != *taken)) {
            return Some(format!("a transaction without the offsets of {missing}, of which it has taken records"));
        }
        let silent = offsets.iter().find(|(p, _)| !self.taken.contains_key(p));
        silent.map(|(p, _)| format!("a transaction with the offsets of {p}, of which nothing was taken"))
    }

    pub fn has_committed(&mut self, offsets: &[(Partition, Committed)]) {
        for (partition, committed) in offsets {
            let position = Position::decode(committed).expect("only machines commit");
            self.next.insert(partition.clone(), position.next);
            self.taken.insert(partition.clone(), false);
        }
    }
}

/// What a process is doing.
#[derive(Debug)]
pub enum Doing {
    /// Initialising its producer; the epoch that it was given. Then this event is told.
    Initialising(Option<u32>, Event),
    /// About to tell its machine.
    Telling(Event),
    /// Performing; for a commit, how far.
    Performing(Action, u8),
}
