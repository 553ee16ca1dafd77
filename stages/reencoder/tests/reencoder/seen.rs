//! What becomes of a file.

use bytes::Bytes;
use encoding_rs::GB18030;
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, LineSpan, Output, Plan, Stage};
use logmill_reencoder::Reencoder;
use proptest::prelude::*;
use std::sync::Arc;

pub(crate) fn file(plan: Plan) -> Arc<FileMeta> {
    Arc::new(FileMeta::new(FileId(1), "a", "/logs/app.log", plan))
}

#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) chunks: Vec<(Bytes, LineSpan)>,
    /// The event: every file has one.
    pub(crate) closed: Option<Event>,
}

pub(crate) struct Closed {
    pub(crate) lines: u64,
    pub(crate) rows: u64,
    pub(crate) malformed: u64,
    pub(crate) found: String,
    pub(crate) evidence: String,
    pub(crate) quarantine: Option<String>,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.chunks.iter().flat_map(|c| c.0.to_vec()).collect()).expect("text is UTF-8")
    }

    pub(crate) fn closed(&self) -> Closed {
        let Some(Event::Closed { lines, rows, malformed, found, evidence, quarantine, .. }) = self.closed.clone()
        else {
            panic!("every file is closed with an event")
        };
        Closed { lines, rows, malformed, found: found.unwrap(), evidence: evidence.unwrap(), quarantine }
    }
}

pub(crate) fn run_pieces<'a>(plan: Plan, pieces: impl IntoIterator<Item = &'a [u8]>, end: Option<End>) -> Seen {
    let (mut chunks, mut closed) = (Vec::new(), None);
    let mut see = |output| match output {
        Output::Product(p) => chunks.push((p.payload, p.span.expect("text knows its lines"))),
        Output::Reject(_, reject) => panic!("{reject:?}"),
        Output::Open(_) | Output::Close(_) => panic!("text has no members"),
        Output::Event(stage, event) => {
            assert_eq!(stage, Reencoder::NAME);
            closed = Some(event);
        }
    };
    let mut run = Run::new(&Reencoder, &file(plan));
    for piece in pieces {
        run.push(Bytes::copy_from_slice(piece), &mut see);
    }
    if let Some(end) = end {
        assert_eq!(run.end(end, &mut see), end.outcome());
    }
    Seen { chunks, closed }
}

pub(crate) fn run(input: &[u8]) -> Seen {
    run_pieces(Plan::default(), [input], Some(End::Complete))
}

/// Small sizes, so that a few words make many chunks.
pub(crate) fn small(text_bytes: u32, line_bytes: u32) -> Plan {
    Plan { text_bytes, line_bytes, plain_bytes: 64, ..Plan::default() }
}

#[track_caller]
pub(crate) fn check(input: &[u8], text: &str, encoding: &str) -> Closed {
    let seen = run(input);
    let closed = seen.closed();
    assert_eq!(seen.text(), text, "{}", closed.evidence);
    assert_eq!(closed.found, encoding, "{}", closed.evidence);
    closed
}

pub(crate) const CHINESE: &str = "2026-11-22 10:00:00 INFO 作业已提交到集群，等待资源分配完成后开始运行\n";

/// Runs it in pieces of some sizes, and holds that they come to the same.
pub(crate) fn run_cut(plan: &Plan, input: &[u8]) -> Seen {
    let whole = run_pieces(plan.clone(), [input], Some(End::Complete));
    for size in [13, 4096, 100_001] {
        assert_eq!(run_pieces(plan.clone(), input.chunks(size), Some(End::Complete)), whole, "in pieces of {size}");
    }
    whole
}

/// Files of all kinds, small.
pub(crate) fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "[ -~]{0,30}".prop_map(String::into_bytes),
        "[一-十]{0,12}".prop_map(String::into_bytes),
        "[一-十]{0,12}".prop_map(|s| GB18030.encode(&s).0.into_owned()),
        "[ -~一-十]{0,9}".prop_map(|s| s.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        proptest::collection::vec(any::<u8>(), 0..12),
        Just(vec![0xef, 0xbb, 0xbf]),
    ];
    let end = prop_oneof![Just(&b"\n"[..]), Just(&b"\r\n"[..]), Just(&b""[..])];
    proptest::collection::vec((line, end), 0..12)
        .prop_map(|lines| lines.into_iter().flat_map(|(l, e)| [l, e.to_vec()].concat()).collect())
}

/// Sizes so small that a line is cut.
pub(crate) fn any_plan() -> impl Strategy<Value = Plan> {
    (4u32..40, 0u32..40).prop_map(|(line, more)| Plan { encoding: Some("utf-8".into()), ..small(line + more, line) })
}
