//! A chain of three stages, and one schedule of what happens to it.

use crate::broker::{Broker, Refusal, Request};
use crate::campaign::Coverage;
use crate::check::check;
use crate::client::{Client, Doing, Driven};
use crate::spread::{CHANNELS, Spread};
use crate::stage::{Cut, Model};
use logmill_core::FileId;
use logmill_core::wire::{Kind, WireChunk};
use logmill_protocol::fetch::Lane;
use logmill_protocol::worker::{Options, Position, Route, Routes, StageWorker, Weaken};
use logmill_protocol::{Action, Committed, Event, Failure, Partition};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rules that the driver keeps, switched off one at a time. [`Weaken`] has the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaker {
    Machine(Weaken),
    /// Read committed offsets without waiting for pending ones.
    DirtyRead,
    /// After an abort with records in flight go on with the same producer.
    SameProducer,
    /// The broker takes offsets from whoever sends them.
    NoGeneration,
    /// A stage cuts a file's output as its own configuration says, and not as the file's plan does.
    CutByConfiguration,
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

pub struct World<'a> {
    setup: &'a Setup,
    rng: StdRng,
    broker: Broker,
    clients: Vec<Client>,
    /// Requests whose sender has given up: (when they arrive, id, epoch, request).
    late: Vec<(u64, String, u32, Request)>,
    /// Members whose process is gone, until their session times out: (hop, member).
    gone: Vec<(usize, u32)>,
    members: u32,
    step: u64,
    /// The first breach of a rule of the transactions: told if the outputs do not show a worse one.
    suspect: Option<String>,
    pub coverage: Coverage,
}

impl<'a> World<'a> {
    #[must_use]
    pub fn new(setup: &'a Setup) -> Self {
        let mut rng = StdRng::seed_from_u64(setup.seed);
        let mut broker = Broker::default();
        for (topic, group) in TOPICS.iter().zip(HOPS) {
            broker.topic(topic, setup.partitions, Some(group));
        }
        for channel in CHANNELS {
            broker.topic(channel, setup.partitions, None);
        }
        broker.unchecked = setup.weaker == Some(Weaker::NoGeneration);
        let mut coverage = Coverage::default();
        for topic in ["events", "letters"] {
            broker.topic(topic, 1, None);
        }
        let mut files: Vec<_> =
            (0..setup.files).map(|n| crate::files::file(&mut rng, u128::from(n) + 1).into_iter()).collect();
        while !files.is_empty() {
            let i = rng.random_range(0..files.len());
            match files[i].next() {
                Some(record) => {
                    let chunk = WireChunk::decode(&record).expect("a file's records are chunks");
                    coverage.parks += u64::from(chunk.kind == Kind::Park);
                    let id: FileId = chunk.file_id;
                    broker.write(&Partition::new("in", id.partition(setup.partitions)), record);
                }
                None => drop(files.remove(i)),
            }
        }
        if rng.random_ratio(1, 5) {
            broker.write(&Partition::new("in", 0), logmill_core::wire::Record::default());
        }
        let mut world = Self {
            setup,
            rng,
            broker,
            clients: Vec::new(),
            late: Vec::new(),
            gone: Vec::new(),
            members: 0,
            step: 0,
            suspect: None,
            coverage,
        };
        for hop in 0..HOPS.len() {
            for slot in 0..setup.workers {
                world.start(hop, slot);
            }
        }
        world
    }

