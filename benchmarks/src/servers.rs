//! What needs the real servers.

use crate::report::Row;
use crate::{chain, data, hop, large, latency};
use anyhow::Context;
use logmill_config::Layout;
use logmill_stack::{Stack, Wanted};

/// Bytes of text that are enough to measure a hop.
const HOPPED: usize = 128 << 20;

/// Starts the servers, takes `bytes` of text over a hop and through the chain of either layout, and stops the servers.
/// `front` is the floor of the front end, in CPU-ns per byte; `large` the GiB of the largest file, 0 for none.
///
/// # Errors
/// A server does not start, or the chain does not come to its end.
pub fn measure(bytes: usize, front: f64, large: usize) -> anyhow::Result<Vec<Row>> {
    tokio::runtime::Runtime::new().context("starting the runtime")?.block_on(on_servers(bytes, front, large))
}

async fn on_servers(bytes: usize, front: f64, large: usize) -> anyhow::Result<Vec<Row>> {
    let wanted = Wanted { brokers: 1, hdfs: vec!["a".into(), "b".into()], clickhouse: true };
    let stack = tokio::task::block_in_place(|| Stack::start(&logmill_stack::default_dir(), &wanted))?;
    let text = data::log(bytes);
    let hopped = &text.as_bytes()[..text.len().min(HOPPED)];
    let mut rows = vec![
        hop::measure(stack.kafka(), hopped, "none").await?,
        hop::measure(stack.kafka(), hopped, "lz4").await?.goal(1.25),
    ];
    let hop = rows[1].floor.context("a hop has a floor")?;
    let folder = stack.folder().join("bench");
    for layout in [Layout::Separate, Layout::Fused] {
        rows.extend(chain::measure(&stack, &folder, &text, layout, front, hop).await?);
    }
    rows.extend(latency::measure(&stack, &folder, Layout::Separate).await?);
    if large > 0 {
        rows.extend(large::measure(&stack, &folder, large).await?);
    }
    tokio::task::block_in_place(|| stack.stop());
    Ok(rows)
}
