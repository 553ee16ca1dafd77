//! A chain of three stages, and one schedule of what happens to it.

use crate::campaign::{Schedule, counts, without_each};
use crate::check::check;
use crate::client::{Client, Driven};
use crate::net::{Doing, Loose, Moved, Net, NetCoverage, Session};
use crate::spread::{CHANNELS, Spread};
use crate::stage::{Cut, Model};
use logmill_core::wire::Kind;
use logmill_protocol::fetch::Lane;
use logmill_protocol::worker::{Options, Position, Route, Routes, Snapshot, StageWorker, Weaken};
use logmill_protocol::{Event, Partition};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rules switched off one at a time. [`Weaken`] has the machine's, [`Loose`] those of the log's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaker {
    Machine(Weaken),
    Log(Loose),
    /// A stage cuts a file's output as its own configuration says, and not as the file's plan does.
    CutByConfiguration,
}

counts! {
    /// What the schedules ran through.
    pub struct Coverage {
        schedules: "schedules",
        kills: "deadly chunks",
        transactions: "transactions",
        takeovers_within_chunk: "takeovers with k > 0",
        silent_chunks: "silent chunks",
        decrees: "decrees",
        headless: "headless chunks",
        parks: "parks",
        kept_states: "states kept over a rebalance",
    }
}

impl Coverage {
    /// Adds what a worker counted in its life.
    fn count(&mut self, worker: &Snapshot) {
        self.transactions += worker.transactions;
        self.takeovers_within_chunk += worker.takeovers_within_chunk;
        self.silent_chunks += worker.silent_chunks;
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
    /// Judge the positions and transactions too, and not by the outputs alone.
    pub strict: bool,
    /// Tell every step on standard error.
    pub trace: bool,
}

/// Something that goes wrong, at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub step: u64,
    /// Which worker, of those there are then.
    pub worker: u32,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    Crash,
    /// Stops, is expelled, wakes up.
    Pause,
    /// The group rebalances.
    Rebalance,
    /// The coordinator aborts its transaction.
    TimeOut,
    LoseAnswer,
    /// SIGTERM.
    Stop,
}

/// The stages, and the topic that each of them reads. The last one writes to its channels.
pub const HOPS: [&str; 3] = ["first", "second", "third"];
pub const TOPICS: [&str; 3] = ["in", "mid", "text"];
/// Steps after which a chain that has not finished is stuck.
const PATIENCE: u64 = 60_000;

impl Schedule for Setup {
    type Rule = Weaker;
    type Coverage = (NetCoverage, Coverage);

    /// With a rule switched off it is judged by what comes out alone: by the harm, that is.
    fn of_seed(seed: u64, weaker: Option<Weaker>) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
        let count = rng.random_range(0..15);
        let mut faults: Vec<Fault> = (0..count)
            .map(|_| Fault {
                step: rng.random_range(1..3000),
                worker: rng.random(),
                kind: match rng.random_range(0..12) {
                    0..4 => FaultKind::Crash,
                    4..6 => FaultKind::Pause,
                    6..8 => FaultKind::Rebalance,
                    8 => FaultKind::TimeOut,
                    9..11 => FaultKind::LoseAnswer,
                    _ => FaultKind::Stop,
                },
            })
            .collect();
        faults.sort_by_key(|f| f.step);
        let (files, partitions, workers) = (rng.random_range(1..6), rng.random_range(1..4), rng.random_range(1..4));
        Self { seed, files, partitions, workers, faults, weaker, strict: weaker.is_none(), trace: false }
    }

    fn run(&self) -> Result<Self::Coverage, String> {
        let mut world = World::new(self);
        world.run()?;
        world.coverage.schedules = 1;
        Ok((world.net.coverage, world.coverage))
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

struct World<'a> {
    setup: &'a Setup,
    net: Net,
    clients: Vec<Client>,
    /// The first breach of a rule of the transactions: told if the outputs do not show a worse one.
    suspect: Option<String>,
    coverage: Coverage,
}

