//! The protocol's machines under a deterministic scheduler, on a simulated transactional log.
//!
//! Two worlds. In the one a chain of three stages reads files of all kinds; in the other listers find the files of
//! clusters, and fetchers send what they hold. In both, processes crash, hang and come back, partitions move, requests
//! arrive late and answers get lost; in the second clusters stop answering, too, and files change, vanish and appear. At
//! the end each output must be there exactly once.

pub mod broker;
pub mod campaign;
pub mod check;
pub mod client;
pub mod fetch;
pub mod files;
pub mod net;
pub mod spread;
pub mod stage;
pub mod world;

pub use campaign::{Count, Failed, Schedule, run_campaign};
pub use net::Loose;
pub use world::{Fault, FaultKind, Setup, Weaker};
