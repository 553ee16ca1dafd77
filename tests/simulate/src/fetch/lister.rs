//! A lister's process: the machine, and the scan that dies with it.

use super::schedule::FaultKind;
use super::store::Store;
use crate::net::Session;
use logmill_core::FileId;
use logmill_protocol::fetch::{Lister, ListerAnswer, ListerAsk};
use rand::RngExt as _;
use rand::rngs::StdRng;

pub struct ListerProcess {
    pub session: Session<ListerAsk, ListerAnswer>,
    /// Which of the clusters.
    pub cluster: usize,
    pub machine: Lister,
    /// What befalls it in its next commit.
    pub ambush: Option<FaultKind>,
    /// What was known before its producer was initialised: for one rule, broken.
    pub known: Option<Vec<FileId>>,
    /// The paths that the scan has still to look at, while there is one.
    scan: Option<Vec<String>>,
    /// When the next scan begins.
    due: u64,
}

impl ListerProcess {
    #[must_use]
    pub fn new(
        session: Session<ListerAsk, ListerAnswer>,
        cluster: usize,
        machine: Lister,
        known: Option<Vec<FileId>>,
    ) -> Self {
        Self { session, cluster, machine, ambush: None, known, scan: None, due: 0 }
    }

    /// The next files of the scan, as they are now; `None` while it waits for the time of the next one.
    pub fn list(&mut self, store: &Store, step: u64, wait: Option<u64>, rng: &mut StdRng) -> Option<ListerAnswer> {
        if self.session.stop {
            return Some(ListerAnswer::Stop);
        }
        let silent = store.silent_until > step;
        if self.scan.is_none() {
            if self.due > step {
                return (wait.is_some() && rng.random_ratio(1, 4)).then_some(ListerAnswer::Idle);
            }
            self.due = step + rng.random_range(20..120);
            self.scan = Some(store.files.iter().map(|f| f.path.clone()).collect());
        }
        let paths = self.scan.as_mut().expect("a scan goes on");
        if silent || paths.is_empty() {
            self.scan = None;
            return Some(if silent { ListerAnswer::ScanFailed } else { ListerAnswer::ScanEnd });
        }
        let some = paths.len().min(rng.random_range(1..4));
        let files = paths.drain(..some).filter_map(|path| store.find(&path).cloned()).collect();
        Some(ListerAnswer::Files(files))
    }
}
