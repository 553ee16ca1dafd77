//! However many partitions a loader has: while there is more to read than memory holds, its batches are of one size, and
//! each partition has its turn.

use bytes::Bytes;
use logmill_core::Offset;
use logmill_core::wire::Record;
use logmill_protocol::load::{Answer, Ask, Config, Content, Loader, Loads, Verdict};
use logmill_protocol::{Action, Committed, Event, Incoming, Machine, Partition};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Bytes of a record's payload, of a batch, and of all that is held.
const RECORD: usize = 64 << 10;
const BATCH: usize = 2 << 20;
const BUDGET: usize = 2 * BATCH;
/// Milliseconds for a record to come.
const RECORD_MS: u64 = 1;

fn config() -> Config {
    Config {
        dead_letters: ("dead".into(), 1),
        contents: BTreeMap::from([("rows".into(), Content::Ledger)]),
        batch_bytes: BATCH,
        batch_records: 8_192,
        quiet_ms: 1_000,
        batch_ms: 5_000,
        budget_bytes: BUDGET,
        backoff_ms: (100, 10_000),
        grace_ms: 1_000,
    }
}

/// A log whose partitions have so many records each, all of them there from the start, and a database that takes a while.
struct World {
    machine: Loader,
    now_ms: u64,
    /// Records of each partition, and where each one that is fetched is read next.
    records: BTreeMap<Partition, i64>,
    fetched: BTreeMap<Partition, i64>,
    committed: BTreeMap<Partition, Committed>,
    /// INSERTs that run: when each is done, and its ticket.
    running: Vec<(u64, u64)>,
    insert_ms: u64,
    /// Partition and bytes of each batch, in order.
    batches: Vec<(i32, usize)>,
    /// How often it was said anew what is fetched: each time throws away what a client has fetched already.
    assigned: usize,
    /// The most that was held.
    held: usize,
    /// Which partition gave the last record.
    last: usize,
}

impl World {
    fn new(records: &[i64], insert_ms: u64) -> Self {
        let partitions = (0..).map(|n| Partition::new("rows", n));
        let records: BTreeMap<Partition, i64> = partitions.zip(records.iter().copied()).collect();
        let nothing = Committed { offset: Offset(0), metadata: String::new() };
        Self {
            machine: Loader::new(config()),
            now_ms: 0,
            committed: records.keys().map(|partition| (partition.clone(), nothing.clone())).collect(),
            records,
            fetched: BTreeMap::new(),
            running: Vec::new(),
            insert_ms,
            batches: Vec::new(),
            assigned: 0,
            held: 0,
            last: 0,
        }
    }

    /// What comes next of the partitions that are fetched, of each in turn; INSERTs that are done come first.
    fn poll(&mut self) -> Event<Answer> {
        self.now_ms += RECORD_MS;
        if let Some(at) = self.running.iter().position(|(done, _)| *done <= self.now_ms) {
            let (_, ticket) = self.running.swap_remove(at);
            return Event::Other(Answer { ticket, verdict: Verdict::Loaded { rejected: Vec::new() } });
        }
        let left: Vec<Partition> =
            self.fetched.iter().filter(|(p, next)| **next < self.records[*p]).map(|(p, _)| p.clone()).collect();
        self.last += 1;
        let Some(partition) = left.get(self.last % left.len().max(1)) else {
            self.now_ms += 20;
            return Event::Idle;
        };
        let next = self.fetched.get_mut(partition).expect("it is fetched");
        let record = Record { key: Bytes::new(), headers: Vec::new(), payload: Bytes::from(vec![b'x'; RECORD]) };
        let incoming = Incoming { partition: partition.clone(), offset: Offset(*next), record, timestamp_ms: 0 };
        *next += 1;
        Event::Record(incoming)
    }

    /// Loads until all is in; gives up after an hour of the machine's clock.
    fn run(mut self) -> Self {
        let mut event = Event::Start;
        let mut assigned = false;
        while self.now_ms < 3_600_000 {
            self.held = self.held.max(self.machine.buffered());
            event = match self.machine.step(self.now_ms, event) {
                Action::Poll if !assigned => {
                    assigned = true;
                    Event::Assigned(self.records.keys().cloned().collect())
                }
                Action::Poll => {
                    let is_in = |p: &Partition| self.committed[p].offset.0 == self.records[p];
                    if self.records.keys().all(is_in) {
                        return self;
                    }
                    self.poll()
                }
                Action::Read(partitions) => Event::Positions(
                    partitions.into_iter().map(|p| (p.clone(), self.committed.get(&p).cloned())).collect(),
                ),
                Action::Assign(starts) => {
                    self.assigned += 1;
                    self.fetched = starts.into_iter().map(|(partition, next)| (partition, next.0)).collect();
                    Event::Done
                }
                Action::Commit(commits) => {
                    self.committed.extend(commits);
                    Event::Done
                }
                Action::Other(Ask::Insert(insert)) => {
                    let bytes = insert.items.iter().map(|item| item.incoming.record.payload.len()).sum();
                    self.batches.push((insert.partition.index, bytes));
                    self.running.push((self.now_ms + self.insert_ms, insert.ticket));
                    Event::Done
                }
                Action::Begin | Action::Send(_) => Event::Done,
                other => panic!("{other:?} is not asked for here"),
            };
        }
        panic!("it stands still: {:?} of {:?}", self.committed, self.records)
    }
}

#[test]
fn of_sixty_four_partitions_the_batches_are_as_large_as_of_one() {
    for partitions in [1, 4, 64] {
        let world = World::new(&vec![320; partitions], 300).run();
        let (all, full) = (world.batches.len(), world.batches.iter().filter(|(_, bytes)| *bytes >= BATCH).count());
        // The last one of a partition holds what is left.
        assert!(full * 10 >= all * 9, "{partitions} partitions: {full} of {all} batches are full");
        assert!(world.held <= BUDGET + RECORD + 1_024, "{} bytes were held", world.held);
        assert!(world.assigned <= 4 * all, "{} changes of what is fetched for {all} batches", world.assigned);
    }
}

#[test]
fn a_partition_has_its_turn_while_the_others_have_no_end() {
    let mut records = vec![2_000; 7];
    records.push(3);
    let world = World::new(&records, 300).run();
    let turn = world.batches.iter().position(|(partition, _)| *partition == 7).expect("it is loaded");
    assert!(turn <= 16, "the small partition's batch came after {turn} others");
}

proptest! {
    #[test]
    fn all_is_loaded_within_bounds_whatever_the_partitions_hold(
        records in prop::collection::vec(0..200_i64, 1..24),
        insert_ms in 1..3_000_u64,
    ) {
        let world = World::new(&records, insert_ms).run();
        let bytes: usize = world.batches.iter().map(|(_, bytes)| bytes).sum();
        prop_assert_eq!(bytes, records.iter().sum::<i64>() as usize * RECORD);
        prop_assert!(world.held <= BUDGET + RECORD + 1_024 * 32, "{} bytes were held", world.held);
    }
}
