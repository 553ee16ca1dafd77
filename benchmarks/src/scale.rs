//! Whether a byte costs the same however many partitions the topics have, and however many processes share the work.

use crate::chain::{Shape, take};
use crate::report::Row;
use logmill_config::Layout;
use logmill_stack::Stack;
use std::path::Path;

/// Partitions of each topic, with one process of each stage.
const PARTITIONS: [i32; 4] = [1, 4, 16, 64];
/// Processes of each stage, with as many partitions as there are at most.
const INSTANCES: [u32; 4] = [1, 2, 4, 8];
/// How much more a byte may cost than with one.
const GOAL: f64 = 1.1;

/// Takes `text` through chains of more and more partitions, then of more and more processes. The floor of each is the first
/// one of its row.
///
/// # Errors
/// A chain does not come to its end, or proves something wrong.
pub async fn measure(stack: &Stack, folder: &Path, text: &str) -> anyhow::Result<Vec<Row>> {
    let most = PARTITIONS[PARTITIONS.len() - 1];
    let by_partitions = PARTITIONS.map(|partitions| (format!("{partitions} partitions"), partitions, 1));
    let by_instances =
        INSTANCES.map(|instances| (format!("{most} partitions, {instances} of each stage"), most, instances));
    let mut rows = Vec::new();
    for line in [by_partitions, by_instances] {
        let mut first = None;
        for (what, partitions, instances) in line {
            let name = format!("scale_{partitions}_{instances}_{}", rows.len());
            let shape = Shape { name, partitions, instances, ..Shape::of(Layout::Separate) };
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
