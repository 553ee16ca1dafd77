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
use logmill_protocol::fetch::{STAGE, VolumeNote};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often weights are looked at, and notes written.
const LOOK: Duration = Duration::from_secs(5);
/// How long is waited for a record.
const WAIT: Duration = Duration::from_millis(500);
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
    let mut reader = NotesReader::new(brokers, properties, &topics.clusters_topic())?;
    let writer = Notes::new(brokers, properties, topics.clusters_topic())?;
    let mut known = Known::default();
    // No partition is begun before what others have counted of it is known.
    while !known.read(&mut reader) {}
    let share = Share::join(brokers, properties, &topics.group("volumes"), topics.file_events())?;
    // Partitions that are counted here.
    let mut own: BTreeMap<i32, VolumeNote> = BTreeMap::new();
    let mut next_look = Instant::now();
    while clusters.iter().any(|cluster| cluster.is_learned()) {
        if let Some((partition, offset, value)) = share.next(WAIT) {
            let note = match own.entry(partition) {
                Entry::Occupied(counted) => counted.into_mut(),
                Entry::Vacant(place) => {
                    known.read(&mut reader);
                    place.insert(known.place_of(&share, partition))
                }
            };
            // It was given anew, and begins at its first record.
            if offset < note.next {
                let _ = share.seek(partition, note.next); // where it is another's by now, nothing comes of it
                continue;
            }
            count(note, &value);
            note.next = offset + 1;
        }
        if Instant::now() >= next_look {
            next_look = Instant::now() + LOOK;
            known.read(&mut reader);
            let assigned = share.own();
            own.retain(|partition, _| assigned.contains(partition));
            for note in own.values().filter(|note| known.0.get(&note.partition) != Some(*note)) {
                writer.write(&note.key(), &serde_json::to_vec(note).expect("a note is plain data"));
            }
            known.0.extend(own.iter().map(|(partition, note)| (*partition, note.clone())));
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
        // A clock that is ahead counts as this one: the hours behind it would be no day's.
        note.count(&cluster, bytes_out, at_ms.min(now_ms()));
    }
}

fn weigh(cluster: &Cluster, known: &Known) {
    let (bytes, now) = (known.of_day(&cluster.name, VolumeNote::hour(now_ms())), cluster.weight());
    let Some(weight) = learned(now, bytes) else { return };
    tracing::info!(
        cluster = cluster.name,
        bytes,
        "its weight is {weight} now, it was {now}: as many MiB came of it within a day"
    );
    cluster.weigh(weight);
}

/// The weight of a cluster of which so much came within a day, where it is another from now on.
fn learned(now: u32, bytes: u64) -> Option<u32> {
    let weight = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    (weight > 0 && u64::from(weight.abs_diff(now)) * PART > u64::from(now)).then_some(weight)
}

/// The notes, by the partition.
#[derive(Default)]
struct Known(BTreeMap<i32, VolumeNote>);

impl Known {
    /// Reads on; `false` while the end was not reached.
    fn read(&mut self, reader: &mut NotesReader) -> bool {
        reader.read(|value| {
            if let Ok(note) = serde_json::from_slice::<VolumeNote>(value) {
                self.0.insert(note.partition, note);
            }
        })
    }

    /// What came of a cluster within the day that ends with this hour; where nothing did, within the last day in which it did.
    fn of_day(&self, cluster: &str, hour: u64) -> u64 {
        let of = |hour| self.0.values().map(|note| note.of_day(cluster, hour)).sum();
        match of(hour) {
            0 => self.0.values().filter_map(|note| note.last_hour(cluster)).max().map_or(0, of),
            bytes => bytes,
        }
    }

    /// Where to go on in a partition: where the last reader was, else a day ago.
    fn place_of(&self, share: &Share, partition: i32) -> VolumeNote {
        self.0.get(&partition).cloned().unwrap_or_else(|| {
            let a_day_ago = share.offset_at(partition, now_ms() as i64 - DAY_MS).ok().flatten();
            VolumeNote { partition, next: a_day_ago.unwrap_or_default(), ..VolumeNote::default() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_the_volume_of_a_day() {
        for (now, bytes, expected) in [
            (1, 0, None),
            (70, 0, None),
            (1, 1, None),
            (1, UNIT + 1, Some(2)),
            (100, 105 * UNIT, None),
            (100, 111 * UNIT, Some(111)),
            (100, 80 * UNIT, Some(80)),
            (1, u64::MAX, Some(u32::MAX)),
        ] {
            assert_eq!(learned(now, bytes), expected, "{now} {bytes}");
        }
    }

    #[test]
    fn while_nothing_comes_the_last_day_counts() {
        let mut known = Known::default();
        for (partition, cluster, bytes, hour) in
            [(0, "a", 1, 100), (1, "a", 2, 110), (1, "a", 4, 130), (0, "b", 8, 139)]
        {
            known.0.entry(partition).or_default().count(cluster, bytes, hour * 3_600_000);
        }
        let of = |hour| ["a", "b", "c"].map(|cluster| known.of_day(cluster, hour));
        // At last the day that ends with the last file of each.
        assert_eq!([of(139), of(150), of(500)], [[4, 8, 0], [4, 8, 0], [6, 8, 0]]);
    }
}
