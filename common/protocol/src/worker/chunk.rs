//! One chunk on its way through the stage: what its place in the file means, and what comes out.

use super::Weaken;
use super::files::{Key, Numbers, OpenFile, Part, Status};
use super::position::Position;
use super::route::Origin;
use super::{StageWorker, Transaction};
use crate::log::{Incoming, Outgoing};
use logmill_core::event::{Reject, RejectReason};
use logmill_core::wire::{Kind, WireChunk, header};
use logmill_core::{Chunk, End, FileId, FileMeta, Flow, Load, Outcome, Output, Progress, Seq, Stage};
use std::collections::VecDeque;
use std::sync::Arc;

/// A chunk that the stage has begun with.
pub(super) struct Current<State> {
    /// The record it came in, its payload moved to `chunk`.
    pub incoming: Incoming,
    /// Part of the silent stretch: states are rebuilt, nothing is sent.
    pub discard: bool,
    key: Key,
    /// What the stage has not consumed.
    chunk: Chunk,
    /// The state of a chunk that stands alone, and its file.
    alone: Option<(State, Arc<FileMeta>)>,
    /// Flagged silent: sent again to rebuild states after a park.
    flagged: bool,
    plan: String,
    notes: Vec<(String, String)>,
    place: String,
    /// How many outputs it has had so far; the first `skip` of them are committed already.
    outputs: u64,
    skip: u64,
    /// The partition's position before it.
    before: Position,
}

/// What an output is of.
struct Source<'a> {
    output: Flow,
    now_ms: u64,
    origin: Origin<'a>,
    flagged: bool,
    discard: bool,
}

impl Source<'_> {
    /// The same of a member of its file.
    fn of<'a>(&'a self, member: &'a FileMeta) -> Source<'a> {
        let origin = Origin { file_id: Some(member.file_id), file: Some(member), ..self.origin };
        Source { origin, ..*self }
    }
}

/// Where outputs go, and which of them are still to go.
struct Sink<'a> {
    routes: &'a super::Routes,
    queue: &'a mut VecDeque<Outgoing>,
    rejects: &'a mut u64,
    outputs: &'a mut u64,
    skip: u64,
}

impl Sink<'_> {
    /// Whether the next output, in order, has to be sent.
    fn is_next_due(&mut self, source: &Source<'_>) -> bool {
        if source.discard {
            return false;
        }
        *self.outputs += 1;
        *self.outputs > self.skip
    }

    fn output(&mut self, source: &Source<'_>, numbers: &mut Numbers, output: Output) {
        match (output, numbers.members.last_mut()) {
            (Output::Open(member), _) => numbers.members.push((member, Seq(0))),
            (Output::Close(outcome), _) => {
                let (member, mut seq) = numbers.members.pop().expect("a stage closes what it has opened");
                self.marker(&source.of(&member), &mut seq, Kind::End(outcome.end()));
            }
            (output, Some((member, seq))) => self.of_one_file(&source.of(member), seq, output),
            (output, None) => self.of_one_file(source, &mut numbers.seq, output),
        }
    }

    fn of_one_file(&mut self, source: &Source<'_>, seq: &mut Seq, output: Output) {
        match output {
            Output::Product(product) => {
                let number = *seq;
                *seq = seq.next();
                // Nothing downstream has a state to rebuild.
                if source.flagged && source.output == Flow::Standalone {
                    return;
                }
                if self.is_next_due(source) {
                    let Source { origin, output, flagged, .. } = source;
                    self.queue.push_back(self.routes.product(origin, *output, number, *flagged, product));
                }
            }
            Output::Reject(stage, reject) => self.reject(source, stage, reject),
            Output::Event(stage, event) => {
                if !source.flagged && self.is_next_due(source) {
                    self.queue.push_back(self.routes.event(&source.origin, stage, source.now_ms, event));
                }
            }
            Output::Open(_) | Output::Close(_) => unreachable!("these change of which file the others are"),
        }
    }

    fn reject(&mut self, source: &Source<'_>, stage: &'static str, reject: Reject) {
        if !source.flagged && self.is_next_due(source) {
            *self.rejects += 1;
            self.queue.push_back(self.routes.reject(&source.origin, stage, reject));
        }
    }

    /// Closes the file downstream, where files are open downstream.
    fn marker(&mut self, source: &Source<'_>, seq: &mut Seq, kind: Kind) {
        if source.output == Flow::Stream {
            let number = *seq;
            *seq = seq.next();
            if self.is_next_due(source) {
                self.queue.push_back(self.routes.marker(&source.origin, number, kind, source.flagged));
            }
        }
    }
}

