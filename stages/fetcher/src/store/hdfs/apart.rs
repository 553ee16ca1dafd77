//! Calls on threads of their own, for clusters with Kerberos.
//!
//! In the middle of a call GSSAPI may ask the KDC, and holds its thread up until that answers, for half a minute where it is
//! silent. On the threads that all clusters share it would hold up all of them.

use crate::store::StoreError;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream, Stream};
use std::future::Future;
use std::pin::pin;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Items that wait for who takes them: packets of 64 KiB, or files of a listing.
const AHEAD: usize = 16;

/// Runs a call on a thread of its own, until it is done or, where it waits for something, nobody waits for it any more.
pub async fn call<T: Send + 'static>(
    io: Handle,
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let (mut to, answer) = oneshot::channel();
    spawn(io, async move {
        let answer = tokio::select! {
            answer = call => answer,
            () = to.closed() => return,
        };
        let _ = to.send(answer);
    })?;
    answer.await.unwrap_or_else(|_| Err(StoreError::Failed("the call ended without an answer".into())))
}

/// The same of a stream.
pub fn stream<T: Send + 'static>(
    io: Handle,
    items: impl Stream<Item = Result<T, StoreError>> + Send + 'static,
) -> BoxStream<'static, Result<T, StoreError>> {
    let (to, mut taken) = mpsc::channel(AHEAD);
    let begun = spawn(io, async move {
        let mut items = pin!(items);
        loop {
            let item = tokio::select! {
                item = items.next() => item,
                () = to.closed() => return,
            };
            let Some(item) = item else { return };
            if to.send(item).await.is_err() {
                return;
            }
        }
    });
    match begun {
        Ok(()) => stream::poll_fn(move |context| taken.poll_recv(context)).boxed(),
        Err(error) => stream::once(async { Err(error) }).boxed(),
    }
}

fn spawn(io: Handle, work: impl Future<Output = ()> + Send + 'static) -> Result<(), StoreError> {
    let thread = std::thread::Builder::new().name("kerberos".into()).spawn(move || io.block_on(work));
    thread.map(drop).map_err(|e| StoreError::Failed(format!("no thread for the call: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    #[test]
    fn a_call_that_holds_its_thread_up_holds_up_nobody_else() {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (begun, handle) = (Instant::now(), io.handle().clone());
        let silent = Duration::from_secs(3);
        let seen = io.block_on(async {
            let calls = (0..4).map(|_| {
                let stuck = call(handle.clone(), async move {
                    std::thread::sleep(silent);
                    Ok(())
                });
                tokio::time::timeout(Duration::from_millis(100), stuck)
            });
            let all: Vec<_> = calls.map(|call| handle.spawn(call)).collect();
            for one in all {
                assert!(one.await.unwrap().is_err(), "nobody answers yet");
            }
            call(handle.clone(), async { Ok(1) }).await
        });
        assert_eq!(seen, Ok(1));
        assert!(begun.elapsed() < silent, "{:?}", begun.elapsed());
    }

    #[test]
    fn items_come_in_order_and_what_nobody_takes_ends() {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let numbers = || stream::iter((0..100).map(Ok::<_, StoreError>));
        let all: Vec<i32> = io.block_on(stream(io.handle().clone(), numbers()).try_collect()).unwrap();
        assert_eq!(all, (0..100).collect::<Vec<_>>());

        struct Gone(Arc<AtomicBool>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let (gone, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let kept = Gone(Arc::clone(&gone));
        let endless = stream::unfold(kept, |kept| async {
            std::future::pending::<()>().await;
            Some((Ok(()), kept))
        });
        drop(stream(io.handle().clone(), endless));
        while !gone.load(Ordering::Relaxed) {
            assert!(begun.elapsed() < Duration::from_secs(10), "the thread did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
