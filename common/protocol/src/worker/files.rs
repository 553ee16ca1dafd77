//! One input partition: how far it is read, and which files are open in it.

use super::position::Position;
use logmill_core::{FileId, FileMeta, Load, Offset, Seq};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A file is open under its id and load: a replay is another file.
pub(super) type Key = (FileId, Load);

/// A file whose first chunk was seen and whose end was not; or what is left of one.
pub(super) struct OpenFile<State> {
    /// Where its first chunk (for a headless one: the first that was seen) stands.
    pub first: Offset,
    /// The number of the next chunk that has to come.
    pub next: Seq,
    pub out: Numbers,
    /// `None` for a headless one.
    pub file: Option<Arc<FileMeta>>,
    /// The plan's version, the same in every chunk.
    pub plan: String,
    pub status: Status<State>,
}

/// The numbers of the next chunks that go out: of the file itself, and of its members that are open, the outermost first.
#[derive(Default)]
pub(super) struct Numbers {
    pub seq: Seq,
    pub members: Vec<(Arc<FileMeta>, Seq)>,
}

pub(super) enum Status<State> {
    Running(State),
    /// A tombstone: the rest of the file is passed over, its end removes it.
    Rejected,
}

/// An assigned partition.
pub(super) struct Part<State> {
    /// What is committed: the same position in the log as in memory, while nothing is dirty.
    pub base: Position,
    /// No record below this one is taken: it was seen. Below `base.next` the stretch is silent.
    pub at: Offset,
    pub files: BTreeMap<Key, OpenFile<State>>,
    /// The first offsets of files that were rejected by decree, kept while they are not below S, even when the file is
    /// over: where the list of open files did not fit, a successor reads all files from S on, the deadly one too.
    pub decrees: BTreeSet<Offset>,
    /// Something was taken since the last commit.
    pub dirty: bool,
    /// The next live record is the first since the assignment: an attempt that has to be marked first.
    pub fresh: bool,
}

impl<State> Part<State> {
    pub fn new(base: Position) -> Self {
        let decrees = base.decrees.clone();
        Self { at: base.first, base, files: BTreeMap::new(), decrees, dirty: false, fresh: true }
    }

    /// Whether what is read now was already sent by a predecessor.
    pub fn is_silent(&self, offset: Offset) -> bool {
        offset < self.base.next
    }

    /// The members of a file that are open here: the archive's end came before theirs, because it was given up.
    pub fn members(&self, (archive, load): Key) -> Vec<(Key, Arc<FileMeta>)> {
        let is_member = |file: &&Arc<FileMeta>| file.load == load && file.archive == Some(archive);
        let members = self.files.iter().filter_map(|(key, open)| Some((*key, open.file.as_ref().filter(is_member)?)));
        members.map(|(key, file)| (key, Arc::clone(file))).collect()
    }

    /// S: what a successor has to read from.
    pub fn first(&self) -> Offset {
        self.files.values().map(|f| f.first).min().unwrap_or(self.at).min(self.at)
    }

    /// The position to commit when all outputs of what was taken are sent.
    pub fn position(&self) -> Position {
        let open: BTreeSet<Offset> = self.files.values().map(|f| f.first).collect();
        let (first, next) = (self.first(), self.at);
        let decrees = self.decrees.range(first..).copied().collect();
        Position { first, next, k: 0, k_seq: Seq(0), tries: 0, open: Some(open), decrees }
    }

    /// Whether a chunk of the silent stretch that belongs to no file seen so far can be passed over: the files open at
    /// H are known and none begins here.
    pub fn is_of_no_interest(&self, offset: Offset) -> bool {
        self.is_silent(offset) && self.base.open.as_ref().is_some_and(|open| !open.contains(&offset))
    }
}
