//! Exactly once, into a database without transactions: **the INSERT itself is idempotent**.
//!
//! For each partition, in this order, and again from the start after any death:
//!
//! 1. commit the *intent*: offset `a`, metadata `b` (which also commits the batch before it);
//! 2. one INSERT of exactly the records `[a, b)`, whose query id is made of the batch alone, and which lets in only rows
//!    that are not in the table;
//! 3. until the server answers that it is done, the same again. Then the next.
//!
//! Taking over is step 2 with the intent that is committed. Whoever inserts a batch once more, late or at the same
//! time, does no harm: while one of the same id runs, the server refuses another; afterwards all rows are there; where
//! only some became visible, the others are let in.
//!
//! A large INSERT costs far less a byte than a small one. So while there is more to read than memory holds, partitions are
//! read **in turns**: one alone, until its batch is full, then the one whose records have waited longest. However many
//! partitions a loader has, its batches are of one size.
//!
//! A batch that the server refuses *for its data* is halved until the rows at fault are found; they become dead letters
//! in the transaction that commits `b`.
//!
//! **Invariants.** Nothing is committed for a partition that is not assigned. The offset moves over rows only after the
//! server said that they are in. No two records of a batch hold the same row: the anti-join compares a batch with the
//! table, not with itself. What is buffered stays below [`Config::budget_bytes`] plus one record a poll.

mod batch;
mod lane;

pub use batch::{Content, Cut, Insert, Item, RowRange};

use crate::log::{Action, Committed, Event, Failure, Incoming, Machine, Outgoing, Partition, nothing_committed};
use lane::{Lane, Pace, Work, dead_letter};
use logmill_core::{LineSpan, Offset, Reject};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How the loader cuts batches and waits.
#[derive(Clone, Debug)]
pub struct Config {
    /// The dead letters' topic and the number of its partitions.
    pub dead_letters: (Arc<str>, i32),
    /// What each topic holds; a topic that is not named holds rows.
    pub contents: BTreeMap<Arc<str>, Content>,
    /// A batch is closed at this many bytes, ...
    pub batch_bytes: usize,
    /// ... records, ...
    pub batch_records: usize,
    /// ... milliseconds after its last record came (of the ledger thrice as many), when no other follows and no INSERT runs that it
    /// could wait for, ...
    pub quiet_ms: u64,
    /// ... or milliseconds after its first record came, or its turn.
    pub batch_ms: u64,
    /// Bytes of records held by all partitions together; reading pauses there. From half of it on they are read in turns.
    pub budget_bytes: usize,
    /// The first and the longest wait before an INSERT is tried again, in milliseconds.
    pub backoff_ms: (u64, u64),
    /// How long INSERTs that run are waited for after a stop, in milliseconds.
    pub grace_ms: u64,
}

/// What the machine asks of others than the log.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Start this INSERT. Answered by `Done` at once; how it ended is an [`Answer`] to some later `Poll`.
    Insert(Box<Insert>),
}

/// How an INSERT ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The [`Insert::ticket`].
    pub ticket: u64,
    pub verdict: Verdict,
}

/// What is known of an INSERT.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The server said that it is done and durable. With it, the records of which no row could be made.
    Loaded { rejected: Vec<(Offset, Reject)> },
    /// The server's definite answer: it refuses the data, and nothing of it is in; of several servers, that is one's answer, and
    /// what others took is found there when it comes again. `row`: the place of what was sent, where that was one row.
    Refused { why: String, row: Option<LineSpan> },
    /// Anything else (unknown, already running, full, absent): the same again, after a while.
    Again(String),
}

/// Why a partition stands still, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub partition: Partition,
    /// The batch.
    pub from: Offset,
    pub to: Offset,
    /// When its first INSERT was asked for, on the machine's clock.
    pub since_ms: u64,
    pub attempts: u32,
    /// The last answer.
    pub why: String,
}

/// A machine that has INSERTs done, as its driver looks at it.
pub trait Loads: Machine<Ask = Ask, Answer = Answer> {
    /// The partitions whose INSERT was not done at the first attempt.
    fn waits(&self) -> Vec<Wait>;
    /// Bytes of records that are held.
    fn buffered(&self) -> usize;
    /// Whether something else than its own pace holds it up: an INSERT that was not done at the first attempt, states that are
    /// rebuilt, or care after a death.
    fn is_hindered(&self) -> bool;
}

