//! The sections of the configuration. Every doc comment here is what `logmill config example`, the JSON Schema and the
//! reference show to people.

mod analyses;
mod cluster;
mod plan;

pub use analyses::Analysis;
pub use cluster::{Cluster, Finished, Order};
pub use plan::{App, DataType, FixedEncoding, HeaderLine, PlanDefaults, Rule};

use crate::properties::Properties;
use crate::size::Size;
use logmill_patterns::{FieldType, PatternSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How the stages are laid out over processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Every stage is a process of its own; decompressor and re-encoder are joined by the topic `plain`.
    #[default]
    Separate,
    /// Decompressor and re-encoder run as one process (`logmill-decoder`); there is no topic `plain`.
    Fused,
    /// Everything between fetcher and loader runs as one process (`logmill-parser`); of the topics of chunks `raw` and the
    /// channels' `rows` are left.
    Compact,
    /// As compact, and the rows go into ClickHouse from there (`logmill-ingester`): of the topics of chunks `raw` is left.
    Direct,
}

impl Layout {
    pub const ALL: [Self; 4] = [Self::Separate, Self::Fused, Self::Compact, Self::Direct];

    /// The stage that reads what the fetcher sends: each layout has one of its own.
    #[must_use]
    pub fn decompresses(self) -> &'static str {
        match self {
            Self::Separate => "decompressor",
            Self::Fused => "decoder",
            Self::Compact => "parser",
            Self::Direct => "ingester",
        }
    }

    /// The stage that has rows inserted.
    #[must_use]
    pub fn loads_rows(self) -> &'static str {
        if self == Self::Direct { "ingester" } else { "loader" }
    }

    /// As the configuration has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Separate => "separate",
            Self::Fused => "fused",
            Self::Compact => "compact",
            Self::Direct => "direct",
        }
    }

    /// The stages that have a consumer group, in the order of the chain.
    #[must_use]
    pub fn stages(self) -> &'static [&'static str] {
        match self {
            Self::Separate => &["fetcher", "decompressor", "reencoder", "distributor", "splitter", "loader"],
            Self::Fused => &["fetcher", "decoder", "distributor", "splitter", "loader"],
            Self::Compact => &["fetcher", "parser", "loader"],
            Self::Direct => &["fetcher", "ingester", "loader"],
        }
    }
}

impl std::str::FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|layout| layout.name() == name);
        found.ok_or_else(|| format!("not one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Compression of the records that the stages write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    #[default]
    Lz4,
    Snappy,
    Gzip,
}

impl Compression {
    /// The value of librdkafka's `compression.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Snappy => "snappy",
            Self::Gzip => "gzip",
        }
    }
}

/// The Kafka cluster that joins the stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kafka {
    /// Addresses to ask first, separated by commas: host:port,host:port.
    pub brokers: String,
    /// Partitions of each topic of the chain. Once the topics exist there may only be more of them: `logmill topics apply` adds
    /// them to a chain that is drained and stopped (docs/operations.md).
    #[schemars(range(min = 1))]
    pub partitions: i32,
    /// Copies of each partition. From 3 on, a write waits for two of them.
    #[schemars(range(min = 1))]
    pub replication: i32,
    /// The largest batch of records that a topic of the chain takes, and the largest record with its headers. Chunks that come
    /// one after the other travel in one batch: fewer requests cost broker and stages less. The chunks of the plan must fit.
    pub message_bytes: Size,
    /// How long the chain's topics keep their records. Must be longer than any file stays open.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub retention: Duration,
    /// How records of text are compressed on their way: none, lz4, snappy or gzip. With lz4 each chunk is packed by itself, so
    /// that brokers need not unpack it and the distributor passes it on as it is; rows, to which others subscribe, and all
    /// with snappy and gzip, are in batches that Kafka compresses.
    pub compression: Compression,
    /// Settings of librdkafka for every client, passed on as they are (security, buffers, ...).
    pub properties: Properties,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".into(),
            partitions: 4,
            replication: 1,
            message_bytes: Size(4_000_000),
            retention: Duration::from_secs(7 * 86_400),
            compression: Compression::Lz4,
            properties: Properties::default(),
        }
    }
}

/// When a worker commits its Kafka transaction: whatever comes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Transaction {
    /// Bytes of output in one transaction.
    pub bytes: Size,
    /// Time from the first output of a transaction to its commit while records keep coming. When none comes, it is
    /// committed as soon as it is four times as old as the last commit took: at once, where the brokers have little to do.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub interval: Duration,
    /// Time after which the broker aborts a transaction whose worker is gone. Readers wait that long when a worker
    /// without a slot dies. Must be longer than the interval.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub timeout: Duration,
}

impl Default for Transaction {
    fn default() -> Self {
        Self { bytes: Size::mib(32), interval: Duration::from_secs(2), timeout: Duration::from_secs(10) }
    }
}

