//! Rows out of Arrow batches, as JSON values.

use anyhow::{Context, Result, bail};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::borrow::Cow;

/// The batches of one Arrow IPC stream, as splitters send it.
pub fn batches(payload: &Bytes) -> Result<Vec<RecordBatch>> {
    let reader = StreamReader::try_new(payload.as_ref(), None).context("it is no Arrow stream")?;
    reader.collect::<Result<_, _>>().context("it is no Arrow stream")
}

/// One batch, its columns ready to be read row by row.
pub struct Rows<'a> {
    columns: Vec<(&'a str, Column<'a>)>,
    /// How many.
    pub count: usize,
}

enum Column<'a> {
    Plain(&'a ArrayRef),
    /// Few values for many rows: each is made once.
    Words {
        keys: Vec<usize>,
        words: Vec<Value>,
    },
}

impl<'a> Rows<'a> {
    pub fn of(batch: &'a RecordBatch) -> Result<Self> {
        let fields = batch.schema_ref().fields().iter().zip(batch.columns());
        let columns = fields.map(|(field, column)| Ok((field.name().as_str(), Column::of(column)?)));
        Ok(Self { columns: columns.collect::<Result<_>>()?, count: batch.num_rows() })
    }

    /// The value of a column in a row; null when there is no such column.
    pub fn value(&self, name: &str, row: usize) -> Result<Cow<'_, Value>> {
        let column = self.columns.iter().find(|(found, _)| *found == name);
        column.map_or(Ok(Cow::Owned(Value::Null)), |(_, column)| column.value(row))
    }

    /// All columns of a row but `shown`, as a JSON object.
    pub fn rest(&self, row: usize, shown: &'a [&'a str]) -> Rest<'_> {
        Rest { rows: self, row, shown }
    }
}

impl<'a> Column<'a> {
    fn of(column: &'a ArrayRef) -> Result<Self> {
        if !matches!(column.data_type(), DataType::Dictionary(_, _)) || column.null_count() > 0 {
            return Ok(Self::Plain(column));
        }
        let dictionary = column.as_any_dictionary();
        let words = (0..dictionary.values().len()).map(|i| value(dictionary.values(), i));
        Ok(Self::Words { keys: dictionary.normalized_keys(), words: words.collect::<Result<_>>()? })
    }

    fn value(&self, row: usize) -> Result<Cow<'_, Value>> {
        match self {
            Self::Plain(column) => value(column, row).map(Cow::Owned),
            Self::Words { keys, words } => Ok(Cow::Borrowed(&words[keys[row]])),
        }
    }
}

/// What of a row is not shown elsewhere.
pub struct Rest<'a> {
    rows: &'a Rows<'a>,
    row: usize,
    shown: &'a [&'a str],
}

impl Serialize for Rest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, column) in self.rows.columns.iter().filter(|(name, _)| !self.shown.contains(name)) {
            map.serialize_entry(name, &*column.value(self.row).map_err(serde::ser::Error::custom)?)?;
        }
        map.end()
    }
}

fn value(column: &ArrayRef, i: usize) -> Result<Value> {
    if column.is_null(i) {
        return Ok(Value::Null);
    }
    macro_rules! number {
        ($type:ty) => {
            column.as_primitive::<$type>().value(i).into()
        };
    }
    macro_rules! time {
        ($type:ty) => {{
            let array = column.as_primitive::<$type>();
            match array.value_as_datetime(i) {
                Some(time) => format!("{}{}", time.format("%Y-%m-%dT%H:%M:%S%.f"), zone(column.data_type())).into(),
                None => array.value(i).into(),
            }
        }};
    }
    Ok(match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => column.as_boolean().value(i).into(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Utf8 => column.as_string::<i32>().value(i).into(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(i).into(),
        DataType::Utf8View => column.as_string_view().value(i).into(),
        DataType::Binary => hex(column.as_binary::<i32>().value(i)).into(),
        DataType::LargeBinary => hex(column.as_binary::<i64>().value(i)).into(),
        DataType::FixedSizeBinary(_) => hex(column.as_fixed_size_binary().value(i)).into(),
        DataType::Timestamp(TimeUnit::Second, _) => time!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => time!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => time!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => time!(TimestampNanosecondType),
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary();
            value(dictionary.values(), dictionary.normalized_keys()[i])?
        }
        DataType::Map(_, _) => {
            let entries = column.as_map().value(i);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pairs = (0..entries.len()).map(|j| Ok((text(&value(keys, j)?), value(values, j)?)));
            Value::Object(pairs.collect::<Result<_>>()?)
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(i);
            Value::Array((0..items.len()).map(|j| value(&items, j)).collect::<Result<_>>()?)
        }
        other => bail!("a column of the type {other} has no form in JSON here"),
    })
}

fn zone(kind: &DataType) -> &'static str {
    // A time of a known zone is sent as UTC; one that was read from a line without a zone stays without.
    if matches!(kind, DataType::Timestamp(_, Some(_))) { "Z" } else { "" }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a String takes all");
        out
    })
}
