//! One cluster as a fetcher reads it: its store, its coroutines, and how each of them brings one file.
//!
//! Clusters share nothing but the runtime: a cluster that does not answer occupies its own coroutines alone.

use crate::cut::Cutter;
use crate::downstream::Downstream;
use crate::health::{Health, Rules};
use crate::metrics::ClusterMetrics;
use crate::pool::{Permit, Pool};
use crate::rate::Rate;
use crate::store::{Entry, Store, StoreError};
use futures::StreamExt as _;
use logmill_config::Weight;
use logmill_core::{FileMeta, Seq};
use logmill_protocol::fetch::{Fetched, Item, Order};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};

/// The pause after a failed call, doubled with each further one up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a file of backfill that gives way looks whether it still has to.
const GIVE_WAY: Duration = Duration::from_millis(50);

/// One cluster.
pub struct Cluster {
    pub name: String,
    store: Arc<dyn Store>,
    /// One permit for each coroutine that reads. One that waits for its next try holds none.
    pool: Pool,
    /// The same for files of backfill, which are read while nobody waits in the other.
    backfill: Pool,
    downstream: Arc<Downstream>,
    /// The coroutines that are its own, however many it has just now.
    coroutines: u32,
    weight: AtomicU32,
    /// The weight is learned.
    learned: AtomicBool,
    /// No file of it is to get a task for now.
    drained: AtomicBool,
    /// It rests, because an operator said so or that is not known yet: no file of it is listed or begun, and those that are open wait
    /// between two chunks.
    paused: AtomicBool,
    rate: Option<Rate>,
    call_timeout: Duration,
    park_after: Duration,
    health: Mutex<Health>,
    trouble: Mutex<Trouble>,
    metrics: ClusterMetrics,
}

/// What fails just now, for people. A cluster may list its files and give none of them (safe mode), or not be asked at all.
#[derive(Default)]
struct Trouble {
    /// Files whose last try failed.
    files: usize,
    /// The last listing broke off.
    listing: bool,
    since: Option<Instant>,
}

/// A file whose last try failed, until one goes well or nobody tries it any more.
struct Failing(Arc<Cluster>);

impl Failing {
    fn new(cluster: &Arc<Cluster>) -> Self {
        cluster.trouble(|trouble| trouble.files += 1);
        Self(Arc::clone(cluster))
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.0.trouble(|trouble| trouble.files -= 1);
    }
}

/// Why one try at a file ended.
enum Stop {
    Changed(String),
    /// The cluster answers, and refuses this file.
    Refused(String),
    Failed(String),
    /// Nobody takes what is read any more.
    Unwanted,
    /// It has not begun, and others come first, or its cluster is paused.
    Yields,
    /// It has begun, and others have come before it, or its cluster was paused, for too long.
    GaveWay,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone(_) => Self::Changed(error.to_string()),
            StoreError::Refused(why) => Self::Refused(why),
            StoreError::Failed(why) => Self::Failed(why),
        }
    }
}

/// Who takes what an order brings.
struct Taker {
    ticket: u64,
    to: Sender<Item>,
}

impl Taker {
    async fn send(&self, what: Fetched) -> Result<(), Stop> {
        self.to.send(Item { ticket: self.ticket, what }).await.map_err(|_| Stop::Unwanted)
    }
}

/// How far an order is read.
struct Progress {
    next: Seq,
    crc32: u32,
    /// At the last try the cluster said how the file looks, or that it may not be read.
    answered: bool,
    /// Since when no chunk of this file has come.
    failing: Option<Instant>,
    failed: Option<Failing>,
    /// The chunk at which it failed last, or began.
    stood: Seq,
    pause: Duration,
}