/// The loader's machine.
pub struct Loader {
    config: Config,
    /// The action whose answer is awaited.
    asked: Asked,
    /// What this member has, as the group said. Lanes exist for all of them or for none.
    assigned: Vec<Partition>,
    lanes: BTreeMap<Partition, Lane>,
    /// The transaction that is open or about to be.
    txn: Option<Txn>,
    next_ticket: u64,
    /// Nothing is fetched for now, though the partitions are kept.
    paused: bool,
    /// The only partition that is fetched: while its batch of before is read again (several at a time would together hold
    /// more than the budget, which one alone may), or while it is its turn.
    alone: Option<Partition>,
    /// Since when what is fetched now is fetched.
    fetched_ms: u64,
    /// When the process was asked to stop.
    stop_ms: Option<u64>,
}

/// Which action the next event answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    Poll,
    Release,
    Read,
    Assign,
    /// Begin, Send or Commit of the transaction: the answer moves it on.
    Transaction,
    Abort,
    Renew,
    Insert,
    Over,
}

struct Txn {
    begun: bool,
    committing: bool,
    sends: VecDeque<Outgoing>,
    commits: Vec<(Partition, Committed)>,
    /// What becomes the work of these lanes once the transaction is committed.
    plans: BTreeMap<Partition, Option<Work>>,
}

