//! The sections of the configuration. Every doc comment here is what `logmill config example`, the JSON Schema and the
//! reference show to people.

use crate::properties::Properties;
use crate::size::Size;
use crate::weight::Weight;
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
    /// Partitions of each topic of the chain. Fixed once the topics exist: adding partitions is an operation of its own.
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
    /// How records of text are compressed on their way: none, lz4, snappy or gzip.
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
    /// Bytes that one fetch asks for at most, compressed as they are; a larger record comes alone. Unpacked they may be 255
    /// times as much (lines that repeat themselves), and the process has to have room for that.
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
    /// Time without another record after which a smaller INSERT is sent.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub batch_quiet: Duration,
    /// Time after which a smaller INSERT is sent while records keep coming: a few large INSERTs cost far less than many
    /// small ones.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub batch_interval: Duration,
    /// Time that one attempt of an INSERT may take. After it the same INSERT is sent again.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub insert_timeout: Duration,
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
        }
    }
}

impl ClickHouse {
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

/// Which files come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    #[default]
    Oldest,
    Newest,
}

/// One cluster that holds log files. Its name is part of each file's identity and of the names of its topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// hdfs://host:port of the NameNode, hdfs://NAMESERVICE of a pair of them (with its keys in hadoop), file:///folder for
    /// a local folder, or a bucket: s3://bucket (S3 and what speaks its protocol), gs://bucket (Google Cloud Storage),
    /// az://container (Azure).
    pub url: String,
    /// Hadoop client settings for this cluster alone, as in core-site.xml and hdfs-site.xml.
    pub hadoop: Properties,
    /// Settings of the client of a bucket: for s3:// endpoint, region, access_key_id, secret_access_key, allow_http and more,
    /// as docs/operations.md lists them. With _file behind its name, a setting names a file that holds the value:
    /// secret_access_key_file.
    pub store: Properties,
    /// The user to act as, where the cluster does not use Kerberos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Folders to look into, with all folders below them. %Y, %m, %d and %H stand for the year, month, day and hour (UTC)
    /// of tomorrow, today and the days before: /logs/%Y/%m/%d. So old folders are not listed again and again.
    pub folders: Vec<String>,
    /// How many days before today's the folders with a date are looked into.
    pub days: u32,
    /// The name of a file that says that its folder is complete, such as _SUCCESS: before it is there, no file is taken that
    /// lies in the folder itself. Left out: none is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_file: Option<String>,
    /// Files to take: globs over the whole path, or over the name alone where the glob has no slash.
    pub patterns: Vec<String>,
    /// Files to leave, in the same way. Names that begin with . or _ or end in .tmp or ._COPYING_ are always left.
    pub exclude: Vec<String>,
    /// Files that one fetcher reads, and so has open in the cluster, at the same time.
    #[schemars(range(min = 1))]
    pub coroutines: u32,
    /// Which files come first among those of one priority (rules.priority): oldest or newest, by their time.
    pub order: Order,
    /// Tasks of each lane that wait for a fetcher, about. Further files are held back, so that one that comes late and is to
    /// come first has no more than these before it; too few, and fetchers of small files wait for the lister.
    #[schemars(range(min = 1))]
    pub tasks_ahead: u32,
    /// Files older than this, by their time, are backfill: they are read while no other file of the cluster waits. Left
    /// out: none is for its age. A rule with backfill has the last word.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "duration"))]
    pub backfill_after: Option<Duration>,
    /// Files of backfill that one fetcher reads at the same time, beside its coroutines.
    #[schemars(range(min = 1))]
    pub backfill_coroutines: u32,
    /// Time between two listings.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub scan_interval: Duration,
    /// Listings in a row in which a file must look the same before it is taken.
    #[schemars(range(min = 1))]
    pub settle: u32,
    /// Time that one call to the cluster may take.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub call_timeout: Duration,
    /// Time without an answer after which the open files of this cluster are parked, so that they hold up no others.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub park_after: Duration,
    /// Time after which a file that has left the listing is forgotten; if it comes back later, it is loaded again.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub forget_after: Duration,
    /// What `logmill finish` does with a file once it is proven that every line of it is in the table: "leave" it, "move" it into
    /// the archive, or "delete" it.
    pub finished: Finished,
    /// The folder into which finished files are moved, with their whole path behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// Bytes a second that one fetcher reads of it at most; left out: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<Size>,
    /// Calls in a row that must fail until the cluster counts as down: all its coroutines but one then go to the healthy
    /// cluster of the greatest weight.
    #[schemars(range(min = 1))]
    pub down_failures: u32,
    /// Or the time for which all calls must fail until then.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub down_after: Duration,
    /// Time for which all calls must go well until its coroutines come back.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String", extend("format" = "duration"))]
    pub up_after: Duration,
    /// Who gets the coroutines of clusters that are down: the healthy one of the greatest weight. "auto": as many MiB as came
    /// of it within a day, learned from the file events in Kafka; while none come, what it was last. Read again while the
    /// fetchers run, as the entries of apps and rules are.
    pub weight: Weight,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            url: String::new(),
            hadoop: Properties::default(),
            store: Properties::default(),
            user: None,
            folders: vec!["/logs".into()],
            days: 7,
            ready_file: None,
            patterns: vec!["**".into()],
            exclude: Vec::new(),
            coroutines: 4,
            order: Order::default(),
            tasks_ahead: 1000,
            backfill_after: None,
            backfill_coroutines: 1,
            scan_interval: Duration::from_secs(10),
            settle: 2,
            call_timeout: Duration::from_secs(20),
            park_after: Duration::from_secs(60),
            forget_after: Duration::from_secs(7 * 86_400),
            finished: Finished::Leave,
            archive: None,
            bytes_per_second: None,
            down_failures: 20,
            down_after: Duration::from_secs(30),
            up_after: Duration::from_secs(60),
            weight: Weight::Fixed(1),
        }
    }
}

