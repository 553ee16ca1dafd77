//! One partition's way: records wait in a queue, are closed into a batch, the batch is inserted, the next follows.

use super::batch::{Content, Cut, Disjoint, Insert, Item};
use super::{Config, Intent, Verdict, Wait};
use crate::log::{Committed, Incoming, Outgoing, Partition};
use bytes::Bytes;
use logmill_core::wire::{Record, header};
use logmill_core::{FileId, LineSpan, Offset, Reject, RejectReason};
use std::collections::VecDeque;
use std::sync::Arc;

/// An assigned partition.
pub(super) struct Lane {
    content: Content,
    /// The committed offset: everything below it is in the table or among the dead letters.
    pub(super) committed: Offset,
    /// The end of the last batch that was closed; the next one begins here.
    at: Offset,
    /// No record below this one is taken: it was seen.
    pub(super) next: Offset,
    /// The records from `at` on, in order.
    queue: VecDeque<Item>,
    /// The bytes in `queue`.
    queued: usize,
    /// When the first of `queue` came.
    since_ms: u64,
    /// When the last of `queue` came.
    last_ms: u64,
    pub(super) step: Step,
}

pub(super) enum Step {
    /// Nothing is under way.
    Idle,
    /// The committed intent `[at, to)` is read again; its records are gathered in the queue.
    Recovering { to: Offset },
    /// The intent is committed, the rows are not all in.
    Inserting(Work),
    /// The rows are in, the commit of `at` is to come.
    Loaded(Work),
}

/// How soon a batch that is not full may be closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// When nothing more comes, or after a while. `waits`: an INSERT runs, and more may come until it is done.
    Free { waits: bool },
    /// There is much to read, and it is this lane's turn since then. `hurry`: there is no room for more of it.
    Turn { since_ms: u64, hurry: bool },
    /// There is much to read, and it is another lane's turn.
    NotYet,
}

/// After so many milliseconds without a record a partition that is fetched alone has no more.
const ALONE_QUIET_MS: u64 = 250;

/// So many times as long as for more rows it is waited for more of the ledger: its INSERTs are small, and what makes them dear is
/// how many there are.
const LEDGER_QUIET: u64 = 3;

/// A batch `[from, to)` whose intent is, or is about to be, committed.
pub(super) struct Work {
    from: Offset,
    pub(super) to: Offset,
    items: Arc<[Item]>,
    bytes: usize,
    /// What is still to be inserted, the next one last: the whole batch (`None`), or pieces.
    todo: Vec<Option<Cut>>,
    /// What no row can be made of, by the offset of its record.
    rejects: Vec<(Offset, Reject)>,
    turn: Turn,
    since_ms: u64,
    attempts: u32,
    why: String,
}

enum Turn {
    /// Ask for the last of `todo` at this time.
    Due(u64),
    /// Its answer is awaited under this ticket.
    Asked(u64),
}

impl Work {
    fn new(now_ms: u64, from: Offset, to: Offset, items: Vec<Item>) -> Self {
        let rejects = items
            .iter()
            .filter_map(|item| item.range.as_ref().err().map(|reject| (item.incoming.offset, reject.clone())))
            .collect();
        let whole = items.iter().any(|item| item.range.is_ok());
        Self {
            from,
            to,
            bytes: items.iter().map(Item::bytes).sum(),
            items: items.into(),
            todo: if whole { vec![None] } else { Vec::new() },
            rejects,
            turn: Turn::Due(now_ms),
            since_ms: now_ms,
            attempts: 0,
            why: String::new(),
        }
    }

