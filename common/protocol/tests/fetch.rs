//! The fetcher's worker against a log and stores in memory that fail in every way they can: whatever happens, each
//! byte of a file is live in `raw` exactly once and in order, and each file ends exactly once.

use bytes::Bytes;
use logmill_core::event::{Event as Happening, LedgerRecord};
use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{End, FileId, FileMeta, Load, Offset, Plan, Seq};
use logmill_protocol::fetch::{Answer, Ask, Fetch, Fetched, Item, Lane, Options, Order, Position, Task};
use logmill_protocol::{Action, Committed, Event, Failure, Incoming, Machine, Outgoing, Partition};
use std::collections::{BTreeMap, VecDeque};

/// A small generator (SplitMix64), so that a seed is a whole schedule.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// Stands in for CRC-32: the machine only carries the sums.
fn sum(before: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(before, |s, b| s.wrapping_mul(16_777_619) ^ u32::from(*b))
}

const RAW_BYTES: u32 = 4;

fn file(n: u64, length: u64) -> FileMeta {
    let path = format!("/logs/{n}");
    let plan = Plan { raw_bytes: RAW_BYTES, ..Plan::default() };
    let file_id = FileId::of("a", path.as_bytes(), length, n);
    FileMeta {
        file_id,
        load: Load(0),
        cluster: "a".into(),
        path,
        path_bytes: None,
        length,
        modified_ms: n,
        app: String::new(),
        plan,
    }
}

fn content(file: &FileMeta) -> Vec<u8> {
    (0..file.length).map(|i| (i * 7 + file.modified_ms) as u8).collect()
}

fn options() -> Options {
    Options {
        raw: Lane::new("raw", 2),
        file_events: Lane::new("file-events", 1),
        dead_letters: Lane::new("dead-letters", 1),
        open_files: 3,
        batch_bytes: 12,
        metadata_bytes: 200,
    }
}

/// What outlives a process.
#[derive(Default)]
struct Log {
    topics: BTreeMap<Partition, Vec<logmill_core::wire::Record>>,
    committed: BTreeMap<Partition, Committed>,
}

impl Log {
    fn with_tasks(files: &[FileMeta], partitions: i32) -> Self {
        let mut log = Self::default();
        for index in 0..partitions {
            log.topics.insert(Partition::new("tasks.a", index), Vec::new());
        }
        for file in files {
            let partition = Partition::new("tasks.a", file.file_id.partition(partitions));
            log.topics.get_mut(&partition).unwrap().push(Task::new(file.clone()).encode());
        }
        log
    }

    fn tasks(&self) -> Vec<Partition> {
        self.topics.keys().filter(|p| &*p.topic == "tasks.a").cloned().collect()
    }

    fn apply(&mut self, sent: &mut Vec<Outgoing>, positions: Vec<(Partition, Committed)>) {
        for outgoing in sent.drain(..) {
            self.topics.entry(outgoing.partition).or_default().push(outgoing.record);
        }
        for (partition, committed) in positions {
            assert!(committed.metadata.len() <= 200, "the metadata has its limit: {}", committed.metadata);
            let before = self.committed.insert(partition.clone(), committed.clone());
            let is_before =
                |a: &Committed, b: &Committed| Position::decode(a).unwrap().next <= Position::decode(b).unwrap().next;
            assert!(before.is_none_or(|b| is_before(&b, &committed)), "{partition}: H goes back");
        }
    }

    fn is_done(&self) -> bool {
        self.tasks().iter().all(|p| {
            let end = Offset(self.topics[p].len() as i64);
            end == Offset(0)
                || self.committed.get(p).is_some_and(|c| {
                    let position = Position::decode(c).unwrap();
                    position.open.is_empty() && position.next == end
                })
        })
    }

    fn on<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a logmill_core::wire::Record> {
        self.topics.iter().filter(move |(p, _)| &*p.topic == topic).flat_map(|(_, records)| records)
    }
}

/// How often things go wrong, as one in so many steps; 0 is never.
#[derive(Clone, Copy)]
struct Faults {
    crash: u64,
    fail: u64,
    revoke: u64,
    park: u64,
    change: u64,
}

/// One process: what dies with it.
struct Process {
    machine: Fetch,
    next: Option<Event<Answer>>,
    assigned: bool,
    /// Where each partition is read.
    reading: BTreeMap<Partition, Offset>,
    sent: Vec<Outgoing>,
    orders: Vec<(Order, OrderState)>,
    /// Items of orders that were discarded may still come.
    stale: VecDeque<Item>,
}

struct OrderState {
    next: Seq,
    crc32: u32,
}

impl Process {
    fn new() -> Self {
        Self {
            machine: Fetch::new(options()),
            next: Some(Event::Start),
            assigned: false,
            reading: BTreeMap::new(),
            sent: Vec::new(),
            orders: Vec::new(),
            stale: VecDeque::new(),
        }
    }

