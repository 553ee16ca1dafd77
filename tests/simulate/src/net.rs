//! What all processes share: the log, the requests that are still on their way to it, the members that are gone from its
//! groups. Performs what a machine asks of the log, one request a move, so that anything can happen between two.

use crate::broker::{Broker, Refusal, Request};
use crate::campaign::counts;
use logmill_core::Offset;
use logmill_protocol::{Action, Committed, Event, Failure, Partition};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeMap;

/// Rules that the drivers and the broker keep, switched off one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loose {
    /// Read committed offsets without waiting for pending ones.
    DirtyRead,
    /// After an abort with records in flight go on with the same producer.
    SameProducer,
    /// The broker takes offsets from whoever sends them.
    NoGeneration,
}

counts! {
    /// What befell the processes.
    pub struct NetCoverage {
        crashes: "crashes",
        zombies: "zombies",
        zombies_refused: "transactions of zombies refused",
        stops: "stops",
        time_outs: "transaction time-outs",
        lost_answers: "lost answers",
        revocations: "revocations",
        aborts: "aborts",
        aborts_in_flight: "aborts with records in flight",
        late: "late requests",
        late_accepted: "late requests accepted",
        gaps: "gaps told",
    }
}

/// One process as the log sees it; `X` and `Y` are what its machine asks and hears beyond the log.
#[derive(Debug)]
pub struct Session<X, Y> {
    /// Its `transactional.id`.
    pub id: String,
    /// The group it is a member of.
    pub group: Option<&'static str>,
    /// Its member id: never used twice.
    pub member: u32,
    pub doing: Doing<X, Y>,
    epoch: u32,
    /// The generation of the assignment that it was told, while it holds one.
    generation: Option<u32>,
    positions: BTreeMap<Partition, Offset>,
    /// Records that are queued, not yet sent.
    in_flight: Vec<Request>,
    /// It neither moves nor polls until this step.
    pub paused_until: u64,
    pub stop: bool,
    /// The next answer gets lost.
    pub lose_answer: bool,
    /// A record of the next transaction does not arrive in time.
    pub lose_record: bool,
}

/// What a process is doing.
#[derive(Debug)]
pub enum Doing<X, Y> {
    /// Initialising its producer; the epoch that it was given. Then this event is told.
    Initialising(Option<u32>, Event<Y>),
    /// About to tell its machine.
    Telling(Event<Y>),
    /// Performing; for a commit, how far.
    Performing(Action<X>, u8),
    /// The world has its turn.
    Moving,
}

/// What a move has come to.
#[derive(Debug)]
pub enum Moved<X, Y> {
    /// Nothing to do for the world.
    On,
    /// The machine is to be told this; what it answers is to be performed.
    Tell(Event<Y>),
    /// The machine asks something beyond the log.
    Ask(X),
    /// The process has ended.
    Exit(Result<(), String>),
}

impl<X, Y> Session<X, Y> {
    /// A process that has just been started.
    #[must_use]
    pub fn new(id: String, group: Option<&'static str>, member: u32) -> Self {
        Self {
            id,
            group,
            member,
            doing: Doing::Initialising(None, Event::Start),
            epoch: 0,
            generation: None,
            positions: BTreeMap::new(),
            in_flight: Vec::new(),
            paused_until: 0,
            stop: false,
            lose_answer: false,
            lose_record: false,
        }
    }

    /// Whether this epoch of the `transactional.id` is its own.
    #[must_use]
    pub fn is(&self, id: &str, epoch: u32) -> bool {
        self.id == id && self.epoch == epoch
    }

    /// Whether a commit is under way.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        matches!(self.doing, Doing::Performing(Action::Commit(_), _))
    }

    fn tell(&mut self, event: Event<Y>) -> Moved<X, Y> {
        self.doing = Doing::Telling(event);
        Moved::On
    }

    fn again(&mut self, action: Action<X>, at: u8) -> Moved<X, Y> {
        self.doing = Doing::Performing(action, at);
        Moved::On
    }

    /// The requests of a commit: the offsets, if there are any, then the end.
    fn commit_request(&self, offsets: &[(Partition, Committed)], at: u8) -> Request {
        match self.group {
            Some(group) if at == 0 => Request::Offsets {
                group: group.to_owned(),
                member: self.member,
                generation: self.generation.unwrap_or(u32::MAX),
                offsets: offsets.to_vec(),
            },
            _ => Request::End { commit: true },
        }
    }
}

