//! What a fetcher counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// All of it, by cluster.
#[derive(Clone, Default)]
pub struct Metrics {
    bytes: Family<OfCluster, Counter>,
    parked: Family<OfCluster, Counter>,
    scans: Family<OfCluster, Counter>,
    failed_scans: Family<OfCluster, Counter>,
    known: Family<OfCluster, Gauge>,
    held: Family<OfCluster, Gauge>,
    withheld: Family<OfCluster, Gauge>,
    paused: Family<OfCluster, Gauge>,
    down: Family<OfCluster, Gauge>,
    failing: Family<OfCluster, Gauge>,
    coroutines: Family<OfCluster, Gauge>,
    weight: Family<OfCluster, Gauge>,
    /// Files that the workers of this process have open.
    pub open: Gauge,
    /// Tasks that were read and wait for an open file to end.
    pub waiting: Gauge,
}

/// Those of one cluster.
#[derive(Clone, Default)]
pub struct ClusterMetrics {
    /// Bytes read of its files.
    pub bytes: Counter,
    /// Files parked because it did not answer.
    pub parked: Counter,
    /// Scans that saw all there is.
    pub scans: Counter,
    /// Scans that broke off.
    pub failed_scans: Counter,
    /// Files that have a task.
    pub known: Gauge,
    /// Files that are to have one, and are held back while enough tasks wait.
    pub held: Gauge,
    /// Files that get no task, since their text would lead where too much waits.
    pub withheld: Gauge,
    /// 1 while an operator has paused it.
    pub paused: Gauge,
    /// 1 while calls fail.
    pub down: Gauge,
    /// Files whose last try failed.
    pub failing: Gauge,
    /// Files that may be read at a time just now: its own coroutines, fewer while it is down, more while others are.
    pub coroutines: Gauge,
    /// Its weight, given or learned.
    pub weight: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCluster {
    cluster: String,
}

impl Metrics {
    /// Makes them part of what `/metrics` shows.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("fetcher_bytes", "Bytes read of files", all.bytes.clone());
        registry.register("fetcher_parked_files", "Files parked: the cluster did not answer", all.parked.clone());
        registry.register("fetcher_scans", "Listings that saw all there is", all.scans.clone());
        registry.register("fetcher_failed_scans", "Listings that broke off", all.failed_scans.clone());
        registry.register("fetcher_known_files", "Files in sight that have a task", all.known.clone());
        registry.register(
            "fetcher_held_files",
            "Files that wait for a task, as many as are in memory",
            all.held.clone(),
        );
        registry.register(
            "fetcher_withheld_files",
            "Files that get no task while all channels of their group are full or paused",
            all.withheld.clone(),
        );
        registry.register("fetcher_cluster_paused", "1 while the cluster is paused", all.paused.clone());
        registry.register("fetcher_cluster_down", "1 while calls to the cluster fail", all.down.clone());
        registry.register("fetcher_failing_files", "Files whose last try failed", all.failing.clone());
        registry.register("fetcher_coroutines", "Files that may be read at a time just now", all.coroutines.clone());
        registry.register("fetcher_weight", "The cluster's weight, given or learned", all.weight.clone());
        registry.register("fetcher_open_files", "Files being fetched", all.open.clone());
        registry.register("fetcher_waiting_tasks", "Tasks read but not begun", all.waiting.clone());
        all
    }

    #[must_use]
    pub fn of(&self, cluster: &str) -> ClusterMetrics {
        let label = OfCluster { cluster: cluster.to_owned() };
        ClusterMetrics {
            bytes: self.bytes.get_or_create(&label).clone(),
            parked: self.parked.get_or_create(&label).clone(),
            scans: self.scans.get_or_create(&label).clone(),
            failed_scans: self.failed_scans.get_or_create(&label).clone(),
            known: self.known.get_or_create(&label).clone(),
            held: self.held.get_or_create(&label).clone(),
            withheld: self.withheld.get_or_create(&label).clone(),
            paused: self.paused.get_or_create(&label).clone(),
            down: self.down.get_or_create(&label).clone(),
            failing: self.failing.get_or_create(&label).clone(),
            coroutines: self.coroutines.get_or_create(&label).clone(),
            weight: self.weight.get_or_create(&label).clone(),
        }
    }
}
