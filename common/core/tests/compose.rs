//! Two stages as one do what they do one after the other, however the input is cut.

use bytes::{Buf, Bytes};
use logmill_core::memory::Run;
use logmill_core::{
    Chunk, End, FileMeta, Flow, Out, Outcome, Output, Plan, Product, Progress, Reject, RejectReason, Stage,
};
use proptest::prelude::*;
use std::sync::Arc;

/// Doubles every byte; rejects at `!`; at the end it tells that it saw one.
struct Double;
/// Groups bytes by three; rejects at `?`.
struct Three;

impl Stage for Double {
    type State = u64;
    const NAME: &'static str = "double";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Stream;
    fn open(&self, _: &Arc<FileMeta>) -> u64 {
        0
    }
    fn process(&self, seen: &mut u64, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        while chunk.payload.has_remaining() {
            if out.is_full() {
                return Ok(Progress::More);
            }
            let byte = chunk.payload.get_u8();
            if byte == b'!' {
                return Err(Reject::new(RejectReason::Corrupt, "!").at(*seen));
            }
            *seen += 1;
            out.push(Product::new(Bytes::from(vec![byte; 2])));
        }
        Ok(Progress::Done)
    }
    fn finish(&self, _: u64, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        out.event(logmill_core::Event::Opened);
        Ok(end.outcome())
    }
}

impl Stage for Three {
    type State = Vec<u8>;
    const NAME: &'static str = "three";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Standalone;
    fn open(&self, _: &Arc<FileMeta>) -> Vec<u8> {
        Vec::new()
    }
    fn process(&self, held: &mut Vec<u8>, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        while chunk.payload.has_remaining() {
            let byte = chunk.payload.get_u8();
            if byte == b'?' {
                return Err(Reject::new(RejectReason::Malformed, "?"));
            }
            held.push(byte);
            if held.len() == 3 {
                out.push(Product::new(Bytes::from(std::mem::take(held))));
            }
        }
        Ok(Progress::Done)
    }
    fn finish(&self, held: Vec<u8>, end: End, out: &mut Out) -> Result<Outcome, Reject> {
        if !held.is_empty() {
            out.push(Product::new(Bytes::from(held)));
        }
        Ok(end.outcome())
    }
}

/// Takes chunks that stand alone: tells how many it saw in this state, sends on by no channel of its own, rejects at `x`.
struct Alone;

impl Stage for Alone {
    type State = u64;
    const NAME: &'static str = "alone";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;
    fn open(&self, _: &Arc<FileMeta>) -> u64 {
        0
    }
    fn process(&self, seen: &mut u64, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        *seen += 1;
        if chunk.payload.starts_with(b"x") {
            return Err(Reject::new(RejectReason::Malformed, "x"));
        }
        out.push(Product::new(Bytes::from([seen.to_string().as_bytes(), &chunk.payload].concat())));
        Ok(Progress::Done)
    }
    fn finish(&self, _: u64, _: End, _: &mut Out) -> Result<Outcome, Reject> {
        unreachable!("chunks that stand alone have no end")
    }
}

#[test]
fn a_second_stage_whose_chunks_stand_alone_has_a_state_for_each_and_rejects_it_alone() {
    let input = [Bytes::from_static(b"abcxyzdef"), Bytes::from_static(b"gh")];
    let (products, rejects, outcome) = run(&Three.then(Alone), &input, End::Complete);
    assert_eq!(products, ["1abc", "1def", "1gh"]);
    assert_eq!((rejects, outcome), (vec![("alone", "x".to_owned())], Outcome::Complete));
}

/// Sends every chunk to one channel.
struct ToChannel;

impl Stage for ToChannel {
    type State = ();
    const NAME: &'static str = "to-channel";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;
    fn open(&self, _: &Arc<FileMeta>) {}
    fn process(&self, (): &mut (), chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        out.push(Product::new(std::mem::take(&mut chunk.payload)).to_channel("c"));
        Ok(Progress::Done)
    }
    fn finish(&self, (): (), _: End, _: &mut Out) -> Result<Outcome, Reject> {
        unreachable!("chunks that stand alone have no end")
    }
}

