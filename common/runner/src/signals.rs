//! SIGTERM and SIGINT: finish what is under way; the second time: abandon it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The exit code of a process that was told twice, or that did not finish within its grace period.
const ABANDONED: i32 = 130;

/// Sets the returned flag when the process is asked to stop. A process that has not ended `grace` later, or is asked
/// again, ends at once: whatever was under way is an open transaction, and its successor does it again.
///
/// # Errors
/// When signals cannot be listened to.
pub fn stop_on_signals(grace: Duration) -> anyhow::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut term, mut int) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let wait = move || {
        runtime.block_on(async move {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            tracing::info!("asked to stop: finishing what is under way");
            flag.store(true, Ordering::Relaxed);
            tokio::select! {
                _ = term.recv() => tracing::warn!("asked again: abandoning what is under way"),
                _ = int.recv() => tracing::warn!("asked again: abandoning what is under way"),
                () = tokio::time::sleep(grace) => tracing::warn!(?grace, "not finished in time: abandoning what is under way"),
            }
            std::process::exit(ABANDONED);
        });
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(stop)
}
