//! The fetcher: files of many clusters, by one small trait, into the topic `raw`, exactly once.
//!
//! The protocol is in `logmill_protocol::fetch`; here is what drives it: stores, coroutines, threads.

pub mod cluster;
pub mod cut;
mod fetcher;
mod kafka;
pub mod listers;
pub mod metrics;
pub mod scan;
pub mod source;
pub mod store;
pub mod worker;

pub use fetcher::Fetcher;