/// A request that nobody waits for: when it arrives, under which id and epoch.
type Late = (u64, String, u32, Request);

/// The log, and the way to it.
pub struct Net {
    pub rng: StdRng,
    pub broker: Broker,
    pub step: u64,
    pub coverage: NetCoverage,
    pub members: u32,
    late: Vec<Late>,
    /// Members whose process is gone or hangs, until their session times out.
    gone: Vec<(&'static str, u32)>,
    loose: Option<Loose>,
}

impl Net {
    #[must_use]
    pub fn new(seed: u64, loose: Option<Loose>) -> Self {
        let mut broker = Broker::default();
        broker.unchecked = loose == Some(Loose::NoGeneration);
        Self {
            rng: StdRng::seed_from_u64(seed),
            broker,
            step: 0,
            coverage: NetCoverage::default(),
            members: 0,
            late: Vec::new(),
            gone: Vec::new(),
            loose,
        }
    }

    /// A number that no member has had.
    pub fn member(&mut self) -> u32 {
        self.members += 1;
        self.members
    }

    /// What happens by itself: a marker is written, a rebalance ends, a request arrives late, a session or a transaction
    /// of somebody who is gone times out. `lives` says whether a `transactional.id` and its epoch are anybody's.
    pub fn happen(&mut self, groups: &[&'static str], lives: impl Fn(&str, u32) -> bool) {
        match self.rng.random_range(0..30) {
            0..16 => {
                let markers = self.broker.markers();
                if !markers.is_empty() {
                    let (id, target) = &markers[self.rng.random_range(0..markers.len())];
                    self.broker.mark(id, target);
                }
            }
            16..22 => {
                let group = groups[self.rng.random_range(0..groups.len())];
                self.broker.groups.get_mut(group).expect("a group of this world").complete();
            }
            22..26 => {
                let step = self.step;
                if let Some(i) = self.late.iter().position(|late| late.0 <= step) {
                    let (_, id, epoch, request) = self.late.remove(i);
                    self.coverage.late += 1;
                    if self.broker.handle(&id, epoch, true, request).is_ok() {
                        self.coverage.late_accepted += 1;
                    }
                }
            }
            26..28 => {
                if !self.gone.is_empty() {
                    let (group, member) = self.gone.remove(self.rng.random_range(0..self.gone.len()));
                    self.broker.groups.get_mut(group).expect("a group of this world").remove(member);
                }
            }
            _ => {
                let ongoing = self.broker.ongoing().filter(|(id, epoch)| !lives(id, *epoch));
                let lost: Vec<String> = ongoing.map(|(id, _)| id.to_owned()).collect();
                if !lost.is_empty() {
                    self.broker.time_out(&lost[self.rng.random_range(0..lost.len())]);
                }
            }
        }
    }

    /// The process hangs until some later step; its group will miss it.
    pub fn pause<X, Y>(&mut self, session: &mut Session<X, Y>) {
        session.paused_until = self.step + self.rng.random_range(50..1500);
        self.coverage.zombies += 1;
        self.gone.extend(session.group.map(|group| (group, session.member)));
    }

    /// The coordinator aborts the process's transaction, if it has one.
    pub fn time_out<X, Y>(&mut self, session: &Session<X, Y>) {
        self.coverage.time_outs += u64::from(self.broker.time_out(&session.id));
    }

    /// The group rebalances.
    pub fn rebalance(&mut self, group: &str) {
        self.broker.groups.get_mut(group).expect("a group of this world").preparing = true;
    }

    /// The process dies; what it sent may still arrive, now, late or never.
    pub fn crash<X, Y>(&mut self, session: Session<X, Y>) {
        self.coverage.crashes += 1;
        self.end(session);
    }

    /// The process is gone without a word to the log.
    pub fn end<X, Y>(&mut self, session: Session<X, Y>) {
        let mut last = None;
        if let Doing::Performing(Action::Commit(offsets), at) = &session.doing {
            let request = session.commit_request(offsets, *at);
            // An end is sent when all before it was answered.
            let is_sent = session.in_flight.is_empty() || !matches!(request, Request::End { .. });
            last = Some(request).filter(|_| is_sent);
        }
        let Session { id, group, member, epoch, in_flight, .. } = session;
        self.abandon(&id, epoch, in_flight.into_iter().chain(last));
        self.gone.extend(group.map(|group| (group, member)));
    }

    /// The process has ended in order.
    pub fn leave<X, Y>(&mut self, session: &Session<X, Y>) {
        self.coverage.stops += 1;
        if let Some(group) = session.group {
            self.broker.groups.get_mut(group).expect("a group of this world").remove(session.member);
        }
    }

    /// Nobody waits for these requests any more.
    fn abandon(&mut self, id: &str, epoch: u32, requests: impl IntoIterator<Item = Request>) {
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

    /// The process makes a move.
    pub fn advance<X, Y>(&mut self, s: &mut Session<X, Y>) -> Moved<X, Y> {
        match std::mem::replace(&mut s.doing, Doing::Moving) {
            Doing::Initialising(asked, event) => {
                s.doing = match self.broker.initialise(&s.id, asked) {
                    Ok(Some(epoch)) => {
                        s.epoch = epoch;
                        Doing::Telling(event)
                    }
                    Ok(None) => Doing::Initialising(Some(self.broker.epoch(&s.id)), event),
                    Err(_) => Doing::Initialising(None, event),
                };
                Moved::On
            }
            Doing::Telling(event) => Moved::Tell(event),
            Doing::Performing(action, at) => self.perform(s, action, at),
            Doing::Moving => unreachable!("the world says what a process does after its turn"),
        }
    }

    fn perform<X, Y>(&mut self, s: &mut Session<X, Y>, action: Action<X>, at: u8) -> Moved<X, Y> {
        let event = match action {
            Action::Poll => self.poll(s),
            Action::Read(partitions) => {
                let group = s.group.expect("only members read positions");
                match self.broker.committed(group, &partitions, self.loose == Some(Loose::DirtyRead)) {
                    Some(positions) => Event::Positions(positions),
                    None if self.rng.random_ratio(1, 4) => Event::Idle,
                    None => return s.again(Action::Read(partitions), 0),
                }
            }
            Action::Assign(positions) => {
                s.positions = positions.into_iter().collect();
                Event::Done
            }
            Action::Release => {
                s.generation = None;
                s.positions.clear();
                let group = s.group.expect("only members hold partitions");
                self.broker.groups.get_mut(group).expect("a group of this world").release(s.member);
                Event::Done
            }
            Action::Begin => Event::Done,
            Action::Send(outgoing) => {
                let request = Request::Produce { partition: outgoing.partition, record: outgoing.record };
                s.in_flight.push(request);
                Event::Done
            }
            Action::Commit(offsets) => return self.commit(s, offsets, at),
            Action::Abort => {
                let in_flight = std::mem::take(&mut s.in_flight);
                if !in_flight.is_empty() && self.loose != Some(Loose::SameProducer) {
                    self.coverage.aborts_in_flight += 1;
                    self.abandon(&s.id, s.epoch, in_flight);
                    s.doing = Doing::Initialising(None, Event::Done);
                    return Moved::On;
                }
                self.coverage.aborts += 1;
                let sent = self.broker.handle(&s.id, s.epoch, false, Request::End { commit: false });
                self.abandon(&s.id, s.epoch, in_flight);
                match sent {
                    Ok(()) => Event::Done,
                    Err(refusal) => Event::Failed(failure(refusal)),
                }
            }
            Action::Renew => {
                let in_flight = std::mem::take(&mut s.in_flight);
                self.abandon(&s.id, s.epoch, in_flight);
                s.doing = Doing::Initialising(None, Event::Done);
                return Moved::On;
            }
            Action::Other(ask) => return Moved::Ask(ask),
            Action::Exit(why) => return Moved::Exit(why),
        };
        s.tell(event)
    }

    /// All records first, then two requests: the offsets, then the end. The answer of either may get lost, and then
    /// nobody knows whether the request arrives at all.
    fn commit<X, Y>(&mut self, s: &mut Session<X, Y>, offsets: Vec<(Partition, Committed)>, at: u8) -> Moved<X, Y> {
        if let Some(first) = s.in_flight.first() {
            if s.lose_record && self.rng.random_ratio(1, 2) {
                s.lose_record = false;
                return s.tell(Event::Failed(Failure::Abort("a record did not arrive in time".into())));
            }
            return match self.broker.handle(&s.id, s.epoch, false, first.clone()) {
                Ok(()) => {
                    s.in_flight.remove(0);
                    s.again(Action::Commit(offsets), 0)
                }
                Err(Refusal::Wait) => s.again(Action::Commit(offsets), 0),
                Err(refusal) => self.refused(s, refusal),
            };
        }
        let at = if offsets.is_empty() { 1 } else { at };
        let request = s.commit_request(&offsets, at);
        if s.lose_answer && self.rng.random_ratio(1, 2) {
            s.lose_answer = false;
            self.coverage.lost_answers += 1;
            self.abandon(&s.id, s.epoch, [request]);
            return s.tell(Event::Failed(Failure::Unknown("the answer got lost".into())));
        }
        match self.broker.handle(&s.id, s.epoch, false, request) {
            Ok(()) if at == 0 => s.again(Action::Commit(offsets), 1),
            Err(Refusal::Wait) => s.again(Action::Commit(offsets), at),
            Ok(()) => s.tell(Event::Done),
            Err(refusal) => self.refused(s, refusal),
        }
    }

    fn refused<X, Y>(&mut self, s: &mut Session<X, Y>, refusal: Refusal) -> Moved<X, Y> {
        if std::mem::take(&mut s.paused_until) > 0 {
            self.coverage.zombies_refused += 1;
        }
        s.tell(Event::Failed(failure(refusal)))
    }

    fn poll<X, Y>(&mut self, s: &mut Session<X, Y>) -> Event<Y> {
        if std::mem::take(&mut s.stop) {
            return Event::Stop;
        }
        let group = s.group.and_then(|name| self.broker.groups.get_mut(name)).expect("only members poll");
        let is_member = group.members.contains_key(&s.member);
        if s.generation.is_some() && (group.preparing || !is_member) {
            self.coverage.revocations += 1;
            return Event::Revoked;
        }
        if !is_member {
            group.join(s.member);
            return Event::Idle;
        }
        if group.preparing {
            // It holds nothing: nothing keeps the group waiting.
            group.release(s.member);
            return Event::Idle;
        }
        if s.generation != Some(group.generation) {
            s.generation = Some(group.generation);
            s.positions.clear();
            return Event::Assigned(group.assigned.get(&s.member).cloned().unwrap_or_default());
        }
        let start = self.rng.random_range(0..s.positions.len().max(1));
        for (partition, at) in s.positions.iter_mut().skip(start) {
            if let Some(incoming) = self.broker.fetch(partition, *at) {
                *at = incoming.offset.next();
                return Event::Record(incoming);
            }
            let (from, to) = (*at, self.broker.unseen(partition, *at));
            if from < to && self.rng.random_ratio(1, 3) {
                *at = to;
                self.coverage.gaps += 1;
                return Event::Nothing { partition: partition.clone(), from, to };
            }
        }
        Event::Idle
    }
}

fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Fenced => Failure::Fenced("fenced".into()),
        Refusal::Wait => unreachable!("a client waits by itself"),
        Refusal::Stale => Failure::Abort("not a member of this generation".into()),
        Refusal::TooLarge => Failure::Fatal("the offset's metadata is too large".into()),
    }
}
