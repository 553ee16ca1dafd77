//! One partition's stage, whose outputs are the records of a log that is nowhere written down.

use super::landed::{Landed, output, really, virtually};
use crate::load::{Answer, Intent};
use crate::log::{Action, Committed, Event, Incoming, Machine, Outgoing, Partition};
use crate::worker::{PartitionSnapshot, Position, Snapshot, StageWorker};
use logmill_core::{Offset, Stage};
use std::collections::VecDeque;

/// A partition.
pub(super) struct Strand<S: Stage> {
    pub(super) worker: StageWorker<S>,
    /// What the worker waits for.
    action: Action,
    partition: Option<Partition>,
    /// The next record of the input.
    pub(super) next: Offset,
    /// What is committed.
    landed: Landed,
    /// The first record that was taken behind that.
    first: Option<Offset>,
    /// The record under way, or the one of before: its offset and timestamp, and how many outputs it has had.
    at: Offset,
    timestamp_ms: i64,
    outputs: u64,
    /// Rows that the loader was not told of, all of one record, ...
    rows: VecDeque<Incoming>,
    /// ... and whether that was survived as a whole.
    released: bool,
    /// Bytes of these rows, and how many wait until their record was survived.
    bytes: usize,
    most_bytes: usize,
    /// The first offset of which the loader was not told.
    told: Offset,
    /// Events and rejects that are not sent, and what they weigh.
    sides: VecDeque<(Offset, Outgoing)>,
    sides_bytes: usize,
    /// Marks that are not committed, in order.
    marks: VecDeque<Position>,
    /// No record is taken that begins here or further, before all up to here is committed.
    hold: Option<Offset>,
    /// Somebody began here, and died for all we know: so many records are taken before all of them have to be in, first one alone,
    /// then twice as many each time. 0: as many as come.
    group: u32,
    /// How many of these were.
    taken: u32,
    /// The first of all was taken, and is not survived: nothing else is begun meanwhile, in any partition.
    alone: bool,
    /// How often states were kept.
    pub(super) kept: u64,
    /// Where an attempt was noted last.
    noted: Option<Offset>,
    /// Attempts are not noted: the rule is switched off.
    no_attempts: bool,
}

/// Records that are taken at once, after which nobody is careful any more: more than a batch holds, of large chunks.
const MOST_CAREFUL: u32 = 64;

/// What became of a step.
pub(super) enum Moved {
    /// It may go on, or there are rows.
    On,
    /// Something has to be noted first ([`Strand::note`]).
    Note,
    /// A broken promise of the log, with which nothing can go on.
    Broken(String),
}

impl<S: Stage> Strand<S> {
    pub(super) fn new(mut worker: StageWorker<S>, most_bytes: usize) -> Self {
        let action = worker.step(0, Event::Start);
        let start = Position::start(Offset(0));
        Self {
            worker,
            action,
            partition: None,
            next: Offset(0),
            landed: Landed::at(start),
            first: None,
            at: Offset(0),
            timestamp_ms: 0,
            outputs: 0,
            rows: VecDeque::new(),
            released: false,
            bytes: 0,
            most_bytes,
            told: Offset(0),
            sides: VecDeque::new(),
            sides_bytes: 0,
            noted: None,
            marks: VecDeque::new(),
            hold: None,
            group: 0,
            taken: 0,
            alone: false,
            kept: 0,
            no_attempts: false,
        }
    }

    pub(super) fn note_no_attempts(&mut self, none: bool) {
        self.no_attempts = none;
    }

    /// Starts from what is committed.
    ///
    /// # Errors
    /// The worker cannot.
    pub(super) fn start(&mut self, now_ms: u64, partition: &Partition, landed: Landed) -> Result<(), String> {
        if self.may_keep(&landed) {
            self.kept += 1;
            return Ok(());
        }
        // Who began here was this process, and it lives: it is as careful as it was.
        let care = if self.partition.is_some() && self.landed == landed { self.group } else { 1 };
        self.drop_made();
        self.told = landed.from();
        // What has an intent goes in before anything else is begun.
        self.hold = landed.to;
        self.group = if landed.begun { care } else { 0 };
        self.first = None;
        let told = self.as_told(&landed);
        // What is told with another number of attempts has to come to the next one.
        let is_told_else = landed.to.is_some() && told.tries > self.worker.attempts();
        self.worker.rewind(is_told_else || landed.flushed);
        self.action = self.worker.step(now_ms, Event::Assigned(vec![partition.clone()]));
        let committed = told.encode(usize::MAX);
        self.action = self.worker.step(now_ms, Event::Positions(vec![(partition.clone(), Some(committed))]));
        self.partition = Some(partition.clone());
        self.landed = landed;
        match std::mem::replace(&mut self.action, Action::Poll) {
            Action::Assign(starts) => {
                self.next = starts.first().expect("one partition was asked for").1;
                self.action = self.worker.step(now_ms, Event::Done);
                Ok(())
            }
            Action::Exit(Err(why)) => Err(why),
            other => unreachable!("a worker that is told its positions asks for records, not for {other:?}"),
        }
    }

