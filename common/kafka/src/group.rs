//! How far a consumer group has come, and who has what of it: looked at again and again, without joining it.

use crate::admin::{AdminError, CALL};
use crate::client::committed_of;
use crate::patience::patiently;
use logmill_protocol::{Committed, Partition};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::groups::GroupMemberInfo;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;

/// A group's positions, and the ends of what it reads.
pub struct GroupReader {
    brokers: String,
    consumer: BaseConsumer,
}

/// How far a group has come in a partition: where it goes on, and the partition's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub next: i64,
    pub end: i64,
}

impl Reached {
    /// Records that the group has not gone past; markers count too.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        (self.end - self.next).max(0)
    }
}

impl GroupReader {
    pub(crate) fn new(brokers: String, consumer: BaseConsumer) -> Self {
        Self { brokers, consumer }
    }

    /// Its own membership of the group: of nobody who was dealt anything.
    pub(crate) fn metadata(&self) -> ConsumerGroupMetadata {
        self.consumer.group_metadata().expect("a consumer with a group has metadata of it")
    }

    /// As [`crate::admin::Admin::committed`].
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn committed(&self, partitions: &[Partition]) -> Result<Vec<(Partition, Option<Committed>)>, AdminError> {
        let read = |left| {
            let mut list = TopicPartitionList::new();
            for partition in partitions {
                list.add_partition(&partition.topic, partition.index);
            }
            committed_of(&self.consumer.committed_offsets(list, left)?)
        };
        patiently(CALL, read).map_err(self.failed("read committed offsets"))
    }

    /// How far the group has come in each of these partitions: `next` reads out of what is committed where it goes on; where
    /// nothing is, or that says nothing, it is the first record that is there.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn reached(
        &self,
        partitions: &[Partition],
        next: impl Fn(&Committed) -> Option<logmill_core::Offset>,
    ) -> Result<Vec<Reached>, AdminError> {
        Ok(self.places(partitions, next)?.into_iter().map(|(_, reached)| reached).collect())
    }

    /// The same, with the partitions. Two questions for all of them, where something is committed.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn places(
        &self,
        partitions: &[Partition],
        next: impl Fn(&Committed) -> Option<logmill_core::Offset>,
    ) -> Result<Vec<(Partition, Reached)>, AdminError> {
        if partitions.is_empty() {
            // To a question about nothing the client gives an error.
            return Ok(Vec::new());
        }
        let committed = self.committed(partitions)?;
        self.places_of(committed, next)
    }

    /// The same of what is committed already known: one question for all of them.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn places_of(
        &self,
        committed: Vec<(Partition, Option<Committed>)>,
        next: impl Fn(&Committed) -> Option<logmill_core::Offset>,
    ) -> Result<Vec<(Partition, Reached)>, AdminError> {
        let partitions: Vec<Partition> = committed.iter().map(|(partition, _)| partition.clone()).collect();
        let ends = self.ends(&partitions)?;
        let place = |(partition, committed): (Partition, Option<Committed>)| {
            let reached = match (committed.as_ref().and_then(&next), ends.get(&partition)) {
                (Some(next), Some(end)) => Reached { next: next.0, end: *end },
                (next, _) => {
                    let (low, end) = self.watermarks(&partition)?;
                    Reached { next: next.map_or(low, |offset| offset.0), end }
                }
            };
            Ok((partition, reached))
        };
        committed.into_iter().map(place).collect()
    }

    /// The ends of partitions, as far as they are told together: the broker has none to tell where a partition is empty.
    fn ends(&self, partitions: &[Partition]) -> Result<BTreeMap<Partition, i64>, AdminError> {
        let read = |left| {
            let mut list = TopicPartitionList::new();
            for partition in partitions {
                list.add_partition_offset(&partition.topic, partition.index, Offset::End)?;
            }
            self.consumer.offsets_for_times(list, left)
        };
        let found = patiently(CALL, read).map_err(self.failed("read the ends of partitions"))?;
        let end = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element.offset() {
            Offset::Offset(end) if element.error().is_ok() => {
                Some((Partition::new(element.topic(), element.partition()), end))
            }
            _ => None,
        };
        Ok(found.elements().iter().filter_map(end).collect())
    }

    /// How many members of the group have any of these partitions. `None`: it deals them out anew at the moment, or moves to
    /// another broker.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn holders(&self, group: &str, of: &[Partition]) -> Result<Option<usize>, AdminError> {
        let found = self.consumer.fetch_group_list(Some(group), CALL).map_err(self.failed("look at a group"))?;
        let Some(found) = found.groups().iter().find(|one| one.name() == group) else { return Ok(None) };
        match found.state() {
            "Stable" => {}
            "Empty" | "Dead" => return Ok(Some(0)),
            _ => return Ok(None),
        }
        let holds = |member: &&GroupMemberInfo| {
            let assigned = member.assignment().and_then(assigned).unwrap_or_default();
            assigned.iter().any(|partition| of.contains(partition))
        };
        Ok(Some(found.members().iter().filter(holds).count()))
    }

    /// As [`crate::admin::Admin::watermarks`].
    ///
    /// # Errors
    /// When the partition does not exist or has no leader.
    pub fn watermarks(&self, partition: &Partition) -> Result<(i64, i64), AdminError> {
        let read = |left| self.consumer.fetch_watermarks(&partition.topic, partition.index, left);
        patiently(CALL, read).map_err(self.failed("read the ends of a partition"))
    }

    fn failed(&self, what: &'static str) -> impl FnOnce(KafkaError) -> AdminError {
        let brokers = self.brokers.clone();
        move |source| AdminError::Kafka { what, brokers, source }
    }
}

/// The partitions in what Kafka's protocol of consumers says to a member: a version, then topics with their partitions, of
/// which there may be more behind.
fn assigned(said: &[u8]) -> Option<Vec<Partition>> {
    fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
        let (bytes, rest) = from.split_first_chunk::<N>()?;
        *from = rest;
        Some(*bytes)
    }
    let mut rest = said;
    let _version = i16::from_be_bytes(take(&mut rest)?);
    let mut partitions = Vec::new();
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (topic, behind) = rest.split_at_checked(length)?;
        let topic = std::str::from_utf8(topic).ok()?;
        rest = behind;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            partitions.push(Partition::new(topic, i32::from_be_bytes(take(&mut rest)?)));
        }
    }
    Some(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_has_is_read_out_of_kafka_s_own_form_and_anything_else_is_nothing() {
        let said = [
            &[0, 3][..],               // the version
            &[0, 0, 0, 2],             // topics
            &[0, 1, b'a'],             // its name
            &[0, 0, 0, 2, 0, 0, 0, 0], // its partitions
            &[0, 0, 0, 7],
            &[0, 2, b'b', b'b', 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(assigned(&said), Some(vec![Partition::new("a", 0), Partition::new("a", 7)]));
        assert_eq!(assigned(&[&said[..], b"of the member's own"].concat()), assigned(&said));
        for cut in 0..said.len() {
            assert_eq!(assigned(&said[..cut]), None, "cut at {cut}");
        }
        assert_eq!(assigned(&[0, 3, 0x7f, 0xff, 0xff, 0xff]), None);
        assert_eq!(assigned(&[0, 3, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 1]), None);
    }
}
