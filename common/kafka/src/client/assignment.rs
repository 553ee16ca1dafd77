//! What the group says: reported by callbacks that do nothing else.

use crate::reach::Reach;
use logmill_protocol::Partition;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Statistics, TopicPartitionList};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One change of the assignment.
pub(super) enum Report {
    Assigned(Vec<Partition>),
    Revoked,
}

/// The consumer's context: what the group said and the client has not yet passed on.
pub(super) struct Reports {
    reach: Arc<Reach>,
    waiting: Mutex<VecDeque<Report>>,
    /// The client is being dropped: partitions are given up at once, or closing would wait for it for ever.
    closing: AtomicBool,
}

impl Reports {
    pub(super) fn new(reach: Arc<Reach>) -> Self {
        Self { reach, waiting: Mutex::default(), closing: AtomicBool::new(false) }
    }

    pub(super) fn next(&self) -> Option<Report> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Reports {
    fn stats(&self, statistics: Statistics) {
        self.reach.sees(statistics.brokers.values().map(|broker| broker.state.as_str()));
    }
}

impl ConsumerContext for Reports {
    /// Must not panic: it is called from within the library.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Relaxed) {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "giving up partitions while closing");
            }
            return;
        }
        let report = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            Report::Assigned(list.elements().iter().map(|e| Partition::new(e.topic(), e.partition())).collect())
        } else {
            Report::Revoked
        };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(report);
    }
}
