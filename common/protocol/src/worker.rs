//! A stage's worker: consume, transform and produce in transactions, so that whatever happens to the process, to its
//! partitions or to a transaction, each output is in the log exactly once.
//!
//! State is rebuilt, never stored. Committed for each input partition are, as offset and metadata, a [`Position`]:
//! - **S**, the first chunk of the oldest file that is still open;
//! - **H, k**, the next input offset whose output is not all committed, and how many outputs of H already are.
//!
//! On assignment the partition is read from S; up to H the stage runs without sending anything; from output k of H on
//! everything is sent. A transaction carries outputs and the positions of all partitions they came from, under the
//! group metadata of the assignment. After an abort the states are dropped and the committed positions read again.

mod chunk;
mod files;
mod position;
mod route;
mod weaken;

pub use position::{BadPosition, Position};
pub use route::{Route, Routes};
pub use weaken::Weaken;

use crate::log::{Action, Committed, Event, Failure, Incoming, Machine, Never, Outgoing, Partition, nothing_committed};
use chunk::Current;
use files::Part;
use logmill_core::{Flow, Offset, Out, Stage};
use std::collections::{BTreeMap, VecDeque};

/// What a worker is told once.
#[derive(Clone, Debug)]
pub struct Options {
    pub routes: Routes,
    /// A transaction is committed when it has this many payload bytes, ...
    pub transaction_bytes: usize,
    /// ... or is this old (milliseconds), or when nothing more comes.
    pub transaction_ms: u64,
    /// Output that a stage may heap up in one step: what bounds a worker's memory for one chunk.
    pub out_bytes: usize,
    /// The broker's `offset.metadata.max.bytes`.
    pub metadata_bytes: usize,
    /// A chunk that was begun this often without getting past it is rejected by decree.
    pub attempts: u32,
}

/// Counts since the start, and where the partitions stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub chunks: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub rejects: u64,
    pub transactions: u64,
    pub aborts: u64,
    /// Chunks that were read only to rebuild states.
    pub silent_chunks: u64,
    /// Assignments that went on in the middle of a chunk.
    pub takeovers_within_chunk: u64,
    /// Partitions whose states were still good after a rebalance.
    pub kept_states: u64,
    pub decrees: u64,
    pub headless: u64,
    pub partitions: Vec<PartitionSnapshot>,
}

/// Where one partition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSnapshot {
    pub partition: Partition,
    /// S and H as committed.
    pub first: Offset,
    pub next: Offset,
    pub open_files: usize,
    pub silent: bool,
}

/// The machine of one worker.
pub struct StageWorker<S: Stage> {
    stage: S,
    options: Options,
    phase: Phase,
    /// What this member has, as the group said. `parts` has all of them or, while positions are unknown, none.
    assigned: Vec<Partition>,
    parts: BTreeMap<Partition, Part<S::State>>,
    /// States of before a rebalance: good again if the committed position is the one they were at.
    kept: BTreeMap<Partition, Part<S::State>>,
    /// The chunk that is being transformed.
    current: Option<Current<S::State>>,
    /// The first record of a partition, while its attempt is being marked.
    held: Option<Incoming>,
    /// The chunks whose attempts this process has marked: it lived on, so a transaction that failed since is not held
    /// against them.
    survived: BTreeMap<Partition, Offset>,
    out: Out,
    /// Records of the open transaction that are still to be sent.
    queue: VecDeque<Outgoing>,
    transaction: Transaction,
    /// When the last commit was asked for, and how long it took in the end (milliseconds).
    asked_ms: u64,
    commit_ms: u64,
    stopping: bool,
    /// Failures since the last commit.
    failures: u32,
    counts: Snapshot,
    /// The rule that is switched off.
    #[cfg(feature = "weaken")]
    weaken: Option<Weaken>,
}

/// The open transaction, or the one to come.
#[derive(Debug, Default)]
struct Transaction {
    begun: bool,
    bytes: usize,
    /// When the first chunk was taken into it.
    since_ms: Option<u64>,
    /// Commit as soon as the queue is empty.
    due: bool,
    /// What is being committed.
    commits: Vec<(Partition, Position)>,
}

/// What the last action was, that is, what the next event answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Polling,
    Reading,
    Seeking,
    Beginning,
    Sending,
    Committing,
    Recovering,
    /// Aborting because the partitions are taken away.
    Yielding,
    Releasing,
    Ended,
}

/// Failures in a row after which the process ends, for its supervisor to see.
const MAX_FAILURES: u32 = 20;

/// A transaction for which nothing more comes is committed when it is so many times as old as the last commit took: where
/// commits are slow, because the brokers have much to do, they are few, and there is little in a queue that runs dry.
const COMMITS: u64 = 4;

