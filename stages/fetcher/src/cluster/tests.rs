use super::*;
use crate::store::{FolderStore, Snapshot};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use logmill_core::{FileId, Plan};
use logmill_protocol::fetch::{ListerAnswer, Resume};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// A store of one file of 25 bytes that answers only while it is up.
#[derive(Default)]
struct Moody {
    down: Arc<AtomicBool>,
    /// Though it answers, the file cannot be read: why.
    unreadable: Option<StoreError>,
}

const CONTENT: &[u8] = b"abcdefghijklmnopqrstuvwxy";

impl Moody {
    async fn answer<T>(down: Arc<AtomicBool>, what: T) -> Result<T, StoreError> {
        if down.load(Ordering::Relaxed) { Err(StoreError::Failed("down".into())) } else { Ok(what) }
    }
}

impl Store for Moody {
    fn list(&self, _: &str) -> BoxStream<'static, Result<Entry, StoreError>> {
        let broken = self.down.load(Ordering::Relaxed).then(|| Err(StoreError::Failed("down".into())));
        Box::pin(stream::iter(broken))
    }
    fn stat(&self, path: &str) -> BoxFuture<'static, Result<Entry, StoreError>> {
        let entry = Entry { path: path.to_owned(), length: CONTENT.len() as u64, modified_ms: 7 };
        Box::pin(Self::answer(Arc::clone(&self.down), entry))
    }
    fn open(&self, _: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>> {
        if let Some(refused @ StoreError::Refused(_)) = self.unreadable.clone() {
            return Box::pin(async { Err(refused) });
        }
        let (down, unreadable) = (Arc::clone(&self.down), self.unreadable.clone());
        let snapshot: Box<dyn Snapshot> = Box::new(Self { down, unreadable });
        Box::pin(Self::answer(Arc::clone(&self.down), snapshot))
    }
}

impl Snapshot for Moody {
    fn length(&self) -> u64 {
        CONTENT.len() as u64
    }
    fn read_from(&self, offset: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
        if let Some(lost) = self.unreadable.clone() {
            return Box::pin(stream::iter([Err(lost)]));
        }
        let down = Arc::clone(&self.down);
        let pieces: Vec<Bytes> = CONTENT[offset as usize..].chunks(3).map(Bytes::copy_from_slice).collect();
        Box::pin(stream::iter(pieces).then(move |piece| Self::answer(Arc::clone(&down), piece)))
    }
}

fn order(path: &str, length: u64, modified_ms: u64) -> Order {
    let file_id = FileId::of("a", path.as_bytes(), length, modified_ms);
    let plan = Plan { raw_bytes: 10, ..Plan::default() };
    let file = FileMeta { length, modified_ms, ..FileMeta::new(file_id, "a", path, plan) };
    Order { ticket: 1, file: Arc::new(file), backfill: false, from: Seq(0), crc32: 0, parked: None }
}

fn cluster(store: impl Store + 'static) -> Arc<Cluster> {
    let settings = logmill_config::Cluster {
        coroutines: 1,
        call_timeout: Duration::from_secs(1),
        park_after: Duration::from_millis(300),
        ..Default::default()
    };
    Arc::new(Cluster::new("a", Arc::new(store), &settings, ClusterMetrics::default()))
}

/// Files that fail just now, and whether anything does.
fn shown(cluster: &Cluster) -> (i64, i64) {
    (cluster.metrics().failing.get(), cluster.metrics().down.get())
}

async fn next(items: &mut mpsc::Receiver<Item>) -> Option<Fetched> {
    let item = timeout(Duration::from_secs(10), items.recv()).await.expect("something comes of the file");
    item.map(|item| item.what)
}

fn chunk(range: std::ops::Range<usize>) -> Option<Fetched> {
    let end = range.end;
    Some(Fetched::Chunk(Bytes::from_static(&CONTENT[range]), crc32fast::hash(&CONTENT[..end])))
}

#[tokio::test]
async fn a_file_comes_in_its_chunks_with_their_sums() {
    let (to, mut items) = mpsc::channel(1);
    tokio::spawn(cluster(Moody::default()).bring(order("/f", 25, 7), to));
    assert_eq!(next(&mut items).await, chunk(0..10));
    assert_eq!(next(&mut items).await, chunk(10..20));
    assert_eq!(next(&mut items).await, chunk(20..25));
    assert_eq!(next(&mut items).await, Some(Fetched::End));
    assert_eq!(next(&mut items).await, None);
}

#[tokio::test]
async fn a_successor_goes_on_at_the_next_byte() {
    let (to, mut items) = mpsc::channel(1);
    let from = Order { from: Seq(1), crc32: crc32fast::hash(&CONTENT[..10]), ..order("/f", 25, 7) };
    tokio::spawn(cluster(Moody::default()).bring(from, to));
    assert_eq!(next(&mut items).await, chunk(10..20));
}

