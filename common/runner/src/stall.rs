//! A worker that stands still gives its partitions up: another connection, or another worker, may get further.
//!
//! One that hangs within a stage cannot do that; it no longer polls, and the group takes its partitions away after
//! `max.poll.interval.ms`, which is set to the same time.

use logmill_protocol::worker::Snapshot;
use std::time::{Duration, Instant};

/// Watches one worker.
pub(crate) struct Stall {
    patience: Duration,
    /// What moves when the worker gets on, and when it last did.
    progress: (u64, u64, i64),
    since: Instant,
}

impl Stall {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, progress: (0, 0, 0), since: Instant::now() }
    }

    /// It did not stand still after all: the time begins anew.
    pub(crate) fn rest(&mut self) {
        self.since = Instant::now();
    }

    /// How long nothing has moved though `lag` records wait, if that is too long.
    pub(crate) fn look(&mut self, snapshot: &Snapshot, lag: i64) -> Option<Duration> {
        let next = snapshot.partitions.iter().map(|p| p.next.0).sum();
        let progress = (snapshot.chunks, snapshot.silent_chunks, next);
        if progress != self.progress || lag == 0 || snapshot.partitions.is_empty() {
            (self.progress, self.since) = (progress, Instant::now());
            return None;
        }
        Some(self.since.elapsed()).filter(|still| *still > self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_core::Offset;
    use logmill_protocol::Partition;
    use logmill_protocol::worker::PartitionSnapshot;

    fn at(next: i64) -> Snapshot {
        let partition = PartitionSnapshot {
            partition: Partition::new("t", 0),
            first: Offset(0),
            next: Offset(next),
            open_files: 0,
            silent: false,
        };
        Snapshot { partitions: vec![partition], ..Snapshot::default() }
    }

    #[test]
    fn only_a_worker_that_has_something_to_do_and_does_not_move_stands_still() {
        let mut stall = Stall::new(Duration::ZERO);
        assert_eq!(stall.look(&Snapshot::default(), 5), None, "it has no partitions");
        assert_eq!(stall.look(&at(1), 5), None, "it has moved");
        assert!(stall.look(&at(1), 5).is_some(), "it stands");
        assert_eq!(stall.look(&at(1), 0), None, "nothing waits");
        assert_eq!(stall.look(&at(2), 5), None, "it moves again");
        let mut patient = Stall::new(Duration::from_secs(60));
        assert_eq!(patient.look(&at(1), 5), None);
        assert_eq!(patient.look(&at(1), 5), None, "not for long enough");
    }
}
