//! What must hold of the topics: at any time of what is visible, and at the end of all.

use super::store::{Store, content, sum};
use crate::broker::Broker;
use logmill_core::event::{Event as Happening, LedgerRecord};
use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{End, FileId, FileMeta, Offset, Outcome, Seq};
use logmill_protocol::fetch::{Position, Task};
use logmill_protocol::{Incoming, Partition};
use std::collections::BTreeMap;

/// Reads every visible record once.
#[derive(Default)]
pub struct Watch {
    cursors: BTreeMap<Partition, Offset>,
    pub files: BTreeMap<FileId, Track>,
    /// Whose tasks they are, by place.
    tasks: BTreeMap<Partition, BTreeMap<Offset, FileId>>,
    pub parks_again: u64,
    pub changed_parked: u64,
    pub backfill: u64,
    /// Records of tasks topics that are no tasks, and the dead letters of such.
    pub foreign: u64,
    foreign_letters: u64,
}

/// What was seen of one file.
#[derive(Debug, Default)]
pub struct Track {
    /// By the topics of its task.
    cluster: String,
    /// As its first chunk described it.
    meta: Option<FileMeta>,
    /// Tasks: the lister's, and those of parks.
    tasks: u32,
    successors: u64,
    /// How often it became known, and was forgotten.
    pub known: u32,
    pub forgotten: u32,
    /// The next chunk, since the last park; the bytes that came live.
    next: Seq,
    live: u64,
    /// What comes before this chunk has to be flagged.
    parked: Seq,
    pub parks: u64,
    pub end: Option<End>,
    opened: u32,
    pub resumed: u64,
    parked_events: u64,
    /// Outcome, bytes and sum of each end that the ledger was told.
    closed: Vec<(Outcome, u64, Option<String>)>,
    letters: u32,
}

impl Watch {
    #[must_use]
    pub fn new(broker: &Broker) -> Self {
        let cursors = broker.all_partitions().map(|partition| (partition.clone(), Offset(0))).collect();
        Self { cursors, ..Self::default() }
    }

    /// Reads on.
    ///
    /// # Errors
    /// What must not be.
    pub fn observe(&mut self, broker: &Broker) -> Result<(), String> {
        let Self { cursors, files, .. } = self;
        let mut tasks = Vec::new();
        for (partition, at) in cursors {
            while let Some(incoming) = broker.fetch(partition, *at) {
                *at = incoming.offset.next();
                let Ok(id) = incoming.record.file_id() else {
                    self.foreign += u64::from(is_tasks(&partition.topic));
                    self.foreign_letters += u64::from(&*partition.topic == "dead-letters");
                    continue;
                };
                let track = files.entry(id).or_default();
                let before = (track.parks, track.parked, track.end);
                if is_tasks(&partition.topic) {
                    self.backfill += u64::from(partition.topic.starts_with("backfill"));
                    tasks.push((partition.clone(), incoming.offset, id));
                }
                track.see(&incoming).map_err(|why| format!("file {id}: {why}, of which was seen {track:?}"))?;
                let is_rebuilt = track.parked > Seq(0) && track.parked == before.1;
                self.parks_again += u64::from(track.parks > before.0 && is_rebuilt);
                self.changed_parked += u64::from(track.end == Some(End::Abort) && track.end != before.2 && is_rebuilt);
            }
        }
        for (partition, offset, id) in tasks {
            self.tasks.entry(partition).or_default().insert(offset, id);
        }
        Ok(())
    }

    /// When no transaction is open, the committed positions say exactly what is visible: of a file that is open how many
    /// chunks it has since its last park, and their sum; of a task above H nothing; of any other that its file ended.
    ///
    /// # Errors
    /// What is not so.
    pub fn check_positions(&self, broker: &Broker, group: &str) -> Result<(), String> {
        for (partition, tasks) in &self.tasks {
            let committed = broker.committed(group, std::slice::from_ref(partition), true);
            let committed = committed.and_then(|all| all.into_iter().next()?.1).expect("offset 0 was committed");
            let position = Position::decode(&committed).map_err(|e| e.to_string())?;
            // Of a file that was parked the last task counts.
            let last: BTreeMap<FileId, Offset> = tasks.iter().map(|(offset, id)| (*id, *offset)).collect();
            for (id, offset) in last {
                let track = &self.files[&id];
                let is_right = match position.open.get(&offset) {
                    Some(open) => track.end.is_none() && track.next == open.next && track.sum() == open.crc32,
                    None if offset >= position.next => track.end.is_none() && track.next == Seq(0),
                    None => track.end.is_some(),
                };
                if !is_right {
                    return Err(format!("{partition} is at {position:?}, of the task at {offset} was seen {track:?}"));
                }
            }
        }
        Ok(())
    }

    /// Whether all is fetched that there is, and all is forgotten that is not there any more: of a cluster that never
    /// answers again nothing has to be, and of the others everything all the same.
    #[must_use]
    pub fn is_complete(&self, stores: &[Store]) -> bool {
        let is_known = |id: &FileId| self.files.get(id).is_some_and(|track| track.known > 0);
        let stores = || stores.iter().filter(|store| !store.is_dead());
        let held = |store: &Store| store.files.iter().all(|file| is_known(&store.id(file)));
        let is_over = |(id, track): (&FileId, &Track)| {
            let store = stores().find(|store| store.name == track.cluster);
            store.is_none_or(|store| track.end.is_some() && (store.holds(*id) || track.forgotten > 0))
        };
        stores().all(held) && self.files.iter().all(is_over) && self.foreign == self.foreign_letters
    }