#[tokio::test]
async fn backfill_waits_while_another_file_waits_and_gives_its_place_away_when_that_takes_too_long() {
    let (to, mut items) = mpsc::channel(1);
    let cluster = cluster(Moody::default());
    let backfill = || Order { backfill: true, ..order("/f", 25, 7) };
    let reads = cluster.pool.acquire().await;
    tokio::spawn(Arc::clone(&cluster).bring(backfill(), to.clone()));
    // One that reads is no reason to wait: a chunk is in the channel, and the next one on its way.
    while items.is_empty() {
        tokio::task::yield_now().await;
    }
    let waits = tokio::spawn({
        let cluster = Arc::clone(&cluster);
        async move { drop(cluster.pool.acquire().await) }
    });
    while !cluster.pool.is_wanted() {
        tokio::task::yield_now().await;
    }
    assert_eq!(next(&mut items).await, chunk(0..10));
    let mut what = next(&mut items).await;
    while matches!(what, Some(Fetched::Chunk(..))) {
        what = next(&mut items).await;
    }
    assert_eq!(what, Some(Fetched::Unreachable("other files come first".into())));
    // One that has not begun waits for as long as it takes.
    tokio::spawn(Arc::clone(&cluster).bring(backfill(), to));
    timeout(Duration::from_millis(500), items.recv()).await.expect_err("another file waits");
    drop(reads);
    waits.await.unwrap();
    assert_eq!(next(&mut items).await, chunk(0..10));
}

#[tokio::test]
async fn a_file_that_has_begun_is_given_up_when_its_cluster_does_not_answer() {
    let (to, mut items) = mpsc::channel(1);
    let store = Moody::default();
    let down = Arc::clone(&store.down);
    let cluster = cluster(store);
    tokio::spawn(Arc::clone(&cluster).bring(order("/f", 25, 7), to.clone()));
    assert_eq!(next(&mut items).await, chunk(0..10));
    down.store(true, Ordering::Relaxed);
    // What was read already may still come.
    let mut what = next(&mut items).await;
    while matches!(what, Some(Fetched::Chunk(..))) {
        what = next(&mut items).await;
    }
    assert_eq!(what, Some(Fetched::Unreachable("down".into())));
    assert_eq!(cluster.metrics().parked.get(), 1);

    // One that has not begun waits, and comes when the cluster answers again.
    tokio::spawn(Arc::clone(&cluster).bring(order("/f", 25, 7), to));
    assert!(timeout(Duration::from_millis(500), items.recv()).await.is_err(), "nothing comes while it is down");
    assert_eq!(shown(&cluster), (1, 1));
    down.store(false, Ordering::Relaxed);
    assert_eq!(next(&mut items).await, chunk(0..10));
    assert_eq!(shown(&cluster), (0, 0));
}

#[tokio::test]
async fn a_cluster_that_cannot_be_listed_is_down_until_it_can() {
    let store = Moody::default();
    let down = Arc::clone(&store.down);
    let cluster = cluster(store);
    let settings =
        logmill_config::Cluster { folders: vec!["/".into()], scan_interval: Duration::ZERO, ..Default::default() };
    let wanted = logmill_config::Selector::new(&settings).unwrap();
    let mut scan = crate::scan::Scan::new(Arc::clone(&cluster), settings, wanted);
    for (is_down, answer) in [(true, ListerAnswer::ScanFailed), (false, ListerAnswer::ScanEnd)] {
        down.store(is_down, Ordering::Relaxed);
        assert_eq!(scan.next(None).await, answer);
        assert_eq!(shown(&cluster), (0, i64::from(is_down)));
    }
    down.store(true, Ordering::Relaxed);
    assert_eq!(scan.next(None).await, ListerAnswer::ScanFailed);
    drop(scan);
    assert_eq!(shown(&cluster), (0, 0), "another process lists it now");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_at_all_gives_its_place_away_when_its_cluster_answers() {
    for why in [StoreError::Refused("denied".into()), StoreError::Failed("no block".into())] {
        let (to, mut items) = mpsc::channel(1);
        let cluster = cluster(Moody { unreadable: Some(why.clone()), ..Moody::default() });
        tokio::spawn(Arc::clone(&cluster).bring(order("/f", 25, 7), to));
        assert_eq!(next(&mut items).await, Some(Fetched::Unreachable(why.to_string())));
        assert_eq!(next(&mut items).await, None);
        assert_eq!((cluster.metrics().parked.get(), shown(&cluster)), (1, (0, 0)), "nobody tries it any more");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_or_another_is_said_to_have_changed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), b"short").unwrap();
    let cluster = cluster(FolderStore::new(folder.path()));
    for (path, length) in [("/f", 25), ("/gone", 5)] {
        let (to, mut items) = mpsc::channel(1);
        tokio::spawn(Arc::clone(&cluster).bring(order(path, length, 7), to));
        let what = next(&mut items).await;
        assert!(matches!(what, Some(Fetched::Changed(_))), "{path}: {what:?}");
    }
}

#[tokio::test]
async fn a_parked_file_whose_bytes_are_others_has_changed() {
    let (to, mut items) = mpsc::channel(1);
    let parked = Some(Resume { seq: Seq(1), crc32: 1 });
    tokio::spawn(cluster(Moody::default()).bring(Order { parked, ..order("/f", 25, 7) }, to));
    assert_eq!(next(&mut items).await, chunk(0..10));
    assert!(matches!(next(&mut items).await, Some(Fetched::Changed(_))));
}