    fn start(&mut self, hop: usize, slot: u32) {
        self.members += 1;
        let lane = |topic: &str| Lane::new(topic, self.setup.partitions);
        let product = match TOPICS.get(hop + 1) {
            Some(topic) => Route::Topic(lane(topic)),
            None => Route::Channels(CHANNELS.map(|channel| (channel.to_owned(), lane(channel))).into()),
        };
        let (file_events, dead_letters) = (Lane::new("events", 1), Lane::new("letters", 1));
        // No two processes are configured alike.
        let options = Options {
            routes: Routes { product, file_events, dead_letters },
            transaction_bytes: self.rng.random_range(1..60),
            transaction_ms: self.rng.random_range(1..40),
            out_bytes: self.rng.random_range(1..40),
            metadata_bytes: if self.rng.random_ratio(1, 4) { 24 } else { 4096 },
            // Only what kills is rejected by decree, and not what happened to be there when a process crashed.
            attempts: 2 + u32::try_from(self.setup.faults.len()).expect("a few faults"),
        };
        let rule = match self.setup.weaker {
            Some(Weaker::Machine(rule)) => Some(rule),
            _ => None,
        };
        let configured = self.rng.random_range(0..2);
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
                let turn = Cell::new(self.rng.random_range(0..100));
                Box::new(StageWorker::weakened(Spread { killed: dies, turn }, options, rule))
            }
        };
        // One in three has no slot: its successor cannot end its transaction and has to wait for the coordinator.
        let id = if slot % 3 == 2 { format!("{hop}.x{}", self.members) } else { format!("{hop}.{slot}") };
        self.clients.push(Client {
            member: self.members,
            hop,
            slot,
            id,
            machine,
            killed,
            doing: Doing::Initialising(None, Event::Start),
            epoch: 0,
            generation: None,
            positions: BTreeMap::new(),
            next: BTreeMap::new(),
            taken: BTreeMap::new(),
            in_flight: Vec::new(),
            paused_until: 0,
            stop: false,
            lose_answer: false,
        });
    }

    /// Runs to the end of the input.
    ///
    /// # Errors
    /// What is not as it has to be.
    pub fn run(&mut self) -> Result<(), String> {
        let mut faults = self.setup.faults.iter().peekable();
        loop {
            self.step += 1;
            while let Some(fault) = faults.next_if(|f| f.step <= self.step) {
                self.fault(*fault);
            }
            self.act()?;
            if self.step.is_multiple_of(64) && faults.peek().is_none() && self.is_done() {
                break;
            }
            if self.step > PATIENCE {
                return Err(self.stuck());
            }
        }
        self.broker.settle();
        for client in std::mem::take(&mut self.clients) {
            self.coverage.count(&client.machine.snapshot());
        }
        check(&self.broker, self.setup)?;
        if !self.setup.strict {
            return Ok(());
        }
        self.suspect.take().map_or(Ok(()), Err)
    }

    fn stuck(&self) -> String {
        let doing: Vec<_> = self.clients.iter().map(|c| format!("{}/{}: {:?}", c.hop, c.member, c.doing)).collect();
        let groups: Vec<_> = HOPS.iter().map(|g| format!("{:?}", self.broker.groups[*g])).collect();
        format!("not finished after {PATIENCE} steps:\n{}\n{}", doing.join("\n"), groups.join("\n"))
    }

    /// Lets somebody make one move.
    fn act(&mut self) -> Result<(), String> {
        match self.rng.random_range(0..100) {
            0..70 => {
                let i = self.rng.random_range(0..self.clients.len());
                if self.clients[i].paused_until > self.step {
                    return Ok(());
                }
                self.move_client(i)
            }
            70..86 => {
                let markers = self.broker.markers();
                if !markers.is_empty() {
                    let (id, target) = &markers[self.rng.random_range(0..markers.len())];
                    self.broker.mark(id, target);
                }
                Ok(())
            }
            86..92 => {
                let hop = HOPS[self.rng.random_range(0..HOPS.len())];
                self.broker.groups.get_mut(hop).expect("a hop's group").complete();
                Ok(())
            }
            92..96 => {
                let step = self.step;
                if let Some(i) = self.late.iter().position(|late| late.0 <= step) {
                    let (_, id, epoch, request) = self.late.remove(i);
                    self.coverage.late += 1;
                    if self.broker.handle(&id, epoch, true, request).is_ok() {
                        self.coverage.late_accepted += 1;
                    }
                }
                Ok(())
            }
            96..98 => {
                if !self.gone.is_empty() {
                    let (hop, member) = self.gone.remove(self.rng.random_range(0..self.gone.len()));
                    self.broker.groups.get_mut(HOPS[hop]).expect("a hop's group").remove(member);
                }
                Ok(())
            }
            _ => {
                // The coordinator ends the transactions of ids that nobody has any more.
                let id =
                    format!("{}.x{}", self.rng.random_range(0..HOPS.len()), self.rng.random_range(0..=self.members));
                if self.clients.iter().all(|c| c.id != id) {
                    self.broker.time_out(&id);
                }
                Ok(())
            }
        }
    }

    fn fault(&mut self, fault: Fault) {
        let i = fault.worker as usize % self.clients.len();
        match fault.kind {
            FaultKind::Crash => self.crash(i),
            FaultKind::Pause => {
                let wake = self.step + self.rng.random_range(50..1500);
                let client = &mut self.clients[i];
                client.paused_until = wake;
                self.coverage.zombies += 1;
                let gone = (client.hop, client.member);
                self.gone.push(gone);
            }
            FaultKind::Rebalance => {
                let hop = self.clients[i].hop;
                self.broker.groups.get_mut(HOPS[hop]).expect("a hop's group").preparing = true;
            }
            FaultKind::TimeOut => {
                let id = self.clients[i].id.clone();
                self.coverage.time_outs += u64::from(self.broker.time_out(&id));
            }
            FaultKind::LoseAnswer => self.clients[i].lose_answer = true,
            FaultKind::Stop => self.clients[i].stop = true,
        }
    }

    /// The process dies; what it sent may still arrive, now, late or never. Another takes its slot.
    fn crash(&mut self, i: usize) {
        let client = self.clients.swap_remove(i);
        self.coverage.crashes += 1;
        self.coverage.count(&client.machine.snapshot());
        let mut requests = client.in_flight;
        if let Doing::Performing(Action::Commit(offsets), step) = &client.doing {
            let group = HOPS[client.hop].to_owned();
            let (member, generation) = (client.member, client.generation.unwrap_or(0));
            if *step == 0 {
                requests.push(Request::Offsets { group, member, generation, offsets: offsets.clone() });
            } else {
                requests.push(Request::End { commit: true });
            }
        }
        self.abandon(&client.id, client.epoch, requests);
        self.gone.push((client.hop, client.member));
        self.start(client.hop, client.slot);
    }

    /// Nobody waits for these requests any more.
    fn abandon(&mut self, id: &str, epoch: u32, requests: Vec<Request>) {
        for request in requests {
            match self.rng.random_range(0..3) {
                0 => drop(self.broker.handle(id, epoch, true, request)),
                1 => {
                    let due = self.step + self.rng.random_range(1..1000);
                    self.late.push((due, id.to_owned(), epoch, request));
                }
                // What follows a lost request of a connection is lost with it.
                _ => return,
            }
        }
    }

    fn move_client(&mut self, i: usize) -> Result<(), String> {
        let (step, lose) = (self.step, self.rng.random_ratio(1, 2));
        let client = &mut self.clients[i];
        let doing = std::mem::replace(&mut client.doing, Doing::Telling(Event::Idle));
        client.doing = match doing {
            Doing::Initialising(asked, event) => match self.broker.initialise(&client.id, asked) {
                Ok(Some(epoch)) => {
                    client.epoch = epoch;
                    Doing::Telling(event)
                }
                Ok(None) => Doing::Initialising(Some(self.broker.epoch(&client.id)), event),
                Err(_) => Doing::Initialising(None, event),
            },
            Doing::Telling(event) => {
                let told = if self.setup.trace { format!("{event:?}") } else { String::new() };
                let action = client.machine.step(step, event);
                if self.setup.trace {
                    eprintln!("{step} {}/{}: {told} -> {action:?}", HOPS[client.hop], client.member);
                }
                if client.killed.load(Ordering::Relaxed) {
                    self.coverage.kills += 1;
                    client.doing = Doing::Telling(Event::Idle);
                    self.crash(i);
                    return Ok(());
                }
                Doing::Performing(action, 0)
            }
            Doing::Performing(action, at) => {
                let lost = client.lose_answer && lose && matches!(action, Action::Commit(_));
                client.lose_answer &= !lost;
                return self.perform(i, action, at, lost);
            }
        };
        Ok(())
    }

    fn perform(&mut self, i: usize, action: Action, at: u8, lost: bool) -> Result<(), String> {
        let weaker = self.setup.weaker;
        let client = &mut self.clients[i];
        let group = HOPS[client.hop];
        let event = match action {
            Action::Poll => self.poll(i),
            Action::Read(partitions) => {
                match self.broker.committed(group, &partitions, weaker == Some(Weaker::DirtyRead)) {
                    Some(positions) => {
                        client.read(&positions);
                        Event::Positions(positions)
                    }
                    None => {
                        client.doing = Doing::Performing(Action::Read(partitions), 0);
                        return Ok(());
                    }
                }
            }
            Action::Assign(positions) => {
                client.positions = positions.into_iter().collect();
                Event::Done
            }
            Action::Release => {
                client.generation = None;
                client.positions.clear();
                let member = client.member;
                self.broker.groups.get_mut(group).expect("a hop's group").release(member);
                Event::Done
            }
            Action::Begin => Event::Done,
            Action::Send(outgoing) => {
                let request = Request::Produce { partition: outgoing.partition, record: outgoing.record };
                client.in_flight.push(request);
                Event::Done
            }
            Action::Commit(offsets) => {
                if let Some(why) = client.breach(&offsets) {
                    self.suspect.get_or_insert(format!("{group}/{}: {why}", client.member));
                }
                if !client.in_flight.is_empty() {
                    let sent = self.broker.handle(&client.id, client.epoch, false, client.in_flight[0].clone());
                    if sent.is_ok() {
                        client.in_flight.remove(0);
                    }
                    client.doing = match sent {
                        Ok(()) | Err(Refusal::Wait) => Doing::Performing(Action::Commit(offsets), 0),
                        Err(refusal) => Doing::Telling(Event::Failed(failure(refusal))),
                    };
                    return Ok(());
                }
                return self.commit(i, offsets, at, lost);
            }
            Action::Abort => {
                let in_flight = std::mem::take(&mut client.in_flight);
                let (id, epoch) = (client.id.clone(), client.epoch);
                if in_flight.is_empty() || weaker == Some(Weaker::SameProducer) {
                    self.coverage.aborts += 1;
                    let sent = self.broker.handle(&id, epoch, false, Request::End { commit: false });
                    self.abandon(&id, epoch, in_flight);
                    match sent {
                        Ok(()) => Event::Done,
                        Err(refusal) => Event::Failed(failure(refusal)),
                    }
                } else {
                    self.coverage.aborts_in_flight += 1;
                    self.abandon(&id, epoch, in_flight);
                    self.clients[i].doing = Doing::Initialising(None, Event::Done);
                    return Ok(());
                }
            }
            Action::Renew => {
                let in_flight = std::mem::take(&mut client.in_flight);
                let (id, epoch) = (client.id.clone(), client.epoch);
                self.abandon(&id, epoch, in_flight);
                self.clients[i].doing = Doing::Initialising(None, Event::Done);
                return Ok(());
            }
            Action::Exit(Ok(())) => {
                self.coverage.stops += 1;
                let client = self.clients.swap_remove(i);
                self.coverage.count(&client.machine.snapshot());
                self.broker.groups.get_mut(group).expect("a hop's group").remove(client.member);
                self.start(client.hop, client.slot);
                return Ok(());
            }
            Action::Exit(Err(why)) => return Err(format!("a worker gave up: {why}")),
            Action::Other(never) => match never {},
        };
        self.clients[i].doing = Doing::Telling(event);
        Ok(())
    }

    /// Two requests: the offsets, then the end. The answer of either may get lost, and then nobody knows whether the
    /// request arrives at all.
    fn commit(&mut self, i: usize, offsets: Vec<(Partition, Committed)>, at: u8, lost: bool) -> Result<(), String> {
        let client = &mut self.clients[i];
        let group = HOPS[client.hop];
        let request = if at == 0 {
            let generation = client.generation.unwrap_or(u32::MAX);
            let (group, member, offsets) = (group.to_owned(), client.member, offsets.clone());
            Request::Offsets { group, member, generation, offsets }
        } else {
            Request::End { commit: true }
        };
        if lost {
            let (id, epoch) = (client.id.clone(), client.epoch);
            client.doing = Doing::Telling(Event::Failed(Failure::Unknown("the answer got lost".into())));
            self.coverage.lost_answers += 1;
            self.abandon(&id, epoch, vec![request]);
            return Ok(());
        }
        client.doing = match self.broker.handle(&client.id, client.epoch, false, request) {
            Ok(()) if at == 0 => Doing::Performing(Action::Commit(offsets), 1),
            Err(Refusal::Wait) => Doing::Performing(Action::Commit(offsets), at),
            Ok(()) => {
                client.has_committed(&offsets);
                Doing::Telling(Event::Done)
            }
            Err(refusal) => Doing::Telling(Event::Failed(failure(refusal))),
        };
        Ok(())
    }

    fn poll(&mut self, i: usize) -> Event {
        let client = &mut self.clients[i];
        if std::mem::take(&mut client.stop) {
            return Event::Stop;
        }
        let group = self.broker.groups.get_mut(HOPS[client.hop]).expect("a hop's group");
        let is_member = group.members.contains_key(&client.member);
        if client.generation.is_some() && (group.preparing || !is_member) {
            self.coverage.revocations += 1;
            return Event::Revoked;
        }
        if !is_member {
            group.join(client.member);
            return Event::Idle;
        }
        if group.preparing {
            // It holds nothing: nothing keeps the group waiting.
            group.release(client.member);
            return Event::Idle;
        }
        if client.generation != Some(group.generation) {
            client.generation = Some(group.generation);
            client.positions.clear();
            return Event::Assigned(group.assigned.get(&client.member).cloned().unwrap_or_default());
        }
        let start = self.rng.random_range(0..client.positions.len().max(1));
        let order = client.positions.keys().cloned().cycle().skip(start).take(client.positions.len());
        for partition in order.collect::<Vec<_>>() {
            if let Some(incoming) = self.broker.fetch(&partition, client.positions[&partition]) {
                client.positions.insert(partition, incoming.offset.next());
                client.took(&incoming);
                return Event::Record(incoming);
            }
        }
        Event::Idle
    }

    fn position(&self, group: &str, partition: &Partition) -> Option<Position> {
        let read = self.broker.committed(group, std::slice::from_ref(partition), false)?;
        let committed = read.into_iter().next()?.1.expect("offset 0 was committed");
        Some(Position::decode(&committed).expect("only machines commit"))
    }

    /// Whether every visible record of both inputs is behind the committed position, and none can come.
    fn is_done(&self) -> bool {
        if !self.broker.is_quiet() {
            return false;
        }
        HOPS.iter().zip(TOPICS).all(|(group, topic)| {
            self.broker.partitions(topic).all(|partition| {
                self.position(group, partition)
                    .is_some_and(|p| p.k == 0 && self.broker.fetch(partition, p.next).is_none())
            })
        })
    }
}

fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Fenced => Failure::Fenced("fenced".into()),
        Refusal::Wait => unreachable!("a client waits by itself"),
        Refusal::Stale => Failure::Abort("not a member of this generation".into()),
    }
}
