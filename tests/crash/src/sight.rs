//! What is open at the moment, seen from outside.
//!
//! A stage has a transaction open when records of it stand above the last stable offset of an output topic. With two
//! instances it may be the other one's; and between the look and the fault it may have ended. So what is counted is what was
//! seen just before the fault.

use anyhow::Context;
use logmill_demo::chain::Chain;
use logmill_demo::faults::Watch;
use logmill_kafka::admin::Admin;
use logmill_protocol::Partition;
use logmill_protocol::fetch::Task;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::time::{Duration, Instant};

const CALL: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct Sight<'a> {
    chain: &'a Chain,
    watch: Watch<'a>,
    /// Sees the last stable offset.
    committed: BaseConsumer,
    /// Sees all that was sent.
    all: BaseConsumer,
    admin: Admin,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(chain: &'a Chain) -> anyhow::Result<Self> {
        let consumer = |isolation: &str| -> anyhow::Result<BaseConsumer> {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", &chain.config.kafka.brokers).set("isolation.level", isolation);
            config.create().context("a client that watches")
        };
        let (committed, all) = (consumer("read_committed")?, consumer("read_uncommitted")?);
        let kafka = &chain.config.kafka;
        let admin = Admin::new(&kafka.brokers, &kafka.properties.0)?;
        Ok(Self { chain, watch: Watch::new(chain)?, committed, all, admin })
    }

    /// The tasks of a cluster that go on with a parked file; `None` when Kafka does not answer.
    pub(crate) fn parked(&self, cluster: &str) -> Option<usize> {
        let config = &self.chain.config;
        let tasks = config.topics().tasks(cluster);
        let mut parked = 0;
        for n in 0..config.kafka.partitions {
            let records = self.admin.read(&Partition::new(&*tasks, n), 0, None, usize::MAX).ok()?;
            let resumes = |record| Task::decode(record).is_ok_and(|task| task.resume.is_some());
            parked += records.iter().filter(|incoming| resumes(&incoming.record)).count();
        }
        Some(parked)
    }

    /// Whether a stage is in the middle of something; a server that does not answer says no.
    fn is_amid(&self, stage: &str) -> bool {
        if ["loader", "ingester"].contains(&stage) {
            let (name, raw) = (&self.chain.config.chain, self.chain.config.topics().raw());
            let not = if stage == "loader" { "NOT" } else { "" };
            let of_raw = format!("{not} query_id LIKE '{name}:{raw}:%'");
            let running = format!("SELECT count() FROM system.processes WHERE query_id LIKE '{name}:%' AND {of_raw}");
            return self.chain.sql(&running).is_ok_and(|count| count.trim() != "0");
        }
        let end = |consumer: &BaseConsumer, topic: &str, partition| consumer.fetch_watermarks(topic, partition, CALL);
        let partitions = 0..self.chain.config.kafka.partitions;
        let topics = self.watch.outputs(stage);
        topics.iter().any(|topic| {
            partitions.clone().any(|partition| {
                // The stable end first: what is committed in between must not look open.
                let ends = (end(&self.all, topic, partition), end(&self.committed, topic, partition));
                matches!(ends, (Ok((_, all)), Ok((_, stable))) if stable < all)
            })
        })
    }

    /// The first of `stages` that is in the middle of something; waits for it for a while.
    pub(crate) fn amid(&self, stages: &[&'static str], patience: Duration) -> Option<&'static str> {
        let begun = Instant::now();
        loop {
            let found = stages.iter().find(|stage| self.is_amid(stage));
            if found.is_some() || begun.elapsed() > patience {
                return found.copied();
            }
            std::thread::sleep(LOOK);
        }
    }
}
