//! The distributor: each chunk of text to one channel of the group that its file's plan names.
//!
//! Within the group the channels count that are barred least: one that stands still, is full or is paused is passed over
//! while another is not. Among those the choice by weight is a function of the chunk's identity alone; by lag it is one of
//! the last snapshot of the lags too. So it is none of the input alone: whole chunks are committed, and each chunk is sent
//! once, whatever was chosen.

use logmill_core::{
    Chunk, End, Event, FileMeta, Flow, Lags, LineSpan, Out, Outcome, Product, Progress, Reject, RejectReason, Stage,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// The group that takes the files whose own group is not there (any more).
pub const DEFAULT_GROUP: &str = "default";
/// Channels whose drain times differ by less are equally good: snapshots are not more exact than that, and all
/// chunks until the next snapshot would else go to one.
const ALIKE_SECONDS: f64 = 1.0;

/// How a channel is chosen within its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choose {
    /// By the channels' weights, the same for the same chunk.
    #[default]
    Weight,
    /// Among those that are drained first, by weight. By weight alone until lags are known.
    Drain,
}

/// One channel of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub name: String,
    /// Its share of the group's text. A channel of weight 0 gets none.
    pub weight: u32,
}

/// Groups among which no choice can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoChoice {
    #[error("there is no channel group {DEFAULT_GROUP:?}, which takes the files of groups that are gone")]
    NoDefault,
    #[error("the channel group {0:?} has no channel with a weight above 0")]
    Empty(String),
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Distributor {
    /// Each has a channel with a weight; [`DEFAULT_GROUP`] is among them.
    groups: BTreeMap<String, Vec<Channel>>,
    choose: Choose,
    lags: Lags,
}

/// The stage as it is configured.
///
/// # Errors
/// As [`Distributor::new`].
#[cfg(feature = "bin")]
pub fn configured(config: &logmill_config::Config) -> Result<Distributor, NoChoice> {
    let channel = |name: &String| Channel { name: name.clone(), weight: config.channels[name].weight };
    let groups = config.channel_groups.iter();
    let groups = groups.map(|(group, names)| (group.clone(), names.iter().map(channel).collect())).collect();
    let choose = match config.distributor.choose {
        logmill_config::Choose::Weight => Choose::Weight,
        logmill_config::Choose::Lag => Choose::Drain,
    };
    Distributor::new(groups, choose)
}

impl Distributor {
    /// # Errors
    /// When a group has nothing to choose, or there is no group `default`.
    pub fn new(groups: BTreeMap<String, Vec<Channel>>, choose: Choose) -> Result<Self, NoChoice> {
        if let Some((name, _)) = groups.iter().find(|(_, channels)| channels.iter().all(|c| c.weight == 0)) {
            return Err(NoChoice::Empty(name.clone()));
        }
        if !groups.contains_key(DEFAULT_GROUP) {
            return Err(NoChoice::NoDefault);
        }
        Ok(Self { groups, choose, lags: Lags::default() })
    }

    fn channel(&self, group: &[Channel], file: &FileMeta, span: &LineSpan) -> String {
        let seconds = |channel: &Channel| self.lags.channels.get(&channel.name).map_or(0.0, |lag| lag.seconds_to_drain);
        let all = || group.iter().filter(|channel| channel.weight > 0);
        let least = self.lags.least_barred(all().map(|channel| channel.name.as_str()));
        let usable = || all().filter(|channel| self.lags.barred(&channel.name) == least);
        let least = usable().map(seconds).fold(f64::INFINITY, f64::min);
        let near = |channel: &&Channel| self.choose == Choose::Weight || seconds(channel) <= least + ALIKE_SECONDS;
        let total: u64 = usable().filter(near).map(|channel| u64::from(channel.weight)).sum();
        let mut place = hash(file, span) % total;
        for channel in usable().filter(near) {
            match place.checked_sub(u64::from(channel.weight)) {
                Some(rest) => place = rest,
                None => return channel.name.clone(),
            }
        }
        unreachable!("the place is below the sum of the weights")
    }
}

/// Of the chunk's identity, so that the chunks of one file spread too.
fn hash(file: &FileMeta, span: &LineSpan) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&file.file_id.to_bytes());
    hash.update(&span.first_line.to_le_bytes());
    hash.update(&span.first_part.to_le_bytes());
    hash.digest()
}

impl Stage for Distributor {
    type State = Arc<FileMeta>;
    const NAME: &'static str = "distributor";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;
    const OPENS: bool = false;

    fn open(&self, file: &Arc<FileMeta>) -> Arc<FileMeta> {
        Arc::clone(file)
    }

    fn process(&self, file: &mut Arc<FileMeta>, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let Some(span) = chunk.span else {
            let reject = Reject::new(RejectReason::Malformed, "a chunk of text without its lines");
            return Err(reject.carrying(&chunk.opened()));
        };
        let wanted = &file.plan.channel_group;
        let group = self.groups.get(wanted);
        let channel = self.channel(group.unwrap_or(&self.groups[DEFAULT_GROUP]), file, &span);
        let bytes = chunk.bytes() as u64;
        let payload = std::mem::take(&mut chunk.payload);
        let product = Product::new(payload).packed(chunk.packed).lines(span).under(chunk.header.take());
        let mut product = product.to_channel(channel.clone());
        if group.is_none() {
            product = product.note("channel-group", format!("{DEFAULT_GROUP}; there is no {wanted:?}"));
        }
        out.push(product);
        let LineSpan { first_line, first_part, rows } = span;
        out.event(Event::Passed { first_line, first_part, rows, bytes, channel: Some(channel) });
        Ok(Progress::Done)
    }

    fn finish(&self, _: Arc<FileMeta>, end: End, _: &mut Out) -> Result<Outcome, Reject> {
        Ok(end.outcome())
    }

    fn observe(&mut self, lags: &Lags) {
        self.lags = lags.clone();
    }
}
