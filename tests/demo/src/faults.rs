//! SIGKILL for one process of each stage while it works: as soon as its stage has put something out.

use crate::chain::Chain;
use crate::processes::Processes;
use anyhow::{Context, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How often it is looked whether a stage works.
const LOOK: Duration = Duration::from_millis(20);
const CALL: Duration = Duration::from_secs(10);

/// A kill that happened.
#[derive(Clone, Debug)]
pub struct Kill {
    pub process: String,
    pub pid: u32,
    /// Records that the stage had put out until then (the loader: rows).
    pub output: u64,
}

/// Kills slot 0 of each stage once, each as soon as its stage has put something out.
///
/// # Errors
/// A stage put nothing out within `patience`, or a server does not answer.
pub async fn kill_each(chain: &Chain, processes: &Processes, patience: Duration) -> anyhow::Result<Vec<Kill>> {
    let watch = Watch::new(chain)?;
    let begun = Instant::now();
    let mut left: Vec<&str> = chain.stages().to_vec();
    let mut kills = Vec::new();
    while !left.is_empty() {
        let round = || -> anyhow::Result<()> {
            for stage in std::mem::take(&mut left) {
                let output = watch.output(stage)?;
                let process = format!("{stage}-0");
                // A process that is being started again just now gets its turn in the next round.
                match (output > 0).then(|| processes.kill(&process)) {
                    Some(Ok(pid)) => kills.push(Kill { process, pid, output }),
                    _ => left.push(stage),
                }
            }
            Ok(())
        };
        tokio::task::block_in_place(round)?;
        ensure!(begun.elapsed() < patience, "no output of {left:?} within {patience:?}");
        tokio::time::sleep(LOOK).await;
    }
    Ok(kills)
}

/// Looks at what the stages put out.
pub struct Watch<'a> {
    chain: &'a Chain,
    consumer: BaseConsumer,
}

impl<'a> Watch<'a> {
    /// # Errors
    /// The client cannot be made.
    pub fn new(chain: &'a Chain) -> anyhow::Result<Self> {
        let brokers = &chain.config.kafka.brokers;
        let consumer =
            ClientConfig::new().set("bootstrap.servers", brokers).create().context("a client that watches")?;
        Ok(Self { chain, consumer })
    }

    /// The topics that hold a stage's output; none for who loads, as that is in the table.
    #[must_use]
    pub fn outputs(&self, stage: &str) -> Vec<String> {
        let topics = self.chain.config.topics();
        let each = |name: &dyn Fn(&str) -> String| topics.channels().iter().map(|c| name(c)).collect();
        match stage {
            "fetcher" => vec![topics.raw()],
            "decompressor" => topics.plain().into_iter().collect(),
            "reencoder" | "decoder" => topics.text().into_iter().collect(),
            "distributor" => each(&|channel| topics.of_channel(channel)),
            "splitter" | "parser" => topics.channels().iter().filter_map(|channel| topics.rows(channel)).collect(),
            _ => Vec::new(),
        }
    }

    /// Records that a stage has put out so far, committed or not; for who loads, rows in the table: where the loader has the ledger
    /// alone, of that.
    ///
    /// # Errors
    /// A server does not answer.
    pub fn output(&self, stage: &str) -> anyhow::Result<u64> {
        if ["loader", "ingester"].contains(&stage) {
            let table = if stage == self.chain.config.layout.loads_rows() { "rows" } else { "file_events" };
            return Ok(self.chain.sql(&format!("SELECT count() FROM {table}"))?.trim().parse()?);
        }
        let mut records = 0;
        for topic in self.outputs(stage) {
            for partition in 0..self.chain.config.kafka.partitions {
                let (_, high) = self.consumer.fetch_watermarks(&topic, partition, CALL).context(topic.clone())?;
                records += high.max(0) as u64;
            }
        }
        Ok(records)
    }

    /// Records of a stage's output that were sent and never committed: work that was done again.
    ///
    /// # Errors
    /// A server does not answer, or a topic's end is not reached in time.
    pub fn aborted(&self, stage: &str) -> anyhow::Result<u64> {
        let mut aborted = 0;
        for topic in self.outputs(stage) {
            let sent = self.count(&topic, "read_uncommitted")?;
            let committed = self.count(&topic, "read_committed")?;
            aborted += sent.checked_sub(committed).context("what is committed was sent")?;
        }
        Ok(aborted)
    }

    /// Records of a topic from its beginning to its end.
    fn count(&self, topic: &str, isolation: &str) -> anyhow::Result<u64> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.chain.config.kafka.brokers)
            .set("group.id", "count")
            .set("enable.auto.commit", "false")
            .set("isolation.level", isolation)
            .set("enable.partition.eof", "true")
            .create()
            .context("a client that counts")?;
        let partitions = self.chain.config.kafka.partitions;
        let mut from = TopicPartitionList::new();
        for partition in 0..partitions {
            from.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&from)?;
        let begun = Instant::now();
        let (mut records, mut ended) = (0, 0);
        while ended < partitions {
            ensure!(begun.elapsed() < 6 * CALL, "the end of {topic} is not reached within {:?}", 6 * CALL);
            match consumer.poll(LOOK) {
                Some(Ok(_)) => records += 1,
                Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(error)) => return Err(error).context(format!("reading {topic}")),
                None => {}
            }
        }
        Ok(records)
    }
}
