//! tar: POSIX.1-1988 (ustar), POSIX.1-2001 (pax), GNU's, and the format of before, by the checksums of their headers.

use crate::archive::{Part, Step};
use crate::gap::Gap;
use bytes::Bytes;
use logmill_core::RejectReason;
use memchr::memmem;
use tar::{EntryType, Header, PaxExtensions};

const BLOCK: usize = 512;
/// Names and other things about a member that do not fit a header are read up to here.
const LONGEST: u64 = 1 << 20;
/// Where the name ends, and where the mode does.
const NAME: usize = 100;
const MODE: usize = 108;
/// What all headers but the oldest have, and where.
const USTAR: &[u8] = b"ustar";
const USTAR_AT: usize = 257;

/// Where the reader stands.
enum Phase {
    /// The bytes so far of a header, or of the end.
    Head(Vec<u8>),
    /// Of something about the next member, and the padding after it.
    About {
        what: EntryType,
        left: u64,
        padding: u64,
        held: Vec<u8>,
    },
    /// Of a member, or of an entry that is none.
    Content {
        left: u64,
        padding: u64,
        is_member: bool,
    },
    Skip(u64),
    /// Bytes of the gap under way, until a header is found among them. The last ones, which may be the beginning of one,
    /// are held.
    Search(Vec<u8>),
}

/// The reader of one archive.
pub(crate) struct Tar {
    phase: Phase,
    gap: Option<Gap>,
    /// Blocks of NULs in a row: two are the end.
    nuls: u64,
    ended: bool,
    /// What headers before the member's own say of it.
    name: Option<Vec<u8>>,
    length: Option<u64>,
    is_sparse: bool,
    /// Entries that are no files.
    passed: u64,
}

impl Default for Tar {
    fn default() -> Self {
        let phase = Phase::Head(Vec::new());
        Self { phase, gap: None, nuls: 0, ended: false, name: None, length: None, is_sparse: false, passed: 0 }
    }
}

/// Whether a tar begins with `bytes`; `None` when it certainly does not. Text is known as such when its name ends.
pub(crate) fn begins(bytes: &[u8], by_name: bool) -> Option<bool> {
    let name = &bytes[..bytes.len().min(NAME)];
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let mode = &bytes[name.len()..bytes.len().min(MODE)];
    let may_be = name[end..].iter().all(|byte| *byte == 0)
        && mode.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' ' | 0))
        && (end > 0 || by_name || bytes.is_empty());
    match bytes.first_chunk::<BLOCK>() {
        _ if !may_be => None,
        None => Some(false),
        Some(block) => (is_header(block) || (by_name && is_nuls(block))).then_some(true),
    }
}

fn is_nuls(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Whether it has the checksum of its bytes, with blanks in the place of the checksum.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let sum: u32 =
        block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
    let header = Header::from_byte_slice(block);
    !is_nuls(block) && header.cksum().is_ok_and(|stated| stated == sum) && header.entry_size().is_ok()
}

/// Folders, links, devices; and what GNU's and Solaris' tar write beside files: lists of names, labels, attributes.
fn is_no_file(what: EntryType) -> bool {
    let special = what.is_dir() || what.is_hard_link() || what.is_symlink() || what.is_fifo();
    let device = what.is_character_special() || what.is_block_special();
    special || device || matches!(what.as_byte(), b'D' | b'N' | b'V' | b'A' | b'E' | b'I' | b'X')
}

