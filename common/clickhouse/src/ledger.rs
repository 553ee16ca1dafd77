//! What the ledger's tables say about files: their way through the chain, the proof that every line arrived, and the
//! state of the whole. A few queries for any number of files, never one a file.

pub mod files;
pub mod finish;
pub mod forget;
pub mod letters;
mod queries;
mod reconcile;
pub mod replay;
mod selector;
mod status;
mod volume;
mod way;

pub use reconcile::{Fault, Options, Place, Reconciliation, Verdict, reconcile};
pub use selector::Selector;
pub use status::{Oldest, Status, status};
pub use volume::{Volume, rates, volumes};
pub use way::{FileWay, RejectSeen, StageWay, where_file};