/// What becomes of a file that has nothing more to do in its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Finished {
    /// It stays.
    #[default]
    Leave,
    /// It is moved below `archive`.
    Move,
    /// It is deleted.
    Delete,
}

impl Cluster {
    /// What stands before the name of a bucket.
    const BUCKETS: [&str; 3] = ["s3://", "gs://", "az://"];

    /// Whether it is a bucket.
    #[must_use]
    pub fn is_bucket(&self) -> bool {
        Self::BUCKETS.iter().any(|scheme| self.url.starts_with(scheme))
    }
}

/// Names the application that wrote a file. The first entry that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Glob over the whole path, or over the name alone where the glob has no slash.
    pub path: String,
    /// The application's name.
    pub app: String,
}

/// Fixes the encoding of the files that match: nothing is detected then. The first entry that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedEncoding {
    /// Glob over the cluster's name. Left out: every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Glob over the whole path, or over the name alone where the glob has no slash. Left out: every path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Glob over the application's name. Left out: every application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The encoding: a label, in capitals or not; docs/encodings.md has all.
    pub encoding: String,
}

/// Changes the plan of the files that match. All entries that match apply, in order: a later one wins. A key that is
/// left out changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Glob over the cluster's name. Left out: every cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Glob over the whole path, or over the name alone where the glob has no slash. Left out: every path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Glob over the application's name. Left out: every application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Files of a greater priority come before others of their cluster and lane; 0 where no rule says otherwise. Holds for
    /// files that wait, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Whether the files are backfill: read while no other file of their cluster waits, whatever their age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<bool>,
    /// The group of channels to which the text goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_group: Option<String>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_encoding: Option<String>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed_per_million: Option<u32>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<u32>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_after_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_bytes: Option<Size>,
}

