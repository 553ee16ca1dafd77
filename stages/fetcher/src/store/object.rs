//! A bucket as a cluster: S3 and what speaks its protocol, Google Cloud Storage, Azure's blobs. A path is `/` and the
//! object's key.

use super::{Entry, SetUpError, Snapshot, Store, StoreError};
use bytes::Bytes;
use futures::future::{self, BoxFuture};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, Error, GetOptions, ObjectMeta, ObjectStore, RetryConfig};
use object_store::{ObjectStoreExt as _, Result as Answer};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The bytes that one request asks for: a reader that is held up for long must not hold an answer half read.
const PIECE: u64 = 4 << 20;
/// Empty objects of a listing that are looked at side by side.
const LOOKS: usize = 16;

/// What makes a client of one bucket; nothing of it comes from the process's environment or another cluster.
#[derive(Clone, Debug)]
pub struct BucketSettings {
    /// `s3://bucket`, `gs://bucket` or `az://container`.
    pub url: String,
    /// Settings of the client, by their names in `object_store`; with `_file` behind the name, the value stands in the file.
    pub store: BTreeMap<String, String>,
}

/// Objects of a bucket.
pub struct BucketStore {
    settings: BucketSettings,
    /// Replaced after a call that was given up: other idle connections may be dead too.
    client: Mutex<Arc<dyn ObjectStore>>,
}

impl BucketStore {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The URL or the settings make no client.
    pub fn new(cluster: &str, settings: BucketSettings) -> Result<Self, SetUpError> {
        let client = client(&settings).map_err(|why| SetUpError::Client { cluster: cluster.to_owned(), why })?;
        Ok(Self { settings, client: Mutex::new(client) })
    }

    fn client(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.client.lock().expect("nothing panics while it holds the client"))
    }
}

/// What is wrong with the names of the settings, without a look at their values.
pub(super) fn unknown(settings: &BucketSettings) -> Option<String> {
    fn all<K: FromStr>(store: &BTreeMap<String, String>) -> Option<String> {
        store.keys().find_map(|name| setting::<K>(name).err())
    }
    match settings.url.split_once("://") {
        Some(("s3", _)) => all::<AmazonS3ConfigKey>(&settings.store),
        Some(("gs", _)) => all::<GoogleConfigKey>(&settings.store),
        _ => all::<AzureConfigKey>(&settings.store),
    }
}

/// The setting of that name, and whether its value stands in a file.
fn setting<K: FromStr>(name: &str) -> Result<(K, bool), String> {
    let in_file = || Some((name.strip_suffix("_file")?.parse().ok()?, true));
    let known = name.parse().ok().map(|key| (key, false)).or_else(in_file);
    known.ok_or_else(|| format!("store has no setting {name:?} for this kind of bucket: see docs/operations.md"))
}

fn with_value<K: FromStr>(name: &str, value: &str) -> Result<(K, String), String> {
    let (key, in_file) = setting(name)?;
    if !in_file {
        return Ok((key, value.to_owned()));
    }
    let text = std::fs::read_to_string(value).map_err(|e| format!("{name} {value:?} cannot be read: {e}"))?;
    Ok((key, text.trim_end().to_owned()))
}

/// The client that a builder makes. The builders have the same methods, and no trait in common.
macro_rules! build {
    ($builder:ty, $settings:expr) => {{
        let start = <$builder>::new().with_url(&$settings.url).with_retry(retry()).with_client_options(options());
        let builder = $settings.store.iter().try_fold(start, |builder, (name, value)| {
            let (key, value) = with_value(name, value)?;
            Ok::<_, String>(builder.with_config(key, value))
        });
        builder?.build().map(|client| Arc::new(client) as Arc<dyn ObjectStore>).map_err(|e| line(&e))
    }};
}

fn client(settings: &BucketSettings) -> Result<Arc<dyn ObjectStore>, String> {
    // The only one that is compiled in; an error says that it was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match settings.url.split_once("://") {
        Some(("s3", _)) => build!(AmazonS3Builder, settings),
        Some(("gs", _)) => build!(GoogleCloudStorageBuilder, settings),
        _ => build!(MicrosoftAzureBuilder, settings),
    }
}

/// Once more at once, for a connection that the other side closed when it was idle; the fetcher does the rest.
fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_millis(500), base: 2. };
    RetryConfig { backoff, max_retries: 1, retry_timeout: Duration::from_secs(2) }
}

/// A whole answer may take as long as it likes: the fetcher bounds the wait for each piece of it.
fn options() -> ClientOptions {
    ClientOptions::new().with_timeout_disabled()
}

fn key(path: &str) -> Result<Path, StoreError> {
    Path::parse(path).map_err(|e| StoreError::Failed(e.to_string()))
}

/// Whole seconds, in listings too: the headers of an object tell no more.
fn entry(object: &ObjectMeta) -> Entry {
    let modified_ms = u64::try_from(object.last_modified.timestamp()).unwrap_or(0) * 1000;
    Entry { path: format!("/{}", object.location), length: object.size, modified_ms }
}

