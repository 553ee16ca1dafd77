//! A stage that breaks a law is seen to, and so is a machine that breaks a rule.

mod chain;

use bytes::{Buf, Bytes};
use chain::topic;
use logmill_core::{Chunk, End, FileMeta, Flow, Out, Outcome, Product, Progress, Reject, Seq, Stage};
use logmill_decompressor::Decompressor;
use logmill_laws::cuts;
use logmill_laws::deaths::Lab;
use logmill_laws::files::plain;
use logmill_laws::input::Input;
use logmill_protocol::worker::Weaken;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::cell::Cell;
use std::sync::Arc;

/// Sends three bytes at a time.
struct ByThree {
    but: But,
    /// Chunks that this process has seen.
    seen: Cell<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum But {
    NothingElse,
    /// It cuts where the input is cut.
    AsItComes,
    /// It marks where the output was full.
    WhenFull,
    /// It remembers something beside the file's state.
    Remembers,
}

impl ByThree {
    fn new(but: But) -> Self {
        Self { but, seen: Cell::new(0) }
    }

    fn push(&self, held: &mut Vec<u8>, out: &mut Out) {
        if !held.is_empty() {
            if self.but == But::Remembers {
                held.push(self.seen.get());
            }
            out.push(Product::new(Bytes::from(std::mem::take(held))));
        }
    }
}

impl Stage for ByThree {
    type State = Vec<u8>;
    const NAME: &'static str = "by-three";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Stream;

    fn open(&self, _: &Arc<FileMeta>) -> Vec<u8> {
        self.seen.set(self.seen.get().wrapping_add(1));
        Vec::new()
    }

    fn process(&self, held: &mut Vec<u8>, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        while chunk.payload.has_remaining() {
            if out.is_full() {
                if self.but == But::WhenFull {
                    held.push(b'|');
                }
                return Ok(Progress::More);
            }
            held.push(chunk.payload.get_u8());
            if held.len() >= 3 {
                self.push(held, out);
            }
        }
        if self.but == But::AsItComes {
            self.push(held, out);
        }
        Ok(Progress::Done)
    }

    fn finish(&self, mut held: Vec<u8>, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        self.push(&mut held, out);
        Ok(end.outcome())
    }
}

/// What the first of some samples that breaks the law is found guilty of.
fn first_alarm<T>(mut law: impl FnMut(&mut StdRng) -> Result<T, String>) -> Option<String> {
    (0..40).find_map(|seed| law(&mut StdRng::seed_from_u64(seed)).err())
}

fn by_cuts(but: But) -> Option<String> {
    first_alarm(|rng| {
        let file = plain(rng);
        cuts::of_stream(rng, &ByThree::new(but), &file)
    })
}

fn by_deaths<S: Stage>(stage: impl Fn() -> S, weaken: Option<Weaken>) -> Option<String> {
    let lab = Lab { stage: &|_| stage(), product: topic(), counts: |visible| visible, weaken, lives: 2 };
    first_alarm(|rng| {
        let mut file = plain(rng);
        file.bytes.truncate(600);
        let input = Input::of_files(rng, &[file]);
        lab.hold(rng, &input)
    })
}

#[test]
fn a_pure_stage_passes() {
    assert_eq!(by_cuts(But::NothingElse), None);
    assert_eq!(by_deaths(|| ByThree::new(But::NothingElse), None), None);
}

#[test]
fn a_stage_that_cuts_as_its_input_comes_is_seen() {
    assert!(by_cuts(But::AsItComes).is_some());
}

#[test]
fn a_stage_that_marks_where_its_output_was_full_is_seen_by_both_laws() {
    assert!(by_cuts(But::WhenFull).is_some());
    assert!(by_deaths(|| ByThree::new(But::WhenFull), None).is_some());
}

#[test]
fn a_stage_that_remembers_something_beside_its_state_is_seen_by_both_laws() {
    assert!(by_cuts(But::Remembers).is_some());
    assert!(by_deaths(|| ByThree::new(But::Remembers), None).is_some());
}

#[test]
fn a_stage_that_remembers_the_chunk_before_is_seen() {
    let alarm = first_alarm(|rng| {
        let file = plain(rng);
        let chunk = |seq| Chunk {
            seq: Seq(seq),
            payload: Bytes::from_static(b"abc"),
            packed: false,
            span: None,
            channel: None,
            header: None,
        };
        let chunks: Vec<_> = (0..3).map(|seq| (Arc::clone(&file.meta), chunk(seq))).collect();
        cuts::of_chunks(rng, || ByThree::new(But::Remembers), &chunks)
    });
    assert!(alarm.is_some());
}

#[test]
fn a_rule_that_is_switched_off_is_seen_with_a_real_stage() {
    for rule in [Weaken::IgnoreK, Weaken::SilentAloud, Weaken::FirstAfterChunk] {
        let alarm = by_deaths(|| Decompressor, Some(rule));
        assert!(alarm.is_some(), "{rule:?} was switched off and nothing was seen");
    }
}
