//! One schedule of listers and fetchers: what there is, and what befalls it.

use super::world::World;
use crate::campaign::{Schedule, counts, without_each};
use crate::net::{Loose, NetCoverage};
use logmill_protocol::fetch::Weaken;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Rules switched off one at a time. [`Weaken`] has the fetcher's, [`Loose`] those of the log's client; the others are
/// those of the lister and of who drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaker {
    Machine(Weaken),
    Log(Loose),
    /// What is known is read before the producer is initialised.
    KnownBeforeFence,
    /// A lister that begins anew goes on with what its predecessor was told.
    KnownOnce,
    /// Each lister has a `transactional.id` of its own.
    OwnId,
    /// A file is cut as the fetcher's configuration says, and not as its plan does.
    CutByConfiguration,
    /// A scan that broke off counts as one that saw all there is.
    BrokenScan,
}

counts! {
    /// What the schedules ran through.
    pub struct FetchCoverage {
        schedules: "schedules",
        takeovers: "takeovers in the middle of a file",
        parks: "parks",
        parks_again: "parks while a parked file is rebuilt",
        resumes: "resumes from a park",
        changed: "files that changed or vanished while fetched",
        changed_parked: "files that changed or vanished while parked",
        full: "polls while tasks wait for room",
        held: "counts of what waits while files are held back",
        backfill: "tasks of backfill",
        fenced: "listers fenced",
        listers: "listers started",
        broken_scans: "scans that broke off",
        forgotten: "files forgotten",
        dead: "schedules with a cluster that never answers again",
        foreign: "records that are no tasks",
        quiet: "positions held against what is visible",
    }
}

/// One schedule.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    pub clusters: u32,
    /// Files of each cluster at the beginning.
    pub files: u32,
    /// Partitions of each tasks topic.
    pub partitions: i32,
    pub fetchers: u32,
    pub faults: Vec<Fault>,
    pub weaker: Option<Weaker>,
    /// Tell every step on standard error.
    pub trace: bool,
}

/// Something that goes wrong, at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub step: u64,
    /// Which process, cluster or file, of those there are then.
    pub which: u32,
    /// What befalls a process waits until that is within a commit.
    pub in_commit: bool,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Of a fetcher, or of a lister.
    Crash,
    /// A fetcher or lister stops, is replaced, wakes up.
    Pause,
    /// The fetchers' group rebalances.
    Rebalance,
    /// The coordinator aborts a fetcher's or lister's transaction.
    TimeOut,
    /// Of a fetcher or lister.
    LoseAnswer,
    /// A record of a fetcher or lister does not arrive in time: its transaction has to be aborted.
    LoseRecord,
    /// SIGTERM to a fetcher or lister.
    Stop,
    /// Another lister of a cluster is started.
    Lister,
    /// A cluster does not answer for a while.
    Silence,
    /// The second of two clusters never answers again.
    Die,
    /// A file becomes another.
    Change,
    Vanish,
    Appear,
}

impl Schedule for Setup {
    type Rule = Weaker;
    type Coverage = (NetCoverage, FetchCoverage);

    fn of_seed(seed: u64, weaker: Option<Weaker>) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0xfe7c_5eed);
        let count = rng.random_range(0..14);
        let mut faults: Vec<Fault> = (0..count)
            .map(|_| Fault {
                step: rng.random_range(1..1500),
                which: rng.random(),
                in_commit: rng.random(),
                kind: match rng.random_range(0..23) {
                    0..4 => FaultKind::Crash,
                    4..6 => FaultKind::Pause,
                    6..8 => FaultKind::Rebalance,
                    8 => FaultKind::TimeOut,
                    9..11 => FaultKind::LoseAnswer,
                    11 => FaultKind::LoseRecord,
                    12 => FaultKind::Stop,
                    13 => FaultKind::Lister,
                    14..18 => FaultKind::Silence,
                    22 => FaultKind::Die,
                    18 => FaultKind::Change,
                    19 => FaultKind::Vanish,
                    _ => FaultKind::Appear,
                },
            })
            .collect();
        faults.sort_by_key(|f| f.step);
        let (clusters, files, partitions, fetchers) =
            (rng.random_range(1..3), rng.random_range(1..5), rng.random_range(1..3), rng.random_range(1..4));
        Self { seed, clusters, files, partitions, fetchers, faults, weaker, trace: false }
    }

    fn run(&self) -> Result<Self::Coverage, String> {
        let mut world = World::new(self);
        world.run()?;
        world.coverage.schedules = 1;
        Ok((world.net.coverage, world.coverage))
    }

    fn traced(&self) -> Self {
        Self { trace: true, ..self.clone() }
    }

    fn smaller(&self) -> Vec<Self> {
        let fewer = without_each(&self.faults).map(|faults| Self { faults, ..self.clone() });
        let mut smaller: Vec<Self> = fewer.collect();
        for (clusters, files, partitions, fetchers) in [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)] {
            let mut less = self.clone();
            less.clusters -= clusters;
            less.files -= files;
            less.partitions -= partitions;
            less.fetchers -= fetchers;
            smaller.push(less);
        }
        smaller.retain(|s| s.clusters > 0 && s.files > 0 && s.partitions > 0 && s.fetchers > 0);
        smaller
    }
}
