//! What a process shows of itself: structured logs, metrics, and the probes `/livez` and `/readyz`.
//!
//! ```
//! use logmill_telemetry::Telemetry;
//! let telemetry = Telemetry::new();
//! telemetry.beat("worker-0"); // at every turn of a loop that must not stop
//! telemetry.ready(true);
//! let address = telemetry.serve("127.0.0.1:0")?;
//! println!("http://{address}/metrics");
//! # Ok::<(), std::io::Error>(())
//! ```

mod beats;
mod logs;
mod serve;

pub use logs::{LogError, LogFormat, init_logs};

/// The crate of which metrics are made, so that all use the same version.
pub use prometheus_client as prometheus;

use beats::Beats;
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The oldest that a loop's last beat may be by default: longer than any call to a server may take.
const BOUND: Duration = Duration::from_secs(150);

/// The metrics and the state of health of one process. Clones share both.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Mutex<Registry>,
    beats: Beats,
    ready: AtomicBool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// No metrics, no loops, not ready. A loop that has not beaten for 150 s counts as dead.
    #[must_use]
    pub fn new() -> Self {
        Self::with_bound(BOUND)
    }

    /// As [`Telemetry::new`], with another bound on the age of a loop's last beat.
    #[must_use]
    pub fn with_bound(bound: Duration) -> Self {
        let registry = Mutex::new(Registry::with_prefix("logmill"));
        let inner = Inner { registry, beats: Beats::new(bound), ready: AtomicBool::new(false) };
        Self { inner: Arc::new(inner) }
    }

    /// Adds metrics; their names get the prefix `logmill_`.
    pub fn register<T>(&self, add: impl FnOnce(&mut Registry) -> T) -> T {
        add(&mut self.inner.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The loop `name` is alive. From its first beat on it has to go on beating, until it retires.
    pub fn beat(&self, name: &str) {
        self.inner.beats.beat(name);
    }

    /// The loop `name` has ended as it should.
    pub fn retire(&self, name: &str) {
        self.inner.beats.retire(name);
    }

    /// Whether the process does what it is for: what `/readyz` says.
    pub fn ready(&self, ready: bool) {
        self.inner.ready.store(ready, Ordering::Relaxed);
    }

    /// The loops whose last beat is too old, with its age.
    #[must_use]
    pub fn dead(&self) -> Vec<(String, Duration)> {
        self.inner.beats.dead()
    }

    /// All metrics as text in the OpenMetrics format.
    ///
    /// # Panics
    /// Never: a String takes any text.
    #[must_use]
    pub fn metrics(&self) -> String {
        let registry = self.inner.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("a String takes any text");
        text
    }

    fn is_ready(&self) -> bool {
        self.inner.ready.load(Ordering::Relaxed)
    }

    /// Serves `/metrics`, `/livez` and `/readyz` at `address` (host:port; port 0 takes a free one) from a thread of its
    /// own until the process ends. Returns and logs the address that it got.
    ///
    /// # Errors
    /// The address is not one, or is taken.
    pub fn serve(&self, address: &str) -> std::io::Result<SocketAddr> {
        serve::start(self.clone(), address)
    }
}
