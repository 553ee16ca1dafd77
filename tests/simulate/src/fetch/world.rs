//! Clusters, their listers, a group of fetchers, and one schedule of what happens to them.

use super::fetcher::Fetcher;
use super::lister::ListerProcess;
use super::schedule::{Fault, FaultKind, FetchCoverage, Setup, Weaker};
use super::store::Store;
use super::watch::Watch;
use crate::broker::Broker;
use crate::net::{Doing, Moved, Net, Session};
use bytes::Bytes;
use logmill_core::wire::Record;
use logmill_core::{FileId, Plan};
use logmill_protocol::fetch::{
    Answer, Fetch, First, Lane, Listed, Lister, ListerAnswer, ListerAsk, ListerOptions, Options, Position, Rank,
    Waiting,
};
use logmill_protocol::{Action, Event, Machine as _, Partition};
use rand::RngExt as _;

const GROUP: &str = "fetcher";
const CLUSTERS: [&str; 2] = ["a", "b"];
/// Each cluster has a topic of tasks for each.
const LANES: [&str; 2] = ["tasks", "backfill"];
/// Steps after which what has not finished is stuck.
const PATIENCE: u64 = 60_000;
/// Steps from one look at the topics to the next.
const LOOK: u64 = 16;

pub struct World<'a> {
    setup: &'a Setup,
    pub net: Net,
    raw: Lane,
    /// The broker's limit on the metadata of an offset.
    metadata_bytes: usize,
    stores: Vec<Store>,
    /// How many files there ever were: their times.
    times: u64,
    fetchers: Vec<Fetcher>,
    listers: Vec<ListerProcess>,
    /// Listers that are to be started: when, and of which cluster.
    starting: Vec<(u64, usize)>,
    /// What the last lister of each cluster was told to be known.
    told: Vec<Option<Vec<FileId>>>,
    watch: Watch,
    pub coverage: FetchCoverage,
}

impl<'a> World<'a> {
    #[must_use]
    pub fn new(setup: &'a Setup) -> Self {
        let loose = match setup.weaker {
            Some(Weaker::Log(loose)) => Some(loose),
            _ => None,
        };
        let mut net = Net::new(setup.seed, loose);
        let raw = Lane::new("raw", net.rng.random_range(1..4));
        let metadata_bytes = net.rng.random_range(48..120);
        net.broker.metadata_bytes = Some(metadata_bytes);
        net.broker.topic(&raw.topic, raw.partitions, None);
        net.broker.topic("file-events", 1, None);
        net.broker.topic("dead-letters", 1, None);
        let names = &CLUSTERS[..setup.clusters as usize];
        for name in names {
            for lane in LANES {
                net.broker.topic(&format!("{lane}.{name}"), setup.partitions, Some(GROUP));
            }
            net.broker.topic(&format!("known.{name}"), 1, None);
        }
        let watch = Watch::new(&net.broker);
        let store = |name: &&'static str| Store { name, files: Vec::new(), silent_until: 0 };
        let mut world = Self {
            setup,
            net,
            raw,
            metadata_bytes,
            stores: names.iter().map(store).collect(),
            times: 0,
            fetchers: Vec::new(),
            listers: Vec::new(),
            starting: Vec::new(),
            told: vec![None; names.len()],
            watch,
            coverage: FetchCoverage::default(),
        };
        for cluster in 0..names.len() {
            (0..setup.files).for_each(|_| world.appear(cluster));
            world.start_lister(cluster);
        }
        if world.net.rng.random_ratio(1, 5) {
            let record = Record { payload: Bytes::from_static(b"{"), ..Record::default() };
            world.net.broker.write(&Partition::new("tasks.a", 0), record);
        }
        (0..setup.fetchers).for_each(|slot| world.start_fetcher(slot));
        world
    }

    /// A length and a time that no file had before.
    fn listed(&mut self, path: String) -> Listed {
        self.times += 1;
        let length = if self.net.rng.random_ratio(1, 8) { 0 } else { self.net.rng.random_range(1..60) };
        Listed { path, length, modified_ms: self.times }
    }

