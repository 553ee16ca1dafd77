//! The loader: rows, file events and dead letters into ClickHouse, exactly once.
//!
//! [`logmill_protocol::load`] decides what is inserted when, and what is committed when; this crate turns records into
//! bodies ([`Table`]), sends them ([`Sink`]) and drives the machine ([`Worker`]).

mod body;
mod ipc;
mod ledger;
mod metrics;
mod process;
mod rows;
mod sink;
mod table;
mod worker;

pub use body::{Body, Prepared, Table};
pub use metrics::Metrics;
pub use process::{Looks, limits, run, run_machine, sink};
pub use sink::Sink;
pub use worker::{Log, Worker};
