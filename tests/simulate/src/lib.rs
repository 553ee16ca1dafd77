//! The protocol's machines under a deterministic scheduler, on a simulated transactional log.
//!
//! Three worlds. In the first a chain of three stages reads files of all kinds; in the second listers find the files of
//! clusters, and fetchers send what they hold; in the third loaders bring rows into a database. In all, processes crash,
//! hang and come back, partitions move, requests arrive late and answers get lost; clusters stop answering, files change,
//! vanish and appear, the database dies. At the end each output must be there exactly once.

pub mod broker;
pub mod campaign;
pub mod check;
pub mod client;
pub mod database;
pub mod fetch;
pub mod files;
pub mod ingest;
pub mod load;
pub mod net;
pub mod spread;
pub mod stage;
pub mod world;

pub use campaign::{Count, Failed, Schedule, campaign, report, run_campaign};
pub use net::Loose;
pub use world::{Fault, FaultKind, Setup, Weaker};
