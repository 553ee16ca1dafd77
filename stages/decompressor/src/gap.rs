//! What is lost of a file: a range of bytes, told when it is known where it ends.

use logmill_core::RejectReason;

/// The bytes of a range that its dead letter carries.
const SAMPLE: usize = 1024;

/// A range that does not become plain bytes.
pub(crate) struct Gap {
    /// What is damaged, and how; of bytes that belong to nothing there is no more to say.
    pub(crate) damage: Option<(RejectReason, String)>,
    pub(crate) from: u64,
    pub(crate) to: u64,
    only_nuls: bool,
    /// Its first bytes, as far as they were passed over.
    pub(crate) sample: Vec<u8>,
}

impl Gap {
    /// Of damage; or of bytes that belong to no member.
    pub(crate) fn new(damage: Option<(RejectReason, String)>, from: u64, to: u64) -> Self {
        Self { damage, from, to, only_nuls: true, sample: Vec::new() }
    }

    /// The bytes that follow belong to it too.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        self.to += bytes.len() as u64;
        self.only_nuls &= bytes.iter().all(|byte| *byte == 0);
        let room = SAMPLE - self.sample.len();
        self.sample.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Padding after a member: nothing is lost with it.
    pub(crate) fn is_padding(&self) -> bool {
        self.damage.is_none() && self.only_nuls
    }

    /// The reason and what happened, for people.
    pub(crate) fn told(&self) -> (RejectReason, String) {
        let (from, to) = (self.from, self.to);
        match &self.damage {
            None => (RejectReason::TrailingGarbage, format!("bytes {from} to {to} belong to no member")),
            Some((reason, what)) if to > from => (*reason, format!("{what}; bytes {from} to {to} are lost")),
            Some((reason, what)) => (*reason, what.clone()),
        }
    }
}

/// Padding of NULs after members.
#[derive(Default)]
pub(crate) struct Nuls {
    ranges: u64,
    bytes: u64,
    /// The first range, and the byte after it.
    first: (u64, u64),
}

impl Nuls {
    pub(crate) fn add(&mut self, from: u64, to: u64) {
        if self.ranges == 0 {
            self.first = (from, to);
        }
        self.ranges += 1;
        self.bytes += to - from;
    }

    /// For people; nothing where there are none.
    pub(crate) fn evidence(&self) -> String {
        let (from, to) = self.first;
        match self.ranges {
            0 => String::new(),
            1 => format!("; bytes {from} to {to} are NULs"),
            n => format!("; {} NULs in {n} places, the first are bytes {from} to {to}", self.bytes),
        }
    }
}