    /// The piece that is asked for, refused as a whole, is halved; one row alone is a reject: of all its units, where
    /// it is known to be `row`.
    fn halve(&mut self, why: &str, row: Option<LineSpan>) {
        let cut = self.todo.pop().expect("an INSERT that was asked for stands in the list");
        let whole = Cut { from: self.from, to: self.to, rows: None };
        if row.is_none()
            && let Some((left, right)) = cut.unwrap_or(whole).halves(&self.items)
        {
            self.todo.extend([Some(right), Some(left)]);
            return;
        }
        let cut = cut.unwrap_or(whole);
        let inside = |item: &&Item| item.range.is_ok() && (cut.from..cut.to).contains(&item.incoming.offset);
        for item in self.items.iter().filter(inside) {
            let mut reject = Reject::new(RejectReason::Refused, why).carrying(&item.incoming.record.payload);
            if let Ok(Some(range)) = &item.range {
                let unit = cut.rows.map_or(0, |(first, _)| first);
                let first_part = if unit == 0 { range.span.first_part } else { 0 };
                let alone = LineSpan { first_line: range.span.first_line + unit, first_part, rows: 1 };
                reject = reject.lines(row.unwrap_or(alone));
            }
            self.rejects.push((item.incoming.offset, reject));
        }
    }
}

