//! A worker: one thread that drives the fetch machine between the log and the stores.

use crate::listers::Listers;
use crate::metrics::Metrics;
use crate::source::Source;
use logmill_protocol::fetch::{Ask, Fetch};
use logmill_protocol::{Action, Event, Machine};
use std::time::{SystemTime, UNIX_EPOCH};

/// A transactional log as a machine uses it.
pub trait Log {
    /// Does what is asked and says what came of it. Never called with `Other` or `Exit`.
    fn perform(&mut self, action: Action) -> Event;
}

/// What a worker works with.
pub struct Worker<L> {
    pub log: L,
    pub machine: Fetch,
    pub source: Source,
    /// Told what is assigned to this worker.
    pub listers: Listers,
    pub metrics: Metrics,
}

impl<L: Log> Worker<L> {
    /// Runs until the log says to stop; calls `beat` at every step.
    ///
    /// # Errors
    /// What no restart within the process helps against, for people.
    pub fn run(mut self, mut beat: impl FnMut()) -> Result<(), String> {
        let mut event = Event::Start;
        let mut counted = (0, 0);
        loop {
            beat();
            let action = self.machine.step(now_ms(), event);
            event = match action {
                Action::Other(ask) => Event::Other(self.source.answer(ask)),
                Action::Exit(why) => return why,
                action => self.perform(action),
            };
            let open = (self.machine.open_files() as i64, self.machine.waiting_tasks() as i64);
            self.metrics.open.inc_by(open.0 - counted.0);
            self.metrics.waiting.inc_by(open.1 - counted.1);
            counted = open;
        }
    }

    fn perform(&mut self, action: Action<Ask>) -> Event<logmill_protocol::fetch::Answer> {
        let event = lift(self.log.perform(lower(action)));
        match &event {
            Event::Assigned(partitions) => self.listers.assigned(partitions),
            Event::Revoked => self.listers.assigned(&[]),
            _ => {}
        }
        event
    }
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The same action for a log, which knows no asks.
pub(crate) fn lower<X>(action: Action<X>) -> Action {
    match action {
        Action::Poll => Action::Poll,
        Action::Read(partitions) => Action::Read(partitions),
        Action::Assign(offsets) => Action::Assign(offsets),
        Action::Release => Action::Release,
        Action::Begin => Action::Begin,
        Action::Send(outgoing) => Action::Send(outgoing),
        Action::Commit(positions) => Action::Commit(positions),
        Action::Abort => Action::Abort,
        Action::Renew => Action::Renew,
        Action::Other(_) | Action::Exit(_) => unreachable!("a driver answers these itself"),
    }
}

/// What a log says, for a machine that hears others too.
pub(crate) fn lift<Y>(event: Event) -> Event<Y> {
    match event {
        Event::Start => Event::Start,
        Event::Idle => Event::Idle,
        Event::Record(incoming) => Event::Record(incoming),
        Event::Assigned(partitions) => Event::Assigned(partitions),
        Event::Revoked => Event::Revoked,
        Event::Positions(positions) => Event::Positions(positions),
        Event::Done => Event::Done,
        Event::Failed(failure) => Event::Failed(failure),
        Event::Stop => Event::Stop,
        Event::Other(never) => match never {},
    }
}
