//! From bytes a day to machines. Every number that is not measured is an input, and is named among the assumptions.

use super::figures::Figures;
use crate::args;
use anyhow::Result;
use logmill_config::Layout;
use serde::Serialize;

const DAY: f64 = 86_400.0;

/// What a stage needs at the busiest hour.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    pub stage: String,
    /// CPU-ns for each byte of text, as measured.
    pub cpu_ns_per_byte: f64,
    pub cores: u64,
    /// Workers, and so partitions, that it takes; none where it has no partitions of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u64>,
}

/// What a kind of server needs.
#[derive(Clone, Debug, Serialize)]
pub struct Servers {
    /// By cores, by network, by disk; the most of these, and as many as there are copies, are needed.
    pub by_cores: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_network: Option<u64>,
    pub by_disk: u64,
    pub needed: u64,
    pub cores: u64,
    /// TB, of all of them, copies counted.
    pub disk_tb: f64,
}

/// The whole.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    pub stored_tb_per_day: f64,
    pub text_tb_per_day: f64,
    pub ratio: f64,
    /// MB/s of text: the mean of the day, and the busiest hour.
    pub mean_mb_s: f64,
    pub peak_mb_s: f64,
    pub stages: Vec<Stage>,
    /// Machines for all stages.
    pub stage_machines: u64,
    /// `kafka.partitions`, and channels.
    pub partitions: u64,
    pub channels: u64,
    /// Bytes written to Kafka for each byte of text, one copy.
    pub kafka_bytes_per_byte: f64,
    pub brokers: Servers,
    pub clickhouse: Servers,
    pub assumptions: Vec<String>,
}

/// Works it out.
///
/// # Errors
/// A figure was not measured.
pub fn plan(figures: &Figures, wish: &args::Plan, layout: Layout, retention_days: f64) -> Result<Plan> {
    let measured_ratio = figures.get("generated logs, UTF-8: plain bytes a packed byte")?;
    let ratio = wish.ratio.unwrap_or(measured_ratio);
    let text_tb = if wish.text { wish.tb_per_day } else { wish.tb_per_day * ratio };
    let mean = text_tb * 1e12 / DAY;
    let peak = mean * wish.peak;
    let chain = layout.name();
    let cost = |what: &str| figures.get(&format!("chain {chain}: {what}"));
    // Cores at the busiest hour.
    let cores = |ns_per_byte: f64| peak * ns_per_byte * 1e-9 / wish.busy;
    let engine = cost("engine")?;
    let mut stages = Vec::new();
    for name in layout.stages() {
        let ns = cost(name)?;
        // Who loads rows waits for an INSERT before another is begun.
        let lane = if *name == layout.loads_rows() { ns + engine } else { ns };
        let partitions = Some(whole(cores(lane)));
        stages.push(Stage { stage: (*name).to_owned(), cpu_ns_per_byte: ns, cores: whole(cores(ns)), partitions });
    }
    let of = |wanted: &dyn Fn(&str) -> bool| {
        let found = stages.iter().filter(|stage| wanted(&stage.stage)).filter_map(|stage| stage.partitions);
        found.max().unwrap_or(1)
    };
    let partitions = of(&|stage| !["splitter", "loader"].contains(&stage));
    let channels = of(&|stage| ["splitter", "loader"].contains(&stage)).div_ceil(partitions);
    let stage_cores: u64 = stages.iter().map(|stage| stage.cores).sum();

    // raw, as stored; plain, text, channel and rows, as far as they are topics, packed.
    let packed_topics = match layout {
        Layout::Separate => 4.0,
        Layout::Fused => 3.0,
        Layout::Compact => 1.0,
        Layout::Direct => 0.0,
    };
    let kafka_bytes = 1.0 / ratio + packed_topics / wish.packed_ratio;
    let copies = f64::from(wish.copies);
    let machine = Machine { wish, copies: wish.copies };
    let network = wish.network * 1e9 / 8.0 * wish.busy;
    // What a broker takes in it also gives to the followers and to one reader: the greater of both ways counts.
    let carried = peak * kafka_bytes * copies;
    let broker_cores = cores(cost("broker")? * copies);
    let kept_tb = text_tb * kafka_bytes * retention_days * copies;
    let brokers = machine.servers(broker_cores, Some(carried / network), kept_tb);
    let merges = cost("the engine's merges, apart")?;
    let clickhouse_cores = cores(engine + merges * copies);
    let rows_tb = text_tb * wish.rows_days / wish.table_ratio * copies;
    let clickhouse = machine.servers(clickhouse_cores, None, rows_tb);
    Ok(Plan {
        stored_tb_per_day: text_tb / ratio,
        text_tb_per_day: text_tb,
        ratio,
        mean_mb_s: mean / 1e6,
        peak_mb_s: peak / 1e6,
        stage_machines: whole(stage_cores as f64 / f64::from(wish.cores)),
        stages,
        partitions,
        channels,
        kafka_bytes_per_byte: kafka_bytes,
        brokers,
        clickhouse,
        assumptions: assumptions(figures, wish, layout, retention_days, measured_ratio),
    })
}

