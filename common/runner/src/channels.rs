//! Looks at the channels again and again: what waits in each, and what operators have paused.

use crate::lags::{Judge, Look, Seen};
use crate::restart::{Restarts, keep_running, sleep_unless};
use logmill_config::Config;
use logmill_core::{Barred, Lags, Offset};
use logmill_kafka::admin::{Admin, AdminError};
use logmill_kafka::follow::NotesReader;
use logmill_kafka::group::GroupReader;
use logmill_protocol::worker::Position;
use logmill_protocol::{Committed, Partition, Pausable, Pauses};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The group that drains the channels' rows.
const LOADER: &str = "loader";
/// How often the lags are read.
const EVERY: Duration = Duration::from_secs(2);
/// How often the notes are.
const NOTES: Duration = Duration::from_millis(500);
/// How long the first look is waited for.
const FIRST: Duration = Duration::from_secs(15);
/// The longest wait before the stop flag is looked at again.
const STEP: Duration = Duration::from_millis(100);

/// The newest state of the channels, read by a thread of its own.
#[derive(Clone, Default)]
pub struct ChannelWatch {
    /// How many snapshots there were, and the last one.
    latest: Arc<Mutex<(u64, Lags)>>,
    /// Why nobody reads any more.
    ended: Arc<OnceLock<String>>,
}

impl ChannelWatch {
    /// Starts reading. A channel that has not moved for `stall` stands still; `None`: that is not looked at. `see` is shown each
    /// snapshot, with what is paused.
    ///
    /// # Errors
    /// A setting of `kafka.properties` is wrong.
    pub fn start(
        config: &Config,
        stop: Arc<AtomicBool>,
        stall: Option<Duration>,
        see: impl Fn(&Lags, &Pauses) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (brokers, properties) = (config.kafka.brokers.clone(), config.kafka.properties.0.clone());
        let notes_topic = config.topics().clusters_topic();
        let eyes = Eyes::new(config, stall.is_some())?;
        let watch = Self::default();
        watch.clone().spawn(stop, Restarts::default(), move |latest, stop| {
            let (mut judge, mut pauses, mut lags) = (Judge::new(stall), Pauses::default(), Lags::default());
            let mut notes = match NotesReader::new(&brokers, &properties, &notes_topic) {
                Ok(notes) => notes,
                Err(error) => panic!("the settings were good before: {error}"),
            };
            let mut due = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                let known = pauses.clone();
                if !notes.read(|note| pauses.hear(note)) {
                    tracing::warn!(topic = notes_topic, "it is not known what is paused: the topic cannot be read");
                    continue;
                }
                if Instant::now() >= due || known != pauses {
                    due = Instant::now() + EVERY;
                    match eyes.look(&pauses) {
                        Ok(look) => lags = judge.see(look, |places| eyes.finds(places)),
                        Err(error) => {
                            tracing::warn!(%error, "it is not known how the channels stand: as before, but for what is paused");
                            eyes.pause(&mut lags, &pauses);
                        }
                    }
                    see(&lags, &pauses);
                    latest.publish(lags.clone());
                }
                sleep_unless(&[stop], NOTES);
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
            if let Err(why) = keep_running("channels", restarts, &stop, once) {
                tracing::error!("nobody looks at the channels any more: {why:#}");
                self.ended.get_or_init(|| format!("looking at the channels: {why:#}"));
            }
        };
        std::thread::Builder::new().name("channels".into()).spawn(run).map(drop)
    }

    /// Why nobody looks at the channels any more, if so: no worker may choose by what was once for ever.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.ended.get().cloned()
    }

    /// Waits until there is a first snapshot, but not for ever: without one the text goes by weight.
    pub fn wait(&self, stop: &AtomicBool) {
        let start = Instant::now();
        while self.newer(0).is_none() && start.elapsed() < FIRST && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(STEP);
        }
    }

    fn publish(&self, lags: Lags) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = (latest.0 + 1, lags);
    }

    /// The newest snapshot with its number, if that is not `seen`.
    #[must_use]
    pub fn newer(&self, seen: u64) -> Option<(u64, Lags)> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        (latest.0 != seen).then(|| latest.clone())
    }
}

/// What looks at Kafka.
struct Eyes {
    admin: Admin,
    /// Of those who read the channels: splitters, or loaders where there is no topic of text.
    readers: GroupReader,
    /// How far one of them is.
    next: fn(&Committed) -> Option<Offset>,
    loaders: GroupReader,
    channels: Vec<Channel>,
    /// Lags are asked for; else where there is a limit alone.
    measures: bool,
}

