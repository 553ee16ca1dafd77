//! A worker that is slow, not dead, gives its partitions up to the others of its stage for a while.
//!
//! Each process looks at how far the whole group has come, as it is committed. A worker is slow when it does less than half of what
//! the others do on average, though more waits for it than for them. Commits come in bursts, so a pace is that of as long a time
//! as a worker has to be slow, and nothing is judged by less. What is heavy (a format that is costly to decode) looks
//! the same from outside; so whoever has just got partitions is not judged for a while, and each rest is longer than the one before.
//!
//! What others do is counted in two ways, and the lesser counts: what each of them does on average, and what they do in as many
//! partitions of the same topics. For who has one partition more than they has no more of a core, and who has more of a
//! slow cluster's tasks cannot help that.

use crate::drive::{Rest, Trouble};
use crate::main_program::Process;
use crate::restart::{Restarts, keep_running, sleep_unless};
use logmill_core::Offset;
use logmill_kafka::admin::{Admin, AdminError};
use logmill_kafka::group::{GroupReader, Reached};
use logmill_protocol::{Committed, Event, Partition};
use prometheus_client::metrics::counter::Counter;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the group is looked at.
const EVERY: Duration = Duration::from_secs(3);
/// How often a worker looks at what was seen.
const CHECK: Duration = Duration::from_millis(500);
/// A longer time between two looks was one of rest, and says nothing of anybody's pace.
const GAP: Duration = Duration::from_secs(60);
/// The looks that are kept: the others' pace is the best of these five minutes.
const LOOKS: usize = 100;
/// Records that are few, whoever has how many: what is on its way, and markers.
const FEW: f64 = 16.0;
/// A slow worker does less than one part of so many of what the others do on average, ...
const LESS: f64 = 2.0;
/// ... while more than so many times as much waits for it as for them.
const MORE: f64 = 4.0;
/// The first rest is so many times as long as a worker had to be slow before it.
const REST: u32 = 5;
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// Whoever was not slow for so many times as long as a rest begins with short ones again.
const FORGIVEN: u32 = 2;

/// What a worker did of a partition, by what it committed.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Records that are behind it, as the offset up to which there would be so many.
    pub next: Offset,
    /// How much work that was, ever, in a unit of its own: by it a pace is told.
    pub work: u64,
}

impl From<Offset> for Done {
    /// Its work are the records.
    fn from(next: Offset) -> Self {
        Self { next, work: u64::try_from(next.0).unwrap_or_default() }
    }
}

/// A partition, as a group is seen.
#[derive(Clone, Copy, Debug)]
struct Standing {
    reached: Reached,
    work: u64,
}

/// How far a group has come.
#[derive(Clone, Debug, Default)]
struct Look {
    at: Option<Instant>,
    /// Those who have any of the partitions: others of the group may serve other channels, or none.
    members: usize,
    places: BTreeMap<Partition, Standing>,
}

/// The group as it was seen, by a thread of its own.
pub struct Mates {
    /// A worker that was slow for so long rests.
    patience: Duration,
    looks: Mutex<(u64, VecDeque<Look>)>,
    /// The rests of each worker of this process.
    rests: Mutex<BTreeMap<String, Rested>>,
    /// Something waited for a worker of this process since the last look: where nothing does, nobody is slow.
    wanted: AtomicBool,
    rested: Counter,
    stop: Arc<AtomicBool>,
}

/// The last rest of a worker.
struct Rested {
    /// How long the next one is.
    next: Duration,
    /// When this one ends.
    end: Instant,
    /// How many had any of the partitions, with it.
    members: usize,
    recalled: Arc<AtomicBool>,
}

