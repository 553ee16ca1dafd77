//! Says which channels a distributor passes over: in its log, as metrics, and to the command line.

use logmill_config::Config;
use logmill_core::{Barred, Lags};
use logmill_kafka::notes::Notes;
use logmill_protocol::ChannelNote;
use logmill_protocol::fetch::ClusterNote;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is shown of each channel.
#[derive(Clone, Default)]
pub(crate) struct ChannelMetrics {
    lag: Family<OfChannel, Gauge>,
    passed_over: Family<OfChannel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfChannel {
    channel: String,
}

impl ChannelMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("channel_lag", "Records before the splitters of the channel", all.lag.clone());
        let help = "Why the channel is passed over: 0 it is not, 1 it stands still, 2 it is full, 3 it is paused";
        registry.register("channel_passed_over", help, all.passed_over.clone());
        all
    }
}

/// Tells of changes, and again and again that nothing changed.
pub(crate) struct Teller {
    groups: BTreeMap<String, Vec<String>>,
    distributor: String,
    metrics: ChannelMetrics,
    notes: Notes,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    channels: BTreeMap<String, Option<Barred>>,
    groups: BTreeMap<String, Option<Barred>>,
    at_ms: u64,
}

impl Teller {
    /// # Errors
    /// A setting of `kafka.properties` is wrong.
    pub(crate) fn new(config: &Config, distributor: String, metrics: ChannelMetrics) -> anyhow::Result<Self> {
        let kafka = &config.kafka;
        let notes = Notes::new(&kafka.brokers, &kafka.properties.0, config.topics().clusters_topic())?;
        Ok(Self { groups: config.channel_groups.clone(), distributor, metrics, notes, told: Mutex::default() })
    }

    pub(crate) fn see(&self, lags: &Lags) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let again = now_ms.saturating_sub(told.at_ms) >= ClusterNote::EVERY_MS;
        for (channel, lag) in &lags.channels {
            let of = OfChannel { channel: channel.clone() };
            self.metrics.lag.get_or_create(&of).set(i64::try_from(lag.records).unwrap_or(i64::MAX));
            self.metrics.passed_over.get_or_create(&of).set(lag.barred.map_or(0, |barred| barred as i64 + 1));
            let before = told.channels.insert(channel.clone(), lag.barred);
            if before.unwrap_or_default() != lag.barred {
                match lag.barred {
                    Some(why) => tracing::warn!(channel, records = lag.records, "passed over from now on: it {why}"),
                    None => tracing::info!(channel, "not passed over any more"),
                }
            }
            if again || before != Some(lag.barred) {
                let (channel, distributor) = (channel.clone(), self.distributor.clone());
                let note = ChannelNote { channel, distributor, barred: lag.barred, at_ms: now_ms };
                self.notes.write(&note.key(), &serde_json::to_vec(&note).expect("a note is plain data"));
            }
        }
        if again {
            told.at_ms = now_ms;
        }
        for (group, channels) in &self.groups {
            let least = lags.least_barred(channels.iter().map(String::as_str));
            let before = told.groups.insert(group.clone(), least).unwrap_or_default();
            match least {
                Some(why) if before != least => tracing::warn!(
                    group,
                    "each of its channels is passed over, so the text goes to those of which the least is said: each {why}"
                ),
                None if before.is_some() => tracing::info!(group, "a channel of it is not passed over any more"),
                _ => {}
            }
        }
    }
}
