//! Law 1: after any prefix of the input the output so far does not depend on where it was cut into chunks, nor on how
//! much output a stage may heap up before it is asked again.

use crate::files::{File, cut};
use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{Chunk, End, FileMeta, Out, Outcome, Output, Progress, Reject, Stage};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::sync::Arc;

/// What came out of a file, and how it ended if it did.
type Told = (Vec<Output>, Option<Outcome>);

fn run<S: Stage>(stage: &S, file: &File, pieces: &[Bytes], end: Option<End>, budget: usize) -> Told {
    let mut outputs = Vec::new();
    let mut run = Run::with_budget(stage, &file.meta, budget);
    for piece in pieces {
        run.push(piece.clone(), |output| outputs.push(output));
    }
    let outcome = end.map(|end| run.end(end, |output| outputs.push(output)));
    (outputs, outcome)
}

/// Everything that a stage puts out of a file, in one piece.
#[must_use]
pub fn whole<S: Stage>(stage: &S, file: &File, end: End) -> Vec<Output> {
    run(stage, file, std::slice::from_ref(&file.bytes), Some(end), usize::MAX).0
}

/// Holds the law for a stage whose input is a stream. What it put out of the file.
///
/// # Errors
/// Where two ways to cut the same bytes gave different outputs.
pub fn of_stream<S: Stage>(rng: &mut StdRng, stage: &S, file: &File) -> Result<Vec<Output>, String> {
    let end = [End::Complete, End::Complete, End::Partial, End::Abort][rng.random_range(0..4)];
    let want = run(stage, file, std::slice::from_ref(&file.bytes), Some(end), usize::MAX);
    let mut ways: Vec<Vec<Bytes>> = [2, 9, 60].map(|pieces| cut(rng, &file.bytes, pieces)).into();
    ways.push(file.bytes.chunks(1).map(Bytes::copy_from_slice).collect());
    for pieces in &ways {
        let budget = budget(rng);
        let got = run(stage, file, pieces, Some(end), budget);
        alike(&want, &got).map_err(|why| shown(file, pieces, budget, &why))?;
        // A prefix ends as a parked file does: nothing is flushed, the output so far is all that there is.
        let upto = &pieces[..rng.random_range(0..=pieces.len())];
        let one = run(stage, file, &[upto.concat().into()], None, usize::MAX);
        let got = run(stage, file, upto, None, budget);
        alike(&one, &got).map_err(|why| shown(file, upto, budget, &format!("after this prefix, {why}")))?;
        if !want.0.starts_with(&got.0) {
            return Err(shown(file, upto, budget, "the output after this prefix is not how that of the whole begins"));
        }
    }
    Ok(want.0)
}

/// Holds the law for a stage whose chunks stand alone: what comes out of each does not depend on those before it. How
/// many outputs they had.
///
/// # Errors
/// Which chunk gave something else in other company.
pub fn of_chunks<S: Stage>(
    rng: &mut StdRng,
    fresh: impl Fn() -> S,
    chunks: &[(Arc<FileMeta>, Chunk)],
) -> Result<usize, String> {
    let alone: Vec<_> = chunks.iter().map(|(file, chunk)| of_chunk(&fresh(), file, chunk, usize::MAX)).collect();
    let stage = fresh();
    for _ in 0..2 * chunks.len() {
        let i = rng.random_range(0..chunks.len());
        let (file, chunk) = &chunks[i];
        if of_chunk(&stage, file, chunk, budget(rng)) != alone[i] {
            return Err(format!("chunk {} of {} gave something else in other company", chunk.seq, file.file_id));
        }
    }
    Ok(alone.iter().map(|told| told.0.len()).sum())
}

/// What one chunk gives by itself, with a state of its own.
pub fn of_chunk<S: Stage>(
    stage: &S,
    file: &Arc<FileMeta>,
    chunk: &Chunk,
    budget: usize,
) -> (Vec<Output>, Result<(), Reject>) {
    let (mut out, mut outputs) = (Out::new(S::NAME, budget), Vec::new());
    let (mut state, mut chunk) = (stage.open(file), chunk.clone());
    loop {
        let step = stage.process(&mut state, &mut chunk, &mut out);
        outputs.extend(out.drain());
        match step {
            Ok(Progress::More) => {}
            Ok(Progress::Done) => return (outputs, Ok(())),
            Err(reject) => return (outputs, Err(reject)),
        }
    }
}

fn budget(rng: &mut StdRng) -> usize {
    [1, rng.random_range(1..500), usize::MAX][rng.random_range(0..3)]
}

fn alike(want: &Told, got: &Told) -> Result<(), String> {
    if want == got {
        return Ok(());
    }
    let n = want.0.iter().zip(&got.0).take_while(|(a, b)| a == b).count();
    let at = |told: &Told| told.0.get(n).map_or_else(|| format!("{:?}", told.1), |output| format!("{output:?}"));
    Err(format!("output {n} of {} was in one piece {}, and is {}", want.0.len(), at(want), at(got)))
}

fn shown(file: &File, pieces: &[Bytes], budget: usize, why: &str) -> String {
    let some: Vec<_> = pieces.iter().map(Bytes::len).take(60).collect();
    let count = pieces.len();
    format!("cut into {count} pieces of {some:?}, output of {budget} bytes at a time: {why}\nby {:?}", file.meta.plan)
}
