//! A worker: one thread that drives the fetch machine between the log and the stores.

use crate::listers::Listers;
use crate::metrics::Metrics;
use crate::source::Source;
use logmill_protocol::fetch::{Answer, Ask, Fetch};
use logmill_protocol::{Action, Event, Failure, Machine};
use logmill_runner::Trouble;
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
    pub counted: Counted,
}

/// What the gauges, which all workers share, have of one worker; they lose it when the worker goes.
pub struct Counted {
    metrics: Metrics,
    open: i64,
    waiting: i64,
}

impl Counted {
    /// Nothing yet.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, open: 0, waiting: 0 }
    }

    fn set(&mut self, open: i64, waiting: i64) {
        self.metrics.open.inc_by(open - self.open);
        self.metrics.waiting.inc_by(waiting - self.waiting);
        (self.open, self.waiting) = (open, waiting);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.set(0, 0);
    }
}

impl<L: Log> Worker<L> {
    /// Runs until the log says to stop; `look` is shown every event before the machine is.
    ///
    /// # Errors
    /// The machine gave up, a coroutine panicked, or a lister panicked too often.
    pub fn run(mut self, mut look: impl FnMut(&Event<Answer>)) -> Result<(), Trouble> {
        let mut event = Event::Start;
        loop {
            look(&event);
            if let Some(why) = self.listers.failed() {
                return Err(Trouble::Hopeless(why));
            }
            // A machine that gives up over a failure has tried for long; one that gives up over anything else has found
            // something that a repetition finds again.
            let helps = matches!(&event, Event::Failed(failure) if !matches!(failure, Failure::Fatal(_)));
            event = match self.machine.step(now_ms(), event) {
                Action::Other(ask) => {
                    let answer = self.source.answer(ask).map_err(|why| Trouble::Again(why.to_string()))?;
                    Event::Other(answer)
                }
                Action::Exit(Ok(())) => return Ok(()),
                Action::Exit(Err(why)) if helps => return Err(Trouble::Again(why)),
                Action::Exit(Err(why)) => return Err(Trouble::Hopeless(why)),
                action => self.perform(action),
            };
            self.counted.set(self.machine.open_files() as i64, self.machine.waiting_tasks() as i64);
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