impl Lane {
    /// A lane that starts from what is committed.
    pub(super) fn at(content: Content, committed: &Committed) -> Result<Self, String> {
        let (at, intent) = (committed.offset, Intent::decode(&committed.metadata)?);
        let step = match intent {
            Some(Intent { to }) if to > at => Step::Recovering { to },
            _ => Step::Idle,
        };
        Ok(Self {
            content,
            committed: at,
            at,
            next: at,
            queue: VecDeque::new(),
            queued: 0,
            since_ms: 0,
            last_ms: 0,
            step,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let work = match &self.step {
            Step::Inserting(work) | Step::Loaded(work) => work.bytes,
            Step::Idle | Step::Recovering { .. } => 0,
        };
        self.queued + work
    }

    /// Whether a batch of before is read again.
    pub(super) fn is_recovering(&self) -> bool {
        matches!(self.step, Step::Recovering { .. })
    }

    /// Whether a stop has something to wait for.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.step, Step::Inserting(_) | Step::Loaded(_))
    }

    /// Whether an INSERT is to come, or runs.
    pub(super) fn is_inserting(&self) -> bool {
        matches!(self.step, Step::Inserting(_))
    }

    pub(super) fn take(&mut self, now_ms: u64, incoming: Incoming) {
        if incoming.offset < self.next {
            return;
        }
        self.next = incoming.offset.next();
        if self.queue.is_empty() {
            self.since_ms = now_ms;
        }
        self.last_ms = now_ms;
        let item = Item::new(incoming, self.content);
        self.queued += item.bytes();
        self.queue.push_back(item);
        self.recover(now_ms);
    }

    /// Where all of a batch of before has come, it is inserted again. The record before its end was there when the intent was
    /// committed; should it be passed over now, that is told.
    fn recover(&mut self, now_ms: u64) {
        if let Step::Recovering { to } = self.step
            && self.next >= to
        {
            let count = self.queue.iter().take_while(|item| item.incoming.offset < to).count();
            let items = self.draw(now_ms, count);
            self.at = to;
            self.step = Step::Inserting(Work::new(now_ms, self.committed, to, items));
            self.settle();
        }
    }

    /// Goes past what nobody will ever see, where all before it has been taken up.
    pub(super) fn skip(&mut self, now_ms: u64, from: Offset, to: Offset) {
        if from > self.next || to < self.next {
            return;
        }
        if self.is_recovering() {
            self.next = to;
            self.recover(now_ms);
        }
        if self.queue.is_empty() && !self.is_recovering() {
            (self.next, self.at) = (to, to);
        }
    }

    /// Takes the first `count` records out of the queue.
    fn draw(&mut self, now_ms: u64, count: usize) -> Vec<Item> {
        let items: Vec<Item> = self.queue.drain(..count).collect();
        self.queued -= items.iter().map(Item::bytes).sum::<usize>();
        self.since_ms = now_ms;
        items
    }

    /// Whether the batch before is in, and there is something for the next one.
    pub(super) fn may_close(&self) -> bool {
        matches!(self.step, Step::Idle | Step::Loaded(_)) && !self.queue.is_empty()
    }

    /// When the first record came that is in no batch.
    pub(super) fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Closes the next batch, when the one before is in and this one is due by bytes, records or time.
    pub(super) fn close(&mut self, now_ms: u64, config: &Config, pace: Pace) -> Option<Work> {
        if !self.may_close() {
            return None;
        }
        let full = self.queued >= config.batch_bytes || self.queue.len() >= config.batch_records;
        let after = |since_ms: u64, ms: u64| now_ms.saturating_sub(since_ms) >= ms;
        let quiet_ms = match self.content {
            Content::Rows => config.quiet_ms,
            Content::Ledger => config.quiet_ms.saturating_mul(LEDGER_QUIET),
        };
        let due = match pace {
            Pace::Free { waits } => (!waits && after(self.last_ms, quiet_ms)) || after(self.since_ms, config.batch_ms),
            Pace::Turn { since_ms, hurry } => {
                let quiet_ms = quiet_ms.min(ALONE_QUIET_MS);
                hurry || after(self.last_ms.max(since_ms), quiet_ms) || after(since_ms, config.batch_ms)
            }
            Pace::NotYet => false,
        };
        if !(full || due) {
            return None;
        }
        let mut seen = Disjoint::default();
        let (mut count, mut bytes) = (0, 0);
        for item in self.queue.iter().take(config.batch_records.max(1)) {
            let repeats = matches!(&item.range, Ok(Some(range)) if !seen.admit(range));
            if repeats || (count > 0 && bytes >= config.batch_bytes) {
                break;
            }
            (count, bytes) = (count + 1, bytes + item.bytes());
        }
        let items = self.draw(now_ms, count);
        let to = items.last().expect("the first record always fits").incoming.offset.next();
        Some(Work::new(now_ms, self.at, to, items))
    }

    /// Whether a position has to be committed without a next batch: of the batch that is in, when nothing stands behind
    /// it or nothing more is closed; or past what nobody will ever see.
    pub(super) fn must_commit(&self, may_close: bool) -> bool {
        match self.step {
            Step::Loaded(_) => self.queue.is_empty() || !may_close,
            Step::Idle => self.queue.is_empty() && self.committed < self.at,
            Step::Recovering { .. } | Step::Inserting(_) => false,
        }
    }

    /// The dead letters that belong into the commit of the batch that is in.
    pub(super) fn rejects(&self) -> Vec<(&Incoming, &Reject)> {
        let Step::Loaded(work) = &self.step else { return Vec::new() };
        let find = |offset: Offset| {
            let index = work.items.partition_point(|item| item.incoming.offset < offset);
            work.items.get(index).filter(|item| item.incoming.offset == offset)
        };
        work.rejects.iter().filter_map(|(offset, reject)| Some((&find(*offset)?.incoming, reject))).collect()
    }

    /// What to commit: all below `at` is in, and `work`, where there is one, comes next.
    pub(super) fn commit_of(&self, work: Option<&Work>) -> Committed {
        let metadata = work.map_or_else(String::new, |work| Intent { to: work.to }.encode());
        Committed { offset: self.at, metadata }
    }

    /// The transaction with [`Lane::commit_of`] is committed.
    pub(super) fn committed(&mut self, now_ms: u64, work: Option<Work>) {
        self.committed = self.at;
        self.step = match work {
            None => Step::Idle,
            Some(mut work) => {
                self.at = work.to;
                work.since_ms = now_ms;
                Step::Inserting(work)
            }
        };
        self.settle();
    }

    /// The INSERT that is to be asked for now.
    pub(super) fn due(&mut self, now_ms: u64, partition: &Partition, ticket: u64) -> Option<Insert> {
        let Step::Inserting(work) = &mut self.step else { return None };
        let Turn::Due(at) = work.turn else { return None };
        if at > now_ms {
            return None;
        }
        let cut = *work.todo.last().expect("a batch with nothing left to insert is loaded");
        work.turn = Turn::Asked(ticket);
        work.attempts += 1;
        let (from, to) = cut.map_or((work.from, work.to), |cut| (cut.from, cut.to));
        let meant = |item: &&Item| item.range.is_ok() && (from..to).contains(&item.incoming.offset);
        let items = work.items.iter().filter(meant).cloned().collect();
        let (partition, content) = (partition.clone(), self.content);
        Some(Insert { ticket, partition, content, from: work.from, to: work.to, cut, items })
    }

    pub(super) fn awaits(&self, ticket: u64) -> bool {
        matches!(&self.step, Step::Inserting(Work { turn: Turn::Asked(asked), .. }) if *asked == ticket)
    }

    pub(super) fn answered(&mut self, now_ms: u64, verdict: Verdict, (first, longest): (u64, u64)) {
        let Step::Inserting(work) = &mut self.step else { return };
        match verdict {
            Verdict::Loaded { rejected } => {
                work.todo.pop();
                work.rejects.extend(rejected);
                work.turn = Turn::Due(now_ms);
                work.attempts = 0;
            }
            Verdict::Refused { why, row } => {
                work.halve(&why, row);
                work.turn = Turn::Due(now_ms);
                work.attempts = 0;
            }
            Verdict::Again(why) => {
                let doubled = first.saturating_mul(1 << work.attempts.saturating_sub(1).min(20));
                work.turn = Turn::Due(now_ms + doubled.min(longest));
                work.why = why;
            }
        }
        self.settle();
    }

    /// A batch with nothing left to insert is loaded.
    fn settle(&mut self) {
        let done = matches!(&self.step, Step::Inserting(work) if work.todo.is_empty());
        if done && let Step::Inserting(work) = std::mem::replace(&mut self.step, Step::Idle) {
            self.step = Step::Loaded(work);
        }
    }

    /// Whether the INSERT was not done at the first attempt: it waits, or is cut for what is wrong in it.
    pub(super) fn is_hindered(&self) -> bool {
        let hindered = |work: &Work| !work.why.is_empty() || work.todo.iter().any(Option::is_some);
        matches!(&self.step, Step::Inserting(work) if hindered(work))
    }

    pub(super) fn wait(&self, partition: &Partition) -> Option<Wait> {
        let Step::Inserting(work) = &self.step else { return None };
        (!work.why.is_empty()).then(|| Wait {
            partition: partition.clone(),
            from: work.from,
            to: work.to,
            since_ms: work.since_ms,
            attempts: work.attempts,
            why: work.why.clone(),
        })
    }
}

/// The dead letter for something of `incoming`.
pub(super) fn dead_letter(incoming: &Incoming, reject: &Reject, topic: &Arc<str>, partitions: i32) -> Outgoing {
    let text = |v: String| Bytes::from(v.into_bytes());
    let mut headers = vec![
        (header::REASON.to_owned(), Bytes::from_static(reject.reason.name().as_bytes())),
        (header::DETAIL.to_owned(), text(reject.detail.clone())),
        (header::STAGE.to_owned(), Bytes::from_static(b"loader")),
        (
            header::ORIGIN.to_owned(),
            text(format!("{}/{}/{}", incoming.partition.topic, incoming.partition.index, incoming.offset)),
        ),
    ];
    for name in [header::FILE, header::LOAD] {
        if let Some(value) = incoming.record.header(name) {
            headers.push((name.to_owned(), value.clone()));
        }
    }
    if let Some(at) = reject.at_byte {
        headers.push((header::AT_BYTE.to_owned(), text(at.to_string())));
    }
    if let Some(span) = reject.span {
        headers.push((header::LINE.to_owned(), text(span.first_line.to_string())));
        headers.push((header::PART.to_owned(), text(span.first_part.to_string())));
        headers.push((header::ROWS.to_owned(), text(span.rows.to_string())));
    }
    let file = incoming.record.file_id().ok();
    let key = file.map_or_else(Bytes::new, |file: FileId| text(file.to_string()));
    let index = file.map_or(0, |file| file.partition(partitions));
    let record = Record { key, headers, payload: reject.bytes.clone() };
    Outgoing { partition: Partition { topic: topic.clone(), index }, record }
}