impl Mates {
    /// Begins to look at the group of `stage`, as far as it reads `topics`; `done` reads out of what is committed how far it is. `None`:
    /// nobody wants to know (`worker.slow`).
    ///
    /// # Errors
    /// A setting of `kafka.properties` is wrong.
    pub fn start(
        process: &Process,
        stage: &str,
        topics: impl IntoIterator<Item = String>,
        done: fn(&Committed) -> Option<Done>,
    ) -> anyhow::Result<Option<Arc<Self>>> {
        let (config, stop) = (&process.config, Arc::clone(&process.stop));
        let patience = config.worker.slow;
        if patience.is_zero() {
            return Ok(None);
        }
        let all = |topic: String| (0..config.kafka.partitions).map(move |n| Partition::new(&*topic, n));
        let partitions: Vec<Partition> = topics.into_iter().flat_map(all).collect();
        let group = config.topics().group(stage);
        let reader = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?.onlooker(&group)?;
        let mates = Arc::new(Self::new(patience, Arc::clone(&stop)));
        let what = "Times that a worker gave its partitions up because it was slower than the others";
        process.telemetry.register(|registry| registry.register("stage_rests", what, mates.rested.clone()));
        let seen = Arc::clone(&mates);
        let run = move || {
            let once = || {
                while !stop.load(Ordering::Relaxed) {
                    if seen.is_wanted() {
                        match look(&reader, &group, &partitions, done) {
                            Ok(Some(look)) => seen.publish(look),
                            Ok(None) => {}
                            Err(error) => tracing::debug!(%error, "it is not known how far the others are"),
                        }
                    }
                    sleep_unless(&[&stop], EVERY);
                }
                Ok(())
            };
            if let Err(why) = keep_running("mates", Restarts::default(), &stop, once) {
                tracing::error!("nobody looks any more whether this process is slower than others: {why:#}");
            }
        };
        std::thread::Builder::new().name("mates".into()).spawn(run)?;
        Ok(Some(mates))
    }

    fn new(patience: Duration, stop: Arc<AtomicBool>) -> Self {
        let (looks, rests) = (Mutex::default(), Mutex::default());
        Self { patience, looks, rests, wanted: AtomicBool::new(false), rested: Counter::default(), stop }
    }

    /// Whether anybody wants to know how the others stand.
    fn is_wanted(&self) -> bool {
        let now = Instant::now();
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanted.swap(false, Ordering::Relaxed) || rests.values().any(|rested| rested.end > now)
    }

    fn publish(&self, look: Look) {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that rests has none: with fewer others than there were, it is needed.
        for rested in rests.values().filter(|rested| look.members + 1 < rested.members) {
            rested.recalled.store(true, Ordering::Relaxed);
        }
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.0 += 1;
        let last = looks.1.back().and_then(|last| last.at);
        if last.zip(look.at).is_some_and(|(last, at)| at.saturating_duration_since(last) > GAP) {
            looks.1.clear();
        }
        looks.1.push_back(look);
        if looks.1.len() > LOOKS {
            looks.1.pop_front();
        }
    }

    /// How long a worker that was slow is to rest.
    fn rest(&self, worker: &str) -> Rest {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let members = self.looks.lock().unwrap_or_else(PoisonError::into_inner).1.back().map_or(0, |look| look.members);
        let now = Instant::now();
        let first = self.patience * REST;
        let time = match rests.get(worker) {
            Some(last) if now.saturating_duration_since(last.end) < last.next * FORGIVEN => last.next,
            _ => first,
        };
        let recalled = Arc::new(AtomicBool::new(false));
        let next = (time * 2).min(LONGEST_REST.max(first));
        let rested = Rested { next, end: now + time, members, recalled: Arc::clone(&recalled) };
        rests.insert(worker.to_owned(), rested);
        self.rested.inc();
        Rest { time, recalled }
    }
}

/// `None`: the group is dealing its partitions out anew.
fn look(
    reader: &GroupReader,
    group: &str,
    partitions: &[Partition],
    done: fn(&Committed) -> Option<Done>,
) -> Result<Option<Look>, AdminError> {
    let Some(members) = reader.holders(group, partitions)? else { return Ok(None) };
    let committed = reader.committed(partitions)?;
    let work: Vec<Option<u64>> = committed.iter().map(|(_, committed)| Some(done(committed.as_ref()?)?.work)).collect();
    let places = reader.places_of(committed, |committed| Some(done(committed)?.next))?;
    // Where nothing is committed nothing was done.
    let standing = |((partition, reached), work): ((Partition, Reached), Option<u64>)| {
        (partition, Standing { reached, work: work.unwrap_or_default() })
    };
    Ok(Some(Look { at: Some(Instant::now()), members, places: places.into_iter().zip(work).map(standing).collect() }))
}

