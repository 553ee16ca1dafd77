//! The body of an INSERT of rows: the Arrow batches of the records, as they came, under one schema.
//!
//! **Invariant:** what is sent holds exactly the rows that the records' headers name. The anti-join looks up these
//! ranges and no others, so a row outside of them would be inserted again and again; such a record is a reject.

use crate::body::{Body, Prepared};
use crate::ipc::{END, Stream};
use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMillisecondType, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use logmill_clickhouse::{LineRange, Place, merge_ranges, rows_sql, shard_rows_sql};
use logmill_core::{LineSpan, Reject, RejectReason};
use logmill_protocol::load::{Insert, Item, RowRange};
use logmill_runner::panic_text;
use std::any::Any;
use std::panic::catch_unwind;

/// The columns of a row batch, in order, with what their Arrow type begins with as Rust shows it. A splitter of before there
/// were records of several lines has no `lines`.
const COLUMNS: [(&str, &[&str]); 14] = [
    ("file_id", &["FixedSizeBinary(16)"]),
    ("load", &["UInt32"]),
    ("line", &["UInt64"]),
    ("part", &["UInt32"]),
    (LINES, &["UInt32"]),
    ("cluster", TEXT),
    ("path", TEXT),
    ("app", TEXT),
    ("channel", TEXT),
    ("level", TEXT),
    ("file_time", &["Timestamp(ms", "Timestamp(Millisecond"]),
    ("time", &["Timestamp(ms", "Timestamp(Millisecond"]),
    ("text", &["Utf8"]),
    ("fields", &["Map("]),
];
const LINES: &str = "lines";
const TEXT: &[&str] = &["Utf8", "Dictionary("];

/// One record whose batches are as its headers say.
struct Checked {
    stream: Stream,
    range: LineRange,
    /// It says how many lines each row has.
    counted: bool,
    /// Its place, where it is one row.
    row: Option<LineSpan>,
}

/// Records that go together: to one place, under one schema.
struct Group {
    place: Option<Place>,
    schema: Bytes,
    records: Vec<Checked>,
}

/// Makes the bodies of an INSERT. Usually one, or one a shard; records of another schema (splitters of two versions) go by one
/// of their own.
///
/// # Panics
/// When a record without a range gets here: the machine keeps those back.
pub(crate) fn prepare(insert: &Insert, shards: usize) -> Prepared {
    let place = |checked: &Checked| (shards > 0).then(|| Place::of(checked.range.file_id, shards));
    let mut rejected = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut row = None;
    for (index, item) in insert.items.iter().enumerate() {
        match check(item, insert.rows_of(index)) {
            Err(why) => {
                let range = range_of(item);
                let reject =
                    Reject::new(RejectReason::Malformed, why).lines(range.span).carrying(&item.incoming.record.payload);
                rejected.push((item.incoming.offset, reject));
            }
            Ok(None) => {}
            Ok(Some(checked)) => {
                let (place, schema) = (place(&checked), checked.stream.schema.clone());
                match groups.iter_mut().find(|group| group.place == place && group.schema == schema) {
                    Some(group) => group.records.push(checked),
                    None => groups.push(Group { place, schema, records: vec![checked] }),
                }
            }
        }
    }
    // Of several records one could be refused for the other.
    if let ([_], [group]) = (&insert.items[..], &groups[..]) {
        row = group.records[0].row;
    }
    let bodies = groups
        .into_iter()
        .map(|Group { place, schema, mut records }| {
            // In the table's order: the server sees that, and need not sort the block, which would copy every column.
            records.sort_by_key(|checked| checked.range);
            let counted = records[0].counted; // as the schema says, which is the same in all of them
            let ranges = merge_ranges(records.iter().map(|checked| checked.range).collect());
            let mut pieces = vec![schema];
            pieces.extend(records.into_iter().map(|checked| checked.stream.batches));
            pieces.push(Bytes::from_static(&END));
            let sql = match place {
                Some(place) => shard_rows_sql(&ranges, counted, place),
                None => rows_sql(&ranges, counted),
            };
            Body { holder: place.map_or(0, |place| place.number), sql, pieces }
        })
        .collect();
    Prepared { bodies, rejected, row }
}

