//! A file that the runner gives up loses nothing that was read before: it ends as if it had been cut off there.

mod chain;

use bytes::Bytes;
use chain::{calm, raw, topic};
use logmill_core::wire::{Kind, Record, WireChunk, header};
use logmill_core::{End, Stage};
use logmill_decoder::decoder;
use logmill_decompressor::Decompressor;
use logmill_laws::hold;
use logmill_laws::input::Input;
use logmill_laws::process::LETTERS;
use logmill_simulate::broker::Broker;
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::BTreeSet;

const SEEDS: u64 = 200;

/// The bytes that went on, in order.
fn sent(log: &Broker) -> Vec<Bytes> {
    log.visible("out").into_iter().map(|incoming| incoming.record.payload).collect()
}

/// One file without one of its chunks, and the same file cut off before that chunk.
fn with_a_gap_and_cut_off(rng: &mut StdRng) -> Option<(Input, Input)> {
    let Input(mut records) = raw(rng);
    let key = records[0].1.key.clone();
    records.retain(|(_, record)| record.key == key);
    let chunk = |n: usize| WireChunk::decode(&records[n].1).expect("a chunk");
    let numbers: BTreeSet<u64> = (0..records.len()).map(|n| chunk(n).seq.0).collect();
    // A parked file has chunks twice; of one chunk and an end none can be missing between others.
    if numbers.len() < records.len() || records.len() < 3 {
        return None;
    }
    let gap = rng.random_range(1..records.len() - 1);
    let marker = WireChunk { kind: Kind::End(End::Abort), payload: Bytes::new(), ..chunk(gap) };
    let mut cut_off = records[..gap].to_vec();
    cut_off.push((records[0].0, marker.encode()));
    records.remove(gap);
    Some((Input(records), Input(cut_off)))
}

fn ends_as_if_cut_off<S: Stage>(rng: &mut StdRng, stage: &dyn Fn(&mut StdRng) -> S) -> Result<(), String> {
    let Some((gap, cut_off)) = with_a_gap_and_cut_off(rng) else { return Ok(()) };
    let (given_up, cut_off) = (calm(rng, &gap, topic(), stage), calm(rng, &cut_off, topic(), stage));
    if sent(&given_up) != sent(&cut_off) {
        return Err(format!("given up, it gave {:?}; cut off, {:?}", sent(&given_up), sent(&cut_off)));
    }
    let letters = given_up.visible(LETTERS);
    // By the stage that takes what comes: of a stage behind it the ledger would take them for the end of that chunk alone.
    let said = |letter: &Record| {
        let is = |name, value: &str| letter.header(name).is_some_and(|there| **there == *value.as_bytes());
        is(header::REASON, "out-of-order") && is(header::STAGE, S::TAKES)
    };
    match letters.iter().filter(|letter| said(&letter.record)).count() {
        1 => Ok(()),
        n => Err(format!("{n} dead letters say that a chunk was out of order")),
    }
}

#[test]
fn a_chunk_that_is_missing_costs_what_comes_after_it_alone() {
    hold("decompressor", SEEDS, |rng| ends_as_if_cut_off(rng, &|_| Decompressor));
    hold("decoder", SEEDS, |rng| ends_as_if_cut_off(rng, &|_| decoder()));
}