    /// What has to hold at the end.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self, stores: &[Store]) -> Result<(), String> {
        for (id, track) in &self.files {
            let Some(store) = stores.iter().find(|s| s.name == track.cluster) else {
                return Err(format!("file {id} has neither a task nor is it known: {track:?}"));
            };
            if store.is_dead() {
                continue;
            }
            track.check(store.holds(*id)).map_err(|why| format!("file {id}: {why}; seen was {track:?}"))?;
        }
        Ok(())
    }
}

/// Whether the topic is of one of a cluster's lanes.
fn is_tasks(topic: &str) -> bool {
    topic.starts_with("tasks.") || topic.starts_with("backfill.")
}

impl Track {
    fn see(&mut self, incoming: &Incoming) -> Result<(), String> {
        match &*incoming.partition.topic {
            "raw" => self.chunk(WireChunk::decode(&incoming.record).map_err(|e| e.to_string())?),
            "file-events" => {
                let record: LedgerRecord =
                    serde_json::from_slice(&incoming.record.payload).map_err(|e| e.to_string())?;
                match record.event {
                    Happening::Opened => self.opened += 1,
                    Happening::Parked { .. } => self.parked_events += 1,
                    Happening::Resumed { .. } => self.resumed += 1,
                    Happening::Closed { outcome, bytes_out, crc32, .. } => {
                        self.closed.push((outcome, bytes_out, crc32))
                    }
                    Happening::Passed { .. } => return Err("a fetcher passes no chunks".into()),
                }
                Ok(())
            }
            "dead-letters" => {
                self.letters += 1;
                Ok(())
            }
            known if known.starts_with("known.") => {
                known["known.".len()..].clone_into(&mut self.cluster);
                match incoming.record.payload.is_empty() {
                    true => self.forgotten += 1,
                    false => self.known += 1,
                }
                if self.known == 1 && self.forgotten <= 1 {
                    return Ok(());
                }
                Err(format!("it became known {} times, and was forgotten {} times", self.known, self.forgotten))
            }
            tasks => {
                tasks.split_once('.').expect("a cluster's").1.clone_into(&mut self.cluster);
                let task = Task::decode(&incoming.record)?;
                match task.resume {
                    None => self.tasks += 1,
                    Some(_) => self.successors += 1,
                }
                if self.tasks <= 1 { Ok(()) } else { Err("it has two tasks".into()) }
            }
        }
    }

    fn chunk(&mut self, chunk: WireChunk) -> Result<(), String> {
        let WireChunk { seq, kind, silent, file, payload, .. } = chunk;
        if self.end.is_some() {
            return Err(format!("chunk {seq} ({kind:?}) after its end"));
        }
        if seq != self.next {
            return Err(format!("chunk {seq} ({kind:?}) where {} was to come", self.next));
        }
        if file.is_some() != (seq == Seq(0)) {
            return Err(format!("chunk {seq} with the description {file:?}"));
        }
        if let Some(file) = file {
            if self.meta.as_ref().is_some_and(|before| *before != *file) {
                return Err("its description is another than before the park".into());
            }
            self.meta = Some(*file);
        }
        if silent != (seq < self.parked) {
            return Err(format!("chunk {seq} ({kind:?}) has silent: {silent}"));
        }
        match kind {
            Kind::Data => {
                let meta = self.meta.as_ref().expect("chunk 0 had it");
                let (from, to) = (self.byte(seq), self.byte(seq.next()));
                if from >= to || payload != content(meta.file_id, from, to) {
                    return Err(format!("chunk {seq} does not have the bytes {from} to {to}"));
                }
                self.live += if silent { 0 } else { to - from };
                self.next = seq.next();
            }
            Kind::Park => {
                self.parks += 1;
                self.parked = self.parked.max(seq);
                self.next = Seq(0);
            }
            Kind::End(end) => self.end = Some(end),
        }
        Ok(())
    }

    /// The first byte of a chunk, at multiples of the plan's size.
    fn byte(&self, seq: Seq) -> u64 {
        self.meta.as_ref().map_or(0, |m| (seq.0 * u64::from(m.plan.raw_bytes)).min(m.length))
    }

    /// The sum of the bytes before the next chunk.
    fn sum(&self) -> u32 {
        self.meta.as_ref().map_or(0, |m| sum(0, &content(m.file_id, 0, self.byte(self.next))))
    }

    fn check(&self, is_there: bool) -> Result<(), String> {
        if self.tasks != 1 || self.known != 1 {
            return Err(format!("it has {} tasks and became known {} times", self.tasks, self.known));
        }
        if is_there == (self.forgotten > 0) {
            return Err(format!("it is there: {is_there}, and was forgotten {} times", self.forgotten));
        }
        // Of a file that could not be read at all there is no marker.
        if self.successors != self.parked_events || self.parks > self.parked_events {
            return Err(format!(
                "{} parks told, {} markers, {} new tasks",
                self.parked_events, self.parks, self.successors
            ));
        }
        let Some(end) = self.end else { return Err("it does not end".into()) };
        let length = self.meta.as_ref().map_or(0, |m| m.length);
        let (outcome, live, sum) = match end {
            End::Complete => (Outcome::Complete, length, Some(format!("{:08x}", self.sum()))),
            _ => (Outcome::Partial, self.live, None),
        };
        if self.live != live || self.closed != [(outcome, live, sum)] {
            return Err(format!("{} bytes of {length} came live, and the end was {end:?}", self.live));
        }
        let letters = u32::from(end == End::Abort);
        if (self.opened, self.letters) != (1, letters) || (is_there && end != End::Complete) {
            return Err("its events, dead letters or end are not as they have to be".into());
        }
        Ok(())
    }
}
