//! Whether the chain behind the fetcher keeps up: what is sent of backfill while it does not would stand before files that
//! come later.

use logmill_config::Config;
use logmill_core::Offset;
use logmill_kafka::admin::{Admin, AdminError};
use logmill_kafka::group::GroupReader;
use logmill_protocol::fetch::STAGE;
use logmill_protocol::{Committed, Partition, worker};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Records that may wait in any one partition before a stage: about a second of its work.
const BEHIND: i64 = 64;
/// Before the loader, which takes a batch at a time and gathers the next.
const BEHIND_LOADER: i64 = 256;
const LOADER: &str = "loader";
/// How often it is looked at, while files of backfill are read or wait.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Downstream {
    behind: AtomicBool,
    /// Files of backfill that are read or wait.
    files: AtomicU32,
}

/// A file of backfill that is read or waits.
pub(crate) struct Watched(Arc<Downstream>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.files.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Downstream {
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// It is looked at for as long as this is kept.
    pub(crate) fn watched(self: &Arc<Self>) -> Watched {
        self.files.fetch_add(1, Ordering::Relaxed);
        Watched(Arc::clone(self))
    }
}

/// Looks again and again. What is not known counts as behind.
pub(crate) async fn watch(config: Arc<Config>, downstream: Arc<Downstream>) {
    let mut stages = None;
    loop {
        let mut behind = true;
        if downstream.files.load(Ordering::Relaxed) > 0 {
            let (config, before) = (Arc::clone(&config), stages.take());
            let look = move || {
                let stages = before.map_or_else(|| stages_of(&config), Ok)?;
                let behind = any_behind(&stages)?;
                Ok::<_, AdminError>((stages, behind))
            };
            match tokio::task::spawn_blocking(look).await {
                Ok(Ok((looked_at, is_behind))) => (stages, behind) = (Some(looked_at), is_behind),
                Ok(Err(why)) => {
                    tracing::warn!("backfill waits, for it is not known whether the chain is behind: {why}")
                }
                Err(panic) => tracing::error!("looking whether the chain is behind: {panic}"),
            }
        }
        downstream.behind.store(behind, Ordering::Relaxed);
        tokio::time::sleep(EVERY).await;
    }
}

/// A stage's positions, and what it reads.
struct Stage {
    name: &'static str,
    reader: GroupReader,
    inputs: Vec<Partition>,
}

fn stages_of(config: &Config) -> Result<Vec<Stage>, AdminError> {
    let admin = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?;
    let topics = config.topics();
    let behind_us = topics.stages().iter().filter(|stage| **stage != STAGE);
    let stages = behind_us.map(|name| {
        let partitions = |topic: String| (0..config.kafka.partitions).map(move |n| Partition::new(&*topic, n));
        // What goes to the ledger is in no file's way.
        let of_files = |topic: &String| ![topics.file_events(), topics.dead_letters()].contains(topic);
        let inputs = topics.inputs(name).into_iter().filter(of_files).flat_map(partitions).collect();
        Ok(Stage { name, reader: admin.onlooker(&topics.group(name))?, inputs })
    });
    stages.collect()
}

fn any_behind(stages: &[Stage]) -> Result<bool, AdminError> {
    for Stage { name, reader, inputs } in stages {
        let most = if *name == LOADER { BEHIND_LOADER } else { BEHIND };
        let all = reader.reached(inputs, |committed| Some(reached(name, committed)))?;
        if all.iter().any(|reached| reached.waiting() > most) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first record that is not done.
fn reached(stage: &str, committed: &Committed) -> Offset {
    match worker::Position::decode(committed) {
        Ok(position) if stage != LOADER => position.next,
        // Of the loader it is the first record of its batch.
        _ => committed.offset,
    }
}