    /// Its partition is another worker's now. That it survived a chunk is known for as long as it lives.
    pub(super) fn leave(&mut self) {
        if self.partition.take().is_some() {
            self.drop_made();
            self.worker.rewind(false);
            self.action = Action::Poll;
        }
    }

    fn drop_made(&mut self) {
        self.rows.clear();
        self.bytes = 0;
        self.sides.clear();
        self.sides_bytes = 0;
        self.marks.clear();
        self.outputs = 0;
        (self.hold, self.group, self.taken, self.alone) = (None, 0, 0, false);
    }

    /// The position as the worker is told it. What has an intent has to come out again as it did, whatever that attempt does:
    /// of a chunk that was rejected by decree the same, and nothing more of one that kills by now, as rows of it may be in.
    fn as_told(&self, landed: &Landed) -> Position {
        let (attempts, position) = (self.worker.attempts(), landed.position.clone());
        match landed.to {
            // With the attempt to come it is the first decree, ...
            _ if landed.flushed => Position { k: 0, tries: attempts, ..position },
            // ... or the second.
            Some(_) if position.tries >= attempts && self.noted != Some(position.next) => {
                Position { tries: attempts + 1, ..position }
            }
            _ => position,
        }
    }

    /// Whether all that was made is committed, and is what is committed now: the states are those that would be rebuilt.
    fn may_keep(&self, landed: &Landed) -> bool {
        let rests = matches!(self.action, Action::Poll) && self.rows.is_empty() && self.marks.is_empty();
        let done = landed.to.is_none() && !landed.begun && self.told <= landed.from();
        self.partition.is_some() && rests && done && self.landed == *landed
    }

    /// Whether there are rows, or a chunk is being transformed.
    fn is_at_work(&self) -> bool {
        !self.rows.is_empty() || !matches!(self.action, Action::Poll)
    }

    /// Whether it has rows or something to note, or goes on if it is `free` to.
    pub(super) fn has_more(&self, free: bool) -> bool {
        let goes_on = !matches!(self.action, Action::Poll) && !self.is_held() && !self.is_full();
        self.has_rows() || self.has_survived() || (free && goes_on)
    }

    /// Whether as much was made as may wait. What has an intent is no more than a batch, and is made in any case; behind it
    /// nothing is, before all of it was told.
    fn is_full(&self) -> bool {
        match self.landed.to {
            Some(to) if virtually(self.at, self.outputs) < to => false,
            Some(to) if self.rows.front().is_some_and(|next| next.offset < to) => true,
            _ => self.bytes + self.sides_bytes >= self.most_bytes,
        }
    }

    fn has_rows(&self) -> bool {
        let Some(next) = self.rows.front() else { return false };
        let has_intent = self.landed.to.is_some_and(|to| next.offset < to);
        self.released || (self.is_full() && (has_intent || self.is_first()))
    }

    /// Whether the record under way is the first that is not in.
    fn is_first(&self) -> bool {
        self.before().is_none_or(|mark| mark <= self.landed.from())
    }

    /// The last mark that is not within the record under way.
    fn before(&self) -> Option<Offset> {
        let begin = virtually(self.at, 0);
        self.marks.iter().rev().map(mark).find(|mark| *mark <= begin)
    }

    /// Whether it may be given a record.
    pub(super) fn may_take(&self) -> bool {
        !self.is_at_work() && !self.is_held()
    }

    /// Whether its record was taken alone, and is not committed.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next row.
    pub(super) fn row(&mut self) -> Option<Incoming> {
        let incoming = if self.has_rows() { self.rows.pop_front()? } else { return None };
        self.bytes -= incoming.record.bytes();
        self.told = incoming.offset.next();
        Some(incoming)
    }