impl<S: Stage> StageWorker<S> {
    /// The position to commit in the middle of a chunk: S and the open files as they were before it, because it may
    /// close its file.
    pub(super) fn within(&self, part: &Part<S::State>, current: &Current<S::State>) -> Position {
        let k_seq = part.files.get(&current.key).map_or(Seq(0), |f| f.out.seq);
        if self.weak(Weaken::FirstAfterChunk) {
            let first = part.files.iter().filter(|(key, _)| **key != current.key).map(|(_, f)| f.first).min();
            let next = current.incoming.offset;
            let first = first.unwrap_or(next);
            return Position { first, next, k: current.outputs, k_seq, open: None, ..Position::start(next) };
        }
        Position { next: current.incoming.offset, k: current.outputs, k_seq, tries: 0, ..current.before.clone() }
    }

    /// Takes a record: decides what it is to its file, and has its outputs queued or the stage begin with it.
    ///
    /// # Errors
    /// A broken promise of the log, with which nothing can go on.
    pub(super) fn take(&mut self, now_ms: u64, mut incoming: Incoming) -> Result<(), String> {
        let offset = incoming.offset;
        let forget_flag = self.weak(Weaken::ForgetFlag);
        let (ignore_k, aloud) = (self.weak(Weaken::IgnoreK), self.weak(Weaken::SilentAloud));
        let part = self.parts.get_mut(&incoming.partition).expect("a record of an assigned partition");
        let silent = part.is_silent(offset) && !aloud;
        // H may be the offset of a marker: then the next visible record is meant.
        let at_h = offset >= part.base.next && part.at <= part.base.next;
        if at_h && part.base.k > 0 && offset != part.base.next {
            return Err(format!(
                "{}: {} of the outputs of offset {} are committed, but that record is gone (next is {offset})",
                incoming.partition, part.base.k, part.base.next
            ));
        }
        let skip = if at_h && !ignore_k { part.base.k } else { 0 };
        let decreed = at_h && part.base.tries > self.options.attempts;
        let mut before = part.position();
        if part.files.is_empty() {
            // Between what was taken last and this record there may be markers: S = H means this record.
            before.first = offset;
        }
        if at_h && part.base.first < part.base.next {
            // Right after an assignment the list of open files is not known better than it was committed.
            before.first = part.base.first.min(before.first);
        }
        let place = format!("{}/{}/{offset}", incoming.partition.topic, incoming.partition.index);
        let wire = WireChunk::decode(&incoming.record);
        let payload = std::mem::take(&mut incoming.record.payload);
        self.counts.chunks += 1;
        self.counts.silent_chunks += u64::from(silent);
        if !silent {
            let Transaction { since_ms, .. } = &mut self.transaction;
            since_ms.get_or_insert(now_ms);
        }
        let wire = match wire {
            Ok(wire) if wire.packed && S::OPENS => Err("its payload is not packed as its header says".to_owned()),
            wire => wire.map_err(|error| error.to_string()),
        };
        let wire = match wire {
            Ok(wire) => wire,
            Err(why) => {
                let reject = Reject::new(RejectReason::Malformed, why).carrying(&payload);
                let file_id = incoming.record.file_id().ok();
                self.refuse(now_ms, &incoming, silent, skip, &place, file_id, reject);
                return Ok(());
            }
        };
        self.counts.bytes_in += wire.payload.len() as u64;
        let channel = wire.notes.iter().find(|(name, _)| name == header::CHANNEL).map(|(_, value)| value.clone());
        let current = Current {
            discard: silent,
            key: (wire.file_id, wire.load),
            chunk: Chunk {
                seq: wire.seq,
                payload: wire.payload,
                packed: wire.packed,
                span: wire.span,
                channel,
                header: wire.header,
            },
            alone: None,
            flagged: wire.silent && !forget_flag,
            plan: wire.plan,
            notes: wire.notes,
            place,
            outputs: 0,
            skip,
            before,
            incoming,
        };
        match S::INPUT {
            Flow::Standalone => self.take_alone(now_ms, current, wire.kind, wire.file, decreed),
            Flow::Stream => self.take_of_stream(now_ms, current, wire.kind, wire.file, decreed),
        }
        Ok(())
    }

