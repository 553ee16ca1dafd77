//! From chunks straight into the database: a stage and the loader as one machine, without a topic between them.
//!
//! The loader reads rows at offsets, and does not ask where they come from. Here they come from a stage in the same
//! process: each partition of the input has a [`Strand`], a stage's worker whose outputs become records of a log that is
//! nowhere written down. A record's offset in it is made of the input's offset H and of the outputs that H had before it
//! ([`virtually`]). As outputs and their order are a function of the file alone, this log is the same in each life, and all
//! that holds of the loader holds over it: the intent `[a, b)`, the INSERT under their id, the anti-join.
//!
//! So where the loader is, the offset `a`, *is* a stage's position: the chunk H, and k of its outputs. A commit of the loader is
//! one of that position, with S and the files that are open, from which a successor makes the log anew; and it sends the
//! events and rejects that stand before `a`. So they are in the log exactly if their rows are in the table.
//!
//! **Invariants.** The position never moves beyond a row that is not in. A chunk that kills the process is found as in any
//! stage's worker, by attempts that are noted before it is begun. As what was begun is in only much later here than there,
//! it is also noted when a chunk was survived; one at which somebody began, and nothing moved since, is taken alone: until it is
//! survived nothing else is begun in any partition, and until it is in nothing else in its own. Then two are taken before both
//! have to be in, then four, so that a chunk that kills is soon the first one. A chunk's rows get an intent only
//! when the whole chunk was survived, or, of a chunk with very many, when all before it is in. What has an intent goes in before
//! anything else of its partition is begun. So none is rejected for another's deeds.

mod landed;
mod strand;

pub use landed::{Landed, really, virtually};

use crate::load::{Answer, Ask, Config, Loader, Loads, Wait};
use crate::log::{Action, Committed, Event, Failure, Machine, Outgoing, Partition};
use crate::worker::{Options, Snapshot, StageWorker};
use logmill_core::wire::header;
use logmill_core::{Lags, Stage};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use strand::{Moved, Strand};

/// The topic to which a stage's rows are routed here: no topic of the log.
pub const ROWS: &str = "rows";

/// How often marks behind which no row comes are told, in milliseconds.
const REST_MS: u64 = 100;

/// The machine of one worker.
pub struct Ingester<S: Stage> {
    make: Box<dyn Fn() -> S>,
    options: Options,
    /// Bytes of rows of one chunk that wait until the whole of it was survived.
    chunk_bytes: usize,
    loader: Loader,
    /// Of all partitions that this worker ever had: which chunks it survived is known for as long as it lives.
    strands: BTreeMap<Partition, Strand<S>>,
    assigned: Vec<Partition>,
    /// Where these stand is known.
    is_positioned: bool,
    /// What the loader wants fetched, ...
    wanted: BTreeSet<Partition>,
    /// ... and what is.
    fetched: BTreeSet<Partition>,
    asked: Asked,
    /// Events and rejects that are still to be put into the loader's transaction.
    sends: VecDeque<Outgoing>,
    /// What that transaction commits.
    commits: Vec<(Partition, Landed)>,
    transactions: u64,
    aborts: u64,
    /// The last that were told.
    lags: Lags,
    /// Partitions whose last mark may be told, and when that was done last.
    resting: Vec<Partition>,
    rested_ms: u64,
    /// The loader is to be told that it may go on.
    is_due: bool,
    #[cfg(feature = "weaken")]
    weaken: Option<Weaken>,
}

/// What the last action was, that is, what the next event answers.
#[derive(Clone, Debug)]
enum Asked {
    /// Something of the loader's that goes to the log as it is.
    Loader,
    Poll,
    Read,
    /// The loader's own.
    Assign,
    /// Another choice among what the loader wants fetched.
    Fetch,
    /// An event or a reject.
    Send,
    Commit,
    /// The transaction that notes an attempt at a partition's next chunk, or that it was survived: begun; committed.
    Note(Partition, bool),
    /// That transaction failed.
    Mend,
}

/// Rules that a test switches off, to see the alarm: none is, in what is shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaken {
    /// Commit how far the stage is, though its rows are not in.
    BeyondRows,
    /// Leave out the events and rejects that stand before the position.
    NoSides,
    /// Note no attempts.
    NoAttempts,
    /// A rule of the stage's workers.
    Worker(crate::worker::Weaken),
}

