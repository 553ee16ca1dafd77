//! What is sent for one INSERT of the machine.

use crate::{ledger, rows};
use bytes::Bytes;
use logmill_core::{LineSpan, Offset, Reject};
use logmill_protocol::load::{Content, Insert};

/// One statement and its body.
#[derive(Debug)]
pub struct Body {
    /// Which of the databases that hold rows takes it; 0 for what goes to the only one, or to the front.
    pub holder: usize,
    pub sql: String,
    pub pieces: Vec<Bytes>,
}

/// An INSERT of the machine, ready to be sent.
#[derive(Debug)]
pub struct Prepared {
    /// One after the other; none when no record was any good.
    pub bodies: Vec<Body>,
    /// Records of which no row can be made. They are found again whenever the same records come.
    pub rejected: Vec<(Offset, Reject)>,
    /// The place of the one row that all bodies together hold, where it is one.
    pub row: Option<LineSpan>,
}

/// Which table a topic's records go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Rows,
    FileEvents,
    Rejects,
}

impl Table {
    /// The table's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::FileEvents => "file_events",
            Self::Rejects => "rejects",
        }
    }

    /// What its records hold.
    #[must_use]
    pub fn content(self) -> Content {
        match self {
            Self::Rows => Content::Rows,
            Self::FileEvents | Self::Rejects => Content::Ledger,
        }
    }

    /// What is sent for an INSERT, and what of it is no good. `shards`: over how many the rows lie, 0 where they lie on none.
    #[must_use]
    pub fn prepare(self, insert: &Insert, shards: usize) -> Prepared {
        match self {
            Self::Rows => rows::prepare(insert, shards),
            Self::FileEvents => ledger::prepare_events(insert),
            Self::Rejects => ledger::prepare_rejects(insert),
        }
    }
}
