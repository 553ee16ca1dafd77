//! Many schedules; what they covered; and the smallest form of one that failed.

use crate::world::{Fault, FaultKind, Setup, Weaker, World};
use logmill_protocol::worker::Snapshot;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::fmt;

/// What the schedules ran through.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub schedules: u64,
    pub crashes: u64,
    pub kills: u64,
    pub zombies: u64,
    pub stops: u64,
    pub time_outs: u64,
    pub lost_answers: u64,
    pub revocations: u64,
    pub aborts: u64,
    pub aborts_in_flight: u64,
    pub late: u64,
    pub late_accepted: u64,
    pub transactions: u64,
    pub takeovers_within_chunk: u64,
    pub silent_chunks: u64,
    pub decrees: u64,
    pub headless: u64,
    pub parks: u64,
    pub kept_states: u64,
}

impl Coverage {
    /// Adds what a worker counted in its life.
    pub fn count(&mut self, worker: &Snapshot) {
        self.transactions += worker.transactions;
        self.takeovers_within_chunk += worker.takeovers_within_chunk;
        self.silent_chunks += worker.silent_chunks;
        self.decrees += worker.decrees;
        self.headless += worker.headless;
        self.kept_states += worker.kept_states;
    }

    fn numbers(&self) -> [(&'static str, u64); 19] {
        [
            ("schedules", self.schedules),
            ("crashes", self.crashes),
            ("deadly chunks", self.kills),
            ("zombies", self.zombies),
            ("stops", self.stops),
            ("transaction time-outs", self.time_outs),
            ("lost answers", self.lost_answers),
            ("revocations", self.revocations),
            ("aborts", self.aborts),
            ("aborts with records in flight", self.aborts_in_flight),
            ("late requests", self.late),
            ("late requests accepted", self.late_accepted),
            ("transactions", self.transactions),
            ("takeovers with k > 0", self.takeovers_within_chunk),
            ("silent chunks", self.silent_chunks),
            ("decrees", self.decrees),
            ("headless chunks", self.headless),
            ("parks", self.parks),
            ("states kept over a rebalance", self.kept_states),
        ]
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.schedules, other.schedules),
            (&mut self.crashes, other.crashes),
            (&mut self.kills, other.kills),
            (&mut self.zombies, other.zombies),
            (&mut self.stops, other.stops),
            (&mut self.time_outs, other.time_outs),
            (&mut self.lost_answers, other.lost_answers),
            (&mut self.revocations, other.revocations),
            (&mut self.aborts, other.aborts),
            (&mut self.aborts_in_flight, other.aborts_in_flight),
            (&mut self.late, other.late),
            (&mut self.late_accepted, other.late_accepted),
            (&mut self.transactions, other.transactions),
            (&mut self.takeovers_within_chunk, other.takeovers_within_chunk),
            (&mut self.silent_chunks, other.silent_chunks),
            (&mut self.decrees, other.decrees),
            (&mut self.headless, other.headless),
            (&mut self.parks, other.parks),
            (&mut self.kept_states, other.kept_states),
        ] {
            *mine += theirs;
        }
    }

    /// What was never reached: a campaign that never saw a takeover shows nothing about takeovers.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.numbers().into_iter().filter(|(_, n)| *n == 0).map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, number) in self.numbers() {
            writeln!(f, "{number:>12}  {name}")?;
        }
        Ok(())
    }
}

/// A schedule that failed, as small as it could be made.
#[derive(Clone, Debug)]
pub struct Failed {
    pub setup: Setup,
    pub why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nschedule: {:?}", self.why, self.setup)
    }
}

/// The schedule of a seed. With a rule switched off it is judged by what comes out alone: by the harm, that is.
#[must_use]
pub fn setup(seed: u64, weaker: Option<Weaker>) -> Setup {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
    let count = rng.random_range(0..15);
    let mut faults: Vec<Fault> = (0..count)
        .map(|_| Fault {
            step: rng.random_range(1..3000),
            worker: rng.random(),
            kind: match rng.random_range(0..12) {
                0..4 => FaultKind::Crash,
                4..6 => FaultKind::Pause,
                6..8 => FaultKind::Rebalance,
                8 => FaultKind::TimeOut,
                9..11 => FaultKind::LoseAnswer,
                _ => FaultKind::Stop,
            },
        })
        .collect();
    faults.sort_by_key(|f| f.step);
    let (files, partitions, workers) = (rng.random_range(1..6), rng.random_range(1..4), rng.random_range(1..4));
    Setup { seed, files, partitions, workers, faults, weaker, strict: weaker.is_none(), trace: false }
}

/// Runs one schedule.
///
/// # Errors
/// What was not as it has to be.
pub fn run_one(setup: &Setup) -> Result<Coverage, String> {
    let mut world = World::new(setup);
    world.run()?;
    let mut coverage = world.coverage;
    coverage.schedules = 1;
    Ok(coverage)
}

/// Runs the schedules of the seeds `from..from + count`, on all cores, until one fails.
///
/// # Errors
/// The first one that failed, shrunk.
pub fn run_campaign(from: u64, count: u64, weaker: Option<Weaker>) -> Result<Coverage, Box<Failed>> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let part = |core: u64| {
        let mut coverage = Coverage::default();
        for seed in (from..from + count).filter(|seed| seed % cores == core) {
            let setup = setup(seed, weaker);
            match run_one(&setup) {
                Ok(one) => coverage.add(&one),
                Err(why) => return Err(Box::new(shrink(setup, why))),
            }
        }
        Ok(coverage)
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..cores).map(|core| scope.spawn(move || part(core))).collect();
        let mut all = Coverage::default();
        for part in parts {
            all.add(&part.join().expect("a part that panics has said why")?);
        }
        Ok(all)
    })
}

/// Leaves faults, workers, partitions and files out for as long as it still fails.
fn shrink(mut setup: Setup, mut why: String) -> Failed {
    loop {
        let mut smaller = Vec::new();
        for i in 0..setup.faults.len() {
            let mut less = setup.clone();
            less.faults.remove(i);
            smaller.push(less);
        }
        for (files, partitions, workers) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            let mut less = setup.clone();
            less.files -= files;
            less.partitions -= partitions;
            less.workers -= workers;
            smaller.push(less);
        }
        smaller.retain(|s| s.files > 0 && s.partitions > 0 && s.workers > 0);
        let Some((less, still)) = smaller.into_iter().find_map(|s| run_one(&s).err().map(|why| (s, why))) else {
            return Failed { setup, why };
        };
        (setup, why) = (less, still);
    }
}