    fn appear(&mut self, cluster: usize) {
        let file = self.listed(format!("/{}", self.times));
        self.stores[cluster].files.push(file);
    }

    /// No two processes are configured alike.
    fn start_fetcher(&mut self, slot: u32) {
        let member = self.net.member();
        let rng = &mut self.net.rng;
        let options = Options {
            raw: self.raw.clone(),
            file_events: Lane::new("file-events", 1),
            dead_letters: Lane::new("dead-letters", 1),
            open_files: rng.random_range(1..8),
            backfill: CLUSTERS.iter().map(|name| format!("backfill.{name}").into()).collect(),
            backfill_files: rng.random_range(1..3),
            batch_bytes: rng.random_range(1..40),
            metadata_bytes: rng.random_range(40..=self.metadata_bytes),
        };
        let rule = match self.setup.weaker {
            Some(Weaker::Machine(rule)) => Some(rule),
            _ => None,
        };
        // One in three has no slot: its successor cannot end its transaction and has to wait for the coordinator.
        let id = if slot % 3 == 2 { format!("fetcher.x{member}") } else { format!("fetcher.{slot}") };
        let session = Session::new(id, Some(GROUP), member);
        let raw_bytes = rng.random_range(3..12);
        self.fetchers.push(Fetcher::new(session, slot, Fetch::weakened(options, rule), raw_bytes));
    }

    fn start_lister(&mut self, cluster: usize) {
        self.coverage.listers += 1;
        let (member, name) = (self.net.member(), self.stores[cluster].name);
        let rng = &mut self.net.rng;
        let raw_bytes = rng.random_range(3..12);
        let first = if rng.random() { First::Newest } else { First::Oldest };
        let (every, after) = (rng.random_range(1..5), rng.random_range(0..1000));
        let rank = move |file: &Listed, now: u64| {
            let backfill = file.modified_ms.is_multiple_of(every) || now > after + file.modified_ms;
            Rank::new(backfill, (file.modified_ms % 3) as i32, first, file.modified_ms)
        };
        let machine = Lister::new(ListerOptions {
            cluster: name.into(),
            tasks: Lane::new(format!("tasks.{name}"), self.setup.partitions),
            backfill: Lane::new(format!("backfill.{name}"), self.setup.partitions),
            rank_for: Box::new(rank),
            withheld: Box::new(|_| false),
            ahead: rng.random_range(1..5),
            held: rng.random_range(1..6),
            known: Lane::new(format!("known.{name}"), 1),
            plan_for: Box::new(move |_| (String::new(), Plan { raw_bytes, ..Plan::default() })),
            settle: rng.random_range(1..3),
            forget_ms: rng.random_range(50..400),
            batch: rng.random_range(1..4),
        });
        let id = match self.setup.weaker {
            Some(Weaker::OwnId) => format!("lister.{name}.{member}"),
            _ => format!("lister.{name}"),
        };
        let known = match self.setup.weaker {
            Some(Weaker::KnownBeforeFence) => Some(self.visible_known(cluster)),
            Some(Weaker::KnownOnce) => self.told[cluster].clone(),
            _ => None,
        };
        self.listers.push(ListerProcess::new(Session::new(id, None, member), cluster, machine, known));
    }

    fn visible_known(&self, cluster: usize) -> Vec<FileId> {
        known(self.net.broker.visible(&format!("known.{}", self.stores[cluster].name)))
    }

    /// Runs until all is fetched.
    ///
    /// # Errors
    /// What is not as it has to be.
    pub fn run(&mut self) -> Result<(), String> {
        let mut faults = self.setup.faults.iter().peekable();
        loop {
            self.net.step += 1;
            while let Some(fault) = faults.next_if(|f| f.step <= self.net.step) {
                self.fault(*fault);
            }
            self.act()?;
            if self.net.step.is_multiple_of(LOOK) && self.look()? && faults.peek().is_none() {
                break;
            }
            if self.net.step > PATIENCE {
                return Err(self.stuck());
            }
        }
        self.watch.check(&self.stores)?;
        for track in self.watch.files.values() {
            self.coverage.parks += track.parks;
            self.coverage.resumes += track.resumed;
            self.coverage.changed += u64::from(track.end == Some(logmill_core::End::Abort));
            self.coverage.forgotten += u64::from(track.forgotten);
        }
        self.coverage.dead += u64::from(self.stores.iter().any(Store::is_dead));
        self.coverage.foreign += self.watch.foreign;
        self.coverage.backfill += self.watch.backfill;
        self.coverage.parks_again += self.watch.parks_again;
        self.coverage.changed_parked += self.watch.changed_parked;
        Ok(())
    }

