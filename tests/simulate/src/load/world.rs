//! A log, a group, a database, and some loaders in them; every step is one choice of the seed.

use super::parts::{Entry, Late, Process, Rules};
use super::schedule::{Fault, FaultKind, LoadCoverage, Setup};
use crate::database::{Database, Row};
use bytes::Bytes;
use logmill_core::wire::{Kind, WireChunk, header};
use logmill_core::{FileId, LineSpan, Load, Offset, Seq};
use logmill_protocol::load::{Answer, Ask, Config, Content, Insert, Loader};
use logmill_protocol::{Action, Committed, Event, Failure, Incoming, Machine, Partition};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct World<'a> {
    setup: &'a Setup,
    pub rules: Rules,
    rng: u64,
    pub coverage: LoadCoverage,
    steps: u64,
    /// Faults whose step has come, but not their occasion.
    due: Vec<Fault>,
    log: BTreeMap<Partition, Vec<Entry>>,
    committed: BTreeMap<Partition, Committed>,
    generation: u64,
    owners: BTreeMap<Partition, usize>,
    /// The newest producer of each slot.
    producers: Vec<u64>,
    pub processes: Vec<Process>,
    uids: u64,
    late: Vec<Late>,
    pub database: Database,
    /// By origin and row.
    dead: BTreeMap<(String, Option<u64>), u32>,
}

const PARTITIONS: i32 = 2;

impl<'a> World<'a> {
    #[must_use]
    pub fn new(setup: &'a Setup) -> Self {
        let mut world = Self {
            setup,
            rules: setup.rules,
            rng: setup.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d,
            coverage: LoadCoverage::default(),
            steps: 0,
            due: Vec::new(),
            log: BTreeMap::new(),
            committed: BTreeMap::new(),
            generation: 0,
            owners: BTreeMap::new(),
            producers: Vec::new(),
            processes: Vec::new(),
            uids: 0,
            late: Vec::new(),
            database: Database::new(setup.rules.insert),
            dead: BTreeMap::new(),
        };
        let topic: Arc<str> = "rows".into();
        for index in 0..PARTITIONS {
            let partition = Partition { topic: topic.clone(), index };
            let entries = world.entries(&partition);
            world.committed.insert(partition.clone(), Committed { offset: Offset(0), metadata: String::new() });
            world.log.insert(partition, entries);
        }
        for slot in 0..setup.loaders as usize {
            world.producers.push(0);
            let process = world.start(slot);
            world.processes.push(process);
        }
        world.rebalance();
        world
    }

    fn pick(&mut self, n: usize) -> usize {
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        ((self.rng >> 33) as usize) % n
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.pick(100) < percent
    }