/// An error in one line: of an answer in XML its code and message alone, which stand in the same elements everywhere.
fn line(error: &Error) -> String {
    let text = error.to_string();
    let (before, body) = text.split_once('<').unwrap_or((&text, ""));
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(inner, _)| inner.lines().next().unwrap_or_default())
    };
    let before = before.lines().next().unwrap_or_default().trim_end_matches([':', ' ']);
    [Some(before), element("Code"), element("Message")].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn failed(error: &Error) -> StoreError {
    let line = line(error);
    // Of a listing the error has the status in its words alone.
    let has_status = |status: u16| line.contains(&format!("status code: {status} "));
    match error {
        Error::NotFound { .. } => StoreError::Gone(line),
        Error::Precondition { .. } => StoreError::Gone(format!("it was replaced: {line}")),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => StoreError::Refused(line),
        _ if has_status(401) || has_status(403) => StoreError::Refused(line),
        _ => StoreError::Failed(line),
    }
}

/// Whether an object of this name is there, as far as may be known. Tools make an empty object for a folder, whose name
/// ends in `/`; a listing shows it without.
async fn is_there(client: &dyn ObjectStore, location: &Path) -> Result<bool, StoreError> {
    match client.head(location).await.map_err(|e| failed(&e)) {
        Ok(_) | Err(StoreError::Refused(_)) => Ok(true),
        Err(StoreError::Gone(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

async fn listed(client: Arc<dyn ObjectStore>, object: Answer<ObjectMeta>) -> Result<Option<Entry>, StoreError> {
    let object = object.map_err(|e| failed(&e))?;
    let is_file = object.size > 0 || is_there(&*client, &object.location).await?;
    Ok(is_file.then(|| entry(&object)))
}

impl Store for BucketStore {
    fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry, StoreError>> {
        let prefix = match key(folder) {
            Ok(prefix) => prefix,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let client = self.client();
        let objects = client.list(Some(&prefix));
        objects
            .map(move |object| listed(Arc::clone(&client), object))
            .buffered(LOOKS)
            .try_filter_map(future::ok)
            .boxed()
    }

    fn stat(&self, path: &str) -> BoxFuture<'static, Result<Entry, StoreError>> {
        let (client, key) = (self.client(), key(path));
        Box::pin(async move { client.head(&key?).await.map(|object| entry(&object)).map_err(|e| failed(&e)) })
    }

    fn open(&self, path: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>> {
        let (client, key) = (self.client(), key(path));
        Box::pin(async move {
            let seen = client.head(&key?).await.map_err(|e| failed(&e))?;
            let snapshot: Box<dyn Snapshot> = Box::new(OpenObject(Arc::new(Seen { client, object: seen })));
            Ok(snapshot)
        })
    }

    fn renew(&self) {
        match client(&self.settings) {
            Ok(fresh) => *self.client.lock().expect("nothing panics while it holds the client") = fresh,
            Err(why) => tracing::error!(url = self.settings.url, "a second client cannot be made: {why}"),
        }
    }
}

/// An object as it was when it was opened.
struct Seen {
    client: Arc<dyn ObjectStore>,
    object: ObjectMeta,
}

/// What comes of one request.
struct Piece {
    bytes: BoxStream<'static, Answer<Bytes>>,
    /// Where it must end.
    end: u64,
}

impl Seen {
    /// Asks for bytes from `start` on, of this very object: by its ETag, and by what the answer says of it, for not every
    /// store knows conditions.
    async fn ask(&self, start: u64) -> Result<Piece, StoreError> {
        let end = self.object.size.min(start + PIECE);
        // A weak ETag, by its definition, matches nothing.
        let if_match = self.object.e_tag.clone().filter(|tag| !tag.starts_with("W/"));
        let options = GetOptions { range: Some((start..end).into()), if_match, ..GetOptions::default() };
        let answer = self.client.get_opts(&self.object.location, options).await.map_err(|e| failed(&e))?;
        if answer.meta != self.object {
            return Err(StoreError::Gone(format!("/{} was replaced", self.object.location)));
        }
        Ok(Piece { bytes: answer.into_stream(), end })
    }
}

/// How far an object is read.
struct Reading {
    seen: Arc<Seen>,
    at: u64,
    piece: Option<Piece>,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        loop {
            let Some(piece) = &mut self.piece else {
                if self.at >= self.seen.object.size {
                    return Ok(None);
                }
                self.piece = Some(self.seen.ask(self.at).await?);
                continue;
            };
            let bytes = piece.bytes.try_next().await.map_err(|e| failed(&e))?;
            self.at += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
            match bytes {
                Some(bytes) if self.at <= piece.end => return Ok(Some((bytes, self))),
                None if self.at == piece.end => self.piece = None,
                _ => return Err(StoreError::Failed(format!("an answer ends at {}, not {}", self.at, piece.end))),
            }
        }
    }
}

struct OpenObject(Arc<Seen>);

impl Snapshot for OpenObject {
    fn length(&self) -> u64 {
        self.0.object.size
    }

    fn read_from(&self, offset: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let reading = Reading { seen: Arc::clone(&self.0), at: offset, piece: None };
        stream::try_unfold(reading, Reading::next).boxed()
    }
}

#[cfg(test)]
mod tests;