    /// Looks at what is visible now; whether it is all.
    fn look(&mut self) -> Result<bool, String> {
        self.watch.observe(&self.net.broker)?;
        if !self.net.broker.is_quiet() {
            return Ok(false);
        }
        self.watch.check_positions(&self.net.broker, GROUP)?;
        self.coverage.quiet += 1;
        Ok(self.watch.is_complete(&self.stores))
    }

    fn stuck(&self) -> String {
        let fetchers = self.fetchers.iter().map(|f| format!("{}: {:?}", f.session.id, f.session.doing));
        let listers = self.listers.iter().map(|l| format!("{}: {:?}", l.session.id, l.session.doing));
        let doing: Vec<_> = fetchers.chain(listers).collect();
        let groups = &self.net.broker.groups;
        format!("not finished after {PATIENCE} steps:\n{}\n{groups:?}\n{:?}", doing.join("\n"), self.watch.files)
    }

    /// Lets somebody make one move.
    fn act(&mut self) -> Result<(), String> {
        if self.net.rng.random_range(0..100) >= 70 {
            let (fetchers, listers) = (&self.fetchers, &self.listers);
            let lives = |id: &str, epoch| {
                fetchers.iter().any(|f| f.session.is(id, epoch)) || listers.iter().any(|l| l.session.is(id, epoch))
            };
            self.net.happen(&[GROUP], lives);
            self.dismiss();
            let step = self.net.step;
            if let Some(i) = self.starting.iter().position(|(due, _)| *due <= step) {
                let (_, cluster) = self.starting.swap_remove(i);
                self.start_lister(cluster);
            }
            return Ok(());
        }
        let i = self.net.rng.random_range(0..self.fetchers.len() + self.listers.len());
        match i.checked_sub(self.fetchers.len()) {
            None => self.move_fetcher(i),
            Some(i) => {
                self.move_lister(i);
                Ok(())
            }
        }
    }

    fn move_fetcher(&mut self, i: usize) -> Result<(), String> {
        let (step, fetcher) = (self.net.step, &mut self.fetchers[i]);
        if fetcher.session.paused_until > step {
            return Ok(());
        }
        if fetcher.session.is_committing()
            && let Some(kind) = fetcher.ambush.take_if(|_| self.net.rng.random_ratio(1, 3))
        {
            self.befall_fetcher(i, kind);
            return Ok(());
        }
        match self.net.advance(&mut fetcher.session) {
            Moved::On => {}
            Moved::Tell(mut event) => {
                if self.setup.weaker == Some(Weaker::CutByConfiguration) {
                    fetcher.cut(&mut event);
                }
                self.coverage.hears(&event, fetcher.machine.waiting_tasks());
                let told = if self.setup.trace { format!("{event:?}") } else { String::new() };
                let action = fetcher.machine.step(step, event);
                if self.setup.trace {
                    eprintln!("{step} {}/{}: {told} -> {action:?}", fetcher.session.id, fetcher.session.member);
                }
                fetcher.session.doing = Doing::Performing(action, 0);
            }
            Moved::Ask(ask) => {
                let answer = fetcher.answer(ask, &self.stores, step, &mut self.net.rng);
                fetcher.session.doing = Doing::Telling(Event::Other(answer));
            }
            Moved::Exit(Err(why)) => return Err(format!("a fetcher gave up: {why}")),
            Moved::Exit(Ok(())) => {
                let fetcher = self.fetchers.swap_remove(i);
                self.net.leave(&fetcher.session);
                self.start_fetcher(fetcher.slot);
            }
        }
        Ok(())
    }

