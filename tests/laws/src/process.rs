//! One process after the other of one stage, with the worker's own machine, on the simulated log.
//!
//! A process may die before and after each of its actions and in the middle of a commit; answers get lost, transactions
//! time out, the partitions are taken away and given back, and it may be asked to stop. The next one is configured
//! otherwise: where transactions end and outputs are full is different each time.

use crate::deaths::{Lab, topics};
use crate::input::{Input, PARTITIONS};
use logmill_core::{Offset, Stage};
use logmill_protocol::fetch::Lane;
use logmill_protocol::worker::{Options, Position, Routes, Snapshot, StageWorker};
use logmill_protocol::{Action, Committed, Event, Failure, Machine as _, Partition};
use logmill_simulate::broker::{Broker, Refusal, Request};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;

/// The ledger's events and the dead letters.
pub const EVENTS: &str = "events";
pub const LETTERS: &str = "letters";
const INPUT: &str = "in";
const GROUP: &str = "stage";
/// Every process has the same slot.
const ID: &str = "stage.0.0";
/// A process that did not end after so many actions is stuck.
const PATIENCE: u64 = 2_000_000;
/// A machine gives up after twenty failures in a row; so many it is made to bear.
const FAILURES: u32 = 10;

/// How dangerous a life is.
#[derive(Clone, Copy, Debug)]
pub struct Dangers {
    /// So many things go wrong, and then no more.
    pub faults: u32,
    /// At one in so many actions.
    pub one_in: u32,
}

/// What lives went through.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub deaths: u64,
    pub lost_answers: u64,
    pub time_outs: u64,
    pub rebalances: u64,
    pub takeovers_within_chunk: u64,
    pub silent_chunks: u64,
    pub aborts: u64,
    pub kept_states: u64,
    pub transactions: u64,
    /// What had to be visible in the end.
    pub records: u64,
}

impl Coverage {
    fn count(&mut self, worker: &Snapshot) {
        self.takeovers_within_chunk += worker.takeovers_within_chunk;
        self.silent_chunks += worker.silent_chunks;
        self.aborts += worker.aborts;
        self.kept_states += worker.kept_states;
        self.transactions += worker.transactions;
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.deaths, other.deaths),
            (&mut self.lost_answers, other.lost_answers),
            (&mut self.time_outs, other.time_outs),
            (&mut self.rebalances, other.rebalances),
            (&mut self.takeovers_within_chunk, other.takeovers_within_chunk),
            (&mut self.silent_chunks, other.silent_chunks),
            (&mut self.aborts, other.aborts),
            (&mut self.kept_states, other.kept_states),
            (&mut self.transactions, other.transactions),
            (&mut self.records, other.records),
        ] {
            *mine += theirs;
        }
    }
}

/// Something that goes wrong at an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    DiesBefore,
    DiesAfter,
    /// A commit's answer gets lost, and with it perhaps the request.
    LosesAnswer,
    /// The coordinator aborts the transaction.
    TimesOut,
    /// A request is refused, and the transaction has to be aborted.
    Refused,
    /// A poll tells of a rebalance, of nothing, or of the wish that the process stop.
    Polls,
}

/// What became of an action.
enum Answer {
    Told(Event),
    Died,
    /// Everything is read, transformed and committed.
    Finished,
}

struct World<'a> {
    rng: &'a mut StdRng,
    broker: Broker,
    dangers: Dangers,
    coverage: Coverage,
    members: u32,
    now_ms: u64,
}

struct Process<S: Stage> {
    machine: StageWorker<S>,
    member: u32,
    epoch: u32,
    /// Whether it has been told of an assignment that it still holds.
    assigned: bool,
    positions: BTreeMap<Partition, Offset>,
    /// Records that are queued, not yet sent.
    queued: Vec<Request>,
    /// Failures since its last commit.
    failures: u32,
}

/// Reads the whole input, process after process until one has committed all of it. The log, and what they went through.
///
/// # Errors
/// What a worker gave up for, or what it was doing when it was stuck.
pub fn live<S: Stage>(
    rng: &mut StdRng,
    input: &Input,
    lab: &Lab<'_, S>,
    dangers: Option<Dangers>,
) -> Result<(Broker, Coverage), String> {
    let mut broker = Broker::default();
    broker.topic(INPUT, PARTITIONS, Some(GROUP));
    for topic in topics(&lab.product).into_iter().chain([EVENTS, LETTERS]) {
        broker.topic(topic, PARTITIONS, None);
    }
    for (partition, record) in &input.0 {
        broker.write(&Partition::new(INPUT, *partition), record.clone());
    }
    let calm = dangers.is_none();
    let dangers = dangers.unwrap_or(Dangers { faults: 0, one_in: 1 });
    let mut world = World { rng, broker, dangers, coverage: Coverage::default(), members: 0, now_ms: 0 };
    loop {
        let mut options = Options {
            routes: Routes {
                product: lab.product.clone(),
                file_events: Lane::new(EVENTS, PARTITIONS),
                dead_letters: Lane::new(LETTERS, PARTITIONS),
            },
            transaction_bytes: usize::MAX,
            transaction_ms: u64::MAX,
            out_bytes: usize::MAX,
            metadata_bytes: 4096,
            // What happened to be there when a process died is not to blame.
            attempts: u32::MAX,
        };
        if !calm {
            options.transaction_bytes = [1, world.rng.random_range(1..2000)][world.rng.random_range(0..2)];
            options.transaction_ms = world.rng.random_range(1..200);
            options.out_bytes = [1, world.rng.random_range(1..1000)][world.rng.random_range(0..2)];
            options.metadata_bytes = [24, 4096][world.rng.random_range(0..2)];
        }
        let stage = (lab.stage)(world.rng);
        let machine = StageWorker::weakened(stage, options, lab.weaken);
        if world.one_process(machine)? {
            break;
        }
    }
    Ok((world.broker, world.coverage))
}