impl<S: Stage> Ingester<S> {
    /// Of `options` the transactions' limits are not used: what is committed when is the loader's to say.
    #[must_use]
    pub fn new(make: impl Fn() -> S + 'static, options: Options, config: Config) -> Self {
        let chunk_bytes = (config.batch_bytes / 2).max(1);
        // A mark after each step of the stage.
        let options = Options { transaction_bytes: 1, transaction_ms: 0, ..options };
        Self {
            make: Box::new(make),
            options,
            chunk_bytes,
            loader: Loader::new(config),
            strands: BTreeMap::new(),
            assigned: Vec::new(),
            is_positioned: false,
            wanted: BTreeSet::new(),
            fetched: BTreeSet::new(),
            asked: Asked::Loader,
            sends: VecDeque::new(),
            commits: Vec::new(),
            transactions: 0,
            aborts: 0,
            lags: Lags::default(),
            resting: Vec::new(),
            rested_ms: 0,
            is_due: false,
            #[cfg(feature = "weaken")]
            weaken: None,
        }
    }

    /// The same with a rule switched off, for tests that see the alarm.
    #[cfg(feature = "weaken")]
    #[must_use]
    pub fn weakened(
        make: impl Fn() -> S + 'static,
        options: Options,
        config: Config,
        chunk_bytes: usize,
        rule: Option<Weaken>,
    ) -> Self {
        Self { weaken: rule, chunk_bytes, ..Self::new(make, options, config) }
    }

    /// Whether a rule is switched off: never, in what is shipped.
    #[cfg_attr(not(feature = "weaken"), expect(clippy::unused_self, reason = "the feature needs it"))]
    fn weak(&self, rule: Weaken) -> bool {
        #[cfg(feature = "weaken")]
        return self.weaken == Some(rule);
        #[cfg(not(feature = "weaken"))]
        {
            let _ = rule;
            false
        }
    }

    /// Hands the stages a new snapshot of the lags.
    pub fn observe(&mut self, lags: Lags) {
        self.strands.values_mut().for_each(|strand| strand.worker.stage_mut().observe(&lags));
        self.lags = lags;
    }

