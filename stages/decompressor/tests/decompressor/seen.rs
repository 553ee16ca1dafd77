//! What becomes of a file.

use crate::pack::gzip;
use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, Load, Outcome, Output, Plan, Reject, RejectReason};
use logmill_decompressor::Decompressor;
use std::sync::Arc;

pub(crate) fn file(plan: Plan) -> Arc<FileMeta> {
    let (file_id, load) = (FileId(1), Load(0));
    let (cluster, path, app) = ("a".into(), "/logs/app.log.gz".into(), String::new());
    Arc::new(FileMeta { file_id, load, cluster, path, path_bytes: None, length: 0, modified_ms: 0, app, plan })
}

#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) rejects: Vec<(RejectReason, Option<u64>)>,
    pub(crate) details: Vec<String>,
    pub(crate) outcome: Outcome,
    pub(crate) closed: Option<Event>,
}

impl Seen {
    pub(crate) fn plain(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(crate) fn evidence(&self) -> &str {
        let Some(Event::Closed { evidence: Some(evidence), .. }) = &self.closed else {
            panic!("every file is closed with an event")
        };
        evidence
    }

    pub(crate) fn reasons(&self) -> Vec<RejectReason> {
        self.rejects.iter().map(|r| r.0).collect()
    }
}

pub(crate) fn run_file<'a>(file: &Arc<FileMeta>, pieces: impl IntoIterator<Item = &'a [u8]>, end: End) -> Seen {
    let (mut chunks, mut rejects, mut details, mut closed) = (Vec::new(), Vec::new(), Vec::new(), None);
    let mut see = |output| match output {
        Output::Product(product) => chunks.push(product.payload),
        Output::Reject(_, Reject { reason, at_byte, detail, .. }) => {
            rejects.push((reason, at_byte));
            details.push(detail);
        }
        Output::Event(_, event) => closed = Some(event),
    };
    let mut run = Run::new(&Decompressor, file);
    for piece in pieces {
        run.push(Bytes::copy_from_slice(piece), &mut see);
    }
    let outcome = run.end(end, &mut see);
    Seen { chunks, rejects, details, outcome, closed }
}

pub(crate) fn run_pieces<'a>(plan: Plan, pieces: impl IntoIterator<Item = &'a [u8]>, end: End) -> Seen {
    run_file(&file(plan), pieces, end)
}

/// What becomes of a file of this name.
pub(crate) fn run_named(path: &str, input: &[u8]) -> Seen {
    run_file(&named(path, input.len(), Plan::default()), [input], End::Complete)
}

/// A file of this name and length.
pub(crate) fn named(path: &str, length: usize, plan: Plan) -> Arc<FileMeta> {
    let mut meta = file(plan);
    let changed = Arc::make_mut(&mut meta);
    (changed.path, changed.length) = (path.into(), length as u64);
    meta
}

pub(crate) fn run(input: &[u8]) -> Seen {
    run_pieces(Plan::default(), [input], End::Complete)
}

#[track_caller]
pub(crate) fn check(input: &[u8], plain: &[u8], outcome: Outcome, reasons: &[RejectReason]) -> Seen {
    check_named("/logs/app.log.gz", input, plain, outcome, reasons)
}

#[track_caller]
pub(crate) fn check_named(path: &str, input: &[u8], plain: &[u8], outcome: Outcome, reasons: &[RejectReason]) -> Seen {
    let seen = run_named(path, input);
    alike(&seen.plain(), plain);
    assert_eq!((seen.outcome, &seen.reasons()[..]), (outcome, reasons));
    let Some(Event::Closed { outcome: told, bytes_in, bytes_out, crc32, .. }) = &seen.closed else {
        panic!("every file is closed with an event");
    };
    assert_eq!((*told, *bytes_in, *bytes_out), (outcome, input.len() as u64, plain.len() as u64));
    assert_eq!(*crc32, Some(format!("{:08x}", crc32fast_of(input))));
    seen
}

/// Like `assert_eq!`, but what it shows of a difference is short.
#[track_caller]
pub(crate) fn alike(got: &[u8], want: &[u8]) {
    let at = got.iter().zip(want).take_while(|(a, b)| a == b).count();
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 60)]).into_owned();
    let (got_len, want_len) = (got.len(), want.len());
    assert!(got == want, "{got_len} bytes for {want_len}: {:?} for {:?} at {at}", shown(got), shown(want));
}

/// CRC-32 as gzip's own trailer has it, so that the test does not ask the code under test.
pub(crate) fn crc32fast_of(bytes: &[u8]) -> u32 {
    let member = gzip(bytes);
    u32::from_le_bytes(member[member.len() - 8..member.len() - 4].try_into().unwrap())
}