    /// A few files' line ranges, some of them twice; some records malformed, some rows bad, offsets with holes.
    fn entries(&mut self, partition: &Partition) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines = [1_u64; 2];
        let mut offset = 0;
        for _ in 0..self.setup.records {
            offset += 1 + i64::from(self.chance(20));
            let number = self.pick(2);
            let file = (partition.index as u128) * 10 + number as u128;
            let (first_line, rows) = match lines[number] {
                next if next > 1 && self.chance(15) => (1, next - 1),
                next => (next, 1 + self.pick(3) as u64),
            };
            lines[number] = lines[number].max(first_line + rows);
            let chunk = WireChunk {
                file_id: FileId(file),
                load: Load(0),
                seq: Seq(offset as u64),
                kind: Kind::Data,
                silent: false,
                plan: String::new(),
                file: None,
                span: Some(LineSpan { first_line, first_part: 0, rows }),
                header: None,
                notes: Vec::new(),
                packed: false,
                payload: Bytes::from_static(b"rows"),
            };
            let mut record = chunk.encode();
            let malformed = self.chance(6);
            if malformed {
                record.headers.retain(|(name, _)| name != header::LINE);
            }
            let rows: Vec<Row> = (first_line..first_line + rows).map(|line| (file, line)).collect();
            if !malformed && self.chance(8) {
                let row = rows[self.pick(rows.len())];
                self.database.bad.insert(row);
            }
            let incoming = Incoming { partition: partition.clone(), offset: Offset(offset), timestamp_ms: 0, record };
            entries.push(Entry { incoming, rows, malformed });
        }
        entries
    }

    fn start(&mut self, slot: usize) -> Process {
        self.uids += 1;
        self.producers[slot] += 1;
        // Each process with limits of its own: a successor would cut other batches, if the intent did not fix them.
        let batch_records = 1 + self.pick(4);
        let mut machine = Loader::new(Config {
            dead_letters: ("dead-letters".into(), 1),
            contents: BTreeMap::from([("rows".into(), Content::Rows)]),
            batch_bytes: 1 << 20,
            batch_records,
            quiet_ms: 20,
            batch_ms: 30,
            budget_bytes: [700, 1 << 20][self.pick(2)],
            backoff_ms: (10, 40),
            grace_ms: 200,
        });
        let action = machine.step(self.steps * 10, Event::Start);
        Process {
            uid: self.uids,
            machine,
            action,
            generation: 0,
            holds: Vec::new(),
            producer: self.producers[slot],
            cursors: BTreeMap::new(),
            revoke: false,
            paused_until: 0,
            assign: false,
            sends: Vec::new(),
        }
    }

    /// A new generation; who held something hears of it at its next poll, and is a zombie until then.
    fn rebalance(&mut self) {
        self.generation += 1;
        let partitions: Vec<Partition> = self.log.keys().cloned().collect();
        for partition in partitions {
            let slot = self.pick(self.processes.len());
            self.owners.insert(partition, slot);
        }
        for process in &mut self.processes {
            process.revoke = process.generation > 0;
            process.assign = true;
        }
    }

    pub fn note(&self, line: impl FnOnce() -> String) {
        if self.setup.trace {
            eprintln!("{} {}", self.steps, line());
        }
    }

    /// # Errors
    /// The first broken promise.
    pub fn run(&mut self) -> Result<(), String> {
        const LIMIT: u64 = 20_000;
        let mut faults = self.setup.faults.iter().peekable();
        while faults.peek().is_some() || !self.is_complete() {
            self.steps += 1;
            if self.steps > LIMIT {
                return Err("it does not end after the faults stopped".into());
            }
            while let Some(fault) = faults.next_if(|f| f.step <= self.steps) {
                self.due.push(*fault);
            }
            for fault in std::mem::take(&mut self.due) {
                if !self.fault(fault)? {
                    self.due.push(fault);
                }
            }
            match self.pick(19) {
                0..=11 => {
                    let slot = self.pick(self.processes.len());
                    if self.processes[slot].paused_until <= self.steps {
                        self.step(slot)?;
                    }
                }
                _ if self.database.running() > 0 => {
                    let index = self.pick(self.database.running());
                    self.advance(index)?;
                }
                _ => {
                    if !self.late.is_empty() {
                        let index = self.pick(self.late.len());
                        let late = self.late.swap_remove(index);
                        self.commit(late)?;
                    }
                }
            }
        }
        // What is still on its way may do no harm either.
        while self.database.running() > 0 {
            self.advance(0)?;
        }
        self.check_complete()
    }

    fn is_complete(&self) -> bool {
        self.log.iter().all(|(partition, entries)| {
            let committed = &self.committed[partition];
            entries.last().is_none_or(|last| committed.offset > last.incoming.offset)
        })
    }

    /// Whether there was an occasion for it.
    fn fault(&mut self, fault: Fault) -> Result<bool, String> {
        let which = fault.which as usize;
        let slot = which % self.processes.len();
        let commits = matches!(self.processes[slot].action, Action::Commit(_));
        match fault.kind {
            FaultKind::Crash => self.crash(slot),
            FaultKind::CrashInCommit if commits => self.crash(slot),
            FaultKind::Pause => {
                self.note(|| format!("slot {slot} hangs"));
                self.coverage.pauses += 1;
                self.processes[slot].paused_until = self.steps + 20 + self.pick(200) as u64;
                self.rebalance();
            }
            FaultKind::Rebalance => {
                self.note(|| "rebalance".into());
                self.coverage.rebalances += 1;
                self.rebalance();
            }
            FaultKind::LoseRequest if self.database.running() > 0 => {
                let index = which % self.database.running();
                self.note(|| format!("request {index} is lost for its sender"));
                let gone = self.chance(50);
                self.database.lose(index, gone);
            }
            FaultKind::DoubleRequest if self.database.running() > 0 => {
                let index = which % self.database.running();
                self.note(|| format!("request {index} is doubled"));
                self.database.double(index);
            }
            FaultKind::DatabaseDies => {
                self.note(|| "the database dies".into());
                self.database.die();
            }
            FaultKind::LoseCommit if commits => self.lose_commit(slot)?,
            FaultKind::Stop if matches!(self.processes[slot].action, Action::Poll) => {
                self.note(|| format!("slot {slot} stops"));
                self.coverage.stops += 1;
                self.tell(slot, Event::Stop);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The process dies; what it was committing may arrive when it is gone.
    fn crash(&mut self, slot: usize) {
        self.note(|| format!("process in slot {slot} dies"));
        self.coverage.crashes += 1;
        let process = &self.processes[slot];
        if let Action::Commit(offsets) = &process.action {
            let (generation, producer) = (process.generation, process.producer);
            let late = Late { slot, generation, producer, offsets: offsets.clone(), sends: process.sends.clone() };
            self.late.push(late);
            self.coverage.late_commits += 1;
        }
        self.processes[slot] = self.start(slot);
        self.rebalance();
    }

    /// The commit of a slot arrives or does not, and nobody says which.
    fn lose_commit(&mut self, slot: usize) -> Result<(), String> {
        self.note(|| format!("the commit of slot {slot} is lost or unknown"));
        self.coverage.lost_commits += 1;
        if let Action::Commit(offsets) = self.processes[slot].action.clone()
            && self.chance(50)
        {
            let process = &mut self.processes[slot];
            let (generation, producer) = (process.generation, process.producer);
            let sends = std::mem::take(&mut process.sends);
            self.commit(Late { slot, generation, producer, offsets, sends })?;
        }
        self.tell(slot, Event::Failed(Failure::Unknown("time-out".into())));
        Ok(())
    }

    fn tell(&mut self, slot: usize, event: Event<Answer>) {
        let now_ms = self.steps * 10;
        let process = &mut self.processes[slot];
        process.action = process.machine.step(now_ms, event);
    }

    fn insert(&mut self, uid: u64, insert: &Insert) {
        let mut id = insert.query_id("chain");
        if !self.rules.id_without_epoch {
            id += &format!(":{uid}:{}", insert.ticket);
        }
        let mut rows = Vec::new();
        for (index, item) in insert.items.iter().enumerate() {
            let range = item.range.as_ref().expect("only good records").expect("rows have a range");
            let (first, end) = insert.rows_of(index);
            rows.extend((first..end).map(|row| (range.file_id.0, range.span.first_line + row)));
        }
        self.database.send((uid, insert.ticket), id, rows);
    }

    /// One step of an INSERT.
    fn advance(&mut self, index: usize) -> Result<(), String> {
        let processes = &self.processes;
        let lives = |uid| processes.iter().any(|p| p.uid == uid && !p.revoke);
        let told = self.database.advance(index, lives)?;
        self.note(|| told);
        Ok(())
    }

    /// Performs the action that the process in `slot` asked for.
    fn step(&mut self, slot: usize) -> Result<(), String> {
        let uid = self.processes[slot].uid;
        let action = self.processes[slot].action.clone();
        self.note(|| {
            let mut text = format!("{action:?}");
            text.truncate(160);
            format!("slot {slot} (process {uid}): {text}")
        });
        let event = match action {
            Action::Poll => self.poll(slot),
            Action::Release => {
                self.processes[slot].revoke = false;
                Event::Done
            }
            Action::Read(partitions) => {
                if self.late.iter().any(|l| l.generation == self.generation) && self.chance(50) {
                    // A transaction is pending.
                    Event::Idle
                } else {
                    let read = |p: &Partition| (p.clone(), Some(self.committed[p].clone()));
                    let positions: Vec<_> = partitions.iter().map(read).collect();
                    let intents = positions.iter().filter(|(_, c)| c.as_ref().is_some_and(|c| !c.metadata.is_empty()));
                    self.coverage.takeovers += intents.count() as u64;
                    Event::Positions(positions)
                }
            }
            Action::Assign(starts) => {
                let process = &mut self.processes[slot];
                process.cursors = starts.into_iter().collect();
                Event::Done
            }
            Action::Begin => {
                self.processes[slot].sends.clear();
                Event::Done
            }
            Action::Send(outgoing) => {
                self.processes[slot].sends.push(outgoing.record);
                Event::Done
            }
            Action::Commit(offsets) => {
                let process = &mut self.processes[slot];
                let (generation, producer) = (process.generation, process.producer);
                let sends = std::mem::take(&mut process.sends);
                if self.commit(Late { slot, generation, producer, offsets, sends })? {
                    Event::Done
                } else {
                    Event::Failed(Failure::Abort("illegal generation".into()))
                }
            }
            Action::Abort => Event::Done,
            Action::Renew => {
                self.producers[slot] += 1;
                self.processes[slot].producer = self.producers[slot];
                Event::Done
            }
            Action::Other(Ask::Insert(insert)) => {
                self.coverage.zombies += u64::from(self.processes[slot].revoke);
                self.insert(uid, &insert);
                Event::Done
            }
            Action::Exit(Ok(())) => {
                self.processes[slot] = self.start(slot);
                self.rebalance();
                return Ok(());
            }
            Action::Exit(Err(why)) => return Err(format!("a loader gave up: {why}")),
        };
        self.tell(slot, event);
        Ok(())
    }

    fn poll(&mut self, slot: usize) -> Event<Answer> {
        let process = &mut self.processes[slot];
        if process.revoke {
            process.holds.clear();
            process.cursors.clear();
            return Event::Revoked;
        }
        if process.assign {
            process.assign = false;
            process.generation = self.generation;
            process.holds = self.owners.iter().filter(|(_, s)| **s == slot).map(|(p, _)| p.clone()).collect();
            return Event::Assigned(process.holds.clone());
        }
        if let Some(answer) = self.database.answer_to(process.uid) {
            return Event::Other(answer);
        }
        if !process.cursors.is_empty() && self.chance(80) {
            let process = &mut self.processes[slot];
            let start = (self.steps as usize) % process.cursors.len().max(1);
            for (partition, cursor) in process.cursors.iter_mut().cycle_from(start) {
                let entries = &self.log[partition];
                let next = entries.iter().map(|e| e.incoming.offset).find(|offset| offset >= cursor);
                // Behind the last record stand two markers; between two stands whatever is not seen.
                let end = next.or_else(|| entries.last().map(|last| Offset(last.incoming.offset.0 + 3)));
                if let Some(to) = end.filter(|end| end > cursor)
                    && self.steps.is_multiple_of(3)
                {
                    let from = std::mem::replace(cursor, to);
                    self.coverage.gaps += 1;
                    return Event::Nothing { partition: partition.clone(), from, to };
                }
                if let Some(entry) = entries.iter().find(|e| e.incoming.offset >= *cursor) {
                    *cursor = entry.incoming.offset.next();
                    return Event::Record(entry.incoming.clone());
                }
            }
        }
        Event::Idle
    }

    /// A commit arrives at the broker: it checks generation and producer, then it stands, with what it sends.
    fn commit(&mut self, late: Late) -> Result<bool, String> {
        let valid = late.generation == self.generation && late.producer == self.producers[late.slot];
        if !valid {
            self.coverage.stale_commits += 1;
        }
        if !valid && self.rules.fenced_commits {
            return Ok(false);
        }
        for record in late.sends {
            let text = |name: &str| record.header(name).map(|v| String::from_utf8_lossy(v).into_owned());
            let origin = text(header::ORIGIN).expect("a dead letter has its origin");
            let line = text(header::LINE).map(|l| l.parse().expect("a line is a number"));
            let count = self.dead.entry((origin.clone(), line)).or_default();
            *count += 1;
            if *count > 1 {
                return Err(format!("the dead letter of {origin} line {line:?} was sent twice"));
            }
        }
        for (partition, mut committed) in late.offsets {
            if !self.rules.intent {
                committed.metadata.clear();
            }
            self.check_below(&partition, committed.offset)?;
            self.committed.insert(partition, committed);
        }
        Ok(true)
    }

    fn check_below(&self, partition: &Partition, offset: Offset) -> Result<(), String> {
        for entry in self.log[partition].iter().filter(|e| e.incoming.offset < offset) {
            let origin = format!("{}/{}/{}", partition.topic, partition.index, entry.incoming.offset);
            if entry.malformed {
                if !self.dead.contains_key(&(origin.clone(), None)) {
                    return Err(format!("offset {offset} is committed, the dead letter of {origin} is missing"));
                }
                continue;
            }
            for row in &entry.rows {
                if self.database.bad.contains(row) && !self.dead.contains_key(&(origin.clone(), Some(row.1))) {
                    return Err(format!("offset {offset} is committed, the dead letter of {row:?} is missing"));
                }
                if !self.database.bad.contains(row) && !self.database.table.contains_key(row) {
                    return Err(format!("offset {offset} of {partition} is committed, {row:?} is not in the table"));
                }
            }
        }
        Ok(())
    }

    fn check_complete(&self) -> Result<(), String> {
        for partition in self.log.keys() {
            self.check_below(partition, Offset(i64::MAX))?;
        }
        match self.database.table.iter().find(|(_, count)| **count != 1) {
            Some((row, count)) => Err(format!("row {row:?} is in the table {count} times")),
            None => Ok(()),
        }
    }
}

/// All of a map's entries, starting somewhere.
trait CycleFrom<'a> {
    fn cycle_from(self, start: usize) -> std::vec::IntoIter<(&'a Partition, &'a mut Offset)>;
}

impl<'a, I: Iterator<Item = (&'a Partition, &'a mut Offset)>> CycleFrom<'a> for I {
    fn cycle_from(self, start: usize) -> std::vec::IntoIter<(&'a Partition, &'a mut Offset)> {
        let mut all: Vec<_> = self.collect();
        all.rotate_left(start);
        all.into_iter()
    }
}