impl<S: Stage> StageWorker<S> {
    #[must_use]
    pub fn new(stage: S, mut options: Options) -> Self {
        // With a bound of nothing there would be nothing to send, and nothing to stop for, for ever.
        options.transaction_bytes = options.transaction_bytes.max(1);
        options.out_bytes = options.out_bytes.max(1);
        Self {
            out: Out::new(S::NAME, options.out_bytes),
            stage,
            options,
            phase: Phase::Starting,
            assigned: Vec::new(),
            parts: BTreeMap::new(),
            kept: BTreeMap::new(),
            current: None,
            held: None,
            survived: BTreeMap::new(),
            queue: VecDeque::new(),
            transaction: Transaction::default(),
            asked_ms: 0,
            commit_ms: 0,
            stopping: false,
            failures: 0,
            counts: Snapshot::default(),
            #[cfg(feature = "weaken")]
            weaken: None,
        }
    }

    /// The same with a rule switched off, for tests that see the alarm.
    #[cfg(feature = "weaken")]
    #[must_use]
    pub fn weakened(stage: S, options: Options, rule: Option<Weaken>) -> Self {
        Self { weaken: rule, ..Self::new(stage, options) }
    }

    /// The stage, to hand it a new snapshot of the lags.
    pub fn stage_mut(&mut self) -> &mut S {
        &mut self.stage
    }