/// Watches one life of a worker.
pub struct Slowness {
    worker: String,
    /// None: it is never slow.
    mates: Option<Arc<Mates>>,
    assigned: Vec<Partition>,
    seen: u64,
    own: BTreeSet<Partition>,
    /// Since when it has these, puts out what it makes of them, and more waits for it than a few.
    since: Instant,
    checked: Instant,
}

impl Slowness {
    /// It has nothing yet.
    #[must_use]
    pub fn new(worker: &str, mates: Option<Arc<Mates>>) -> Self {
        let now = Instant::now();
        let (worker, assigned, own) = (worker.to_owned(), Vec::new(), BTreeSet::new());
        Self { worker, mates, assigned, seen: 0, own, since: now, checked: now }
    }

    /// Sees what the group gives to the worker, among all that comes to it.
    pub fn sees<A>(&mut self, event: &Event<A>) {
        match event {
            Event::Assigned(partitions) => self.assigned.clone_from(partitions),
            Event::Revoked => self.assigned.clear(),
            _ => {}
        }
    }

    /// Whether the worker has been slow for too long. `state` says whether something may wait for it, and whether it is not to be
    /// judged: it only rebuilds states, or is hindered by others. Asked for twice a second at most.
    ///
    /// # Errors
    /// It has, as the trouble that ends its life.
    pub fn check(&mut self, state: impl FnOnce() -> (bool, bool)) -> Result<(), Trouble> {
        let Some(mates) = self.mates.clone() else { return Ok(()) };
        if self.checked.elapsed() < CHECK || mates.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.checked = Instant::now();
        let (waits, silent) = state();
        if waits {
            mates.wanted.store(true, Ordering::Relaxed);
        }
        if !self.look(&mates, silent) {
            return Ok(());
        }
        let rest = mates.rest(&self.worker);
        let why = format!(
            "for {} s it did less than half of what the others of the stage did, with more to do: they get its partitions, and it \
             rests for {} s",
            mates.patience.as_secs(),
            rest.time.as_secs()
        );
        Err(Trouble::Rest(why, rest))
    }

    /// Whether it was slow for long enough.
    fn look(&mut self, mates: &Mates, silent: bool) -> bool {
        let looks = mates.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.0 == self.seen {
            return false;
        }
        self.seen = looks.0;
        let (Some(newest), Some(first)) = (looks.1.back(), looks.1.front().and_then(|look| look.at)) else {
            return false;
        };
        let Some(now) = newest.at else { return false };
        let own = self.assigned.iter().filter(|partition| newest.places.contains_key(partition));
        let own: BTreeSet<Partition> = own.cloned().collect();
        // Before the first look nothing is known of anybody.
        self.since = self.since.max(first);
        // By a time in which it had nothing to do it is not judged.
        if own != self.own || silent || newest.waits(|partition| own.contains(partition)) <= FEW {
            (self.own, self.since) = (own, now);
            return false;
        }
        let seen = now.saturating_duration_since(self.since);
        seen >= mates.patience && is_slow(&looks.1, &own, mates.patience)
    }
}

impl Look {
    /// What waits in a part of the partitions.
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    fn waits(&self, of: impl Fn(&Partition) -> bool) -> f64 {
        self.places.iter().filter(|(p, _)| of(p)).map(|(_, at)| at.reached.waiting()).sum::<i64>() as f64
    }
}

/// What a part of the partitions did a second between two looks: work, and records.
#[allow(clippy::cast_precision_loss, reason = "an estimate of rates")]
fn rates(before: &Look, now: &Look, of: impl Fn(&Partition) -> bool) -> [f64; 2] {
    let (Some(then), Some(at)) = (before.at, now.at) else { return [0.0; 2] };
    let seconds = at.saturating_duration_since(then).as_secs_f64().max(0.001);
    let moved = now.places.iter().filter(|(partition, _)| of(partition)).filter_map(|(partition, now)| {
        let before = before.places.get(partition)?;
        Some([now.work.saturating_sub(before.work) as f64, (now.reached.next - before.reached.next).max(0) as f64])
    });
    moved.fold([0.0; 2], |[work, records], [one, other]| [work + one, records + other]).map(|sum| sum / seconds)
}