/// The workers of one process, and the bounds on their memory. One worker is one thread with its own consumer and
/// producer; a process needs about threads x (queue_bytes + send_bytes + transaction.bytes) beside its states, and at
/// worst 255 x fetch_bytes for each more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Workers in this process. More than there are partitions are idle.
    #[schemars(range(min = 1))]
    pub threads: u32,
    /// A name of this process that outlives it, unique among the processes of its stage, such as a StatefulSet's pod
    /// name or ordinal (LOGMILL__WORKER__SLOT). With it a successor ends its predecessor's transaction at once; without it
    /// the broker's time-out does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The channels that a splitter or loader of this process serves; none named: all. The processes of a stage must
    /// between them serve every channel. A loader takes the ledger's records whatever stands here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// Bytes of records that are fetched ahead.
    pub queue_bytes: Size,
    /// Bytes that one fetch of batches that Kafka compressed asks for at most; a larger record comes alone. Unpacked they may
    /// be 255 times as much (lines that repeat themselves), and the process has to have room for that. Chunks that are packed by
    /// themselves are unpacked one at a time: of these a fetch asks for a quarter of queue_bytes, 4 MiB at most.
    pub fetch_bytes: Size,
    /// Bytes of records that wait to be sent.
    pub send_bytes: Size,
    /// Times that a record may kill its worker before it is rejected by decree.
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// A worker that makes no progress for this long gives its partitions up.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub stall: Duration,
    /// A worker that is slow gives its partitions up to the others of its stage, for five times as long as this, and twice as long
    /// each time that it is slow again. It is slow when for this long it did less than half of what the others did on average, when
    /// more than four times as much waits for it, and when that would take it longer than this. 0s: never. A loader is
    /// not judged while ClickHouse refuses what it sends.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub slow: Duration,
    /// Bytes a second that this process takes of its stage's input at most; left out: no limit. What is read again where partitions
    /// have changed hands does not count. Not for fetchers, whose clusters have limits of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<Size>,
    /// Time that a process has to finish after SIGTERM before it abandons what it does.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub grace: Duration,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            threads: 1,
            slot: None,
            channels: Vec::new(),
            queue_bytes: Size::mib(16),
            fetch_bytes: Size(512 << 10),
            send_bytes: Size::mib(32),
            attempts: 5,
            stall: Duration::from_secs(300),
            slow: Duration::from_secs(60),
            bytes_per_second: None,
            grace: Duration::from_secs(20),
        }
    }
}

/// The ClickHouse server that takes the rows, and how the loader batches them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClickHouse {
    /// Address of its HTTP interface.
    pub url: String,
    /// The database of all tables; `logmill migrate` makes it.
    pub database: String,
    /// The account of loader and command line. It needs the rights of CREATE, INSERT and SELECT on the database.
    pub user: String,
    /// Its password. Prefer password_file, or the environment: LOGMILL__CLICKHOUSE__PASSWORD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A file whose first line is the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<std::path::PathBuf>,
    /// Bytes of rows in one INSERT.
    pub batch_bytes: Size,
    /// Time without another record after which a smaller INSERT is sent, unless one of the same worker runs already.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub batch_quiet: Duration,
    /// Time after which a smaller INSERT is sent while records keep coming: a few large INSERTs cost far less than many
    /// small ones. While there is more to read than a worker holds, its partitions are read in turns, and it is the time
    /// of a turn.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub batch_interval: Duration,
    /// Time that one attempt of an INSERT may take. After it the same INSERT is sent again.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub insert_timeout: Duration,
    /// How long rows are kept, by the time of their file; whole days. `logmill migrate` makes it so. What is proven of a
    /// file, and what the analyses have counted, stays. Left out: rows are kept for ever.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub keep: Option<Duration>,
    /// The cluster variant: HTTP addresses of the shards over which rows lie, each file on one. url then names the server of
    /// everything else, which people ask. A shard keeps its place in this list; further ones come at its end, while no loader
    /// runs (docs/cluster.md). Left out: rows lie in the database at url.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<String>,
    /// The name that these shards have as a cluster in the settings of the server at url (remote_servers).
    pub cluster: String,
    /// The database of each shard. Left out: the name of database with _shard behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_database: Option<String>,
    /// Whether the shards' tables are replicated. Their servers need Keeper, and the macros shard and replica.
    pub replicated: bool,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".into(),
            database: "logmill".into(),
            user: "default".into(),
            password: None,
            password_file: None,
            batch_bytes: Size::mib(64),
            batch_quiet: Duration::from_secs(1),
            batch_interval: Duration::from_secs(5),
            insert_timeout: Duration::from_secs(60),
            keep: None,
            shards: Vec::new(),
            cluster: "logmill".into(),
            shard_database: None,
            replicated: false,
        }
    }
}

