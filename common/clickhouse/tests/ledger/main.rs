//! What the ledger says of files, from the events, the rejects and the rows in the tables of a real engine. The tests of
//! `ledger_of_shards` are the same.

mod forgotten;
#[path = "../servers/one.rs"]
mod servers;
mod shown;
mod tables;
mod verdicts;

pub use servers::servers;
