//! What rdkafka does not offer of the library below it.

use super::assignment::Reports;
use logmill_protocol::Partition;
use rdkafka::TopicPartitionList;
use rdkafka::bindings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::CString;

/// A member of a group as the group knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    generation: i32,
    member: CString,
}

impl Membership {
    /// What the library takes the consumer for at this moment.
    pub(super) fn of(consumer: &BaseConsumer<Reports>) -> Option<Self> {
        // SAFETY: the pointer is the consumer's, which is borrowed. The metadata is ours until it is destroyed below, and
        // its member id is copied before.
        unsafe {
            let metadata = bindings::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
            if metadata.is_null() {
                return None;
            }
            let generation = bindings::rd_kafka_consumer_group_metadata_generation_id(metadata);
            let member = bindings::rd_kafka_consumer_group_metadata_member_id(metadata);
            let member = if member.is_null() { CString::default() } else { std::ffi::CStr::from_ptr(member).into() };
            bindings::rd_kafka_consumer_group_metadata_destroy(metadata);
            Some(Self { generation, member })
        }
    }

    /// Whether the group has not been balanced since.
    pub(super) fn is_as_old_as(&self, before: &Option<Self>) -> bool {
        before.as_ref().is_some_and(|before| before.generation == self.generation)
    }

    /// Whether the group has given it an id and a generation. The broker does not check a commit of one without them.
    pub(super) fn is_member(&self) -> bool {
        self.generation >= 0 && !self.member.is_empty()
    }
}

/// The metadata of element `index` as text; what is not UTF-8 is replaced. (rdkafka's own accessor panics then.)
pub(super) fn metadata(list: &TopicPartitionList, index: usize) -> String {
    assert!(index < list.count(), "an element of the list");
    // SAFETY: the list has `count` elements; the metadata of one is null or `metadata_size` bytes that the list owns.
    let bytes = unsafe {
        let element = &*(*list.ptr()).elems.add(index);
        if element.metadata.is_null() {
            return String::new();
        }
        std::slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size)
    };
    String::from_utf8_lossy(bytes).into_owned()
}

/// The low watermark and the last stable offset as the last fetch told them; nothing is asked of the broker.
pub(super) fn ends(consumer: &BaseConsumer<Reports>, partition: &Partition) -> Option<(i64, i64)> {
    let topic = CString::new(&*partition.topic).ok()?;
    let (mut low, mut high) = (-1_i64, -1_i64);
    // SAFETY: the pointer is the consumer's, which is borrowed; the name ends in NUL; both numbers are ours.
    let code = unsafe {
        let client = consumer.client().native_ptr();
        bindings::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition.index, &mut low, &mut high)
    };
    (code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && low >= 0 && high >= 0).then_some((low, high))
}

/// One after the last record or marker that was handed out or passed over, in the order of `partitions`; `None` where there
/// was none since the assignment. Nothing is asked of anybody.
pub(super) fn positions<'p>(
    consumer: &BaseConsumer<Reports>,
    partitions: impl Iterator<Item = &'p Partition>,
) -> Vec<Option<i64>> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.index);
    }
    // SAFETY: both pointers are borrowed from their owners; the call fills in the list's offsets.
    let code = unsafe { bindings::rd_kafka_position(consumer.client().native_ptr(), list.ptr()) };
    let known = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    let offset = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| element.offset().to_raw();
    list.elements().into_iter().map(|element| offset(element).filter(|offset| known && *offset >= 0)).collect()
}
