//! What a worker's machine asks of the stores, done by coroutines behind one bounded channel.

use crate::cluster::Cluster;
use logmill_protocol::fetch::{Answer, Ask, Fetched, Item, Order};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long the worker waits for items before it polls the log again.
const WAIT: Duration = Duration::from_millis(50);

/// The coroutines of one worker. In memory at most: two chunks for each coroutine, one in the making and one in the
/// channel.
pub struct Source {
    io: Handle,
    clusters: Arc<HashMap<String, Arc<Cluster>>>,
    to: Sender<Item>,
    items: Receiver<Item>,
    running: Vec<AbortHandle>,
}

impl Source {
    /// Reads from `clusters` on `io`; at most `chunks` chunks wait to be taken.
    #[must_use]
    pub fn new(io: Handle, clusters: Arc<HashMap<String, Arc<Cluster>>>, chunks: usize) -> Self {
        let (to, items) = mpsc::channel(chunks.max(1));
        Self { io, clusters, to, items, running: Vec::new() }
    }

    /// Does what is asked.
    pub fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Open(order) => {
                self.open(order);
                Answer::Done
            }
            Ask::Discard => {
                self.discard();
                Answer::Done
            }
            Ask::Next { bytes, wait } => Answer::Items(self.next(bytes, wait)),
        }
    }

    fn open(&mut self, order: Order) {
        self.running.retain(|coroutine| !coroutine.is_finished());
        // A subscription names only the tasks of configured clusters; a task of another in one of them is a lie of the
        // topic, and its file cannot be had.
        let to = self.to.clone();
        let coroutine = match self.clusters.get(&order.file.cluster) {
            Some(cluster) => self.io.spawn(Arc::clone(cluster).bring(order, to)),
            None => self.io.spawn(async move {
                let what = Fetched::Changed(format!("cluster {:?} is not configured here", order.file.cluster));
                let _ = to.send(Item { ticket: order.ticket, what }).await;
            }),
        };
        self.running.push(coroutine.abort_handle());
    }

    fn discard(&mut self) {
        self.running.drain(..).for_each(|coroutine| coroutine.abort());
        let chunks = self.to.max_capacity();
        (self.to, self.items) = mpsc::channel(chunks);
    }

    fn next(&mut self, bytes: usize, wait: bool) -> Vec<Item> {
        let mut items = Vec::new();
        if wait {
            let first = self.io.block_on(async { timeout(WAIT, self.items.recv()).await });
            items.extend(first.ok().flatten());
        }
        let size = |item: &Item| if let Fetched::Chunk(payload, _) = &item.what { payload.len() } else { 0 };
        let mut taken: usize = items.iter().map(size).sum();
        while taken < bytes {
            let Ok(item) = self.items.try_recv() else { break };
            taken += size(&item);
            items.push(item);
        }
        items
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.discard();
    }
}
