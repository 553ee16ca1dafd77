//! One task for each file of a cluster, ever.
//!
//! What is known of a cluster's files is in the log (`{chain}.known.{cluster}`, compacted), written in the transaction
//! of the tasks. Two listers of a cluster have one `transactional.id`: the younger fences the older, and reads what is
//! known only then, so that no task of the older is missing in it.
//!
//! The order of tasks on a topic is that in which they are done, so no more of them are made than fetchers need to be
//! busy: further files are held back, the best of them in memory ([`Held`]), and the others are found again by the next scan.

use super::held::{Held, Rank, Waiting};
use super::records::Lane;
use super::task::Task;
use crate::log::{Action, Event, Failure, Machine, Outgoing};
use bytes::Bytes;
use logmill_core::wire::Record;
use logmill_core::{FileId, FileMeta, Plan};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};

/// Names the application of a path, and makes the plan of its file.
pub type PlanFor = Box<dyn Fn(&str) -> (String, Plan) + Send>;
/// Says where a file stands among those that wait, at a time in ms since 1970.
pub type RankFor = Box<dyn Fn(&Listed, u64) -> Rank + Send>;

/// Says whether a file is to get no task for now, since its text would lead where too much waits.
pub type Withheld = Box<dyn Fn(&Listed) -> bool + Send>;

/// What a lister is told once.
pub struct ListerOptions {
    pub cluster: String,
    pub tasks: Lane,
    /// The tasks of files whose rank is backfill; as many partitions.
    pub backfill: Lane,
    pub known: Lane,
    pub plan_for: PlanFor,
    pub rank_for: RankFor,
    /// Asked of each file that may have a task. One that is withheld is found again by the next scan.
    pub withheld: Withheld,
    /// The tasks of each lane that wait for a fetcher, about; files beyond are held back.
    pub ahead: u64,
    /// The most files of each lane that are held back in memory.
    pub held: usize,
    /// How many scans in a row must see a file with the same length and time before it counts as closed; at least 1.
    pub settle: u8,
    /// How long, in ms, a known file must be out of every listing before it is forgotten.
    pub forget_ms: u64,
    /// The most files in one transaction.
    pub batch: usize,
}

/// A file in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub path: String,
    pub length: u64,
    pub modified_ms: u64,
}

/// What the lister wants beyond the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListerAsk {
    /// The ids on the topic of known files, read up to the high watermark as a read-uncommitted reader sees it when
    /// this is asked (so after the older lister was fenced); an id whose last value is null is not among them.
    /// Answer: [`ListerAnswer::Known`].
    Known,
    /// The next files of the scan; after its end, wait for the time of the next scan and begin that; but for no longer
    /// than this, where it is given.
    /// Answer: [`ListerAnswer::Files`], `ScanEnd`, `ScanFailed`, `Idle` or `Stop`.
    List { wait_ms: Option<u64> },
    /// How many tasks stand on the topics of the cluster that no fetcher has taken. Answer: [`ListerAnswer::Waiting`].
    Waiting,
}

/// What the lister hears beyond the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListerAnswer {
    Known(Vec<FileId>),
    /// Some files: closed by their names and of the patterns wanted.
    Files(Vec<Listed>),
    /// The scan saw all there is.
    ScanEnd,
    /// The scan broke off; what it did not see says nothing.
    ScanFailed,
    /// It is not yet time for the next scan.
    Idle,
    Waiting(Waiting),
    /// The lister is not wanted any more.
    Stop,
}

/// The machine. Holds 24 bytes for each file in sight, the descriptions of those that are held back, of tasks that are being
/// sent, and of one batch of a listing.
pub struct Lister {
    options: ListerOptions,
    phase: Phase,
    /// The files in sight.
    files: HashMap<Key, Sight>,
    /// How many of them have a task.
    known: usize,
    /// Files that are closed and have no task yet.
    held: Held,
    /// Files that this scan, and the one before, found withheld.
    withholding: usize,
    withheld: usize,
    /// Those that get one now, in order.
    due: VecDeque<(Rank, FileId, Listed)>,
    /// When the tasks that wait are to be counted again.
    count_at: u64,
    /// The number of the current scan, and a time at or before its beginning.
    scan: u32,
    scan_since: u64,
    /// What the open transaction still sends, the files in it, and what is to be forgotten once it is committed.
    outbox: VecDeque<Outgoing>,
    changes: usize,
    forgotten: Vec<FileId>,
    /// Ids to forget, found at the end of a scan.
    gone: Vec<FileId>,
}

/// While files are held back, the tasks that wait are counted so often, in ms.
const COUNT_EVERY: u64 = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Knowing,
    Listing,
    Counting,
    Beginning,
    Sending,
    Committing,
    Ended,
}

