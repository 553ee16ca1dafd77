//! What becomes of a file.

use crate::pack::gzip;
use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, Outcome, Output, Plan, Reject, RejectReason};
use logmill_decompressor::Decompressor;
use std::sync::Arc;

pub(crate) fn file(plan: Plan) -> Arc<FileMeta> {
    Arc::new(FileMeta::new(FileId(1), "a", "/logs/app.log.gz", plan))
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

impl Seen {
    fn new() -> Self {
        let (chunks, rejects, details) = (Vec::new(), Vec::new(), Vec::new());
        Self { chunks, rejects, details, outcome: Outcome::Partial, closed: None }
    }

    fn see(&mut self, output: Output) {
        match output {
            Output::Product(product) => self.chunks.push(product.payload),
            Output::Reject(_, Reject { reason, at_byte, detail, .. }) => {
                self.rejects.push((reason, at_byte));
                self.details.push(detail);
            }
            Output::Event(_, event) => self.closed = Some(event),
            Output::Open(_) | Output::Close(_) => panic!("of an archive: {output:?}"),
        }
    }
}

pub(crate) fn run_file<'a>(file: &Arc<FileMeta>, pieces: impl IntoIterator<Item = &'a [u8]>, end: End) -> Seen {
    let mut seen = Seen::new();
    let mut run = Run::new(&Decompressor, file);
    for piece in pieces {
        run.push(Bytes::copy_from_slice(piece), |output| seen.see(output));
    }
    let outcome = run.end(end, |output| seen.see(output));
    Seen { outcome, ..seen }
}

/// What becomes of an archive of this name: of itself, and of its members in the order in which they end.
pub(crate) fn run_archive(path: &str, input: &[u8], plan: Plan) -> (Seen, Vec<(Arc<FileMeta>, Seen)>) {
    let (mut own, mut open, mut members) = (Seen::new(), Vec::<(Arc<FileMeta>, Seen)>::new(), Vec::new());
    let mut see = |output| match (output, open.last_mut()) {
        (Output::Open(file), _) => open.push((file, Seen::new())),
        (Output::Close(outcome), _) => {
            let (file, seen) = open.pop().expect("a member that is over has begun");
            members.push((file, Seen { outcome, ..seen }));
        }
        (output, Some((_, seen))) => seen.see(output),
        (output, None) => own.see(output),
    };
    let mut run = Run::new(&Decompressor, &named(path, input.len(), plan));
    run.push(Bytes::copy_from_slice(input), &mut see);
    let outcome = run.end(End::Complete, &mut see);
    assert!(open.is_empty(), "members are over before their archive");
    (Seen { outcome, ..own }, members)
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
