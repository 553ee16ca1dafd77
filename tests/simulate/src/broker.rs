//! A transactional log as the broker keeps it: partitions with markers and a last stable offset, transactions with
//! epochs, one consumer group a stage with generations and pending offsets. Deterministic and without time: what takes
//! time on a broker (a marker, a time-out) is a step that the schedule chooses.

use logmill_core::Offset;
use logmill_core::wire::Record;
use logmill_protocol::{Committed, Incoming, Partition};
use std::collections::{BTreeMap, BTreeSet};

/// An entry of a partition; its index is its offset.
#[derive(Clone, Debug)]
enum Entry {
    Record {
        by: Option<(String, u32)>,
        record: Record,
    },
    /// Ends what `by` (id, number of the transaction) wrote before it.
    Marker {
        by: (String, u32),
        commit: bool,
    },
}

/// The coordinator's view of one `transactional.id`.
#[derive(Clone, Debug, Default)]
struct Transactional {
    epoch: u32,
    /// Counts its transactions.
    number: u32,
    state: State,
    partitions: BTreeSet<Partition>,
    groups: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Empty,
    Ongoing,
    /// Decided; markers are still to be written.
    Prepared(bool),
}

/// One consumer group over the partitions of one topic.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub generation: u32,
    /// A rebalance has begun and waits for the members to let go.
    pub preparing: bool,
    /// Members, and whether they have let go in this rebalance.
    pub members: BTreeMap<u32, bool>,
    pub assigned: BTreeMap<u32, Vec<Partition>>,
    pub partitions: Vec<Partition>,
    committed: BTreeMap<Partition, Committed>,
    /// Offsets sent in transactions that have not ended, by `transactional.id`.
    pending: BTreeMap<String, BTreeMap<Partition, Committed>>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A newer producer of the id, or its transaction timed out.
    Fenced,
    /// Not a member, or of another generation.
    Stale,
    /// The transaction before has markers to write; a client asks again by itself.
    Wait,
    /// An offset's metadata is longer than the broker takes.
    TooLarge,
}

/// A request as it travels; a late one arrives when its sender is long gone.
#[derive(Clone, Debug)]
pub enum Request {
    Produce { partition: Partition, record: Record },
    Offsets { group: String, member: u32, generation: u32, offsets: Vec<(Partition, Committed)> },
    End { commit: bool },
}

/// The broker.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    logs: BTreeMap<Partition, Vec<Entry>>,
    transactional: BTreeMap<String, Transactional>,
    pub groups: BTreeMap<String, Group>,
    /// Whether offsets are taken from whoever sends them: no broker does that.
    pub unchecked: bool,
    /// The most bytes of an offset's metadata, where there is a limit.
    pub metadata_bytes: Option<usize>,
    /// Every position that became visible, in order, for the check that none goes back.
    pub history: Vec<(String, Partition, Committed)>,
}

impl Broker {
    /// Makes a topic's partitions, and the group that reads it, at offset 0.
    pub fn topic(&mut self, name: &str, partitions: i32, group: Option<&str>) {
        for index in 0..partitions {
            self.logs.insert(Partition::new(name, index), Vec::new());
        }
        if let Some(group) = group {
            let group = self.groups.entry(group.to_owned()).or_default();
            for index in 0..partitions {
                let partition = Partition::new(name, index);
                group.committed.insert(partition.clone(), Committed { offset: Offset(0), metadata: String::new() });
                group.partitions.push(partition);
            }
        }
    }

    /// Writes what nobody sees.
    pub fn gap(&mut self, partition: &Partition) {
        let by = (String::new(), 0);
        self.log(partition).push(Entry::Marker { by, commit: false });
    }

    /// Writes outside of any transaction: the input of the chain.
    pub fn write(&mut self, partition: &Partition, record: Record) {
        self.log(partition).push(Entry::Record { by: None, record });
    }

    fn log(&mut self, partition: &Partition) -> &mut Vec<Entry> {
        self.logs.get_mut(partition).unwrap_or_else(|| panic!("{partition} does not exist"))
    }

    /// A new producer of the id: ends the older one's transaction. Returns its epoch once nothing of the id is pending
    /// (`None`: ask again).
    pub fn initialise(&mut self, id: &str, asked: Option<u32>) -> Result<Option<u32>, Refusal> {
        let t = self.transactional.entry(id.to_owned()).or_default();
        let epoch = match asked {
            Some(epoch) if epoch != t.epoch => return Err(Refusal::Fenced),
            Some(epoch) => epoch,
            None => {
                t.epoch += 1;
                t.epoch
            }
        };
        if t.state == State::Ongoing {
            self.prepare(id, false);
        }
        Ok(Some(epoch).filter(|_| self.transactional[id].state == State::Empty))
    }

    /// The epoch that the id has now.
    #[must_use]
    pub fn epoch(&self, id: &str) -> u32 {
        self.transactional.get(id).map_or(0, |t| t.epoch)
    }

