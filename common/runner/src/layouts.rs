//! A chain that ran in another layout before.
//!
//! What the fetcher sends is read by another consumer group in each layout, and each has offsets of its own. Were one to begin where
//! it stood when its layout was left, or beside that of another layout, it would send again what the other has sent. So a stage
//! refuses to begin while another layout's is further than it, or at work; `logmill topics apply` lets it go on where that one ended. The
//! fetcher refuses too: what it sent would stand before the layout that was left.

use anyhow::bail;
use logmill_config::{Config, Layout};
use logmill_kafka::admin::{Admin, AdminError};
use logmill_kafka::group::GroupReader;
use logmill_protocol::Partition;
use logmill_protocol::worker::Position;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
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
    let places = |reader: GroupReader| {
        let committed = reader.committed(&partitions)?.into_iter();
        let next = committed.map(|(_, committed)| Some(Position::decode(&committed?).ok()?.next.0));
        Ok::<_, AdminError>(next.map(Option::unwrap_or_default).collect::<Vec<i64>>())
    };
    let others: Vec<Layout> = Layout::ALL.into_iter().filter(|layout| *layout != config.layout).collect();
    let of = |layout: Layout| {
        let group = topics.group(layout.decompresses());
        Ok::<_, AdminError>((layout, places(admin.reader(&group)?)?, admin.members(&group)? > 0, group))
    };
    let (ours, theirs) = std::thread::scope(|scope| {
        let asked: Vec<_> = others.iter().map(|layout| scope.spawn(|| of(*layout))).collect();
        // An onlooker does not wait for a transaction that is pending: a value from before it is no further back than the layout's
        // start.
        let ours = places(admin.onlooker(&topics.group(config.layout.decompresses()))?)?;
        let answers = asked.into_iter().map(|one| one.join().expect("it does not panic"));
        Ok::<_, AdminError>((ours, answers.collect::<Result<Vec<_>, _>>()?))
    })?;
    let mut found: Option<OtherLayout> = None;
    for (layout, theirs, at_work, group) in theirs {
        let all = partitions.iter().cloned().zip(theirs).zip(&ours);
        let ahead: Vec<_> = all.filter(|((_, theirs), ours)| theirs > *ours).map(|(place, _)| place).collect();
        let far = |ahead: &[(Partition, i64)]| ahead.iter().map(|(_, next)| *next).sum::<i64>();
        let further = found.as_ref().is_none_or(|other| !other.at_work && (at_work || far(&ahead) > far(&other.ahead)));
        if further && (at_work || !ahead.is_empty()) {
            found = Some(OtherLayout { layout, group, ahead, at_work });
        }
    }
    Ok(found)
}

/// Asks until there is an answer, or the stop flag is set.
fn ask(config: &Config, stop: &AtomicBool) -> Option<Result<Option<OtherLayout>, AdminError>> {
    const LOOK: Duration = Duration::from_millis(100);
    let ((to, answer), config) = (channel(), config.clone());
    // An answer may take half a minute, where Kafka is away: nobody waits for it who is asked to stop.
    std::thread::spawn(move || to.send(other_layout(&config)));
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::Relaxed) => {}
            Err(_) => return None,
        }
    }
}

/// Holds the fetcher back, and the stage that reads what it sends, as long as another layout is at work, for a while: it may be about to
/// end.
///
/// # Errors
/// It is at work still, or is further; or this account may not see that.
pub fn hold_back(config: &Config, stage: &str, stop: &AtomicBool) -> anyhow::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(15);
    const AGAIN: Duration = Duration::from_secs(1);
    if !["fetcher", config.layout.decompresses()].contains(&stage) {
        return Ok(());
    }
    let begun = Instant::now();
    while let Some(answer) = ask(config, stop) {
        match answer {
            Ok(None) => break,
            Ok(Some(other)) if !other.at_work || begun.elapsed() > PATIENCE => bail!(
                "{other}: to change the layout, set drain = true for each cluster, wait until `logmill lag` shows no record, stop \
                 every stage, and run `logmill topics apply` with the new one"
            ),
            Ok(Some(other)) => tracing::warn!("waiting: {other}"),
            Err(error) if error.is_forbidden() => bail!(
                "{error}: this account needs Describe on the consumer groups of the chain's other layouts too ({})",
                Layout::ALL.map(|layout| config.topics().group(layout.decompresses())).join(", ")
            ),
            Err(error) => {
                tracing::warn!(%error, "it is not known whether the chain ran in another layout; asking again")
            }
        }
        std::thread::sleep(AGAIN);
    }
    Ok(())
}
