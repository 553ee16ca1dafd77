//! Where chunks go.

use bytes::Bytes;
use logmill_core::packed;
use logmill_core::stage::ChannelLag;
use logmill_core::{
    Barred, Chunk, Event, FileId, FileMeta, Lags, LineSpan, Out, Output, Plan, Product, RejectReason, Seq, Stage,
};
use logmill_distributor::{Channel, Choose, Distributor, NoChoice};
use std::collections::BTreeMap;
use std::sync::Arc;

fn file(id: u128, group: &str) -> Arc<FileMeta> {
    let plan = Plan { channel_group: group.into(), ..Plan::default() };
    Arc::new(FileMeta::new(FileId(id), "a", "/logs/app.log", plan))
}

fn group(name: &str, channels: &[(&str, u32)]) -> (String, Vec<Channel>) {
    let channel = |(name, weight): &(&str, u32)| Channel { name: (*name).to_owned(), weight: *weight };
    (name.to_owned(), channels.iter().map(channel).collect())
}

fn distributor(choose: Choose) -> Distributor {
    let groups = BTreeMap::from([group("default", &[("c0", 1), ("c1", 3)]), group("urgent", &[("u", 1)])]);
    Distributor::new(groups, choose).expect("each group has a channel")
}

fn outputs(stage: &Distributor, file: &Arc<FileMeta>, first_line: u64) -> Vec<Output> {
    let span = Some(LineSpan { first_line, first_part: 0, rows: 2 });
    let mut chunk = Chunk {
        seq: Seq(0),
        payload: Bytes::from_static(b"one\ntwo\n"),
        packed: false,
        span,
        channel: None,
        header: None,
    };
    let mut out = Out::new(Distributor::NAME, 1 << 20);
    stage.process(&mut stage.open(file), &mut chunk, &mut out).expect("text with its lines");
    out.drain().collect()
}

fn sent(stage: &Distributor, file: &Arc<FileMeta>, first_line: u64) -> Product {
    match outputs(stage, file, first_line).remove(0) {
        Output::Product(product) => product,
        other => panic!("{other:?}"),
    }
}

fn channel(stage: &Distributor, file: &Arc<FileMeta>, first_line: u64) -> String {
    sent(stage, file, first_line).channel.expect("a channel")
}

#[test]
fn text_passes_untouched_and_the_ledger_is_told() {
    let outputs = outputs(&distributor(Choose::Weight), &file(1, "urgent"), 7);
    let span = LineSpan { first_line: 7, first_part: 0, rows: 2 };
    let product = Product::new(Bytes::from_static(b"one\ntwo\n")).lines(span).to_channel("u");
    let passed = Event::Passed { first_line: 7, first_part: 0, rows: 2, bytes: 8, channel: Some("u".into()) };
    assert_eq!(outputs, [Output::Product(product), Output::Event("distributor", passed)]);
}

#[test]
fn what_is_packed_stays_packed() {
    let text = Bytes::from("a line\n".repeat(1000));
    let payload = packed::pack(&text).expect("it is smaller");
    let span = LineSpan { first_line: 1, first_part: 0, rows: 1000 };
    let chunk =
        Chunk { seq: Seq(0), payload: payload.clone(), packed: true, span: Some(span), channel: None, header: None };
    let (stage, mut out) = (distributor(Choose::Weight), Out::new(Distributor::NAME, 1 << 20));
    let mut state = stage.open(&file(1, "urgent"));
    stage.process(&mut state, &mut chunk.clone(), &mut out).expect("text with its lines");
    let outputs: Vec<_> = out.drain().collect();
    let product = Product::new(payload).packed(true).lines(span).to_channel("u");
    let (first_part, channel) = (0, Some("u".into()));
    let passed = Event::Passed { first_line: 1, first_part, rows: 1000, bytes: text.len() as u64, channel };
    assert_eq!(outputs, [Output::Product(product), Output::Event("distributor", passed)]);
    let reject = stage.process(&mut state, &mut Chunk { span: None, ..chunk }, &mut out).unwrap_err();
    assert_eq!(reject.bytes, text, "a dead letter is for people");
}

