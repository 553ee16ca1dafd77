//! A file of files: its members, each with a decoder of its own, and what of it belongs to none.

use crate::gap::Gap;
use crate::sink::RATIO_STEP;
use crate::state::State;
use crate::tar::{self, Tar};
use crate::zip::{self, Zip};
use bytes::Bytes;
use logmill_core::{End, FileMeta, Out, Outcome, RejectReason};
use std::collections::VecDeque;
use std::sync::Arc;

/// From these rules of a plan on archives are opened.
pub(crate) const SINCE_RULES: u32 = 3;
/// So many archives, one within the other, are opened.
pub(crate) const DEPTH: usize = 3;

/// The archives that this stage reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Tar,
    Zip,
}

/// What the first bytes of something that is of no compression say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniff {
    /// They may become the beginning of an archive.
    Short,
    Archive(Format),
    Other,
}

/// `by_name`: its name says tar, which may begin with NULs, where it has no members.
pub(crate) fn sniff(bytes: &[u8], by_name: bool) -> Sniff {
    match (zip::begins(bytes), tar::begins(bytes, by_name)) {
        (Some(true), _) => Sniff::Archive(Format::Zip),
        (_, Some(true)) => Sniff::Archive(Format::Tar),
        (None, None) => Sniff::Other,
        _ => Sniff::Short,
    }
}

/// Whether the name of a file says tar, packed or not.
pub(crate) fn is_named_tar(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    name.contains(".tar.") || [".tar", ".tgz", ".tbz2", ".txz", ".tzst"].iter().any(|ending| name.ends_with(ending))
}

/// What one step of a reader found.
pub(crate) struct Step {
    /// Bytes taken from the input.
    pub(crate) read: usize,
    /// Bytes taken in the steps before, or in this one, that are to be looked at again.
    pub(crate) back: Vec<u8>,
    pub(crate) part: Part,
}

/// What comes next in an archive.
pub(crate) enum Part {
    /// More input is needed.
    Nothing,
    Begin {
        name: Vec<u8>,
        /// 0 where that is not known before.
        length: u64,
    },
    /// Bytes of the member.
    Content(Bytes),
    /// The member is whole.
    End,
    /// The member is over, and this is wrong with it.
    Broken(RejectReason, String),
    /// Bytes of the archive that belong to no member.
    Lost(Gap),
}

impl Part {
    pub(crate) fn after(self, read: usize) -> Step {
        Step { read, back: Vec::new(), part: self }
    }
}

enum Reader {
    Tar(Tar),
    Zip(Box<Zip>),
    /// The rest is only counted.
    Over,
}

/// What is wrong with an archive, and not with one of its members.
pub(crate) struct Told {
    pub(crate) reason: RejectReason,
    pub(crate) detail: String,
    pub(crate) at: u64,
    pub(crate) sample: Vec<u8>,
}

/// Where the reader of one archive stands.
pub(crate) struct Archive {
    /// The archive's own.
    file: Arc<FileMeta>,
    /// How many archives are around it.
    depth: usize,
    format: Format,
    reader: Reader,
    /// What is to be read, in pieces of at least a byte. Empty between two chunks of the file.
    pub(crate) input: VecDeque<Bytes>,
    /// The place of the first byte of `input`.
    at: u64,
    /// The member under way.
    member: Option<Box<State>>,
    /// How that has ended: it is closed when all that came of it is used.
    over: Option<End>,
    members: u64,
    /// Plain bytes of the members that are over.
    bytes_out: u64,
    /// Where the limits were looked at last.
    looked: u64,
    /// Partial as soon as a member is.
    outcome: Outcome,
}

impl Archive {
    pub(crate) fn new(format: Format, file: &Arc<FileMeta>, depth: usize, window_log: u32) -> Self {
        let reader = match format {
            Format::Tar => Reader::Tar(Tar::default()),
            Format::Zip => Reader::Zip(Box::new(Zip::new(window_log))),
        };
        Self {
            file: Arc::clone(file),
            depth,
            format,
            reader,
            input: VecDeque::new(),
            at: 0,
            member: None,
            over: None,
            members: 0,
            bytes_out: 0,
            looked: 0,
            outcome: Outcome::Complete,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.format {
            Format::Tar => "tar",
            Format::Zip => "zip",
        }
    }

    /// Whether there is something to do.
    pub(crate) fn is_busy(&self) -> bool {
        !self.input.is_empty() || self.over.is_some() || self.is_pending() || self.is_member_busy()
    }

    /// Whether the reader has something to do without input.
    fn is_pending(&self) -> bool {
        match &self.reader {
            Reader::Tar(tar) => tar.is_pending(),
            Reader::Zip(zip) => zip.is_pending(),
            Reader::Over => false,
        }
    }

    fn is_member_busy(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.is_busy())
    }