    /// A request under an epoch arrives.
    pub fn handle(&mut self, id: &str, epoch: u32, late: bool, request: Request) -> Result<(), Refusal> {
        let t = self.transactional.get_mut(id).expect("a producer is initialised before it sends");
        if t.epoch != epoch {
            return Err(Refusal::Fenced);
        }
        if matches!(t.state, State::Prepared(_)) && !matches!(request, Request::End { .. }) {
            return Err(Refusal::Wait);
        }
        // The broker asks the coordinator whether a transaction is open; a late request does not open one.
        if late && t.state != State::Ongoing {
            return Err(Refusal::Fenced);
        }
        match request {
            Request::Produce { partition, record } => {
                t.state = State::Ongoing;
                t.partitions.insert(partition.clone());
                let by = Some((id.to_owned(), t.number));
                self.log(&partition).push(Entry::Record { by, record });
            }
            Request::Offsets { group, member, generation, offsets } => {
                let g = self.groups.get_mut(&group).expect("the group exists");
                let is_member = g.generation == generation && g.members.contains_key(&member);
                if !is_member && !self.unchecked {
                    return Err(Refusal::Stale);
                }
                if offsets.iter().any(|(_, c)| self.metadata_bytes.is_some_and(|most| c.metadata.len() > most)) {
                    return Err(Refusal::TooLarge);
                }
                t.state = State::Ongoing;
                t.groups.insert(group.clone());
                g.pending.entry(id.to_owned()).or_default().extend(offsets);
            }
            Request::End { commit } => match t.state {
                State::Ongoing => self.prepare(id, commit),
                State::Empty => {}
                State::Prepared(decided) if decided == commit => {}
                State::Prepared(_) => return Err(Refusal::Fenced),
            },
        }
        Ok(())
    }

    fn prepare(&mut self, id: &str, commit: bool) {
        let t = self.transactional.get_mut(id).expect("it has a transaction");
        t.state = State::Prepared(commit);
        if t.partitions.is_empty() && t.groups.is_empty() {
            t.state = State::Empty;
        }
    }

    /// The coordinator aborts a transaction that took too long, and fences its producer.
    pub fn time_out(&mut self, id: &str) -> bool {
        let Some(t) = self.transactional.get_mut(id) else { return false };
        if t.state != State::Ongoing {
            return false;
        }
        t.epoch += 1;
        self.prepare(id, false);
        true
    }

    /// The ids with a transaction that nobody has decided, and their epochs.
    pub fn ongoing(&self) -> impl Iterator<Item = (&str, u32)> {
        self.transactional.iter().filter(|(_, t)| t.state == State::Ongoing).map(|(id, t)| (id.as_str(), t.epoch))
    }

