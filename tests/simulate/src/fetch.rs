//! Listers and fetchers on the simulated log, and the clusters whose files they fetch.

mod fetcher;
mod lister;
mod schedule;
mod store;
mod watch;
mod world;

pub use schedule::{Fault, FaultKind, FetchCoverage, Setup, Weaker};
