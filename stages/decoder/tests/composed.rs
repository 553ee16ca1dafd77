//! The two stages as one.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, Outcome, Output, Plan};
use logmill_decoder::decoder;
use std::io::Write;
use std::sync::Arc;

fn file(plan: Plan) -> Arc<FileMeta> {
    Arc::new(FileMeta::new(FileId(1), "a", "/logs/app.log.gz", plan))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// What came out: the chunks, and who told what.
#[derive(Debug, Default)]
struct Seen {
    chunks: Vec<Bytes>,
    events: Vec<(&'static str, Event)>,
}

fn run(plan: Plan, text: &str) -> (Seen, Outcome) {
    let mut seen = Seen::default();
    let mut see = |output| match output {
        Output::Product(product) => seen.chunks.push(product.payload),
        Output::Event(stage, event) => seen.events.push((stage, event)),
        Output::Reject(stage, reject) => panic!("{stage}: {reject:?}"),
        Output::Open(_) | Output::Close(_) => panic!("the file is no archive"),
    };
    let (stage, file) = (decoder(), file(plan));
    let mut run = Run::new(&stage, &file);
    run.push(Bytes::from(gzip(text.as_bytes())), &mut see);
    let outcome = run.end(End::Complete, &mut see);
    (seen, outcome)
}

#[test]
fn both_tell_the_ledger_under_their_own_names() {
    let (seen, outcome) = run(Plan::default(), "α\nβ");
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(seen.events.iter().map(|e| e.0).collect::<Vec<_>>(), ["decompressor", "reencoder"]);
    assert_eq!(seen.chunks[0], "α\nβ".as_bytes());
}

#[test]
fn an_output_that_is_full_in_the_middle_is_emptied_and_goes_on() {
    let plan = Plan { plain_bytes: 16, text_bytes: 16, line_bytes: 8, ..Plan::default() };
    let (seen, outcome) = run(plan, &"\n".repeat(1000));
    assert_eq!((seen.chunks.len(), outcome), (63, Outcome::Complete));
}
