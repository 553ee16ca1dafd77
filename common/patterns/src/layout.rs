//! What a pattern is made of: layouts, each of which reads one form of record.

use crate::Why;
use crate::cursor::{Lost, Read};
use crate::found::{Found, Known};
use crate::spec::FieldType;
use crate::time::Clock;
use regex::bytes::CaptureLocations;
use std::fmt::Debug;

/// A record and its first line, without the line end. Places in one are places in the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'r> {
    pub record: &'r [u8],
    pub head: &'r [u8],
}

impl<'r> Line<'r> {
    pub fn new(record: &'r [u8]) -> Self {
        let end = memchr::memchr(b'\n', record).unwrap_or(record.len());
        let head = &record[..end];
        Self { record, head: head.strip_suffix(b"\r").unwrap_or(head) }
    }
}

pub(crate) trait Layout: Debug + Send + Sync {
    /// Pattern and form, as `nginx error`.
    fn name(&self) -> &str;

    /// Whether a record of this form may begin with `byte`. What says no, [`Layout::read`] refuses too.
    fn begins(&self, byte: u8) -> bool;

    /// The fields whose names are known beforehand.
    fn fields(&self) -> &'static [&'static Known];

    /// What a reader needs for it, by the header line; times are the clock's.
    fn prepare(&self, _: Option<&[u8]>) -> State {
        State::default()
    }

    /// Reads a record. `found` is empty; what is in it after a loss is of no meaning.
    fn read(&self, line: Line<'_>, state: &mut State, clock: &mut Clock, found: &mut Found) -> Read;

    /// For people, why [`Layout::read`] lost.
    fn why(&self, _: Line<'_>, lost: Lost) -> Why {
        Why { at: lost.at, wanted: lost.wanted.to_owned() }
    }
}

/// Of one layout in one reader. Nothing in it depends on records that were read.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Of the header line, or of the groups of one's own.
    pub columns: Vec<Column>,
    /// The header line itself, where a record that is the same is none.
    pub header: Vec<u8>,
    pub captures: Option<CaptureLocations>,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub name: String,
    pub kind: FieldType,
    pub role: Role,
}

/// What a field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Field,
    Time,
    /// The date of a time that has a column of its own.
    Date,
    Level,
    Message,
}
