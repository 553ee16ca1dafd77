//! The fetcher: files of many clusters, by one small trait, into the topic `raw`, exactly once.
//!
//! The protocol is in `logmill_protocol::fetch`; here is what it is driven by: stores, coroutines, threads.

pub mod cluster;
pub mod cut;
pub mod metrics;
pub mod source;
pub mod store;
