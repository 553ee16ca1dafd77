//! More partitions for a chain that is there.
//!
//! All that is on its way of a file shares a partition, which its id and the number of partitions name. So the number may change
//! only while nothing is on its way: no stage runs (a lister could make a task, a fetcher send a chunk), no record stands before
//! any group, and no group has a file open, for then its committed offset lies before the end. Then partitions are added, and
//! offset 0 is committed for the new ones, as when the topics were made. Whoever is killed in between runs it again: programs
//! refuse to start before all of it is done.

use crate::lag;
use crate::topics::Difference;
use anyhow::{Result, bail};
use logmill_config::Config;
use logmill_kafka::admin::Admin;

/// Adds the partitions that are wanted.
///
/// # Errors
/// A stage runs, something is on its way, or Kafka does not answer.
pub fn grow(config: &Config, differences: &[Difference]) -> Result<()> {
    let wanted: Vec<(&str, i32)> = differences
        .iter()
        .filter_map(|one| match one {
            Difference::Partitions { topic, wanted, .. } => Some((topic.as_str(), *wanted)),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    at_rest(config, "partitions cannot be added yet")?;
    crate::runtime()?.block_on(async {
        Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?.grow(&wanted).await?;
        Ok(())
    })
}

/// Holds back what changes the way of a file, as long as a file is on its way or a stage runs.
///
/// # Errors
/// That is so, or Kafka does not answer.
pub fn at_rest(config: &Config, what: &str) -> Result<()> {
    let mut in_the_way = at_work(config)?;
    in_the_way.extend(lag::underway(config)?.iter().map(|what| format!("on its way: {what}")));
    if !in_the_way.is_empty() {
        bail!(
            "{what}:\n  {}\nSet drain = true for each cluster, wait until `logmill lag` shows no record, \
             stop every stage, and run it again",
            in_the_way.join("\n  ")
        );
    }
    Ok(())
}

/// The stages that run: a line for each.
fn at_work(config: &Config) -> Result<Vec<String>> {
    let (topics, admin) = (config.topics(), Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?);
    let mut all = Vec::new();
    for stage in topics.stages() {
        let group = topics.group(stage);
        let members = admin.members(&group)?;
        if members > 0 {
            all.push(format!("the {stage} runs: its group {group} has {members} members"));
        }
    }
    Ok(all)
}
