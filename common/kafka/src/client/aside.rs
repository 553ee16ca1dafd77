//! A call that a library may never come back from, made beside the thread that needs it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread that makes one kind of call, one at a time. One that does not come back is left alone: its thread ends when it
/// does, or with the process.
pub(super) struct Aside<A, R> {
    /// `None` when no more is asked.
    asks: Option<Sender<A>>,
    answers: Receiver<R>,
    /// `None` when nobody waits for its end.
    thread: Option<JoinHandle<()>>,
}

impl<A: Send + 'static, R: Send + 'static> Aside<A, R> {
    /// # Panics
    /// When the system gives no thread.
    pub(super) fn start(name: &str, mut call: impl FnMut(A) -> R + Send + 'static) -> Self {
        let (asks, asked) = channel::<A>();
        let (answer, answers) = channel();
        let work = move || {
            while let Ok(ask) = asked.recv() {
                if answer.send(call(ask)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(work);
        Self { asks: Some(asks), answers, thread: Some(thread.expect("the system gives a thread")) }
    }

    /// The call's result; `None` when there is none within that time, and from then on at once.
    pub(super) fn call(&mut self, ask: A, within: Duration) -> Option<R> {
        self.asks.as_ref()?.send(ask).ok()?;
        let result = self.answers.recv_timeout(within).ok();
        if result.is_none() {
            (self.asks, self.thread) = (None, None);
        }
        result
    }
}

impl<A, R> Drop for Aside<A, R> {
    /// What the calls hold is free afterwards, unless one of them did not come back.
    fn drop(&mut self) {
        drop(self.asks.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been an answer that did not come.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn calls_are_answered_and_what_they_hold_is_free_at_the_end() {
        let held = Arc::new(1);
        let (inner, weak) = (Arc::clone(&held), Arc::downgrade(&held));
        let mut aside = Aside::start("test", move |n: i32| n + *inner);
        assert_eq!((aside.call(1, LONG), aside.call(2, LONG)), (Some(2), Some(3)));
        drop((aside, held));
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn a_call_that_does_not_come_back_holds_up_nobody() {
        let (release, held) = channel::<()>();
        let mut aside = Aside::start("test", move |(): ()| held.recv().is_ok());
        assert_eq!(aside.call((), Duration::from_millis(10)), None);
        assert_eq!(aside.call((), LONG), None, "it is of no use any more");
        drop(aside);
        assert!(release.send(()).is_ok(), "it is still in its call");
    }
}
