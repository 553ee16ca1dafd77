//! Law 1 of the real stages.

use logmill_core::{End, Output, Stage};
use logmill_decoder::decoder;
use logmill_decompressor::Decompressor;
use logmill_laws::files::{File, packed, plain};
use logmill_laws::{cuts, hold};
use logmill_reencoder::Reencoder;
use rand::rngs::StdRng;

const SEEDS: u64 = 400;

fn of_stream<S: Stage>(file: fn(&mut StdRng) -> File, stage: S) {
    let mut outputs = 0;
    hold(S::NAME, SEEDS, |rng| {
        let file = file(rng);
        outputs += cuts::of_stream(rng, &stage, &file)?;
        Ok(())
    });
    assert!(outputs as u64 > 8 * SEEDS, "{outputs} outputs of {SEEDS} files are few");
}

#[test]
fn decompressor() {
    of_stream(packed, Decompressor);
}

#[test]
fn reencoder() {
    of_stream(plain, Reencoder);
}

#[test]
fn decompressor_and_reencoder() {
    of_stream(packed, decoder());
}

#[test]
fn every_plain_chunk_but_the_last_is_as_large_as_the_plan_says() {
    hold("decompressor", SEEDS, |rng| {
        let file = packed(rng);
        let outputs = cuts::whole(&Decompressor, &file, End::Complete);
        let chunk = |output| if let Output::Product(p) = output { Some(p.payload.len()) } else { None };
        let chunks: Vec<usize> = outputs.into_iter().filter_map(chunk).collect();
        let wanted = file.meta.plan.plain_bytes as usize;
        let right = chunks
            .split_last()
            .is_none_or(|(last, others)| others.iter().all(|bytes| *bytes == wanted) && (1..=wanted).contains(last));
        if right { Ok(()) } else { Err(format!("chunks of {chunks:?} bytes, where {wanted} are planned")) }
    });
}
