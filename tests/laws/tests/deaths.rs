//! Law 2 of the real stages: wherever the process died and resumed, the visible output is the same.

mod chain;

use arrow_ipc::reader::StreamReader;
use chain::{by_lag, channel_text, channels, distributor, raw, same_channel, text, topic};
use logmill_core::Stage;
use logmill_decoder::decoder;
use logmill_decompressor::Decompressor;
use logmill_distributor::Choose;
use logmill_laws::deaths::Lab;
use logmill_laws::hold;
use logmill_laws::input::Input;
use logmill_laws::process::Coverage;
use logmill_laws::visible::{Visible, in_any_order, whichever_channel};
use logmill_parser::parser;
use logmill_protocol::worker::Route;
use logmill_reencoder::Reencoder;
use logmill_splitter::Splitter;
use rand::rngs::StdRng;

const SEEDS: u64 = 40;

/// Holds the law and tells what was gone through.
fn check<S: Stage>(
    input: fn(&mut StdRng) -> Input,
    product: Route,
    counts: fn(Visible) -> Visible,
    stage: impl Fn(&mut StdRng) -> S,
) -> Coverage {
    let lab = Lab { stage: &stage, product, counts, weaken: None, lives: 3 };
    let mut coverage = Coverage::default();
    hold(S::NAME, SEEDS, |rng| {
        let input = input(rng);
        coverage.add(&lab.hold(rng, &input)?.1);
        Ok(())
    });
    println!("{}: {coverage:?}", S::NAME);
    assert!(coverage.records > 10 * SEEDS, "that is little output: {coverage:?}");
    for (what, count) in [
        ("deaths", coverage.deaths),
        ("answers lost", coverage.lost_answers),
        ("time-outs", coverage.time_outs),
        ("rebalances", coverage.rebalances),
        ("aborts", coverage.aborts),
    ] {
        assert!(count > 0, "a run that never saw {what} shows nothing of it");
    }
    coverage
}

/// Of a stage with state per file.
fn stateful<S: Stage>(input: fn(&mut StdRng) -> Input, product: Route, stage: impl Fn() -> S) {
    rebuilt(input, product, |visible| visible, |_| stage());
}

fn rebuilt<S: Stage>(
    input: fn(&mut StdRng) -> Input,
    product: Route,
    counts: fn(Visible) -> Visible,
    stage: impl Fn(&mut StdRng) -> S,
) {
    let coverage = check(input, product, counts, stage);
    assert!(coverage.takeovers_within_chunk > SEEDS, "hardly any takeover with k > 0: {coverage:?}");
    assert!(coverage.silent_chunks > SEEDS, "hardly anything was read silently: {coverage:?}");
}

/// Of a stage that takes whole chunks.
fn stateless<S: Stage>(
    input: fn(&mut StdRng) -> Input,
    product: Route,
    counts: fn(Visible) -> Visible,
    stage: impl Fn(&mut StdRng) -> S,
) {
    let coverage = check(input, product, counts, stage);
    assert_eq!((coverage.takeovers_within_chunk, coverage.silent_chunks), (0, 0), "whole chunks are committed");
}

fn plain(rng: &mut StdRng) -> Input {
    let raw = raw(rng);
    Input::of_output(chain::calm(rng, &raw, topic(), &|_| Decompressor).visible("out"))
}

#[test]
fn decompressor() {
    stateful(raw, topic(), || Decompressor);
}

#[test]
fn reencoder() {
    stateful(plain, topic(), || Reencoder);
}

#[test]
fn decompressor_and_reencoder() {
    stateful(raw, topic(), decoder);
}

#[test]
fn distributor_by_weight() {
    stateless(text, channels(), in_any_order, |_| distributor(Choose::Weight));
}

#[test]
fn distributor_by_lag_sends_each_chunk_once() {
    stateless(text, channels(), whichever_channel, by_lag);
}

#[test]
fn splitter() {
    stateless(channel_text, same_channel(), in_any_order, |_| Splitter::new());
}

#[test]
fn distributor_and_splitter() {
    stateless(text, channels(), in_any_order, |_| distributor(Choose::Weight).then(Splitter::new()));
}

#[test]
fn decompressor_to_distributor() {
    stateful(raw, channels(), || decoder().then(distributor(Choose::Weight)));
}

/// Of the chunks of text that a raw chunk becomes, some may be committed before a death and some after it.
#[test]
fn decompressor_to_distributor_by_lag_sends_each_chunk_once() {
    rebuilt(raw, channels(), whichever_channel, |rng| decoder().then(by_lag(rng)));
}

#[test]
fn decompressor_to_splitter() {
    stateful(raw, channels(), || parser(distributor(Choose::Weight)));
}

/// Of the batches of rows that a raw chunk becomes, some may be committed before a death and some after it, to another channel.
#[test]
fn decompressor_to_splitter_by_lag_sends_each_row_once() {
    rebuilt(raw, channels(), rows_whichever_channel, |rng| parser(by_lag(rng)));
}

/// As [`whichever_channel`] has it, without the channel that stands in each row.
fn rows_whichever_channel(visible: Visible) -> Visible {
    let mut visible = whichever_channel(visible);
    for ((topic, ..), records) in &mut visible {
        for record in records.iter_mut().filter(|_| topic == "channels") {
            let batches = StreamReader::try_new(&record.payload[..], None).expect("an Arrow stream");
            let others = batches.map(|batch| {
                let mut batch = batch.expect("a batch");
                drop(batch.remove_column(batch.schema().index_of("channel").expect("it names its channel")));
                format!("{batch:?}")
            });
            record.payload = others.collect::<String>().into();
        }
    }
    in_any_order(visible)
}