    /// What there is to see: chunks in, rows' bytes out.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (transactions, aborts) = (self.transactions, self.aborts);
        let mut all = Snapshot { transactions, aborts, ..Snapshot::default() };
        for (partition, strand) in &self.strands {
            let one = strand.worker.snapshot();
            all.chunks += one.chunks;
            all.bytes_in += one.bytes_in;
            all.bytes_out += one.bytes_out;
            all.rejects += one.rejects;
            all.silent_chunks += one.silent_chunks;
            all.takeovers_within_chunk += one.takeovers_within_chunk;
            all.kept_states += strand.kept;
            all.decrees += one.decrees;
            all.headless += one.headless;
            if self.assigned.contains(partition) {
                all.partitions.extend(strand.seen(one));
            }
        }
        all
    }

    /// A stage's worker for one more partition.
    fn worker(&self) -> StageWorker<S> {
        let mut stage = (self.make)();
        stage.observe(&self.lags);
        #[cfg(feature = "weaken")]
        if let Some(Weaken::Worker(rule)) = self.weaken {
            return StageWorker::weakened(stage, self.options.clone(), Some(rule));
        }
        StageWorker::new(stage, self.options.clone())
    }

    fn strand(&mut self, partition: &Partition) -> &mut Strand<S> {
        self.strands.get_mut(partition).expect("what is fetched, or commits, has a strand")
    }

    fn ask(&mut self, asked: Asked, action: Action<Ask>) -> Action<Ask> {
        self.asked = asked;
        action
    }

    /// Tells the loader, and does what it asks: of the log, or of the strands.
    fn hears(&mut self, now_ms: u64, mut event: Event<Answer>) -> Action<Ask> {
        loop {
            return match self.loader.step(now_ms, event) {
                Action::Poll => match self.poll(now_ms) {
                    Turn::Tell(next) => {
                        event = next;
                        continue;
                    }
                    Turn::Ask(action) => action,
                },
                Action::Read(partitions) => {
                    // What comes before the positions are known is none of ours.
                    self.fetch_none();
                    self.is_positioned = false;
                    self.ask(Asked::Read, Action::Read(partitions))
                }
                Action::Assign(starts) => {
                    self.wanted = starts.into_iter().map(|(partition, _)| partition).collect();
                    self.fetch(Asked::Assign)
                }
                Action::Send(outgoing) => self.ask(Asked::Loader, Action::Send(by_place(outgoing))),
                Action::Commit(offsets) => self.commit(offsets),
                action => self.ask(Asked::Loader, action),
            };
        }
    }

    /// What answers the loader's poll: a row that is made, a chunk that goes on being transformed, or the log.
    fn poll(&mut self, now_ms: u64) -> Turn {
        let notes = self.is_positioned;
        let survived = |partition: &&Partition| notes && self.strands[*partition].has_survived();
        if let Some(partition) = self.assigned.iter().find(survived).cloned() {
            return Turn::Ask(self.ask(Asked::Note(partition, false), Action::Begin));
        }
        loop {
            let alone = self.alone();
            let is_free = |partition: &Partition| alone.as_ref().is_none_or(|alone| alone == partition);
            let mut wanted = self.strands.iter_mut().filter(|(partition, _)| self.wanted.contains(*partition));
            let Some((partition, strand)) = wanted.find(|(partition, strand)| strand.has_more(is_free(partition)))
            else {
                break;
            };
            if let Some(incoming) = strand.row() {
                return Turn::Tell(Event::Record(incoming));
            }
            if notes && strand.has_survived() {
                return self.poll(now_ms);
            }
            match strand.go_on(now_ms) {
                Moved::On => {}
                Moved::Note => {
                    let partition = partition.clone();
                    return Turn::Ask(self.ask(Asked::Note(partition, false), Action::Begin));
                }
                Moved::Broken(why) => return Turn::Ask(self.ask(Asked::Loader, Action::Exit(Err(why)))),
            }
        }
        if let Some(rest) = self.rest(now_ms) {
            return Turn::Tell(rest);
        }
        if self.free() != self.fetched {
            return Turn::Ask(self.fetch(Asked::Fetch));
        }
        Turn::Ask(self.ask(Asked::Poll, Action::Poll))
    }

    /// The partition whose chunk was taken alone, as it may be the one that kills.
    fn alone(&self) -> Option<Partition> {
        self.assigned.iter().find(|partition| self.strands.get(*partition).is_some_and(Strand::is_alone)).cloned()
    }

    /// What the loader wants fetched, but for what may not begin anything now.
    fn free(&self) -> BTreeSet<Partition> {
        // Rows that wait for those before them need no further records; the loader's budget does not know of them.
        let held: usize = self.wanted.iter().map(|partition| self.strands[partition].bytes()).sum();
        if held >= self.chunk_bytes {
            return BTreeSet::new();
        }
        let alone = self.alone();
        let is_free = |partition: &&Partition| {
            alone.as_ref().is_none_or(|alone| alone == *partition)
                && self.strands.get(*partition).is_some_and(Strand::may_take)
        };
        self.wanted.iter().filter(is_free).cloned().collect()
    }

    /// A mark behind the last row of a partition: where no more comes, nothing else would have it committed.
    fn rest(&mut self, now_ms: u64) -> Option<Event<Answer>> {
        if now_ms.saturating_sub(self.rested_ms) >= REST_MS {
            self.rested_ms = now_ms;
            self.resting.clone_from(&self.assigned);
            self.is_due = true;
        }
        while let Some(partition) = self.resting.pop() {
            if let Some(rest) = self.strands.get(&partition).and_then(|strand| strand.rest(&partition)) {
                return Some(rest);
            }
        }
        // However much comes of which no row is made, the loader has its turn.
        std::mem::take(&mut self.is_due).then_some(Event::Idle)
    }

    /// Nothing is the loader's to be fetched.
    fn fetch_none(&mut self) {
        self.wanted.clear();
        self.fetched.clear();
    }

    fn fetch(&mut self, asked: Asked) -> Action<Ask> {
        self.fetched = self.free();
        let starts = self.fetched.iter().map(|partition| (partition.clone(), self.strands[partition].next)).collect();
        self.ask(asked, Action::Assign(starts))
    }

    /// What the log answered to a poll.
    fn polled(&mut self, now_ms: u64, event: Event<Answer>) -> Action<Ask> {
        match event {
            Event::Record(incoming) if self.fetched.contains(&incoming.partition) => {
                self.strand(&incoming.partition).take(now_ms, incoming);
                self.go_on(now_ms)
            }
            Event::Nothing { partition, from, to } if self.fetched.contains(&partition) => {
                self.strand(&partition).nothing(now_ms, &partition, from, to);
                self.go_on(now_ms)
            }
            // Of an assignment that is over.
            Event::Record(_) | Event::Nothing { .. } => self.hears(now_ms, Event::Idle),
            Event::Assigned(partitions) => {
                for (partition, strand) in &mut self.strands {
                    if !partitions.contains(partition) {
                        strand.leave();
                    }
                }
                for partition in &partitions {
                    if !self.strands.contains_key(partition) {
                        let strand = Strand::new(self.worker(), self.chunk_bytes);
                        self.strands.insert(partition.clone(), strand);
                    }
                }
                self.assigned = partitions.clone();
                self.hears(now_ms, Event::Assigned(partitions))
            }
            Event::Revoked => {
                self.assigned.clear();
                self.is_positioned = false;
                self.fetch_none();
                self.hears(now_ms, Event::Revoked)
            }
            event => self.hears(now_ms, event),
        }
    }

    /// Goes on where the loader waits for the answer to a poll.
    fn go_on(&mut self, now_ms: u64) -> Action<Ask> {
        match self.poll(now_ms) {
            Turn::Tell(event) => self.hears(now_ms, event),
            Turn::Ask(action) => action,
        }
    }

    fn positioned(&mut self, now_ms: u64, positions: Vec<(Partition, Option<Committed>)>) -> Action<Ask> {
        let mut told = Vec::with_capacity(positions.len());
        for (partition, committed) in positions {
            let Some(committed) = committed else {
                told.push((partition, None));
                continue;
            };
            let landed = match Landed::decode(&committed) {
                Ok(landed) => landed,
                Err(bad) => return self.ask(Asked::Loader, Action::Exit(Err(format!("{partition}: {bad}")))),
            };
            told.push((partition.clone(), Some(landed.as_loaded())));
            let no_attempts = self.weak(Weaken::NoAttempts);
            let strand = self.strand(&partition);
            if let Err(why) = strand.start(now_ms, &partition, landed) {
                return self.ask(Asked::Loader, Action::Exit(Err(why)));
            }
            strand.note_no_attempts(no_attempts);
        }
        self.is_positioned = true;
        self.hears(now_ms, Event::Positions(told))
    }

    /// The loader commits: with the positions that belong to its offsets, and with what was told before them.
    fn commit(&mut self, offsets: Vec<(Partition, Committed)>) -> Action<Ask> {
        let (beyond, without) = (self.weak(Weaken::BeyondRows), self.weak(Weaken::NoSides));
        self.commits.clear();
        self.sends.clear();
        for (partition, loaded) in offsets {
            let strand = self.strand(&partition);
            let landed = strand.landing(&loaded, beyond);
            let sides: Vec<_> = strand.told_before(landed.from()).filter(|_| !without).collect();
            self.sends.extend(sides);
            self.commits.push((partition, landed));
        }
        self.commit_on()
    }

    fn commit_on(&mut self) -> Action<Ask> {
        if let Some(outgoing) = self.sends.pop_front() {
            return self.ask(Asked::Send, Action::Send(outgoing));
        }
        let bytes = self.options.metadata_bytes;
        let commits =
            self.commits.iter().map(|(partition, landed)| (partition.clone(), landed.encode(bytes))).collect();
        self.ask(Asked::Commit, Action::Commit(commits))
    }

    fn committed(&mut self, now_ms: u64) -> Action<Ask> {
        self.transactions += 1;
        for (partition, landed) in std::mem::take(&mut self.commits) {
            self.strand(&partition).landed(landed);
        }
        self.hears(now_ms, Event::Done)
    }

    /// The transaction that notes something of a partition, step by step.
    fn note(&mut self, now_ms: u64, partition: Partition, committing: bool, event: Event<Answer>) -> Action<Ask> {
        if let Event::Failed(failure) = event {
            return self.mend(failure);
        }
        if committing {
            self.transactions += 1;
            self.strand(&partition).noted(now_ms);
            return self.go_on(now_ms);
        }
        let commits = vec![(partition.clone(), self.strands[&partition].note().encode(self.options.metadata_bytes))];
        self.ask(Asked::Note(partition, true), Action::Commit(commits))
    }

    /// Ends a transaction of ours that failed; then everything is read again.
    fn mend(&mut self, failure: Failure) -> Action<Ask> {
        self.aborts += u64::from(!matches!(self.asked, Asked::Mend));
        match failure {
            Failure::Fatal(why) => self.ask(Asked::Loader, Action::Exit(Err(why))),
            Failure::Abort(_) if !matches!(self.asked, Asked::Mend) => self.ask(Asked::Mend, Action::Abort),
            _ => self.ask(Asked::Mend, Action::Renew),
        }
    }

    /// Has the loader start from what is committed.
    fn anew(&mut self, now_ms: u64) -> Action<Ask> {
        let assigned = self.assigned.clone();
        self.hears(now_ms, Event::Assigned(assigned))
    }
}

