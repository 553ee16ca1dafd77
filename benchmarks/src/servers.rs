//! What needs the real servers.

use crate::report::Row;
use crate::{chain, data, hop, large, latency};
use anyhow::Context;
use logmill_config::Layout;
use logmill_stack::{Stack, Wanted};

/// Bytes of text that are enough to measure a hop.
const HOPPED: usize = 128 << 20;

/// What of it is wanted.
#[derive(Clone, Debug)]
pub struct Parts {
    hop: bool,
    layouts: Vec<Layout>,
    latency: bool,
    /// GiB of the largest file; 0 for none.
    large: usize,
}

impl Parts {
    /// All of it, or what has `only` in its name.
    #[must_use]
    pub fn of(only: Option<&str>, large: usize) -> Self {
        let named = |name: &str| only.is_none_or(|only| name.contains(only));
        let layouts = [(Layout::Separate, "chain separate"), (Layout::Fused, "chain fused")];
        let layouts: Vec<Layout> =
            layouts.into_iter().filter(|(_, name)| named(name)).map(|(layout, _)| layout).collect();
        Self { hop: named("hop") || !layouts.is_empty(), layouts, latency: named("latency"), large }
    }

    /// Whether the chain's cost is wanted, for whose floor the front end's is needed.
    #[must_use]
    pub fn chains(&self) -> bool {
        !self.layouts.is_empty()
    }

    /// Whether the servers are needed.
    #[must_use]
    pub fn any(&self) -> bool {
        self.hop || self.latency || self.large > 0
    }
}

/// Starts the servers, takes `bytes` of text over a hop and through the chain of either layout, as far as it is wanted, and
/// stops the servers. `front` is the floor of the front end, in CPU-ns per byte.
///
/// # Errors
/// A server does not start, or the chain does not come to its end.
pub fn measure(bytes: usize, front: Option<f64>, wanted: &Parts) -> anyhow::Result<Vec<Row>> {
    tokio::runtime::Runtime::new().context("starting the runtime")?.block_on(on_servers(bytes, front, wanted))
}

async fn on_servers(bytes: usize, front: Option<f64>, wanted: &Parts) -> anyhow::Result<Vec<Row>> {
    let servers = Wanted { brokers: 1, hdfs: vec!["a".into(), "b".into()], clickhouse: true, ..Wanted::default() };
    let stack = tokio::task::block_in_place(|| Stack::start(&logmill_stack::default_dir(), &servers))?;
    let text = data::log(bytes);
    let hopped = &text.as_bytes()[..text.len().min(HOPPED)];
    let mut rows = Vec::new();
    let folder = stack.folder().join("bench");
    if wanted.hop {
        rows.push(hop::measure(stack.kafka(), hopped, "none").await?);
        rows.push(hop::measure(stack.kafka(), hopped, "lz4").await?.goal(1.25));
        let hop = rows[1].floor.context("a hop has a floor")?;
        for layout in &wanted.layouts {
            let front = front.context("the front end was not measured")?;
            rows.extend(chain::measure(&stack, &folder, &text, *layout, front, hop).await?);
        }
    }
    if wanted.latency {
        rows.extend(latency::measure(&stack, &folder, Layout::Separate).await?);
    }
    if wanted.large > 0 {
        rows.extend(large::measure(&stack, &folder, wanted.large).await?);
    }
    tokio::task::block_in_place(|| stack.stop());
    Ok(rows)
}
