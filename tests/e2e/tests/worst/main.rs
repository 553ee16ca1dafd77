//! Servers at their worst: what is waited for is said at intervals and shown as a metric; nothing is lost, nothing doubled, and
//! no process needs a hand afterwards. `make worst` keeps the broker away for longer than every time-out (`WORST=full`); the
//! tests of each change for longer than a session and a transaction.

mod clickhouse;
mod clocks;
mod cluster;
mod kafka;
mod namenode;

/// Files of a portion.
const PORTION: usize = 5;
