//! The fetcher's worker: takes tasks, sends what their files hold, commits how far it came.

use super::position::{OpenFile, Position};
use super::records::{Lane, chunk, dead_letter, event as ledger};
use super::task::{Resume, Task};
use super::tasks::{BadTask, Open, Tasks, Work};
use crate::log::{Action, Event, Failure, Incoming, Machine, Outgoing, Partition, nothing_committed};
use bytes::Bytes;
use logmill_core::event::{Event as Happening, Reject, RejectReason};
use logmill_core::wire::Kind;
use logmill_core::{End, FileMeta, Offset, Outcome, Seq};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// What a worker is told once.
#[derive(Clone, Debug)]
pub struct Options {
    pub raw: Lane,
    pub file_events: Lane,
    pub dead_letters: Lane,
    /// The most files open at once in one tasks partition (so that a dead cluster's files stand in no other's way).
    pub open_files: usize,
    /// The topics of tasks that are backfill, and the most files open at once in one partition of those.
    pub backfill: BTreeSet<Arc<str>>,
    pub backfill_files: usize,
    /// Payload bytes of a transaction, about: [`Ask::Next`] asks for no more, and for one chunk at least.
    pub batch_bytes: usize,
    /// The broker's `offset.metadata.max.bytes`: tasks are taken only while the position of all that are open fits.
    pub metadata_bytes: usize,
}

/// What the machine wants of the stores.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Read a file in the background. Answer: [`Answer::Done`], at once; its bytes come with [`Ask::Next`].
    Open(Order),
    /// Stop reading all files; what they still bring may be dropped. Answer: [`Answer::Done`].
    Discard,
    /// What has come of the files that are open, in order for each file, up to `bytes` of payload but one item at
    /// least. With `wait`, stay a little (tens of milliseconds) if nothing has. Answer: [`Answer::Items`].
    Next { bytes: usize, wait: bool },
}

/// A file to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Marks what belongs to this order; never used twice.
    pub ticket: u64,
    pub file: Arc<FileMeta>,
    /// It is to be read only while no other file waits.
    pub backfill: bool,
    /// The first chunk wanted, of `plan.raw_bytes` bytes each, and the CRC-32 of the bytes before it.
    pub from: Seq,
    pub crc32: u32,
    /// The file was parked there: when the bytes before it no longer have that sum, it has changed.
    pub parked: Option<Resume>,
}

/// What the machine hears of the stores.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done,
    Items(Vec<Item>),
}

/// Something that came of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub ticket: u64,
    pub what: Fetched,
}

/// What came of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched {
    /// The next chunk: `plan.raw_bytes` bytes, the last one fewer; and the CRC-32 of all bytes up to its end.
    Chunk(Bytes, u32),
    /// All bytes came, and the file still has its length and time.
    End,
    /// It vanished, or its length, time or content is another: what, for people.
    Changed(String),
    /// It could not be read for longer than the limit, and others can do better with its place: some of it was sent already,
    /// by this order or an earlier one of the same task, or its cluster answers, but not with this file. (A file of which
    /// nothing was sent just waits for a cluster that does not answer.) Nothing more comes of this order.
    Unreachable(String),
}

/// A rule of the fetcher, to be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaken {
    /// A file that was open is started over by the successor.
    StartOver,
    /// Tasks are taken whether the positions of all that are open fit or not.
    Unbounded,
    /// Chunks are committed without the positions of their files.
    NoOffsets,
    /// After an abort go on with what is in memory.
    NoRewind,
    /// The new task of a parked file does not say where it was parked.
    ForgetResume,
    /// What lies before the parked position is not flagged.
    RebuildAloud,
    /// The new task of a parked file is sent in a transaction of its own, after that of the marker.
    ParkApart,
}

