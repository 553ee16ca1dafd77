//! Weights that are learned: what came of each cluster within a day, by the file events in Kafka.
//!
//! The fetchers of a chain share the partitions of the file events. Each note of a partition holds its place beside its counts, so
//! that the next reader goes on there; all of them together say what came.

use crate::cluster::Cluster;
use crate::worker::now_ms;
use logmill_config::Config;
use logmill_core::event::{Event, LedgerRecord};
use logmill_kafka::ClientError;
use logmill_kafka::follow::{NotesReader, Share};
use logmill_kafka::notes::Notes;
use logmill_protocol::fetch::{ClusterNote, STAGE, VolumeNote};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often weights are looked at, and notes written.
const LOOK: Duration = Duration::from_secs(5);
/// How long is waited for a record.
const WAIT: Duration = Duration::from_millis(500);
/// How long notes are waited for until there are none.
const QUIET: Duration = Duration::from_millis(200);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(10);
const DAY_MS: i64 = 24 * 3_600_000;
/// What one of weight is.
const UNIT: u64 = 1 << 20;
/// A weight changes when it is off by more than one part of so many.
const PART: u64 = 10;

/// Learns for as long as the process runs; reads nothing while no weight is to be learned.
pub(crate) fn learn(config: &Config, clusters: &[Arc<Cluster>]) {
    loop {
        if !clusters.iter().any(|cluster| cluster.is_learned()) {
            std::thread::sleep(WAIT);
        } else if let Err(error) = follow(config, clusters) {
            tracing::warn!("no weights can be learned, next try in {AGAIN:?}: {error}");
            std::thread::sleep(AGAIN);
        }
    }
}

/// Until no weight is to be learned any more.
fn follow(config: &Config, clusters: &[Arc<Cluster>]) -> Result<(), ClientError> {
    let (kafka, topics) = (&config.kafka, config.topics());
    let (brokers, properties) = (&kafka.brokers, &kafka.properties.0);
    let reader = NotesReader::new(brokers, properties, &topics.clusters_topic())?;
    let writer = Notes::new(brokers, properties, topics.clusters_topic())?;
    let mut known = Known::default();
    let share = Share::join(brokers, properties, &topics.group("volumes"), topics.file_events())?;
    // Partitions that are counted here.
    let mut own: BTreeMap<i32, VolumeNote> = BTreeMap::new();
    let mut next_look = Instant::now();
    while clusters.iter().any(|cluster| cluster.is_learned()) {
        if let Some((partition, offset, value)) = share.next(WAIT) {
            let note = match own.entry(partition) {
                Entry::Occupied(counted) => counted.into_mut(),
                Entry::Vacant(place) => {
                    known.read(&reader);
                    let note = known.place_of(&share, partition);
                    if offset != note.next && share.seek(partition, note.next).is_err() {
                        continue;
                    }
                    place.insert(note)
                }
            };
            if offset >= note.next {
                count(note, &value);
                note.next = offset + 1;
            }
        }
        if Instant::now() >= next_look {
            next_look = Instant::now() + LOOK;
            known.read(&reader);
            let assigned = share.own();
            own.retain(|partition, _| assigned.contains(partition));
            for note in own.values().filter(|note| known.volumes.get(&note.partition) != Some(*note)) {
                writer.write(&note.key(), &serde_json::to_vec(note).expect("a note is plain data"));
            }
            known.volumes.extend(own.iter().map(|(partition, note)| (*partition, note.clone())));
            for cluster in clusters.iter().filter(|cluster| cluster.is_learned()) {
                weigh(cluster, &known);
            }
        }
    }
    Ok(())
}

/// A file of a cluster came to its end.
fn count(note: &mut VolumeNote, value: &[u8]) {
    let Ok(LedgerRecord { stage, cluster, at_ms, event, .. }) = serde_json::from_slice(value) else { return };
    if let (STAGE, Event::Closed { bytes_out, .. }) = (&*stage, event) {
        note.count(&cluster, bytes_out, at_ms);
    }
}

fn weigh(cluster: &Cluster, known: &Known) {
    let bytes: u64 = known.volumes.values().map(|note| note.of_day(&cluster.name, now_ms())).sum();
    let now = cluster.weight();
    let Some(weight) = learned(now, bytes, known.weights.get(&cluster.name).map(|(_, weight)| *weight)) else { return };
    tracing::info!(
        cluster = cluster.name,
        bytes,
        "its weight is {weight} now, it was {now}: as many MiB came of it within a day"
    );
    cluster.weigh(weight);
}

/// The weight of a cluster from now on, where it is another: by what came of it within a day, else what it was last.
fn learned(now: u32, bytes: u64, last: Option<u32>) -> Option<u32> {
    if bytes == 0 {
        return last.filter(|last| now == 1 && *last != now);
    }
    let weight = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    (u64::from(weight.abs_diff(now)) * PART > u64::from(now)).then_some(weight)
}

/// What the notes say.
#[derive(Default)]
struct Known {
    volumes: BTreeMap<i32, VolumeNote>,
    /// The last weight of each cluster, and when it was told.
    weights: BTreeMap<String, (u64, u32)>,
}

impl Known {
    /// Reads on until no note comes any more.
    fn read(&mut self, reader: &NotesReader) {
        while let Some(value) = reader.next(QUIET) {
            if let Ok(note) = serde_json::from_slice::<VolumeNote>(&value) {
                self.volumes.insert(note.partition, note);
            } else if let Ok(note) = serde_json::from_slice::<ClusterNote>(&value) {
                let newest = self.weights.entry(note.cluster).or_default();
                *newest = (*newest).max((note.at_ms, note.weight));
            }
        }
    }

    /// Where to go on in a partition: where the last reader was, else a day ago.
    fn place_of(&self, share: &Share, partition: i32) -> VolumeNote {
        self.volumes.get(&partition).cloned().unwrap_or_else(|| {
            let a_day_ago = share.offset_at(partition, now_ms() as i64 - DAY_MS).ok().flatten();
            VolumeNote { partition, next: a_day_ago.unwrap_or_default(), ..VolumeNote::default() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_the_volume_of_a_day_and_stays_while_nothing_comes() {
        for (now, bytes, last, expected) in [
            (1, 0, None, None),
            // A fetcher that has just started takes what was told last; one that knows more keeps that.
            (1, 0, Some(70), Some(70)),
            (70, 0, Some(60), None),
            (1, 1, None, None),
            (1, UNIT + 1, None, Some(2)),
            (100, 105 * UNIT, None, None),
            (100, 111 * UNIT, Some(70), Some(111)),
            (100, 80 * UNIT, None, Some(80)),
            (1, u64::MAX, None, Some(u32::MAX)),
        ] {
            assert_eq!(learned(now, bytes, last), expected, "{now} {bytes} {last:?}");
        }
    }
}
