//! One HDFS cluster, or several as ViewFS, by its own protocol.

mod apart;

use super::{Entry, SetUpError, Snapshot, Store, StoreError};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use hdfs_native::client::FileStatus;
use hdfs_native::file::FileReader;
use hdfs_native::{Client, ClientBuilder, HdfsError};
use std::collections::BTreeMap;
use std::future::Future;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// What makes a client of one cluster; nothing of it comes from the process's environment or another cluster.
#[derive(Clone, Debug)]
pub struct HdfsSettings {
    pub url: String,
    pub identity: Identity,
    /// Hadoop client settings, over [`DEFAULTS`].
    pub hadoop: BTreeMap<String, String>,
    /// The time after which a call is given up.
    pub call_timeout: Duration,
}

/// As whom a cluster is asked.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The user of this process, by its name or its tickets.
    Process,
    /// A user that the cluster takes at its word.
    User(String),
    /// A principal, by its keys.
    Kerberos { principal: String, keytab: PathBuf },
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
    /// Calls ask the KDC now and then.
    kerberos: bool,
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
    /// The URL or the settings make no client, or the keytab cannot be read.
    pub fn new(cluster: &str, settings: HdfsSettings, io: Handle) -> Result<Self, SetUpError> {
        let unsound = |why| SetUpError::Client { cluster: cluster.to_owned(), why };
        if let Identity::Kerberos { keytab, .. } = &settings.identity {
            check_keytab(keytab).map_err(unsound)?;
        }
        let config = config(&settings, 0);
        let kerberos = config.get(AUTHENTICATION).is_some_and(|kind| kind != "simple");
        let client = client(&settings, config, &io).map_err(|e| unsound(first_line(&e)))?;
        let current = Current { client: Arc::new(client), made: Instant::now(), turn: 0 };
        Ok(Self { settings, io, kerberos, client: Mutex::new(current) })
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().expect("nothing panics while it holds the client").client)
    }

    fn call<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        if self.kerberos { Box::pin(apart::call(self.io.clone(), call)) } else { Box::pin(call) }
    }
}

const AUTHENTICATION: &str = "hadoop.security.authentication";

/// The client's settings, when `turn` clients were made before it: each asks another of two NameNodes first. One that is
/// silent is never passed over by the client itself, which waits for its answer.
fn config(settings: &HdfsSettings, turn: usize) -> BTreeMap<String, String> {
    let mut config: BTreeMap<String, String> =
        DEFAULTS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    if matches!(settings.identity, Identity::Kerberos { .. }) {
        config.insert(AUTHENTICATION.to_owned(), "kerberos".to_owned());
    }
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
    let builder = ClientBuilder::new().with_url(&settings.url).with_config(config).with_io_runtime(io.clone());
    let builder = match &settings.identity {
        Identity::Process => builder,
        Identity::User(user) => builder.with_user(user),
        Identity::Kerberos { principal, keytab } => {
            builder.with_kerberos_principal(principal).with_kerberos_keytab(format!("FILE:{}", keytab.display()))
        }
    };
    builder.build()
}

/// A keytab begins with 5 and the version of its format.
fn check_keytab(keytab: &Path) -> Result<(), String> {
    let mut start = [0; 2];
    let read = std::fs::File::open(keytab).and_then(|mut file| file.read_exact(&mut start));
    match read {
        Ok(()) if matches!(start, [5, 1 | 2]) => Ok(()),
        Ok(()) => Err(format!("{} is no keytab: kadmin's ktadd or ktutil's wkt writes one", keytab.display())),
        Err(e) => Err(format!("the keytab {} cannot be read: {e}", keytab.display())),
    }
}

/// Errors of the other side carry a Java stack trace after their first line.
fn first_line(error: &HdfsError) -> String {
    let text = match error {
        HdfsError::GSSAPIError(_, _, why) => format!("Kerberos: {why}"),
        HdfsError::OperationFailed(why) if why.contains("libgssapi") => {
            format!("{why}: install libgssapi_krb5.so.2 (Debian: libgssapi-krb5-2)")
        }
        _ => error.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
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
        if self.kerberos { apart::stream(self.io.clone(), files) } else { files.boxed() }
    }

    fn stat(&self, path: &str) -> BoxFuture<'static, Result<Entry, StoreError>> {
        let (client, path) = (self.client(), path.to_owned());
        self.call(async move { client.get_file_info(&path).await.map(entry).map_err(|e| failed(&e)) })
    }

    fn open(&self, path: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>> {
        let (client, path) = (self.client(), path.to_owned());
        let io = self.kerberos.then(|| self.io.clone());
        self.call(async move {
            let reader = client.read(&path).await.map_err(|e| failed(&e))?;
            let snapshot: Box<dyn Snapshot> = Box::new(OpenFile { reader, apart: io });
            Ok(snapshot)
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<'static, Result<bool, StoreError>> {
        let (client, from, to) = (self.client(), from.to_owned(), to.to_owned());
        self.call(async move {
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
        self.call(async move {
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
struct OpenFile {
    reader: FileReader,
    /// Where it is read on threads of its own: what runs the reading.
    apart: Option<Handle>,
}

impl Snapshot for OpenFile {
    fn length(&self) -> u64 {
        self.reader.file_length() as u64
    }

    fn read_from(&self, offset: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
        // A range past the length that the reader itself knows panics in hdfs-native.
        let length = self.reader.file_length();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(length);
        let pieces = self.reader.read_range_stream(offset, length - offset).map(|piece| piece.map_err(|e| failed(&e)));
        match &self.apart {
            Some(io) => apart::stream(io.clone(), pieces),
            None => pieces.boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(identity: Identity, hadoop: &[(&str, &str)]) -> HdfsSettings {
        let hadoop = hadoop.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        HdfsSettings { url: "hdfs://logs".into(), identity, hadoop, call_timeout: Duration::from_secs(20) }
    }

    #[test]
    fn of_two_namenodes_each_is_asked_first_in_its_turn() {
        let settings = settings(Identity::Process, &[("dfs.ha.namenodes.logs", "nn1, nn2")]);
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
        let settings = HdfsSettings { call_timeout, ..settings(Identity::Process, &namenodes) };
        let store = HdfsStore::new("a", settings, io.handle().clone()).unwrap();
        let turn = || store.client.lock().unwrap().turn;
        store.renew();
        assert_eq!(turn(), 0, "no call of this client can have taken so long");
        std::thread::sleep(call_timeout);
        store.renew();
        store.renew();
        assert_eq!(turn(), 1, "two calls were given up, and the second one of the same client");
    }

    #[test]
    fn a_keytab_is_told_from_other_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let says = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            check_keytab(file.path())
        };
        assert_eq!(says(b"\x05\x02\0\0"), Ok(()));
        assert!(says(b"[libdefaults]").unwrap_err().contains("is no keytab: "));
        assert!(says(b"").unwrap_err().contains("cannot be read: "));
    }
}
