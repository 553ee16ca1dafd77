//! What needs the real servers.

use crate::chain::{self, Shape};
use crate::front::FRONT_END;
use crate::report::Row;
use crate::scale::{self, Steps};
use crate::{analyses, data, hop, large, latency, listing, tiny};
use anyhow::Context;
use clap::Args;
use logmill_config::Layout;
use logmill_stack::{Stack, Wanted};

/// Bytes of text that are enough to measure a hop.
const HOPPED: usize = 128 << 20;

/// What of it is wanted.
#[derive(Clone, Debug)]
pub struct Parts {
    hop: bool,
    chains: Vec<Shape>,
    latency: bool,
    sizes: Sizes,
}

/// How much of what may take long; 0 leaves it out.
#[derive(Clone, Debug, Args)]
pub struct Sizes {
    /// GiB of text in the largest file; needs twice as much of the disk
    #[arg(long, env = "LARGE", default_value_t = 0)]
    pub large: usize,
    /// Files in the longest listing: 1000, ten times as many, and so on; 0 leaves listing out
    #[arg(long = "files", env = "FILES", value_name = "FILES", default_value_t = 100_000)]
    pub listed: usize,
    /// Files of a kilobyte beside large ones; 0 leaves them out
    #[arg(long, env = "TINY", default_value_t = 2_000)]
    pub tiny: usize,
    /// Rows that the analyses count; each takes 50 bytes of the disk meanwhile; 0 leaves them out
    #[arg(long, env = "ANALYZED", default_value_t = 0)]
    pub analyzed: usize,
    /// How many times each chain is taken; the least counts
    #[arg(id = "chain-rounds", long, env = "CHAIN_ROUNDS", value_name = "CHAIN_ROUNDS", default_value_t = 1)]
    pub rounds: u32,
    #[command(flatten)]
    pub scale: Steps,
}

/// The floors of the front end, in CPU-ns per byte, as far as they were measured.
#[derive(Clone, Copy, Debug)]
pub struct Fronts {
    utf8: Option<f64>,
    gbk: Option<f64>,
}

impl Fronts {
    /// Those of the rows of the front end.
    #[must_use]
    pub fn among(rows: &[Row]) -> Self {
        let of =
            |text: &str| rows.iter().find(|row| row.name == format!("{FRONT_END}, {text}")).and_then(|row| row.floor);
        Self { utf8: of("UTF-8"), gbk: of("GBK") }
    }

    /// That of what goes through a chain; a mix is half of each.
    fn of(self, shape: &Shape) -> Option<f64> {
        if shape.mixed { Some((self.utf8? + self.gbk?) / 2.0) } else { self.utf8 }
    }
}

/// So many times as much text goes through a chain of the mix, which is held against ClickHouse's own reading of the same files: that
/// has no seconds in which a chain finds its files, and ends.
const MIXED: usize = 3;

/// How far above its floor a chain may be.
fn goal(shape: &Shape) -> f64 {
    match (shape.mixed, shape.layout) {
        (true, _) => 1.1,
        (false, Layout::Fused | Layout::Compact | Layout::Direct) => 1.25,
        (false, Layout::Separate) => 1.3,
    }
}

impl Parts {
    /// All of it, or what has `only` in its name.
    #[must_use]
    pub fn of(only: Option<&str>, mut sizes: Sizes) -> Self {
        let named = |name: &str| only.is_none_or(|only| name.contains(only));
        let mix = Shape { name: "mix".into(), mixed: true, ..Shape::of(Layout::Fused) };
        let compact_mix = Shape { name: "mix_compact".into(), mixed: true, ..Shape::of(Layout::Compact) };
        let direct_mix = Shape { name: "mix_direct".into(), mixed: true, ..Shape::of(Layout::Direct) };
        let alike = Layout::ALL.into_iter().map(Shape::of);
        let chains: Vec<Shape> = alike
            .chain([mix, compact_mix, direct_mix])
            .filter(|shape| named(&format!("chain {}", shape.name)))
            .collect();
        for (name, size) in [
            ("listing", &mut sizes.listed),
            ("tiny", &mut sizes.tiny),
            ("analyses", &mut sizes.analyzed),
            ("scale", &mut sizes.scale.size),
        ] {
            *size = if named(name) { *size } else { 0 };
        }
        Self { hop: named("hop") || !chains.is_empty(), chains, latency: named("latency"), sizes }
    }

