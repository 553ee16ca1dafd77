//! A worker as the simulated broker sees it: the machine, the action that is under way, what is in flight.

use crate::broker::Request;
use logmill_core::Offset;
use logmill_core::Stage;
use logmill_protocol::worker::{Snapshot, StageWorker};
use logmill_protocol::{Action, Event, Machine, Partition};
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
    /// Records that are queued, not yet sent.
    pub in_flight: Vec<Request>,
    /// It neither moves nor polls until this step.
    pub paused_until: u64,
    pub stop: bool,
    /// The next answer gets lost.
    pub lose_answer: bool,
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
