//! The loader's machine on a simulated log and a simulated database, under random schedules of crash, rebalance,
//! zombie, lost and doubled requests, partial visibility, refused rows and a database that dies.
//!
//! Asserted all along: every row is in the table at most once, at any time; a committed offset means that the rows
//! below it are there (or among the dead letters, once). Then the faults stop, and everything has to arrive.

mod parts;
mod schedule;
mod world;

pub use parts::Rules;
pub use schedule::{Fault, FaultKind, LoadCoverage, Setup};
