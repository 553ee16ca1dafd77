//! What the chain costs, beside what the same work costs with the bare libraries in the same run.
//!
//! A module measures one thing and gives [`Row`]s; `main` puts them together. Numbers are CPU time, as wall time says
//! more about what else a machine does; each is the least of several rounds in which the chain and its floor take turns.

pub mod analyses;
pub mod chain;
pub mod clock;
pub mod data;
pub mod floor;
pub mod front;
pub mod hop;
pub mod large;
pub mod latency;
pub mod listing;
pub mod patterns;
pub mod processes;
pub mod report;
pub mod scale;
pub mod servers;
pub mod tiny;

pub use report::Row;