/// The machine. What it holds: a description of each open file and of some hundred waiting tasks a partition, and the
/// bytes of one transaction.
pub struct Fetch {
    options: Options,
    phase: Phase,
    /// The partitions assigned now.
    tasks: BTreeMap<Partition, Tasks>,
    /// Their positions are known. While they are not, nothing that comes is theirs.
    positioned: bool,
    /// Which file an order reads. Orders that were discarded are not here.
    tickets: HashMap<u64, (Partition, Offset)>,
    last_ticket: u64,
    gathered: Gathered,
    /// How long the last transaction of what came of files took (milliseconds).
    transaction_ms: u64,
    /// The last question for bytes waited for them.
    waited: bool,
    /// Failures since the last commit or assignment that went well.
    failures: u32,
    /// The rule that is switched off; and, for one of them, the tasks that are sent apart.
    #[cfg(feature = "weaken")]
    weaken: Option<Weaken>,
    #[cfg(feature = "weaken")]
    apart: VecDeque<Outgoing>,
}

/// The transaction that is open, or the one to come.
#[derive(Default)]
struct Gathered {
    /// What it still has to send, and the partitions whose positions it commits.
    outbox: VecDeque<Outgoing>,
    touched: BTreeSet<Partition>,
    /// When the first of it came of a file, and the payload bytes that came.
    since_ms: Option<u64>,
    bytes: usize,
    /// When it was begun, where it has something of a file.
    asked_ms: Option<u64>,
}

/// What the last action was, that is, what the next event answers.
#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Starting,
    Polling,
    Reading,
    Seeking,
    Opening,
    Fetching,
    Beginning,
    Sending,
    Committing,
    Recovering,
    Discarding(Then),
    Releasing,
    Ended,
}

/// What follows a discard.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Read,
    Poll,
    Release,
    Exit,
}

/// A partition with more waiting tasks is not fetched any more, until a quarter of them is left.
const WAITING: usize = 256;
/// What comes of files is gathered for so many times as long as the last transaction took, unless nothing more comes: so the
/// ends of many small files share one. In milliseconds it is at most [`GATHER_MS`]. Where there are fault points nothing is
/// gathered, so that any file has several transactions.
const GATHER: u64 = if logmill_faults::ARMED { 0 } else { 16 };
const GATHER_MS: u64 = 1000;
/// Failures in a row after which the process ends, for its supervisor to see.
const MAX_FAILURES: u32 = 20;

