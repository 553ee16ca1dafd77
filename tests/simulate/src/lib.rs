//! The workers' machine under a deterministic scheduler, on a simulated transactional log.
//!
//! A chain of three stages reads files of all kinds while processes crash, hang and come back, partitions move, requests
//! arrive late and answers get lost; at the end each stage must have put out exactly what its input asks for.

pub mod broker;
pub mod campaign;
pub mod check;
pub mod client;
pub mod files;
pub mod spread;
pub mod stage;
pub mod world;

pub use campaign::{Coverage, Failed, run_campaign, run_one};
pub use world::{Fault, FaultKind, Setup, Weaker};