    /// Whether the chain's cost is wanted, for whose floor the front end's is needed.
    #[must_use]
    pub fn chains(&self) -> bool {
        !self.chains.is_empty()
    }

    /// Whether the servers are needed.
    #[must_use]
    pub fn any(&self) -> bool {
        self.shared() || self.sizes.listed > 0 || self.sizes.analyzed > 0
    }

    /// Whether those are needed that all parts but listing and the analyses share.
    fn shared(&self) -> bool {
        self.hop
            || self.latency
            || [self.sizes.large, self.sizes.tiny, self.sizes.scale.size].iter().any(|size| *size > 0)
    }
}

/// Starts the servers, takes `bytes` of text over a hop and through the chains, as far as they are wanted, and
/// stops the servers.
///
/// # Errors
/// A server does not start, or the chain does not come to its end.
pub fn measure(bytes: usize, fronts: Fronts, wanted: &Parts) -> anyhow::Result<Vec<Row>> {
    let all = async {
        let mut rows = if wanted.shared() { on_servers(bytes, fronts, wanted).await? } else { Vec::new() };
        if wanted.sizes.listed > 0 {
            rows.extend(listing::measure(wanted.sizes.listed).await?);
        }
        if wanted.sizes.analyzed > 0 {
            let engine = Wanted { clickhouse: true, ..Wanted::default() };
            let stack = tokio::task::block_in_place(|| Stack::start(&logmill_stack::default_dir(), &engine))?;
            rows.extend(analyses::measure(&stack, wanted.sizes.analyzed).await?);
            tokio::task::block_in_place(|| stack.stop());
        }
        Ok(rows)
    };
    tokio::runtime::Runtime::new().context("starting the runtime")?.block_on(all)
}

async fn on_servers(bytes: usize, fronts: Fronts, wanted: &Parts) -> anyhow::Result<Vec<Row>> {
    let servers = Wanted { brokers: 1, hdfs: vec!["a".into(), "b".into()], clickhouse: true, ..Wanted::default() };
    let stack = tokio::task::block_in_place(|| Stack::start(&logmill_stack::default_dir(), &servers))?;
    let most = if wanted.chains.iter().any(|shape| shape.mixed) { MIXED * bytes } else { bytes };
    let text = data::log(most);
    let little = text[..text.len().min(bytes)].rfind('\n').map_or(&*text, |end| &text[..=end]);
    let hopped = &text.as_bytes()[..text.len().min(HOPPED)];
    let mut rows = Vec::new();
    let folder = stack.folder().join("bench");
    if wanted.hop {
        rows.extend(hop::measure(stack.kafka(), hopped, "none").await?);
        let [opened, passed] = hop::measure(stack.kafka(), hopped, "lz4").await?;
        let hop = opened.floor.context("a hop has a floor")?;
        rows.extend([opened.goal(1.25), passed]);
        for shape in &wanted.chains {
            let front = fronts.of(shape).context("the front end was not measured")?;
            rows.extend(
                chain::measure(
                    &stack,
                    &folder,
                    if shape.mixed { &text } else { little },
                    shape,
                    wanted.sizes.rounds,
                    (front, hop),
                    goal(shape),
                )
                .await?,
            );
        }
    }
    if wanted.sizes.scale.size > 0 {
        rows.extend(scale::measure(&stack, &folder, &wanted.sizes.scale).await?);
    }
    if wanted.latency {
        rows.extend(latency::measure(&stack, &folder, Layout::Separate).await?);
    }
    if wanted.sizes.large > 0 {
        rows.extend(large::measure(&stack, &folder, wanted.sizes.large).await?);
    }
    if wanted.sizes.tiny > 0 {
        rows.extend(tiny::measure(&stack, &folder, wanted.sizes.tiny).await?);
    }
    tokio::task::block_in_place(|| stack.stop());
    Ok(rows)
}
