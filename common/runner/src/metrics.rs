//! What a stage counts.

use logmill_protocol::Partition;
use logmill_protocol::worker::Snapshot;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;

/// The metrics of all workers of a process.
#[derive(Clone)]
pub struct WorkerMetrics {
    chunks: Counter,
    silent_chunks: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    rejects: Counter,
    headless: Counter,
    decrees: Counter,
    transactions: Counter,
    aborts: Counter,
    /// Seconds from the commit's first request to its answer.
    pub commit_seconds: Histogram,
    next: Family<OfPartition, Gauge>,
    first: Family<OfPartition, Gauge>,
    open_files: Family<OfPartition, Gauge>,
    lag: Family<OfPartition, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPartition {
    topic: String,
    partition: i32,
}

impl OfPartition {
    fn of(partition: &Partition) -> Self {
        Self { topic: partition.topic.to_string(), partition: partition.index }
    }
}

impl WorkerMetrics {
    /// Makes them part of what `/metrics` shows.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self {
            chunks: Counter::default(),
            silent_chunks: Counter::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            rejects: Counter::default(),
            headless: Counter::default(),
            decrees: Counter::default(),
            transactions: Counter::default(),
            aborts: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            next: Family::default(),
            first: Family::default(),
            open_files: Family::default(),
            lag: Family::default(),
        };
        registry.register("stage_chunks", "Chunks taken", all.chunks.clone());
        registry.register("stage_silent_chunks", "Chunks read only to rebuild states", all.silent_chunks.clone());
        registry.register("stage_bytes_in", "Payload bytes taken", all.bytes_in.clone());
        registry.register("stage_bytes_out", "Payload bytes sent", all.bytes_out.clone());
        registry.register("stage_rejects", "Dead letters sent", all.rejects.clone());
        registry.register("stage_headless", "Chunks whose predecessors are gone", all.headless.clone());
        registry.register("stage_decrees", "Chunks that killed their workers", all.decrees.clone());
        registry.register("stage_transactions", "Transactions committed", all.transactions.clone());
        registry.register("stage_aborts", "Transactions aborted", all.aborts.clone());
        registry.register("stage_commit_seconds", "Time that a commit takes", all.commit_seconds.clone());
        registry.register(
            "stage_next_offset",
            "H: the next input offset whose output is not committed",
            all.next.clone(),
        );
        registry.register("stage_first_offset", "S: where a successor would begin to read", all.first.clone());
        registry.register("stage_open_files", "Files that are open", all.open_files.clone());
        registry.register("stage_lag", "Records from H to the end of the partition", all.lag.clone());
        all
    }

    /// How many records of a partition wait, H to the end.
    pub fn lag(&self, partition: &Partition, records: i64) {
        self.lag.get_or_create(&OfPartition::of(partition)).set(records);
    }

    /// Adds what one worker did between two looks at it, and shows where its partitions stand now.
    pub fn add(&self, before: &Snapshot, now: &Snapshot) {
        for (counter, before, now) in [
            (&self.chunks, before.chunks, now.chunks),
            (&self.silent_chunks, before.silent_chunks, now.silent_chunks),
            (&self.bytes_in, before.bytes_in, now.bytes_in),
            (&self.bytes_out, before.bytes_out, now.bytes_out),
            (&self.rejects, before.rejects, now.rejects),
            (&self.headless, before.headless, now.headless),
            (&self.decrees, before.decrees, now.decrees),
            (&self.transactions, before.transactions, now.transactions),
            (&self.aborts, before.aborts, now.aborts),
        ] {
            counter.inc_by(now.saturating_sub(before));
        }
        let held: BTreeSet<_> = now.partitions.iter().map(|p| &p.partition).collect();
        for gone in before.partitions.iter().filter(|p| !held.contains(&p.partition)) {
            let of = OfPartition::of(&gone.partition);
            self.next.remove(&of);
            self.first.remove(&of);
            self.open_files.remove(&of);
            self.lag.remove(&of);
        }
        for at in &now.partitions {
            let of = OfPartition::of(&at.partition);
            self.next.get_or_create(&of).set(at.next.0);
            self.first.get_or_create(&of).set(at.first.0);
            self.open_files.get_or_create(&of).set(i64::try_from(at.open_files).unwrap_or(i64::MAX));
        }
    }
}
