//! A chunk as a record: key, headers, payload. The payload is the bare bytes; every header is a decimal number or plain
//! text or JSON, so that any Kafka tool can read them. `schemas/` holds the contract of every topic.

use crate::file::FileMeta;
use crate::id::{FileId, Load, Seq};
use crate::packed;
use crate::stage::{End, LineSpan};
use bytes::Bytes;
use std::fmt::Write as _;
use std::sync::Arc;

/// A record on its way to a topic or just read from one, without its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Record {
    pub key: Bytes,
    pub headers: Vec<(String, Bytes)>,
    pub payload: Bytes,
}

/// Names of headers.
pub mod header {
    pub const SEQ: &str = "seq";
    pub const KIND: &str = "kind";
    pub const LOAD: &str = "load";
    pub const SILENT: &str = "silent";
    pub const PLAN: &str = "plan";
    pub const FILE: &str = "file";
    pub const PACKED: &str = "packed";
    pub const LINE: &str = "line";
    pub const PART: &str = "part";
    pub const ROWS: &str = "rows";
    pub const TRACEPARENT: &str = "traceparent";
    pub const STAGE: &str = "stage";
    pub const REASON: &str = "reason";
    pub const DETAIL: &str = "detail";
    pub const ORIGIN: &str = "origin";
    pub const AT_BYTE: &str = "at-byte";
    pub const CLUSTER: &str = "cluster";
    pub const PATH: &str = "path";
    pub const CHANNEL: &str = "channel";
    /// The file's own header line, for the chunk's lines.
    pub const HEADER: &str = "header";
}

/// What a record of a chain topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    /// The file is over; how.
    End(End),
    /// The file's state is dropped without flushing; it comes again from byte 0, flagged silent.
    Park,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Data => "data",
            Kind::End(End::Complete) => "end",
            Kind::End(End::Partial) => "end-partial",
            Kind::End(End::Abort) => "abort",
            Kind::Park => "park",
        }
    }

    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"data" => Kind::Data,
            b"end" => Kind::End(End::Complete),
            b"end-partial" => Kind::End(End::Partial),
            b"abort" => Kind::End(End::Abort),
            b"park" => Kind::Park,
            _ => return None,
        })
    }
}

/// A chunk as it stands on a chain topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireChunk {
    pub file_id: FileId,
    pub load: Load,
    pub seq: Seq,
    pub kind: Kind,
    /// Sent again only to rebuild state (after a park): its output is flagged too, and dropped by the last stage.
    pub silent: bool,
    /// The version of the file's plan.
    pub plan: String,
    /// The file: in the first chunk, and from `text` on in every one.
    pub file: Option<Box<FileMeta>>,
    /// From `text` on: which rows.
    pub span: Option<LineSpan>,
    /// From `text` on: the file's header line that is in force where the payload begins.
    pub header: Option<Arc<str>>,
    /// Headers for people and other readers.
    pub notes: Vec<(String, String)>,
    /// The payload is [packed](crate::packed).
    pub packed: bool,
    pub payload: Bytes,
}

/// A record that is not a chunk: what is wrong with which header.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    #[error("header {0:?} is missing")]
    Missing(&'static str),
    #[error("header {name:?} is not {expected}: {value:?}")]
    Bad { name: &'static str, expected: &'static str, value: String },
    #[error("the key is not the 32 hex digits of a file id: {0:?}")]
    Key(String),
    #[error("header {0:?} stands there twice")]
    Twice(&'static str),
}

/// The most characters of a bad value that an error shows.
const SHOWN: usize = 80;

fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.chars().take(SHOWN).collect()
}

impl Record {
    /// The value of a header, if it stands there once or more: the first.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, WireError> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let Some((_, value)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(WireError::Twice(name));
        }
        std::str::from_utf8(value).map(Some).map_err(|_| WireError::Bad {
            name,
            expected: "UTF-8",
            value: shown(value),
        })
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, WireError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let bad = || WireError::Bad { name, expected: "a decimal number in range", value: shown(text.as_bytes()) };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        text.parse().map(Some).map_err(|_| bad())
    }

    /// Packs the payload of a chunk's bytes, where that makes it smaller and it is not packed yet.
    #[must_use]
    pub fn pack(&self) -> Option<Bytes> {
        let is_data = self.header(header::KIND).is_some_and(|kind| **kind == *Kind::Data.name().as_bytes());
        if is_data && self.header(header::PACKED).is_none() { packed::pack(&self.payload) } else { None }
    }

    /// Bytes of the payload as it is unpacked.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let packed = self.header(header::PACKED).and_then(|_| packed::length(&self.payload));
        packed.unwrap_or(self.payload.len())
    }

    /// Unpacks a packed payload. One that is not what its header says is left as it is, with its header.
    pub fn unpack(&mut self) {
        if self.header(header::PACKED).is_some_and(|value| **value == *packed::LZ4.as_bytes())
            && let Some(payload) = packed::unpack(&self.payload)
        {
            self.payload = payload;
            self.headers.retain(|(name, _)| name != header::PACKED);
        }
    }

    /// Reads the file id out of the key.
    ///
    /// # Errors
    /// When the key is not 32 hex digits.
    pub fn file_id(&self) -> Result<FileId, WireError> {
        std::str::from_utf8(&self.key).ok().and_then(|t| t.parse().ok()).ok_or_else(|| WireError::Key(shown(&self.key)))
    }
}

