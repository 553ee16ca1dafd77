//! What users of applications do, counted per (application, day) out of the rows that analysts see.
//!
//! The table `analyzed` holds the counts, a partition for each (application, day): [`refresh`] computes a partition anew in
//! a table of its own and puts it in place in one step, wherever the rows are others than those that it was computed of.
//! [`ask`] answers the four [`Question`]s from it alone.
//!
//! **Invariant:** a partition carries the fingerprint of the very rows, and of the very mapping, that it was computed of.
//! What has to be computed anew is what differs now: a state that is compared, not a change that could be missed.

mod answer;
mod day;
mod mapping;
mod questions;
mod refresh;
mod words;

pub use answer::{Answer, Cell, Column};
pub use day::{Day, NoDay, Span};
pub use questions::{Question, ask};
pub use refresh::{Refreshed, Stale, refresh, stale};
pub use words::Words;

/// A question or a refresh that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Server(#[from] logmill_clickhouse::Error),
    /// `analyses` in the configuration has no section for it.
    #[error(
        "the configuration does not say what the lines of the application {app:?} mean: a section [analyses.{app}] does"
    )]
    Unmapped { app: String },
}