/// How files are treated where no rule says otherwise. It is fixed when a file's task is made: a change touches only
/// files that come later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlanDefaults {
    /// Bytes of a chunk as it lies in the store.
    pub raw_bytes: Size,
    /// Bytes of a decompressed chunk.
    pub plain_bytes: Size,
    /// Bytes at which a chunk of text is closed (at the line end before it).
    pub text_bytes: Size,
    /// Bytes of UTF-8 over which a line is cut into parts, under one line number. At most text_bytes.
    pub line_bytes: Size,
    /// The encoding (a label; docs/encodings.md has all) of the files that no entry of encodings matches, where nothing
    /// is to be detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The encoding to use where detection has too little evidence: one that extends ASCII.
    pub default_encoding: String,
    /// Malformed sequences for each million bytes over which a load is hidden until someone releases it.
    pub malformed_per_million: u32,
    /// Decompressed bytes for each compressed byte over which the rest of a file is rejected, not counting the first
    /// ratio_after_bytes.
    pub max_ratio: u32,
    /// Decompressed bytes of a file for which max_ratio does not count: a healthy file can have long stretches that
    /// compress to nothing.
    pub ratio_after_bytes: Size,
    /// Decompressed bytes over which the rest of a file is rejected.
    pub max_bytes: Size,
    /// The largest window of a zstd frame or of brotli, dictionary of xz and lzma, or block of bzip2, lz4, lzop and Hadoop's
    /// framings, a power of two from 1 KiB to 2 GiB; what asks for more is rejected. A decompressor needs memory for one of
    /// them (of blocks for two) for each file of these that is open, at most open files x window_bytes.
    /// Open are at most twice the largest coroutines of all clusters, for each partition of each cluster's tasks, and twice
    /// the largest backfill_coroutines for each of its backfill; a parked file needs no window.
    pub window_bytes: Size,
    /// The group of channels to which text goes.
    pub channel_group: String,
}

impl Default for PlanDefaults {
    fn default() -> Self {
        let plan = logmill_core::Plan::default();
        Self {
            raw_bytes: Size(plan.raw_bytes.into()),
            plain_bytes: Size(plan.plain_bytes.into()),
            text_bytes: Size(plan.text_bytes.into()),
            line_bytes: Size(plan.line_bytes.into()),
            encoding: plan.encoding,
            default_encoding: plan.default_encoding,
            malformed_per_million: plan.malformed_per_million,
            max_ratio: plan.max_ratio,
            ratio_after_bytes: Size(plan.ratio_after_bytes),
            max_bytes: Size(plan.max_bytes),
            window_bytes: Size(plan.window_bytes),
            channel_group: plan.channel_group,
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
}

impl Default for Channel {
    fn default() -> Self {
        Self { weight: 1 }
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Distributor {
    /// How it chooses a channel within a group: weight (by the channels' weights) or lag (what is drained first).
    pub choose: Choose,
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
    /// separate: every stage is a process of its own. fused: decompressor and re-encoder are one (logmill-decoder).
    pub layout: Layout,
    pub kafka: Kafka,
    pub transaction: Transaction,
    pub worker: Worker,
    pub clickhouse: ClickHouse,
    /// The clusters that hold log files, by name.
    pub clusters: BTreeMap<String, Cluster>,
    pub apps: Vec<App>,
    pub encodings: Vec<FixedEncoding>,
    pub rules: Vec<Rule>,
    pub plan: PlanDefaults,
    /// The channels, by name.
    pub channels: BTreeMap<String, Channel>,
    /// Groups of channels, by name: the plan of a file names one.
    pub channel_groups: BTreeMap<String, Vec<String>>,
    pub distributor: Distributor,
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
            encodings: Vec::new(),
            rules: Vec::new(),
            plan: PlanDefaults::default(),
            channels: names.iter().map(|name| (name.clone(), Channel::default())).collect(),
            channel_groups: BTreeMap::from([("default".to_owned(), names.to_vec())]),
            distributor: Distributor::default(),
            http: Http::default(),
            log: Log::default(),
        }
    }
}