fn range_of(item: &Item) -> RowRange {
    item.range.as_ref().ok().copied().flatten().expect("a record of rows without a range is not inserted")
}

/// Holds the batches to the headers; cuts the rows out that begin with the units `[first, end)`, where that is not all of
/// them. `None` when no row does.
fn check(item: &Item, (first, end): (u64, u64)) -> Result<Option<Checked>, String> {
    let range = range_of(item);
    let payload = &item.incoming.record.payload;
    let stream = Stream::split(payload).map_err(|e| e.to_string())?;
    let batches = decoded(payload)?;
    let mut units = 0;
    let mut time = None;
    let mut meant = Meant::default();
    for batch in &batches {
        columns_fit(batch)?;
        let times = column(batch, "file_time").as_primitive_opt::<TimestampMillisecondType>();
        let times = times.ok_or("file_time is no time")?;
        let expected = *time.get_or_insert_with(|| times.values().first().copied().unwrap_or_default());
        if times.null_count() > 0 || times.values().iter().any(|t| *t != expected) {
            return Err("file_time differs between the rows of one file".into());
        }
        units = identities_fit(batch, &range, units, |unit, lines| {
            if (first..end).contains(&unit) {
                meant.take(unit, lines);
            } else if unit < first {
                meant.before += 1;
            }
        })?;
    }
    if units != range.span.rows {
        return Err(format!("it has {units} lines, its header says {}", range.span.rows));
    }
    let Some((row_at, lines)) = meant.first else { return Ok(None) };
    let stream =
        if (first, end) == (0, units) { stream } else { cut(&batches, meant.before, meant.before + meant.rows)? };
    let (file_id, load) = (range.file_id, range.load);
    let place = |unit: u64, rows: u64| LineSpan {
        first_line: range.span.first_line + unit,
        first_part: if unit == 0 { range.span.first_part } else { 0 },
        rows,
    };
    let meant_lines = place(first, end - first);
    let file_time_ms = time.unwrap_or_default();
    let range = LineRange { file_id, load, first: meant_lines.first_line, last: meant_lines.last_line(), file_time_ms };
    let counted = batches.iter().all(|batch| batch.column_by_name(LINES).is_some());
    Ok(Some(Checked { stream, range, counted, row: (meant.rows == 1).then(|| place(row_at, lines)) }))
}

/// The rows of a record that are meant.
#[derive(Default)]
struct Meant {
    /// Rows before them.
    before: u64,
    rows: u64,
    /// The unit with which the first of them begins, and how many it has.
    first: Option<(u64, u64)>,
}

impl Meant {
    fn take(&mut self, unit: u64, lines: u64) {
        self.rows += 1;
        self.first.get_or_insert((unit, lines));
    }
}

/// What the library reads out of a stream. It panics at an offset outside of the message where it should refuse (arrow-ipc
/// 60.1); nothing outlives its decoder, so that such a record is a reject like any other.
fn decoded(payload: &Bytes) -> Result<Vec<RecordBatch>, String> {
    let panicked = |panic: Box<dyn Any + Send>| Err(format!("its Arrow stream: {}", panic_text(panic.as_ref())));
    catch_unwind(|| decode(payload)).unwrap_or_else(panicked)
}

fn decode(payload: &Bytes) -> Result<Vec<RecordBatch>, String> {
    let mut decoder = StreamDecoder::new();
    let mut buffer = Buffer::from(payload.clone());
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut buffer).map_err(|e| format!("its Arrow stream: {e}"))? {
        batches.push(batch);
    }
    decoder.finish().map_err(|e| format!("its Arrow stream: {e}"))?;
    Ok(batches)
}

