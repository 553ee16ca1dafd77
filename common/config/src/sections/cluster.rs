//! Clusters: where the files are, and how they are fetched.

use crate::properties::Properties;
use crate::size::Size;
use crate::weight::Weight;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

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
    /// hdfs://host:port of the NameNode, hdfs://NAMESERVICE of a pair of them or viewfs://TABLE of a mount table (with their
    /// keys in hadoop), file:///folder for a local folder, or a bucket: s3://bucket (S3 and what speaks its protocol),
    /// gs://bucket (Google Cloud Storage), az://container (Azure).
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
    /// Where it does, the principal to act as, such as logmill@EXAMPLE.COM. Realms and their KDCs are those of the process's
    /// krb5.conf (KRB5_CONFIG).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The file with the keys of principal, as ktutil or kadmin writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keytab: Option<std::path::PathBuf>,
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
    /// finished_folder, or "delete" it. A file that is reopened for appending must be left.
    pub finished: Finished,
    /// The folder into which finished files are moved, with their whole path behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_folder: Option<String>,
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
    /// of it within a day, learned from the file events in Kafka; where none came, within the day of its last file. Read again while the
    /// fetchers run, as the entries of apps and rules are.
    pub weight: Weight,
    /// No file of it gets a task any more, and those that have one are fetched: so the chain drains, before partitions are
    /// added for instance. Read again while the fetchers run, as the weight is.
    pub drain: bool,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            url: String::new(),
            hadoop: Properties::default(),
            store: Properties::default(),
            user: None,
            principal: None,
            keytab: None,
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
            finished_folder: None,
            bytes_per_second: None,
            down_failures: 20,
            down_after: Duration::from_secs(30),
            up_after: Duration::from_secs(60),
            weight: Weight::Fixed(1),
            drain: false,
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
    /// It is moved below `finished_folder`.
    Move,
    /// It is deleted.
    Delete,
}

impl Cluster {
    /// What stands before the name of a bucket.
    const BUCKETS: [&str; 3] = ["s3://", "gs://", "az://"];

    /// Whether a file of this age is backfill, where no rule says: both times in milliseconds since 1970.
    #[must_use]
    pub fn is_backfill(&self, modified_ms: u64, now_ms: u64) -> bool {
        let age = u128::from(now_ms.saturating_sub(modified_ms));
        self.backfill_after.is_some_and(|after| age > after.as_millis())
    }

    /// Whether it is a bucket.
    #[must_use]
    pub fn is_bucket(&self) -> bool {
        Self::BUCKETS.iter().any(|scheme| self.url.starts_with(scheme))
    }

    /// The name of the mount table, where it is ViewFS.
    #[must_use]
    pub fn view(&self) -> Option<&str> {
        self.url.strip_prefix("viewfs://")
    }

    /// Whether it is HDFS, or several of them as ViewFS.
    #[must_use]
    pub fn is_hdfs(&self) -> bool {
        self.url.starts_with("hdfs://") || self.view().is_some()
    }
}
