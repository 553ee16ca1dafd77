//! All that the ledger says of files on one server it says where rows lie on two shards: the same tests.

#[path = "../ledger/forgotten.rs"]
mod forgotten;
mod growing;
mod schema;
#[path = "../servers/two.rs"]
mod servers;
#[path = "../ledger/shown.rs"]
mod shown;
#[path = "../ledger/tables.rs"]
mod tables;
#[path = "../ledger/verdicts.rs"]
mod verdicts;

pub use servers::servers;
