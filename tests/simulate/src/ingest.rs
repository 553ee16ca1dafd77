//! The machine that brings chunks straight into a database, on the simulated log and the simulated database: workers crash,
//! hang, wake up and lose answers, chunks kill, INSERTs arrive late, twice or in part, the database dies.
//!
//! At the end each file's rows are exactly those that its chunks ask for, each is there once, and so is each event and
//! dead letter.

use crate::campaign::{Schedule, counts, without_each};
use crate::check;
use crate::database::{Database, InsertCoverage, InsertRules, Row};
use crate::net::{Doing, Loose, Moved, Net, NetCoverage, Session};
use crate::stage::{Cut, Model};
use bytes::Bytes;
use logmill_core::wire::{Kind, WireChunk, header};
use logmill_core::{FileId, Seq};
use logmill_protocol::fetch::Lane;
use logmill_protocol::ingest::{Ingester, Landed, ROWS, Weaken};
use logmill_protocol::load::{Answer, Ask, Config, Insert};
use logmill_protocol::worker::{Options, Route, Routes, Snapshot};
use logmill_protocol::{Event, Machine as _, Partition};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What can be switched off, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaker {
    Machine(Weaken),
    Log(Loose),
    AntiJoin,
    /// The query id tells the process too.
    Epoch,
}

counts! {
    /// What the schedules ran through.
    pub struct Coverage {
        schedules: "schedules",
        kills: "deadly chunks",
        inserts: "INSERTs",
        silent_chunks: "silent chunks",
        takeovers_within_chunk: "takeovers within a chunk",
        takeovers_with_intent: "takeovers with an intent",
        decrees: "decrees",
        headless: "headless chunks",
        kept_states: "states kept over a rebalance",
    }
}

impl Coverage {
    fn count(&mut self, worker: &Snapshot) {
        self.silent_chunks += worker.silent_chunks;
        self.takeovers_within_chunk += worker.takeovers_within_chunk;
        self.decrees += worker.decrees;
        self.headless += worker.headless;
        self.kept_states += worker.kept_states;
    }
}

/// One schedule.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    pub files: u32,
    pub partitions: i32,
    pub workers: u32,
    pub faults: Vec<Fault>,
    pub weaker: Option<Weaker>,
    /// Tell every step on standard error.
    pub trace: bool,
}

/// Something that goes wrong, at a step or the first one after it where it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub step: u64,
    /// Which worker or INSERT, of those there are then.
    pub which: u32,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    Crash,
    /// Stops, is expelled, wakes up.
    Pause,
    Rebalance,
    /// The coordinator aborts its transaction.
    TimeOut,
    LoseAnswer,
    /// SIGTERM.
    Stop,
    /// The sender of an INSERT hears that the connection is lost.
    LoseInsert,
    /// An INSERT arrives twice.
    DoubleInsert,
    DatabaseDies,
    /// The database does nothing for a while.
    Silence,
}

/// Whether the database refuses a row for its data.
fn is_bad((file, line): Row) -> bool {
    ((file >> 3) as u64 ^ line).is_multiple_of(29)
}

const GROUP: &str = "second";
const TOPIC: &str = "in";
const PATIENCE: u64 = 120_000;

impl Schedule for Setup {
    type Rule = Weaker;
    type Coverage = (NetCoverage, (InsertCoverage, Coverage));

    fn of_seed(seed: u64, weaker: Option<Weaker>) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x1265);
        let count = rng.random_range(0..15);
        let mut faults: Vec<Fault> = (0..count)
            .map(|_| Fault {
                step: rng.random_range(1..3000),
                which: rng.random(),
                kind: match rng.random_range(0..20) {
                    0..5 => FaultKind::Crash,
                    5..7 => FaultKind::Pause,
                    7..9 => FaultKind::Rebalance,
                    9 => FaultKind::TimeOut,
                    10..13 => FaultKind::LoseAnswer,
                    13 => FaultKind::Stop,
                    14..16 => FaultKind::LoseInsert,
                    16..18 => FaultKind::DoubleInsert,
                    18 => FaultKind::Silence,
                    _ => FaultKind::DatabaseDies,
                },
            })
            .collect();
        faults.sort_by_key(|f| f.step);
        let (files, partitions, workers) = (rng.random_range(1..6), rng.random_range(1..4), rng.random_range(1..4));
        Self { seed, files, partitions, workers, faults, weaker, trace: false }
    }

    fn run(&self) -> Result<Self::Coverage, String> {
        let mut world = World::new(self);
        world.run()?;
        world.coverage.schedules = 1;
        Ok((world.net.coverage, (world.database.coverage, world.coverage)))
    }

    fn traced(&self) -> Self {
        Self { trace: true, ..self.clone() }
    }

    fn smaller(&self) -> Vec<Self> {
        let fewer = without_each(&self.faults).map(|faults| Self { faults, ..self.clone() });
        let mut smaller: Vec<Self> = fewer.collect();
        for (files, partitions, workers) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            let mut less = self.clone();
            less.files -= files;
            less.partitions -= partitions;
            less.workers -= workers;
            smaller.push(less);
        }
        smaller.retain(|s| s.files > 0 && s.partitions > 0 && s.workers > 0);
        smaller
    }
}

