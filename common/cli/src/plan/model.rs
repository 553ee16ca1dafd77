//! From bytes a day to machines. Every number that is not measured is an input, and is named among the assumptions.

use super::figures::Figures;
use super::machines::{Capacity, Load, Machines};
use crate::args;
use anyhow::Result;
use logmill_config::Layout;
use serde::Serialize;

const DAY: f64 = 86_400.0;
/// Bytes of a row's columns beside its text, as they travel: docs/figures.md, "Front end". Without fields.
pub const COLUMN_BYTES: f64 = 65.0;
/// Bytes of text in a byte of the table: docs/table.md, with the codecs and the index that it has.
pub const TABLE_RATIO: f64 = 3.7;
/// How often merges write a row anew: docs/table.md, merges of 20 parts, after 200 INSERTs.
const REWRITTEN: f64 = 1.63;

/// What a stage needs at the busiest hour.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    pub stage: String,
    /// CPU-ns for each byte of text, as measured.
    pub cpu_ns_per_byte: f64,
    pub cores: u64,
    /// Workers, and so partitions, that it takes.
    pub partitions: u64,
    /// What comes to it and what it sends, all of its processes together.
    pub in_mb_s: f64,
    pub out_mb_s: f64,
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
    pub stage_machines: Machines,
    /// `kafka.partitions`, and channels.
    pub partitions: u64,
    pub channels: u64,
    /// Bytes written to Kafka for each byte of text, one copy.
    pub kafka_bytes_per_byte: f64,
    /// Bytes of INSERTs for each byte of text.
    pub insert_bytes_per_byte: f64,
    pub brokers: Machines,
    pub clickhouse: Machines,
    pub assumptions: Vec<String>,
}

/// What a byte of text takes in each form in which it travels.
struct Sizes {
    stored: f64,
    /// In a topic: a packed chunk, or compressed rows.
    packed: f64,
    /// In the body of an INSERT, which is not compressed.
    inserted: f64,
}

impl Sizes {
    /// What comes to a stage, and what it sends, for each byte of text. `raw` holds bytes as stored; each topic is read once.
    fn of(&self, layout: Layout, stage: &str) -> (f64, f64) {
        if layout == Layout::Direct && stage == "loader" {
            return (0.0, 0.0); // events and rejects alone
        }
        let taken = if stage == "fetcher" || stage == layout.decompresses() { self.stored } else { self.packed };
        let given = match stage {
            "fetcher" => self.stored,
            loads if loads == layout.loads_rows() => self.inserted,
            _ => self.packed,
        };
        (taken, given)
    }
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
    let measured_row = cost("one row of text")?;
    let row_bytes = wish.row_bytes.unwrap_or(measured_row);
    let sizes = Sizes {
        stored: 1.0 / ratio,
        packed: 1.0 / wish.packed_ratio,
        inserted: (row_bytes + COLUMN_BYTES) / row_bytes,
    };
    // Cores at the busiest hour.
    let cores = |ns_per_byte: f64| peak * ns_per_byte * 1e-9 / wish.busy;
    let engine = cost("engine")?;
    let mut stages = Vec::new();
    // For each byte of text: through all stages, and of that what is not Kafka's.
    let (mut all, mut others) = ((0.0, 0.0), (0.0, 0.0));
    for name in layout.stages() {
        let ns = cost(name)?;
        // Who loads rows waits for an INSERT before another is begun.
        let lane = if *name == layout.loads_rows() { ns + engine } else { ns };
        let (taken, given) = sizes.of(layout, name);
        all = (all.0 + taken, all.1 + given);
        others.0 += if *name == "fetcher" { taken } else { 0.0 };
        others.1 += if *name == layout.loads_rows() { given } else { 0.0 };
        stages.push(Stage {
            stage: (*name).to_owned(),
            cpu_ns_per_byte: ns,
            cores: whole(cores(ns)),
            partitions: whole(cores(lane)),
            in_mb_s: peak * taken / 1e6,
            out_mb_s: peak * given / 1e6,
        });
    }
    let of = |wanted: &dyn Fn(&str) -> bool| {
        let found = stages.iter().filter(|stage| wanted(&stage.stage)).map(|stage| stage.partitions);
        found.max().unwrap_or(1)
    };
    let partitions = of(&|stage| !["splitter", "loader"].contains(&stage));
    let channels = of(&|stage| ["splitter", "loader"].contains(&stage)).div_ceil(partitions);

    let capacity = Capacity::of(wish);
    let stage_cores: u64 = stages.iter().map(|stage| stage.cores).sum();
    let stage_machines = capacity.machines(&Load {
        cores: stage_cores as f64,
        taken: peak * all.0,
        given: peak * all.1,
        ..Load::default()
    });

    let copies = f64::from(wish.copies);
    let (read, written) = (all.0 - others.0, all.1 - others.1);
    let brokers = capacity.of_copies(&Load {
        cores: cores(cost("broker")? * copies),
        // Stages send to one broker, and followers read from it; who keeps up reads what is in memory yet.
        taken: peak * written * copies,
        given: peak * (read + written * (copies - 1.0)),
        disk_tb: text_tb * written * retention_days * copies,
        disk_bytes: peak * written * copies,
    });

