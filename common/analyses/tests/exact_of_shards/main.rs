//! The counts are those of the rows that analysts see where these lie on two shards too: the same tests.

#[path = "../exact/bench.rs"]
mod bench;
#[path = "../exact/erased.rs"]
mod erased;
#[path = "../exact/example.rs"]
mod example;
#[path = "../exact/histories.rs"]
mod histories;
#[path = "../../../clickhouse/tests/servers/two.rs"]
mod servers;

pub use servers::servers;