impl Loader {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            asked: Asked::Nothing,
            assigned: Vec::new(),
            lanes: BTreeMap::new(),
            txn: None,
            next_ticket: 0,
            paused: false,
            alone: None,
            fetched_ms: 0,
            stop_ms: None,
        }
    }

    /// The offset below which everything is in the table and committed, by partition.
    pub fn positions(&self) -> impl Iterator<Item = (&Partition, Offset)> {
        self.lanes.iter().map(|(partition, lane)| (partition, lane.committed))
    }

    fn ask(&mut self, asked: Asked, action: Action<Ask>) -> Action<Ask> {
        self.asked = asked;
        action
    }

    fn exit(&mut self, result: Result<(), String>) -> Action<Ask> {
        self.asked = Asked::Over;
        Action::Exit(result)
    }

    /// Starts from what is committed: after an assignment, and after any failure of a transaction.
    fn read(&mut self) -> Action<Ask> {
        self.lanes.clear();
        self.txn = None;
        if self.assigned.is_empty() {
            return self.ask(Asked::Poll, Action::Poll);
        }
        let partitions = self.assigned.clone();
        self.ask(Asked::Read, Action::Read(partitions))
    }

    fn positioned(&mut self, now_ms: u64, positions: Vec<(Partition, Option<Committed>)>) -> Action<Ask> {
        for (partition, committed) in positions {
            let content = self.config.contents.get(&partition.topic).copied().unwrap_or(Content::Rows);
            let Some(committed) = committed else { return self.exit(Err(nothing_committed(&partition))) };
            match Lane::at(content, &committed) {
                Ok(lane) => drop(self.lanes.insert(partition, lane)),
                Err(bad) => {
                    return self.exit(Err(format!("the committed metadata of {partition} is not an intent: {bad:?}")));
                }
            }
        }
        self.fetch(now_ms)
    }

    /// Fetches the partitions: one alone while its batch of before is read again, or while it is its turn, else all.
    fn fetch(&mut self, now_ms: u64) -> Action<Ask> {
        self.paused = false;
        self.alone = self.turn();
        self.fetched_ms = now_ms;
        let is_fetched = |partition: &Partition| self.alone.as_ref().is_none_or(|alone| alone == partition);
        let starts = self.lanes.iter().filter(|(p, _)| is_fetched(p)).map(|(p, lane)| (p.clone(), lane.next)).collect();
        self.ask(Asked::Assign, Action::Assign(starts))
    }

    /// The first partition whose batch of before is not complete yet.
    fn recovering(&self) -> Option<Partition> {
        self.lanes.iter().find(|(_, lane)| lane.is_recovering()).map(|(partition, _)| partition.clone())
    }

    /// Whether there is so much that partitions are read in turns.
    fn is_crowded(&self) -> bool {
        self.buffered() >= self.config.budget_bytes / 2
    }

    /// The partition that is to be fetched alone, where one is.
    fn turn(&self) -> Option<Partition> {
        let keeps = |partition: &Partition| self.lanes.get(partition).is_some_and(Lane::may_close);
        let longest = || {
            let waiting = self.lanes.iter().filter(|(_, lane)| lane.may_close());
            waiting.min_by_key(|(_, lane)| lane.since_ms()).map(|(partition, _)| partition.clone())
        };
        self.recovering()
            .or_else(|| self.is_crowded().then(|| self.alone.clone().filter(keeps).or_else(longest)).flatten())
    }

    fn failed(&mut self, now_ms: u64, failure: Failure) -> Action<Ask> {
        match (failure, self.asked) {
            (Failure::Fatal(why), _) => self.exit(Err(why)),
            (Failure::Fenced(_) | Failure::Unknown(_), Asked::Transaction | Asked::Abort | Asked::Renew) => {
                self.ask(Asked::Renew, Action::Renew)
            }
            (Failure::Abort(_), Asked::Transaction) => self.ask(Asked::Abort, Action::Abort),
            (Failure::Abort(_), Asked::Abort | Asked::Renew) => self.ask(Asked::Renew, Action::Renew),
            // A read or an assignment that failed is tried again at the next poll, which also tells of a revocation.
            (_, Asked::Read | Asked::Assign) => {
                self.lanes.clear();
                self.ask(Asked::Poll, Action::Poll)
            }
            (_, _) => self.go_on(now_ms),
        }
    }

    fn record(&mut self, now_ms: u64, incoming: Incoming) {
        // A late record of an assignment that is over.
        let Some(lane) = self.lanes.get_mut(&incoming.partition) else { return };
        lane.take(now_ms, incoming);
    }

    fn answered(&mut self, now_ms: u64, answer: Answer) {
        let backoff = self.config.backoff_ms;
        // An answer to an assignment that is over finds no lane.
        if let Some(lane) = self.lanes.values_mut().find(|lane| lane.awaits(answer.ticket)) {
            lane.answered(now_ms, answer.verdict, backoff);
        }
    }

    /// Decides what comes next when no transaction is open and no answer is awaited.
    fn go_on(&mut self, now_ms: u64) -> Action<Ask> {
        if let Some(since) = self.stop_ms {
            let under_way = self.lanes.values().any(Lane::is_under_way);
            if !under_way || now_ms.saturating_sub(since) > self.config.grace_ms {
                return self.exit(Ok(()));
            }
        }
        if self.lanes.is_empty() && !self.assigned.is_empty() {
            return self.read();
        }
        let ticket = self.next_ticket;
        if let Some(insert) = self.lanes.iter_mut().find_map(|(p, lane)| lane.due(now_ms, p, ticket)) {
            self.next_ticket += 1;
            return self.ask(Asked::Insert, Action::Other(Ask::Insert(Box::new(insert))));
        }
        self.plan(now_ms);
        if self.txn.is_some() {
            return self.transact(now_ms);
        }
        // Without anything under way nothing would ever make room: then a batch that is read again needs what it needs.
        let draining = self.stop_ms.is_some() || self.lanes.values().any(Lane::is_under_way);
        let (buffered, budget) = (self.buffered(), self.config.budget_bytes);
        if !self.paused && draining && (buffered >= budget || self.stop_ms.is_some()) {
            self.paused = true;
            return self.ask(Asked::Assign, Action::Assign(Vec::new()));
        }
        if self.paused && (!draining || buffered < budget / 2) && self.stop_ms.is_none() {
            return self.fetch(now_ms);
        }
        if !self.paused && self.alone != self.turn() {
            return self.fetch(now_ms);
        }
        self.ask(Asked::Poll, Action::Poll)
    }

    /// Opens a transaction for all lanes that have an intent to commit, or a batch that is in and nothing behind it.
    fn plan(&mut self, now_ms: u64) {
        let crowded = self.is_crowded();
        let inserting = self.lanes.values().any(Lane::is_inserting);
        let under_way = self.lanes.values().any(Lane::is_under_way);
        let hurry = !under_way && self.buffered() >= self.config.budget_bytes;
        let fetched_ms = if self.paused { now_ms } else { self.fetched_ms };
        let mut txn = Txn {
            begun: false,
            committing: false,
            sends: VecDeque::new(),
            commits: Vec::new(),
            plans: BTreeMap::new(),
        };
        for (partition, lane) in &mut self.lanes {
            let may_close = self.stop_ms.is_none();
            let pace = match (crowded, self.alone.as_ref() == Some(partition)) {
                (false, _) => Pace::Free { waits: inserting },
                (true, true) => Pace::Turn { since_ms: fetched_ms, hurry },
                (true, false) => Pace::NotYet,
            };
            let work = if may_close { lane.close(now_ms, &self.config, pace) } else { None };
            if work.is_none() && !lane.must_commit(may_close && !crowded) {
                continue;
            }
            for (incoming, reject) in lane.rejects() {
                let (topic, count) = &self.config.dead_letters;
                txn.sends.push_back(dead_letter(incoming, reject, topic, *count));
            }
            txn.commits.push((partition.clone(), lane.commit_of(work.as_ref())));
            txn.plans.insert(partition.clone(), work);
        }
        if !txn.commits.is_empty() {
            self.txn = Some(txn);
        }
    }

    /// The next action of the open transaction.
    fn transact(&mut self, now_ms: u64) -> Action<Ask> {
        let txn = self.txn.as_mut().expect("a transaction is planned");
        if txn.committing {
            let txn = self.txn.take().expect("a transaction is planned");
            for (partition, work) in txn.plans {
                let lane = self.lanes.get_mut(&partition).expect("lanes go only when the transaction goes");
                lane.committed(now_ms, work);
            }
            return self.go_on(now_ms);
        }
        let action = if !txn.begun {
            txn.begun = true;
            Action::Begin
        } else if let Some(outgoing) = txn.sends.pop_front() {
            Action::Send(outgoing)
        } else {
            txn.committing = true;
            Action::Commit(txn.commits.clone())
        };
        self.ask(Asked::Transaction, action)
    }
}

