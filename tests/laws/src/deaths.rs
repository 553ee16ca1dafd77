//! Law 2: nothing depends on where the process died and resumed.

use crate::input::Input;
use crate::process::{Coverage, Dangers, live};
use crate::visible::{Visible, alike, visible};
use logmill_core::Stage;
use logmill_protocol::worker::{Route, Weaken};
use logmill_simulate::broker::Broker;
use rand::RngExt as _;
use rand::rngs::StdRng;

/// How a stage is run, and what of its output counts.
pub struct Lab<'a, S> {
    /// A stage as the next process has it.
    pub stage: &'a dyn Fn(&mut StdRng) -> S,
    pub product: Route,
    /// Of what is visible, what may not depend on anything but the input.
    pub counts: fn(Visible) -> Visible,
    /// A rule of the protocol that is switched off.
    pub weaken: Option<Weaken>,
    /// In how many lives full of dangers the input is read.
    pub lives: u32,
}

impl<S: Stage> Lab<'_, S> {
    /// Holds the law: what is visible in the end is what one uninterrupted process makes visible. Gives its log, and
    /// what the others went through.
    ///
    /// # Errors
    /// The first difference, and what a worker gave up for.
    pub fn hold(&self, rng: &mut StdRng, input: &Input) -> Result<(Broker, Coverage), String> {
        let topics = topics(&self.product);
        let (calm, _) = live(rng, input, self, None)?;
        let want = (self.counts)(visible(&calm, &topics));
        let mut coverage = Coverage::default();
        for life in 0..self.lives {
            let faults = rng.random_range(5..60);
            let one_in = [3, 8, 25, 80][rng.random_range(0..4)];
            let (broker, passed) = live(rng, input, self, Some(Dangers { faults, one_in }))?;
            let got = (self.counts)(visible(&broker, &topics));
            alike(&want, &got).map_err(|why| format!("life {life} with {passed:?}: {why}"))?;
            coverage.add(&passed);
        }
        coverage.records = want.values().map(|records| records.len() as u64).sum();
        Ok((calm, coverage))
    }
}

/// The names of the topics that chunks go to.
#[must_use]
pub fn topics(product: &Route) -> Vec<&str> {
    match product {
        Route::Topic(lane) => vec![&lane.topic],
        Route::Channels(lanes) | Route::SameChannel(lanes) => lanes.values().map(|lane| &*lane.topic).collect(),
    }
}