/// A file id in two halves: aligned so, an entry of the map has 24 bytes instead of 32.
type Key = [u64; 2];

fn key(id: FileId) -> Key {
    [(id.0 >> 64) as u64, id.0 as u64]
}

fn id(key: Key) -> FileId {
    FileId(u128::from(key[0]) << 64 | u128::from(key[1]))
}

/// What is known of a file in sight, in 8 bytes: above, how many scans in a row have seen it like this ([`Sight::KNOWN`]: it
/// has a task); below, the last scan that saw it, or the time of that where it has a task.
#[derive(Clone, Copy)]
struct Sight(u64);

impl Sight {
    const KNOWN: u8 = u8::MAX;
    const BELOW: u64 = u64::MAX >> 8;

    fn new(count: u8, at: u64) -> Self {
        Self(u64::from(count) << 56 | at & Self::BELOW)
    }

    fn known(seen_ms: u64) -> Self {
        Self::new(Self::KNOWN, seen_ms)
    }

    fn count(self) -> u8 {
        (self.0 >> 56) as u8
    }

    fn at(self) -> u64 {
        self.0 & Self::BELOW
    }

    fn is_known(self) -> bool {
        self.count() == Self::KNOWN
    }
}

/// The value on the topic of known files: for people.
#[derive(Serialize)]
struct KnownFile<'a> {
    path: &'a str,
    length: u64,
    modified_ms: u64,
}

impl Lister {
    #[must_use]
    pub fn new(options: ListerOptions) -> Self {
        assert!(
            options.settle >= 1 && options.settle < Sight::KNOWN && options.batch >= 1,
            "a lister sees a file once at least"
        );
        assert!(options.backfill.partitions == options.tasks.partitions, "the lanes of a cluster are alike");
        let held = Held::new(options.tasks.partitions, options.held);
        Self {
            options,
            phase: Phase::Starting,
            files: HashMap::new(),
            known: 0,
            held,
            withholding: 0,
            withheld: 0,
            due: VecDeque::new(),
            count_at: 0,
            scan: 0,
            scan_since: 0,
            outbox: VecDeque::new(),
            changes: 0,
            forgotten: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// How many files have a task.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known
    }

    /// How many files that may have a task are held back; beyond those, the next scans find more.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many files may have a task but for where they lead, as the last whole scan found them.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.withheld
    }

    fn act(&mut self, phase: Phase, action: Action<ListerAsk>) -> Action<ListerAsk> {
        self.phase = phase;
        action
    }

    /// Sends what is due; else counts what waits, where files are held back; else lists on.
    fn go(&mut self, now_ms: u64) -> Action<ListerAsk> {
        while self.changes < self.options.batch {
            if let Some((rank, id, file)) = self.due.pop_front() {
                if (self.options.withheld)(&file) {
                    continue;
                }
                self.make_task(rank, id, file, now_ms);
            } else if let Some(id) = self.gone.pop() {
                self.forget(id);
            } else {
                break;
            }
        }
        if self.changes > 0 {
            return self.act(Phase::Beginning, Action::Begin);
        }
        if self.held.len() == 0 {
            return self.act(Phase::Listing, Action::Other(ListerAsk::List { wait_ms: None }));
        }
        if now_ms >= self.count_at {
            return self.act(Phase::Counting, Action::Other(ListerAsk::Waiting));
        }
        let wait_ms = Some(self.count_at - now_ms);
        self.act(Phase::Listing, Action::Other(ListerAsk::List { wait_ms }))
    }

    fn look(&mut self, listed: Listed, now_ms: u64) {
        let file_id = FileId::of(&self.options.cluster, listed.path.as_bytes(), listed.length, listed.modified_ms);
        let sight = self.files.entry(key(file_id)).or_insert(Sight::new(0, self.scan.into()));
        if sight.is_known() {
            *sight = Sight::known(now_ms);
            return;
        }
        if sight.count() == 0 || sight.at() != u64::from(self.scan) {
            *sight = Sight::new((sight.count() + 1).min(self.options.settle), self.scan.into());
        }
        if sight.count() >= self.options.settle {
            if (self.options.withheld)(&listed) {
                self.withholding += 1;
                return;
            }
            if self.held.len() == 0 {
                // What comes within a moment is put in order.
                self.count_at = now_ms + COUNT_EVERY;
            }
            let rank = (self.options.rank_for)(&listed, now_ms);
            self.held.hold(rank, file_id, listed, self.scan);
        }
    }