impl Loads for Loader {
    fn waits(&self) -> Vec<Wait> {
        self.lanes.iter().filter_map(|(partition, lane)| lane.wait(partition)).collect()
    }

    fn buffered(&self) -> usize {
        self.lanes.values().map(Lane::bytes).sum()
    }

    fn is_hindered(&self) -> bool {
        self.lanes.values().any(Lane::is_hindered)
    }
}

impl Machine for Loader {
    type Ask = Ask;
    type Answer = Answer;

    fn step(&mut self, now_ms: u64, event: Event<Answer>) -> Action<Ask> {
        match (self.asked, event) {
            (Asked::Over, _) => panic!("a machine that has ended is asked no more"),
            (_, Event::Failed(failure)) => self.failed(now_ms, failure),
            (Asked::Nothing, Event::Start) => self.ask(Asked::Poll, Action::Poll),
            (Asked::Poll, Event::Idle) => self.go_on(now_ms),
            (Asked::Poll, Event::Record(incoming)) => {
                self.record(now_ms, incoming);
                self.go_on(now_ms)
            }
            (Asked::Poll, Event::Nothing { partition, from, to }) => {
                if let Some(lane) = self.lanes.get_mut(&partition) {
                    lane.skip(now_ms, from, to);
                }
                self.go_on(now_ms)
            }
            (Asked::Poll, Event::Other(answer)) => {
                self.answered(now_ms, answer);
                self.go_on(now_ms)
            }
            (Asked::Poll, Event::Stop) => {
                self.stop_ms.get_or_insert(now_ms);
                self.go_on(now_ms)
            }
            (Asked::Poll, Event::Assigned(partitions)) => {
                self.assigned = partitions;
                self.read()
            }
            (Asked::Poll, Event::Revoked) => {
                self.assigned.clear();
                self.lanes.clear();
                self.paused = false;
                self.ask(Asked::Release, Action::Release)
            }
            (Asked::Read, Event::Positions(positions)) => self.positioned(now_ms, positions),
            (Asked::Read, Event::Idle) => self.ask(Asked::Poll, Action::Poll),
            (Asked::Transaction, Event::Done) => self.transact(now_ms),
            (Asked::Abort | Asked::Renew, Event::Done) => self.read(),
            (Asked::Assign | Asked::Insert | Asked::Release, Event::Done) => self.go_on(now_ms),
            (asked, event) => panic!("{event:?} does not answer {asked:?}"),
        }
    }
}

/// The metadata of a committed intent: the end of the batch that begins at the committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    pub to: Offset,
}

impl Intent {
    /// The metadata text: `to=` and the offset.
    #[must_use]
    pub fn encode(self) -> String {
        format!("to={}", self.to)
    }

    /// Reads what [`Intent::encode`] wrote; `Ok(None)` when no intent stands.
    ///
    /// # Errors
    /// With the text, when it is neither empty nor an intent.
    pub fn decode(metadata: &str) -> Result<Option<Self>, String> {
        if metadata.is_empty() {
            return Ok(None);
        }
        let to = metadata.strip_prefix("to=").and_then(|t| t.parse().ok()).ok_or_else(|| metadata.to_owned())?;
        Ok(Some(Self { to: Offset(to) }))
    }
}