#[test]
fn channels_get_their_share_by_weight() {
    let stage = distributor(Choose::Weight);
    let c1 =
        (0..4000).filter(|i| channel(&stage, &file(u128::from(i % 40 + 1), "default"), i / 40 + 1) == "c1").count();
    assert!((2800..3200).contains(&c1), "{c1} of 4000 chunks went to the channel of weight 3 of 4");
}

#[test]
fn an_unknown_group_is_noted() {
    let product = sent(&distributor(Choose::Weight), &file(1, "gone"), 1);
    assert!(product.channel.is_some_and(|c| c == "c0" || c == "c1"));
    assert_eq!(product.notes, [("channel-group", "default; there is no \"gone\"".to_owned())]);
}

#[test]
fn by_lag_the_channel_that_is_drained_first() {
    let mut stage = distributor(Choose::Drain);
    let lags = |c0: f64, c1: f64| {
        let lag = |seconds_to_drain| ChannelLag { records: 1, seconds_to_drain, barred: None };
        Lags { channels: BTreeMap::from([("c0".to_owned(), lag(c0)), ("c1".to_owned(), lag(c1))]) }
    };
    let c1 = |stage: &Distributor| (1..101).filter(|line| channel(stage, &file(1, "default"), *line) == "c1").count();
    assert!((60..90).contains(&c1(&stage)), "by weight until lags are known");
    stage.observe(&lags(5.0, 90.0));
    assert_eq!(c1(&stage), 0);
    stage.observe(&lags(90.0, 5.0));
    assert_eq!(c1(&stage), 100);
    stage.observe(&lags(f64::INFINITY, f64::INFINITY));
    assert!((60..90).contains(&c1(&stage)), "none is better: by weight");
}

#[test]
fn a_channel_that_is_barred_is_passed_over_while_another_is_less() {
    use Barred::{Full, Paused, StandsStill};
    // Of c0 and c1, whose weight is three times as great; and how many of a hundred chunks go to c1.
    let quiet = 60..90;
    for (c0, c1, expected) in [
        (None, None, quiet.clone()),
        (Some(StandsStill), None, 100..101),
        (None, Some(StandsStill), 0..1),
        (None, Some(Paused), 0..1),
        (Some(Full), None, 100..101),
        (Some(StandsStill), Some(StandsStill), quiet.clone()),
        (Some(StandsStill), Some(Full), 0..1),
        (Some(Paused), Some(Full), 100..101),
        (Some(Paused), Some(Paused), quiet),
    ] {
        for choose in [Choose::Weight, Choose::Drain] {
            let mut stage = distributor(choose);
            let lag = |name: &str, barred| (name.to_owned(), ChannelLag { records: 1, seconds_to_drain: 1.0, barred });
            stage.observe(&Lags { channels: [lag("c0", c0), lag("c1", c1), lag("u", Some(Paused))].into() });
            let there = (1..101).filter(|line| channel(&stage, &file(1, "default"), *line) == "c1").count();
            assert!(expected.contains(&there), "{choose:?}: {there} of 100 went to c1; c0 {c0:?}, c1 {c1:?}");
            assert_eq!(channel(&stage, &file(1, "urgent"), 1), "u", "there is no other");
        }
    }
}

#[test]
fn groups_without_a_choice_are_refused() {
    let new = |groups| Distributor::new(BTreeMap::from(groups), Choose::Weight).map(|_| ());
    assert_eq!(new([group("x", &[("c0", 1)])]), Err(NoChoice::NoDefault));
    assert_eq!(new([group("default", &[])]), Err(NoChoice::Empty("default".into())));
    assert_eq!(new([group("default", &[("c0", 0)])]), Err(NoChoice::Empty("default".into())));
}

#[test]
fn text_without_its_lines_is_rejected() {
    let stage = distributor(Choose::Weight);
    let mut chunk = Chunk {
        seq: Seq(0),
        payload: Bytes::from_static(b"x"),
        packed: false,
        span: None,
        channel: None,
        header: None,
    };
    let mut out = Out::new(Distributor::NAME, 1 << 20);
    let reject = stage.process(&mut stage.open(&file(1, "default")), &mut chunk, &mut out).unwrap_err();
    assert_eq!((reject.reason, &reject.bytes[..]), (RejectReason::Malformed, &b"x"[..]));
}