impl Cluster {
    /// A cluster of which at most `settings.coroutines` files are read at a time, each call given up after `call_timeout`.
    /// A file that could not be read for `park_after` is given up, unless it has not begun and the cluster does not answer.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        store: Arc<dyn Store>,
        settings: &logmill_config::Cluster,
        metrics: ClusterMetrics,
    ) -> Self {
        let logmill_config::Cluster { coroutines, weight, call_timeout, park_after, .. } = *settings;
        let logmill_config::Cluster { down_failures, down_after, up_after, .. } = *settings;
        metrics.coroutines.set(coroutines.into());
        // Until it is learned.
        let own_weight = weight.given().unwrap_or(1);
        metrics.weight.set(own_weight.into());
        let backfill = Pool::new(settings.backfill_coroutines);
        Self {
            name: name.into(),
            store,
            pool: Pool::new(coroutines),
            backfill,
            downstream: Arc::default(),
            coroutines,
            weight: own_weight.into(),
            learned: (weight == Weight::Auto).into(),
            drained: settings.drain.into(),
            paused: false.into(),
            rate: settings.bytes_per_second.map(|rate| Rate::new(rate.0)),
            call_timeout,
            park_after,
            health: Mutex::new(Health::new(Rules { down_failures, down_after, up_after })),
            trouble: Mutex::default(),
            metrics,
        }
    }

    /// Its backfill waits while the chain is behind.
    pub(crate) fn with_downstream(self, downstream: Arc<Downstream>) -> Self {
        Self { downstream, ..self }
    }

    /// The coroutines that are its own.
    pub(crate) fn coroutines(&self) -> u32 {
        self.coroutines
    }

    pub(crate) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    pub(crate) fn weigh(&self, weight: u32) {
        self.weight.store(weight, Ordering::Relaxed);
        self.metrics.weight.set(weight.into());
    }

    /// Whether its weight is learned.
    pub(crate) fn is_learned(&self) -> bool {
        self.learned.load(Ordering::Relaxed)
    }

    /// Its weight is this one from now on, or learned; until it is, it stays what it was.
    pub(crate) fn configure_weight(&self, weight: Weight) {
        self.learned.store(weight == Weight::Auto, Ordering::Relaxed);
        if let Some(weight) = weight.given().filter(|weight| *weight != self.weight()) {
            tracing::info!(cluster = self.name, "its weight is {weight} now, it was {}", self.weight());
            self.weigh(weight);
        }
    }

    /// Whether no file of it is to get a task for now.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed) || self.is_paused()
    }

    /// Whether it rests.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// It rests, or goes on. Says whether that is new.
    pub(crate) fn pause(&self, paused: bool) -> bool {
        self.metrics.paused.set(paused.into());
        self.paused.swap(paused, Ordering::Relaxed) != paused
    }

    /// Takes over what the configuration says of it while it runs.
    pub(crate) fn configure(&self, settings: &logmill_config::Cluster) {
        self.configure_weight(settings.weight);
        if self.drained.swap(settings.drain, Ordering::Relaxed) != settings.drain {
            let what = if settings.drain { "no file of it gets a task any more" } else { "its files get tasks again" };
            tracing::info!(cluster = self.name, "{what}");
        }
    }

    /// So many of its files are read at a time from now on.
    pub(crate) fn resize(&self, coroutines: u32) {
        self.pool.resize(coroutines);
        self.metrics.coroutines.set(coroutines.into());
    }

    /// Whether it counts as down.
    pub(crate) fn is_down(&self) -> bool {
        self.health(|health| health.is_down(Instant::now()))
    }

    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    #[must_use]
    pub fn metrics(&self) -> &ClusterMetrics {
        &self.metrics
    }

    /// A call of the store, bounded. One that is given up takes the store's connections with it.
    ///
    /// # Errors
    /// The store's, or that it did not answer in time.
    pub async fn call<T>(&self, what: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let Ok(answer) = timeout(self.call_timeout, what).await else {
            self.store.renew();
            self.health(|health| health.failed(Instant::now()));
            return Err(StoreError::Failed(format!("no answer within {:?}", self.call_timeout)));
        };
        self.health(|health| match answer {
            Err(StoreError::Failed(_)) => health.failed(Instant::now()),
            Ok(_) | Err(StoreError::Gone(_) | StoreError::Refused(_)) => health.answered(Instant::now()),
        });
        answer
    }

    fn health<T>(&self, look: impl FnOnce(&mut Health) -> T) -> T {
        look(&mut self.health.lock().expect("nothing panics while it holds this"))
    }

    /// How the last listing went; well, where nobody lists it any more.
    pub fn listed(&self, well: bool) {
        self.trouble(|trouble| trouble.listing = !well);
    }

    fn trouble(&self, change: impl FnOnce(&mut Trouble)) {
        let mut trouble = self.trouble.lock().expect("nothing panics while it holds this");
        change(&mut trouble);
        let fails = trouble.listing || trouble.files > 0;
        self.metrics.failing.set(trouble.files as i64);
        self.metrics.down.set(fails.into());
        if fails {
            trouble.since.get_or_insert_with(Instant::now);
        } else if let Some(since) = trouble.since.take() {
            tracing::info!(cluster = self.name, "no call to the cluster fails any more, after {:?}", since.elapsed());
        }
    }

    /// Brings a file: its chunks in order and how it ended go to `to`. Ends when that is done or nobody takes it.
    pub async fn bring(self: Arc<Self>, order: Order, to: Sender<Item>) {
        let to = Taker { ticket: order.ticket, to };
        let _watched = order.backfill.then(|| self.downstream.watched());
        let mut progress = Progress {
            next: order.from,
            crc32: order.crc32,
            answered: false,
            failing: None,
            failed: None,
            stood: order.from,
            pause: FIRST_PAUSE,
        };
        loop {
            // Waiting for others it holds neither a permit nor a stream.
            if self.turn(&order, &progress).await.is_err() {
                return self.park(&order, self.comes_first(), &to).await;
            }
            let why = match self.permit(&order, &progress).await {
                None => return self.park(&order, "other files wait for it too", &to).await,
                Some(_permit) => match self.read(&order, &mut progress, &to).await {
                    Ok(()) => return drop(to.send(Fetched::End).await),
                    Err(Stop::Changed(why)) => return drop(to.send(Fetched::Changed(why)).await),
                    Err(Stop::Unwanted) => return,
                    Err(Stop::Yields) => continue,
                    Err(Stop::GaveWay) => return self.park(&order, self.comes_first(), &to).await,
                    Err(Stop::Refused(why)) => {
                        (progress.answered, progress.failed) = (true, None);
                        why
                    }
                    Err(Stop::Failed(why)) => {
                        progress.failed.get_or_insert_with(|| Failing::new(&self));
                        why
                    }
                },
            };
            // Bytes short of a whole chunk are no progress: a file with a lost block gives them at every try.
            if progress.next > progress.stood {
                (progress.stood, progress.failing, progress.pause) = (progress.next, None, FIRST_PAUSE);
            }
            let failing = *progress.failing.get_or_insert_with(Instant::now);
            // While the cluster does not answer, nothing is gained by giving the place of a file away that has not begun.
            if (progress.next > Seq(0) || progress.answered) && failing.elapsed() >= self.park_after {
                return self.park(&order, &why, &to).await;
            }
            tracing::warn!(cluster = self.name, path = order.file.path, "next try in {:?}: {why}", progress.pause);
            sleep(progress.pause).await;
            progress.pause = (progress.pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn park(&self, order: &Order, why: &str, to: &Taker) {
        let (cluster, path) = (&self.name, &order.file.path);
        tracing::warn!(cluster, path, "parked after {:?}: {why}", self.park_after);
        self.metrics.parked.inc();
        drop(to.send(Fetched::Unreachable(why.to_owned())).await);
    }

    /// Waits for a permit; `None` when the file has begun and has waited for too long: its cluster is down, or, of backfill,
    /// others have the permits and may wait themselves.
    async fn permit(&self, order: &Order, progress: &Progress) -> Option<Permit<'_>> {
        let pool = if order.backfill { &self.backfill } else { &self.pool };
        let since = Instant::now();
        loop {
            let wait = self.park_after.min(LONGEST_PAUSE);
            if let Ok(permit) = timeout(wait, pool.acquire()).await {
                return Some(permit);
            }
            let failing = self.health(|health| health.failing_for(Instant::now()));
            let waited = if order.backfill { failing.max(since.elapsed()) } else { failing };
            if progress.next > Seq(0) && waited >= self.park_after {
                return None;
            }
        }
    }

    /// Waits until nothing comes before the file. What is not backfill waits here while the cluster is paused alone. One that has
    /// begun does not wait for ever: until its end the stages behind have to read again from its first chunk when they are taken
    /// over.
    async fn turn(&self, order: &Order, progress: &Progress) -> Result<(), Stop> {
        let since = Instant::now();
        while self.has_to_wait(order) {
            if progress.next > Seq(0) && since.elapsed() >= self.park_after {
                return Err(Stop::GaveWay);
            }
            sleep(GIVE_WAY).await;
        }
        Ok(())
    }

    fn has_to_wait(&self, order: &Order) -> bool {
        self.is_paused() || (order.backfill && self.others_come_first())
    }

    /// Why a file that has begun gives way, for people.
    fn comes_first(&self) -> &'static str {
        if self.is_paused() { "the cluster is paused" } else { "other files come first" }
    }

    /// Whether another file of the cluster waits for a coroutine, or for the bytes that a rate allows, or the chain has
    /// enough to do.
    fn others_come_first(&self) -> bool {
        self.pool.is_wanted() || (self.rate.is_some() && self.pool.is_busy()) || self.downstream.is_behind()
    }

    /// Reads on from where the progress stands to the file's end, and checks the file before and after.
    async fn read(&self, order: &Order, progress: &mut Progress, to: &Taker) -> Result<(), Stop> {
        let file = &order.file;
        progress.answered = false;
        let snapshot = self.call(self.store.open(&file.path)).await?;
        unchanged(file, snapshot.length(), &self.call(self.store.stat(&file.path)).await?)?;
        progress.answered = true;
        let start = (progress.next.0 * u64::from(file.plan.raw_bytes)).min(file.length);
        let mut pieces = snapshot.read_from(start);
        let mut cutter = Cutter::new(file.plan.raw_bytes as usize, file.length - start);
        while cutter.is_hungry() {
            let piece = self.call(async { pieces.next().await.transpose() }).await?;
            let Some(mut piece) = piece else {
                return Err(Stop::Failed(format!("its bytes end {} before its length", cutter.left())));
            };
            if let Some(rate) = &self.rate {
                rate.pass(piece.len()).await;
            }
            while let Some(chunk) = cutter.cut(&mut piece) {
                if progress.next == Seq(0) && self.has_to_wait(order) {
                    return Err(Stop::Yields);
                }
                self.turn(order, progress).await?;
                check_parked(order, progress)?;
                let mut sum = crc32fast::Hasher::new_with_initial(progress.crc32);
                sum.update(&chunk);
                progress.crc32 = sum.finalize();
                (progress.next, progress.failed) = (progress.next.next(), None);
                self.metrics.bytes.inc_by(chunk.len() as u64);
                to.send(Fetched::Chunk(chunk, progress.crc32)).await?;
            }
        }
        check_parked(order, progress)?;
        unchanged(file, file.length, &self.call(self.store.stat(&file.path)).await?)
    }
}

/// A parked file must still have the bytes that were sent before.
fn check_parked(order: &Order, progress: &Progress) -> Result<(), Stop> {
    match order.parked {
        Some(parked) if parked.seq == progress.next && parked.crc32 != progress.crc32 => {
            let why = "the bytes before the parked position have another CRC-32 than when they were sent";
            Err(Stop::Changed(why.into()))
        }
        _ => Ok(()),
    }
}

fn unchanged(file: &FileMeta, opened: u64, now: &Entry) -> Result<(), Stop> {
    if (opened, now.length, now.modified_ms) == (file.length, file.length, file.modified_ms) {
        return Ok(());
    }
    Err(Stop::Changed(format!(
        "listed with {} bytes of {} ms since 1970, it now has {} of {}",
        file.length, file.modified_ms, now.length, now.modified_ms
    )))
}

#[cfg(test)]
mod tests;
