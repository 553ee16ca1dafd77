//! The one small trait through which files are read, and the stores behind it.
//!
//! **Invariant:** no call goes on without an end: each is given up after the cluster's `call_timeout`, and nothing that
//! a store does makes another cluster wait.

mod folder;
mod hdfs;
mod object;

pub use folder::FolderStore;
pub use hdfs::{HdfsSettings, HdfsStore, Identity};
pub use object::{BucketSettings, BucketStore};

use bytes::Bytes;
use futures::future::{BoxFuture, ready};
use futures::stream::BoxStream;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Hadoop's variables, which its clients read.
const HADOOP: [&str; 5] =
    ["HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_USER_NAME", "HADOOP_PROXY_USER", "HADOOP_TOKEN_FILE_LOCATION"];

/// Takes Hadoop's variables out of the environment, where each would reach the clients of all clusters. Gives the names of
/// those that were set.
///
/// # Safety
/// No other thread may be there: it could read the environment meanwhile.
pub unsafe fn forget_environment() -> Vec<&'static str> {
    let set: Vec<_> = HADOOP.into_iter().filter(|name| std::env::var_os(name).is_some()).collect();
    for name in &set {
        // SAFETY: as the caller promises.
        unsafe { std::env::remove_var(name) };
    }
    set
}

/// A store of files: one cluster.
pub trait Store: Send + Sync {
    /// All files under `folder`, those in folders below it too, in any order. Folders are not among them.
    fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry, StoreError>>;

    /// What a file looks like now.
    fn stat(&self, path: &str) -> BoxFuture<'static, Result<Entry, StoreError>>;

    /// Opens a file as it is now.
    fn open(&self, path: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>>;

    /// Gives a file another path, and makes the folders of it. `false` when something lies there: nothing is done then.
    fn rename(&self, from: &str, _to: &str) -> BoxFuture<'static, Result<bool, StoreError>> {
        let why = StoreError::Refused(format!("{from}: nothing can be moved in a store of this kind"));
        Box::pin(ready(Err(why)))
    }

    /// Deletes a file.
    fn delete(&self, path: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        let why = StoreError::Refused(format!("{path}: nothing can be deleted in a store of this kind"));
        Box::pin(ready(Err(why)))
    }

    /// Forgets connections: after a call that was given up, the next one begins anew.
    fn renew(&self) {}
}

/// An open file: what it held when it was opened.
pub trait Snapshot: Send {
    /// Its bytes then; what may lie behind them later is never read.
    fn length(&self) -> u64;

    /// Its bytes from `offset` (at most [`Snapshot::length`]) to the end, in pieces of any size.
    fn read_from(&self, offset: u64) -> BoxStream<'static, Result<Bytes, StoreError>>;
}

/// A file as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

/// Why a store did not do it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// The store answers that there is no such file.
    #[error("it is gone: {0}")]
    Gone(String),
    /// The store answers that the file may not be read. It may be, later.
    #[error("{0}")]
    Refused(String),
    /// It may work later: no answer, no connection, a DataNode that died.
    #[error("{0}")]
    Failed(String),
}

/// A store cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    #[error(
        "cluster {cluster}: {url:?} is none of hdfs://..., viewfs://..., file:///..., s3://..., gs://... and az://..."
    )]
    Scheme { cluster: String, url: String },
    #[error("cluster {cluster}: {why}")]
    Client { cluster: String, why: String },
}

/// The store that the cluster `name` is, as its address says. Connections to HDFS live on `io`, others where they are
/// used; none is made yet.
///
/// # Errors
/// An address of no known kind, or settings that make no client.
pub fn of(name: &str, settings: &logmill_config::Cluster, io: &Handle) -> Result<Arc<dyn Store>, SetUpError> {
    check(name, settings)?;
    if let Some(folder) = settings.url.strip_prefix("file://") {
        return Ok(Arc::new(FolderStore::new(folder)));
    }
    if settings.is_bucket() {
        return Ok(Arc::new(BucketStore::new(name, bucket(settings))?));
    }
    let identity = match (&settings.principal, &settings.keytab, &settings.user) {
        (Some(principal), Some(keytab), _) => {
            Identity::Kerberos { principal: principal.clone(), keytab: keytab.clone() }
        }
        (_, _, Some(user)) => Identity::User(user.clone()),
        _ => Identity::Process,
    };
    let (url, hadoop, call_timeout) = (settings.url.clone(), settings.hadoop.0.clone(), settings.call_timeout);
    let settings = HdfsSettings { url, identity, hadoop, call_timeout };
    Ok(Arc::new(HdfsStore::new(name, settings, io.clone())?))
}

/// Whether the address and the names of the settings are known, without a look at files that they name.
///
/// # Errors
/// Those that are not.
pub fn check(name: &str, settings: &logmill_config::Cluster) -> Result<(), SetUpError> {
    if settings.is_bucket() {
        let unknown = object::unknown(&bucket(settings));
        return unknown.map_or(Ok(()), |why| Err(SetUpError::Client { cluster: name.to_owned(), why }));
    }
    if settings.is_hdfs() || settings.url.starts_with("file://") {
        return Ok(());
    }
    Err(SetUpError::Scheme { cluster: name.to_owned(), url: settings.url.clone() })
}

fn bucket(settings: &logmill_config::Cluster) -> BucketSettings {
    BucketSettings { url: settings.url.clone(), store: settings.store.0.clone() }
}