impl WireChunk {
    /// The record that this chunk is sent as.
    #[must_use]
    pub fn encode(self) -> Record {
        let text = |v: String| Bytes::from(v.into_bytes());
        let mut headers = Vec::with_capacity(8 + self.notes.len());
        let mut put = |name: &str, value: Bytes| headers.push((name.to_owned(), value));
        put(header::SEQ, text(self.seq.to_string()));
        put(header::KIND, Bytes::from_static(self.kind.name().as_bytes()));
        put(header::LOAD, text(self.load.to_string()));
        put(header::PLAN, text(self.plan));
        if self.silent {
            put(header::SILENT, Bytes::from_static(b"1"));
        }
        if let Some(span) = self.span {
            put(header::LINE, text(span.first_line.to_string()));
            put(header::PART, text(span.first_part.to_string()));
            put(header::ROWS, text(span.rows.to_string()));
        }
        if let Some(line) = self.header {
            put(header::HEADER, Bytes::copy_from_slice(line.as_bytes()));
        }
        if let Some(file) = self.file {
            put(header::FILE, Bytes::from(serde_json::to_vec(&file).expect("a file's description is plain data")));
        }
        if self.packed {
            put(header::PACKED, Bytes::from_static(packed::LZ4.as_bytes()));
        }
        for (name, value) in self.notes {
            put(&name, text(value));
        }
        let mut key = String::with_capacity(32);
        write!(key, "{}", self.file_id).expect("a String takes any text");
        Record { key: text(key), headers, payload: self.payload }
    }

    /// Reads a record of a chain topic.
    ///
    /// # Errors
    /// Says which header is missing or wrong. Nothing a record can hold makes this panic.
    pub fn decode(record: &Record) -> Result<Self, WireError> {
        let kind = record.text(header::KIND)?.ok_or(WireError::Missing(header::KIND))?;
        let kind = Kind::of(kind.as_bytes()).ok_or_else(|| WireError::Bad {
            name: header::KIND,
            expected: "data, end, end-partial, abort or park",
            value: shown(kind.as_bytes()),
        })?;
        let file_id = record.file_id()?;
        let load = Load(record.number(header::LOAD)?.ok_or(WireError::Missing(header::LOAD))?);
        let file: Option<Box<FileMeta>> = match record.text(header::FILE)? {
            None => None,
            Some(json) => Some(serde_json::from_str(json).map_err(|e| WireError::Bad {
                name: header::FILE,
                expected: "a file's description",
                value: shown(e.to_string().as_bytes()),
            })?),
        };
        if let Some(file) = &file
            && (file.file_id, file.load) != (file_id, load)
        {
            return Err(WireError::Bad {
                name: header::FILE,
                expected: "the file of the key and load",
                value: format!("{} load {}", file.file_id, file.load),
            });
        }
        let span = match record.number(header::LINE)? {
            None => None,
            Some(first_line) => {
                let span = LineSpan {
                    first_line,
                    first_part: record.number(header::PART)?.ok_or(WireError::Missing(header::PART))?,
                    rows: record.number(header::ROWS)?.ok_or(WireError::Missing(header::ROWS))?,
                };
                let fits = span.first_line >= 1
                    && span.rows >= 1
                    && span.first_line.checked_add(span.rows).is_some_and(|l| l < 1 << 62);
                if !fits {
                    let value = format!("{span:?}");
                    return Err(WireError::Bad {
                        name: header::LINE,
                        expected: "a span of one row or more from line 1 on",
                        value,
                    });
                }
                Some(span)
            }
        };
        let packed = match record.text(header::PACKED)? {
            None => false,
            Some(packed::LZ4) => true,
            Some(value) => {
                return Err(WireError::Bad {
                    name: header::PACKED,
                    expected: packed::LZ4,
                    value: shown(value.as_bytes()),
                });
            }
        };
        const KNOWN: [&str; 11] = [
            header::SEQ,
            header::KIND,
            header::LOAD,
            header::PLAN,
            header::SILENT,
            header::LINE,
            header::PART,
            header::ROWS,
            header::FILE,
            header::PACKED,
            header::HEADER,
        ];
        let notes = record
            .headers
            .iter()
            .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        Ok(Self {
            file_id,
            load,
            seq: Seq(record.number(header::SEQ)?.ok_or(WireError::Missing(header::SEQ))?),
            kind,
            silent: record.text(header::SILENT)?.is_some(),
            plan: record.text(header::PLAN)?.ok_or(WireError::Missing(header::PLAN))?.to_owned(),
            file,
            span,
            header: record.text(header::HEADER)?.map(Arc::from),
            notes,
            packed,
            payload: record.payload.clone(),
        })
    }
}