    fn move_lister(&mut self, i: usize) {
        let (step, lister) = (self.net.step, &mut self.listers[i]);
        if lister.session.paused_until > step {
            return;
        }
        if lister.session.is_committing()
            && let Some(kind) = lister.ambush.take_if(|_| self.net.rng.random_ratio(1, 3))
        {
            return self.befall_lister(i, kind);
        }
        match self.net.advance(&mut lister.session) {
            Moved::On => {}
            Moved::Tell(event) => {
                let told = if self.setup.trace { format!("{event:?}") } else { String::new() };
                let action = lister.machine.step(step, event);
                if self.setup.trace {
                    eprintln!("{step} {}/{}: {told} -> {action:?}", lister.session.id, lister.session.member);
                }
                lister.session.doing = Doing::Performing(action, 0);
            }
            Moved::Ask(ask) => {
                let answer = self.answer_lister(i, &ask);
                self.listers[i].session.doing = match answer {
                    Some(answer) => Doing::Telling(Event::Other(answer)),
                    None => Doing::Performing(Action::Other(ask), 0),
                };
            }
            Moved::Exit(why) => {
                let lister = self.listers.swap_remove(i);
                self.replace(&lister);
                match why {
                    Ok(()) => self.net.leave(&lister.session),
                    Err(why) => {
                        self.coverage.fenced += u64::from(why.starts_with("fenced"));
                        self.net.end(lister.session);
                    }
                }
            }
        }
    }

    fn answer_lister(&mut self, i: usize, ask: &ListerAsk) -> Option<ListerAnswer> {
        let (step, lister) = (self.net.step, &mut self.listers[i]);
        let store = &self.stores[lister.cluster];
        match ask {
            ListerAsk::Known => {
                let now = || self.net.broker.read_to_high_watermark(&format!("known.{}", store.name)).map(known);
                let ids = lister.known.take().or_else(now)?;
                self.told[lister.cluster] = Some(ids.clone());
                Some(ListerAnswer::Known(ids))
            }
            ListerAsk::Waiting => {
                self.coverage.held += 1;
                let [live, backfill] = LANES.map(|lane| waiting(&self.net.broker, &format!("{lane}.{}", store.name)));
                Some(ListerAnswer::Waiting(Waiting { live, backfill }))
            }
            ListerAsk::List { wait_ms } => {
                let answer = lister.list(store, step, *wait_ms, &mut self.net.rng)?;
                let is_broken = answer == ListerAnswer::ScanFailed;
                self.coverage.broken_scans += u64::from(is_broken);
                let is_taken_for_whole = is_broken && self.setup.weaker == Some(Weaker::BrokenScan);
                Some(if is_taken_for_whole { ListerAnswer::ScanEnd } else { answer })
            }
        }
    }

    /// Whoever supervises the listers starts one where the youngest has ended; the others are not wanted any more.
    fn replace(&mut self, ended: &ListerProcess) {
        let is_younger = |l: &ListerProcess| l.cluster == ended.cluster && l.session.member > ended.session.member;
        if !self.listers.iter().any(is_younger) {
            self.starting.push((self.net.step + self.net.rng.random_range(1..150), ended.cluster));
        }
    }

    /// A lister hears that another one has its cluster now.
    fn dismiss(&mut self) {
        let i = self.net.rng.random_range(0..self.listers.len().max(1) * 8);
        let Some(lister) = self.listers.get(i) else { return };
        let (member, cluster) = (lister.session.member, lister.cluster);
        let is_old = self.listers.iter().any(|l| l.cluster == cluster && l.session.member > member);
        self.listers[i].session.stop |= is_old;
    }