    /// Whether no transaction hides anything.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.transactional.values().all(|t| t.state == State::Empty)
    }

    /// Time passes: transactions of whoever is gone end, all markers are written.
    pub fn settle(&mut self) {
        for id in self.transactional.keys().cloned().collect::<Vec<_>>() {
            self.time_out(&id);
        }
        while let Some((id, target)) = self.markers().pop() {
            self.mark(&id, &target);
        }
    }

    /// The markers that are still to be written: (id, where).
    #[must_use]
    pub fn markers(&self) -> Vec<(String, Target)> {
        let mut all = Vec::new();
        for (id, t) in &self.transactional {
            if matches!(t.state, State::Prepared(_)) {
                all.extend(t.partitions.iter().map(|p| (id.clone(), Target::Partition(p.clone()))));
                all.extend(t.groups.iter().map(|g| (id.clone(), Target::Group(g.clone()))));
            }
        }
        all
    }

    /// Writes one marker; the last one ends the transaction.
    pub fn mark(&mut self, id: &str, target: &Target) {
        let t = self.transactional.get_mut(id).expect("it has a transaction");
        let State::Prepared(commit) = t.state else { panic!("markers are written when the outcome is decided") };
        let by = (id.to_owned(), t.number);
        match target {
            Target::Partition(partition) => {
                t.partitions.remove(partition);
            }
            Target::Group(group) => {
                t.groups.remove(group);
            }
        }
        if t.partitions.is_empty() && t.groups.is_empty() {
            t.state = State::Empty;
            t.number += 1;
        }
        match target {
            Target::Partition(partition) => self.log(partition).push(Entry::Marker { by, commit }),
            Target::Group(name) => {
                let group = self.groups.get_mut(name).expect("the group exists");
                for (partition, committed) in group.pending.remove(id).unwrap_or_default() {
                    if commit {
                        group.committed.insert(partition.clone(), committed.clone());
                        self.history.push((name.clone(), partition, committed));
                    }
                }
            }
        }
    }

    /// A group's committed offsets; `None` while any of them is pending. `dirty`: do not wait.
    #[must_use]
    pub fn committed(
        &self,
        group: &str,
        partitions: &[Partition],
        dirty: bool,
    ) -> Option<Vec<(Partition, Option<Committed>)>> {
        let group = &self.groups[group];
        let pending = |p: &Partition| group.pending.values().any(|offsets| offsets.contains_key(p));
        if !dirty && partitions.iter().any(pending) {
            return None;
        }
        Some(partitions.iter().map(|p| (p.clone(), group.committed.get(p).cloned())).collect())
    }

    fn outcome(&self, partition: &Partition, from: usize, by: &(String, u32)) -> Option<bool> {
        self.logs[partition][from..].iter().find_map(|entry| match entry {
            Entry::Marker { by: marked, commit } if marked == by => Some(*commit),
            _ => None,
        })
    }

    /// The next visible record at or after `from`, below the last stable offset.
    #[must_use]
    pub fn fetch(&self, partition: &Partition, from: Offset) -> Option<Incoming> {
        let from = usize::try_from(from.0).expect("an offset is not negative");
        for (at, entry) in self.logs[partition].iter().enumerate().skip(from) {
            let Entry::Record { by, record } = entry else { continue };
            let visible = match by {
                None => Some(true),
                Some(by) => self.outcome(partition, at, by),
            };
            match visible {
                // The last stable offset: nothing after it is seen.
                None => return None,
                Some(false) => {}
                Some(true) => {
                    let offset = Offset(i64::try_from(at).expect("a log of this size"));
                    let (partition, record) = (partition.clone(), record.clone());
                    return Some(Incoming { partition, offset, timestamp_ms: 0, record });
                }
            }
        }
        None
    }

    /// The end of what stands from `from` on and is never seen: markers, and what was aborted. `from` where there is none.
    #[must_use]
    pub fn unseen(&self, partition: &Partition, from: Offset) -> Offset {
        let first = usize::try_from(from.0).expect("an offset is not negative");
        let is_unseen = |(at, entry): &(usize, &Entry)| match entry {
            Entry::Record { by: Some(by), .. } => self.outcome(partition, *at, by) == Some(false),
            Entry::Record { by: None, .. } => false,
            _ => true,
        };
        let count = self.logs[partition].iter().enumerate().skip(first).take_while(is_unseen).count();
        Offset(from.0 + i64::try_from(count).expect("a log of this size"))
    }

    /// The end of a partition's log, whatever is visible of it.
    #[must_use]
    pub fn end(&self, partition: &Partition) -> Offset {
        Offset(i64::try_from(self.logs[partition].len()).expect("a log of this size"))
    }

    /// All visible records of a topic, once everything up to its high watermark is decided; `None` before.
    #[must_use]
    pub fn read_to_high_watermark(&self, topic: &str) -> Option<Vec<Incoming>> {
        let decided = |(partition, log): (&Partition, &Vec<Entry>)| {
            log.iter().enumerate().all(|(at, entry)| match entry {
                Entry::Record { by: Some(by), .. } => self.outcome(partition, at, by).is_some(),
                _ => true,
            })
        };
        self.logs.iter().filter(|(p, _)| &*p.topic == topic).all(decided).then(|| self.visible(topic))
    }

    /// All visible records of a topic, by partition and in order.
    #[must_use]
    pub fn visible(&self, topic: &str) -> Vec<Incoming> {
        let mut all = Vec::new();
        for partition in self.logs.keys().filter(|p| &*p.topic == topic) {
            let mut at = Offset(0);
            while let Some(incoming) = self.fetch(partition, at) {
                at = incoming.offset.next();
                all.push(incoming);
            }
        }
        all
    }

    /// The partitions of all topics.
    pub fn all_partitions(&self) -> impl Iterator<Item = &Partition> {
        self.logs.keys()
    }

    /// The partitions of a topic.
    pub fn partitions(&self, topic: &str) -> impl Iterator<Item = &Partition> {
        self.logs.keys().filter(move |p| &*p.topic == topic)
    }
}

/// Where a marker is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Partition(Partition),
    Group(String),
}

impl Group {
    /// A member joins, or asks for a rebalance.
    pub fn join(&mut self, member: u32) {
        self.members.insert(member, !self.assigned.contains_key(&member));
        self.preparing = true;
    }

    /// A member is gone: it left, or its session timed out.
    pub fn remove(&mut self, member: u32) {
        if self.members.remove(&member).is_some() {
            self.assigned.remove(&member);
            self.preparing = true;
        }
    }

    /// A member has let its partitions go.
    pub fn release(&mut self, member: u32) {
        self.assigned.remove(&member);
        if let Some(released) = self.members.get_mut(&member) {
            *released = true;
        }
    }

    /// Ends the rebalance when all members have let go: a new generation, ranges of partitions.
    pub fn complete(&mut self) -> bool {
        if !self.preparing || self.members.is_empty() || self.members.values().any(|released| !released) {
            return false;
        }
        self.preparing = false;
        self.generation += 1;
        let members: Vec<u32> = self.members.keys().copied().collect();
        self.assigned = members.iter().map(|m| (*m, Vec::new())).collect();
        for (i, partition) in self.partitions.iter().enumerate() {
            // Another member gets it in each generation: every rebalance moves partitions.
            let member = members[(i + self.generation as usize) % members.len()];
            self.assigned.get_mut(&member).expect("every member has a list").push(partition.clone());
        }
        for released in self.members.values_mut() {
            *released = false;
        }
        true
    }
}