    /// A chunk that stands alone: a state of its own, or a reject.
    fn take_alone(
        &mut self,
        now_ms: u64,
        mut current: Current<S::State>,
        kind: Kind,
        file: Option<Box<FileMeta>>,
        decreed: bool,
    ) {
        let span = current.chunk.span;
        let lost = !self.options.routes.takes(current.chunk.channel.as_deref());
        let reject = match (&file, kind) {
            (Some(_), Kind::Data) if lost => Some(Reject::new(
                RejectReason::Malformed,
                "header \"channel\" is missing or names no channel of the configuration",
            )),
            (Some(_), Kind::Data) if decreed => Some(self.decree()),
            (Some(_), Kind::Data) => None,
            (None, _) => Some(Reject::new(RejectReason::Malformed, "header \"file\" is missing")),
            (_, kind) => {
                Some(Reject::new(RejectReason::Malformed, format!("a marker ({}) on a topic without", kind.name())))
            }
        };
        let file = file.map(|f| Arc::new(*f));
        if let Some(mut reject) = reject {
            reject = reject.carrying(&current.chunk.opened());
            reject.span = span;
            self.emit(now_ms, &mut current, file.as_ref(), |sink, source, _| sink.reject(source, S::TAKES, reject));
            self.taken(&current);
            return;
        }
        let file = file.expect("checked above");
        current.alone = Some((self.stage.open(&file), file));
        self.current = Some(current);
    }

    fn decree(&mut self) -> Reject {
        self.counts.decrees += 1;
        let detail = format!(
            "{} workers began with this chunk and did not live to commit it; it is passed over so that others can be served",
            self.options.attempts
        );
        Reject::new(RejectReason::Decree, detail)
    }