    let merges = cost("the engine's merges, apart")?;
    let table = 1.0 / wish.table_ratio;
    // Of each shard one server takes the INSERTs; the others fetch from it what it wrote.
    let first = Load {
        cores: cores(engine + merges),
        taken: peak * sizes.inserted,
        given: peak * table * (copies - 1.0),
        disk_tb: text_tb * wish.rows_days * table,
        disk_bytes: peak * table * (1.0 + 2.0 * REWRITTEN),
    };
    let further = Load { cores: cores(merges), taken: peak * table, given: 0.0, ..first };
    let clickhouse = capacity.of_shards(&first, &further);
    Ok(Plan {
        stored_tb_per_day: text_tb / ratio,
        text_tb_per_day: text_tb,
        ratio,
        mean_mb_s: mean / 1e6,
        peak_mb_s: peak / 1e6,
        stage_machines,
        stages,
        partitions,
        channels,
        kafka_bytes_per_byte: written,
        insert_bytes_per_byte: sizes.inserted,
        brokers,
        clickhouse,
        assumptions: assumptions(figures, wish, layout, retention_days, (measured_ratio, measured_row)),
    })
}

/// Whole ones, of something of which there is a little at least. What rounding leaves above a whole one is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of machines")]
pub fn whole(number: f64) -> u64 {
    (number - number * 1e-9).ceil().max(1.0) as u64
}

/// What little in each partition costs.
fn spread(figures: &Figures) -> String {
    let share = |partitions: u32| {
        let of = |partitions: u32| figures.get(&format!("scale: {partitions} partitions")).ok();
        Some(of(partitions)? / of(1)?)
    };
    let measured = match (share(16), share(64)) {
        (Some(some), Some(many)) => format!("{some:.2} times as much with 16 and {many:.2} times with 64"),
        _ => "not in these figures".to_owned(),
    };
    format!(
        "each partition has as much to do as in the benchmark, some 10 MB/s of text and more: what one machine does, spread over more partitions, \
         come in smaller batches, and a byte costs more ({measured}, docs/figures.md)"
    )
}

fn assumptions(
    figures: &Figures,
    wish: &args::Plan,
    layout: Layout,
    retention_days: f64,
    (measured_ratio, measured_row): (f64, f64),
) -> Vec<String> {
    let layout = layout.name();
    let ratio = match wish.ratio {
        Some(ratio) => format!("files hold {ratio:.2} bytes of text in a byte as stored (given)"),
        None => format!(
            "files hold {measured_ratio:.2} bytes of text in a byte as stored (measured on the benchmark's logs)"
        ),
    };
    let row = match wish.row_bytes {
        Some(bytes) => format!("a row has {bytes:.0} bytes of text (given)"),
        None => format!("a row has {measured_row:.0} bytes of text (measured on the benchmark's logs)"),
    };
    vec![
        format!("cost per byte of text, layout {layout}: {}; a core here does what a core there did", figures.source),
        "cost grows with the bytes: measured at tens of MB/s on one machine, not at this size; with more machines there is more \
         to wait for and to coordinate, which is not in it"
            .to_owned(),
        spread(figures),
        ratio,
        format!("the busiest hour has {} times the mean of the day", wish.peak),
        format!("of each core, network and disk {:.0} % are used then", wish.busy * 100.0),
        format!(
            "a machine has {} cores, {} Gbit/s each way, {} TB of disk, which reads and writes {} MB/s together (none of it \
             measured)",
            wish.cores, wish.network, wish.disk, wish.disk_throughput
        ),
        "of both ways of a network the one with more bytes counts; these are spread evenly over the machines of a kind, and none stays within \
         one machine; events, offsets, markers and headers are not in it"
            .to_owned(),
        format!(
            "Kafka keeps {} copies for {retention_days} days; a copy costs a broker as much CPU as the first (one copy was \
             measured)",
            wish.copies
        ),
        "a broker takes in what stages and other brokers send it, and gives it to the followers and to one reader of each topic, \
         who keep up: from memory, not from disk; who else reads rows is not in it"
            .to_owned(),
        format!(
            "packed chunks, and compressed batches of rows, have a byte for {} of text (not measured: the benchmark's logs pack \
             better than most)",
            wish.packed_ratio
        ),
        format!(
            "{row}, and {COLUMN_BYTES} bytes of columns beside it as it goes to ClickHouse, which takes INSERTs uncompressed; \
             fields of patterns are not in it"
        ),
        format!(
            "ClickHouse keeps {} copies for {} days, with a byte for {} of text{}; each copy merges for itself",
            wish.copies,
            wish.rows_days,
            wish.table_ratio,
            if wish.table_ratio.to_bits() == TABLE_RATIO.to_bits() { " (docs/table.md, of generated lines with fields)" } else { "" },
        ),
        format!(
            "merges write each row {REWRITTEN} times anew (docs/table.md, 200 INSERTs; of more it is more), and read it as often from disk"
        ),
        "where more servers of ClickHouse are needed than there are copies, rows lie over shards, each file on one \
         (clickhouse.shards); of a shard's servers one takes all INSERTs, the others fetch its parts as they lie on its disk; the front \
         is one of them; what queries over shards cost was not measured"
            .to_owned(),
        "what analysts ask of ClickHouse, and what reading costs HDFS, is not in it".to_owned(),
    ]
}
