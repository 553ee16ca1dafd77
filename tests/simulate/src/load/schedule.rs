//! One schedule of loaders: what there is, and what befalls it.

use super::parts::Rules;
use super::world::World;
use crate::campaign::{Schedule, counts, without_each};
use crate::database::InsertCoverage;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

counts! {
    /// What the schedules ran through.
    pub struct LoadCoverage {
        schedules: "schedules",
        crashes: "crashes",
        late_commits: "crashes within a commit that may still arrive",
        pauses: "processes that hang",
        gaps: "gaps told",
        rebalances: "rebalances",
        stops: "stops",
        lost_commits: "lost answers of commits",
        takeovers: "takeovers with an intent",
        zombies: "INSERTs of loaders that have lost their partitions",
        stale_commits: "commits refused because their generation or producer is over",
    }
}

/// One schedule.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    pub loaders: u32,
    /// Records of each partition.
    pub records: u32,
    pub faults: Vec<Fault>,
    pub rules: Rules,
    /// Tell every step on standard error.
    pub trace: bool,
}

/// Something that goes wrong at a step, or at the first one after it where it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub step: u64,
    /// Which loader or request, of those there are then.
    pub which: u32,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    Crash,
    /// A loader dies within a commit, which may still arrive.
    CrashInCommit,
    /// A loader hangs, others get its partitions, it goes on.
    Pause,
    Rebalance,
    /// SIGTERM.
    Stop,
    /// A commit has no answer.
    LoseCommit,
    /// The sender of an INSERT hears that the connection is lost.
    LoseRequest,
    /// An INSERT arrives twice.
    DoubleRequest,
    DatabaseDies,
}

impl Schedule for Setup {
    type Rule = Rules;
    type Coverage = (LoadCoverage, InsertCoverage);

    fn of_seed(seed: u64, rules: Option<Rules>) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x10ad_5eed);
        let mut step = 0;
        let faults = (0..rng.random_range(0..10))
            .map(|_| {
                step += rng.random_range(1..40);
                let kind = match rng.random_range(0..18) {
                    0..2 => FaultKind::Crash,
                    2..4 => FaultKind::CrashInCommit,
                    4..6 => FaultKind::Pause,
                    6..8 => FaultKind::Rebalance,
                    8 => FaultKind::Stop,
                    9..12 => FaultKind::LoseCommit,
                    12..14 => FaultKind::LoseRequest,
                    14..16 => FaultKind::DoubleRequest,
                    _ => FaultKind::DatabaseDies,
                };
                Fault { step, which: rng.random(), kind }
            })
            .collect();
        let (loaders, records) = (rng.random_range(2..4), rng.random_range(3..7));
        Self { seed, loaders, records, faults, rules: rules.unwrap_or_default(), trace: false }
    }

    fn run(&self) -> Result<Self::Coverage, String> {
        let mut world = World::new(self);
        world.run()?;
        world.coverage.schedules = 1;
        Ok((world.coverage, world.database.coverage))
    }

    fn traced(&self) -> Self {
        Self { trace: true, ..self.clone() }
    }

    fn smaller(&self) -> Vec<Self> {
        let fewer = without_each(&self.faults).map(|faults| Self { faults, ..self.clone() });
        let mut smaller: Vec<Self> = fewer.collect();
        smaller.push(Self { loaders: self.loaders - 1, ..self.clone() });
        smaller.push(Self { records: self.records - 1, ..self.clone() });
        smaller.retain(|s| s.loaders > 0 && s.records > 0);
        smaller
    }
}
