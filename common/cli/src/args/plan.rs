//! What `logmill plan` is given.

/// What a plan is for.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// TB (10^12 bytes) of files a day, as stored: compressed.
    #[arg(long, value_name = "TB")]
    pub tb_per_day: f64,
    /// They are counted as text, not as stored.
    #[arg(long)]
    pub text: bool,
    /// Bytes of text in a byte as stored [default: that of the benchmark's logs].
    #[arg(long, value_name = "RATIO")]
    pub ratio: Option<f64>,
    /// What `make bench` wrote [default: the figures of docs/figures.md].
    #[arg(long, value_name = "FILE")]
    pub bench: Option<std::path::PathBuf>,
    /// The busiest hour, as a multiple of the day's mean.
    #[arg(long, default_value_t = 2.0, value_name = "FACTOR")]
    pub peak: f64,
    /// How much of a core, a disk or a network is to be used at that time.
    #[arg(long, default_value_t = 0.6, value_name = "SHARE")]
    pub busy: f64,
    /// Cores of a machine.
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub cores: u32,
    /// Network of a machine, Gbit/s each way.
    #[arg(long, default_value_t = 25.0, value_name = "GBIT")]
    pub network: f64,
    /// Disks of a machine, TB.
    #[arg(long, default_value_t = 30.0, value_name = "TB")]
    pub disk: f64,
    /// What the disks of a machine read and write together, MB/s.
    #[arg(long, default_value_t = 2000.0, value_name = "MB/S")]
    pub disk_throughput: f64,
    /// Copies of each partition in Kafka, and of each row in ClickHouse.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub copies: u32,
    /// Days for which Kafka keeps its records [default: kafka.retention of the configuration].
    #[arg(long, value_name = "DAYS")]
    pub retention_days: Option<f64>,
    /// Days for which rows are kept in ClickHouse.
    #[arg(long, default_value_t = 30.0, value_name = "DAYS")]
    pub rows_days: f64,
    /// Bytes of text in a byte of a packed chunk (lz4), and of a compressed batch of its rows.
    #[arg(long, default_value_t = 4.0, value_name = "RATIO")]
    pub packed_ratio: f64,
    /// Bytes of text in a row [default: that of the benchmark's logs].
    #[arg(long, value_name = "BYTES")]
    pub row_bytes: Option<f64>,
    /// Bytes of text in a byte of the table on disk.
    #[arg(long, default_value_t = crate::plan::TABLE_RATIO, value_name = "RATIO")]
    pub table_ratio: f64,
}
