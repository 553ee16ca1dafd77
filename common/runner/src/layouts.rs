//! A chain that ran in another layout before.
//!
//! What the fetcher sends is read by another consumer group in each layout, and each has offsets of its own. Were one to begin where
//! it stood when its layout was left, or beside that of another layout, it would send again what the other has sent. So a stage
//! refuses to begin while another layout's is further than it, or at work; `logmill topics apply` lets it go on where that one ended.

use anyhow::bail;
use logmill_config::{Config, Layout};
use logmill_kafka::admin::{Admin, AdminError};
use logmill_protocol::Partition;
use logmill_protocol::worker::Position;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How another layout's reader of what the fetcher sends stands.
#[derive(Clone, Debug)]
pub struct OtherLayout {
    pub layout: Layout,
    /// Its consumer group.
    pub group: String,
    /// Where it goes on, in the partitions in which it is further than that of the configured layout.
    pub ahead: Vec<(Partition, i64)>,
    /// It has members.
    pub at_work: bool,
}

impl std::fmt::Display for OtherLayout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, group) = (self.layout.name(), &self.group);
        match self.at_work {
            true => write!(f, "the chain is at work in the layout {name}: its group {group} has members"),
            false => write!(f, "the chain ran in the layout {name}, and its group {group} is further"),
        }
    }
}

/// That of another layout that is further than the configured one's, or at work; the furthest of them.
///
/// # Errors
/// Kafka does not answer in time.
pub fn other_layout(config: &Config) -> Result<Option<OtherLayout>, AdminError> {
    let admin = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?;
    let topics = config.topics();
    let raw = topics.raw();
    let partitions: Vec<_> = (0..config.kafka.partitions).map(|n| Partition::new(raw.as_str(), n)).collect();
    let places = |layout: Layout| {
        let reader = admin.reader(&topics.group(layout.decompresses()))?;
        let committed = reader.committed(&partitions)?.into_iter();
        let next = committed.map(|(_, committed)| Some(Position::decode(&committed?).ok()?.next.0));
        Ok::<_, AdminError>((reader, next.map(Option::unwrap_or_default).collect::<Vec<i64>>()))
    };
    let (_, ours) = places(config.layout)?;
    let mut found: Option<OtherLayout> = None;
    for layout in Layout::ALL.into_iter().filter(|layout| *layout != config.layout) {
        let group = topics.group(layout.decompresses());
        let (reader, theirs) = places(layout)?;
        let all = partitions.iter().cloned().zip(theirs).zip(&ours);
        let ahead: Vec<_> = all.filter(|((_, theirs), ours)| theirs > *ours).map(|(place, _)| place).collect();
        let at_work = reader.members(&group)? > 0;
        let far = |ahead: &[(Partition, i64)]| ahead.iter().map(|(_, next)| *next).sum::<i64>();
        let further = found.as_ref().is_none_or(|other| !other.at_work && (at_work || far(&ahead) > far(&other.ahead)));
        if further && (at_work || !ahead.is_empty()) {
            found = Some(OtherLayout { layout, group, ahead, at_work });
        }
    }
    Ok(found)
}

/// Holds a stage back that reads what the fetcher sends, as long as another layout's is at work, for a while: it may be about to end.
///
/// # Errors
/// It is at work still, or is further.
pub(crate) fn hold_back(config: &Config, stage: &str, stop: &AtomicBool) -> anyhow::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(15);
    const AGAIN: Duration = Duration::from_secs(1);
    if stage != config.layout.decompresses() {
        return Ok(());
    }
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        match other_layout(config) {
            Ok(None) => break,
            Ok(Some(other)) if !other.at_work || begun.elapsed() > PATIENCE => bail!(
                "{other}: to change the layout, set drain = true for each cluster, wait until `logmill lag` shows no record, stop \
                 every stage, and run `logmill topics apply` with the new one"
            ),
            Ok(Some(other)) => tracing::warn!("waiting: {other}"),
            Err(error) => {
                tracing::warn!(%error, "it is not known whether the chain ran in another layout; asking again")
            }
        }
        std::thread::sleep(AGAIN);
    }
    Ok(())
}
