//! The messages of an Arrow IPC stream, found without decoding them: many streams of one schema are one stream when the
//! schema stands once before all of their batches. Format: Apache Arrow, "Serialization and Interprocess Communication".

use arrow_ipc::{MessageHeader, root_as_message};
use bytes::Bytes;

/// Stands before the length of every message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// What ends a stream.
pub const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// One stream, cut after its schema. Both parts are slices of the record.
#[derive(Clone, Debug)]
pub struct Stream {
    pub schema: Bytes,
    /// Dictionaries and batches, without the end.
    pub batches: Bytes,
}

/// Where a stream is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAStream {
    #[error("the Arrow stream is cut short at byte {0}")]
    Short(usize),
    #[error("byte {0} does not begin an Arrow message")]
    NoMessage(usize),
    #[error("the Arrow stream does not begin with a schema")]
    NoSchema,
    #[error("the Arrow stream goes on after its end, at byte {0}")]
    AfterEnd(usize),
}

impl Stream {
    /// Cuts a whole stream: schema, dictionaries, batches, end.
    ///
    /// # Errors
    /// Where the framing is wrong. The content of batches is not looked at.
    pub fn split(bytes: &Bytes) -> Result<Self, NotAStream> {
        let mut at = 0;
        let mut schema_end = None;
        loop {
            let head = bytes.get(at..at + 8).ok_or(NotAStream::Short(at))?;
            if head == END {
                break;
            }
            if head[..4] != CONTINUATION {
                return Err(NotAStream::NoMessage(at));
            }
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let body_at = at + 8 + length;
            let meta = bytes.get(at + 8..body_at).ok_or(NotAStream::Short(at))?;
            let message = root_as_message(meta).map_err(|_| NotAStream::NoMessage(at))?;
            let body = usize::try_from(message.bodyLength()).map_err(|_| NotAStream::NoMessage(at))?;
            let end = body_at.checked_add(body).filter(|end| *end <= bytes.len()).ok_or(NotAStream::Short(at))?;
            match (message.header_type(), schema_end) {
                (MessageHeader::Schema, None) => schema_end = Some(end),
                (MessageHeader::DictionaryBatch | MessageHeader::RecordBatch, Some(_)) => {}
                (_, None) => return Err(NotAStream::NoSchema),
                (_, Some(_)) => return Err(NotAStream::NoMessage(at)),
            }
            at = end;
        }
        if at + END.len() != bytes.len() {
            return Err(NotAStream::AfterEnd(at + END.len()));
        }
        let schema_end = schema_end.ok_or(NotAStream::NoSchema)?;
        Ok(Self { schema: bytes.slice(..schema_end), batches: bytes.slice(schema_end..at) })
    }
}