    /// What there is to see.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let partition = |(partition, part): (&Partition, &Part<S::State>)| PartitionSnapshot {
            partition: partition.clone(),
            first: part.base.first,
            next: part.base.next,
            open_files: part.files.len(),
            silent: part.is_silent(part.at),
        };
        Snapshot { partitions: self.parts.iter().map(partition).collect(), ..self.counts.clone() }
    }

    fn act(&mut self, phase: Phase, action: Action) -> Action {
        self.phase = phase;
        action
    }

    fn poll(&mut self) -> Action {
        self.act(Phase::Polling, Action::Poll)
    }

    fn exit(&mut self, result: Result<(), String>) -> Action {
        self.act(Phase::Ended, Action::Exit(result))
    }

    /// Drops every state: the positions in the log are the truth.
    fn forget(&mut self) {
        self.parts.clear();
        self.kept.clear();
        self.current = None;
        self.held = None;
        self.queue.clear();
        self.out.drain();
        self.transaction = Transaction::default();
    }

    /// After how many attempts a chunk is rejected.
    pub(crate) fn attempts(&self) -> u32 {
        self.options.attempts
    }

    /// Drops every state, whatever was under way: it is told an assignment next. `anew`: the next attempt counts, even of a chunk
    /// that was survived.
    pub(crate) fn rewind(&mut self, anew: bool) {
        self.forget();
        self.phase = Phase::Polling;
        if anew {
            self.survived.clear();
        }
    }

    /// Starts from what is committed: after an assignment, and after any failure.
    fn read(&mut self) -> Action {
        if self.assigned.is_empty() {
            return self.poll();
        }
        let partitions = self.assigned.clone();
        self.act(Phase::Reading, Action::Read(partitions))
    }

    fn positioned(&mut self, positions: Vec<(Partition, Option<Committed>)>) -> Action {
        let mut seek = Vec::with_capacity(positions.len());
        for (partition, committed) in positions {
            let Some(committed) = committed else { return self.exit(Err(nothing_committed(&partition))) };
            let base = match Position::decode(&committed) {
                Ok(base) => base,
                Err(bad) => return self.exit(Err(format!("{partition}: {bad}"))),
            };
            let part = match self.kept.remove(&partition) {
                Some(kept) if self.may_keep(&kept, &base) => {
                    self.counts.kept_states += 1;
                    kept
                }
                _ => Part::new(base),
            };
            if part.base.k > 0 {
                self.counts.takeovers_within_chunk += 1;
            }
            seek.push((partition.clone(), part.at));
            self.parts.insert(partition, part);
        }
        self.kept.clear();
        self.act(Phase::Seeking, Action::Assign(seek))
    }

    /// Whether states of before a rebalance are those that a silent stretch up to `base` would rebuild.
    fn may_keep(&self, kept: &Part<S::State>, base: &Position) -> bool {
        if self.weak(Weaken::KeepStates) {
            return true;
        }
        !kept.dirty && kept.base == *base && kept.at == base.next && base.k == 0
    }

    fn failed(&mut self, failure: Failure) -> Action {
        self.failures += 1;
        let (Failure::Abort(why) | Failure::Fenced(why) | Failure::Unknown(why) | Failure::Fatal(why)) = &failure;
        if matches!(failure, Failure::Fatal(_)) || self.failures > MAX_FAILURES {
            let why = format!("{why} (failure {} in a row, while {:?})", self.failures, self.phase);
            return self.exit(Err(why));
        }
        match self.phase {
            Phase::Beginning | Phase::Sending | Phase::Committing => {
                self.counts.aborts += 1;
                let action = if matches!(failure, Failure::Abort(_)) { Action::Abort } else { Action::Renew };
                self.act(Phase::Recovering, action)
            }
            Phase::Recovering => self.act(Phase::Recovering, Action::Renew),
            Phase::Yielding => self.act(Phase::Yielding, Action::Renew),
            _ if self.transaction.begun => {
                self.counts.aborts += 1;
                self.act(Phase::Recovering, Action::Abort)
            }
            // Nothing is open then. A poll tells of a revocation, and then it is read again.
            _ => {
                self.forget();
                self.poll()
            }
        }
    }

    /// The transaction is aborted: what was done in it was not.
    fn recovered(&mut self) -> Action {
        if self.weak(Weaken::NoRewind) {
            self.queue.clear();
            self.transaction = Transaction::default();
            return self.pump(0);
        }
        self.forget();
        self.read()
    }

    fn revoked(&mut self) -> Action {
        self.assigned.clear();
        if self.weak(Weaken::KeepOverRevoke) {
            return self.act(Phase::Releasing, Action::Release);
        }
        let begun = self.transaction.begun;
        let mut kept = std::mem::take(&mut self.parts);
        let all = self.weak(Weaken::KeepStates);
        kept.retain(|_, part| all || (!part.dirty && part.at >= part.base.next));
        self.forget();
        self.kept = kept;
        if begun {
            self.counts.aborts += 1;
            return self.act(Phase::Yielding, Action::Abort);
        }
        self.act(Phase::Releasing, Action::Release)
    }

    fn record(&mut self, now_ms: u64, incoming: Incoming) -> Action {
        if self.parts.is_empty() && !self.assigned.is_empty() {
            return self.read();
        }
        // Not ours any more, or seen: a late record of an assignment that is over.
        let Some(part) = self.parts.get_mut(&incoming.partition) else { return self.poll() };
        if incoming.offset < part.at {
            return self.poll();
        }
        if !part.is_silent(incoming.offset) && part.fresh {
            part.fresh = false;
            // The attempt is committed before the chunk is begun, and the chunk by itself: so of all partitions only
            // the one whose chunk kills its worker shows attempts.
            let partition = incoming.partition.clone();
            let before = self.survived.insert(partition.clone(), part.base.next);
            let tries =
                if before == Some(part.base.next) { part.base.tries } else { part.base.tries.saturating_add(1) };
            let mark = Position { tries, ..part.base.clone() };
            self.held = Some(incoming);
            self.transaction.commits.push((partition, mark));
            self.transaction.due = true;
            return self.pump(now_ms);
        }
        self.begin(now_ms, incoming, false)
    }

    /// Goes past what nobody will ever see, and commits that: in a log that stands still it would be deleted one day, and the
    /// committed position with it.
    fn nothing(&mut self, now_ms: u64, partition: &Partition, from: Offset, to: Offset) -> Action {
        let Some(part) = self.parts.get_mut(partition) else { return self.poll() };
        // An attempt that is marked, or outputs that are committed, are those of a record that is still to come.
        let between_records = !part.is_silent(part.at) && part.base.k == 0 && part.base.tries == 0;
        if between_records && from <= part.at && part.at < to {
            part.at = to;
            part.dirty = true;
            self.transaction.since_ms.get_or_insert(now_ms);
        }
        self.pump(now_ms)
    }

    /// Begins to transform a chunk.
    fn begin(&mut self, now_ms: u64, incoming: Incoming, alone: bool) -> Action {
        if let Err(broken) = self.take(now_ms, incoming) {
            return self.exit(Err(broken));
        }
        self.transaction.due |= alone;
        self.pump(now_ms)
    }

    /// Does what comes next: send, transform on, commit, or wait for the next record.
    fn pump(&mut self, now_ms: u64) -> Action {
        loop {
            if !self.queue.is_empty() && !self.transaction.begun {
                return self.act(Phase::Beginning, Action::Begin);
            }
            if let Some(outgoing) = self.queue.pop_front() {
                self.transaction.bytes += outgoing.record.payload.len();
                self.counts.bytes_out += outgoing.record.payload.len() as u64;
                return self.act(Phase::Sending, Action::Send(outgoing));
            }
            let full = self.transaction.bytes >= self.options.transaction_bytes;
            self.asked_ms = now_ms;
            if let Some(current) = &self.current {
                // Only chunks of a stream are committed by halves: the output of others may not be a function of them.
                let by_halves = S::INPUT == Flow::Stream || self.weak(Weaken::Halves);
                if full && !current.discard && by_halves {
                    return self.commit();
                }
                self.advance(now_ms);
                continue;
            }
            let since = self.transaction.since_ms;
            let old = since.is_some_and(|s| now_ms.saturating_sub(s) >= self.options.transaction_ms);
            if self.transaction.due || full || old {
                return self.commit();
            }
            if self.stopping {
                if since.is_some() {
                    return self.commit();
                }
                return self.exit(Ok(()));
            }
            return self.poll();
        }
    }

    /// Where a process that dies leaves something to its successor.
    fn fault_points(&self) {
        if self.current.is_some() {
            logmill_faults::at("amid-chunk");
        } else if logmill_faults::ARMED
            && self.transaction.commits.iter().any(|(_, position)| position.first < position.next)
        {
            logmill_faults::at("amid-file");
        }
    }

    /// Commits what was sent with the positions of all partitions it came from.
    fn commit(&mut self) -> Action {
        if !self.transaction.begun {
            self.transaction.due = true;
            return self.act(Phase::Beginning, Action::Begin);
        }
        let marks = std::mem::take(&mut self.transaction.commits);
        let mut commits = Vec::new();
        for (partition, part) in &self.parts {
            let silent = part.is_silent(part.at) && !self.weak(Weaken::CommitSilent);
            let within = self.current.as_ref().filter(|c| &c.incoming.partition == partition && !c.discard);
            let position = match within {
                Some(current) => self.within(part, current),
                None if silent || !part.dirty => continue,
                None => self.without_tombstones(part, part.position()),
            };
            commits.push((partition.clone(), position));
        }
        commits.retain(|(partition, _)| marks.iter().all(|(marked, _)| marked != partition));
        commits.extend(marks);
        let bytes = self.options.metadata_bytes;
        let offsets = commits
            .iter()
            .map(|(p, position)| (p.clone(), self.spoilt(position).as_ref().unwrap_or(position).encode(bytes)))
            .collect();
        self.transaction.commits = commits;
        self.act(Phase::Committing, Action::Commit(offsets))
    }

    fn committed(&mut self, now_ms: u64) -> Action {
        self.fault_points();
        self.failures = 0;
        self.counts.transactions += 1;
        self.commit_ms = now_ms.saturating_sub(self.asked_ms);
        let transaction = std::mem::take(&mut self.transaction);
        for (partition, position) in transaction.commits {
            let part = self.parts.get_mut(&partition).expect("parts go only when the transaction goes");
            part.dirty = part.at > position.next;
            part.base = position;
        }
        match self.held.take() {
            Some(incoming) => self.begin(now_ms, incoming, true),
            None => self.pump(now_ms),
        }
    }
}