impl<'a> World<'a> {
    fn new(setup: &'a Setup) -> Self {
        let loose = match setup.weaker {
            Some(Weaker::Log(loose)) => Some(loose),
            _ => None,
        };
        let mut net = Net::new(setup.seed, loose);
        for (topic, group) in TOPICS.iter().zip(HOPS) {
            net.broker.topic(topic, setup.partitions, Some(group));
        }
        for channel in CHANNELS {
            net.broker.topic(channel, setup.partitions, None);
        }
        for topic in ["events", "letters"] {
            net.broker.topic(topic, 1, None);
        }
        let mut coverage = Coverage::default();
        crate::files::write(&mut net, setup.files, setup.partitions, |chunk| {
            coverage.parks += u64::from(chunk.kind == Kind::Park);
        });
        let mut world = Self { setup, net, clients: Vec::new(), suspect: None, coverage };
        for hop in 0..HOPS.len() {
            for slot in 0..setup.workers {
                world.start(hop, slot);
            }
        }
        world
    }

    fn start(&mut self, hop: usize, slot: u32) {
        let member = self.net.member();
        let lane = |topic: &str| Lane::new(topic, self.setup.partitions);
        let product = match TOPICS.get(hop + 1) {
            Some(topic) => Route::Topic(lane(topic)),
            None => Route::Channels(CHANNELS.map(|channel| (channel.to_owned(), lane(channel))).into()),
        };
        let (file_events, dead_letters) = (Lane::new("events", 1), Lane::new("letters", 1));
        // No two processes are configured alike.
        let options = Options {
            routes: Routes { product, file_events, dead_letters },
            transaction_bytes: self.net.rng.random_range(1..60),
            transaction_ms: self.net.rng.random_range(1..40),
            out_bytes: self.net.rng.random_range(1..40),
            metadata_bytes: if self.net.rng.random_ratio(1, 4) { 24 } else { 4096 },
            // Only what kills is rejected by decree, and not what happened to be there when a process crashed.
            attempts: 2 + u32::try_from(self.setup.faults.len()).expect("a few faults"),
        };
        let rule = match self.setup.weaker {
            Some(Weaker::Machine(rule)) => Some(rule),
            _ => None,
        };
        let configured = self.net.rng.random_range(0..2);
        let cut = match self.setup.weaker {
            Some(Weaker::CutByConfiguration) => Cut::Configured(configured),
            _ => Cut::Plan,
        };
        let killed: Arc<AtomicBool> = Arc::default();
        let dies = Arc::clone(&killed);
        let machine: Box<dyn Driven> = match hop {
            0 => Box::new(StageWorker::weakened(Model::<false> { killed: dies, cut }, options, rule)),
            1 => Box::new(StageWorker::weakened(Model::<true> { killed: dies, cut }, options, rule)),
            _ => {
                let turn = Cell::new(self.net.rng.random_range(0..100));
                Box::new(StageWorker::weakened(Spread { killed: dies, turn }, options, rule))
            }
        };
        // One in three has no slot: its successor cannot end its transaction and has to wait for the coordinator.
        let id = if slot % 3 == 2 { format!("{hop}.x{member}") } else { format!("{hop}.{slot}") };
        let session = Session::new(id, Some(HOPS[hop]), member);
        self.clients.push(Client::new(session, hop, slot, machine, killed));
    }

    /// Runs to the end of the input.
    fn run(&mut self) -> Result<(), String> {
        let mut faults = self.setup.faults.iter().peekable();
        loop {
            self.net.step += 1;
            while let Some(fault) = faults.next_if(|f| f.step <= self.net.step) {
                self.fault(*fault);
            }
            self.act()?;
            if self.net.step.is_multiple_of(64) && faults.peek().is_none() && self.is_done() {
                break;
            }
            if self.net.step > PATIENCE {
                return Err(self.stuck());
            }
        }
        self.net.broker.settle();
        for client in std::mem::take(&mut self.clients) {
            self.coverage.count(&client.machine.snapshot());
        }
        check(&self.net.broker, self.setup)?;
        if !self.setup.strict {
            return Ok(());
        }
        self.suspect.take().map_or(Ok(()), Err)
    }

