//! A stage's worker: the machine, its process, and what its transactions have to have.

use crate::net::Session;
use logmill_core::Offset;
use logmill_core::Stage;
use logmill_protocol::worker::{Position, Snapshot, StageWorker};
use logmill_protocol::{Action, Committed, Event, Incoming, Machine, Never, Partition};
use std::collections::BTreeMap;
use std::fmt;
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
    pub session: Session<Never, Never>,
    pub hop: usize,
    pub slot: u32,
    pub machine: Box<dyn Driven>,
    /// Set by a stage that kills its worker.
    pub killed: Arc<AtomicBool>,
    /// H of each partition as this process last read or committed it.
    next: BTreeMap<Partition, Offset>,
    /// Partitions with records at or after H that it was given since they were read; whether since the last commit.
    taken: BTreeMap<Partition, bool>,
    /// What it is committing.
    commits: Option<Vec<(Partition, Committed)>>,
}

impl Client {
    #[must_use]
    pub fn new(
        session: Session<Never, Never>,
        hop: usize,
        slot: u32,
        machine: Box<dyn Driven>,
        killed: Arc<AtomicBool>,
    ) -> Self {
        let (next, taken) = (BTreeMap::new(), BTreeMap::new());
        Self { session, hop, slot, machine, killed, next, taken, commits: None }
    }

    /// Notes what the machine is told.
    pub fn hears(&mut self, event: &Event) {
        let commits = self.commits.take();
        match event {
            // What was taken before counts no more.
            Event::Positions(positions) => {
                let next = |committed: &Committed| Position::decode(committed).map_or(committed.offset, |p| p.next);
                self.next = positions.iter().filter_map(|(p, c)| Some((p.clone(), next(c.as_ref()?)))).collect();
                self.taken.clear();
            }
            Event::Record(Incoming { partition, offset, .. })
                if self.next.get(partition).is_some_and(|n| offset >= n) =>
            {
                self.taken.insert(partition.clone(), true);
            }
            // What nobody sees may be gone past, and need not be.
            Event::Nothing { partition, to, .. } if self.next.get(partition).is_some_and(|n| to > n) => {
                self.taken.entry(partition.clone()).or_insert(false);
            }
            Event::Done => {
                for (partition, committed) in commits.into_iter().flatten() {
                    let position = Position::decode(&committed).expect("only machines commit");
                    self.next.insert(partition.clone(), position.next);
                    self.taken.insert(partition, false);
                }
            }
            _ => {}
        }
    }

    /// What the action would break, if it is a commit: it has to have the offsets of every partition that its outputs
    /// came from, and none of a partition that is silent.
    pub fn asks(&mut self, action: &Action) -> Option<String> {
        let Action::Commit(offsets) = action else { return None };
        self.commits = Some(offsets.clone());
        let mut since = self.taken.iter().filter(|(_, since_commit)| **since_commit);
        if let Some((missing, _)) = since.find(|(taken, _)| offsets.iter().all(|(p, _)| p != *taken)) {
            return Some(format!("a transaction without the offsets of {missing}, of which it has taken records"));
        }
        let silent = offsets.iter().find(|(p, _)| !self.taken.contains_key(p));
        silent.map(|(p, _)| format!("a transaction with the offsets of {p}, of which nothing was taken"))
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {:?}", self.hop, self.session.member, self.session.doing)
    }
}
