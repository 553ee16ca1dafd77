//! An Arrow IPC stream, written in place: schema, dictionaries, one record batch, end.
//!
//! The columns of a batch are laid out by [`crate::batch`] in the very bytes that are sent, so that text is copied once
//! on its way from a chunk to a message. Schema and dictionaries are the library's; what stands here is the metadata of the
//! record batch. Format: Apache Arrow, "Serialization and Interprocess Communication", format version V5.

use crate::level::LEVELS;
use crate::schema::{entries, entry};
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int8Array, MapArray, RecordBatch, StringArray, StructArray, new_empty_array,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions, write_message};
use arrow_ipc::{FieldNode, Message, MessageArgs, MessageHeader, MetadataVersion, RecordBatchArgs};
use arrow_schema::SchemaRef;
use flatbuffers::FlatBufferBuilder;
use std::sync::Arc;

/// What buffers begin at multiples of: the least that the format asks for, so that small batches stay small.
pub(crate) const ALIGNMENT: usize = 8;
/// Stands before the length of every message.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// What ends a stream.
pub(crate) const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// What stands in a stream before its record batch: the schema, and the words of the dictionary columns.
///
/// # Panics
/// When the schema is not [`crate::schema`].
pub(crate) fn before_batch(schema: &SchemaRef, names: [&str; 4]) -> Vec<u8> {
    const OURS: &str = "the columns are those of the schema";
    let [cluster, path, app, channel] = names.map(|name| words(&[name]));
    let mut dictionaries = [cluster, path, app, channel, words(&LEVELS)].into_iter();
    let columns = schema.fields().iter().map(|field| match field.data_type() {
        arrow_schema::DataType::Dictionary(..) => dictionaries.next().expect(OURS),
        arrow_schema::DataType::Map(..) => no_fields(),
        other => new_empty_array(other),
    });
    let batch = RecordBatch::try_new(Arc::clone(schema), columns.collect()).expect(OURS);
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5).expect("valid options");
    let mut tracker = DictionaryTracker::new(false);
    let generator = IpcDataGenerator::default();
    let schema = generator.schema_to_bytes_with_dictionary_tracker(schema, &mut tracker, &options);
    let (dictionaries, _) = generator.encode(&batch, &mut tracker, &options, &mut Default::default()).expect(OURS);
    let mut bytes = Vec::new();
    for message in [schema].into_iter().chain(dictionaries) {
        write_message(&mut bytes, message, &options).expect("writing to memory does not fail");
    }
    bytes
}

fn words(words: &[&str]) -> ArrayRef {
    let words = Arc::new(StringArray::from(words.to_vec()));
    Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(Vec::<i8>::new()), words))
}

fn no_fields() -> ArrayRef {
    let none = || Arc::new(StringArray::from(Vec::<&str>::new())) as ArrayRef;
    let nothing = StructArray::new(entry(), vec![none(), none()], None);
    Arc::new(MapArray::new(entries(), OffsetBuffer::new_empty(), nothing, None, false))
}

/// A column, or a part of a nested one: its rows, and how many of them are null.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) rows: usize,
    pub(crate) nulls: usize,
}

/// Where a buffer stands in the body, in bytes from its beginning.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) at: usize,
    pub(crate) bytes: usize,
}

/// The metadata of a record batch, with the prefix of its length, padded. Its size depends on the number of nodes and
/// places alone as long as there are rows and bytes.
pub(crate) fn batch_metadata(rows: usize, nodes: &[Node], places: &[Place], body: usize) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::with_capacity(2048);
    let nodes: Vec<FieldNode> = nodes.iter().map(|n| FieldNode::new(n.rows as i64, n.nulls as i64)).collect();
    let places: Vec<arrow_ipc::Buffer> =
        places.iter().map(|p| arrow_ipc::Buffer::new(p.at as i64, p.bytes as i64)).collect();
    let nodes = Some(builder.create_vector(&nodes));
    let buffers = Some(builder.create_vector(&places));
    let batch = RecordBatchArgs { length: rows as i64, nodes, buffers, ..RecordBatchArgs::default() };
    let batch = arrow_ipc::RecordBatch::create(&mut builder, &batch);
    let message = MessageArgs {
        version: MetadataVersion::V5,
        header_type: MessageHeader::RecordBatch,
        header: Some(batch.as_union_value()),
        bodyLength: body as i64,
        custom_metadata: None,
    };
    let message = Message::create(&mut builder, &message);
    builder.finish(message, None);
    let metadata = builder.finished_data();
    let padded = metadata.len().next_multiple_of(ALIGNMENT);
    let mut bytes = Vec::with_capacity(8 + padded);
    bytes.extend_from_slice(&CONTINUATION);
    bytes.extend_from_slice(&(padded as u32).to_le_bytes());
    bytes.extend_from_slice(metadata);
    bytes.resize(8 + padded, 0);
    bytes
}
