//! What the fetcher sends: chunks, ledger events, dead letters.

use crate::log::{Outgoing, Partition};
use bytes::Bytes;
use logmill_core::event::{Event, LedgerRecord, Reject};
use logmill_core::wire::{Kind, Record, WireChunk, header};
use logmill_core::{FileMeta, Seq};
use std::sync::Arc;

/// The stage's name in the ledger, in metrics and in its consumer group.
pub const STAGE: &str = "fetcher";

/// A topic that is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub topic: Arc<str>,
    /// How many partitions it has; at least 1.
    pub partitions: i32,
}

impl Lane {
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partitions: i32) -> Self {
        Self { topic: topic.into(), partitions }
    }

    /// To the partition of the file.
    #[must_use]
    pub fn of(&self, file: &FileMeta, record: Record) -> Outgoing {
        self.at(file.file_id.partition(self.partitions), record)
    }

    pub(crate) fn at(&self, index: i32, record: Record) -> Outgoing {
        Outgoing { partition: Partition { topic: Arc::clone(&self.topic), index }, record }
    }
}

/// A chunk or marker of `raw`. The first one carries the file's description.
pub(super) fn chunk(file: &FileMeta, plan: &str, seq: Seq, kind: Kind, silent: bool, payload: Bytes) -> Record {
    // W3C Trace Context, version 00: the file is the trace, the chunk the span (never 0).
    let trace = format!("00-{}-{:016x}-01", file.file_id, seq.0.wrapping_add(1));
    WireChunk {
        file_id: file.file_id,
        load: file.load,
        seq,
        kind,
        silent,
        plan: plan.to_owned(),
        file: (seq.0 == 0).then(|| Box::new(file.clone())),
        span: None,
        header: None,
        notes: vec![
            (header::CLUSTER.into(), file.cluster.clone()),
            (header::PATH.into(), file.path.clone()),
            (header::TRACEPARENT.into(), trace),
        ],
        packed: false,
        payload,
    }
    .encode()
}

/// An event of the ledger.
pub(super) fn event(file: &FileMeta, now_ms: u64, event: Event) -> Record {
    let record = LedgerRecord {
        file_id: file.file_id,
        load: file.load,
        cluster: file.cluster.clone(),
        path: file.path.clone(),
        app: file.app.clone(),
        archive: None,
        length: file.length,
        modified_ms: file.modified_ms,
        stage: STAGE.into(),
        at_ms: now_ms,
        event,
    };
    Record {
        key: file.file_id.to_string().into(),
        headers: Vec::new(),
        payload: serde_json::to_vec(&record).expect("an event is plain data").into(),
    }
}

/// A dead letter; `origin` is the place of the task.
pub(super) fn dead_letter(file: Option<&FileMeta>, origin: &str, reject: &Reject) -> Record {
    let mut headers: Vec<(String, Bytes)> = Vec::new();
    let mut put = |name: &str, value: String| headers.push((name.to_owned(), value.into()));
    put(header::REASON, reject.reason.name().into());
    put(header::DETAIL, reject.detail.clone());
    put(header::STAGE, STAGE.into());
    put(header::ORIGIN, origin.into());
    if let Some(byte) = reject.at_byte {
        put(header::AT_BYTE, byte.to_string());
    }
    if let Some(file) = file {
        put(header::LOAD, file.load.to_string());
        put(header::FILE, serde_json::to_string(file).expect("a file's description is plain data"));
    }
    Record {
        key: file.map(|f| f.file_id.to_string().into()).unwrap_or_default(),
        headers,
        payload: reject.bytes.clone(),
    }
}