/// One process.
struct Worker {
    session: Session<Ask, Answer>,
    slot: u32,
    machine: Ingester<Model<true>>,
    /// Set by a chunk that kills.
    killed: Arc<AtomicBool>,
}

struct World<'a> {
    setup: &'a Setup,
    net: Net,
    database: Database,
    workers: Vec<Worker>,
    /// Faults whose step has come, but not their occasion.
    due: Vec<Fault>,
    /// The database does nothing before this step.
    silent_until: u64,
    /// What each row holds: the same whoever sends it.
    contents: BTreeMap<Row, Bytes>,
    coverage: Coverage,
}

impl<'a> World<'a> {
    fn new(setup: &'a Setup) -> Self {
        let loose = match setup.weaker {
            Some(Weaker::Log(loose)) => Some(loose),
            _ => None,
        };
        let mut net = Net::new(setup.seed, loose);
        net.broker.topic(TOPIC, setup.partitions, Some(GROUP));
        for topic in ["events", "letters"] {
            net.broker.topic(topic, 1, None);
        }
        crate::files::write(&mut net, setup.files, setup.partitions, |_| {});
        let rules = InsertRules { anti_join: setup.weaker != Some(Weaker::AntiJoin), ..InsertRules::default() };
        let mut world = Self {
            setup,
            net,
            database: Database::new(rules),
            workers: Vec::new(),
            due: Vec::new(),
            silent_until: 0,
            contents: BTreeMap::new(),
            coverage: Coverage::default(),
        };
        for slot in 0..setup.workers {
            world.start(slot);
        }
        world
    }

    fn start(&mut self, slot: u32) {
        let member = self.net.member();
        let dies = |fault: &&Fault| matches!(fault.kind, FaultKind::Crash | FaultKind::Pause);
        let deaths = self.setup.faults.iter().filter(dies).count();
        let rng = &mut self.net.rng;
        let routes = Routes {
            product: Route::Topic(Lane::new(ROWS, 1)),
            file_events: Lane::new("events", 1),
            dead_letters: Lane::new("letters", 1),
        };
        // No two processes are configured alike.
        let options = Options {
            routes,
            transaction_bytes: 1,
            transaction_ms: 0,
            out_bytes: rng.random_range(1..40),
            metadata_bytes: if rng.random_ratio(1, 4) { 36 } else { 4096 },
            // Only what kills is rejected by decree, and not what happened to be there when a process crashed, or woke too late.
            attempts: 2 + u32::try_from(deaths).expect("a few faults"),
        };
        let config = Config {
            dead_letters: ("letters".into(), 1),
            contents: BTreeMap::new(),
            batch_bytes: 1 << 20,
            batch_records: rng.random_range(1..5),
            quiet_ms: 20,
            batch_ms: 30,
            budget_bytes: [700, 1 << 20][rng.random_range(0..2)],
            backoff_ms: (10, 40),
            grace_ms: 200,
        };
        let rule = match self.setup.weaker {
            Some(Weaker::Machine(rule)) => Some(rule),
            _ => None,
        };
        let killed: Arc<AtomicBool> = Arc::default();
        let dies = Arc::clone(&killed);
        let make = move || Model::<true> { killed: Arc::clone(&dies), cut: Cut::Plan };
        let chunk_bytes = [1, 30, 1 << 20][self.net.rng.random_range(0..3)];
        let machine = Ingester::weakened(make, options, config, chunk_bytes, rule);
        // One in three has no slot: its successor cannot end its transaction and has to wait for the coordinator.
        let id = if slot % 3 == 2 { format!("x{member}") } else { format!("{slot}") };
        self.workers.push(Worker { session: Session::new(id, Some(GROUP), member), slot, machine, killed });
    }

