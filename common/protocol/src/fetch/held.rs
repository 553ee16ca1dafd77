//! Files that are to have a task and have none yet, in the order in which they are to have it: so that what comes late and
//! is to come first has little before it.

use super::lister::Listed;
use logmill_core::FileId;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What comes first among files of one priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum First {
    #[default]
    Oldest,
    Newest,
}

/// Where a file stands in the order of its lane: the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Its tasks stand on a topic of their own, and are done with what the others leave.
    pub backfill: bool,
    priority: Reverse<i32>,
    time: i64,
}

impl Rank {
    #[must_use]
    pub fn new(backfill: bool, priority: i32, first: First, modified_ms: u64) -> Self {
        let time = i64::try_from(modified_ms).unwrap_or(i64::MAX);
        let time = if first == First::Newest { -time } else { time };
        Self { backfill, priority: Reverse(priority), time }
    }
}

/// Tasks that stand on the topics of a cluster and were not taken, by partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub live: Vec<u64>,
    pub backfill: Vec<u64>,
}

/// The files of one partition of one lane. The best of them are kept; a scan finds the others again.
type Queue = BTreeMap<(Rank, FileId), Due>;

/// A file that is held.
#[derive(Debug)]
struct Due {
    file: Listed,
    /// The last scan that saw it with this rank.
    scan: u32,
}

/// The files that are held.
pub(super) struct Held {
    live: Vec<Queue>,
    backfill: Vec<Queue>,
    /// The most in one queue.
    most: usize,
    count: usize,
}

impl Held {
    pub(super) fn new(partitions: i32, most: usize) -> Self {
        let queues = || (0..partitions).map(|_| Queue::new()).collect::<Vec<_>>();
        Self { live: queues(), backfill: queues(), most: most.div_ceil(partitions as usize).max(1), count: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Holds a file, or what is better where there is no room.
    pub(super) fn hold(&mut self, rank: Rank, id: FileId, file: Listed, scan: u32) {
        let lane = if rank.backfill { &mut self.backfill } else { &mut self.live };
        let index = id.partition(lane.len() as i32) as usize;
        let queue = &mut lane[index];
        if queue.len() >= self.most && queue.last_key_value().is_some_and(|(worst, _)| *worst < (rank, id)) {
            return;
        }
        if queue.insert((rank, id), Due { file, scan }).is_none() {
            self.count += 1;
        }
        if queue.len() > self.most {
            queue.pop_last();
            self.count -= 1;
        }
    }

    /// Lets go of what a whole scan did not see, or saw with another rank.
    pub(super) fn seen(&mut self, scan: u32) {
        for queue in self.live.iter_mut().chain(&mut self.backfill) {
            queue.retain(|_, due| due.scan == scan);
        }
        self.count = self.live.iter().chain(&self.backfill).map(Queue::len).sum();
    }

    /// Takes the best, so many that with those that wait `ahead` are in each lane, evenly over its partitions. In order.
    pub(super) fn take(&mut self, waiting: &Waiting, ahead: u64) -> Vec<(Rank, FileId, Listed)> {
        let mut taken = Vec::new();
        for (lane, waiting) in [(&mut self.live, &waiting.live), (&mut self.backfill, &waiting.backfill)] {
            let most = ahead.div_ceil(lane.len() as u64).max(1);
            for (index, queue) in lane.iter_mut().enumerate() {
                let room = most.saturating_sub(waiting.get(index).copied().unwrap_or(0));
                for _ in 0..room {
                    let Some(((rank, id), due)) = queue.pop_first() else { break };
                    taken.push((rank, id, due.file));
                }
            }
        }
        self.count -= taken.len();
        taken.sort_unstable_by_key(|(rank, id, _)| (*rank, *id));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(n: usize, modified_ms: u64) -> Listed {
        Listed { path: format!("/{n}"), length: 1, modified_ms }
    }

    fn first() -> impl Strategy<Value = First> {
        prop_oneof![Just(First::Oldest), Just(First::Newest)]
    }

    proptest! {
        /// Against all files sorted: what is taken from a partition of a lane is the best of it, in order, and no more than
        /// there is room for; what was held and is not taken comes later.
        #[test]
        fn the_best_of_each_partition_come_first(
            files in prop::collection::vec((any::<bool>(), -2..3_i32, 0..50_u64), 0..200),
            (first, partitions, most, ahead) in (first(), 1..4_i32, 1..40_usize, 1..40_u64),
            waits in prop::collection::vec(0..20_u64, 4),
        ) {
            let mut held = Held::new(partitions, most);
            let mut all: BTreeMap<(bool, i32), Vec<(Rank, FileId)>> = BTreeMap::new();
            for (n, (backfill, priority, time)) in files.iter().enumerate() {
                let (rank, id) = (Rank::new(*backfill, *priority, first, *time), FileId::of("a", &n.to_le_bytes(), 1, *time));
                held.hold(rank, id, file(n, *time), 0);
                all.entry((*backfill, id.partition(partitions))).or_default().push((rank, id));
            }
            let most = most.div_ceil(partitions as usize);
            all.values_mut().for_each(|queue| {
                queue.sort_unstable();
                queue.truncate(most);
            });
            prop_assert_eq!(held.len(), all.values().map(Vec::len).sum::<usize>());
            let waits = waits[..partitions as usize].to_vec();
            let taken = held.take(&Waiting { live: waits.clone(), backfill: waits.clone() }, ahead);
            prop_assert!(taken.is_sorted_by_key(|(rank, id, _)| (*rank, *id)));
            for ((backfill, partition), queue) in &mut all {
                let of = |(rank, id): &(Rank, FileId)| (rank.backfill, id.partition(partitions)) == (*backfill, *partition);
                let came: Vec<_> = taken.iter().map(|(rank, id, _)| (*rank, *id)).filter(of).collect();
                let room = ahead.div_ceil(partitions as u64).saturating_sub(waits[*partition as usize]);
                let rest = queue.split_off(queue.len().min(room as usize));
                prop_assert_eq!(&came, &*queue);
                *queue = rest;
            }
            prop_assert_eq!(held.len(), all.values().map(Vec::len).sum::<usize>());
        }
    }

    #[test]
    fn priority_comes_before_time_and_time_goes_either_way() {
        let rank = |priority, first, time| Rank::new(false, priority, first, time);
        assert!(rank(1, First::Oldest, 9) < rank(0, First::Oldest, 1));
        assert!(rank(0, First::Oldest, 1) < rank(0, First::Oldest, 2));
        assert!(rank(0, First::Newest, 2) < rank(0, First::Newest, 1));
        assert!(rank(-1, First::Newest, 2) > rank(0, First::Newest, 1));
    }

    #[test]
    fn what_a_scan_has_not_seen_or_has_seen_with_another_rank_is_let_go() {
        let mut held = Held::new(1, 10);
        let (live, backfill) = (Rank::new(false, 0, First::Oldest, 1), Rank::new(true, 0, First::Oldest, 1));
        held.hold(live, FileId(1), file(1, 1), 0);
        held.hold(live, FileId(2), file(2, 1), 0);
        held.hold(backfill, FileId(1), file(1, 1), 1);
        held.seen(1);
        let taken: Vec<_> = held.take(&Waiting::default(), 10).into_iter().map(|(rank, id, _)| (rank, id)).collect();
        assert_eq!((taken, held.len()), (vec![(backfill, FileId(1))], 0));
    }
}
