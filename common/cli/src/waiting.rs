//! The tasks that no fetcher has begun: of a file that waits, Kafka alone knows.

use crate::topic_reader::TopicReader;
use anyhow::Result;
use logmill_config::Config;
use logmill_protocol::fetch::{Position, Task};
use rdkafka::Message;

/// A task that waits.
pub struct Waiting {
    pub task: Task,
    /// When it was sent, ms since 1970 by the broker's clock.
    pub since_ms: u64,
}

/// All of them, of every cluster and both lanes, in no order.
///
/// # Errors
/// Kafka does not answer, or the topics are not there.
pub fn tasks(config: &Config) -> Result<Vec<Waiting>> {
    let topics = config.topics();
    let reader = TopicReader::new(config, &topics.group("fetcher"))?;
    let names = topics.inputs("fetcher");
    let counted: Vec<(&str, i32)> =
        names.iter().map(|topic| Ok((topic.as_str(), reader.partitions(topic)?))).collect::<Result<_>>()?;
    let mut all = Vec::new();
    let (committed, ends) = (reader.all_committed(&counted)?, reader.all_ends(&counted)?);
    for ((topic, committed), ends) in names.iter().zip(committed).zip(ends) {
        let mut from = Vec::new();
        for (partition, (committed, (low, end))) in (0..).zip(committed.into_iter().zip(ends)) {
            let next = committed.as_ref().map(Position::decode).transpose()?.map_or(low, |position| position.next);
            if next.max(low) < end {
                from.push((partition, next.max(low)));
            }
        }
        reader.read(topic, &from, |message| {
            // What is no task is the fetcher's to reject.
            if let Ok(task) = serde_json::from_slice(message.payload().unwrap_or_default()) {
                let since = message.timestamp().to_millis().unwrap_or_default();
                all.push(Waiting { task, since_ms: u64::try_from(since).unwrap_or_default() });
            }
            Ok(true)
        })?;
    }
    Ok(all)
}
