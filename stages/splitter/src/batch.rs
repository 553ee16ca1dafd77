//! Rows on their way into one Arrow stream.

use crate::level::{LEVELS, level};
use crate::schema::{entries, entry};
use crate::time::Times;
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, FixedSizeBinaryArray, Int8Array, MapArray, RecordBatch, StringArray, StructArray,
    TimestampMillisecondArray, UInt32Array, UInt64Array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use logmill_core::{FileMeta, LineSpan};
use memchr::memchr_iter;
use std::sync::Arc;

/// A stream is closed before it grows over this many bytes: Kafka's brokers take 1,048,588 by default, its clients
/// 1,000,000, headers included.
const STREAM_BYTES: usize = 900 << 10;
/// What a row takes beside its text, in all columns, and a little for padding.
const ROW_BYTES: usize = 62;
/// What a stream takes beside its rows and the file's names.
const FRAME_BYTES: usize = 8 << 10;

/// The columns that differ from row to row, and what is the same in all.
pub(crate) struct Batch<'a> {
    file: &'a FileMeta,
    channel: &'a str,
    /// Of the first row on.
    span: LineSpan,
    /// The lines' text, end to end.
    text: Vec<u8>,
    /// Where in `text` each row begins, and where the last one ends: one more than there are rows.
    offsets: Vec<i32>,
    levels: Vec<i8>,
    times: Vec<i64>,
    /// Which rows have a time.
    timed: Vec<bool>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(file: &'a FileMeta, channel: &'a str, span: LineSpan) -> Self {
        let rows = usize::try_from(span.rows).unwrap_or(usize::MAX).min(STREAM_BYTES / ROW_BYTES);
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self {
            file,
            channel,
            span,
            text: Vec::new(),
            offsets,
            levels: Vec::with_capacity(rows),
            times: Vec::with_capacity(rows),
            timed: Vec::with_capacity(rows),
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.levels.len() as u64
    }

    /// Takes rows from the front of `payload`, at least one and as many as fit; how many bytes they were.
    pub(crate) fn fill(&mut self, payload: &[u8]) -> usize {
        let names = [self.channel, &self.file.cluster, &self.file.path, &self.file.app];
        let mut room = STREAM_BYTES.saturating_sub(FRAME_BYTES + names.iter().map(|n| n.len()).sum::<usize>());
        self.text.reserve(payload.len().min(room));
        let mut times = Times::default();
        let mut from = 0;
        for end in memchr_iter(b'\n', payload) {
            let row = &payload[from..end];
            let row = row.strip_suffix(b"\r").unwrap_or(row);
            if !self.take(row, &mut room, &mut times) {
                return from;
            }
            from = end + 1;
        }
        if from < payload.len() && self.take(&payload[from..], &mut room, &mut times) {
            from = payload.len();
        }
        from
    }

    /// Adds a row, if it is the first or there is room.
    fn take(&mut self, row: &[u8], room: &mut usize, times: &mut Times) -> bool {
        let needed = row.len() + ROW_BYTES;
        if needed > *room && !self.levels.is_empty() {
            return false;
        }
        *room = room.saturating_sub(needed);
        let (time, after) = times.leading(row).map_or((None, 0), |(ms, after)| (Some(ms), after));
        self.levels.push(level(row, after));
        self.times.push(time.unwrap_or_default());
        self.timed.push(time.is_some());
        self.text.extend_from_slice(row);
        self.offsets.push(i32::try_from(self.text.len()).expect("a stream is far smaller than 2 GiB"));
        true
    }

    /// The whole stream.
    ///
    /// # Panics
    /// When the columns are not what `schema` says.
    pub(crate) fn finish(self, schema: &SchemaRef) -> Vec<u8> {
        let rows = self.levels.len();
        let word = |word: &str| words(vec![0; rows], &[word]);
        let mut parts = vec![0; rows];
        parts[0] = self.span.first_part;
        let lines: Vec<u64> = (self.span.first_line..).take(rows).collect();
        let file_time = i64::try_from(self.file.modified_ms).unwrap_or(i64::MAX);
        let nulls = Some(NullBuffer::from(self.timed)).filter(|nulls| nulls.null_count() > 0);
        let times = TimestampMillisecondArray::new(ScalarBuffer::from(self.times), nulls);
        let file_ids = Buffer::from(self.file.file_id.to_bytes().repeat(rows));
        let capacity = FRAME_BYTES + self.file.path.len() + self.text.len() + rows * (ROW_BYTES + 1);
        // SAFETY: the rows are cut from text that was checked to be UTF-8, before and after LF and CR, so that each
        // begins and ends with a whole character; the offsets rise from 0 to the length of the text.
        let text = unsafe {
            StringArray::new_unchecked(
                OffsetBuffer::new_unchecked(ScalarBuffer::from(self.offsets)),
                Buffer::from(self.text),
                None,
            )
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(FixedSizeBinaryArray::new(16, file_ids, None)),
            Arc::new(UInt32Array::from(vec![self.file.load.0; rows])),
            Arc::new(UInt64Array::from(lines)),
            Arc::new(UInt32Array::from(parts)),
            word(&self.file.cluster),
            word(&self.file.path),
            word(&self.file.app),
            word(self.channel),
            words(self.levels, &LEVELS),
            Arc::new(TimestampMillisecondArray::from(vec![file_time; rows]).with_timezone("UTC")),
            Arc::new(times.with_timezone("UTC")),
            Arc::new(text),
            no_fields(rows),
        ];
        let batch = RecordBatch::try_new(Arc::clone(schema), columns).expect("the columns are those of the schema");
        write(&batch, capacity)
    }
}

/// A dictionary column.
fn words(indices: Vec<i8>, words: &[&str]) -> ArrayRef {
    let words = Arc::new(StringArray::from(words.to_vec()));
    Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(indices), words))
}

/// The `fields` column, empty in every row.
fn no_fields(rows: usize) -> ArrayRef {
    let none = || Arc::new(StringArray::from(Vec::<&str>::new())) as ArrayRef;
    let nothing = StructArray::new(entry(), vec![none(), none()], None);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0; rows + 1]));
    Arc::new(MapArray::new(entries(), offsets, nothing, None, false))
}

fn write(batch: &RecordBatch, capacity: usize) -> Vec<u8> {
    const ALIGNMENT: usize = 8; // what the format asks for at least: small batches stay small
    const IN_MEMORY: &str = "writing to memory does not fail";
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5).expect("valid options");
    let out = Vec::with_capacity(capacity);
    let mut writer = StreamWriter::try_new_with_options(out, &batch.schema(), options).expect(IN_MEMORY);
    writer.write(batch).expect(IN_MEMORY);
    writer.into_inner().expect(IN_MEMORY)
}