impl<S: Stage> Machine for StageWorker<S> {
    type Ask = Never;
    type Answer = Never;

    fn step(&mut self, now_ms: u64, event: Event) -> Action {
        match (self.phase, event) {
            (_, Event::Failed(failure)) => self.failed(failure),
            (Phase::Starting, Event::Start) => self.poll(),
            (Phase::Polling, Event::Idle) => {
                if self.parts.is_empty() && !self.assigned.is_empty() {
                    return self.read();
                }
                let rested = |since| now_ms.saturating_sub(since) >= COMMITS * self.commit_ms;
                self.transaction.due |= self.transaction.since_ms.is_some_and(rested);
                self.pump(now_ms)
            }
            (Phase::Polling, Event::Record(incoming)) => self.record(now_ms, incoming),
            (Phase::Polling, Event::Nothing { partition, from, to }) => self.nothing(now_ms, &partition, from, to),
            (Phase::Polling, Event::Assigned(partitions)) => {
                self.assigned = partitions;
                let kept = std::mem::take(&mut self.kept);
                if self.weak(Weaken::KeepOverRevoke) && !self.parts.is_empty() {
                    let assigned = &self.assigned;
                    self.parts.retain(|partition, _| assigned.contains(partition));
                    let kept = std::mem::take(&mut self.parts);
                    self.kept = kept;
                    return self.read();
                }
                self.forget();
                self.kept = kept;
                self.read()
            }
            (Phase::Polling, Event::Revoked) => self.revoked(),
            (Phase::Polling, Event::Stop) => {
                self.stopping = true;
                self.pump(now_ms)
            }
            (Phase::Reading, Event::Positions(positions)) => self.positioned(positions),
            (Phase::Reading, Event::Idle) => self.poll(),
            (Phase::Seeking | Phase::Releasing, Event::Done) => self.poll(),
            (Phase::Beginning, Event::Done) => {
                self.transaction.begun = true;
                if self.queue.is_empty() && self.transaction.due { self.commit() } else { self.pump(now_ms) }
            }
            (Phase::Sending, Event::Done) => self.pump(now_ms),
            (Phase::Committing, Event::Done) => self.committed(now_ms),
            (Phase::Recovering, Event::Done) => self.recovered(),
            (Phase::Yielding, Event::Done) => self.act(Phase::Releasing, Action::Release),
            (phase, event) => unreachable!("a driver answers what it was asked: {event:?} while {phase:?}"),
        }
    }
}