fn columns_fit(batch: &RecordBatch) -> Result<(), String> {
    let schema = batch.schema_ref();
    let counted = schema.column_with_name(LINES).is_some();
    let expected = || COLUMNS.into_iter().filter(|(name, _)| counted || *name != LINES);
    if schema.fields().len() != expected().count() {
        return Err(format!("it has {} columns, a row batch has {}", schema.fields().len(), COLUMNS.len()));
    }
    for (field, (name, kinds)) in schema.fields().iter().zip(expected()) {
        let kind = field.data_type().to_string();
        if field.name() != name || !kinds.iter().any(|k| kind.starts_with(k)) {
            return Err(format!("its column {:?} is {kind}, expected is {name:?} as {}", field.name(), kinds[0]));
        }
    }
    Ok(())
}

/// A column whose name and type have been looked at.
fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a dyn Array {
    batch.column_by_name(name).expect("a batch whose columns fit has them all")
}

/// Every identity of the batch is the one that follows from the headers and from the lines of the rows before; `units` are
/// those of earlier batches. Calls `each` with the first unit of every row and how many it has; gives all units so far.
fn identities_fit(
    batch: &RecordBatch,
    range: &RowRange,
    units: u64,
    mut each: impl FnMut(u64, u64),
) -> Result<u64, String> {
    let ids = column(batch, "file_id").as_fixed_size_binary_opt().ok_or("file_id is not 16 bytes")?;
    let loads = column(batch, "load").as_primitive_opt::<UInt32Type>().ok_or("load is no number")?;
    let lines = column(batch, "line").as_primitive_opt::<UInt64Type>().ok_or("line is no number")?;
    let parts = column(batch, "part").as_primitive_opt::<UInt32Type>().ok_or("part is no number")?;
    let counts = batch.column_by_name(LINES).map(|counts| counts.as_primitive_opt::<UInt32Type>());
    let counts = counts.map(|counts| counts.ok_or("lines is no number")).transpose()?;
    let nulls = [ids.null_count(), loads.null_count(), lines.null_count(), parts.null_count()];
    if nulls.iter().sum::<usize>() + counts.map_or(0, Array::null_count) > 0 {
        return Err("a row has no identity".into());
    }
    let id = range.file_id.to_bytes();
    if !ids.value_data()[ids.offset() * 16..(ids.offset() + ids.len()) * 16].chunks_exact(16).all(|v| v == id) {
        return Err("a row is of another file than its key says".into());
    }
    if loads.values().iter().any(|load| *load != range.load.0) {
        return Err("a row is of another load than its header says".into());
    }
    let mut unit = units;
    for (row, (line, part)) in lines.values().iter().zip(parts.values()).enumerate() {
        let count = counts.map_or(1, |counts| u64::from(counts.value(row)));
        let first_part = if unit == 0 { range.span.first_part } else { 0 };
        if (*line, *part) != (range.span.first_line + unit, first_part) || count == 0 {
            return Err("a row has another place than its headers say".into());
        }
        each(unit, count);
        unit += count;
    }
    Ok(unit)
}

/// The rows `[first, end)` as a stream of their own.
fn cut(batches: &[RecordBatch], first: u64, end: u64) -> Result<Stream, String> {
    let failed = |e: arrow_schema::ArrowError| format!("its Arrow stream cannot be cut: {e}");
    let schema = batches.first().ok_or("it has no rows")?.schema();
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &schema).map_err(failed)?;
    let mut before = 0_u64;
    for batch in batches {
        let rows = batch.num_rows() as u64;
        let from = first.clamp(before, before + rows) - before;
        let to = end.clamp(before, before + rows) - before;
        if from < to {
            writer.write(&batch.slice(from as usize, (to - from) as usize)).map_err(failed)?;
        }
        before += rows;
    }
    writer.finish().map_err(failed)?;
    drop(writer);
    Stream::split(&Bytes::from(bytes)).map_err(|e| e.to_string())
}
