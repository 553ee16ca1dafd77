//! A log, a group, a database, and some loaders in them; every step is one choice of the seed.

use crate::parts::{Coverage, Entry, Failure, Late, Process, Request, Row, Rules, Running};
use bytes::Bytes;
use logmill_core::wire::{Kind, WireChunk, header};
use logmill_core::{FileId, LineSpan, Load, Offset, Seq};
use logmill_protocol::load::{Answer, Ask, Config, Content, Insert, Loader, Verdict};
use logmill_protocol::{Action, Committed, Event, Failure as LogFailure, Incoming, Machine, Partition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct World {
    rules: Rules,
    rng: u64,
    pub coverage: Coverage,
    trace: Vec<String>,
    steps: u64,
    faults: u32,
    log: BTreeMap<Partition, Vec<Entry>>,
    committed: BTreeMap<Partition, Committed>,
    generation: u64,
    owners: BTreeMap<Partition, usize>,
    /// The newest producer of each slot.
    producers: Vec<u64>,
    processes: Vec<Process>,
    uids: u64,
    late: Vec<Late>,
    requests: Vec<Request>,
    table: BTreeMap<Row, u32>,
    /// Rows that a crash of the database would take, where rows are not durable.
    volatile: BTreeSet<Row>,
    bad: BTreeSet<Row>,
    /// By origin and row.
    dead: BTreeMap<(String, Option<u64>), u32>,
}

const PARTITIONS: i32 = 2;

impl World {
    pub fn new(seed: u64, rules: Rules) -> Self {
        let mut world = Self {
            rules,
            rng: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d,
            coverage: Coverage::default(),
            trace: Vec::new(),
            steps: 0,
            faults: 0,
            log: BTreeMap::new(),
            committed: BTreeMap::new(),
            generation: 0,
            owners: BTreeMap::new(),
            producers: Vec::new(),
            processes: Vec::new(),
            uids: 0,
            late: Vec::new(),
            requests: Vec::new(),
            table: BTreeMap::new(),
            volatile: BTreeSet::new(),
            bad: BTreeSet::new(),
            dead: BTreeMap::new(),
        };
        world.faults = world.pick(10) as u32;
        let topic: Arc<str> = "rows".into();
        for index in 0..PARTITIONS {
            let partition = Partition { topic: topic.clone(), index };
            let entries = world.entries(&partition);
            world.committed.insert(partition.clone(), Committed { offset: Offset(0), metadata: String::new() });
            world.log.insert(partition, entries);
        }
        for slot in 0..2 + world.pick(2) {
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
        for _ in 0..3 + self.pick(4) {
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
                notes: Vec::new(),
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
                self.bad.insert(row);
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
            assign: false,
            answers: Vec::new(),
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

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.trace.len() < 2_000 {
            self.trace.push(line());
        }
    }

    /// # Errors
    /// The first broken promise.
    pub fn run(&mut self) -> Result<(), Failure> {
        self.schedule().map_err(|what| Failure { what, steps: self.steps, trace: std::mem::take(&mut self.trace) })
    }

    fn schedule(&mut self) -> Result<(), String> {
        const LIMIT: u64 = 20_000;
        while self.faults > 0 || !self.is_complete() {
            self.steps += 1;
            if self.steps > LIMIT {
                return Err("it does not end after the faults stopped".into());
            }
            match self.pick(if self.faults > 0 { 20 } else { 19 }) {
                0..=11 => {
                    let slot = self.pick(self.processes.len());
                    self.step(slot)?;
                }
                12..=18 if !self.requests.is_empty() => {
                    let index = self.pick(self.requests.len());
                    self.advance(index)?;
                }
                12..=18 => {
                    if !self.late.is_empty() {
                        let index = self.pick(self.late.len());
                        let late = self.late.swap_remove(index);
                        self.commit(late)?;
                    }
                }
                _ => {
                    self.faults -= 1;
                    self.fault()?;
                }
            }
        }
        // What is still on its way may do no harm either.
        while !self.requests.is_empty() {
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

    fn fault(&mut self) -> Result<(), String> {
        let slot = self.pick(self.processes.len());
        match self.pick(8) {
            0 | 1 => {
                self.note(|| format!("process in slot {slot} dies"));
                let process = &self.processes[slot];
                if let Action::Commit(offsets) = &process.action {
                    let (generation, producer) = (process.generation, process.producer);
                    let late =
                        Late { slot, generation, producer, offsets: offsets.clone(), sends: process.sends.clone() };
                    self.late.push(late);
                }
                self.processes[slot] = self.start(slot);
                self.rebalance();
            }
            2 => {
                self.note(|| "rebalance".into());
                self.rebalance();
            }
            3 if !self.requests.is_empty() => {
                let index = self.pick(self.requests.len());
                self.note(|| format!("request {index} is lost for its sender"));
                if let Some(waiter) = self.requests[index].waiter.take() {
                    self.answer(Some(waiter), Verdict::Again("connection lost".into()));
                }
                if matches!(self.requests[index].state, Running::Sent) && self.chance(50) {
                    self.requests.remove(index);
                }
            }
            4 if !self.requests.is_empty() => {
                let index = self.pick(self.requests.len());
                self.note(|| format!("request {index} is doubled"));
                let Request { id, rows, .. } = &self.requests[index];
                let twin = Request { waiter: None, id: id.clone(), rows: rows.clone(), state: Running::Sent };
                self.requests.push(twin);
            }
            5 => {
                self.note(|| "the database dies".into());
                for request in std::mem::take(&mut self.requests) {
                    if matches!(request.state, Running::Sent) {
                        self.requests.push(request);
                        continue;
                    }
                    if matches!(&request.state, Running::Writing(left) if left.iter().any(Vec::is_empty)) {
                        self.coverage.partial += 1;
                    }
                    self.answer(request.waiter, Verdict::Again("the server is gone".into()));
                }
                for row in std::mem::take(&mut self.volatile) {
                    self.table.remove(&row);
                }
            }
            6 => {
                self.note(|| format!("the commit of slot {slot} is lost or unknown"));
                if let Action::Commit(offsets) = self.processes[slot].action.clone() {
                    if self.chance(50) {
                        let process = &mut self.processes[slot];
                        let (generation, producer) = (process.generation, process.producer);
                        let sends = std::mem::take(&mut process.sends);
                        self.commit(Late { slot, generation, producer, offsets, sends })?;
                    }
                    self.tell(slot, Event::Failed(LogFailure::Unknown("time-out".into())));
                }
            }
            _ => {
                self.note(|| format!("slot {slot} stops"));
                if matches!(self.processes[slot].action, Action::Poll) {
                    self.tell(slot, Event::Stop);
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, slot: usize, event: Event<Answer>) {
        let now_ms = self.steps * 10;
        let process = &mut self.processes[slot];
        process.action = process.machine.step(now_ms, event);
    }

    fn answer(&mut self, waiter: Option<(u64, u64)>, verdict: Verdict) {
        let Some((uid, ticket)) = waiter else { return };
        let verdict = match verdict {
            Verdict::Again(_) if !self.rules.unknown_is_again => Verdict::Loaded { rejected: Vec::new() },
            verdict => verdict,
        };
        if let Some(process) = self.processes.iter_mut().find(|p| p.uid == uid) {
            process.answers.push(Answer { ticket, verdict });
        }
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
                    // The read waits for pending transactions; here: it is tried again later.
                    return Ok(());
                }
                let read = |p: &Partition| (p.clone(), Some(self.committed[p].clone()));
                let positions: Vec<_> = partitions.iter().map(read).collect();
                let intents = positions.iter().filter(|(_, c)| c.as_ref().is_some_and(|c| !c.metadata.is_empty()));
                self.coverage.takeovers += intents.count() as u64;
                Event::Positions(positions)
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
                    Event::Failed(LogFailure::Abort("illegal generation".into()))
                }
            }
            Action::Abort => Event::Done,
            Action::Renew => {
                self.producers[slot] += 1;
                self.processes[slot].producer = self.producers[slot];
                Event::Done
            }
            Action::Other(Ask::Insert(insert)) => {
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
        if !process.answers.is_empty() {
            return Event::Other(process.answers.remove(0));
        }
        if !process.cursors.is_empty() && self.chance(80) {
            let process = &mut self.processes[slot];
            let start = (self.steps as usize) % process.cursors.len().max(1);
            for (partition, cursor) in process.cursors.iter_mut().cycle_from(start) {
                let entries = &self.log[partition];
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
                if self.bad.contains(row) && !self.dead.contains_key(&(origin.clone(), Some(row.1))) {
                    return Err(format!("offset {offset} is committed, the dead letter of {row:?} is missing"));
                }
                if !self.bad.contains(row) && !self.table.contains_key(row) {
                    return Err(format!("offset {offset} of {partition} is committed, {row:?} is not in the table"));
                }
            }
        }
        Ok(())
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
        self.requests.push(Request { waiter: Some((uid, insert.ticket)), id, rows, state: Running::Sent });
    }

    /// One step of an INSERT in the database.
    fn advance(&mut self, index: usize) -> Result<(), String> {
        let (id, waiter) = (self.requests[index].id.clone(), self.requests[index].waiter);
        match &mut self.requests[index].state {
            Running::Sent => {
                let running = |r: &Request| r.id == id && !matches!(r.state, Running::Sent);
                if self.requests.iter().any(running) {
                    self.note(|| format!("{id} is refused: it runs already"));
                    self.coverage.busy += 1;
                    let request = self.requests.remove(index);
                    let verdict = match self.rules.wait_while_busy {
                        true => Verdict::Again("already running".into()),
                        false => Verdict::Loaded { rejected: Vec::new() },
                    };
                    self.answer(request.waiter, verdict);
                    return Ok(());
                }
                self.note(|| format!("{id} is listed"));
                let alive = waiter.is_some_and(|(uid, _)| self.processes.iter().any(|p| p.uid == uid && !p.revoke));
                self.coverage.late += u64::from(!alive);
                self.requests[index].state = Running::Listed;
            }
            Running::Listed => {
                let rows = self.requests[index].rows.clone();
                if rows.iter().any(|row| self.bad.contains(row)) {
                    self.note(|| format!("{id} is refused for its data"));
                    self.coverage.refused += 1;
                    let request = self.requests.remove(index);
                    self.answer(request.waiter, Verdict::Refused("a bad row".into()));
                    return Ok(());
                }
                let known = rows.iter().any(|row| self.table.contains_key(row));
                let missing = rows.into_iter().filter(|row| match self.rules {
                    Rules { anti_join: false, .. } => true,
                    Rules { row_by_row: false, .. } => !known,
                    _ => !self.table.contains_key(row),
                });
                let (odd, even) = missing.partition(|row| row.1 % 2 == 1);
                self.note(|| format!("{id} is evaluated: {odd:?} {even:?}"));
                self.requests[index].state = Running::Writing([odd, even]);
            }
            Running::Writing(left) => {
                if let Some(part) = left.iter_mut().find(|rows| !rows.is_empty()) {
                    let rows = std::mem::take(part);
                    self.note(|| format!("{id} shows {rows:?}"));
                    for row in rows {
                        let count = self.table.entry(row).or_default();
                        *count += 1;
                        if *count > 1 {
                            return Err(format!("row {row:?} is in the table twice"));
                        }
                        if !self.rules.durable {
                            self.volatile.insert(row);
                        }
                    }
                } else {
                    self.note(|| format!("{id} is done"));
                    let request = self.requests.remove(index);
                    self.answer(request.waiter, Verdict::Loaded { rejected: Vec::new() });
                }
            }
        }
        Ok(())
    }

    fn check_complete(&self) -> Result<(), String> {
        for partition in self.log.keys() {
            self.check_below(partition, Offset(i64::MAX))?;
        }
        match self.table.iter().find(|(_, count)| **count != 1) {
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