#[test]
fn what_came_by_a_channel_between_two_stages_goes_on_by_it() {
    let (stage, file, mut sent) = (Three.then(ToChannel).then(Alone), file(), Vec::new());
    let mut run = Run::new(&stage, &file);
    run.push(Bytes::from_static(b"abc"), |output| sent.push(output));
    assert_eq!(sent, [Output::Product(Product::new(Bytes::from_static(b"1abc")).to_channel("c"))]);
}

/// Puts every chunk under its payload as header, and says under what it came.
struct Under;

impl Stage for Under {
    type State = ();
    const NAME: &'static str = "under";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;
    fn open(&self, _: &Arc<FileMeta>) {}
    fn process(&self, (): &mut (), chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let came = chunk.header.as_deref().unwrap_or("nothing").to_owned();
        let header = String::from_utf8(chunk.payload.to_vec()).expect("text");
        out.push(Product::new(came.into()).under(Some(header.into())));
        Ok(Progress::Done)
    }
    fn finish(&self, (): (), _: End, _: &mut Out) -> Result<Outcome, Reject> {
        unreachable!("chunks that stand alone have no end")
    }
}

#[test]
fn a_header_travels_between_two_stages() {
    let (stage, file, mut sent) = (Three.then(Under).then(Under), file(), Vec::new());
    let mut run = Run::new(&stage, &file);
    run.push(Bytes::from_static(b"abc"), |output| sent.push(output));
    assert_eq!(sent, [Output::Product(Product::new(Bytes::from_static(b"abc")).under(Some("nothing".into())))]);
}

fn file() -> Arc<FileMeta> {
    // A budget of a few bytes, so that `More` happens all the time.
    let plan = Plan { plain_bytes: 5, ..Plan::default() };
    Arc::new(FileMeta::new(logmill_core::FileId(1), "a", "/f", plan))
}

/// What came out: the products, and the rejects with the stage that is named.
type Seen = (Vec<Bytes>, Vec<(&'static str, String)>, Outcome);

fn run<S: Stage>(stage: &S, input: &[Bytes], end: End) -> Seen {
    let (mut products, mut rejects) = (Vec::new(), Vec::new());
    let mut see = |output| match output {
        Output::Product(p) => products.push(p.payload),
        Output::Reject(stage, r) => rejects.push((stage, r.detail)),
        Output::Event(..) | Output::Open(_) | Output::Close(_) => {}
    };
    let mut run = Run::new(stage, &file());
    for piece in input {
        run.push(piece.clone(), &mut see);
    }
    let outcome = run.end(end, &mut see);
    (products, rejects, outcome)
}

/// The two one after the other, as two runners would run them: a reject upstream is an abort downstream.
fn separately(input: &[Bytes], end: End) -> Seen {
    let (between, mut rejects, outcome) = run(&Double, input, end);
    let end = if rejects.is_empty() { outcome.end() } else { End::Abort };
    let (products, more, outcome) = run(&Three, &between, end);
    rejects.extend(more);
    (products, rejects, outcome)
}

proptest! {
    #[test]
    fn composed_equals_separate(text in "[a-c!?]{0,40}", cuts in proptest::collection::vec(0usize..40, 0..6), aborted: bool) {
        let end = if aborted { End::Abort } else { End::Complete };
        let whole = Bytes::from(text.into_bytes());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(whole.len())).chain([0, whole.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<Bytes> = cuts.windows(2).map(|w| whole.slice(w[0]..w[1])).collect();
        let fused = Double.then(Three);
        let (products, mut rejects, outcome) = run(&fused, &pieces, end);
        let (want_products, mut want_rejects, want_outcome) = separately(&[whole], end);
        rejects.sort();
        want_rejects.sort();
        prop_assert_eq!(products.concat(), want_products.concat());
        prop_assert_eq!(products.len(), want_products.len());
        prop_assert_eq!(rejects, want_rejects);
        prop_assert_eq!(outcome, want_outcome);
    }
}