    fn run(&mut self) -> Result<(), String> {
        let mut faults = self.setup.faults.iter().peekable();
        loop {
            self.net.step += 1;
            while let Some(fault) = faults.next_if(|f| f.step <= self.net.step) {
                self.due.push(*fault);
            }
            for fault in std::mem::take(&mut self.due) {
                if !self.fault(fault) {
                    self.due.push(fault);
                }
            }
            self.act()?;
            if self.net.step.is_multiple_of(64) && faults.peek().is_none() && self.is_done() {
                break;
            }
            if self.net.step > PATIENCE {
                let doing: Vec<_> =
                    self.workers.iter().map(|w| format!("{}: {:?}", w.session.member, w.session.doing)).collect();
                let group = &self.net.broker.groups[GROUP];
                return Err(format!("not finished after {PATIENCE} steps:\n{}\n{group:?}", doing.join("\n")));
            }
        }
        // What is still on its way may do no harm either.
        while self.database.running() > 0 {
            self.database.advance(0, |_| false)?;
        }
        self.net.broker.settle();
        for worker in std::mem::take(&mut self.workers) {
            self.coverage.count(&worker.machine.snapshot());
        }
        self.check()
    }

    /// Lets somebody make one move.
    fn act(&mut self) -> Result<(), String> {
        match self.net.rng.random_range(0..100) {
            0..25 => {
                let workers = &self.workers;
                self.net.happen(&[GROUP], |id, epoch| workers.iter().any(|w| w.session.is(id, epoch)));
                return Ok(());
            }
            25..45 if self.database.running() > 0 && self.net.step >= self.silent_until => {
                let index = self.net.rng.random_range(0..self.database.running());
                let workers = &self.workers;
                let lives = |uid| workers.iter().any(|w| u64::from(w.session.member) == uid);
                let told = self.database.advance(index, lives)?;
                self.note(|| told);
                return Ok(());
            }
            _ => {}
        }
        let i = self.net.rng.random_range(0..self.workers.len());
        let worker = &mut self.workers[i];
        if worker.session.paused_until > self.net.step {
            return Ok(());
        }
        if matches!(&worker.session.doing, Doing::Performing(logmill_protocol::Action::Poll, _))
            && let Some(answer) = self.database.answer_to(worker.session.member.into())
        {
            worker.session.doing = Doing::Telling(Event::Other(answer));
        }
        match self.net.advance(&mut worker.session) {
            Moved::On => Ok(()),
            Moved::Tell(event) => self.tell(i, event),
            Moved::Ask(Ask::Insert(insert)) => {
                self.insert(i, &insert)?;
                self.workers[i].session.doing = Doing::Telling(Event::Done);
                Ok(())
            }
            Moved::Exit(Err(why)) => Err(format!("a worker gave up: {why}")),
            Moved::Exit(Ok(())) => {
                let worker = self.workers.swap_remove(i);
                self.coverage.count(&worker.machine.snapshot());
                self.net.leave(&worker.session);
                self.start(worker.slot);
                Ok(())
            }
        }
    }

    fn tell(&mut self, i: usize, event: Event<Answer>) -> Result<(), String> {
        if let Event::Positions(positions) = &event {
            let intents = positions.iter().filter(|(_, c)| c.as_ref().is_some_and(|c| c.metadata.contains('@')));
            self.coverage.takeovers_with_intent += intents.count() as u64;
        }
        let (step, worker) = (self.net.step, &mut self.workers[i]);
        let told = if self.setup.trace { format!("{event:?}") } else { String::new() };
        let action = worker.machine.step(step, event);
        if self.setup.trace {
            eprintln!("{step} {}: {told} -> {action:?}", worker.session.member);
        }
        worker.session.doing = Doing::Performing(action, 0);
        if worker.killed.load(Ordering::Relaxed) {
            self.coverage.kills += 1;
            worker.session.doing = Doing::Telling(Event::Idle);
            self.crash(i);
        }
        Ok(())
    }

    fn insert(&mut self, i: usize, insert: &Insert) -> Result<(), String> {
        self.coverage.inserts += 1;
        let uid = u64::from(self.workers[i].session.member);
        let mut id = insert.query_id("chain");
        if self.setup.weaker == Some(Weaker::Epoch) {
            id += &format!(":{uid}:{}", insert.ticket);
        }
        let mut rows = Vec::new();
        for item in &insert.items {
            let range = item.range.clone().map_err(|reject| format!("no row: {reject:?}"))?.ok_or("no range")?;
            let row = (range.file_id.0, range.span.first_line);
            let chunk = WireChunk::decode(&item.incoming.record).map_err(|e| e.to_string())?;
            let known = self.contents.entry(row).or_insert_with(|| chunk.payload.clone());
            if *known != chunk.payload {
                return Err(format!("row {row:?} is sent with two contents"));
            }
            if is_bad(row) {
                self.database.bad.insert(row);
            }
            rows.push(row);
        }
        self.database.send((uid, insert.ticket), id, rows);
        Ok(())
    }

