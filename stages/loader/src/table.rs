//! Rows that the loader itself makes, column by column, with the types that ClickHouse is told.

use crate::ipc::Stream;
use arrow_array::builder::{
    BinaryBuilder, FixedSizeBinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder,
    UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use logmill_core::FileId;
use std::sync::Arc;

/// Columns in the order in which they were first named. Every row names the same ones.
pub(crate) struct Columns {
    columns: Vec<(&'static str, Column)>,
    /// The column that the row under way comes to next.
    next: usize,
}

enum Column {
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Id(FixedSizeBinaryBuilder),
    I32(Int32Builder),
    I64(Int64Builder),
    U32(UInt32Builder),
    U64(UInt64Builder),
    Optional(UInt64Builder),
    Time(TimestampMillisecondBuilder),
}

macro_rules! value {
    ($name:ident, $type:ty, $variant:ident, $builder:expr) => {
        pub(crate) fn $name(&mut self, name: &'static str, value: $type) {
            let Column::$variant(builder) = self.column(name, || Column::$variant($builder)) else {
                panic!("column {name} has one type");
            };
            builder.append_value(value);
        }
    };
}

impl Columns {
    pub(crate) fn new() -> Self {
        Self { columns: Vec::new(), next: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The column of that name: the next one of the row.
    fn column(&mut self, name: &'static str, new: impl FnOnce() -> Column) -> &mut Column {
        if self.columns.get(self.next).is_none_or(|(known, _)| *known != name) {
            if self.columns.first().is_some_and(|(first, _)| *first == name) {
                self.next = 0;
            } else {
                assert!(self.columns.len() == self.next, "every row has the columns of the first, in its order");
                self.columns.push((name, new()));
            }
        }
        self.next += 1;
        &mut self.columns[self.next - 1].1
    }

    value!(text, &str, Text, StringBuilder::new());
    value!(bytes, &[u8], Bytes, BinaryBuilder::new());
    value!(i32, i32, I32, Int32Builder::new());
    value!(i64, i64, I64, Int64Builder::new());
    value!(u32, u32, U32, UInt32Builder::new());
    value!(u64, u64, U64, UInt64Builder::new());

    pub(crate) fn id(&mut self, name: &'static str, value: FileId) {
        let Column::Id(builder) = self.column(name, || Column::Id(FixedSizeBinaryBuilder::new(16))) else {
            panic!("column {name} has one type");
        };
        builder.append_value(value.to_bytes()).expect("a file id has 16 bytes");
    }

    /// Milliseconds since 1970.
    pub(crate) fn time(&mut self, name: &'static str, ms: u64) {
        let new = || Column::Time(TimestampMillisecondBuilder::new().with_timezone("UTC"));
        let Column::Time(builder) = self.column(name, new) else { panic!("column {name} has one type") };
        builder.append_value(i64::try_from(ms).unwrap_or(i64::MAX));
    }

    pub(crate) fn optional(&mut self, name: &'static str, value: Option<u64>) {
        let Column::Optional(builder) = self.column(name, || Column::Optional(UInt64Builder::new())) else {
            panic!("column {name} has one type");
        };
        builder.append_option(value);
    }

    /// Names and types, as ClickHouse's `input()` takes them.
    pub(crate) fn types(&self) -> Vec<(&'static str, &'static str)> {
        let kind = |column: &Column| match column {
            Column::Text(_) | Column::Bytes(_) => "String",
            Column::Id(_) => "FixedString(16)",
            Column::I32(_) => "Int32",
            Column::I64(_) => "Int64",
            Column::U32(_) => "UInt32",
            Column::U64(_) => "UInt64",
            Column::Optional(_) => "Nullable(UInt64)",
            Column::Time(_) => "DateTime64(3, 'UTC')",
        };
        self.columns.iter().map(|(name, column)| (*name, kind(column))).collect()
    }

    /// All rows as one batch.
    pub(crate) fn stream(self) -> Stream {
        let arrays = self.columns.into_iter().map(|(name, column)| {
            let array: ArrayRef = match column {
                Column::Text(mut b) => Arc::new(b.finish()),
                Column::Bytes(mut b) => Arc::new(b.finish()),
                Column::Id(mut b) => Arc::new(b.finish()),
                Column::I32(mut b) => Arc::new(b.finish()),
                Column::I64(mut b) => Arc::new(b.finish()),
                Column::U32(mut b) => Arc::new(b.finish()),
                Column::U64(mut b) | Column::Optional(mut b) => Arc::new(b.finish()),
                Column::Time(mut b) => Arc::new(b.finish()),
            };
            (name, array)
        });
        let batch = RecordBatch::try_from_iter(arrays).expect("every column has a value for every row");
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new(&mut bytes, batch.schema_ref()).expect("the schema can be written");
        writer.write(&batch).expect("memory takes any batch");
        writer.finish().expect("memory takes the end");
        drop(writer);
        Stream::split(&Bytes::from(bytes)).expect("what was just written is a stream")
    }
}
