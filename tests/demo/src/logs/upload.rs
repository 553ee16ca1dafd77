//! Into the clusters, as `hdfs dfs -put` does it: under another name first, then renamed.

use crate::logs::manifest::Entry;
use crate::logs::pack::packed_file;
use anyhow::Context;
use futures::{StreamExt, TryStreamExt};
use hdfs_native::WriteOptions;
use hdfs_native::client::Client;
use std::collections::BTreeMap;
use std::path::Path;

/// Files on their way at the same time. Each waits most of its time for the NameNode to hear of its block (a third of a
/// second), so that the cores rest with fewer.
const SIDE_BY_SIDE: usize = 96;
/// Bytes of a block: at least what HDFS takes (`dfs.namenode.fs-limits.min-block-size`), at most its default.
const SMALLEST_BLOCK: u64 = 1 << 20;
const LARGEST_BLOCK: u64 = 128 << 20;
/// A block has a whole number of these (`dfs.bytes-per-checksum`).
const CHECKSUMMED: u64 = 512;

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
    // What the NameNode holds free for a file that is written is a block of it: no more than is needed, for many at once.
    let block = (bytes.len() as u64).clamp(SMALLEST_BLOCK, LARGEST_BLOCK).next_multiple_of(CHECKSUMMED);
    let options = WriteOptions::default().overwrite(true).block_size(block);
    let mut writer = client.create(&copying, options).await?;
    if !bytes.is_empty() {
        writer.write_bytes(bytes.into()).await?;
    }
    writer.close().await?;
    client.rename(&copying, &file.path, true).await?;
    Ok(())
}