    /// Whether there was an occasion for it.
    fn fault(&mut self, fault: Fault) -> bool {
        let which = fault.which as usize;
        let i = which % self.workers.len();
        let session = &mut self.workers[i].session;
        match fault.kind {
            FaultKind::Crash => self.crash(i),
            FaultKind::Pause => self.net.pause(session),
            FaultKind::Rebalance => self.net.rebalance(GROUP),
            FaultKind::TimeOut => self.net.time_out(session),
            FaultKind::LoseAnswer => session.lose_answer = true,
            FaultKind::Stop => session.stop = true,
            FaultKind::DatabaseDies => self.database.die(),
            FaultKind::Silence => self.silent_until = self.net.step + 3_000,
            FaultKind::LoseInsert | FaultKind::DoubleInsert if self.is_done() => {}
            FaultKind::LoseInsert | FaultKind::DoubleInsert if self.database.running() == 0 => return false,
            FaultKind::LoseInsert => {
                let gone = self.net.rng.random();
                self.database.lose(which % self.database.running(), gone);
            }
            FaultKind::DoubleInsert => self.database.double(which % self.database.running()),
        }
        true
    }

    /// The process dies; another takes its slot.
    fn crash(&mut self, i: usize) {
        let Worker { session, slot, machine, .. } = self.workers.swap_remove(i);
        self.coverage.count(&machine.snapshot());
        self.net.crash(session);
        self.start(slot);
    }

    fn note(&self, line: impl FnOnce() -> String) {
        if self.setup.trace {
            eprintln!("{} {}", self.net.step, line());
        }
    }

    fn landed(&self, partition: &Partition) -> Option<Landed> {
        let read = self.net.broker.committed(GROUP, std::slice::from_ref(partition), false)?;
        let committed = read.into_iter().next()?.1.expect("offset 0 was committed");
        Some(Landed::decode(&committed).expect("only machines commit"))
    }

    /// Whether every visible record is behind the committed position, and its rows are in.
    fn is_done(&self) -> bool {
        self.net.broker.is_quiet()
            && self.net.broker.partitions(TOPIC).all(|partition| {
                self.landed(partition).is_some_and(|landed| {
                    let next = landed.position.next;
                    landed.to.is_none() && landed.position.k == 0 && self.net.broker.fetch(partition, next).is_none()
                })
            })
    }

    /// The rows are those that the files ask for, and so are the events and dead letters; no position went back.
    fn check(&self) -> Result<(), String> {
        let mut chunks = Vec::new();
        for incoming in self.net.broker.visible("letters") {
            let text = |name| incoming.record.header(name).map(|v| String::from_utf8_lossy(v).into_owned());
            if text(header::STAGE).as_deref() != Some("loader") {
                continue;
            }
            let file = incoming.record.file_id().map_err(|e| e.to_string())?;
            let line: u64 = text(header::LINE).and_then(|line| line.parse().ok()).ok_or("a refused row has a line")?;
            let origin = text(header::ORIGIN).unwrap_or_default();
            let offset = origin.rsplit('/').next().and_then(|offset| offset.parse::<i64>().ok());
            if !is_bad((file.0, line)) || offset.is_none_or(|offset| offset > 1000) {
                return Err(format!("line {line} of {file} is refused at {origin}"));
            }
            // It counts as a row: it is among the dead letters in its place.
            chunks.push((file, (Seq(line - 1).0, Kind::Data, false, self.contents[&(file.0, line)].clone())));
        }
        for ((file, line), count) in &self.database.table {
            if *count != 1 {
                return Err(format!("row {line} of {file} is in the table {count} times"));
            }
            let payload = self.contents[&(*file, *line)].clone();
            chunks.push((FileId(*file), (Seq(line - 1).0, Kind::Data, false, payload)));
        }
        check::compare(&self.net.broker, TOPIC, GROUP, chunks, |input, seen| {
            check::is_of_stream::<true>(input, seen, check::PLANNED)
        })?;
        if self.setup.weaker.is_some() {
            return Ok(());
        }
        let mut last = BTreeMap::new();
        for (_, partition, committed) in &self.net.broker.history {
            let landed = Landed::decode(committed).map_err(|e| e.to_string())?;
            let from = landed.from();
            if last.insert(partition, from).is_some_and(|before| before > from) {
                return Err(format!("{partition} went back to {landed:?}"));
            }
            let open: BTreeSet<_> = check::open_at(&self.net.broker, partition, landed.position.next);
            let first = open.first().copied().unwrap_or(landed.position.next);
            if landed.position.first != first || landed.position.open.as_ref().is_some_and(|listed| *listed != open) {
                return Err(format!("{landed:?} was committed at {partition}, where {open:?} are open"));
            }
        }
        Ok(())
    }
}
