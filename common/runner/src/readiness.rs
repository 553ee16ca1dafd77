//! Whether a process does what it is for: all of its workers do.

use logmill_protocol::{Event, Failure};
use logmill_telemetry::Telemetry;
use std::sync::{Mutex, PoisonError};

/// What the workers of a process say together. It depends on the log alone: a store or a database that does not answer
/// makes no process unready, as it goes on with others, and by itself later.
pub struct Readiness<'a> {
    telemetry: &'a Telemetry,
    workers: u32,
    /// How many of them work.
    working: Mutex<u32>,
}

impl<'a> Readiness<'a> {
    /// Of `workers` workers, none of which works yet.
    #[must_use]
    pub fn new(telemetry: &'a Telemetry, workers: u32) -> Self {
        telemetry.ready(false);
        Self { telemetry, workers, working: Mutex::new(0) }
    }

    /// One life of the worker of that name, which does not work yet.
    #[must_use]
    pub fn life(&self, worker: &str) -> Life<'_> {
        Life { all: self, worker: worker.to_owned(), works: false }
    }

    fn change(&self, change: impl FnOnce(&mut u32)) {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut working);
        self.telemetry.ready(*working == self.workers);
    }
}

/// What may have fenced a producer, and what an operator can look at.
const FENCED: &str = "another process uses that id (is worker.slot unique?), or a transaction took longer than \
    transaction.timeout, or this process was stopped for so long";

/// One life of a worker. When it ends, by a panic too, the worker does not work.
pub struct Life<'a> {
    all: &'a Readiness<'a>,
    worker: String,
    works: bool,
}

impl Life<'_> {
    /// Has to be told of every event of the worker's machine: it works while it has its share of the partitions, be that
    /// none, and has read where it stands in them. Logs what changes and what fails.
    pub fn sees<A>(&mut self, event: &Event<A>) {
        let worker = self.worker.as_str();
        match event {
            Event::Assigned(partitions) => {
                tracing::info!(worker, partitions = partitions.len(), "assigned");
                self.set(partitions.is_empty());
            }
            Event::Positions(_) => self.set(true),
            Event::Revoked => {
                tracing::info!(worker, "revoked");
                self.set(false);
            }
            Event::Failed(Failure::Fenced(why)) => {
                tracing::warn!(worker, "going on from what is committed: {why}; {FENCED}");
            }
            Event::Failed(failure) => tracing::warn!(worker, ?failure, "going on from what is committed"),
            _ => {}
        }
    }

    fn set(&mut self, works: bool) {
        if works != self.works {
            self.works = works;
            self.all.change(|working| if works { *working += 1 } else { *working -= 1 });
        }
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_protocol::{Never, Partition};
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};

    fn says_ready(probes: SocketAddr) -> bool {
        let mut probe = TcpStream::connect(probes).expect("the probes are served");
        probe.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").expect("a request");
        let mut answer = String::new();
        probe.read_to_string(&mut answer).expect("an answer");
        answer.lines().next().is_some_and(|status| status.contains(" 200 "))
    }

    const SOME: fn() -> Event<Never> = || Event::Assigned(vec![Partition::new("t", 0)]);
    const NONE: fn() -> Event<Never> = || Event::Assigned(Vec::new());
    const POSITIONS: fn() -> Event<Never> = || Event::Positions(Vec::new());
    const REVOKED: fn() -> Event<Never> = || Event::Revoked;

    #[test]
    fn a_process_is_ready_when_the_last_of_its_workers_knows_where_it_stands() {
        let telemetry = Telemetry::new();
        let probes = telemetry.serve("127.0.0.1:0").expect("a free port");
        let all = Readiness::new(&telemetry, 2);
        let (mut one, mut idle) = (all.life("one"), all.life("idle"));
        for (event, ready) in [(SOME, false), (POSITIONS, false)] {
            one.sees(&event());
            assert_eq!(says_ready(probes), ready);
        }
        // The group has no partition for the other one.
        idle.sees(&NONE());
        assert!(says_ready(probes));
        for (event, ready) in [(REVOKED, false), (SOME, false), (POSITIONS, true), (POSITIONS, true)] {
            one.sees(&event());
            assert_eq!(says_ready(probes), ready);
        }
        drop(one);
        assert!(!says_ready(probes), "a worker's life has ended");
    }
}