/// Whole ones, of something of which there is a little at least.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of machines")]
fn whole(number: f64) -> u64 {
    number.ceil().max(1.0) as u64
}

struct Machine<'a> {
    wish: &'a args::Plan,
    copies: u32,
}

impl Machine<'_> {
    fn servers(&self, cores: f64, networks: Option<f64>, disk_tb: f64) -> Servers {
        let by_cores = whole(cores / f64::from(self.wish.cores));
        let by_network = networks.map(whole);
        let by_disk = whole(disk_tb / (self.wish.disk * self.wish.busy));
        let needed = by_cores.max(by_disk).max(by_network.unwrap_or(1)).max(self.copies.into());
        Servers { by_cores, by_network, by_disk, needed, cores: whole(cores), disk_tb }
    }
}

fn assumptions(
    figures: &Figures,
    wish: &args::Plan,
    layout: Layout,
    retention_days: f64,
    measured_ratio: f64,
) -> Vec<String> {
    let layout = layout.name();
    let ratio = match wish.ratio {
        Some(ratio) => format!("files hold {ratio:.2} bytes of text in a byte as stored (given)"),
        None => format!(
            "files hold {measured_ratio:.2} bytes of text in a byte as stored (measured on the benchmark's logs)"
        ),
    };
    vec![
        format!("cost per byte of text, layout {layout}: {}; a core here does what a core there did", figures.source),
        "cost grows with the bytes: measured at tens of MB/s on one machine, not at this size; with more machines there is more \
         to wait for and to coordinate, which is not in it"
            .to_owned(),
        ratio,
        format!("the busiest hour has {} times the mean of the day", wish.peak),
        format!("of each core, network and disk {:.0} % are used then", wish.busy * 100.0),
        format!(
            "a machine has {} cores, {} Gbit/s each way, {} TB of disk",
            wish.cores, wish.network, wish.disk
        ),
        format!(
            "Kafka keeps {} copies for {retention_days} days; a copy costs a broker as much CPU as the first (one copy was \
             measured)",
            wish.copies
        ),
        format!(
            "packed chunks, and compressed batches of rows, have a byte for {} of text (not measured: the benchmark's logs pack \
             better than most)",
            wish.packed_ratio
        ),
        format!(
            "ClickHouse keeps {} copies for {} days, with a byte for {} of text (not measured); each copy merges for itself",
            wish.copies, wish.rows_days, wish.table_ratio
        ),
        "where more servers of ClickHouse are needed than there are copies, rows lie over shards, each file on one \
         (clickhouse.shards); what queries over shards cost was not measured"
            .to_owned(),
        "what analysts ask of ClickHouse is not in it".to_owned(),
    ]
}
