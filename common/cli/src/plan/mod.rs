//! `logmill plan`: the machines that a load needs, on paper.

mod figures;
mod model;

use crate::args::{self, Format};
use crate::exit::{Failure, Verdict};
use crate::output::Printer;
use anyhow::Result;
use figures::Figures;
use logmill_config::Config;
use model::{Plan, Servers};
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

fn check(wish: &args::Plan) -> Result<(), Failure> {
    let positive = [
        ("--tb-per-day", wish.tb_per_day),
        ("--ratio", wish.ratio.unwrap_or(1.0)),
        ("--peak", wish.peak),
        ("--busy", wish.busy),
        ("--cores", wish.cores.into()),
        ("--network", wish.network),
        ("--disk", wish.disk),
        ("--copies", wish.copies.into()),
        ("--retention-days", wish.retention_days.unwrap_or(1.0)),
        ("--rows-days", wish.rows_days),
        ("--packed-ratio", wish.packed_ratio),
        ("--table-ratio", wish.table_ratio),
    ];
    match positive.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
        Some((name, value)) => Err(Failure::Usage(format!("{name} is {value}, it must be above 0"))),
        None if wish.busy > 1.0 => Err(Failure::Usage(format!("--busy is {}, it must be 1 at most", wish.busy))),
        None => Ok(()),
    }
}

fn page(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "load        {:.1} TB a day as stored, {:.1} TB of text: {:.0} MB/s, {:.0} MB/s in the busiest hour\n",
        plan.stored_tb_per_day, plan.text_tb_per_day, plan.mean_mb_s, plan.peak_mb_s
    );
    let _ = writeln!(out, "{:<13} {:>12} {:>7} {:>11}", "STAGE", "CPU-NS/BYTE", "CORES", "PARTITIONS");
    for stage in &plan.stages {
        let partitions = stage.partitions.map_or("-".to_owned(), |n| n.to_string());
        let _ =
            writeln!(out, "{:<13} {:>12.3} {:>7} {:>11}", stage.stage, stage.cpu_ns_per_byte, stage.cores, partitions);
    }
    let cores: u64 = plan.stages.iter().map(|stage| stage.cores).sum();
    let _ = writeln!(out, "{:<13} {:>12} {cores:>7}   on {} machines\n", "all stages", "", plan.stage_machines);
    let (partitions, channels) = (plan.partitions, plan.channels);
    let _ = writeln!(out, "partitions  kafka.partitions = {partitions}, {channels} channels");
    let _ = writeln!(out, "brokers     {}", servers(&plan.brokers));
    let _ = writeln!(
        out,
        "            {:.2} bytes are written for each byte of text, in one copy",
        plan.kafka_bytes_per_byte
    );
    let _ = writeln!(out, "clickhouse  {}", servers(&plan.clickhouse));
    out.push_str("\nTaken for granted:\n");
    for assumption in &plan.assumptions {
        let _ = writeln!(out, "- {assumption}");
    }
    out
}

fn servers(all: &Servers) -> String {
    let network = all.by_network.map(|n| format!(", {n} by network")).unwrap_or_default();
    format!(
        "{} ({} by cores{network}, {} by disk): {} cores, {:.0} TB of disk",
        all.needed, all.by_cores, all.by_disk, all.cores, all.disk_tb
    )
}

#[cfg(test)]
mod tests;
