//! The two stages as one tell and give what they do one after the other.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, LineSpan, Load, Outcome, Output, Plan, Reject, Stage};
use logmill_decoder::decoder;
use logmill_decompressor::Decompressor;
use logmill_reencoder::Reencoder;
use proptest::prelude::*;
use std::io::Write;
use std::sync::Arc;

fn file(plan: Plan) -> Arc<FileMeta> {
    let (file_id, load) = (FileId(1), Load(0));
    let (cluster, path, app) = ("a".into(), "/logs/app.log.gz".into(), String::new());
    Arc::new(FileMeta { file_id, load, cluster, path, path_bytes: None, length: 0, modified_ms: 0, app, plan })
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    chunks: Vec<(Bytes, Option<LineSpan>)>,
    rejects: Vec<(&'static str, Reject)>,
    events: Vec<(&'static str, Event)>,
}

impl Seen {
    fn see(&mut self, output: Output) {
        match output {
            Output::Product(p) => self.chunks.push((p.payload, p.span)),
            Output::Reject(stage, reject) => self.rejects.push((stage, reject)),
            Output::Event(stage, event) => self.events.push((stage, event)),
        }
    }
}

fn run<S: Stage>(stage: &S, plan: &Plan, pieces: &[Bytes], end: End) -> (Seen, Outcome) {
    let mut seen = Seen::default();
    let mut run = Run::new(stage, &file(plan.clone()));
    for piece in pieces {
        run.push(piece.clone(), |o| seen.see(o));
    }
    let outcome = run.end(end, |o| seen.see(o));
    (seen, outcome)
}

fn separately(plan: &Plan, pieces: &[Bytes], end: End) -> (Seen, Outcome) {
    let (first, outcome) = run(&Decompressor, plan, pieces, end);
    let plain: Vec<Bytes> = first.chunks.into_iter().map(|c| c.0).collect();
    let end = if end == End::Abort { End::Abort } else { outcome.end() };
    let (second, outcome) = run(&Reencoder, plan, &plain, end);
    let rejects = first.rejects.into_iter().chain(second.rejects).collect();
    let events = first.events.into_iter().chain(second.events).collect();
    (Seen { chunks: second.chunks, rejects, events }, outcome)
}

/// A few gzip members of text, perhaps damaged, perhaps with something after them.
fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let member = "[ -~\n一-十]{0,200}".prop_map(|text| gzip(text.as_bytes()));
    let rest = prop_oneof![Just(vec![]), Just(vec![0; 9]), Just(b"rest".to_vec())];
    let flip = proptest::option::of(any::<(prop::sample::Index, u8)>());
    (proptest::collection::vec(member, 0..4), rest, flip).prop_map(|(members, rest, flip)| {
        let mut file = [members.concat(), rest].concat();
        if let Some((at, mask)) = flip
            && !file.is_empty()
        {
            let at = at.index(file.len());
            file[at] ^= mask;
        }
        file
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn composed_equals_separate(
        bytes in any_file(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        plain_bytes in 1u32..300,
        line_bytes in 4u32..50,
        aborted: bool,
    ) {
        let end = if aborted { End::Abort } else { End::Complete };
        let plan = Plan { plain_bytes, line_bytes, text_bytes: 64, ..Plan::default() };
        let mut at: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        at.sort_unstable();
        let bytes = Bytes::from(bytes);
        let pieces: Vec<Bytes> = at.windows(2).map(|w| bytes.slice(w[0]..w[1])).collect();
        prop_assert_eq!(run(&decoder(), &plan, &pieces, end), separately(&plan, &pieces, end));
    }
}

#[test]
fn both_tell_the_ledger_under_their_own_names() {
    let (seen, outcome) = run(&decoder(), &Plan::default(), &[Bytes::from(gzip("α\nβ".as_bytes()))], End::Complete);
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(seen.events.iter().map(|e| e.0).collect::<Vec<_>>(), ["decompressor", "reencoder"]);
    assert_eq!(seen.chunks[0].0, "α\nβ".as_bytes());
}

#[test]
fn an_output_that_is_full_in_the_middle_is_emptied_and_goes_on() {
    let text = "\n".repeat(1000);
    let plan = Plan { plain_bytes: 16, text_bytes: 16, line_bytes: 8, ..Plan::default() };
    let (seen, outcome) = run(&decoder(), &plan, &[Bytes::from(gzip(text.as_bytes()))], End::Complete);
    assert_eq!((seen.chunks.len(), outcome), (63, Outcome::Complete));
}
