//! The loader: rows, file events and dead letters into ClickHouse, exactly once (the protocol's machine says how).

mod body;
mod ipc;
mod ledger;
mod rows;
mod sink;
mod table;

pub use body::Table;
pub use sink::Sink;
