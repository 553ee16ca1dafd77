//! Into the clusters, as `hdfs dfs -put` does it: under another name first, then renamed.

use crate::logs::manifest::Entry;
use crate::logs::pack::packed_file;
use anyhow::Context;
use futures::{StreamExt, TryStreamExt};
use hdfs_native::WriteOptions;
use hdfs_native::client::Client;
use std::collections::BTreeMap;
use std::path::Path;

/// Files on their way at the same time.
const SIDE_BY_SIDE: usize = 8;

/// A client of each cluster, by the cluster's name.
pub type Clients = BTreeMap<String, Client>;

/// A file to be put: a local one, and where it shall lie.
#[derive(Clone, Debug)]
pub struct Put {
    pub local: std::path::PathBuf,
    pub cluster: String,
    pub path: String,
}

impl Put {
    /// A packed file of the manifest.
    #[must_use]
    pub fn of(folder: &Path, entry: &Entry) -> Self {
        let local = packed_file(folder, &entry.cluster, &entry.path);
        Self { local, cluster: entry.cluster.clone(), path: entry.path.clone() }
    }
}

/// Puts all files.
///
/// # Errors
/// A file cannot be read, or a cluster refuses it.
pub async fn upload(clients: &Clients, files: Vec<Put>) -> anyhow::Result<()> {
    let one = |file: Put| async move {
        let client = clients.get(&file.cluster).with_context(|| format!("there is no cluster {}", file.cluster))?;
        let what = || format!("putting {} into {}:{}", file.local.display(), file.cluster, file.path);
        put(client, &file).await.with_context(what)
    };
    futures::stream::iter(files).map(one).buffer_unordered(SIDE_BY_SIDE).try_collect().await
}

async fn put(client: &Client, file: &Put) -> anyhow::Result<()> {
    let bytes = tokio::fs::read(&file.local).await?;
    let copying = format!("{}._COPYING_", file.path);
    let mut writer = client.create(&copying, WriteOptions::default().overwrite(true)).await?;
    if !bytes.is_empty() {
        writer.write_bytes(bytes.into()).await?;
    }
    writer.close().await?;
    client.rename(&copying, &file.path, true).await?;
    Ok(())
}