    fn poll(&mut self, log: &Log, dice: &mut Dice, faults: Faults) -> Event<Answer> {
        if !self.assigned {
            self.assigned = true;
            return Event::Assigned(log.tasks());
        }
        if faults.revoke > 0 && dice.one_in(faults.revoke) {
            return Event::Revoked;
        }
        let readable: Vec<Partition> = self
            .reading
            .iter()
            .filter(|(p, at)| (at.0 as usize) < log.topics[*p].len())
            .map(|(p, _)| p.clone())
            .collect();
        if readable.is_empty() || dice.one_in(3) {
            return Event::Idle;
        }
        let partition = readable[dice.roll(readable.len() as u64) as usize].clone();
        let at = self.reading.get_mut(&partition).unwrap();
        let offset = *at;
        *at = at.next();
        let record = log.topics[&partition][offset.0 as usize].clone();
        Event::Record(Incoming { partition, offset, timestamp_ms: 0, record })
    }

    fn items(&mut self, bytes: usize, dice: &mut Dice, faults: Faults) -> Vec<Item> {
        let mut items: Vec<Item> = self.stale.drain(..).collect();
        let mut taken = 0;
        while !self.orders.is_empty() && taken < bytes && !dice.one_in(4) {
            let pick = dice.roll(self.orders.len() as u64) as usize;
            let (order, state) = &mut self.orders[pick];
            let ticket = order.ticket;
            let bytes = content(&order.file);
            let from = (state.next.0 * u64::from(RAW_BYTES)) as usize;
            let what = if faults.change > 0 && dice.one_in(faults.change) {
                Fetched::Changed("another length".into())
            } else if faults.park > 0 && state.next.0 > 0 && dice.one_in(faults.park) {
                Fetched::Unreachable("no answer".into())
            } else if from >= bytes.len() {
                Fetched::End
            } else {
                let chunk = &bytes[from..bytes.len().min(from + RAW_BYTES as usize)];
                if let Some(parked) = order.parked.filter(|p| p.seq == state.next) {
                    assert_eq!(parked.crc32, state.crc32, "the sum of the parked position");
                }
                state.crc32 = sum(state.crc32, chunk);
                state.next = state.next.next();
                taken += chunk.len();
                Fetched::Chunk(Bytes::copy_from_slice(chunk), state.crc32)
            };
            if !matches!(what, Fetched::Chunk(..)) {
                self.orders.swap_remove(pick);
            }
            items.push(Item { ticket, what });
        }
        items
    }

    /// One step; false when the process died of it.
    fn step(&mut self, log: &mut Log, dice: &mut Dice, faults: Faults) -> bool {
        let event = self.next.take().expect("every action has its event");
        let action = self.machine.step(0, event);
        if faults.crash > 0 && dice.one_in(faults.crash) {
            // The commit may have arrived all the same.
            if let Action::Commit(positions) = action
                && dice.one_in(2)
            {
                log.apply(&mut self.sent, positions);
            }
            return false;
        }
        let fails = faults.fail > 0 && dice.one_in(faults.fail);
        let failure = || Failure::Abort("a fault".into());
        let event = match action {
            Action::Poll => self.poll(log, dice, faults),
            Action::Read(partitions) => {
                assert!(self.sent.is_empty(), "positions are read when nothing is open");
                Event::Positions(partitions.into_iter().map(|p| (p.clone(), log.committed.get(&p).cloned())).collect())
            }
            Action::Assign(partitions) => {
                self.reading = partitions.into_iter().collect();
                Event::Done
            }
            Action::Release => {
                self.reading.clear();
                self.assigned = false;
                Event::Done
            }
            Action::Begin | Action::Send(_) if fails => Event::Failed(failure()),
            Action::Begin => Event::Done,
            Action::Send(outgoing) => {
                self.sent.push(outgoing);
                Event::Done
            }
            Action::Commit(positions) if fails => {
                if dice.one_in(2) {
                    log.apply(&mut self.sent, positions);
                    Event::Failed(Failure::Unknown("no answer".into()))
                } else {
                    Event::Failed(failure())
                }
            }
            Action::Commit(positions) => {
                log.apply(&mut self.sent, positions);
                Event::Done
            }
            Action::Abort | Action::Renew => {
                self.sent.clear();
                Event::Done
            }
            Action::Other(Ask::Open(order)) => {
                let state = OrderState { next: order.from, crc32: order.crc32 };
                self.orders.push((order, state));
                Event::Other(Answer::Done)
            }
            Action::Other(Ask::Discard) => {
                let late = self.orders.drain(..).map(|(o, _)| Item { ticket: o.ticket, what: Fetched::End });
                self.stale.extend(late);
                Event::Other(Answer::Done)
            }
            Action::Other(Ask::Next { bytes, .. }) => Event::Other(Answer::Items(self.items(bytes, dice, faults))),
            Action::Exit(why) => panic!("the machine ended: {why:?}"),
        };
        self.next = Some(event);
        true
    }
}

