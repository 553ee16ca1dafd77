//! What the loader shows of itself as metrics.

use logmill_protocol::load::{Insert, Verdict};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Clones share their values.
#[derive(Clone)]
pub struct Metrics {
    inserts: Counter,
    repeated: Counter,
    refused: Counter,
    rows: Counter,
    bytes: Counter,
    rejects: Counter,
    seconds: Histogram,
    /// Partitions whose INSERT was not done at the first attempt.
    pub(crate) waiting: Gauge,
    /// Bytes of records held.
    pub(crate) buffered: Gauge,
}

impl Metrics {
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            inserts: Counter::default(),
            repeated: Counter::default(),
            refused: Counter::default(),
            rows: Counter::default(),
            bytes: Counter::default(),
            rejects: Counter::default(),
            seconds: Histogram::new(exponential_buckets(0.005, 2.0, 14)),
            waiting: Gauge::default(),
            buffered: Gauge::default(),
        };
        registry.register("loader_inserts", "INSERTs that the server said are in", metrics.inserts.clone());
        registry.register("loader_inserts_repeated", "INSERTs to be sent again", metrics.repeated.clone());
        registry.register("loader_inserts_refused", "INSERTs refused for their data", metrics.refused.clone());
        registry.register("loader_rows", "Rows of INSERTs that are in, repeated ones included", metrics.rows.clone());
        registry.register("loader_bytes", "Payload bytes of INSERTs that are in", metrics.bytes.clone());
        registry.register("loader_rejects", "Records of which no row could be made", metrics.rejects.clone());
        registry.register("loader_insert_seconds", "Time of one attempt of an INSERT", metrics.seconds.clone());
        registry.register("loader_waiting_partitions", "Partitions that wait for the server", metrics.waiting.clone());
        registry.register("loader_buffered_bytes", "Bytes of records held in memory", metrics.buffered.clone());
        metrics
    }

    pub(crate) fn tried(&self, insert: &Insert, verdict: &Verdict, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        match verdict {
            Verdict::Loaded { rejected } => {
                let rows: u64 =
                    (0..insert.items.len()).map(|i| insert.rows_of(i)).map(|(first, end)| end - first).sum();
                let bytes: usize = insert.items.iter().map(|item| item.incoming.record.payload.len()).sum();
                self.inserts.inc();
                self.rows.inc_by(rows);
                self.bytes.inc_by(bytes as u64);
                self.rejects.inc_by(rejected.len() as u64);
            }
            Verdict::Refused { .. } => drop(self.refused.inc()),
            Verdict::Again(_) => drop(self.repeated.inc()),
        }
    }
}
