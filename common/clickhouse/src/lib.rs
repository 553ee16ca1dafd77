//! ClickHouse as logmill uses it: a client that neither hangs nor dawdles, the schema's migrations, the INSERT that may
//! be repeated, and what the ledger's tables say about files.
//!
//! **Invariant:** an INSERT of the chain goes through [`Database::insert`] alone, which fixes every setting that its
//! exactness hangs on.

mod client;
mod cluster;
mod columns;
mod error;
mod insert;
pub mod ledger;
mod loads;
mod migrate;
mod schema;
mod sql;

pub use client::Database;
pub use cluster::Place;
pub use columns::{Settled, columns_to_settle, settle_columns};
pub use error::{Error, Fault};
pub use insert::{Insertion, LineRange, WORDS, merge_ranges, origins_sql, rows_sql, shard_rows_sql};
pub use loads::settle_loads;
pub use migrate::{Migrated, Migration, migrate, migrations, steps};
pub use sql::{DAY, REFRESHES, ROW_HASH, SHOWN, id_literal, literal};