/// Runs a schedule to its end and checks the whole log. Returns how many files parked.
fn check(seed: u64, files: &[FileMeta], faults: Faults) -> usize {
    let mut dice = Dice(seed);
    let mut log = Log::with_tasks(files, 2);
    let mut process = Process::new();
    for step in 0.. {
        assert!(step < 200_000, "seed {seed}: the files do not end");
        // Faults stop after a while: from every state things must complete.
        let none = Faults { crash: 0, fail: 0, revoke: 0, park: 0, change: 0 };
        let faults = if step < 3_000 { faults } else { none };
        if !process.step(&mut log, &mut dice, faults) {
            process = Process::new();
        }
        if log.is_done() {
            break;
        }
    }
    for file in files {
        check_file(seed, &log, file);
    }
    log.on("raw").filter(|r| WireChunk::decode(r).unwrap().kind == Kind::Park).count()
}

fn check_file(seed: u64, log: &Log, file: &FileMeta) {
    let of_file = |r: &&logmill_core::wire::Record| r.file_id() == Ok(file.file_id);
    let chunks: Vec<WireChunk> = log.on("raw").filter(of_file).map(|r| WireChunk::decode(r).unwrap()).collect();
    let context = || format!("seed {seed}, file {} of {} bytes: {chunks:?}", file.path, file.length);
    let (mut next, mut live, mut parked, mut ended) = (Seq(0), Vec::new(), Seq(0), false);
    for chunk in &chunks {
        assert!(!ended, "something stands after the end; {}", context());
        assert_eq!(chunk.seq, next, "a gap or a repeat; {}", context());
        assert_eq!(chunk.file.is_some(), chunk.seq == Seq(0), "the first chunk describes the file; {}", context());
        assert_eq!(chunk.silent, chunk.seq < parked, "silent up to the parked position; {}", context());
        match chunk.kind {
            Kind::Data => {
                if !chunk.silent {
                    live.extend_from_slice(&chunk.payload);
                }
                next = next.next();
            }
            Kind::Park => {
                parked = parked.max(next);
                next = Seq(0);
            }
            Kind::End(_) => ended = true,
        }
    }
    assert!(ended, "no end; {}", context());
    let complete = chunks.last().unwrap().kind == Kind::End(End::Complete);
    if complete {
        assert_eq!(live, content(file), "the live bytes are the file's; {}", context());
    } else {
        assert!(content(file).starts_with(&live), "the live bytes begin the file; {}", context());
    }
    let events: Vec<Happening> = log
        .on("file-events")
        .filter(of_file)
        .map(|r| serde_json::from_slice::<LedgerRecord>(&r.payload).unwrap().event)
        .collect();
    assert_eq!(events.iter().filter(|e| **e == Happening::Opened).count(), 1, "opened once; {events:?}");
    let Some(Happening::Closed { crc32, bytes_out, .. }) = events.last() else { panic!("closed last: {events:?}") };
    assert_eq!(events.iter().filter(|e| matches!(e, Happening::Closed { .. })).count(), 1, "{events:?}");
    let wanted = complete.then(|| format!("{:08x}", sum(0, &live)));
    assert_eq!((crc32, *bytes_out), (&wanted, live.len() as u64), "seed {seed}");
    assert_eq!(log.on("dead-letters").filter(of_file).count(), usize::from(!complete), "seed {seed}");
}

fn seven_files() -> Vec<FileMeta> {
    [0, 1, 4, 9, 16, 37, 61].into_iter().enumerate().map(|(n, length)| file(n as u64, length)).collect()
}

const NONE: Faults = Faults { crash: 0, fail: 0, revoke: 0, park: 0, change: 0 };

#[test]
fn without_faults_every_file_arrives() {
    assert_eq!(check(1, &seven_files(), NONE), 0);
}

#[test]
fn whatever_happens_each_byte_is_live_once_and_each_file_ends_once() {
    let mut parks = 0;
    for seed in 0..6_000 {
        let mut dice = Dice(seed);
        let mut pick = |sides: u64| [0, sides, sides * 4][dice.roll(3) as usize];
        let faults = Faults { crash: pick(15), fail: pick(8), revoke: pick(12), park: pick(6), change: pick(60) };
        parks += check(seed, &seven_files(), faults);
    }
    assert!(parks > 6_000, "the schedules park files: {parks}");
}

#[test]
fn no_more_files_are_open_than_their_positions_fit() {
    let files: Vec<FileMeta> = (0..600).map(|n| file(n, 8)).collect();
    let faults = Faults { fail: 50, crash: 400, ..NONE };
    check(7, &files, faults);
}

#[test]
fn what_is_no_task_is_a_dead_letter_and_the_others_go_on() {
    let files = seven_files();
    let mut log = Log::with_tasks(&files, 1);
    let garbage = logmill_core::wire::Record { payload: Bytes::from_static(b"{"), ..Default::default() };
    log.topics.get_mut(&Partition::new("tasks.a", 0)).unwrap().insert(2, garbage);
    let (mut process, mut dice) = (Process::new(), Dice(3));
    for _ in 0..10_000 {
        assert!(process.step(&mut log, &mut dice, NONE));
    }
    assert!(log.is_done());
    files.iter().for_each(|file| check_file(3, &log, file));
    let letter = log.on("dead-letters").next().expect("a dead letter");
    assert_eq!(letter.header("origin").unwrap(), "tasks.a/0/2");
    assert_eq!(&letter.payload[..], b"{");
}