    /// Takes a record of the input.
    pub(super) fn take(&mut self, now_ms: u64, incoming: Incoming) {
        if incoming.offset < self.next {
            return;
        }
        assert!(!self.is_at_work(), "nothing is fetched for who is at work");
        self.next = incoming.offset.next();
        self.at = incoming.offset;
        self.released = false;
        self.timestamp_ms = incoming.timestamp_ms;
        let Position { next, mut k, tries, .. } = self.as_told(&self.landed);
        if let Some(to) = self.landed.to.filter(|to| tries > self.worker.attempts() && really(*to) == self.at) {
            // It is given up, though rows of it may be in: what is told of that comes behind these.
            k = k.max(output(to));
        }
        let is_first = self.first.is_none() && self.at >= next;
        // Of the chunk in which its predecessor ended, so many outputs are behind the position.
        self.outputs = if is_first { k } else { 0 };
        if is_first {
            self.first = Some(self.at);
        }
        if self.group > 0 && self.at >= next {
            self.alone |= is_first && self.notes_attempts();
            self.taken += 1;
            if self.taken >= self.group {
                self.hold.get_or_insert(virtually(self.next, 0));
            }
        }
        self.action = self.worker.step(now_ms, Event::Record(incoming));
    }

    /// Goes past what nobody will ever see.
    pub(super) fn nothing(&mut self, now_ms: u64, partition: &Partition, from: Offset, to: Offset) {
        if self.is_at_work() || to <= self.next {
            return;
        }
        self.next = to;
        self.action = self.worker.step(now_ms, Event::Nothing { partition: partition.clone(), from, to });
    }

    /// Does what the worker asks, until there are rows or it wants another record.
    pub(super) fn go_on(&mut self, now_ms: u64) -> Moved {
        loop {
            match std::mem::replace(&mut self.action, Action::Poll) {
                Action::Poll => {
                    self.released = true;
                    return Moved::On;
                }
                Action::Begin => {}
                Action::Send(outgoing) => self.output(outgoing),
                Action::Commit(positions) => {
                    for (_, committed) in &positions {
                        let position = Position::decode(committed).expect("a worker commits positions");
                        if position.tries == 0 {
                            self.marks.push_back(position);
                        } else if self.notes_attempts() {
                            if position.tries <= self.worker.attempts() {
                                // Should nobody say that it is noted, this process lived on all the same.
                                self.noted = Some(self.landed.position.next);
                            }
                            self.action = Action::Commit(positions);
                            return Moved::Note;
                        }
                    }
                }
                Action::Exit(Err(why)) => return Moved::Broken(why),
                other => unreachable!("a worker with records asks for no {other:?}"),
            }
            self.action = self.worker.step(now_ms, Event::Done);
            if matches!(self.action, Action::Poll) {
                self.released = true;
                return Moved::On;
            }
            if self.is_full() && matches!(self.action, Action::Begin) {
                self.released = false;
                return Moved::On;
            }
        }
    }

    /// Whether what is under way may be what kills: not where it was rejected for that, nor where several records have an intent,
    /// as each was survived.
    fn notes_attempts(&self) -> bool {
        let survived = |to: Offset| really(Offset(to.0 - 1)) > self.at;
        !self.no_attempts && !self.landed.flushed && !self.landed.to.is_some_and(survived)
    }

    fn output(&mut self, outgoing: Outgoing) {
        let offset = virtually(self.at, self.outputs);
        self.outputs += 1;
        if offset < self.landed.from() {
            return;
        }
        if outgoing.partition.topic.as_ref() != super::ROWS {
            self.sides_bytes += weight(&outgoing);
            self.sides.push_back((offset, outgoing));
            return;
        }
        let partition = self.partition.clone().expect("rows come of a partition");
        let incoming = Incoming { partition, offset, timestamp_ms: self.timestamp_ms, record: outgoing.record };
        self.bytes += incoming.record.bytes();
        self.rows.push_back(incoming);
    }

    /// Whether what had an attempt noted was survived: the rows that have an intent, or the whole record, were made.
    pub(super) fn has_survived(&self) -> bool {
        let has_ended = |first: Offset| self.marks.back().is_some_and(|last| last.next > first);
        let made = match self.landed.to {
            Some(to) => self.made() >= to,
            None => self.first.is_some_and(has_ended),
        };
        made && (1..=self.worker.attempts()).contains(&self.landed.position.tries)
    }

    /// What to note: as it is, with one attempt more before the chunk is begun, and with none when it was survived.
    pub(super) fn note(&self) -> Landed {
        let tries = match &self.action {
            Action::Commit(positions) => Position::decode(&positions[0].1).expect("a worker commits positions").tries,
            _ => 0,
        };
        let position = Position { tries, ..self.landed.position.clone() };
        Landed { position, begun: true, ..self.landed.clone() }
    }

    /// That is committed.
    pub(super) fn noted(&mut self, now_ms: u64) {
        self.landed = self.note();
        self.noted = Some(self.landed.position.next);
        match self.landed.position.tries {
            0 => self.alone = false,
            _ => self.action = self.worker.step(now_ms, Event::Done),
        }
    }

