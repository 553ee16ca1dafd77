//! The real stages, and where their output goes.

#![allow(dead_code)] // each test uses some of it

use logmill_core::stage::ChannelLag;
use logmill_core::{Barred, Lags, Stage};
use logmill_decoder::decoder;
use logmill_distributor::{Channel, Choose, Distributor};
use logmill_laws::deaths::Lab;
use logmill_laws::files::packed;
use logmill_laws::input::{Input, PARTITIONS};
use logmill_laws::process::live;
use logmill_protocol::fetch::Lane;
use logmill_protocol::worker::Route;
use logmill_simulate::broker::Broker;
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;

pub const CHANNELS: [&str; 3] = ["c0", "c1", "u"];

/// The one topic of a stage that has one.
pub fn topic() -> Route {
    Route::Topic(Lane::new("out", PARTITIONS))
}

fn lanes() -> BTreeMap<String, Lane> {
    CHANNELS.map(|channel| (channel.to_owned(), Lane::new(channel, PARTITIONS))).into()
}

pub fn channels() -> Route {
    Route::Channels(lanes())
}

pub fn same_channel() -> Route {
    Route::SameChannel(lanes())
}

pub fn distributor(choose: Choose) -> Distributor {
    let channel = |name: &str, weight| Channel { name: name.into(), weight };
    let default = vec![channel("c0", 1), channel("c1", 3)];
    let groups = BTreeMap::from([("default".into(), default), ("urgent".into(), vec![channel("u", 1)])]);
    Distributor::new(groups, choose).expect("each group has a channel")
}

/// By the lags, which each process sees in its own way.
pub fn by_lag(rng: &mut StdRng) -> Distributor {
    let mut stage = distributor(Choose::Drain);
    let mut lag = || ChannelLag {
        records: 1,
        seconds_to_drain: rng.random_range(0.0..9.0),
        barred: rng.random_bool(0.3).then_some(Barred::StandsStill),
    };
    stage.observe(&Lags { channels: ["c0", "c1"].map(|channel| (channel.to_owned(), lag())).into() });
    stage
}

/// A few files as they come from the fetcher.
pub fn raw(rng: &mut StdRng) -> Input {
    let files: Vec<_> = (0..rng.random_range(1..4)).map(|_| packed(rng)).collect();
    Input::of_files(rng, &files)
}

/// What one uninterrupted process makes of an input.
pub fn calm<S: Stage>(rng: &mut StdRng, input: &Input, product: Route, stage: &dyn Fn(&mut StdRng) -> S) -> Broker {
    let lab = Lab { stage, product, counts: |visible| visible, weaken: None, lives: 0 };
    live(rng, input, &lab, None).expect("nothing goes wrong").0
}

pub fn text(rng: &mut StdRng) -> Input {
    let raw = raw(rng);
    Input::of_output(calm(rng, &raw, topic(), &|_| decoder()).visible("out"))
}

pub fn channel_text(rng: &mut StdRng) -> Input {
    let text = text(rng);
    let log = calm(rng, &text, channels(), &|_| distributor(Choose::Weight));
    Input::of_output(CHANNELS.iter().flat_map(|channel| log.visible(channel)).collect())
}