    fn fault(&mut self, fault: Fault) {
        let which = fault.which as usize;
        let cluster = which % self.stores.len();
        match fault.kind {
            FaultKind::Rebalance => self.net.rebalance(GROUP),
            FaultKind::Lister => self.starting.push((self.net.step, cluster)),
            FaultKind::Silence => {
                let until = self.net.step + self.net.rng.random_range(50..600);
                let store = &mut self.stores[cluster];
                store.silent_until = store.silent_until.max(until);
            }
            FaultKind::Die => {
                if let [_, second] = &mut self.stores[..] {
                    second.silent_until = Store::NEVER;
                }
            }
            FaultKind::Appear => self.appear(cluster),
            FaultKind::Change | FaultKind::Vanish => {
                let files = &mut self.stores[cluster].files;
                if !files.is_empty() {
                    let gone = files.remove(which / 2 % files.len());
                    if fault.kind == FaultKind::Change {
                        let changed = self.listed(gone.path);
                        self.stores[cluster].files.push(changed);
                    }
                }
            }
            _ => {
                let count = self.fetchers.len() + self.listers.len();
                match (which % count).checked_sub(self.fetchers.len()) {
                    None if fault.in_commit => self.fetchers[which % count].ambush = Some(fault.kind),
                    Some(i) if fault.in_commit => self.listers[i].ambush = Some(fault.kind),
                    None => self.befall_fetcher(which % count, fault.kind),
                    Some(i) => self.befall_lister(i, fault.kind),
                }
            }
        }
    }

    fn befall_fetcher(&mut self, i: usize, kind: FaultKind) {
        let session = &mut self.fetchers[i].session;
        match kind {
            FaultKind::Pause => self.net.pause(session),
            FaultKind::TimeOut => self.net.time_out(session),
            FaultKind::LoseAnswer => session.lose_answer = true,
            FaultKind::LoseRecord => session.lose_record = true,
            FaultKind::Stop => session.stop = true,
            _ => {
                let Fetcher { session, slot, .. } = self.fetchers.swap_remove(i);
                self.net.crash(session);
                self.start_fetcher(slot);
            }
        }
    }

    fn befall_lister(&mut self, i: usize, kind: FaultKind) {
        let session = &mut self.listers[i].session;
        match kind {
            FaultKind::Pause => {
                self.net.pause(session);
                let cluster = self.listers[i].cluster;
                self.starting.push((self.net.step, cluster));
            }
            FaultKind::TimeOut => self.net.time_out(session),
            FaultKind::LoseAnswer => session.lose_answer = true,
            FaultKind::LoseRecord => session.lose_record = true,
            FaultKind::Stop => session.stop = true,
            _ => {
                let lister = self.listers.swap_remove(i);
                self.replace(&lister);
                self.net.crash(lister.session);
            }
        }
    }
}

impl FetchCoverage {
    fn hears(&mut self, event: &Event<Answer>, waiting: usize) {
        match event {
            Event::Positions(positions) => {
                let committed = positions.iter().filter_map(|(_, committed)| committed.as_ref());
                let open =
                    committed.flat_map(|c| Position::decode(c).expect("only machines commit").open.into_values());
                self.takeovers += open.filter(|file| file.next.0 > 0).count() as u64;
            }
            Event::Idle if waiting > 0 => self.full += 1,
            _ => {}
        }
    }
}

/// What no fetcher has taken, by partition: from above, as a reader of offsets counts it.
fn waiting(broker: &Broker, topic: &str) -> Vec<u64> {
    let partitions: Vec<Partition> = broker.partitions(topic).cloned().collect();
    let committed = broker.committed(GROUP, &partitions, true).expect("a dirty reader waits for nobody");
    let next = committed.into_iter().map(|(partition, committed)| {
        let position = Position::decode(&committed.expect("offset 0 was committed")).expect("only machines commit");
        (broker.end(&partition).0 - position.next.0).max(0) as u64
    });
    next.collect()
}

/// The ids whose last value is one.
fn known(records: Vec<logmill_protocol::Incoming>) -> Vec<FileId> {
    let mut known = std::collections::BTreeSet::new();
    for incoming in records {
        let id = incoming.record.file_id().expect("a lister's records have a file's key");
        if incoming.record.payload.is_empty() {
            known.remove(&id)
        } else {
            known.insert(id)
        };
    }
    known.into_iter().collect()
}