/// What comes of the loader's poll.
enum Turn {
    Tell(Event<Answer>),
    Ask(Action<Ask>),
}

/// A dead letter of the loader, with the place of the input in place of the row's.
fn by_place(mut letter: Outgoing) -> Outgoing {
    let origin = letter.record.headers.iter_mut().find(|(name, _)| name == header::ORIGIN);
    if let Some((_, origin)) = origin
        && let Some((partition, offset)) = String::from_utf8_lossy(origin).rsplit_once('/')
        && let Ok(offset) = offset.parse()
    {
        *origin = format!("{partition}/{}", really(logmill_core::Offset(offset))).into();
    }
    letter
}

impl<S: Stage> Loads for Ingester<S> {
    /// Offsets are the input's.
    fn waits(&self) -> Vec<Wait> {
        let real = |wait: Wait| Wait { from: really(wait.from), to: really(wait.to), ..wait };
        self.loader.waits().into_iter().map(real).collect()
    }

    fn buffered(&self) -> usize {
        self.loader.buffered() + self.strands.values().map(Strand::bytes).sum::<usize>()
    }

    fn is_hindered(&self) -> bool {
        self.loader.is_hindered() || self.strands.values().any(Strand::is_slowed)
    }
}

impl<S: Stage> Machine for Ingester<S> {
    type Ask = Ask;
    type Answer = Answer;