    /// Whether nothing further may be begun for now.
    fn is_held(&self) -> bool {
        self.hold.is_some_and(|hold| self.made() >= hold)
    }

    /// The end of what was made so far, and told.
    fn made(&self) -> Offset {
        let rests = self.marks.back().filter(|_| !self.is_at_work());
        rests.map_or(self.told, |last| mark(last).max(self.told))
    }

    /// Where there are marks behind the last row: there will be no row before the last of them.
    pub(super) fn rest(&self, partition: &Partition) -> Option<Event<Answer>> {
        // Of the record under way nothing is told, unless it is the first that is not in and there is much of it.
        let within = self.is_full() && self.is_first() && self.rows.is_empty();
        let last = if self.is_at_work() && !within { self.before() } else { self.marks.back().map(mark) };
        let to = last.filter(|to| *to > self.told)?;
        Some(Event::Nothing { partition: partition.clone(), from: self.told, to })
    }

    /// What to commit where the loader commits `loaded`; `beyond`: the last mark there is, whatever is in.
    pub(super) fn landing(&self, loaded: &Committed, beyond: bool) -> Landed {
        let position = match self.marks.back().filter(|_| beyond) {
            Some(last) => last.clone(),
            None => self.position(loaded.offset),
        };
        let from = mark(&position);
        let is_of_first = self.first.is_none_or(|first| position.next <= first);
        let flushes = self.landed.position.tries == self.worker.attempts() + 1 && self.landed.position.k == 0;
        let flushed = is_of_first && (self.landed.flushed || flushes);
        let to = Intent::decode(&loaded.metadata).expect("the loader commits intents").map(|intent| intent.to);
        let ends = self.hold.is_some_and(|hold| from >= hold) && self.group * 2 > MOST_CAREFUL;
        Landed { position, to: to.filter(|to| *to > from), flushed, begun: self.group > 0 && !ends }
    }

    /// The position that is at `from`: a mark, or one within the chunk that begins at the last mark before it.
    fn position(&self, from: Offset) -> Position {
        let before = self.marks.iter().rev().find(|position| mark(position) <= from);
        let mut before = before.unwrap_or(&self.landed.position).clone();
        let is_decreed = self.landed.position.tries > self.worker.attempts();
        let is_of_first = self.first.is_none_or(|first| before.next <= first);
        // What has an intent, or is in, was survived; or was rejected by decree, and is so again.
        before.tries = if is_decreed && is_of_first { self.landed.position.tries } else { 0 };
        if mark(&before) == from {
            return before;
        }
        let (next, k) = (really(from), output(from));
        // Where no file was open, S is H, and between the mark and the chunk there may be what nobody sees.
        let first = if before.first == before.next { next } else { before.first };
        let decrees = before.decrees.range(first..).copied().collect();
        Position { first, next, k, decrees, ..before }
    }

    /// The events and rejects before an offset.
    pub(super) fn told_before(&mut self, from: Offset) -> impl Iterator<Item = Outgoing> + use<'_, S> {
        let count = self.sides.partition_point(|(offset, _)| *offset < from);
        self.sides_bytes -= self.sides.range(..count).map(|(_, outgoing)| weight(outgoing)).sum::<usize>();
        self.sides.drain(..count).map(|(_, outgoing)| outgoing)
    }

    /// It is committed.
    pub(super) fn landed(&mut self, landed: Landed) {
        let from = landed.from();
        // The chunk that `from` is in begins at the last mark before it, which is where it is by now.
        self.marks.retain(|position| mark(position) > from);
        if self.hold.is_some_and(|hold| from >= hold) {
            self.hold = None;
            (self.group, self.taken) = (self.group * 2, 0);
            if self.group > MOST_CAREFUL {
                self.group = 0;
            }
        }
        self.alone &= landed.position.tries > 0;
        self.landed = landed;
    }

    /// Whether it rebuilds states, or is careful: its pace says nothing.
    pub(super) fn is_slowed(&self) -> bool {
        let waits = self.group > 0 && self.hold.is_some();
        self.partition.is_some() && (waits || self.next < self.landed.position.next)
    }

    /// Where the partition stands, as committed.
    pub(super) fn seen(&self, worker: Snapshot) -> Option<PartitionSnapshot> {
        let at = worker.partitions.into_iter().next()?;
        let Position { first, next, .. } = self.landed.position;
        Some(PartitionSnapshot { first, next, ..at })
    }
}

/// What an event or a reject takes while it waits, in bytes.
fn weight(outgoing: &Outgoing) -> usize {
    const OVERHEAD: usize = 256;
    outgoing.record.bytes() + OVERHEAD
}

fn mark(position: &Position) -> Offset {
    virtually(position.next, position.k)
}
