//! Records to and from the library: a payload is copied once each way.

use bytes::Bytes;
use logmill_core::wire::{Record, header};
use logmill_core::{Offset, packed};
use logmill_protocol::{Incoming, Outgoing, Partition};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use std::sync::Arc;

/// The names of topics that were met: a partition of every record shares them.
#[derive(Default)]
pub(crate) struct Names(Vec<Arc<str>>);

impl Names {
    fn of(&mut self, topic: &str) -> Arc<str> {
        if let Some(name) = self.0.iter().find(|name| ***name == *topic) {
            return Arc::clone(name);
        }
        let name: Arc<str> = topic.into();
        self.0.push(Arc::clone(&name));
        name
    }
}

pub(crate) fn incoming(message: &BorrowedMessage<'_>, names: &mut Names) -> Incoming {
    let owned = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice).unwrap_or_default();
    let headers = message
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key.to_owned(), owned(header.value))).collect());
    Incoming {
        partition: Partition { topic: names.of(message.topic()), index: message.partition() },
        offset: Offset(message.offset()),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
        record: Record {
            key: owned(message.key()),
            headers: headers.unwrap_or_default(),
            payload: owned(message.payload()),
        },
    }
}

/// `packed`: the payload in its stead. The library copies key and payload when the record is queued. An empty key is sent as
/// none.
pub(super) fn outgoing<'a>(outgoing: &'a Outgoing, packed: Option<&'a Bytes>) -> BaseRecord<'a, [u8], [u8]> {
    let record = &outgoing.record;
    let with = |headers: OwnedHeaders, key, value: &[u8]| headers.insert(Header { key, value: Some(value) });
    let headers = OwnedHeaders::new_with_capacity(record.headers.len() + 1);
    let headers = record.headers.iter().fold(headers, |headers, (key, value)| with(headers, key, value));
    let headers = if packed.is_some() { with(headers, header::PACKED, packed::LZ4.as_bytes()) } else { headers };
    let base = BaseRecord::to(&outgoing.partition.topic)
        .partition(outgoing.partition.index)
        .payload(&packed.unwrap_or(&record.payload)[..])
        .headers(headers);
    if record.key.is_empty() { base } else { base.key(&record.key[..]) }
}