    fn step(&mut self, now_ms: u64, event: Event<Answer>) -> Action<Ask> {
        match (self.asked.clone(), event) {
            (Asked::Poll, event) => self.polled(now_ms, event),
            (Asked::Read, Event::Positions(positions)) => self.positioned(now_ms, positions),
            (Asked::Fetch, Event::Done) => self.go_on(now_ms),
            (Asked::Fetch, Event::Failed(Failure::Fatal(why))) => self.ask(Asked::Loader, Action::Exit(Err(why))),
            (Asked::Fetch, _) => self.anew(now_ms),
            (Asked::Send, Event::Done) => self.commit_on(),
            (Asked::Commit, Event::Done) => self.committed(now_ms),
            (Asked::Note(partition, committing), event) => self.note(now_ms, partition, committing, event),
            (Asked::Mend, Event::Failed(failure)) => self.mend(failure),
            (Asked::Mend, _) => self.anew(now_ms),
            (Asked::Assign, Event::Failed(failure)) => {
                self.fetch_none();
                self.hears(now_ms, Event::Failed(failure))
            }
            (Asked::Send | Asked::Commit, Event::Failed(failure)) => {
                self.aborts += 1;
                self.hears(now_ms, Event::Failed(failure))
            }
            (Asked::Loader | Asked::Read | Asked::Assign | Asked::Send | Asked::Commit, event) => {
                self.hears(now_ms, event)
            }
        }
    }
}
