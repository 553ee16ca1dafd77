//! One HDFS cluster, or several as ViewFS, by its own protocol.

use super::{Entry, SetUpError, Snapshot, Store, StoreError};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use hdfs_native::client::FileStatus;
use hdfs_native::file::FileReader;
use hdfs_native::{Client, ClientBuilder, HdfsError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// What makes a client of one cluster; nothing of it comes from the process's environment or another cluster.
#[derive(Clone, Debug)]
pub struct HdfsSettings {
    pub url: String,
    pub user: Option<String>,
    /// Hadoop client settings, over [`DEFAULTS`].
    pub hadoop: BTreeMap<String, String>,
    /// The time after which a call is given up.
    pub call_timeout: Duration,
}

/// Settings under which a NameNode that refuses answers within half a second, where Hadoop's take minutes.
const DEFAULTS: [(&str, &str); 3] = [
    ("dfs.client.failover.max.attempts", "3"),
    ("dfs.client.failover.sleep.base.millis", "50"),
    ("dfs.client.failover.sleep.max.millis", "200"),
];

/// Files of an HDFS cluster.
pub struct HdfsStore {
    settings: HdfsSettings,
    io: Handle,
    /// Replaced after a call that was given up: one that hangs would hang the next as well.
    client: Mutex<Current>,
}

struct Current {
    client: Arc<Client>,
    made: Instant,
    /// Clients before it.
    turn: usize,
}

impl HdfsStore {
    /// A client whose connections live on `io`. Connects to nothing yet.
    ///
    /// # Errors
    /// The URL or the settings make no client.
    pub fn new(cluster: &str, settings: HdfsSettings, io: Handle) -> Result<Self, SetUpError> {
        let unsound = |why| SetUpError::Client { cluster: cluster.to_owned(), why };
        let config = config(&settings, 0);
        let client = client(&settings, config, &io).map_err(|e| unsound(first_line(&e)))?;
        let current = Current { client: Arc::new(client), made: Instant::now(), turn: 0 };
        Ok(Self { settings, io, client: Mutex::new(current) })
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().expect("nothing panics while it holds the client").client)
    }
}

/// The client's settings, when `turn` clients were made before it: each asks another of two NameNodes first. One that is
/// silent is never passed over by the client itself, which waits for its answer.
fn config(settings: &HdfsSettings, turn: usize) -> BTreeMap<String, String> {
    let mut config: BTreeMap<String, String> =
        DEFAULTS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    config.extend(settings.hadoop.clone());
    for (_, names) in config.iter_mut().filter(|(key, _)| key.starts_with("dfs.ha.namenodes.")) {
        let mut each: Vec<&str> = names.split(',').map(str::trim).collect();
        let first = turn % each.len();
        each.rotate_left(first);
        *names = each.join(",");
    }
    config
}

fn client(settings: &HdfsSettings, config: BTreeMap<String, String>, io: &Handle) -> Result<Client, HdfsError> {
    let mut builder = ClientBuilder::new().with_url(&settings.url).with_config(config).with_io_runtime(io.clone());
    if let Some(user) = &settings.user {
        builder = builder.with_user(user);
    }
    builder.build()
}

