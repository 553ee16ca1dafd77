//! Scans of one cluster: all files in its folders that are closed by their names and wanted by its patterns, in
//! batches; memory holds one batch.

use crate::cluster::Cluster;
use crate::store::{Entry, StoreError};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use logmill_config::Selector;
use logmill_protocol::fetch::{Listed, ListerAnswer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Files that a batch has at most.
const BATCH: usize = 500;

/// Scan after scan of a cluster.
pub struct Scan {
    cluster: Arc<Cluster>,
    folders: Vec<String>,
    wanted: Selector,
    interval: Duration,
    /// When the next scan begins.
    due: Instant,
    /// Of the scan that goes on: the folders still to be listed, and the listing of one.
    left: VecDeque<String>,
    listing: Option<BoxStream<'static, Result<Entry, StoreError>>>,
    running: bool,
}

impl Scan {
    /// The first scan begins at once, the others `interval` after the one before began.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, folders: Vec<String>, wanted: Selector, interval: Duration) -> Self {
        let (due, left) = (Instant::now(), VecDeque::new());
        Self { cluster, folders, wanted, interval, due, left, listing: None, running: false }
    }

    /// The next files, or how the scan ended; waits for the time of the next scan. Must not be called again after it was
    /// cancelled.
    pub async fn next(&mut self) -> ListerAnswer {
        if !self.running {
            tokio::time::sleep_until(self.due).await;
            self.due = Instant::now() + self.interval;
            self.left = self.folders.iter().cloned().collect();
            self.running = true;
        }
        let mut files = Vec::new();
        while files.len() < BATCH {
            let Some(listing) = &mut self.listing else {
                let Some(folder) = self.left.pop_front() else { break };
                self.listing = Some(self.cluster.store().list(&folder));
                continue;
            };
            match self.cluster.call(async { listing.next().await.transpose() }).await {
                Ok(Some(Entry { path, length, modified_ms })) => {
                    if self.wanted.takes(&path) {
                        files.push(Listed { path, length, modified_ms });
                    }
                }
                Ok(None) => self.listing = None,
                Err(why) => {
                    tracing::warn!(cluster = self.cluster.name, "the listing broke off: {why}");
                    self.cluster.metrics().failed_scans.inc();
                    self.cluster.listed(false);
                    (self.running, self.listing) = (false, None);
                    return ListerAnswer::ScanFailed;
                }
            }
        }
        if files.is_empty() {
            self.running = false;
            self.cluster.metrics().scans.inc();
            self.cluster.listed(true);
            return ListerAnswer::ScanEnd;
        }
        ListerAnswer::Files(files)
    }
}

impl Drop for Scan {
    /// Another process lists it from now on, and says how that goes.
    fn drop(&mut self) {
        self.cluster.listed(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ClusterMetrics;
    use crate::store::FolderStore;

    #[tokio::test]
    async fn a_scan_sees_every_file_below_its_folders_then_ends() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("logs/day/hour")).unwrap();
        for name in ["logs/a", "logs/day/b", "logs/day/hour/c", "logs/d.tmp", "elsewhere"] {
            std::fs::write(root.path().join(name), name).unwrap();
        }
        let (call, park) = (Duration::from_secs(5), Duration::from_secs(5));
        let store = Arc::new(FolderStore::new(root.path()));
        let cluster = Arc::new(Cluster::new("a", store, 1, call, park, ClusterMetrics::default()));
        let wanted = Selector::new(&logmill_config::Cluster::default()).unwrap();
        let mut scan = Scan::new(cluster, vec!["/logs".into(), "/none".into()], wanted, Duration::ZERO);
        for _ in 0..2 {
            let ListerAnswer::Files(files) = scan.next().await else { panic!("files come first") };
            let mut paths: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.length)).collect();
            paths.sort_unstable();
            assert_eq!(paths, [("/logs/a", 6), ("/logs/day/b", 10), ("/logs/day/hour/c", 15)]);
            assert_eq!(scan.next().await, ListerAnswer::ScanEnd);
        }
    }
}
