//! A cluster's coroutines: so many files of it are read at a time, and the number may change while they are.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Permits, whose number can be changed: fewer take effect as those that are out come back.
pub(crate) struct Pool {
    counts: Mutex<Counts>,
    free: Notify,
}

struct Counts {
    size: u32,
    busy: u32,
    /// Those that wait for a permit.
    waiting: u32,
}

/// Counts among those that wait until it is dropped.
struct Waiter<'p>(&'p Pool);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.counts().waiting -= 1;
    }
}

/// The right to read one file, until it is dropped.
pub(crate) struct Permit<'p>(&'p Pool);

impl Pool {
    pub(crate) fn new(size: u32) -> Self {
        Self { counts: Mutex::new(Counts { size, busy: 0, waiting: 0 }), free: Notify::new() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit, in the order of asking. May be cancelled.
    pub(crate) async fn acquire(&self) -> Permit<'_> {
        let mut waiter = None;
        loop {
            // Listens before it looks, so that a permit that comes back in between wakes it.
            let free = self.free.notified();
            {
                let mut counts = self.counts();
                if counts.busy < counts.size {
                    counts.busy += 1;
                    if counts.busy < counts.size {
                        self.free.notify_one();
                    }
                    return Permit(self);
                }
                waiter.get_or_insert_with(|| {
                    counts.waiting += 1;
                    Waiter(self)
                });
            }
            free.await;
        }
    }

    /// Whether somebody waits for a permit.
    pub(crate) fn is_wanted(&self) -> bool {
        self.counts().waiting > 0
    }

    /// Whether a permit is out.
    pub(crate) fn is_busy(&self) -> bool {
        self.counts().busy > 0
    }

    pub(crate) fn resize(&self, size: u32) {
        self.counts().size = size;
        self.free.notify_one();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.counts().busy -= 1;
        self.0.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;
    use tokio::time::{sleep, timeout};

    async fn waits(pool: &Pool) -> bool {
        timeout(Duration::from_millis(20), pool.acquire()).await.is_err()
    }

    #[tokio::test]
    async fn a_pool_that_shrinks_takes_back_what_comes_back_and_one_that_grows_gives_at_once() {
        let pool = Pool::new(2);
        let (first, second) = (pool.acquire().await, pool.acquire().await);
        assert!(waits(&pool).await);
        pool.resize(1);
        drop(first);
        assert!(waits(&pool).await, "one is out, of one");
        drop(second);
        let only = pool.acquire().await;
        assert!(!pool.is_wanted() && pool.is_busy(), "who gave up waits no more");
        pool.resize(3);
        let (_two, _three) = (pool.acquire().await, pool.acquire().await);
        assert!(waits(&pool).await);
        drop(only);
        assert!(!waits(&pool).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn never_more_are_out_than_the_largest_size_and_nobody_is_forgotten() {
        let (pool, out, most) = (Arc::new(Pool::new(3)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let work = (0..200).map(|n| {
            let (pool, out, most) = (Arc::clone(&pool), Arc::clone(&out), Arc::clone(&most));
            tokio::spawn(async move {
                // Every fifth gives up while it waits: its turn must not be lost.
                let patience = Duration::from_millis(if n % 5 == 0 { 1 } else { 30_000 });
                let Ok(_permit) = timeout(patience, pool.acquire()).await else { return };
                most.fetch_max(out.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_millis(1)).await;
                out.fetch_sub(1, Ordering::SeqCst);
            })
        });
        let work: Vec<_> = work.collect();
        for size in [1, 4, 2, 5, 1, 3] {
            pool.resize(size);
            sleep(Duration::from_millis(5)).await;
        }
        for one in work {
            timeout(Duration::from_secs(20), one).await.expect("everybody gets a turn").unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 5);
    }
}
