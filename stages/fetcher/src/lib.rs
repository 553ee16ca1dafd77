//! The fetcher: files of many clusters, by one small trait, into the topic `raw`, exactly once.
//!
//! The protocol is in `logmill_protocol::fetch`; here is what drives it: stores, coroutines, threads.

mod channels;
pub mod cluster;
pub mod cut;
pub mod dated;
mod downstream;
mod fetcher;
mod health;
mod kafka;
pub mod listers;
pub mod metrics;
mod pool;
mod pools;
mod rate;
mod reload;
pub mod scan;
pub mod source;
pub mod store;
mod volumes;
pub mod worker;

pub use fetcher::Fetcher;
