//! The whole making of logs: load on the stack's daemons at DEBUG, their logs cut, packed, and listed.

use crate::logs::manifest::{self, Entry};
use crate::logs::pack::{Order, pack};
use crate::logs::storm::{Stop, storm_hdfs, storm_kafka, wait_for_bytes};
use crate::logs::upload::Clients;
use crate::logs::{cut, levels};
use anyhow::{Context, ensure};
use hdfs_native::client::ClientBuilder;
use logmill_stack::{ServerId, Stack};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many logs, and how much in them.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub files: usize,
    /// Of text, before it is packed.
    pub bytes: u64,
    /// How long the daemons may be kept under load for it.
    pub limit: Duration,
}

/// What there is.
#[derive(Clone, Debug)]
pub struct Logs {
    pub manifest: PathBuf,
    pub entries: Vec<Entry>,
    /// How many of the files hold the same text as another one, because the daemons wrote too little in the time.
    pub repeated: usize,
}

impl Logs {
    /// Bytes of text, and lines.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        self.entries.iter().fold((0, 0), |(bytes, lines), e| (bytes + e.bytes, lines + e.lines))
    }
}

/// Calls on their way at the same time, for each HDFS cluster.
const CALLS: usize = 96;
/// The topic that is written and read for the load; gone with it.
const TOPIC: &str = "storm";

/// Clients of all HDFS clusters of a stack.
///
/// # Errors
/// A client cannot be made.
pub fn clients(stack: &Stack) -> anyhow::Result<Clients> {
    let hdfs = &stack.addresses().hdfs;
    let make = |(name, address): (&String, &logmill_stack::HdfsAddress)| {
        let config = address.config.iter().map(|(k, v)| (k.clone(), v.clone()));
        let client = ClientBuilder::new().with_url(&address.url).with_config(config).build()?;
        Ok((name.clone(), client))
    };
    hdfs.iter().map(make).collect()
}

/// Makes logs under `folder`: `manifest.jsonl`, `originals/`, `packed/`. `say` hears how far it is.
///
/// # Errors
/// The stack does not take the load, or a file cannot be written.
pub async fn generate(stack: &Stack, folder: &Path, wish: Wish, say: impl Fn(String)) -> anyhow::Result<Logs> {
    let daemons = levels::daemons(stack);
    let logs: Vec<PathBuf> = daemons.iter().map(|daemon| stack.log(daemon)).collect();
    levels::set(stack, true)?;
    let wrote = load(stack, &logs, wish, &say).await;
    levels::set(stack, false)?;
    let wrote = wrote?;
    ensure!(wrote > 0, "the daemons wrote no logs: {logs:?}");
    let mut orders = rotate(stack, &daemons, wish.files)?;
    // Stated by the caller: rather the same text twice under two names than a smaller demo.
    let made = orders.len();
    let enough = |orders: &[Order]| {
        orders.len() >= wish.files && orders.iter().map(|o| o.piece.to - o.piece.from).sum::<u64>() >= wish.bytes
    };
    while !enough(&orders) {
        let mut again = orders[orders.len() % made].clone();
        again.path = format!("{}-again-{}", again.path, orders.len() / made);
        orders.push(again);
    }
    let repeated = orders.len() - made;
    say(format!("packing {} files", orders.len()));
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || {
        let entries = pack(&folder, &orders)?;
        let manifest = folder.join("manifest.jsonl");
        manifest::write(&manifest, &entries)?;
        Ok(Logs { manifest, entries, repeated })
    })
    .await?
}

/// Keeps the daemons busy until their logs are large enough. Returns what they wrote, in bytes.
async fn load(stack: &Stack, logs: &[PathBuf], wish: Wish, say: &impl Fn(String)) -> anyhow::Result<u64> {
    let stop: Stop = Arc::new(AtomicBool::new(false));
    let mut tasks = tokio::task::JoinSet::new();
    for client in clients(stack)?.into_values() {
        for n in 0..CALLS {
            tasks.spawn(storm_hdfs(client.clone(), n * 1009, stop.clone()));
        }
    }
    if let Some(ServerId::Broker(_)) = stack.servers().first() {
        let (brokers, stop) = (stack.kafka().to_owned(), stop.clone());
        tasks.spawn_blocking(move || storm_kafka(&brokers, TOPIC, &stop));
    }
    let sizes = |bytes: u64| say(format!("the daemons wrote {} MB of logs", bytes / 1_000_000));
    // The cut leaves the last, unfinished line: a little more than is wished for.
    let wrote = wait_for_bytes(logs, wish.bytes + wish.bytes / 50 + 100_000, wish.limit, sizes).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task of the load")?.context("load")?;
    }
    Ok(wrote)
}

/// Cuts the logs; each log gets as many files as its size is of the whole. A daemon of a cluster logs into that
/// cluster, the others in turn.
fn rotate(stack: &Stack, daemons: &[ServerId], files: usize) -> anyhow::Result<Vec<Order>> {
    let sizes: BTreeMap<String, u64> = daemons
        .iter()
        .map(|daemon| (daemon.to_string(), std::fs::metadata(stack.log(daemon)).map_or(0, |m| m.len())))
        .collect();
    let total: u64 = sizes.values().sum();
    let clusters: Vec<&String> = stack.addresses().hdfs.keys().collect();
    let mut orders = Vec::new();
    for daemon in daemons {
        let name = daemon.to_string();
        // A twentieth more than asked for: the sizes of the pieces vary, and so does their number.
        let count = (files as u64 * 21 / 20 * sizes[&name]).div_ceil(total.max(1)).max(1);
        for (n, piece) in cut::cut(&stack.log(daemon), count as usize)?.into_iter().enumerate() {
            let cluster = match daemon {
                ServerId::Hdfs(cluster) => cluster.clone(),
                _ => clusters[n % clusters.len()].clone(),
            };
            orders.push(Order { piece, cluster, path: format!("/logs/{name}/{name}.log.{n:03}") });
        }
    }
    // Mixed, so that the forms in which they are packed fall on all daemons.
    orders.sort_by_key(|order| order.path.rsplit('.').next().map(str::to_owned));
    Ok(orders)
}
