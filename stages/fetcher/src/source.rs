//! What a worker's machine asks of the stores, done by coroutines behind one bounded channel.

use crate::cluster::Cluster;
use futures::FutureExt as _;
use logmill_protocol::fetch::{Answer, Ask, Fetched, Item, Order};
use logmill_runner::panic_text;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
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
    /// The words of coroutines that panicked.
    panics: (UnboundedSender<String>, UnboundedReceiver<String>),
}

/// A coroutine broke off: nothing more would come of its file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a coroutine panicked while it read {0}")]
pub struct Panicked(pub String);

impl Source {
    /// Reads from `clusters` on `io`; at most `chunks` chunks wait to be taken.
    #[must_use]
    pub fn new(io: Handle, clusters: Arc<HashMap<String, Arc<Cluster>>>, chunks: usize) -> Self {
        let (to, items) = mpsc::channel(chunks.max(1));
        Self { io, clusters, to, items, running: Vec::new(), panics: mpsc::unbounded_channel() }
    }

    /// Does what is asked.
    ///
    /// # Errors
    /// When a coroutine panicked.
    pub fn answer(&mut self, ask: Ask) -> Result<Answer, Panicked> {
        if let Ok(words) = self.panics.1.try_recv() {
            return Err(Panicked(words));
        }
        Ok(match ask {
            Ask::Open(order) => {
                self.open(order);
                Answer::Done
            }
            Ask::Discard => {
                self.discard();
                Answer::Done
            }
            Ask::Next { bytes, wait } => Answer::Items(self.next(bytes, wait)),
        })
    }

    fn open(&mut self, order: Order) {
        self.running.retain(|coroutine| !coroutine.is_finished());
        // A subscription names only the tasks of configured clusters; a task of another in one of them is a lie of the
        // topic, and its file cannot be had.
        let to = self.to.clone();
        let name = format!("{} of {}", order.file.path, order.file.cluster);
        let coroutine = match self.clusters.get(&order.file.cluster) {
            Some(cluster) => self.spawn(name, Arc::clone(cluster).bring(order, to)),
            None => self.spawn(name, async move {
                let what = Fetched::Changed(format!("cluster {:?} is not configured here", order.file.cluster));
                let _ = to.send(Item { ticket: order.ticket, what }).await;
            }),
        };
        self.running.push(coroutine);
    }

    /// Runs a coroutine that reads the file `name`. Should it panic, that is told at once, and the worker hears of it.
    fn spawn(&self, name: String, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let panics = self.panics.0.clone();
        let watched = async move {
            if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
                let words = format!("{name}: {}", panic_text(panic.as_ref()));
                tracing::error!("a coroutine panicked while it read {words}");
                // The worker may have ended.
                let _ = panics.send(words);
            }
        };
        self.io.spawn(watched).abort_handle()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ClusterMetrics;
    use crate::store::{Entry, Snapshot, Store, StoreError};
    use futures::future::BoxFuture;
    use futures::stream::BoxStream;
    use logmill_core::{FileId, FileMeta, Plan, Seq};
    use std::time::Instant;

    /// A store with a bug.
    struct Broken;

    impl Store for Broken {
        fn list(&self, _: &str) -> BoxStream<'static, Result<Entry, StoreError>> {
            panic!("an invariant broke")
        }
        fn stat(&self, _: &str) -> BoxFuture<'static, Result<Entry, StoreError>> {
            panic!("an invariant broke")
        }
        fn open(&self, _: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>> {
            panic!("an invariant broke")
        }
    }

    #[test]
    fn a_panic_of_a_coroutine_reaches_the_worker() {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let cluster =
            Cluster::new("a", Arc::new(Broken), &logmill_config::Cluster::default(), ClusterMetrics::default());
        let clusters = Arc::new(HashMap::from([("a".to_owned(), Arc::new(cluster))]));
        let mut source = Source::new(io.handle().clone(), clusters, 1);
        let file_id = FileId::of("a", b"/f", 5, 7);
        let file = FileMeta { length: 5, modified_ms: 7, ..FileMeta::new(file_id, "a", "/f", Plan::default()) };
        let order = Order { ticket: 1, file: Arc::new(file), backfill: false, from: Seq(0), crc32: 0, parked: None };
        assert_eq!(source.answer(Ask::Open(order)), Ok(Answer::Done));
        let start = Instant::now();
        let why = loop {
            match source.answer(Ask::Next { bytes: 1, wait: true }) {
                Ok(nothing) => assert_eq!(nothing, Answer::Items(Vec::new())),
                Err(why) => break why,
            }
            assert!(start.elapsed() < Duration::from_secs(30), "the panic was not seen within 30 s");
        };
        assert_eq!(why.to_string(), "a coroutine panicked while it read /f of a: an invariant broke");
    }
}
