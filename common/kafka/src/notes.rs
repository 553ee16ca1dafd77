//! Notes on a compacted topic of one partition: of each key the newest counts. For people; nothing in the chain waits for
//! one, or depends on it.

use crate::client::ClientError;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord};
use std::collections::BTreeMap;
use std::time::Duration;

/// Writes notes.
pub struct Notes {
    producer: BaseProducer,
    topic: String,
}

impl Notes {
    /// Connects to nothing yet. `properties`: settings of librdkafka, passed on as they are.
    ///
    /// # Errors
    /// A setting is not one of librdkafka's.
    pub fn new(brokers: &str, properties: &BTreeMap<String, String>, topic: String) -> Result<Self, ClientError> {
        let mut config = ClientConfig::new();
        config.set("message.timeout.ms", "10000").set("queue.buffering.max.messages", "1000");
        for (key, value) in properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", brokers);
        Ok(Self { producer: config.create().map_err(ClientError::Settings)?, topic })
    }

    /// Never waits: one that does not arrive is replaced by the next.
    pub fn write(&self, key: &str, value: &[u8]) {
        if let Err((error, _)) = self.producer.send(BaseRecord::to(&self.topic).partition(0).key(key).payload(value)) {
            tracing::debug!(%error, topic = self.topic, "a note was not taken");
        }
        self.producer.poll(Duration::ZERO);
    }
}