    /// A chunk of a stream: the first of a file, the next of an open one, or neither.
    fn take_of_stream(
        &mut self,
        now_ms: u64,
        mut current: Current<S::State>,
        kind: Kind,
        file: Option<Box<FileMeta>>,
        decreed: bool,
    ) {
        let offset = current.incoming.offset;
        if kind != Kind::Data {
            self.close_members(now_ms, &mut current, kind);
        }
        let is_first = current.chunk.seq == Seq(0) && file.is_some();
        let close_aloud = self.weak(Weaken::CloseAloud);
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        if !part.files.contains_key(&current.key) {
            // An abort or a park of a file that is not open has nothing to close: it was closed before.
            let closes = !matches!(kind, Kind::Data | Kind::End(End::Complete | End::Partial));
            if !is_first && closes && !close_aloud {
                self.taken(&current);
                return;
            }
            if part.is_of_no_interest(offset) {
                self.taken(&current);
                return;
            }
            if !is_first {
                self.headless(now_ms, current, kind);
                return;
            }
            let file = Arc::new(*file.expect("a first chunk has its file"));
            let by_decree = part.decrees.contains(&offset);
            let status = if by_decree { Status::Rejected } else { Status::Running(self.stage.open(&file)) };
            let plan = current.plan.clone();
            let open =
                OpenFile { first: offset, next: Seq(0), out: Numbers::default(), file: Some(file), plan, status };
            part.files.insert(current.key, open);
        }
        let open = part.files.get_mut(&current.key).expect("it is open by now");
        if matches!(open.status, Status::Rejected) {
            if kind != Kind::Data {
                part.files.remove(&current.key);
            }
            self.taken(&current);
            return;
        }
        let file = open.file.clone().expect("a running file is known");
        let broken = if current.chunk.seq != open.next {
            let detail = format!("chunk {} came where chunk {} was expected", current.chunk.seq, open.next);
            Some(Reject::new(RejectReason::OutOfOrder, detail))
        } else if current.plan != open.plan {
            let detail = format!("the plan's version is {}, the file began with {}", current.plan, open.plan);
            Some(Reject::new(RejectReason::OutOfOrder, detail))
        } else if decreed {
            // What was committed of this chunk was counted under its own numbers.
            open.out.seq = if current.skip > 0 { part.base.k_seq } else { open.out.seq };
            current.skip = 0;
            Some(self.decree())
        } else {
            None
        };
        if let Some(reject) = broken {
            let by_decree = reject.reason == RejectReason::Decree;
            let kept = by_decree && !self.weak(Weaken::ForgetDecrees);
            let part = self.parts.get_mut(&current.incoming.partition).expect("an assigned partition");
            if kept {
                part.decrees.extend(part.files.get(&current.key).map(|open| open.first));
            }
            // What the stage holds back is of the good chunks before. Of a deadly chunk that has outputs it is among
            // these; and should to flush it be deadly too, the next attempt leaves it.
            let first_decree = part.base.k == 0 && part.base.tries == self.options.attempts + 1;
            if !by_decree || first_decree {
                self.flush_held_back(now_ms, &mut current, &file);
            }
            let reject = reject.by(S::TAKES).carrying(&current.chunk.opened());
            self.close_rejected(now_ms, current, &file, reject, kind != Kind::Data);
            return;
        }
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        let open = part.files.get_mut(&current.key).expect("it is open by now");
        open.next = open.next.next();
        match kind {
            Kind::Data => self.current = Some(current),
            Kind::End(end) => self.end(now_ms, current, &file, end),
            Kind::Park if self.weak(Weaken::FlushParked) => self.end(now_ms, current, &file, End::Partial),
            Kind::Park => {
                self.emit(now_ms, &mut current, Some(&file), |sink, source, numbers| {
                    sink.marker(source, &mut numbers.seq, Kind::Park);
                });
                self.remove(&current);
                self.taken(&current);
            }
        }
    }

    /// A marker of a file closes its members that are open: whoever gave the archive up sent no markers of theirs.
    fn close_members(&mut self, now_ms: u64, current: &mut Current<S::State>, kind: Kind) {
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        let archive = current.key;
        for (key, file) in part.members(archive) {
            current.key = key;
            if kind != Kind::Park {
                self.flush_held_back(now_ms, current, &file);
            }
            let kind = if kind == Kind::Park { kind } else { Kind::End(End::Abort) };
            self.emit(now_ms, current, Some(&file), |sink, source, numbers| {
                sink.marker(source, &mut numbers.seq, kind);
            });
            self.remove(current);
        }
        current.key = archive;
    }

