//! What the ledger says of files, from the events, the rejects and the rows in the tables of a real engine.

mod forgotten;
mod shown;
mod tables;
mod verdicts;
