//! A consumer that reads to the end of a partition.

use rdkafka::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Says nothing of the end of a partition, which is what its reader waits for.
pub(crate) struct Quiet;

impl ConsumerContext for Quiet {}
impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        if !matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            tracing::warn!("{error}: {reason}");
        }
    }
}
