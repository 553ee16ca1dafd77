//! `logmill plan`: the machines that a load needs, on paper.

mod figures;
mod machines;
mod model;

use crate::args::{self, Format};
use crate::exit::{Failure, Verdict};
use crate::output::Printer;
use anyhow::Result;
use figures::Figures;
use logmill_config::Config;
use machines::Machines;
use model::Plan;
pub use model::TABLE_RATIO;
use std::fmt::Write as _;

/// Prints it.
///
/// # Errors
/// A number makes no sense, or the figures cannot be read.
pub fn run(config: &Config, wish: &args::Plan, format: Format) -> Result<Verdict, Failure> {
    check(wish)?;
    let figures = match &wish.bench {
        Some(path) => Figures::read(path)?,
        None => Figures::published(),
    };
    let plan = model::plan(&figures, wish, config.layout, retention(config, wish))?;
    let mut out = Printer::stdout();
    match format {
        Format::Json => out.json(&plan)?,
        Format::Text => out.text(&page(&plan))?,
    }
    out.finish()?;
    Ok(Verdict::Good)
}

fn retention(config: &Config, wish: &args::Plan) -> f64 {
    wish.retention_days.unwrap_or(config.kafka.retention.as_secs_f64() / 86_400.0)
}

/// An exabyte a day: what is more is a slip of the finger.
const MOST_TB: f64 = 1e6;

fn check(wish: &args::Plan) -> Result<(), Failure> {
    let positive = [
        ("--tb-per-day", wish.tb_per_day),
        ("--ratio", wish.ratio.unwrap_or(1.0)),
        ("--peak", wish.peak),
        ("--busy", wish.busy),
        ("--cores", wish.cores.into()),
        ("--network", wish.network),
        ("--disk", wish.disk),
        ("--disk-throughput", wish.disk_throughput),
        ("--copies", wish.copies.into()),
        ("--retention-days", wish.retention_days.unwrap_or(1.0)),
        ("--rows-days", wish.rows_days),
        ("--packed-ratio", wish.packed_ratio),
        ("--table-ratio", wish.table_ratio),
        ("--row-bytes", wish.row_bytes.unwrap_or(1.0)),
    ];
    match positive.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
        Some((name, value)) => Err(Failure::Usage(format!("{name} is {value}, it must be above 0"))),
        None if wish.tb_per_day > MOST_TB => {
            Err(Failure::Usage(format!("--tb-per-day is {}, it must be {MOST_TB} at most", wish.tb_per_day)))
        }
        None if wish.busy > 1.0 => Err(Failure::Usage(format!("--busy is {}, it must be 1 at most", wish.busy))),
        None => Ok(()),
    }
}

fn page(plan: &Plan) -> String {
    format!("{}\nTaken for granted:\n{}", numbers(plan), granted(plan))
}

fn numbers(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "load        {:.1} TB a day as stored, {:.1} TB of text: {:.0} MB/s, {:.0} MB/s in the busiest hour\n",
        plan.stored_tb_per_day, plan.text_tb_per_day, plan.mean_mb_s, plan.peak_mb_s
    );
    let _ = writeln!(
        out,
        "{:<13} {:>12} {:>7} {:>11} {:>9} {:>9}",
        "STAGE", "CPU-NS/BYTE", "CORES", "PARTITIONS", "IN MB/S", "OUT MB/S"
    );
    for stage in &plan.stages {
        let _ = writeln!(
            out,
            "{:<13} {:>12.3} {:>7} {:>11} {:>9.0} {:>9.0}",
            stage.stage, stage.cpu_ns_per_byte, stage.cores, stage.partitions, stage.in_mb_s, stage.out_mb_s
        );
    }
    let (partitions, channels) = (plan.partitions, plan.channels);
    let _ = writeln!(out, "\npartitions  kafka.partitions = {partitions}, {channels} channels");
    let _ = writeln!(
        out,
        "kafka       {:.2} bytes are written for each byte of text, in one copy",
        plan.kafka_bytes_per_byte
    );
    let _ = writeln!(out, "INSERTs     {:.2} bytes for each byte of text\n", plan.insert_bytes_per_byte);
    let _ = writeln!(
        out,
        "{:<10} {:>6}  {:<9}  {:>8}  {:>10}  {:>7}  {:>12} {:>7} {:>9} {:>9} {:>8}",
        "MACHINES",
        "NEEDED",
        "DECIDES",
        "BY CORES",
        "BY NETWORK",
        "BY DISK",
        "BY DISK MB/S",
        "CORES",
        "IN MB/S",
        "OUT MB/S",
        "DISK TB"
    );
    for (kind, all) in kinds(plan) {
        let _ = writeln!(
            out,
            "{kind:<10} {:>6}  {:<9}  {:>8}  {:>10}  {:>7}  {:>12} {:>7} {:>9.0} {:>9.0} {:>8.0}",
            all.needed,
            all.decided_by,
            all.by_cores,
            all.by_network,
            all.by_disk.map_or("-".to_owned(), |n| n.to_string()),
            all.by_disk_throughput.map_or("-".to_owned(), |n| n.to_string()),
            all.cores,
            all.in_mb_s,
            all.out_mb_s,
            all.disk_tb
        );
    }
    out
}

fn kinds(plan: &Plan) -> [(&'static str, &Machines); 3] {
    [("stages", &plan.stage_machines), ("brokers", &plan.brokers), ("clickhouse", &plan.clickhouse)]
}

fn granted(plan: &Plan) -> String {
    plan.assumptions.iter().map(|assumption| format!("- {assumption}\n")).collect()
}

#[cfg(test)]
mod tests;