impl Tar {
    /// Whether a step without input has something to do.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Content { left: 0, .. } | Phase::Skip(0) | Phase::About { left: 0, padding: 0, .. })
    }

    /// `at`: the place of `input` in the archive.
    pub(crate) fn step(&mut self, input: &Bytes, at: u64) -> Step {
        match &mut self.phase {
            Phase::Head(held) => {
                let some = input.len().min(BLOCK - held.len());
                held.extend_from_slice(&input[..some]);
                let part = match held.first_chunk::<BLOCK>().copied() {
                    None => Part::Nothing,
                    Some(block) => self.head(&block, at + some as u64),
                };
                part.after(some)
            }
            Phase::About { what, left, padding, held } => {
                let some = (input.len() as u64).min(*left + *padding);
                let of_it = some.min(*left);
                held.extend_from_slice(&input[..of_it as usize]);
                *left -= of_it;
                *padding -= some - of_it;
                if *left + *padding == 0 {
                    let (what, held) = (*what, std::mem::take(held));
                    self.about(what, &held);
                    self.phase = Phase::Head(Vec::new());
                }
                Part::Nothing.after(some as usize)
            }
            Phase::Content { left: 0, padding, is_member } => {
                let is_member = *is_member;
                self.phase = Phase::Skip(*padding);
                if is_member { Part::End } else { Part::Nothing }.after(0)
            }
            Phase::Content { left, is_member, .. } => {
                let some = (input.len() as u64).min(*left);
                *left -= some;
                let content = input.slice(..some as usize);
                if *is_member { Part::Content(content) } else { Part::Nothing }.after(some as usize)
            }
            Phase::Skip(0) => {
                self.phase = Phase::Head(Vec::new());
                Part::Nothing.after(0)
            }
            Phase::Skip(left) => {
                let some = (input.len() as u64).min(*left);
                *left -= some;
                Part::Nothing.after(some as usize)
            }
            Phase::Search(_) => self.search(input),
        }
    }

    /// A whole block where a header should be; `end`: the place behind it.
    fn head(&mut self, block: &[u8; BLOCK], end: u64) -> Part {
        self.phase = Phase::Head(Vec::new());
        if is_nuls(block) {
            self.nuls += 1;
            self.ended |= self.nuls >= 2;
            return Part::Nothing;
        }
        if !is_header(block) {
            let damage = (!self.ended).then(|| (RejectReason::Corrupt, "a header (tar) is damaged".to_owned()));
            let from = end - BLOCK as u64;
            self.gap = Some(Gap::new(damage, from, from));
            self.phase = Phase::Search(block.to_vec());
            (self.name, self.length, self.is_sparse) = (None, None, false);
            return Part::Nothing;
        }
        (self.nuls, self.ended) = (0, false);
        self.entry(Header::from_byte_slice(block), end)
    }

    fn entry(&mut self, header: &Header, end: u64) -> Part {
        let stated = header.entry_size().expect("looked at before");
        let what = header.entry_type();
        let is_about = what.is_gnu_longname()
            || what.is_gnu_longlink()
            || what.is_pax_local_extensions()
            || what.is_pax_global_extensions();
        let padding = |length: u64| (BLOCK as u64 - length % BLOCK as u64) % BLOCK as u64;
        if is_about && stated <= LONGEST {
            self.phase = Phase::About { what, left: stated, padding: padding(stated), held: Vec::new() };
            return Part::Nothing;
        }
        let name = self.name.take().unwrap_or_else(|| header.path_bytes().into_owned());
        let length = self.length.take().unwrap_or(stated);
        let is_sparse = std::mem::take(&mut self.is_sparse) || what.is_gnu_sparse();
        // A link may state the length of what it leads to, which does not follow.
        let length = if what.is_hard_link() || what.is_symlink() { 0 } else { length };
        // What is of no known type is a file, as POSIX has it; a name that ends so was a folder before there were types.
        let is_member = !is_about && !is_no_file(what) && (length > 0 || !name.ends_with(b"/"));
        let unread = (is_member && is_sparse).then_some("is a sparse file, which is not read");
        let unread = unread.or(is_about.then_some("has more to say of the next member than is read"));
        self.phase =
            Phase::Content { left: length, padding: padding(length), is_member: unread.is_none() && is_member };
        if let Some(why) = unread {
            let why = format!("{} {why}", String::from_utf8_lossy(&name));
            return Part::Lost(Gap::new(Some((RejectReason::Corrupt, why)), end, end.saturating_add(length)));
        }
        if !is_member {
            self.passed += 1;
            return Part::Nothing;
        }
        Part::Begin { name, length }
    }

    /// What stands before a member and is about it.
    fn about(&mut self, what: EntryType, held: &[u8]) {
        if what.is_gnu_longname() {
            let end = held.iter().position(|byte| *byte == 0).unwrap_or(held.len());
            self.name = Some(held[..end].to_vec());
        } else if what.is_pax_local_extensions() {
            for extension in PaxExtensions::new(held).flatten() {
                match extension.key_bytes() {
                    b"path" => self.name = Some(extension.value_bytes().to_vec()),
                    b"size" => self.length = extension.value().ok().and_then(|value| value.parse().ok()),
                    key if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                    _ => {}
                }
            }
        }
    }

    /// Looks for a header in the next piece, at any place: where bytes are missing, nothing stands at a block's beginning.
    fn search(&mut self, input: &Bytes) -> Step {
        let Phase::Search(held) = &mut self.phase else { unreachable!("only called while searching") };
        let mut window = std::mem::take(held);
        window.extend_from_slice(input);
        let gap = self.gap.as_mut().expect("a search is for the end of a gap");
        let mut from = 0;
        while let Some(found) = window.get(from + USTAR_AT..).and_then(|rest| memmem::find(rest, USTAR)) {
            let start = from + found;
            let Some(block) = window[start..].first_chunk::<BLOCK>() else { break };
            if is_header(block) {
                gap.pass(&window[..start]);
                let gap = self.gap.take().filter(|gap| gap.to > gap.from);
                self.phase = Phase::Head(Vec::new());
                let part = gap.map_or(Part::Nothing, Part::Lost);
                return Step { read: input.len(), back: window.split_off(start), part };
            }
            from = start + 1;
        }
        let keep = window.len().min(BLOCK);
        let passed = window.len() - keep;
        gap.pass(&window[..passed]);
        self.phase = Phase::Search(window.split_off(passed));
        Part::Nothing.after(input.len())
    }

    /// Bytes are missing before the next ones.
    pub(crate) fn hole(&mut self, at: u64) {
        if self.gap.is_none() {
            self.gap = Some(Gap::new(Some((RejectReason::Corrupt, "a header (tar) is looked for".into())), at, at));
            self.phase = Phase::Search(Vec::new());
            (self.name, self.length, self.is_sparse) = (None, None, false);
        }
    }

    /// The end of the input: whether the archive's own end is missing, and what was passed over before it.
    pub(crate) fn finish(&mut self, at: u64) -> (bool, Option<Gap>) {
        let mut gap = self.gap.take();
        match &self.phase {
            Phase::Search(held) => {
                if let Some(gap) = &mut gap {
                    gap.pass(held);
                }
                (false, gap.filter(|gap| gap.to > gap.from))
            }
            Phase::Head(held) if held.is_empty() || is_nuls(held) => (!self.ended, None),
            Phase::Head(held) if self.ended => {
                let from = at - held.len() as u64;
                let mut rest = Gap::new(None, from, from);
                rest.pass(held);
                (false, Some(rest))
            }
            _ => (true, None),
        }
    }

    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }
}
