//! The tasks of one partition that a fetcher has: open, and read but not taken.

use super::machine::{Options, Order};
use super::position::{OpenFile, Position};
use super::task::{Resume, Task};
use bytes::Bytes;
use logmill_core::{FileMeta, Offset, Seq};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// One assigned partition.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// H: the first task not taken. Every waiting task is at or above it.
    pub(super) next: Offset,
    /// As [`Position::sent`].
    pub(super) sent: u64,
    /// The next offset to come from the log: every task below was read.
    pub(super) seen: Offset,
    pub(super) open: BTreeMap<Offset, Open>,
    /// Tasks that were read but not taken, in order.
    pub(super) waiting: VecDeque<(Offset, Result<Task, BadTask>)>,
    /// Nothing is fetched of this partition, because enough tasks wait.
    pub(super) paused: bool,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) at: OpenFile,
    /// `None` after an assignment, until the task was read again.
    pub(super) work: Option<Work>,
}

#[derive(Debug)]
pub(super) struct Work {
    pub(super) file: Arc<FileMeta>,
    pub(super) resume: Option<Resume>,
    /// The number of the end marker.
    pub(super) chunks: Seq,
    /// The plan's version.
    pub(super) plan: String,
    pub(super) ticket: u64,
}

impl Tasks {
    pub(super) fn position(&self) -> Position {
        let open = self.open.iter().map(|(offset, open)| (*offset, open.at)).collect();
        Position { next: self.next, sent: self.sent, open }
    }

    /// The bytes that the metadata may come to need while these files stay open.
    pub(super) fn metadata_bytes(&self) -> usize {
        let entry = |open: &Open| Position::entry_bytes(open.work.as_ref().map_or(open.at.next, |w| w.chunks));
        Position::FIXED_BYTES + self.open.values().map(entry).sum::<usize>()
    }

    /// Whether there is a waiting task and room for it.
    pub(super) fn may_take(&self, options: &Options, backfill: bool) -> bool {
        let task = match self.waiting.front() {
            None => return false,
            Some((_, Err(_))) => return true,
            Some((_, Ok(task))) => task,
        };
        let fits = self.metadata_bytes() + Position::entry_bytes(task.chunks()) <= options.metadata_bytes;
        let most = if backfill { options.backfill_files } else { options.open_files };
        self.open.is_empty() || (self.open.len() < most && fits)
    }
}

impl Work {
    pub(super) fn new(task: Task, ticket: u64) -> Self {
        let (chunks, plan) = (task.chunks(), task.file.plan.version());
        Self { file: Arc::new(task.file), resume: task.resume, chunks, plan, ticket }
    }

    pub(super) fn byte(&self, seq: Seq) -> u64 {
        (seq.0.saturating_mul(u64::from(self.file.plan.raw_bytes))).min(self.file.length)
    }

    pub(super) fn order(&self, at: OpenFile, backfill: bool) -> Order {
        let file = Arc::clone(&self.file);
        Order { ticket: self.ticket, file, backfill, from: at.next, crc32: at.crc32, parked: self.resume }
    }

    /// What lies before the parked position is sent only to rebuild states.
    pub(super) fn is_silent(&self, seq: Seq) -> bool {
        self.resume.is_some_and(|resume| seq < resume.seq)
    }
}

/// What has to be told of a record that is no task.
#[derive(Debug)]
pub(super) struct BadTask {
    pub(super) detail: String,
    pub(super) bytes: Bytes,
}