    fn make_task(&mut self, rank: Rank, file_id: FileId, file: Listed, now_ms: u64) {
        let Some(sight) = self.files.get_mut(&key(file_id)).filter(|sight| !sight.is_known()) else { return };
        *sight = Sight::known(now_ms);
        self.known += 1;
        self.changes += 1;
        let Listed { path, length, modified_ms } = file;
        let known = KnownFile { path: &path, length, modified_ms };
        let known = Record {
            key: file_id.to_string().into(),
            headers: Vec::new(),
            payload: serde_json::to_vec(&known).expect("a known file is plain data").into(),
        };
        let (app, plan) = (self.options.plan_for)(&path);
        let cluster = self.options.cluster.clone();
        let file = FileMeta { length, modified_ms, app, ..FileMeta::new(file_id, cluster, path, plan) };
        let lane = if rank.backfill { &self.options.backfill } else { &self.options.tasks };
        self.outbox.push_back(lane.of(&file, Task::new(file.clone()).encode()));
        self.outbox.push_back(self.options.known.of(&file, known));
    }

    fn forget(&mut self, id: FileId) {
        let record = Record { key: id.to_string().into(), headers: Vec::new(), payload: Bytes::new() };
        self.outbox.push_back(self.options.known.at(id.partition(self.options.known.partitions), record));
        self.changes += 1;
        self.forgotten.push(id);
    }

    fn scan_end(&mut self, now_ms: u64) -> Action<ListerAsk> {
        let scan = u64::from(self.scan);
        self.held.seen(self.scan);
        self.withheld = std::mem::take(&mut self.withholding);
        self.files.retain(|_, sight| sight.is_known() || sight.at() == scan);
        if self.files.len() < self.files.capacity() / 4 {
            self.files.shrink_to_fit();
        }
        let (since, forget_ms) = (self.scan_since, self.options.forget_ms);
        // However long the scan took: what it has seen is there.
        let is_gone = |seen: u64| seen < since && now_ms.saturating_sub(seen) > forget_ms;
        let gone = self.files.iter().filter(|(_, sight)| sight.is_known() && is_gone(sight.at()));
        self.gone = gone.map(|(key, _)| id(*key)).collect();
        self.scan = self.scan.wrapping_add(1);
        self.scan_since = now_ms;
        self.count_at = now_ms;
        self.go(now_ms)
    }

    fn committed(&mut self, now_ms: u64) -> Action<ListerAsk> {
        self.changes = 0;
        for id in self.forgotten.drain(..) {
            self.known -= usize::from(self.files.remove(&key(id)).is_some());
        }
        self.go(now_ms)
    }
}

impl Machine for Lister {
    type Ask = ListerAsk;
    type Answer = ListerAnswer;

    fn step(&mut self, now_ms: u64, event: Event<ListerAnswer>) -> Action<ListerAsk> {
        match (self.phase, event) {
            // Whatever it was: what is known may be another lister's by now. Whoever starts this one decides whether to
            // start it again, with a producer initialised anew and what is known read anew.
            (_, Event::Failed(failure)) => {
                let (Failure::Abort(why) | Failure::Fenced(why) | Failure::Unknown(why) | Failure::Fatal(why)) =
                    failure;
                let why = format!("{why} (while {:?})", self.phase);
                self.act(Phase::Ended, Action::Exit(Err(why)))
            }
            (Phase::Starting, Event::Start) => self.act(Phase::Knowing, Action::Other(ListerAsk::Known)),
            (Phase::Knowing, Event::Other(ListerAnswer::Known(ids))) => {
                self.files = ids.into_iter().map(|id| (key(id), Sight::known(now_ms))).collect();
                self.known = self.files.len();
                self.scan_since = now_ms;
                self.go(now_ms)
            }
            (Phase::Listing, Event::Other(answer)) => match answer {
                ListerAnswer::Files(files) => {
                    files.into_iter().for_each(|file| self.look(file, now_ms));
                    self.go(now_ms)
                }
                ListerAnswer::ScanEnd => self.scan_end(now_ms),
                ListerAnswer::Stop => self.act(Phase::Ended, Action::Exit(Ok(()))),
                _ => self.go(now_ms),
            },
            (Phase::Counting, Event::Other(ListerAnswer::Waiting(waiting))) => {
                self.due = self.held.take(&waiting, self.options.ahead).into();
                self.count_at = now_ms + COUNT_EVERY;
                self.go(now_ms)
            }
            (Phase::Beginning | Phase::Sending, Event::Done) => match self.outbox.pop_front() {
                Some(outgoing) => self.act(Phase::Sending, Action::Send(outgoing)),
                None => self.act(Phase::Committing, Action::Commit(Vec::new())),
            },
            (Phase::Committing, Event::Done) => self.committed(now_ms),
            (Phase::Knowing | Phase::Counting, Event::Other(ListerAnswer::Stop)) => {
                self.act(Phase::Ended, Action::Exit(Ok(())))
            }
            (phase, event) => unreachable!("a driver answers what it was asked: {event:?} while {phase:?}"),
        }
    }
}
