//! The servers that tests and demos run on, real ones without Docker: Apache Kafka in KRaft mode, Apache Hadoop HDFS
//! (as many clusters as wanted, each on a loopback address of its own), ClickHouse's HTTP server out of libchdb.so, and
//! buckets by S3Proxy.
//!
//! ```no_run
//! use logmill_stack::{Stack, Wanted};
//! let wanted = Wanted { brokers: 1, hdfs: vec!["a".into(), "b".into()], clickhouse: true, ..Wanted::default() };
//! let stack = Stack::start(&logmill_stack::default_dir(), &wanted)?;
//! println!("{} {} {}", stack.kafka(), stack.hdfs("a").url, stack.clickhouse().url);
//! # Ok::<(), logmill_stack::Error>(())
//! ```
//!
//! Tests that do not break servers share one stack a process: [`shared`].
//!
//! **Invariants:** everything lies below one folder; every program in it is pinned by version and checksum; no server
//! outlives the process that started it; two stacks never share an address.

mod addresses;
mod archive;
mod artifacts;
mod buckets;
mod checksums;
mod clickhouse;
mod codecs;
pub mod engine;
mod engine_program;
mod error;
mod hdfs;
pub mod http;
mod instance;
mod java;
mod kafka;
pub mod kafka_probe;
mod keeper;
mod network;
mod pair;
pub mod path;
pub mod prerequisites;
pub mod probe;
pub mod process;
mod random;
mod server;
pub mod shared;
pub mod signals;
mod stack;
mod vault;

pub use addresses::{Addresses, BucketAddress, ClickHouseAddress, HdfsAddress, Login, Recorded, State};
pub use artifacts::{Artifacts, Part};
pub use codecs::write_by_hadoop;
pub use error::{Error, Result};
pub use stack::{ServerId, Stack, Wanted};
pub use vault::Vault;

use std::path::{Path, PathBuf};

/// The folder of all stacks: `LOGMILL_STACK_DIR`; else `.stack` of the checkout that the working folder lies in; else
/// `.stack` of the checkout that this was built from, or of the working folder.
pub fn default_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("LOGMILL_STACK_DIR") {
        return dir.into();
    }
    let is_checkout = |folder: &Path| folder.join("tests/stack/Cargo.toml").is_file();
    let here = std::env::current_dir().unwrap_or_else(|_| ".".into());
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let checkout = here.ancestors().find(|folder| is_checkout(folder)).map(Path::to_owned);
    let checkout = checkout.or_else(|| built_from.canonicalize().ok().filter(|folder| is_checkout(folder)));
    checkout.unwrap_or(here).join(".stack")
}