    /// The place of the next byte of it.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Plain bytes of all members so far.
    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out + self.member.as_ref().map_or(0, |member| member.all_bytes_out())
    }

    /// Plain bytes so far and bytes read, where it is time to look at the limits: at multiples of a step, so that nothing
    /// depends on how they came.
    pub(crate) fn is_limit_due(&mut self) -> Option<(u64, u64)> {
        let due = self.at >= self.looked + RATIO_STEP && !self.is_pending() && !self.is_member_busy();
        if due {
            self.looked = self.at;
        }
        due.then(|| (self.bytes_out(), self.at))
    }

    /// One step, of the member under way or of the archive.
    pub(crate) fn step(&mut self, out: &mut Out) -> Option<Told> {
        if let Some(member) = self.member.as_mut().filter(|member| member.is_busy()) {
            member.read(&mut Bytes::new(), out);
            return None;
        }
        if let Some(end) = self.over {
            // What the member waited with comes before its end.
            if !self.member.as_mut().is_some_and(|member| member.end_input()) {
                self.over = None;
                self.close(end, out);
            }
            return None;
        }
        let piece = match self.input.front() {
            // No step goes beyond a place where limits are looked at.
            Some(piece) => piece.slice(..piece.len().min((RATIO_STEP - self.at % RATIO_STEP) as usize)),
            None => Bytes::new(),
        };
        let Step { read, back, part } = match &mut self.reader {
            Reader::Tar(tar) => tar.step(&piece, self.at),
            Reader::Zip(zip) => zip.step(&piece, self.at),
            Reader::Over => Part::Nothing.after(piece.len()),
        };
        self.take(read);
        if !back.is_empty() {
            self.at -= back.len() as u64;
            self.input.push_front(back.into());
        }
        self.follow(part, out)
    }

    fn follow(&mut self, part: Part, out: &mut Out) -> Option<Told> {
        match part {
            Part::Nothing => {}
            Part::Begin { name, length } => self.begin(&name, length, out),
            Part::Content(mut bytes) => {
                if let Some(member) = &mut self.member {
                    member.read(&mut bytes, out);
                }
            }
            Part::End => self.over = Some(End::Complete),
            Part::Broken(reason, why) => self.broken(reason, &why, out),
            Part::Lost(gap) => {
                let (reason, detail) = gap.told();
                let padding = gap.is_padding();
                return (!padding).then_some(Told { reason, detail, at: gap.from, sample: gap.sample });
            }
        }
        None
    }

    fn begin(&mut self, name: &[u8], length: u64, out: &mut Out) {
        let mut name = name;
        while let Some(rest) = name.strip_prefix(b"./").or(name.strip_prefix(b"/")) {
            name = rest;
        }
        let file = Arc::new(self.file.member(self.members, name, length));
        self.members += 1;
        self.member = Some(Box::new(State::within(&file, self.depth + 1)));
        out.open(file);
    }

    /// The member under way is damaged, and ends here.
    fn broken(&mut self, reason: RejectReason, why: &str, out: &mut Out) {
        let why = format!("{why}, at byte {} of the {}", self.at, self.name());
        if let Some(member) = &mut self.member {
            member.refuse_whole(reason, &why, out);
            self.over = Some(End::Abort);
        }
    }

    /// Closes the member under way; all of its input is used.
    fn close(&mut self, end: End, out: &mut Out) {
        if let Some(member) = self.member.take() {
            self.bytes_out += member.all_bytes_out();
            let outcome = member.finish(end, out);
            self.outcome = self.outcome.and(outcome);
            out.close(outcome);
        }
    }

    /// Takes `n` bytes from the front of the first piece.
    fn take(&mut self, n: usize) {
        if let Some(piece) = self.input.front_mut() {
            let _ = piece.split_to(n);
            if piece.is_empty() {
                self.input.pop_front();
            }
        }
        self.at += n as u64;
    }

    /// Something is wrong with what is around the archive, and it is to be told of that: the member under way ends before.
    pub(crate) fn interrupt(&mut self, reason: RejectReason, out: &mut Out) {
        if self.member.is_some() {
            let truncated = reason == RejectReason::Truncated;
            let why = if truncated { "the archive ends within it" } else { "bytes before this place are lost" };
            self.broken(reason, why, out);
            self.over = None;
            self.close(End::Abort, out);
            self.hole();
        }
    }

    /// Bytes are missing before the next ones.
    pub(crate) fn hole(&mut self) {
        match &mut self.reader {
            Reader::Tar(tar) => tar.hole(self.at),
            Reader::Zip(zip) => zip.hole(self.at),
            Reader::Over => {}
        }
    }

    /// A limit is passed: the rest is only counted.
    pub(crate) fn stop(&mut self, out: &mut Out) {
        self.give_up();
        self.outcome = Outcome::Partial;
        self.close(End::Abort, out);
    }

    /// Nothing more is decoded of it.
    pub(crate) fn give_up(&mut self) {
        (self.reader, self.over) = (Reader::Over, None);
        self.input.clear();
        if let Some(member) = &mut self.member {
            member.give_up();
        }
    }

    /// The end of the input, which is used up. What is missing of the archive.
    pub(crate) fn finish(&mut self, end: End, out: &mut Out) -> Option<Told> {
        let (within, rest) = match &mut self.reader {
            Reader::Tar(tar) => tar.finish(self.at),
            Reader::Zip(zip) => zip.finish(),
            Reader::Over => (false, None),
        };
        if self.member.is_some() {
            if end != End::Abort {
                self.broken(RejectReason::Truncated, "the archive ends within it", out);
            }
            self.over = None;
            self.close(End::Abort, out);
        }
        let told = rest.and_then(|gap| self.follow(Part::Lost(gap), out));
        if within && end != End::Abort {
            let (nth, name) = (self.members, self.name());
            let detail = format!("the file ends before the {name} does, after member {nth}");
            return Some(Told { reason: RejectReason::Truncated, detail, at: self.at, sample: Vec::new() });
        }
        if within {
            self.outcome = Outcome::Partial;
        }
        told
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// For people.
    pub(crate) fn evidence(&self) -> String {
        let passed = match &self.reader {
            Reader::Tar(tar) => tar.passed(),
            Reader::Zip(zip) => zip.passed(),
            Reader::Over => 0,
        };
        let passed = if passed > 0 { format!(", {passed} folders and links") } else { String::new() };
        format!("{}: {} members{passed}", self.name(), self.members)
    }
}
