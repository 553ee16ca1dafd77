//! Scans of one cluster: all files in its folders that are closed by their names and wanted by its patterns, in
//! batches; memory holds one batch.

use crate::cluster::Cluster;
use crate::dated;
use crate::store::{Entry, StoreError};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use logmill_config::Selector;
use logmill_protocol::fetch::{Listed, ListerAnswer};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Files that a batch has at most.
const BATCH: usize = 500;

/// Scan after scan of a cluster.
pub struct Scan {
    cluster: Arc<Cluster>,
    settings: logmill_config::Cluster,
    wanted: Selector,
    /// When the next scan begins.
    due: Instant,
    /// Of the scan that goes on: the folders still to be listed, and the listing of one.
    left: VecDeque<String>,
    listing: Option<BoxStream<'static, Result<Entry, StoreError>>>,
    running: bool,
    /// The folders that were complete at the end of the scan before, and those that this one found to be.
    ready: HashSet<String>,
    found_ready: HashSet<String>,
}

impl Scan {
    /// The first scan begins at once, the others `scan_interval` after the one before began.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, settings: logmill_config::Cluster, wanted: Selector) -> Self {
        Self {
            cluster,
            settings,
            wanted,
            due: Instant::now(),
            left: VecDeque::new(),
            listing: None,
            running: false,
            ready: HashSet::new(),
            found_ready: HashSet::new(),
        }
    }

    /// Whether the file's folder is complete, as far as is known. A file before its folder's mark in the listing is taken
    /// by the next scan.
    fn is_ready(&mut self, path: &str) -> bool {
        let Some(mark) = &self.settings.ready_file else { return true };
        let (folder, name) = path.rsplit_once('/').unwrap_or_default();
        if name == mark {
            self.found_ready.insert(folder.to_owned());
        }
        self.ready.contains(folder) || self.found_ready.contains(folder)
    }

    /// The next files, or how the scan ended; waits for the time of the next scan, `wait` at most. Must not be called again
    /// after it was cancelled.
    pub async fn next(&mut self, wait: Option<Duration>) -> ListerAnswer {
        if !self.running {
            if let Some(until) = wait.map(|wait| Instant::now() + wait).filter(|until| *until < self.due) {
                tokio::time::sleep_until(until).await;
                return ListerAnswer::Idle;
            }
            tokio::time::sleep_until(self.due).await;
            self.due = Instant::now() + self.settings.scan_interval;
            let dated = |folder: &String| dated::expand(folder, SystemTime::now(), self.settings.days);
            self.left = self.settings.folders.iter().flat_map(dated).collect();
            self.found_ready.clear();
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
                    if self.is_ready(&path) && self.wanted.takes(&path) {
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
            self.ready = std::mem::take(&mut self.found_ready);
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
        let store = Arc::new(FolderStore::new(root.path()));
        let cluster =
            Arc::new(Cluster::new("a", store, &logmill_config::Cluster::default(), ClusterMetrics::default()));
        let wanted = Selector::new(&logmill_config::Cluster::default()).unwrap();
        let settings = logmill_config::Cluster {
            folders: vec!["/logs".into(), "/none".into()],
            scan_interval: Duration::ZERO,
            ..Default::default()
        };
        let mut scan = Scan::new(cluster, settings, wanted);
        for _ in 0..2 {
            let ListerAnswer::Files(files) = scan.next(None).await else { panic!("files come first") };
            let mut paths: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.length)).collect();
            paths.sort_unstable();
            assert_eq!(paths, [("/logs/a", 6), ("/logs/day/b", 10), ("/logs/day/hour/c", 15)]);
            assert_eq!(scan.next(None).await, ListerAnswer::ScanEnd);
        }
    }
    /// The paths of one scan.
    async fn scanned(scan: &mut Scan) -> Vec<String> {
        let mut paths = Vec::new();
        while let ListerAnswer::Files(files) = scan.next(None).await {
            paths.extend(files.into_iter().map(|file| file.path));
        }
        paths.sort_unstable();
        paths
    }

    #[tokio::test]
    async fn a_folder_gives_its_files_when_its_mark_is_there_and_only_those_of_its_dates_are_looked_into() {
        let root = tempfile::tempdir().unwrap();
        let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string()[..10].to_owned();
        for (folder, names) in [(&*today, &["x", "y"]), ("2001-01-01", &["_DONE", "old"])] {
            std::fs::create_dir_all(root.path().join(folder).join("below")).unwrap();
            for name in names {
                std::fs::write(root.path().join(folder).join(name), name).unwrap();
            }
        }
        let settings = logmill_config::Cluster {
            folders: vec!["/%Y-%m-%d".into()],
            ready_file: Some("_DONE".into()),
            scan_interval: Duration::ZERO,
            ..Default::default()
        };
        let store = Arc::new(FolderStore::new(root.path()));
        let cluster = Arc::new(Cluster::new("a", store, &settings, ClusterMetrics::default()));
        let wanted = Selector::new(&settings).unwrap();
        let mut scan = Scan::new(cluster, settings, wanted);
        assert_eq!(scanned(&mut scan).await, [""; 0]);
        let mark = root.path().join(&today).join("_DONE");
        std::fs::write(&mark, "").unwrap();
        std::fs::write(root.path().join(&today).join("below/z"), "").unwrap();
        scanned(&mut scan).await;
        assert_eq!(scanned(&mut scan).await, [format!("/{today}/x"), format!("/{today}/y")]);
        std::fs::remove_file(mark).unwrap();
        scanned(&mut scan).await;
        assert_eq!(scanned(&mut scan).await, [""; 0]);
    }
}
