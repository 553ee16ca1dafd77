//! The counts are those of the rows that analysts see, whatever happens to loads: against the real engine, and against
//! numbers that were counted line by line without it.

mod bench;
mod erased;
mod example;
mod histories;
#[path = "../../../clickhouse/tests/servers/one.rs"]
mod servers;

pub use servers::servers;
