//! Stages in one process put out and tell the ledger what they do one after the other, over topics.

mod chain;

use bytes::Bytes;
use chain::{CHANNELS, calm, channels, distributor, raw, same_channel, topic};
use logmill_core::Stage as _;
use logmill_core::event::LedgerRecord;
use logmill_core::wire::{Record, header};
use logmill_decoder::decoder;
use logmill_decompressor::Decompressor;
use logmill_distributor::Choose;
use logmill_laws::hold;
use logmill_laws::input::Input;
use logmill_laws::process::{EVENTS, LETTERS};
use logmill_parser::parser;
use logmill_reencoder::Reencoder;
use logmill_simulate::broker::Broker;
use logmill_splitter::Splitter;

const SEEDS: u64 = 60;

/// The file, some headers, the payload.
type Told = (Bytes, Vec<Option<Bytes>>, Bytes);

/// Of a record, with the headers of these names.
fn of(names: &[&str], record: &Record) -> Told {
    let headers = names.iter().map(|name| record.header(name).cloned()).collect();
    (record.key.clone(), headers, record.payload.clone())
}

/// What was sent on: which rows of which file, with which bytes, to which topic.
fn products(log: &Broker, topics: &[&str]) -> Vec<(String, Told)> {
    let names = [header::KIND, header::LINE, header::PART, header::ROWS, header::CHANNEL, header::LOAD, header::PLAN];
    let all = topics.iter().flat_map(|topic| log.visible(topic));
    let mut all: Vec<_> = all.map(|r| (r.partition.topic.to_string(), of(&names, &r.record))).collect();
    all.sort();
    all
}

/// What the ledger was told, and the dead letters but for their origin: fused, they come from another topic.
fn told(logs: &[&Broker]) -> Vec<Told> {
    let mut all = Vec::new();
    for log in logs {
        for mut event in log.visible(EVENTS) {
            let told: LedgerRecord = serde_json::from_slice(&event.record.payload).expect("an event of the ledger");
            event.record.payload = serde_json::to_vec(&LedgerRecord { at_ms: 0, ..told }).expect("plain data").into();
            all.push(of(&[], &event.record));
        }
        let names = [header::STAGE, header::REASON, header::DETAIL, header::AT_BYTE, header::LINE];
        all.extend(log.visible(LETTERS).iter().map(|letter| of(&names, &letter.record)));
    }
    all.sort();
    all
}

fn alike<T: PartialEq + std::fmt::Debug>(what: &str, fused: &[T], separate: &[T]) -> Result<(), String> {
    match fused.iter().zip(separate).find(|(a, b)| a != b) {
        Some((fused, separate)) => Err(format!("{what}: fused {fused:?}, one after the other {separate:?}")),
        None if fused.len() != separate.len() => {
            Err(format!("{what}: fused {}, one after the other {}", fused.len(), separate.len()))
        }
        None => Ok(()),
    }
}

#[test]
fn fused_or_one_after_the_other() {
    hold("fused", SEEDS, |rng| {
        let input = raw(rng);
        let weight = || distributor(Choose::Weight);

        let plain = calm(rng, &input, topic(), &|_| Decompressor);
        let text = calm(rng, &Input::of_output(plain.visible("out")), topic(), &|_| Reencoder);
        let sent = calm(rng, &Input::of_output(text.visible("out")), channels(), &|_| weight());
        let of_channels = CHANNELS.iter().flat_map(|channel| sent.visible(channel)).collect();
        let rows = calm(rng, &Input::of_output(of_channels), same_channel(), &|_| Splitter::new());

        let fused = calm(rng, &input, topic(), &|_| decoder());
        alike("text", &products(&fused, &["out"]), &products(&text, &["out"]))?;
        alike("told by the decoder", &told(&[&fused]), &told(&[&plain, &text]))?;

        let fused = calm(rng, &input, channels(), &|_| decoder().then(weight()));
        alike("text by channel", &products(&fused, &CHANNELS), &products(&sent, &CHANNELS))?;
        alike("told down to the distributor", &told(&[&fused]), &told(&[&plain, &text, &sent]))?;

        let fused = calm(rng, &input, channels(), &|_| parser(weight()));
        alike("rows", &products(&fused, &CHANNELS), &products(&rows, &CHANNELS))?;
        alike("told down to the splitter", &told(&[&fused]), &told(&[&plain, &text, &sent, &rows]))
    });
}
