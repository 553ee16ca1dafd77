//! The lags of the channels, for the stage that chooses among them.

use crate::restart::{Restarts, keep_running};
use logmill_config::Config;
use logmill_core::stage::{ChannelLag, Lags};
use logmill_kafka::admin::{Admin, AdminError, GroupReader};
use logmill_protocol::Partition;
use logmill_protocol::worker::Position;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The group that drains the channels.
const CONSUMER: &str = "splitter";
/// How often the lags are read.
const EVERY: Duration = Duration::from_secs(2);
/// The longest wait before the stop flag is looked at again.
const STEP: Duration = Duration::from_millis(100);

/// The newest lags, read by a thread of their own.
#[derive(Clone, Default)]
pub struct LagWatch {
    /// How many snapshots there were, and the last one.
    latest: Arc<Mutex<(u64, Lags)>>,
    /// Why nobody reads any more.
    ended: Arc<OnceLock<String>>,
}

impl LagWatch {
    /// Starts reading: end of each channel's topic minus H of its consumers, as they committed it.
    ///
    /// # Errors
    /// A setting of `kafka.properties` is wrong.
    pub fn start(config: &Config, stop: Arc<AtomicBool>) -> anyhow::Result<Self> {
        let topics = config.topics();
        let admin = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?;
        let group = admin.reader(&topics.group(CONSUMER))?;
        let partitions = |topic: &str| (0..config.kafka.partitions).map(|n| Partition::new(topic, n)).collect();
        let channels: BTreeMap<String, Vec<Partition>> =
            topics.channels().iter().map(|channel| (channel.clone(), partitions(&topics.channel(channel)))).collect();
        let watch = Self::default();
        watch.clone().spawn(stop, Restarts::default(), move |latest, stop| {
            let mut before = None;
            while !stop.load(Ordering::Relaxed) {
                match measure(&group, &channels) {
                    Ok(now) => {
                        latest.publish(lags(before.as_ref(), &now));
                        before = Some(now);
                    }
                    Err(error) => tracing::warn!(%error, "the lags of the channels are not known"),
                }
                let start = Instant::now();
                while start.elapsed() < EVERY && !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(STEP);
                }
            }
        })?;
        Ok(watch)
    }

    /// Runs `read` in a thread, anew after a panic.
    fn spawn(
        self,
        stop: Arc<AtomicBool>,
        restarts: Restarts,
        read: impl Fn(&Self, &AtomicBool) + Send + 'static,
    ) -> std::io::Result<()> {
        let run = move || {
            let once = || {
                read(&self, &stop);
                Ok(())
            };
            if let Err(why) = keep_running("lags", restarts, &stop, once) {
                self.ended.get_or_init(|| format!("reading the lags of the channels: {why:#}"));
            }
        };
        std::thread::Builder::new().name("lags".into()).spawn(run).map(drop)
    }

    /// Why nobody reads the lags any more, if so: no worker may choose by old ones for ever.
    pub(crate) fn ended(&self) -> Option<String> {
        self.ended.get().cloned()
    }

    fn publish(&self, lags: Lags) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = (latest.0 + 1, lags);
    }

    /// The newest lags with their number, if that is not `seen`.
    pub(crate) fn newer(&self, seen: u64) -> Option<(u64, Lags)> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        (latest.0 != seen).then(|| latest.clone())
    }
}

/// One look: by channel, what is consumed and what waits.
struct Look {
    at: Instant,
    channels: BTreeMap<String, (i64, i64)>,
}

fn measure(group: &GroupReader, channels: &BTreeMap<String, Vec<Partition>>) -> Result<Look, AdminError> {
    let mut all = BTreeMap::new();
    for (channel, partitions) in channels {
        let (mut consumed, mut waits) = (0, 0);
        for reached in group.reached(partitions, |committed| Some(Position::decode(committed).ok()?.next))? {
            consumed += reached.next;
            waits += reached.waiting();
        }
        all.insert(channel.clone(), (consumed, waits));
    }
    Ok(Look { at: Instant::now(), channels: all })
}

#[allow(clippy::cast_precision_loss, reason = "an estimate of seconds")]
fn lags(before: Option<&Look>, now: &Look) -> Lags {
    let channel = |(name, (consumed, waits)): (&String, &(i64, i64))| {
        let moved = before.and_then(|before| {
            let seconds = (now.at - before.at).as_secs_f64();
            Some((consumed - before.channels.get(name)?.0) as f64 / seconds)
        });
        // A channel that does not move counts as one that drains a record a second.
        let rate = moved.filter(|rate| *rate > 1.0).unwrap_or(1.0);
        let lag = ChannelLag { records: waits.unsigned_abs(), seconds_to_drain: *waits as f64 / rate };
        (name.clone(), lag)
    };
    Lags { channels: now.channels.iter().map(channel).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_thread_that_reads_is_seen() {
        let (watch, stop) = (LagWatch::default(), Arc::new(AtomicBool::new(false)));
        watch.clone().spawn(stop, Restarts::NONE, |_, _| panic!("an invariant broke")).expect("a thread");
        let start = Instant::now();
        while watch.ended().is_none() {
            assert!(start.elapsed() < Duration::from_secs(30), "the panic was not seen within 30 s");
            std::thread::yield_now();
        }
        let why = "reading the lags of the channels: it panicked: an invariant broke";
        assert_eq!(watch.ended().as_deref(), Some(why));
    }

    #[test]
    fn seconds_to_drain_follow_from_what_was_consumed_between_two_looks() {
        let at = Instant::now();
        let look = |seconds, consumed, waits| Look {
            at: at + Duration::from_secs(seconds),
            channels: [("c".to_owned(), (consumed, waits))].into(),
        };
        let first = look(0, 100, 50);
        let of = |lags: Lags| lags.channels["c"];
        assert_eq!(of(lags(None, &first)), ChannelLag { records: 50, seconds_to_drain: 50.0 });
        let second = look(2, 140, 60);
        assert_eq!(of(lags(Some(&first), &second)), ChannelLag { records: 60, seconds_to_drain: 3.0 });
        let standing = look(4, 140, 60);
        assert_eq!(of(lags(Some(&second), &standing)), ChannelLag { records: 60, seconds_to_drain: 60.0 });
    }
}