    /// A chunk whose predecessors are gone: one reject, then a tombstone.
    fn headless(&mut self, now_ms: u64, mut current: Current<S::State>, kind: Kind) {
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        let over = kind != Kind::Data;
        if !over {
            let (first, next) = (current.incoming.offset, current.chunk.seq);
            let status = Status::Rejected;
            let plan = current.plan.clone();
            part.files.insert(current.key, OpenFile { first, next, out: Numbers::default(), file: None, plan, status });
        }
        if self.weak(Weaken::HeadlessAloud) {
            current.discard = false;
        }
        self.counts.headless += u64::from(!current.discard);
        let detail = format!(
            "chunk {} of a file whose first chunk is not in the topic; retention may have deleted it",
            current.chunk.seq
        );
        let reject = Reject::new(RejectReason::Headless, detail).carrying(&current.chunk.opened());
        self.emit(now_ms, &mut current, None, |sink, source, _| sink.reject(source, S::TAKES, reject));
        self.taken(&current);
    }

    /// Ends the stage's work on a file that is given up, as an abort marker would.
    fn flush_held_back(&mut self, now_ms: u64, current: &mut Current<S::State>, file: &Arc<FileMeta>) {
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        let open = part.files.get_mut(&current.key).expect("a file that is given up was open");
        let Status::Running(state) = std::mem::replace(&mut open.status, Status::Rejected) else { return };
        let result = self.stage.finish(state, End::Abort, &mut self.out);
        self.flush(now_ms, current, file);
        if let Err(reject) = result {
            let stage = reject.stage.unwrap_or(S::NAME);
            self.emit(now_ms, current, Some(file), |sink, source, _| sink.reject(source, stage, reject));
        }
    }

    /// The file is over by a reject: says so, closes it downstream, and leaves a tombstone until its end.
    fn close_rejected(
        &mut self,
        now_ms: u64,
        mut current: Current<S::State>,
        file: &Arc<FileMeta>,
        reject: Reject,
        over: bool,
    ) {
        let stage = reject.stage.unwrap_or(S::NAME);
        self.emit(now_ms, &mut current, Some(file), |sink, source, numbers| {
            sink.reject(source, stage, reject);
            sink.marker(source, &mut numbers.seq, Kind::End(End::Abort));
        });
        let over = over || self.weak(Weaken::ForgetRejected);
        if over {
            self.remove(&current);
        } else {
            let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
            let open = part.files.get_mut(&current.key).expect("a rejected file was open");
            open.status = Status::Rejected;
        }
        self.taken(&current);
    }

