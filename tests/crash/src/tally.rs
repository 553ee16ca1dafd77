//! What a campaign did.

use crate::faults::Kind;
use crate::seen::Seen;
use std::collections::BTreeMap;
use std::fmt;

/// Faults by kind, those of them that met something open, and what the comparison said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub runs: u32,
    /// Runs that came to the comparison: of the others nothing is known to be lost, doubled, or neither.
    pub compared: u32,
    kinds: BTreeMap<Kind, (u32, u32)>,
    /// What the chain did under them.
    pub seen: Seen,
    /// Lines of the original files, all runs together.
    pub lines: u64,
    pub lost: u64,
    pub doubled: u64,
}

impl Tally {
    /// One more fault; `hit`: an open transaction or a running INSERT was seen just before.
    pub(crate) fn count(&mut self, kind: Kind, hit: bool) {
        let (all, hits) = self.kinds.entry(kind).or_default();
        *all += 1;
        *hits += u32::from(hit);
    }

    /// Faults of a kind that met something open.
    #[must_use]
    pub fn hits(&self, kind: Kind) -> u32 {
        self.kinds.get(&kind).map_or(0, |(_, hits)| *hits)
    }

    /// All faults, and those of them that met something open.
    #[must_use]
    pub fn faults(&self) -> (u32, u32) {
        self.kinds.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// The kinds of which no fault met something open.
    #[must_use]
    pub fn unmet(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.hits(*kind) == 0).collect()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, (all, hits)) in &other.kinds {
            let sum = self.kinds.entry(*kind).or_default();
            *sum = (sum.0 + all, sum.1 + hits);
        }
        self.runs += other.runs;
        self.compared += other.compared;
        self.seen.add(&other.seen);
        self.lines += other.lines;
        self.lost += other.lost;
        self.doubled += other.doubled;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |kind: &Kind| self.kinds.get(kind).copied().unwrap_or_default();
        let (faults, hits) = self.faults();
        write!(f, "crash: runs={} compared={}", self.runs, self.compared)?;
        write!(f, " faults={faults} hits={hits}")?;
        for kind in Kind::ALL {
            let (all, hits) = of(&kind);
            write!(f, " {kind}={all}/{hits}")?;
        }
        write!(f, " {} lines={} lost={} doubled={}", self.seen, self.lines, self.lost, self.doubled)
    }
}

/// The missing and the doubled lines of the comparison's report.
#[must_use]
pub fn judged(report: &str) -> (u64, u64) {
    let before = |word: &str| {
        let (front, _) = report.split_once(&format!(" {word}"))?;
        front.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    (before("missing,").unwrap_or(0), before("doubled,").unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_script_can_read() {
        let mut tally = Tally { runs: 2, compared: 1, lines: 10, ..Tally::default() };
        tally.count(Kind::Kill, true);
        tally.count(Kind::Kill, false);
        tally.count(Kind::Engine, true);
        tally.seen = Seen { moved: 4, redecoded: 3, killed: 2, ..Seen::default() };
        let line = "crash: runs=2 compared=1 faults=3 hits=2 kill=2/1 zombie=0/0 join=0/0 leave=0/0 broker=0/0 engine=1/1 cluster=0/0 moved=4 resumed=0 listers=0 loading-zombies=0 redecoded=3 replayed=0 again-kills=2 refreshed=0 refresh-kills=0 days=0 migrated=0 migrate-kills=0 looks=0 lines=10 lost=0 doubled=0";
        assert_eq!(tally.to_string(), line);
    }

    #[test]
    fn what_the_comparison_says() {
        assert_eq!(judged("compared 2 files, 9 lines: 3 missing, 1 doubled, 0 different"), (3, 1));
    }
}