    fn stuck(&self) -> String {
        let doing: Vec<_> = self.clients.iter().map(Client::to_string).collect();
        let groups: Vec<_> = HOPS.iter().map(|g| format!("{:?}", self.net.broker.groups[*g])).collect();
        format!("not finished after {PATIENCE} steps:\n{}\n{}", doing.join("\n"), groups.join("\n"))
    }

    /// Lets somebody make one move.
    fn act(&mut self) -> Result<(), String> {
        if self.net.rng.random_range(0..100) >= 70 {
            let clients = &self.clients;
            self.net.happen(&HOPS, |id, epoch| clients.iter().any(|c| c.session.is(id, epoch)));
            return Ok(());
        }
        let i = self.net.rng.random_range(0..self.clients.len());
        if self.clients[i].session.paused_until > self.net.step {
            return Ok(());
        }
        match self.net.advance(&mut self.clients[i].session) {
            Moved::On => Ok(()),
            Moved::Tell(event) => {
                self.tell(i, event);
                Ok(())
            }
            Moved::Ask(never) => match never {},
            Moved::Exit(Err(why)) => Err(format!("a worker gave up: {why}")),
            Moved::Exit(Ok(())) => {
                let client = self.clients.swap_remove(i);
                self.coverage.count(&client.machine.snapshot());
                self.net.leave(&client.session);
                self.start(client.hop, client.slot);
                Ok(())
            }
        }
    }

    fn tell(&mut self, i: usize, event: Event) {
        let (step, client) = (self.net.step, &mut self.clients[i]);
        client.hears(&event);
        let told = if self.setup.trace { format!("{event:?}") } else { String::new() };
        let action = client.machine.step(step, event);
        if self.setup.trace {
            eprintln!("{step} {}/{}: {told} -> {action:?}", HOPS[client.hop], client.session.member);
        }
        if let Some(why) = client.asks(&action) {
            self.suspect.get_or_insert(format!("{}/{}: {why}", HOPS[client.hop], client.session.member));
        }
        client.session.doing = Doing::Performing(action, 0);
        if client.killed.load(Ordering::Relaxed) {
            self.coverage.kills += 1;
            client.session.doing = Doing::Telling(Event::Idle);
            self.crash(i);
        }
    }

    fn fault(&mut self, fault: Fault) {
        let i = fault.worker as usize % self.clients.len();
        let session = &mut self.clients[i].session;
        match fault.kind {
            FaultKind::Crash => self.crash(i),
            FaultKind::Pause => self.net.pause(session),
            FaultKind::Rebalance => self.net.rebalance(HOPS[self.clients[i].hop]),
            FaultKind::TimeOut => self.net.time_out(session),
            FaultKind::LoseAnswer => session.lose_answer = true,
            FaultKind::Stop => session.stop = true,
        }
    }

    /// The process dies; another takes its slot.
    fn crash(&mut self, i: usize) {
        let Client { session, hop, slot, machine, .. } = self.clients.swap_remove(i);
        self.coverage.count(&machine.snapshot());
        self.net.crash(session);
        self.start(hop, slot);
    }

    fn position(&self, group: &str, partition: &Partition) -> Option<Position> {
        let read = self.net.broker.committed(group, std::slice::from_ref(partition), false)?;
        let committed = read.into_iter().next()?.1.expect("offset 0 was committed");
        Some(Position::decode(&committed).expect("only machines commit"))
    }

    /// Whether every visible record of both inputs is behind the committed position, and none can come.
    fn is_done(&self) -> bool {
        if !self.net.broker.is_quiet() {
            return false;
        }
        HOPS.iter().zip(TOPICS).all(|(group, topic)| {
            self.net.broker.partitions(topic).all(|partition| {
                self.position(group, partition)
                    .is_some_and(|p| p.k == 0 && self.net.broker.fetch(partition, p.next).is_none())
            })
        })
    }
}
