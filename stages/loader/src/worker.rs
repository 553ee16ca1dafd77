//! A worker: one thread that drives the machine between Kafka and the database. INSERTs run beside it, so that Kafka is
//! polled whatever the database does.

use crate::metrics::Metrics;
use crate::sink::Sink;
use logmill_protocol::load::{Answer, Ask, Content, Insert, Loads, Verdict, Wait};
use logmill_protocol::{Action, Event};
use logmill_runner::{Clock, Trouble};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// A transactional log as the machine uses it.
pub trait Log {
    /// Does what is asked and says what came of it. Never called with `Other` or `Exit`.
    fn perform(&mut self, action: Action<Ask>) -> Event<Answer>;
}

impl Log for logmill_kafka::Client {
    fn perform(&mut self, action: Action<Ask>) -> Event<Answer> {
        logmill_kafka::Client::perform(self, action)
    }
}

/// What a worker works with.
pub struct Worker<L, M> {
    log: L,
    machine: M,
    sink: Sink,
    io: Handle,
    metrics: Metrics,
    answers: (Sender<Answer>, Receiver<Answer>),
    /// When each wait was last spoken of.
    said: HashMap<String, Instant>,
    /// What the gauges, which all workers share, have of this one.
    counted: (i64, i64),
}

/// How often a wait that goes on is spoken of.
const SAY: Duration = Duration::from_secs(10);

impl<L: Log, M: Loads> Worker<L, M> {
    #[must_use]
    pub fn new(log: L, machine: M, sink: Sink, io: Handle, metrics: Metrics) -> Self {
        Self { log, machine, sink, io, metrics, answers: channel(), said: HashMap::new(), counted: (0, 0) }
    }

    /// Runs until the log says to stop, or `look` has seen enough, which is shown every event with what the worker makes of it.
    ///
    /// # Errors
    /// What no restart within the process helps against, or what `look` says.
    pub fn run(
        mut self,
        mut look: impl FnMut(&L, &mut M, &Event<Answer>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        // The time of day: events are dated by it.
        let clock = Clock::start();
        let mut event = Event::Start;
        loop {
            look(&self.log, &mut self.machine, &event)?;
            let now_ms = clock.now_ms();
            event = match self.machine.step(now_ms, event) {
                Action::Exit(why) => return why.map_err(Trouble::Hopeless),
                Action::Other(Ask::Insert(insert)) => {
                    self.spawn(*insert);
                    Event::Done
                }
                Action::Poll => {
                    self.show(now_ms);
                    match self.answers.1.try_recv() {
                        Ok(answer) => Event::Other(answer),
                        Err(_) => self.log.perform(Action::Poll),
                    }
                }
                action => self.log.perform(action),
            };
        }
    }

    fn spawn(&self, insert: Insert) {
        let (sink, metrics, answers) = (self.sink.clone(), self.metrics.clone(), self.answers.0.clone());
        self.io.spawn(async move {
            let begun = Instant::now();
            let ticket = insert.ticket;
            // A panic is a bug, but the machine must not wait for ever: it is answered by the same INSERT again.
            let task = tokio::spawn(async move {
                let verdict = sink.perform(&insert).await;
                if matches!(verdict, Verdict::Loaded { .. }) && insert.content == Content::Rows {
                    logmill_faults::at("inserted");
                }
                metrics.tried(&insert, &verdict, begun.elapsed());
                verdict
            });
            let verdict = task.await.unwrap_or_else(|e| Verdict::Again(format!("the INSERT broke off: {e}")));
            // The worker may have ended.
            let _ = answers.send(Answer { ticket, verdict });
        });
    }

    /// Metrics, and the waits that go on, said at intervals.
    fn show(&mut self, now_ms: u64) {
        let waits = self.machine.waits();
        let counts = (waits.len() as i64, self.machine.buffered() as i64);
        self.metrics.waiting.inc_by(counts.0 - self.counted.0);
        self.metrics.buffered.inc_by(counts.1 - self.counted.1);
        self.counted = counts;
        self.said.retain(|partition, _| waits.iter().any(|wait| wait.partition.to_string() == *partition));
        for Wait { partition, from, to, since_ms, attempts, why } in waits {
            let name = partition.to_string();
            if self.said.get(&name).is_some_and(|last| last.elapsed() < SAY) {
                continue;
            }
            self.said.insert(name, Instant::now());
            let seconds = now_ms.saturating_sub(since_ms) / 1_000;
            let url = self.sink.url(&partition.topic);
            tracing::warn!(%partition, %from, %to, attempts, seconds, url, %why, "waiting for ClickHouse");
        }
    }
}

impl<L, M> Drop for Worker<L, M> {
    /// What it had is another worker's to show.
    fn drop(&mut self) {
        self.metrics.waiting.dec_by(self.counted.0);
        self.metrics.buffered.dec_by(self.counted.1);
    }
}