struct Channel {
    name: String,
    backlog: Option<u64>,
    /// Of the topic that the distributor writes.
    own: Vec<Partition>,
    /// Of its rows, where that is another.
    rows: Vec<Partition>,
}

/// Of a stage: the next offset whose output is not all committed.
fn next_of_stage(committed: &Committed) -> Option<Offset> {
    Some(Position::decode(committed).ok()?.next)
}

/// Of a loader: the first record of its batch.
#[allow(clippy::unnecessary_wraps, reason = "as the other")]
fn next_of_loader(committed: &Committed) -> Option<Offset> {
    Some(committed.offset)
}

impl Eyes {
    fn new(config: &Config, measures: bool) -> Result<Self, AdminError> {
        let topics = config.topics();
        let admin = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?;
        let partitions = |topic: String| (0..config.kafka.partitions).map(|n| Partition::new(&*topic, n)).collect();
        let channel = |(name, settings): (&String, &logmill_config::Channel)| Channel {
            name: name.clone(),
            backlog: settings.backlog,
            own: partitions(topics.of_channel(name)),
            rows: topics.channel(name).and(topics.rows(name)).map_or_else(Vec::new, partitions),
        };
        // Onlookers: a channel that stands still may have a transaction that hangs, and nobody is to wait for that.
        let reader = topics.of_channels();
        let (readers, loaders) = (admin.onlooker(&topics.group(reader))?, admin.onlooker(&topics.group(LOADER))?);
        let next = if reader == LOADER { next_of_loader } else { next_of_stage };
        let channels = config.channels.iter().map(channel).collect();
        Ok(Self { admin, readers, next, loaders, channels, measures })
    }

    fn look(&self, pauses: &Pauses) -> Result<Look, AdminError> {
        let all = |of: fn(&Channel) -> &Vec<Partition>| self.channels.iter().flat_map(of).cloned().collect::<Vec<_>>();
        let is_limited = self.channels.iter().any(|channel| channel.backlog.is_some());
        let (mut own, mut rows) = (BTreeMap::new(), BTreeMap::new());
        if self.measures || is_limited {
            own.extend(self.readers.places(&all(|c| &c.own), self.next)?);
        }
        if is_limited {
            rows.extend(self.loaders.places(&all(|c| &c.rows), next_of_loader)?);
        }
        let channel = |channel: &Channel| {
            let mut seen = Seen { backlog: channel.backlog, ..Seen::default() };
            for (partition, reached) in channel.own.iter().filter_map(|p| Some((p, own.get(p)?))) {
                seen.consumed += reached.next;
                seen.waits += reached.waiting();
                if reached.waiting() > 0 {
                    seen.behind.push((partition.clone(), reached.next));
                }
            }
            seen.rows = channel.rows.iter().filter_map(|p| rows.get(p)).map(|reached| reached.waiting()).sum();
            seen.paused = pauses.of(Pausable::Channel, &channel.name).is_some();
            (channel.name.clone(), seen)
        };
        let channels = self.channels.iter().map(channel).collect();
        Ok(Look { at: Instant::now(), channels })
    }

    /// Pauses channels, and lets others go on, without a look at them.
    fn pause(&self, lags: &mut Lags, pauses: &Pauses) {
        for Channel { name, .. } in &self.channels {
            let lag = lags.channels.entry(name.clone()).or_default();
            match pauses.of(Pausable::Channel, name) {
                Some(_) => lag.barred = Some(Barred::Paused),
                None if lag.barred == Some(Barred::Paused) => lag.barred = None,
                None => {}
            }
        }
    }

    /// Whether there is a record at or behind one of these places; not, where that cannot be found out.
    fn finds(&self, places: &[(Partition, i64)]) -> bool {
        places.iter().any(|(partition, from)| {
            let found = self.admin.read(partition, *from, None, 1);
            found
                .inspect_err(|error| tracing::warn!(%error, %partition, "looking for a record"))
                .is_ok_and(|r| !r.is_empty())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_thread_that_reads_is_seen() {
        let (watch, stop) = (ChannelWatch::default(), Arc::new(AtomicBool::new(false)));
        watch.clone().spawn(stop, Restarts::NONE, |_, _| panic!("an invariant broke")).expect("a thread");
        let start = Instant::now();
        while watch.ended().is_none() {
            assert!(start.elapsed() < Duration::from_secs(30), "the panic was not seen within 30 s");
            std::thread::yield_now();
        }
        let why = "looking at the channels: it panicked: an invariant broke";
        assert_eq!(watch.ended().as_deref(), Some(why));
    }
}
