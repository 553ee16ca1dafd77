//! The contract of a row batch.

use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use std::sync::Arc;

/// The columns of the topics `rows.*`, in order. Nothing is null but `time`. `file_id` is big-endian, so that its hex
/// digits are the file's name everywhere; `line` counts from 1, `part` from 0; `lines` is 1, but of a record of several
/// lines, whose first one `line` is; times are milliseconds since 1970.
#[must_use]
pub fn schema() -> Schema {
    let word = || DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let time = || DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Schema::new(vec![
        Field::new("file_id", DataType::FixedSizeBinary(16), false),
        Field::new("load", DataType::UInt32, false),
        Field::new("line", DataType::UInt64, false),
        Field::new("part", DataType::UInt32, false),
        Field::new("lines", DataType::UInt32, false),
        Field::new("cluster", word(), false),
        Field::new("path", word(), false),
        Field::new("app", word(), false),
        Field::new("channel", word(), false),
        Field::new("level", word(), false),
        Field::new("file_time", time(), false),
        Field::new("time", time(), true),
        Field::new("text", DataType::Utf8, false),
        Field::new("fields", DataType::Map(entries(), false), false),
    ])
}

/// The entries of the `fields` column: no key is null, and no value.
pub(crate) fn entries() -> Arc<Field> {
    Arc::new(Field::new("entries", DataType::Struct(entry()), false))
}

pub(crate) fn entry() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, false)])
}