/// Errors of the other side carry a Java stack trace after their first line.
fn first_line(error: &HdfsError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn failed(error: &HdfsError) -> StoreError {
    let line = first_line(error);
    match error {
        HdfsError::FileNotFound(_) => StoreError::Gone(line),
        HdfsError::RPCError(class, _) if class.ends_with("FileNotFoundException") => StoreError::Gone(line),
        HdfsError::RPCError(class, _) if class.ends_with("AccessControlException") => StoreError::Refused(line),
        _ => StoreError::Failed(line),
    }
}

fn entry(status: FileStatus) -> Entry {
    Entry { path: status.path, length: status.length as u64, modified_ms: status.modification_time }
}

impl Store for HdfsStore {
    fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry, StoreError>> {
        // A mount point without a slash behind it leads to no path, where a whole cluster is mounted there.
        let slash = if self.settings.url.starts_with("viewfs://") && !folder.ends_with('/') { "/" } else { "" };
        let listing = self.client().list_status_iter(&format!("{folder}{slash}"), true);
        let files = stream::unfold(listing, |listing| async move {
            loop {
                match listing.next().await? {
                    Ok(status) if status.isdir => {}
                    Ok(status) => return Some((Ok(entry(status)), listing)),
                    // A folder that is not there (yet, or any more) holds no files.
                    Err(e) if matches!(failed(&e), StoreError::Gone(_)) => {}
                    Err(e) => return Some((Err(failed(&e)), listing)),
                }
            }
        });
        files.boxed()
    }

    fn stat(&self, path: &str) -> BoxFuture<'static, Result<Entry, StoreError>> {
        let (client, path) = (self.client(), path.to_owned());
        Box::pin(async move { client.get_file_info(&path).await.map(entry).map_err(|e| failed(&e)) })
    }

    fn open(&self, path: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>> {
        let (client, path) = (self.client(), path.to_owned());
        Box::pin(async move {
            let reader = client.read(&path).await.map_err(|e| failed(&e))?;
            let snapshot: Box<dyn Snapshot> = Box::new(OpenFile(reader));
            Ok(snapshot)
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<'static, Result<bool, StoreError>> {
        let (client, from, to) = (self.client(), from.to_owned(), to.to_owned());
        Box::pin(async move {
            let folder_of = |path: &'_ str| path.rfind('/').unwrap_or_default();
            let folder = &to[..folder_of(&to)];
            // Of a file that is renamed where it is, the folder is there.
            if !folder.is_empty() && folder != &from[..folder_of(&from)] {
                client.mkdirs(folder, 0o755, true).await.map_err(|e| failed(&e))?;
            }
            match client.rename(&from, &to, false).await {
                Ok(()) => Ok(true),
                Err(HdfsError::AlreadyExists(_)) => Ok(false),
                Err(HdfsError::RPCError(class, _)) if class.ends_with("FileAlreadyExistsException") => Ok(false),
                Err(e) => Err(failed(&e)),
            }
        })
    }

    fn delete(&self, path: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        let (client, path) = (self.client(), path.to_owned());
        Box::pin(async move {
            match client.delete(&path, false).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(StoreError::Gone(path)),
                Err(e) => Err(failed(&e)),
            }
        })
    }

    fn renew(&self) {
        let mut current = self.client.lock().expect("nothing panics while it holds the client");
        // What is given up now began as long ago: with a client before this one, which others have put in its place.
        if current.made.elapsed() < self.settings.call_timeout {
            return;
        }
        let turn = current.turn + 1;
        match client(&self.settings, config(&self.settings, turn), &self.io) {
            Ok(fresh) => *current = Current { client: Arc::new(fresh), made: Instant::now(), turn },
            Err(e) => tracing::error!(url = self.settings.url, "a second client cannot be made: {}", first_line(&e)),
        }
    }
}

/// The list of blocks as it was when the file was opened.
struct OpenFile(FileReader);

impl Snapshot for OpenFile {
    fn length(&self) -> u64 {
        self.0.file_length() as u64
    }

    fn read_from(&self, offset: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
        // A range past the length that the reader itself knows panics in hdfs-native.
        let length = self.0.file_length();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(length);
        self.0.read_range_stream(offset, length - offset).map(|piece| piece.map_err(|e| failed(&e))).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(hadoop: &[(&str, &str)]) -> HdfsSettings {
        let hadoop = hadoop.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        HdfsSettings { url: "hdfs://logs".into(), user: None, hadoop, call_timeout: Duration::from_secs(20) }
    }

    #[test]
    fn of_two_namenodes_each_is_asked_first_in_its_turn() {
        let settings = settings(&[("dfs.ha.namenodes.logs", "nn1, nn2")]);
        let asked = [0, 1, 2].map(|turn| config(&settings, turn)["dfs.ha.namenodes.logs"].clone());
        assert_eq!(asked, ["nn1,nn2", "nn2,nn1", "nn1,nn2"]);
    }

    #[test]
    fn a_call_that_began_with_an_older_client_takes_no_newer_one_away() {
        let io = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let namenodes = [
            ("dfs.ha.namenodes.logs", "nn1,nn2"),
            ("dfs.namenode.rpc-address.logs.nn1", "127.0.0.1:1"),
            ("dfs.namenode.rpc-address.logs.nn2", "127.0.0.1:2"),
        ];
        let call_timeout = Duration::from_millis(50);
        let settings = HdfsSettings { call_timeout, ..settings(&namenodes) };
        let store = HdfsStore::new("a", settings, io.handle().clone()).unwrap();
        let turn = || store.client.lock().unwrap().turn;
        store.renew();
        assert_eq!(turn(), 0, "no call of this client can have taken so long");
        std::thread::sleep(call_timeout);
        store.renew();
        store.renew();
        assert_eq!(turn(), 1, "two calls were given up, and the second one of the same client");
    }
}