impl ClickHouse {
    /// The name of each shard's database.
    #[must_use]
    pub fn shard_database(&self) -> String {
        self.shard_database.clone().unwrap_or_else(|| format!("{}_shard", self.database))
    }

    /// The password, read from `password_file` if that is set; empty when none is.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn secret(&self) -> std::io::Result<String> {
        match &self.password_file {
            Some(file) => Ok(std::fs::read_to_string(file)?.lines().next().unwrap_or_default().to_owned()),
            None => Ok(self.password.clone().unwrap_or_default()),
        }
    }
}

/// One of the named lanes to which the distributor sends text; each has its own splitters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Channel {
    /// Share of this channel within its groups.
    #[schemars(range(min = 1))]
    pub weight: u32,
    /// Records (chunks of text, and their rows) that may wait before its splitters and its loaders together. While more do, other
    /// channels of a group are chosen before it, and files whose group has no other get no task. Left out: no limit.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<u64>,
}

impl Default for Channel {
    fn default() -> Self {
        Self { weight: 1, backlog: None }
    }
}

/// How the distributor chooses a channel within a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Choose {
    /// By the channels' weights, the same for the same chunk.
    #[default]
    Weight,
    /// The channel that is drained first.
    Lag,
}

/// The distributor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Distributor {
    /// How it chooses a channel within a group: weight (by the channels' weights) or lag (what is drained first).
    pub choose: Choose,
    /// A channel before whose splitters something waits, and of which they have done nothing for this long, stands still: others
    /// of the group are chosen before it until it moves.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub stall: Duration,
}

impl Default for Distributor {
    fn default() -> Self {
        Self { choose: Choose::Weight, stall: Duration::from_secs(30) }
    }
}

/// The address of /metrics, /livez and /readyz of each process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// address:port. Port 0 takes a free one, so that many processes fit on one host; it is logged at the start.
    pub listen: String,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: "127.0.0.1:0".into() }
    }
}

/// The shape of a process's own logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The processes' own logs, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// error, warn, info, debug or trace; or a filter such as info,logmill_runner=debug.
    pub level: String,
    /// text for people, json for collectors.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

/// Everything that the stages and the command line need to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The first part of the names of all topics, consumer groups and transactions: two chains with different names
    /// share one Kafka.
    pub chain: String,
    /// separate: every stage is a process of its own. fused: decompressor and re-encoder are one (logmill-decoder). compact:
    /// decompressor, re-encoder, distributor and splitter are one (logmill-parser). direct: these and the loading of rows are
    /// one (logmill-ingester); nobody else can read the rows from Kafka then.
    pub layout: Layout,
    pub kafka: Kafka,
    pub transaction: Transaction,
    pub worker: Worker,
    pub clickhouse: ClickHouse,
    /// The clusters that hold log files, by name.
    pub clusters: BTreeMap<String, Cluster>,
    pub apps: Vec<App>,
    pub data_types: Vec<DataType>,
    pub encodings: Vec<FixedEncoding>,
    pub rules: Vec<Rule>,
    pub plan: PlanDefaults,
    pub patterns: Vec<PatternSpec>,
    /// Fields that have a column of their own in the table of rows, each with its type: str, int, float, bool, ip, time or size. The
    /// column is called as the field, with '_' for what is no letter, digit or '_'. `logmill migrate` makes it; a value that is not of
    /// its type is null there. The map fields keeps them all the same.
    pub columns: BTreeMap<String, FieldType>,
    /// The channels, by name.
    pub channels: BTreeMap<String, Channel>,
    /// Groups of channels, by name: the plan of a file names one.
    pub channel_groups: BTreeMap<String, Vec<String>>,
    pub distributor: Distributor,
    /// What the analyses read, by the name of the application.
    pub analyses: BTreeMap<String, Analysis>,
    pub http: Http,
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        let names = ["c0", "c1"].map(String::from);
        Self {
            chain: "logmill".into(),
            layout: Layout::default(),
            kafka: Kafka::default(),
            transaction: Transaction::default(),
            worker: Worker::default(),
            clickhouse: ClickHouse::default(),
            clusters: BTreeMap::new(),
            apps: Vec::new(),
            data_types: Vec::new(),
            encodings: Vec::new(),
            rules: Vec::new(),
            plan: PlanDefaults::default(),
            patterns: Vec::new(),
            columns: BTreeMap::new(),
            channels: names.iter().map(|name| (name.clone(), Channel::default())).collect(),
            channel_groups: BTreeMap::from([("default".to_owned(), names.to_vec())]),
            distributor: Distributor::default(),
            analyses: BTreeMap::new(),
            http: Http::default(),
            log: Log::default(),
        }
    }
}
