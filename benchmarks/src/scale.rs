//! Whether a byte costs the same however many partitions the topics have, and however many processes share the work.

use crate::chain::{Shape, take};
use crate::data;
use crate::report::Row;
use clap::Args;
use logmill_config::Layout;
use logmill_stack::Stack;
use std::path::Path;

/// What is tried.
#[derive(Clone, Debug, Args)]
pub struct Steps {
    /// MiB of generated text for chains of more and more partitions and processes; 0 leaves them out
    #[arg(id = "scale", long, env = "SCALE", value_name = "SCALE", default_value_t = 768)]
    pub size: usize,
    /// How many partitions of each topic, with one process of each stage
    #[arg(long = "scale-partitions", env = "SCALE_PARTITIONS", value_delimiter = ',', default_value = "1,4,16,64")]
    pub partitions: Vec<i32>,
    /// How many processes of each stage, with the most of those partitions; 0 leaves them out
    #[arg(long = "scale-instances", env = "SCALE_INSTANCES", value_delimiter = ',', default_value = "1,2,4,8")]
    pub instances: Vec<u32>,
    /// The chains' layout
    #[arg(id = "scale-layout", long, env = "SCALE_LAYOUT", value_name = "SCALE_LAYOUT", default_value = "separate")]
    pub layout: Layout,
}

/// How much more a byte may cost than with one.
const GOAL: f64 = 1.1;

/// Why it is not flat, as far as it is known; docs/figures.md has how that was found.
pub const WHY: &str = "\
scale: with more partitions each record that is appended has the broker look through every fetch that waits for its partition, and a fetch of
scale: the client names all partitions of its consumer; what an INSERT holds of one partition becomes less. Each process more takes what it
scale: takes at rest, and makes transactions of its own. docs/figures.md has more of it.";

/// Takes text through chains of more and more partitions, then of more and more processes. The floor of each is the first
/// one of its row.
///
/// # Errors
/// A chain does not come to its end, or proves something wrong.
pub async fn measure(stack: &Stack, folder: &Path, steps: &Steps) -> anyhow::Result<Vec<Row>> {
    let text = &data::log(steps.size << 20);
    let most = steps.partitions.iter().copied().max().unwrap_or(1);
    let by_partitions = steps.partitions.iter().map(|n| (format!("{n} partitions"), *n, 1)).collect::<Vec<_>>();
    let by_instances =
        steps.instances.iter().filter(|n| **n > 0).map(|n| (format!("{most} partitions, {n} of each stage"), most, *n));
    let mut rows = Vec::new();
    for line in [by_partitions, by_instances.collect()] {
        let mut first = None;
        for (what, partitions, instances) in line {
            let name = format!("scale_{partitions}_{instances}_{}", rows.len());
            let shape = Shape { name, partitions, instances, ..Shape::of(steps.layout) };
            let taken = take(stack, folder, text, &shape).await?;
            let whole = taken.whole();
            let row = Row::new(format!("scale: {what}"), "CPU-ns/byte", whole);
            rows.push(row.floor(*first.get_or_insert(whole)).goal(GOAL));
            let part = |(part, cost): (&&str, &f64)| Row::new(format!("scale: {what}: {part}"), "CPU-ns/byte", *cost);
            rows.extend(taken.parts.iter().map(part));
            rows.push(Row::new(format!("scale: {what}: at rest"), "CPU-ms/s", taken.at_rest() * 1e3));
            rows.push(Row::new(format!("scale: {what}: throughput"), "MB/s", taken.throughput));
        }
    }
    Ok(rows)
}
