//! One task for each file of a cluster, ever.
//!
//! What is known of a cluster's files is in the log (`{chain}.known.{cluster}`, compacted), written in the transaction
//! of the tasks. Two listers of a cluster have one `transactional.id`: the younger fences the older, and reads what is
//! known only then, so that no task of the older is missing in it.

use super::records::Lane;
use super::task::Task;
use crate::log::{Action, Event, Failure, Machine, Outgoing};
use bytes::Bytes;
use logmill_core::wire::Record;
use logmill_core::{FileId, FileMeta, Load, Plan};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};

/// Names the application of a path, and makes the plan of its file.
pub type PlanFor = Box<dyn Fn(&str) -> (String, Plan) + Send>;

/// What a lister is told once.
pub struct ListerOptions {
    pub cluster: String,
    pub tasks: Lane,
    pub known: Lane,
    pub plan_for: PlanFor,
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
    /// The next files of the scan; after its end, wait for the time of the next scan and begin that.
    /// Answer: [`ListerAnswer::Files`], `ScanEnd`, `ScanFailed` or `Stop`.
    List,
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
    /// The lister is not wanted any more.
    Stop,
}

/// The machine. Holds 16 bytes and a time for each file in sight, and the descriptions of one batch.
pub struct Lister {
    options: ListerOptions,
    phase: Phase,
    /// Files that have a task, by the time they were last seen (or read from the log).
    known: HashMap<FileId, u64>,
    /// Files that may still be written: how many scans in a row have seen them like this, and which was the last.
    settling: HashMap<FileId, (u8, u32)>,
    /// The number of the current scan, and a time at or before its beginning.
    scan: u32,
    scan_since: u64,
    /// Files of the listing that were not looked at yet.
    batch: VecDeque<Listed>,
    /// What the open transaction still sends, and what it changes in `known` once it is committed.
    outbox: VecDeque<Outgoing>,
    changes: Vec<(FileId, bool)>,
    /// Ids to forget, found at the end of a scan.
    gone: Vec<FileId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Knowing,
    Listing,
    Beginning,
    Sending,
    Committing,
    Ended,
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
        assert!(options.settle >= 1 && options.batch >= 1, "a lister sees a file once at least");
        Self {
            options,
            phase: Phase::Starting,
            known: HashMap::new(),
            settling: HashMap::new(),
            scan: 0,
            scan_since: 0,
            batch: VecDeque::new(),
            outbox: VecDeque::new(),
            changes: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// How many files have a task.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known.len()
    }

    fn act(&mut self, phase: Phase, action: Action<ListerAsk>) -> Action<ListerAsk> {
        self.phase = phase;
        action
    }

    /// Looks at the rest of the batch; sends what is new, else lists on.
    fn go(&mut self, now_ms: u64) -> Action<ListerAsk> {
        while self.changes.len() < self.options.batch {
            let Some(listed) = self.batch.pop_front() else { break };
            self.look(listed, now_ms);
        }
        while self.changes.len() < self.options.batch {
            let Some(id) = self.gone.pop() else { break };
            self.forget(id);
        }
        if self.changes.is_empty() {
            self.act(Phase::Listing, Action::Other(ListerAsk::List))
        } else {
            self.act(Phase::Beginning, Action::Begin)
        }
    }

    fn look(&mut self, listed: Listed, now_ms: u64) {
        let Listed { path, length, modified_ms } = listed;
        let file_id = FileId::of(&self.options.cluster, path.as_bytes(), length, modified_ms);
        if let Some(seen) = self.known.get_mut(&file_id) {
            *seen = now_ms;
            return;
        }
        let (count, last) = self.settling.entry(file_id).or_insert((0, self.scan));
        if *count == 0 || *last != self.scan {
            *count += 1;
            *last = self.scan;
        }
        if *count < self.options.settle {
            return;
        }
        self.settling.remove(&file_id);
        let known = KnownFile { path: &path, length, modified_ms };
        let known = Record {
            key: file_id.to_string().into(),
            headers: Vec::new(),
            payload: serde_json::to_vec(&known).expect("a known file is plain data").into(),
        };
        let (app, plan) = (self.options.plan_for)(&path);
        let cluster = self.options.cluster.clone();
        let file = FileMeta {
            file_id,
            load: Load(0),
            cluster,
            path,
            path_bytes: None,
            archive: None,
            length,
            modified_ms,
            app,
            plan,
        };
        self.outbox.push_back(self.options.tasks.of(&file, Task::new(file.clone()).encode()));
        self.outbox.push_back(self.options.known.of(&file, known));
        self.changes.push((file_id, true));
        // So that a second listing of the path within the batch makes no second task.
        self.known.insert(file_id, now_ms);
    }

    fn forget(&mut self, id: FileId) {
        let record = Record { key: id.to_string().into(), headers: Vec::new(), payload: Bytes::new() };
        self.outbox.push_back(self.options.known.at(id.partition(self.options.known.partitions), record));
        self.changes.push((id, false));
    }

    fn scan_end(&mut self, now_ms: u64) -> Action<ListerAsk> {
        let scan = self.scan;
        self.settling.retain(|_, (_, last)| *last == scan);
        let (since, forget_ms) = (self.scan_since, self.options.forget_ms);
        // However long the scan took: what it has seen is there.
        let is_gone = |seen: u64| seen < since && now_ms.saturating_sub(seen) > forget_ms;
        self.gone = self.known.iter().filter(|(_, seen)| is_gone(**seen)).map(|(id, _)| *id).collect();
        self.scan = self.scan.wrapping_add(1);
        self.scan_since = now_ms;
        self.go(now_ms)
    }

    fn committed(&mut self, now_ms: u64) -> Action<ListerAsk> {
        for (id, _) in self.changes.drain(..).filter(|(_, taken)| !taken) {
            self.known.remove(&id);
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
                self.known = ids.into_iter().map(|id| (id, now_ms)).collect();
                self.scan_since = now_ms;
                self.go(now_ms)
            }
            (Phase::Listing, Event::Other(answer)) => match answer {
                ListerAnswer::Files(files) => {
                    self.batch.extend(files);
                    self.go(now_ms)
                }
                ListerAnswer::ScanEnd => self.scan_end(now_ms),
                ListerAnswer::ScanFailed | ListerAnswer::Known(_) => self.go(now_ms),
                ListerAnswer::Stop => self.act(Phase::Ended, Action::Exit(Ok(()))),
            },
            (Phase::Beginning | Phase::Sending, Event::Done) => match self.outbox.pop_front() {
                Some(outgoing) => self.act(Phase::Sending, Action::Send(outgoing)),
                None => self.act(Phase::Committing, Action::Commit(Vec::new())),
            },
            (Phase::Committing, Event::Done) => self.committed(now_ms),
            (Phase::Knowing, Event::Other(ListerAnswer::Stop)) => self.act(Phase::Ended, Action::Exit(Ok(()))),
            (phase, event) => unreachable!("a driver answers what it was asked: {event:?} while {phase:?}"),
        }
    }
}
