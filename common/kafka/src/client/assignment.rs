//! What the group says: reported by callbacks that do nothing else.

use logmill_protocol::Partition;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// One change of the assignment.
pub(super) enum Report {
    Assigned(Vec<Partition>),
    Revoked,
}

/// How far a partition was read when all that was fetched of it had been handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drained {
    pub partition: Partition,
    /// One after the last record that was handed out; `None` when none was since the assignment.
    pub told: Option<i64>,
    /// The end that the fetching has reached: below it there is nothing that was not handed out.
    pub end: i64,
}

/// What librdkafka's statistics say of drained partitions, and when it looked, in microseconds of the monotonic clock.
pub(super) fn drained(statistics: &Statistics) -> (i64, Vec<Drained>) {
    let mut all = Vec::new();
    for (topic, of_topic) in &statistics.topics {
        for (index, of) in &of_topic.partitions {
            // The queue is that of all partitions. The end is forgotten at each assignment, and known again when the
            // fetching of that assignment has reached it; what it has fetched until then is in the queue before.
            if *index >= 0 && of.fetchq_cnt == 0 && of.eof_offset >= 0 && of.app_offset < of.eof_offset {
                let partition = Partition::new(topic.as_str(), *index);
                all.push(Drained {
                    partition,
                    told: (of.app_offset >= 0).then_some(of.app_offset),
                    end: of.eof_offset,
                });
            }
        }
    }
    (statistics.ts, all)
}

/// The consumer's context: what the group said and the client has not yet passed on.
#[derive(Default)]
pub(super) struct Reports {
    waiting: Mutex<VecDeque<Report>>,
    drained: Mutex<Option<(i64, Vec<Drained>)>>,
    /// The client is being dropped: partitions are given up at once, or closing would wait for it for ever.
    closing: AtomicBool,
}

impl Reports {
    pub(super) fn next(&self) -> Option<Report> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// What was drained at the last look.
    pub(super) fn drained(&self) -> Option<(i64, Vec<Drained>)> {
        self.drained.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Reports {
    fn stats(&self, statistics: Statistics) {
        *self.drained.lock().unwrap_or_else(PoisonError::into_inner) = Some(drained(&statistics));
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
