//! What the ledger is told: events of files and of chunks, and rejects.

use crate::id::{FileId, Load};
use crate::stage::{LineSpan, Outcome};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a stage tells the ledger, without the origin: the runner adds file, load, stage, time and position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A stage with state per file has seen the file's end.
    Closed {
        outcome: Outcome,
        bytes_in: u64,
        bytes_out: u64,
        /// Lines and rows cut: the re-encoder's alone, 0 elsewhere.
        lines: u64,
        rows: u64,
        /// Malformed sequences that became U+FFFD.
        malformed: u64,
        /// CRC-32 (ISO 3309) of the bytes in, as 8 hex digits, where the stage computes one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        crc32: Option<String>,
        /// What it turned out to be (codec or encoding) and the evidence, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<String>,
        /// The load has to stay hidden until someone releases it; why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quarantine: Option<String>,
    },
    /// From `text` on: a whole chunk went through.
    Passed {
        first_line: u64,
        first_part: u32,
        rows: u64,
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
    /// The fetcher has taken the file and sends its first byte.
    Opened,
    /// The fetcher has parked the file at this byte, because its cluster does not answer.
    Parked { at: u64 },
    /// The fetcher goes on with a parked file from this byte.
    Resumed { at: u64 },
}

/// Why something could not be turned into anything. Sent by name in the dead letter's header `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// The compressed stream ends before its end.
    Truncated,
    /// The compressed stream is damaged.
    Corrupt,
    /// Bytes that belong to no member, frame or block.
    TrailingGarbage,
    /// A limit of the plan on ratio, bytes or window was passed.
    Bomb,
    /// The file vanished or changed while it was fetched.
    Changed,
    /// A chunk whose predecessors are gone (retention ate something).
    Headless,
    /// The chunk killed its worker again and again.
    Decree,
    /// A chunk out of its order: `seq` is not the expected one.
    OutOfOrder,
    /// A record that is not a chunk at all, or whose payload is not what its topic promises.
    Malformed,
    /// Rows that the database refuses for their data.
    Refused,
}

impl RejectReason {
    /// The name as it is sent and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::TrailingGarbage => "trailing-garbage",
            Self::Bomb => "bomb",
            Self::Changed => "changed",
            Self::Headless => "headless",
            Self::Decree => "decree",
            Self::OutOfOrder => "out-of-order",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
        }
    }
}

/// What a stage could not turn into anything; goes to the dead letters with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The stage that rejects, where it is not the one that runs (a part of fused stages).
    pub stage: Option<&'static str>,
    pub reason: RejectReason,
    /// What happened, for people: one line.
    pub detail: String,
    /// Byte offset in the stage's input for this file, where that is known.
    pub at_byte: Option<u64>,
    /// The lines concerned, where that is known.
    pub span: Option<LineSpan>,
    /// The bytes concerned, cut to [`Reject::MAX_BYTES`].
    pub bytes: Bytes,
}

impl Reject {
    /// How much of the input a dead letter carries.
    pub const MAX_BYTES: usize = 64 << 10;

    #[must_use]
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { stage: None, reason, detail: detail.into(), at_byte: None, span: None, bytes: Bytes::new() }
    }

    /// Attributes it to `stage`, unless it is attributed already.
    #[must_use]
    pub fn by(mut self, stage: &'static str) -> Self {
        self.stage.get_or_insert(stage);
        self
    }

    #[must_use]
    pub fn at(mut self, byte: u64) -> Self {
        self.at_byte = Some(byte);
        self
    }

    #[must_use]
    pub fn lines(mut self, span: LineSpan) -> Self {
        self.span = Some(span);
        self
    }

    #[must_use]
    pub fn carrying(mut self, bytes: &Bytes) -> Self {
        self.bytes = bytes.slice(..bytes.len().min(Self::MAX_BYTES));
        self
    }
}

/// An event as it stands on the topic `file-events`: JSON, one object a record, the key is the file id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRecord {
    pub file_id: FileId,
    pub load: Load,
    pub cluster: String,
    pub path: String,
    pub app: String,
    /// Where it is a member of an archive: the file of the store in which it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<FileId>,
    /// Length in bytes and modification time (ms since 1970), as listed.
    pub length: u64,
    pub modified_ms: u64,
    pub stage: String,
    /// When the runner sent it, ms since 1970.
    pub at_ms: u64,
    #[serde(flatten)]
    pub event: Event,
}
