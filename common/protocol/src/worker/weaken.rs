//! Rules that a test switches off, to see the alarm: none is, in what is shipped.

use super::files::{self, Part};
use super::{Position, StageWorker};
use logmill_core::{Offset, Stage};

/// The rules that a test can switch off, to see what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaken {
    /// After an abort go on with the states and without reading again.
    NoRewind,
    /// Take S after chunk H while k > 0.
    FirstAfterChunk,
    /// Commit partitions whose silent stretch has not ended.
    CommitSilent,
    /// Forget a rejected file at once.
    ForgetRejected,
    /// Take k for 0.
    IgnoreK,
    /// Reject headless chunks in the silent stretch, too.
    HeadlessAloud,
    /// Do not keep decrees.
    ForgetDecrees,
    /// Send the output of the silent stretch.
    SilentAloud,
    /// Keep the transaction open over a revocation.
    KeepOverRevoke,
    /// Keep states over a rebalance whatever is committed.
    KeepStates,
    /// Take S from the files that are good, and not from the tombstones too.
    TombstonesAside,
    /// Commit chunks that stand alone by halves, too.
    Halves,
    /// Forget that a chunk was flagged silent.
    ForgetFlag,
    /// Take an abort or a park of a file that is not open for a chunk without its predecessors.
    CloseAloud,
    /// Commit S as if no file were open.
    CommitNoFirst,
    /// Commit H one too low.
    CommitLowNext,
    /// Commit k as 0.
    CommitNoK,
    /// Flush what a parked file holds back, as at its end.
    FlushParked,
}

impl Weaken {
    /// The fault point that switches the rule off on real servers, where there is one.
    fn guarantee(self) -> &'static str {
        match self {
            Self::CommitNoFirst => "S",
            Self::CommitLowNext => "H",
            Self::CommitNoK => "k",
            Self::NoRewind => "seek-after-abort",
            _ => "",
        }
    }
}

impl<S: Stage> StageWorker<S> {
    /// Whether a rule is switched off: never, in what is shipped.
    #[cfg_attr(not(feature = "weaken"), expect(clippy::unused_self, reason = "the feature needs it"))]
    pub(super) fn weak(&self, rule: Weaken) -> bool {
        #[cfg(feature = "weaken")]
        if self.weaken == Some(rule) {
            return true;
        }
        logmill_faults::is_off(rule.guarantee())
    }

    /// The position as it is, unless the rule that tombstones count is switched off.
    pub(super) fn without_tombstones(&self, part: &Part<S::State>, position: Position) -> Position {
        if !self.weak(Weaken::TombstonesAside) {
            return position;
        }
        let good = part.files.values().filter(|f| matches!(f.status, files::Status::Running(_)));
        let open: std::collections::BTreeSet<Offset> = good.map(|f| f.first).collect();
        let first = open.first().copied().unwrap_or(position.next);
        Position { first, open: Some(open), decrees: Default::default(), ..position }
    }

    /// What is committed in place of a position, where one of its parts is switched off.
    pub(super) fn spoilt(&self, position: &Position) -> Option<Position> {
        let parts = [Weaken::CommitNoFirst, Weaken::CommitLowNext, Weaken::CommitNoK];
        if !parts.iter().any(|part| self.weak(*part)) {
            return None;
        }
        let mut position = position.clone();
        if self.weak(Weaken::CommitNoFirst) {
            position = Position { first: position.next, open: None, decrees: Default::default(), ..position };
        }
        // Within a chunk H has to be that chunk: k counts its outputs.
        if self.weak(Weaken::CommitLowNext) && position.k == 0 && position.next > Offset(0) {
            let next = Offset(position.next.0 - 1);
            let (first, decrees) = (position.first.min(next), Default::default());
            position = Position { first, next, open: None, decrees, ..position };
        }
        if self.weak(Weaken::CommitNoK) {
            position = Position { k: 0, k_seq: logmill_core::Seq(0), ..position };
        }
        Some(position)
    }
}