impl Fetch {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            phase: Phase::Starting,
            tasks: BTreeMap::new(),
            positioned: false,
            tickets: HashMap::new(),
            last_ticket: 0,
            gathered: Gathered::default(),
            transaction_ms: 0,
            waited: false,
            failures: 0,
            #[cfg(feature = "weaken")]
            weaken: None,
            #[cfg(feature = "weaken")]
            apart: VecDeque::new(),
        }
    }

    /// The same with a rule switched off, for tests that see the alarm.
    #[cfg(feature = "weaken")]
    #[must_use]
    pub fn weakened(options: Options, rule: Option<Weaken>) -> Self {
        Self { weaken: rule, ..Self::new(options) }
    }

    /// Whether a rule is switched off: never, in what is shipped.
    #[cfg_attr(not(feature = "weaken"), expect(clippy::unused_self, reason = "the feature needs it"))]
    fn weak(&self, rule: Weaken) -> bool {
        #[cfg(feature = "weaken")]
        if self.weaken == Some(rule) {
            return true;
        }
        rule == Weaken::StartOver && logmill_faults::is_off("next-byte")
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.tasks.values().map(|t| t.open.len()).sum()
    }

    /// How many tasks were read but wait to be taken.
    #[must_use]
    pub fn waiting_tasks(&self) -> usize {
        self.tasks.values().map(|t| t.waiting.len()).sum()
    }

    fn act(&mut self, phase: Phase, action: Action<Ask>) -> Action<Ask> {
        self.phase = phase;
        action
    }

    /// Drops every state; the positions in the log are the truth.
    fn discard(&mut self, then: Then) -> Action<Ask> {
        self.tickets.clear();
        self.gathered = Gathered::default();
        #[cfg(feature = "weaken")]
        self.apart.clear();
        for tasks in self.tasks.values_mut() {
            *tasks = Tasks::default();
        }
        self.positioned = false;
        self.act(Phase::Discarding(then), Action::Other(Ask::Discard))
    }

    fn exit(&mut self, why: Result<(), String>) -> Action<Ask> {
        self.act(Phase::Ended, Action::Exit(why))
    }

    fn failed(&mut self, failure: Failure) -> Action<Ask> {
        self.failures += 1;
        let (Failure::Abort(why) | Failure::Fenced(why) | Failure::Unknown(why) | Failure::Fatal(why)) = &failure;
        if matches!(failure, Failure::Fatal(_)) || self.failures > MAX_FAILURES {
            let why = format!("{why} (failure {} in a row, while {:?})", self.failures, self.phase);
            return self.exit(Err(why));
        }
        let in_transaction = matches!(self.phase, Phase::Beginning | Phase::Sending | Phase::Committing);
        match failure {
            Failure::Abort(_) if in_transaction => self.act(Phase::Recovering, Action::Abort),
            _ if in_transaction || self.phase == Phase::Recovering => self.act(Phase::Recovering, Action::Renew),
            // Nothing is open then. A poll tells of a revocation, and then positions are read again.
            _ => self.discard(Then::Poll),
        }
    }

    /// Starts from what is committed: after an assignment, and after any failure.
    fn read(&mut self) -> Action<Ask> {
        self.positioned = self.tasks.is_empty();
        if self.positioned {
            return self.go();
        }
        let partitions = self.tasks.keys().cloned().collect();
        self.act(Phase::Reading, Action::Read(partitions))
    }

    fn positions(&mut self, positions: Vec<(Partition, Option<crate::log::Committed>)>) -> Action<Ask> {
        let mut seek = Vec::with_capacity(positions.len());
        let start_over = self.weak(Weaken::StartOver);
        for (partition, committed) in positions {
            let Some(tasks) = self.tasks.get_mut(&partition) else { continue };
            let Some(committed) = committed else { return self.exit(Err(nothing_committed(&partition))) };
            let position = match Position::decode(&committed) {
                Ok(position) => position,
                Err(e) => return self.exit(Err(format!("{partition}: {e}"))),
            };
            let first = position.first();
            let at = |at| if start_over { OpenFile::default() } else { at };
            let open =
                position.open.into_iter().map(|(offset, was)| (offset, Open { at: at(was), work: None })).collect();
            *tasks = Tasks { next: position.next, sent: position.sent, seen: first, open, ..Tasks::default() };
            seek.push((partition, first));
        }
        self.positioned = true;
        self.act(Phase::Seeking, Action::Assign(seek))
    }

    /// Notes a task that was read, and opens its file again where it was open before the assignment.
    fn record(&mut self, incoming: Incoming) -> Action<Ask> {
        let Incoming { partition, offset, record, .. } = incoming;
        let Some(tasks) = self.tasks.get_mut(&partition).filter(|t| offset >= t.seen) else { return self.fetch(true) };
        tasks.seen = offset.next();
        let unread = |open: &Open| open.work.is_none();
        if let Some((lost, _)) = tasks.open.range(..offset).find(|(_, open)| unread(open)) {
            let why =
                format!("{partition}: the task at {lost} is open but gone from the topic; is its retention short?");
            return self.exit(Err(why));
        }
        let task = Task::decode(&record);
        if offset >= tasks.next {
            tasks.waiting.push_back((offset, task.map_err(|detail| BadTask { detail, bytes: record.payload })));
            return self.fetch(true);
        }
        match tasks.open.get_mut(&offset) {
            Some(open) if unread(open) => match task {
                Ok(task) => self.open(&partition, offset, task),
                Err(e) => self.exit(Err(format!("{partition}: the open task at {offset} cannot be read: {e}"))),
            },
            // Below H and not open: finished.
            _ => self.fetch(true),
        }
    }

    /// Goes past markers and what was aborted, so that nobody takes them for tasks that wait.
    fn nothing(&mut self, partition: Partition, to: Offset) -> Action<Ask> {
        let Some(tasks) = self.tasks.get_mut(&partition).filter(|t| to > t.seen) else { return self.fetch(false) };
        tasks.seen = to;
        if !tasks.waiting.is_empty() || tasks.next >= to {
            return self.fetch(false);
        }
        tasks.next = to;
        if !tasks.open.is_empty() {
            // The next chunks commit it.
            return self.fetch(false);
        }
        self.gathered.touched.insert(partition);
        self.act(Phase::Beginning, Action::Begin)
    }

    /// Orders the bytes of a file from where its position stands.
    fn open(&mut self, partition: &Partition, offset: Offset, task: Task) -> Action<Ask> {
        self.last_ticket += 1;
        let work = Work::new(task, self.last_ticket);
        let tasks = self.tasks.get_mut(partition).expect("only assigned partitions have tasks");
        let open = tasks.open.entry(offset).or_insert(Open { at: OpenFile::default(), work: None });
        let order = work.order(open.at, self.options.backfill.contains(&partition.topic));
        open.work = Some(work);
        self.tickets.insert(order.ticket, (partition.clone(), offset));
        self.act(Phase::Opening, Action::Other(Ask::Open(order)))
    }

    /// Takes the next task that there is room for; else polls.
    fn go(&mut self) -> Action<Ask> {
        #[cfg(feature = "weaken")]
        if !self.apart.is_empty() {
            self.gathered.outbox.append(&mut self.apart);
            return self.act(Phase::Beginning, Action::Begin);
        }
        let (options, unbounded) = (&self.options, self.weak(Weaken::Unbounded));
        let may_take = |partition: &Partition, tasks: &Tasks| {
            tasks.may_take(options, options.backfill.contains(&partition.topic))
                || (unbounded && !tasks.waiting.is_empty())
        };
        let Some((partition, tasks)) = self.tasks.iter_mut().find(|(p, tasks)| may_take(p, tasks)) else {
            return match self.pace() {
                Some(seek) => self.act(Phase::Seeking, Action::Assign(seek)),
                None => self.act(Phase::Polling, Action::Poll),
            };
        };
        let partition = partition.clone();
        let (offset, task) = tasks.waiting.pop_front().expect("a task may be taken");
        tasks.next = if tasks.waiting.is_empty() { tasks.seen } else { offset.next() };
        match task {
            Ok(task) => self.open(&partition, offset, task),
            Err(BadTask { detail, bytes }) => {
                let reject = Reject::new(RejectReason::Malformed, detail).carrying(&bytes);
                let letter = dead_letter(None, &origin(&partition, offset), &reject);
                self.gathered.outbox.push_back(self.options.dead_letters.at(0, letter));
                self.gathered.touched.insert(partition);
                self.act(Phase::Beginning, Action::Begin)
            }
        }
    }

    /// Fetches no more of partitions where enough tasks wait, and again of those where few do. `Some` on a change.
    fn pace(&mut self) -> Option<Vec<(Partition, Offset)>> {
        let mut changed = false;
        for tasks in self.tasks.values_mut() {
            let paused = tasks.waiting.len() > if tasks.paused { WAITING / 4 } else { WAITING };
            changed |= paused != tasks.paused;
            tasks.paused = paused;
        }
        let wanted = self.tasks.iter().filter(|(_, t)| !t.paused).map(|(p, t)| (p.clone(), t.seen));
        changed.then(|| wanted.collect())
    }

    /// Looks what has come of the files that are open. `busy`: there may be more in the log at once; if not, this is
    /// where the worker waits.
    fn fetch(&mut self, busy: bool) -> Action<Ask> {
        if busy && self.tickets.is_empty() {
            return self.go();
        }
        self.waited = !busy;
        let room = self.options.batch_bytes.saturating_sub(self.gathered.bytes);
        let ask = Ask::Next { bytes: room, wait: !busy };
        self.act(Phase::Fetching, Action::Other(ask))
    }

    fn items(&mut self, items: Vec<Item>, now_ms: u64) -> Action<Ask> {
        let rests = items.is_empty() && self.waited;
        for item in items {
            self.gathered.bytes += if let Fetched::Chunk(bytes, _) = &item.what { bytes.len() } else { 0 };
            self.item(item, now_ms);
        }
        if self.gathered.outbox.is_empty() {
            return self.go();
        }
        let since = *self.gathered.since_ms.get_or_insert(now_ms);
        // Before, the clock was set back.
        let old = now_ms < since || now_ms - since >= (GATHER * self.transaction_ms).min(GATHER_MS);
        if rests || old || self.tickets.is_empty() || self.gathered.bytes >= self.options.batch_bytes {
            self.gathered.asked_ms = Some(now_ms);
            return self.act(Phase::Beginning, Action::Begin);
        }
        self.go()
    }

    /// Turns what came of a file into what is sent.
    fn item(&mut self, Item { ticket, what }: Item, now_ms: u64) {
        let Some((partition, offset)) = self.tickets.get(&ticket).cloned() else { return };
        let (rebuild_aloud, forget_resume) = (self.weak(Weaken::RebuildAloud), self.weak(Weaken::ForgetResume));
        let (park_apart, no_offsets) = (self.weak(Weaken::ParkApart), self.weak(Weaken::NoOffsets));
        let tasks = self.tasks.get_mut(&partition).expect("a ticket's partition is assigned");
        tasks.sent += 1;
        let open = tasks.open.get_mut(&offset).expect("a ticket's file is open");
        let work = open.work.as_ref().expect("a ticket's task was read");
        let OpenFile { next: seq, crc32 } = open.at;
        let silent = work.is_silent(seq) && !rebuild_aloud;
        let path = &work.file.path;
        let options = &self.options;
        let outbox = &mut self.gathered.outbox;
        let mut send = |lane: &Lane, record| outbox.push_back(lane.of(&work.file, record));
        let raw = |kind, bytes| chunk(&work.file, &work.plan, seq, kind, silent, bytes);
        let event = |event| ledger(&work.file, now_ms, event);
        if !(no_offsets && matches!(what, Fetched::Chunk(..))) {
            self.gathered.touched.insert(partition.clone());
        }
        if seq.0 == 0 && work.resume.is_none() {
            send(&options.file_events, event(Happening::Opened));
        }
        if work.resume.is_some_and(|r| r.seq == seq) && matches!(what, Fetched::Chunk(..) | Fetched::End) {
            send(&options.file_events, event(Happening::Resumed { at: work.byte(seq) }));
        }
        match what {
            Fetched::Chunk(bytes, crc32) => {
                let right = seq < work.chunks && bytes.len() as u64 == work.byte(seq.next()) - work.byte(seq);
                assert!(
                    right,
                    "a source cuts at multiples of the plan: {} bytes as chunk {seq} of {path}",
                    bytes.len()
                );
                send(&options.raw, raw(Kind::Data, bytes));
                open.at = OpenFile { next: seq.next(), crc32 };
                return;
            }
            Fetched::End => {
                assert!(seq == work.chunks, "a source ends a file after its last chunk: {path} at chunk {seq}");
                send(&options.raw, raw(Kind::End(End::Complete), Bytes::new()));
                send(&options.file_events, event(closed(Outcome::Complete, work.file.length, Some(crc32))));
            }
            Fetched::Changed(detail) => {
                let sent = work.byte(work.resume.map_or(seq, |r| r.seq.max(seq)));
                send(&options.raw, raw(Kind::End(End::Abort), Bytes::new()));
                send(&options.file_events, event(closed(Outcome::Partial, sent, None)));
                let reject = Reject::new(RejectReason::Changed, detail).at(sent);
                send(&options.dead_letters, dead_letter(Some(&work.file), &origin(&partition, offset), &reject));
            }
            Fetched::Unreachable(_) => {
                let here = Resume { seq, crc32 };
                let resume = work.resume.filter(|r| r.seq > seq).unwrap_or(here);
                // Where nothing was sent nobody has anything to close.
                if seq.0 > 0 {
                    send(&options.raw, raw(Kind::Park, Bytes::new()));
                }
                send(&options.file_events, event(Happening::Parked { at: work.byte(resume.seq) }));
                let resume = Some(resume).filter(|_| !forget_resume);
                let task = Task { file: FileMeta::clone(&work.file), resume };
                let task = Outgoing { partition, record: task.encode() };
                match park_apart {
                    #[cfg(feature = "weaken")]
                    true => self.apart.push_back(task),
                    _ => outbox.push_back(task),
                }
            }
        }
        tasks.open.remove(&offset);
        self.tickets.remove(&ticket);
    }

    fn send_next(&mut self) -> Action<Ask> {
        if let Some(outgoing) = self.gathered.outbox.pop_front() {
            return self.act(Phase::Sending, Action::Send(outgoing));
        }
        let positions = self.gathered.touched.iter().map(|p| (p.clone(), self.tasks[p].position().encode())).collect();
        self.act(Phase::Committing, Action::Commit(positions))
    }
}