    fn end(&mut self, now_ms: u64, mut current: Current<S::State>, file: &Arc<FileMeta>, end: End) {
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        let mut open = part.files.remove(&current.key).expect("it is open");
        let Status::Running(state) = open.status else { unreachable!("a tombstone is not ended by its stage") };
        let result = self.stage.finish(state, end, &mut self.out);
        // The number goes on counting in the entry, which `emit` looks up: put a tombstone back for that long.
        open.status = Status::Rejected;
        let open = OpenFile { status: Status::Rejected, ..open };
        part.files.insert(current.key, open);
        self.flush(now_ms, &mut current, file);
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(reject) => {
                let stage = reject.stage.unwrap_or(S::NAME);
                self.emit(now_ms, &mut current, Some(file), |sink, source, _| sink.reject(source, stage, reject));
                Outcome::Partial
            }
        };
        let kind = if end == End::Abort { Kind::End(End::Abort) } else { Kind::End(outcome.end()) };
        self.emit(now_ms, &mut current, Some(file), |sink, source, numbers| {
            sink.marker(source, &mut numbers.seq, kind)
        });
        self.remove(&current);
        self.taken(&current);
    }

    /// Lets the stage go on with the current chunk.
    pub(super) fn advance(&mut self, now_ms: u64) {
        let mut current = self.current.take().expect("a chunk is under way");
        logmill_faults::poison(&current.chunk.payload);
        let (step, file) = match &mut current.alone {
            Some((state, file)) => {
                let step = self.stage.process(state, &mut current.chunk, &mut self.out);
                (step, Arc::clone(file))
            }
            None => {
                let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
                let open = part.files.get_mut(&current.key).expect("the current chunk's file is open");
                let Status::Running(state) = &mut open.status else {
                    unreachable!("a chunk of a tombstone is passed over")
                };
                let step = self.stage.process(state, &mut current.chunk, &mut self.out);
                (step, open.file.clone().expect("a running file is known"))
            }
        };
        self.flush(now_ms, &mut current, &file);
        match step {
            Ok(Progress::More) => self.current = Some(current),
            Ok(Progress::Done) => self.taken(&current),
            Err(reject) if current.alone.is_some() => {
                let stage = reject.stage.unwrap_or(S::NAME);
                self.emit(now_ms, &mut current, Some(&file), |sink, source, _| sink.reject(source, stage, reject));
                self.taken(&current);
            }
            Err(reject) => self.close_rejected(now_ms, current, &file, reject, false),
        }
    }

    /// Queues what the stage has pushed.
    fn flush(&mut self, now_ms: u64, current: &mut Current<S::State>, file: &Arc<FileMeta>) {
        let outputs: Vec<Output> = self.out.drain().collect();
        if outputs.is_empty() {
            return;
        }
        self.emit(now_ms, current, Some(file), |sink, source, numbers| {
            for output in outputs {
                sink.output(source, numbers, output);
            }
        });
    }

    /// Calls `f` with where the outputs of `current` go, and the numbers of the chunks to come.
    fn emit(
        &mut self,
        now_ms: u64,
        current: &mut Current<S::State>,
        file: Option<&Arc<FileMeta>>,
        f: impl FnOnce(&mut Sink<'_>, &Source<'_>, &mut Numbers),
    ) {
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        let mut alone = Numbers { seq: current.chunk.seq, members: Vec::new() };
        let is_open = part.files.contains_key(&current.key);
        let numbers = part.files.get_mut(&current.key).map_or(&mut alone, |open| &mut open.out);
        let origin = Origin {
            place: &current.place,
            file_id: Some(current.key.0),
            load: current.key.1,
            file: file.map(Arc::as_ref),
            notes: &current.notes,
            plan: &current.plan,
        };
        let (flagged, discard) = (current.flagged, current.discard);
        let source = Source { output: S::OUTPUT, now_ms, origin, flagged, discard };
        let mut sink = Sink {
            routes: &self.options.routes,
            queue: &mut self.queue,
            rejects: &mut self.counts.rejects,
            outputs: &mut current.outputs,
            skip: current.skip,
        };
        f(&mut sink, &source, numbers);
        if !is_open {
            current.chunk.seq = alone.seq;
        }
    }

    /// A record that is not even a chunk.
    #[expect(clippy::too_many_arguments, reason = "what is known of a record that is nothing")]
    fn refuse(
        &mut self,
        now_ms: u64,
        incoming: &Incoming,
        discard: bool,
        skip: u64,
        place: &str,
        file_id: Option<FileId>,
        reject: Reject,
    ) {
        let (load, file, plan) = (Load(0), None, "");
        let origin = Origin { place, file_id, load, file, notes: &[], plan };
        let source = Source { output: S::OUTPUT, now_ms, origin, flagged: false, discard };
        let (queue, rejects) = (&mut self.queue, &mut self.counts.rejects);
        let mut sink = Sink { routes: &self.options.routes, queue, rejects, outputs: &mut 0, skip };
        sink.reject(&source, S::TAKES, reject);
        let part = self.parts.get_mut(&incoming.partition).expect("a record of an assigned partition");
        part.at = incoming.offset.next();
        part.dirty |= !discard;
    }

    fn remove(&mut self, current: &Current<S::State>) {
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        part.files.remove(&current.key);
    }

    /// All outputs of a chunk are queued.
    fn taken(&mut self, current: &Current<S::State>) {
        let aloud = self.weak(Weaken::CommitSilent);
        let part = self.parts.get_mut(&current.incoming.partition).expect("a record of an assigned partition");
        part.at = current.incoming.offset.next();
        part.dirty |= !part.is_silent(current.incoming.offset) || aloud;
    }
}