impl World<'_> {
    /// Whether it finished; else it died or stopped.
    fn one_process<S: Stage>(&mut self, machine: StageWorker<S>) -> Result<bool, String> {
        self.members += 1;
        let (member, epoch) = (self.members, self.initialise());
        let group = self.broker.groups.get_mut(GROUP).expect("the stage's group");
        group.remove(member - 1); // its session has timed out
        group.join(member);
        let (positions, queued) = (BTreeMap::new(), Vec::new());
        let mut process = Process { machine, member, epoch, assigned: false, positions, queued, failures: 0 };
        let mut event = Event::Start;
        for _ in 0..PATIENCE {
            self.now_ms += self.rng.random_range(0..20);
            process.failures += u32::from(matches!(event, Event::Failed(_)));
            let action = process.machine.step(self.now_ms, event);
            if let Action::Exit(result) = action {
                self.coverage.count(&process.machine.snapshot());
                return result.map(|()| false).map_err(|why| format!("a worker gave up: {why}"));
            }
            event = match self.perform(&mut process, action) {
                Answer::Told(event) => event,
                Answer::Finished => {
                    self.coverage.count(&process.machine.snapshot());
                    return Ok(true);
                }
                Answer::Died => {
                    self.coverage.deaths += 1;
                    self.coverage.count(&process.machine.snapshot());
                    // Of what was on its way, some arrives.
                    let arrives = self.rng.random_range(0..=process.queued.len());
                    for request in process.queued.drain(..arrives) {
                        let _ = self.request(process.epoch, request);
                    }
                    return Ok(false);
                }
            };
        }
        Err(format!("not finished after {PATIENCE} actions: {:?}", process.machine.snapshot()))
    }

    fn fault<S: Stage>(&mut self, process: &Process<S>) -> Option<Fault> {
        if self.dangers.faults == 0 || !self.rng.random_ratio(1, self.dangers.one_in) {
            return None;
        }
        self.dangers.faults -= 1;
        let fault = match self.rng.random_range(0..12) {
            0..3 => Fault::DiesBefore,
            3..6 => Fault::DiesAfter,
            6 => Fault::LosesAnswer,
            7..10 => Fault::TimesOut,
            10 => Fault::Refused,
            _ => Fault::Polls,
        };
        let bears = process.failures < FAILURES || fault == Fault::Polls;
        Some(if bears { fault } else { Fault::DiesAfter })
    }

    fn perform<S: Stage>(&mut self, process: &mut Process<S>, action: Action) -> Answer {
        let fault = self.fault(process);
        if fault == Some(Fault::DiesBefore) && !matches!(action, Action::Commit(_)) {
            return Answer::Died;
        }
        let event = match action {
            Action::Poll => match self.poll(process, fault) {
                Some(event) => event,
                None => return Answer::Finished,
            },
            Action::Read(partitions) => {
                self.write_markers();
                let read = self.broker.committed(GROUP, &partitions, false);
                Event::Positions(read.expect("no transaction is pending"))
            }
            Action::Assign(positions) => {
                process.positions = positions.into_iter().collect();
                Event::Done
            }
            Action::Release => {
                process.assigned = false;
                process.positions.clear();
                self.broker.groups.get_mut(GROUP).expect("the stage's group").release(process.member);
                Event::Done
            }
            Action::Begin => Event::Done,
            Action::Send(outgoing) => {
                process.queued.push(Request::Produce { partition: outgoing.partition, record: outgoing.record });
                match fault {
                    Some(Fault::Refused) => Event::Failed(Failure::Abort("the queue is full".into())),
                    _ => Event::Done,
                }
            }
            Action::Commit(offsets) => return self.commit(process, offsets, fault),
            Action::Abort if process.queued.is_empty() => {
                match self.request(process.epoch, Request::End { commit: false }) {
                    Ok(()) => Event::Done,
                    Err(refusal) => Event::Failed(failure(refusal)),
                }
            }
            Action::Abort | Action::Renew => {
                process.queued.clear();
                process.epoch = self.initialise();
                Event::Done
            }
            Action::Exit(_) => unreachable!("handled before"),
            Action::Other(never) => match never {},
        };
        if fault == Some(Fault::DiesAfter) { Answer::Died } else { Answer::Told(event) }
    }

    /// The records, the offsets, the end: what goes wrong does so between any two of them.
    fn commit<S: Stage>(
        &mut self,
        process: &mut Process<S>,
        offsets: Vec<(Partition, Committed)>,
        fault: Option<Fault>,
    ) -> Answer {
        let group = self.broker.groups[GROUP].clone();
        let (generation, member) = (group.generation, process.member);
        let mut requests = std::mem::take(&mut process.queued);
        requests.push(Request::Offsets { group: GROUP.to_owned(), member, generation, offsets });
        requests.push(Request::End { commit: true });
        // The end of a transaction is where it matters most.
        let before_end = requests.len().saturating_sub(3);
        let arrive = match fault {
            None | Some(Fault::DiesAfter | Fault::Polls) => requests.len(),
            Some(_) if self.rng.random_ratio(1, 2) => self.rng.random_range(before_end..=requests.len()),
            Some(_) => self.rng.random_range(0..=requests.len()),
        };
        for request in requests.into_iter().take(arrive) {
            if let Err(refusal) = self.request(process.epoch, request) {
                return Answer::Told(Event::Failed(failure(refusal)));
            }
        }
        match fault {
            None | Some(Fault::Polls) => {
                process.failures = 0;
                Answer::Told(Event::Done)
            }
            Some(Fault::DiesBefore | Fault::DiesAfter) => Answer::Died,
            Some(Fault::LosesAnswer | Fault::Refused) => {
                self.coverage.lost_answers += 1;
                Answer::Told(Event::Failed(Failure::Unknown("the answer got lost".into())))
            }
            Some(Fault::TimesOut) => {
                self.coverage.time_outs += u64::from(self.broker.time_out(ID));
                Answer::Told(Event::Failed(Failure::Fenced("the transaction took too long".into())))
            }
        }
    }

    /// `None`: all is done.
    fn poll<S: Stage>(&mut self, process: &mut Process<S>, fault: Option<Fault>) -> Option<Event> {
        if !process.assigned {
            let group = self.broker.groups.get_mut(GROUP).expect("the stage's group");
            assert!(group.complete(), "the group's one member has let go");
            process.assigned = true;
            return Some(Event::Assigned(group.assigned[&process.member].clone()));
        }
        if fault == Some(Fault::Polls) {
            return Some(match self.rng.random_range(0..4) {
                0 => Event::Stop,
                1 => Event::Idle,
                _ => {
                    self.coverage.rebalances += 1;
                    self.broker.groups.get_mut(GROUP).expect("the stage's group").preparing = true;
                    Event::Revoked
                }
            });
        }
        let start = self.rng.random_range(0..process.positions.len().max(1));
        let order = process.positions.keys().cloned().cycle().skip(start).take(process.positions.len());
        for partition in order.collect::<Vec<_>>() {
            if let Some(incoming) = self.broker.fetch(&partition, process.positions[&partition]) {
                process.positions.insert(partition, incoming.offset.next());
                return Some(Event::Record(incoming));
            }
        }
        if self.is_done() { None } else { Some(Event::Idle) }
    }

    /// Whether the committed positions are behind the whole input.
    fn is_done(&mut self) -> bool {
        self.write_markers();
        let partitions: Vec<Partition> = self.broker.partitions(INPUT).cloned().collect();
        let Some(read) = self.broker.committed(GROUP, &partitions, false) else { return false };
        read.into_iter().all(|(partition, committed)| {
            let committed = committed.expect("offset 0 was committed");
            let position = Position::decode(&committed).expect("only machines commit");
            position.k == 0 && self.broker.fetch(&partition, position.next).is_none()
        })
    }

    /// A request arrives; where a client waits by itself, it has waited.
    fn request(&mut self, epoch: u32, request: Request) -> Result<(), Refusal> {
        match self.broker.handle(ID, epoch, false, request.clone()) {
            Err(Refusal::Wait) => {
                self.write_markers();
                self.broker.handle(ID, epoch, false, request)
            }
            answer => answer,
        }
    }

    /// A new producer, which ends the transaction of the one before.
    fn initialise(&mut self) -> u32 {
        let _ = self.broker.initialise(ID, None).expect("a new producer is fenced by none");
        self.write_markers();
        self.broker.epoch(ID)
    }

    fn write_markers(&mut self) {
        for (id, target) in self.broker.markers() {
            self.broker.mark(&id, &target);
        }
    }
}

fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Fenced => Failure::Fenced("fenced".into()),
        Refusal::Stale => Failure::Abort("not a member of this generation".into()),
        other => unreachable!("{other:?}: the markers are written, and nobody set a limit"),
    }
}