impl Machine for Fetch {
    type Ask = Ask;
    type Answer = Answer;

    fn step(&mut self, now_ms: u64, event: Event<Answer>) -> Action<Ask> {
        match (&self.phase, event) {
            (_, Event::Failed(failure)) => self.failed(failure),
            (Phase::Starting, Event::Start) => self.go(),
            (Phase::Polling, Event::Idle | Event::Record(_) | Event::Nothing { .. }) if !self.positioned => self.read(),
            (Phase::Polling, Event::Idle) => self.fetch(false),
            (Phase::Polling, Event::Nothing { partition, to, .. }) => self.nothing(partition, to),
            (Phase::Polling, Event::Record(incoming)) => self.record(incoming),
            (Phase::Polling, Event::Assigned(partitions)) => {
                self.failures = 0;
                self.tasks = partitions.into_iter().map(|p| (p, Tasks::default())).collect();
                self.discard(Then::Read)
            }
            (Phase::Polling, Event::Revoked) => {
                self.tasks.clear();
                self.discard(Then::Release)
            }
            (Phase::Polling, Event::Stop) => self.discard(Then::Exit),
            (Phase::Reading, Event::Positions(positions)) => self.positions(positions),
            (Phase::Reading, Event::Idle) => self.act(Phase::Polling, Action::Poll),
            (Phase::Seeking | Phase::Releasing | Phase::Opening, Event::Done | Event::Other(Answer::Done)) => self.go(),
            (Phase::Fetching, Event::Other(Answer::Items(items))) => self.items(items, now_ms),
            (Phase::Beginning | Phase::Sending, Event::Done) => self.send_next(),
            (Phase::Committing, Event::Done) => {
                // Begun, and more of it to come than its end.
                let is_amid = |open: &Open| {
                    open.at.next.0 > 0 && open.work.as_ref().is_some_and(|work| open.at.next < work.chunks)
                };
                if logmill_faults::ARMED && self.tasks.values().flat_map(|tasks| tasks.open.values()).any(is_amid) {
                    logmill_faults::at("file-begun");
                }
                self.failures = 0;
                let gathered = std::mem::take(&mut self.gathered);
                if let Some(asked) = gathered.asked_ms {
                    self.transaction_ms = now_ms.saturating_sub(asked);
                }
                self.go()
            }
            (Phase::Recovering, Event::Done) if self.weak(Weaken::NoRewind) => {
                self.gathered = Gathered::default();
                self.go()
            }
            (Phase::Recovering, Event::Done) => self.discard(Then::Read),
            (Phase::Discarding(then), Event::Other(Answer::Done)) => match then {
                Then::Read => self.read(),
                Then::Poll => self.act(Phase::Polling, Action::Poll),
                Then::Release => self.act(Phase::Releasing, Action::Release),
                Then::Exit => self.exit(Ok(())),
            },
            (phase, event) => unreachable!("a driver answers what it was asked: {event:?} while {phase:?}"),
        }
    }
}

fn origin(partition: &Partition, offset: Offset) -> String {
    format!("{}/{}/{offset}", partition.topic, partition.index)
}

fn closed(outcome: Outcome, bytes: u64, crc32: Option<u32>) -> Happening {
    Happening::Closed {
        outcome,
        bytes_in: bytes,
        bytes_out: bytes,
        lines: 0,
        rows: 0,
        malformed: 0,
        crc32: crc32.map(|sum| format!("{sum:08x}")),
        found: None,
        evidence: None,
        quarantine: None,
    }
}