/// What the others did a second between two looks of what could have been this worker's: the lesser of what each of `mates` did on
/// average, and of what they did in as many partitions of the same topics.
#[allow(clippy::cast_precision_loss, reason = "an estimate of rates")]
fn others_pace(before: &Look, now: &Look, own: &BTreeSet<Partition>, mates: f64) -> f64 {
    let work = |of: &dyn Fn(&Partition) -> bool| rates(before, now, |p| !own.contains(p) && of(p))[0];
    let mean = work(&|_| true) / mates;
    let mut counts: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for partition in now.places.keys() {
        counts.entry(&partition.topic).or_default()[usize::from(own.contains(partition))] += 1.0;
    }
    let share = |(topic, [theirs, mine]): (&&str, &[f64; 2])| mine * work(&|p| *p.topic == **topic) / theirs.max(1.0);
    mean.min(counts.iter().map(share).sum())
}

#[allow(clippy::cast_precision_loss, reason = "an estimate of rates")]
fn is_slow(looks: &VecDeque<Look>, own: &BTreeSet<Partition>, patience: Duration) -> bool {
    let Some(now) = looks.back() else { return false };
    let others = now.places.len().saturating_sub(own.len());
    // Those of them that can have a partition.
    let mates_at = |look: &Look| look.members.saturating_sub(1).min(others) as f64;
    if own.is_empty() || mates_at(now) < 1.0 {
        return false;
    }
    let is_own = |partition: &Partition| own.contains(partition);
    // A topic of which it has all partitions may be nobody else's: not everybody serves all channels, or reaches all clusters.
    let is_shared = |topic: &str| now.places.keys().any(|other| *other.topic == *topic && !is_own(other));
    if !own.iter().all(|partition| is_shared(&partition.topic)) {
        return false;
    }
    let (waits, theirs) = (now.waits(is_own), now.waits(|p| !is_own(p)) / mates_at(now));
    if waits <= MORE * theirs + FEW {
        return false;
    }
    // From the last look of so long before, or of longer, to each; what is seen for less long says too little.
    let begin_of = |end: usize| {
        let is_before = |look: &Look| look.at.zip(looks[end].at).is_some_and(|(then, at)| at - then >= patience);
        (0..end).rev().find(|begin| is_before(&looks[*begin]))
    };
    let Some(begin) = begin_of(looks.len() - 1) else { return false };
    let [work, records] = rates(&looks[begin], now, is_own);
    let paces = (1..looks.len()).filter(|end| mates_at(&looks[*end]) >= 1.0);
    let pace_at = |end: usize| Some(others_pace(&looks[begin_of(end)?], &looks[end], own, mates_at(&looks[end])));
    let pace = paces.filter_map(pace_at).fold(0.0, f64::max);
    work * LESS < pace && waits > records * patience.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_protocol::Never;

    fn standing(next: i64, end: i64) -> Standing {
        Standing { reached: Reached { next, end }, work: Done::from(Offset(next)).work }
    }

    /// A group of four workers of four partitions each; by the worker, what it has done and what waits.
    fn look(start: Instant, second: u64, members: usize, workers: [(i64, i64); 4]) -> Look {
        let places = workers.iter().enumerate().flat_map(|(worker, (done, waits))| {
            (0..4).map(move |n| {
                let (next, share) = (done / 4, waits / 4);
                (Partition::new("t", worker as i32 * 4 + n), standing(next, next + share))
            })
        });
        Look { at: Some(start + Duration::from_secs(second)), members, places: places.collect() }
    }

    fn first() -> BTreeSet<Partition> {
        (0..4).map(|n| Partition::new("t", n)).collect()
    }

    #[test]
    fn slow_is_who_does_less_than_half_of_what_the_others_do_while_more_waits_for_it() {
        let (start, patience) = (Instant::now(), Duration::from_secs(4));
        let all = |mine: (i64, i64), others: (i64, i64)| [mine, others, others, others];
        for (members, first_look, second_look, expected) in [
            // All keep up.
            (4, all((0, 0), (0, 0)), all((400, 0), (400, 0)), false),
            // One does a tenth; the others keep up with what comes.
            (4, all((0, 400), (0, 0)), all((40, 800), (400, 0)), true),
            // It does not, but would be through in no time.
            (4, all((0, 20), (0, 0)), all((40, 24), (400, 0)), false),
            // All have too much to do, one as much as the others.
            (4, all((0, 9000), (0, 9000)), all((400, 9000), (400, 9000)), false),
            // It is behind, and does what it can: more than the others, for whom nothing is there.
            (4, all((0, 9000), (0, 0)), all((400, 9000), (40, 0)), false),
            // It has less to do because it is alone.
            (1, all((0, 400), (0, 0)), all((40, 800), (400, 0)), false),
        ] {
            let looks = VecDeque::from([look(start, 0, members, first_look), look(start, 4, members, second_look)]);
            assert_eq!(is_slow(&looks, &first(), patience), expected, "{second_look:?} after {first_look:?}");
        }
    }

    /// The first of four workers, as it is watched.
    struct Bench {
        start: Instant,
        mates: Arc<Mates>,
        slowness: Slowness,
    }

    impl Bench {
        fn new(patience: Duration) -> Self {
            let mates = Arc::new(Mates::new(patience, Arc::default()));
            let mut slowness = Slowness::new("w", Some(Arc::clone(&mates)));
            slowness.sees::<Never>(&Event::Assigned(first().into_iter().collect()));
            Self { start: Instant::now(), mates, slowness }
        }

        /// Whether it is slow after a look at what it did and what waits for it, and what each of the others did, for whom nothing does.
        fn is_slow(&mut self, second: u64, mine: (i64, i64), others: i64, silent: bool) -> bool {
            let others = (others, 0);
            self.mates.publish(look(self.start, second, 4, [mine, others, others, others]));
            self.slowness.look(&self.mates, silent)
        }
    }

    #[test]
    fn a_worker_is_slow_for_long_enough_or_not_at_all_and_its_rests_grow() {
        let patience = Duration::from_secs(10);
        let mut bench = Bench::new(patience);
        let mut seen = |second: u64, mine: i64, silent| bench.is_slow(second, (mine, 800), 100 * second as i64, silent);
        // The first look is that of an assignment.
        assert_eq!([seen(0, 0, false), seen(4, 4, false), seen(8, 8, false)], [false; 3]);
        assert!(seen(12, 12, false));
        assert!(!seen(16, 16, true), "it rebuilds states");
        assert!(!seen(20, 20, false));
        let rest = |worker| bench.mates.rest(worker).time;
        assert_eq!(rest("w"), patience * 5);
        assert_eq!([rest("w"), rest("w"), rest("v")], [patience * 10, patience * 20, patience * 5]);
    }

    #[test]
    fn who_rests_is_called_back_when_the_others_become_fewer() {
        let (start, mates) = (Instant::now(), Mates::new(Duration::from_secs(10), Arc::default()));
        let see = |second, members| mates.publish(look(start, second, members, [(0, 0); 4]));
        see(0, 4);
        let rest = mates.rest("w");
        assert!(mates.is_wanted(), "somebody has to look while it rests");
        let recalled = || rest.recalled.load(Ordering::Relaxed);
        see(3, 3);
        assert!(!recalled(), "it left, and nobody else");
        see(6, 2);
        assert!(recalled());
    }

    #[test]
    fn a_burst_of_the_others_and_a_time_without_looks_make_nobody_slow() {
        let mut bench = Bench::new(Duration::from_secs(10));
        // The others commit all of 12 s at once; this one does as much, bit by bit, and has more to do.
        let mut seen = |second: u64, mine: i64, others: i64| bench.is_slow(second, (mine, 80_000), others, false);
        for n in 0..40_u64 {
            let (second, mine, others) = (3 * n, 300 * n as i64, 1_200 * (n / 4) as i64);
            assert!(!seen(second, mine, others), "after {second} s");
        }
        // Nobody looked for ten minutes, in which there was nothing to do.
        assert!(!seen(720, 12_000, 20_000));
        assert!(!seen(723, 12_000, 20_000));
    }

    #[test]
    fn a_time_with_nothing_to_do_makes_nobody_slow() {
        let mut bench = Bench::new(Duration::from_secs(10));
        let mut seen = |second: u64, mine, others: i64| bench.is_slow(second, mine, others, false);
        // The others have much to do, this one a trickle; then much comes to it.
        for n in 0..40_u64 {
            assert!(!seen(3 * n, (n as i64, 0), 3000 * n as i64), "after {} s", 3 * n);
        }
        for second in [120, 123, 126] {
            assert!(!seen(second, (40, 8000), 120_000), "after {second} s");
        }
        assert!(seen(132, (44, 8000), 120_000), "it is slow all the same");
    }

    #[test]
    fn who_alone_has_a_topic_is_never_slow() {
        let (start, patience) = (Instant::now(), Duration::from_secs(4));
        let all = |mine: (i64, i64), others: (i64, i64)| [mine, others, others, others];
        let mut looks =
            VecDeque::from([look(start, 0, 4, all((0, 400), (0, 0))), look(start, 4, 4, all((40, 800), (400, 0)))]);
        assert!(is_slow(&looks, &first(), patience));
        let mut own = first();
        own.insert(Partition::new("its own", 0));
        for look in &mut looks {
            look.places.insert(Partition::new("its own", 0), standing(0, 800));
        }
        assert!(!is_slow(&looks, &own, patience));
    }

    /// A look at partitions of two topics: of each its topic, what was done, and what waits.
    fn look_at(start: Instant, second: u64, members: usize, all: &[(&str, i64, i64)]) -> Look {
        let places =
            (0..).zip(all).map(|(n, (topic, done, waits))| (Partition::new(*topic, n), standing(*done, done + waits)));
        Look { at: Some(start + Duration::from_secs(second)), members, places: places.collect() }
    }

    #[test]
    fn who_has_more_of_a_slow_topic_or_fewer_partitions_is_not_slow_for_that() {
        let (start, patience) = (Instant::now(), Duration::from_secs(4));
        let is_slow = |members, own: &[i32], before: &[(&str, i64, i64)], after: &[(&str, i64, i64)]| {
            let looks = VecDeque::from([look_at(start, 0, members, before), look_at(start, 4, members, after)]);
            let own = own.iter().map(|n| Partition::new(before[*n as usize].0, *n)).collect();
            super::is_slow(&looks, &own, patience)
        };
        // Four workers, of one partition each: both of `b` are slow, whoever has them.
        let begin = [("a", 0, 0), ("a", 0, 0), ("b", 0, 900), ("b", 0, 0)];
        assert!(!is_slow(4, &[2], &begin, &[("a", 1000, 0), ("a", 1000, 0), ("b", 10, 900), ("b", 10, 0)]));
        assert!(is_slow(4, &[2], &begin, &[("a", 1000, 0), ("a", 1000, 0), ("b", 10, 900), ("b", 100, 0)]));
        // Three workers of four partitions, of which the first has two. It does as much as each of the others, then less.
        let begin = [("a", 0, 900), ("a", 0, 900), ("a", 0, 0), ("a", 0, 0)];
        assert!(!is_slow(3, &[0, 1], &begin, &[("a", 50, 900), ("a", 50, 900), ("a", 100, 0), ("a", 100, 0)]));
        assert!(is_slow(3, &[0, 1], &begin, &[("a", 10, 900), ("a", 10, 900), ("a", 100, 0), ("a", 100, 0)]));
    }

    #[test]
    fn a_pace_is_that_of_the_work_and_what_waits_are_records() {
        let (start, patience) = (Instant::now(), Duration::from_secs(4));
        // As many tasks; the first one's are files of a hundred chunks.
        let at = |second, mine: u64| {
            let mut look = look_at(start, second, 2, &[("a", second as i64, 100), ("a", 5 * second as i64, 0)]);
            look.places.get_mut(&Partition::new("a", 0)).expect("it is there").work = mine;
            look
        };
        for (chunks, expected) in [(400, false), (4, true)] {
            let looks = VecDeque::from([at(0, 0), at(4, chunks)]);
            assert_eq!(super::is_slow(&looks, &[Partition::new("a", 0)].into(), patience), expected, "{chunks}");
        }
    }
}
