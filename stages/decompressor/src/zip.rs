//! zip, read from its front to its end by the local headers (APPNOTE 6.3.10, 4.3.7): each stands before its member.

use crate::archive::{Part, Step};
use crate::gap::Gap;
use crate::magic::Codec;
use crate::member::{Member, Then};
use bytes::Bytes;
use logmill_core::RejectReason;
use memchr::memmem;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const EXTRA_DATA: [u8; 4] = *b"PK\x06\x08";
const SIGNATURE: [u8; 4] = *b"PK\x05\x05";
/// Of a member's checksum and lengths behind it; and before the first member of an archive that might have been cut.
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// The bytes of a local header before the name.
const FIXED: usize = 30;
/// The flag that a member is encrypted, ...
const ENCRYPTED: u16 = 1;
/// ... and that its lengths and checksum stand behind it.
const BEHIND: u16 = 8;
/// The extra field that has lengths of eight bytes, and what stands in their place.
const EXTRA_64: u16 = 1;
const IN_EXTRA: u32 = u32::MAX;
/// The longest that can stand behind a member.
const LONGEST: usize = 24;
/// What is decoded at a time.
const ROOM: usize = 16 << 10;

/// Where the reader stands.
enum Phase {
    /// The bytes so far of a record: its signature, and of what it needs to know how long it is.
    Record(Vec<u8>),
    Content(Box<Content>),
    /// The bytes so far of what stands behind a member, what should stand there, and whether its lengths are said to be of
    /// eight bytes.
    Descriptor(Vec<u8>, Known, bool),
    Skip(u64),
    /// Bytes of the gap under way, until a record is found among them. The last ones, which may be the beginning of one,
    /// are held.
    Search(Vec<u8>),
    /// Behind the end.
    Tail,
}

/// A member under way.
struct Content {
    /// None where it is stored as it is.
    decoder: Option<Member>,
    /// Bytes of the archive that are its own, where that is known before.
    left: Option<u64>,
    /// What it must come to, where that is known before.
    stated: Option<Known>,
    seen: Known,
    crc: crc32fast::Hasher,
    /// A step without input has something to do.
    pending: bool,
    /// What the last step found, to be acted on when what came out of it is given.
    then: Option<Then>,
    /// Its lengths behind it are of eight bytes.
    wide: bool,
}

/// A member's checksum, and its bytes in the archive and out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    crc32: u32,
    packed: u64,
    plain: u64,
}

/// The reader of one archive.
pub(crate) struct Zip {
    phase: Phase,
    gap: Option<Gap>,
    window_log: u32,
    /// Folders.
    passed: u64,
}

/// Whether a zip begins with `bytes`; `None` when it certainly does not.
pub(crate) fn begins(bytes: &[u8]) -> Option<bool> {
    let shared = bytes.len().min(4);
    let may = |magic: &[u8; 4]| bytes[..shared] == magic[..shared];
    [LOCAL, END, DESCRIPTOR].iter().any(may).then_some(shared == 4)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// How many bytes a record has of which `held` are the first; `None` for what is none. It may be more when more is there.
fn length(held: &[u8]) -> Option<usize> {
    let Some(magic) = held.first_chunk::<4>() else { return Some(4) };
    let with = |fixed: usize, lengths: &[usize]| {
        let more = || lengths.iter().map(|at| usize::from(u16_at(held, *at))).sum::<usize>();
        Some(if held.len() < fixed { fixed } else { fixed + more() })
    };
    match *magic {
        LOCAL => with(FIXED, &[26, 28]),
        CENTRAL => with(46, &[28, 30, 32]),
        END => with(22, &[20]),
        SIGNATURE => with(6, &[4]),
        LOCATOR_64 => Some(20),
        EXTRA_DATA => Some(8),
        END_64 => Some(12),
        DESCRIPTOR => Some(4),
        _ => None,
    }
}

impl Zip {
    pub(crate) fn new(window_log: u32) -> Self {
        Self { phase: Phase::Record(Vec::new()), gap: None, window_log, passed: 0 }
    }

    /// Whether a step without input has something to do.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(&self.phase, Phase::Content(content) if content.pending || content.then.is_some() || content.left == Some(0))
    }

    /// `at`: the place of `input` in the archive.
    pub(crate) fn step(&mut self, input: &Bytes, at: u64) -> Step {
        match &mut self.phase {
            Phase::Record(_) => self.record(input, at),
            Phase::Content(_) => self.content(input, at),
            Phase::Descriptor(..) => self.descriptor(input, at),
            Phase::Skip(left) => {
                let some = (input.len() as u64).min(*left);
                *left -= some;
                if *left == 0 {
                    self.phase = Phase::Record(Vec::new());
                }
                Part::Nothing.after(some as usize)
            }
            Phase::Search(_) => self.search(input),
            Phase::Tail => {
                self.gap.get_or_insert_with(|| Gap::new(None, at, at)).pass(input);
                Part::Nothing.after(input.len())
            }
        }
    }

    /// Takes bytes of a record until it is whole.
    fn record(&mut self, input: &Bytes, at: u64) -> Step {
        let Phase::Record(held) = &mut self.phase else { unreachable!("only called within a record") };
        let wanted = length(held).expect("a record of which more is wanted") - held.len();
        let some = input.len().min(wanted);
        held.extend_from_slice(&input[..some]);
        let end = at + some as u64;
        match length(held) {
            Some(length) if held.len() < length => return Part::Nothing.after(some),
            Some(_) => {}
            None => {
                let mut back = std::mem::take(held);
                let from = end - back.len() as u64;
                self.look_for((RejectReason::Corrupt, "a header (zip) is damaged".to_owned()), from);
                // The first byte is known to begin no record; the others may.
                self.pass(&back[..1]);
                return Step { read: some, back: back.split_off(1), part: Part::Nothing };
            }
        }
        let held = std::mem::replace(&mut self.phase, Phase::Record(Vec::new()));
        let Phase::Record(held) = held else { unreachable!("it was one") };
        let part = match *held.first_chunk().expect("a record has a signature") {
            LOCAL => self.local(&held, end),
            END => {
                self.phase = Phase::Tail;
                Part::Nothing
            }
            END_64 => self.skip(u64_at(&held, 4)),
            EXTRA_DATA => self.skip(u32_at(&held, 4).into()),
            _ => Part::Nothing,
        };
        part.after(some)
    }

    fn skip(&mut self, bytes: u64) -> Part {
        self.phase = if bytes > 0 { Phase::Skip(bytes) } else { Phase::Record(Vec::new()) };
        Part::Nothing
    }

    /// Bytes are lost from `from` on, until a record is found.
    fn look_for(&mut self, damage: (RejectReason, String), from: u64) {
        self.gap = Some(Gap::new(Some(damage), from, from));
        self.phase = Phase::Search(Vec::new());
    }

    fn pass(&mut self, bytes: &[u8]) {
        if let Some(gap) = &mut self.gap {
            gap.pass(bytes);
        }
    }

    /// A member's header, whole; `at`: the place behind it.
    fn local(&mut self, held: &[u8], at: u64) -> Part {
        let (flags, method) = (u16_at(held, 6), u16_at(held, 8));
        let named = usize::from(u16_at(held, 26));
        let (name, extra) = held[FIXED..].split_at(named);
        let (stated, wide) = lengths(held, extra);
        let behind = flags & BEHIND != 0;
        let codec = match method {
            0 => None,
            8 => Some(Codec::Deflate),
            12 => Some(Codec::Bzip2),
            20 | 93 => Some(Codec::Zstd),
            95 => Some(Codec::Xz),
            _ => return self.unread(name, stated, behind, at, &format!("method {method} is not read")),
        };
        if flags & ENCRYPTED != 0 {
            return self.unread(name, stated, behind, at, "it is encrypted");
        }
        if behind && codec.is_none() && stated.packed == 0 && !name.ends_with(b"/") {
            return self.unread(name, stated, behind, at, "it is stored without its length before it");
        }
        let is_folder = name.ends_with(b"/");
        self.passed += u64::from(is_folder);
        let known = !behind || codec.is_none();
        self.phase = Phase::Content(Box::new(Content {
            decoder: codec.map(|codec| Member::new(codec, self.window_log)),
            left: known.then_some(stated.packed),
            stated: (!behind).then_some(stated),
            seen: Known::default(),
            crc: crc32fast::Hasher::new(),
            pending: false,
            then: None,
            wide,
        }));
        if is_folder {
            return Part::Nothing;
        }
        Part::Begin { name: name.to_vec(), length: if behind { 0 } else { stated.plain } }
    }

    /// A member that cannot be read: what stands of it in the archive is lost.
    fn unread(&mut self, name: &[u8], stated: Known, behind: bool, at: u64, why: &str) -> Part {
        let told = (RejectReason::Corrupt, format!("{}: {why}", String::from_utf8_lossy(name)));
        if behind {
            self.look_for(told, at);
            return Part::Nothing;
        }
        self.skip(stated.packed);
        Part::Lost(Gap::new(Some(told), at, at.saturating_add(stated.packed)))
    }

    fn content(&mut self, input: &Bytes, at: u64) -> Step {
        let Phase::Content(content) = &mut self.phase else { unreachable!("only called within a member") };
        if let Some(then) = content.then.take() {
            return self.follow(then, at).after(0);
        }
        let left = content.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let piece = if content.pending { Bytes::new() } else { input.slice(..input.len().min(left)) };
        let Some(decoder) = &mut content.decoder else {
            content.took(piece.len());
            content.then = (content.left == Some(0)).then_some(Then::Ended);
            let read = piece.len();
            return content.gave(piece).after(read);
        };
        if left == 0 && !content.pending {
            content.then = Some(match decoder.may_end() {
                true => Then::Ended,
                false => Then::Corrupt("its stream does not end where the member does".into()),
            });
            return Part::Nothing.after(0);
        }
        let mut plain = Vec::with_capacity(ROOM);
        let step = decoder.step(&piece, &mut plain);
        content.pending = match step.then {
            Then::GoOn | Then::Lost { .. } => plain.len() == plain.capacity() || decoder.can_go_on(),
            _ => false,
        };
        content.took(step.read);
        content.untook(step.back.len());
        content.then = Some(step.then).filter(|then| *then != Then::GoOn);
        Step { read: step.read, back: step.back, part: content.gave(plain.into()) }
    }

    /// Acts on what a step of the decoder found; `at`: the place behind what it took.
    fn follow(&mut self, then: Then, at: u64) -> Part {
        let Phase::Content(content) = &mut self.phase else { unreachable!("only called within a member") };
        let Content { left, stated, wide, .. } = **content;
        let mut seen = content.seen;
        seen.crc32 = std::mem::take(&mut content.crc).finalize();
        let why = match (then, left) {
            (Then::Ended, Some(left)) if left > 0 => format!("{left} bytes stand behind the end of its stream"),
            (Then::Ended, _) => {
                let Some(stated) = stated else {
                    self.phase = Phase::Descriptor(Vec::new(), seen, wide);
                    return Part::Nothing;
                };
                self.phase = Phase::Record(Vec::new());
                return ended(seen, stated);
            }
            (Then::Lost { why, .. } | Then::Corrupt(why) | Then::Unplaced(why) | Then::TooLarge(why), _) => why,
            (Then::GoOn | Then::TooMuch(_), _) => unreachable!("neither is kept"),
        };
        match left {
            Some(left) => drop(self.skip(left)),
            None => self.look_for((RejectReason::Corrupt, "the rest of a damaged member (zip)".into()), at),
        }
        Part::Broken(RejectReason::Corrupt, why)
    }

    /// What stands behind a member, with its signature or without, its lengths of four bytes or of eight.
    fn descriptor(&mut self, input: &Bytes, at: u64) -> Step {
        let Phase::Descriptor(held, seen, wide) = &mut self.phase else { unreachable!("only called behind a member") };
        let seen = *seen;
        // Where they are said to be of eight bytes, four of them may look like a length of 0.
        let (judged, lengths) = if *wide { (24, [20, 24, 12, 16]) } else { (0, [12, 16, 20, 24]) };
        let wanted =
            lengths.into_iter().find(|length| held.len() < *length.max(&judged)).unwrap_or(LONGEST).max(judged);
        let some = input.len().min(wanted - held.len());
        held.extend_from_slice(&input[..some]);
        if held.len() < wanted {
            return Part::Nothing.after(some);
        }
        let fitting = lengths.into_iter().filter(|length| *length <= held.len());
        if let Some((known, length)) =
            fitting.filter_map(|length| Some((stated(&held[..length], seen)?, length))).next()
        {
            let back = held.split_off(length);
            self.phase = Phase::Record(Vec::new());
            return Step { read: some, back, part: ended(seen, known) };
        }
        if wanted < LONGEST {
            return Part::Nothing.after(some);
        }
        let back = std::mem::take(held);
        let from = at + some as u64 - back.len() as u64;
        self.look_for((RejectReason::Corrupt, "what should stand behind a member (zip)".into()), from);
        let why = "its checksum and lengths do not stand behind it".to_owned();
        Step { read: some, back, part: Part::Broken(RejectReason::Corrupt, why) }
    }

    /// Looks for a record in the next piece.
    fn search(&mut self, input: &Bytes) -> Step {
        let Phase::Search(held) = &mut self.phase else { unreachable!("only called while searching") };
        let mut window = std::mem::take(held);
        window.extend_from_slice(input);
        let is_record = |at: &usize| [LOCAL, CENTRAL, END, END_64].iter().any(|magic| window[*at..].starts_with(magic));
        let found = memmem::find_iter(&window, b"PK").find(is_record);
        let passed = found.unwrap_or(window.len().saturating_sub(3));
        self.pass(&window[..passed]);
        let rest = window.split_off(passed);
        if found.is_none() {
            self.phase = Phase::Search(rest);
            return Part::Nothing.after(input.len());
        }
        self.phase = Phase::Record(Vec::new());
        let gap = self.gap.take().filter(|gap| gap.to > gap.from);
        Step { read: input.len(), back: rest, part: gap.map_or(Part::Nothing, Part::Lost) }
    }

    /// Bytes are missing before the next ones.
    pub(crate) fn hole(&mut self, at: u64) {
        if !matches!(self.phase, Phase::Tail | Phase::Search(_)) {
            self.look_for((RejectReason::Corrupt, "a header (zip) is looked for".into()), at);
        }
    }

    /// The end of the input: whether the archive's own end is missing, and what was passed over before it.
    pub(crate) fn finish(&mut self) -> (bool, Option<Gap>) {
        let mut gap = self.gap.take();
        match (&self.phase, &mut gap) {
            (Phase::Search(held), Some(gap)) => gap.pass(held),
            (Phase::Tail, _) => {}
            _ => return (true, None),
        }
        (false, gap.filter(|gap| gap.to > gap.from))
    }

    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }
}

impl Content {
    fn took(&mut self, bytes: usize) {
        self.seen.packed += bytes as u64;
        if let Some(left) = &mut self.left {
            *left -= bytes as u64;
        }
    }

    fn untook(&mut self, bytes: usize) {
        self.seen.packed -= bytes as u64;
        if let Some(left) = &mut self.left {
            *left += bytes as u64;
        }
    }

    fn gave(&mut self, plain: Bytes) -> Part {
        self.crc.update(&plain);
        self.seen.plain += plain.len() as u64;
        if plain.is_empty() { Part::Nothing } else { Part::Content(plain) }
    }
}

/// What `held` states behind a member of which this was seen: with a signature its lengths tell that it is meant, else all of it
/// does.
fn stated(held: &[u8], seen: Known) -> Option<Known> {
    let is_signed = matches!(held.len(), 16 | 24);
    let bytes = &held[if is_signed { 4 } else { 0 }..];
    let known = match bytes.len() {
        12 => Known { crc32: u32_at(bytes, 0), packed: u32_at(bytes, 4).into(), plain: u32_at(bytes, 8).into() },
        _ => Known { crc32: u32_at(bytes, 0), packed: u64_at(bytes, 4), plain: u64_at(bytes, 12) },
    };
    let fits = (known.packed, known.plain) == (seen.packed, seen.plain);
    let is_meant = if is_signed { held.starts_with(&DESCRIPTOR) } else { known.crc32 == seen.crc32 };
    (fits && is_meant).then_some(known)
}

/// A member's end, where what was seen of it is held to what is stated.
fn ended(seen: Known, stated: Known) -> Part {
    let why = if seen.plain != stated.plain {
        format!("it has {} bytes, and {} are stated", seen.plain, stated.plain)
    } else if seen.crc32 != stated.crc32 {
        format!("its CRC-32 is {:08x}, and {:08x} is stated", seen.crc32, stated.crc32)
    } else {
        return Part::End;
    };
    Part::Broken(RejectReason::Corrupt, why)
}

/// The checksum and the lengths in a local header, or in its extra fields, and whether it has the one of zip64.
fn lengths(held: &[u8], mut extra: &[u8]) -> (Known, bool) {
    let (crc32, packed, plain) = (u32_at(held, 14), u32_at(held, 18), u32_at(held, 22));
    let mut known = Known { crc32, packed: packed.into(), plain: plain.into() };
    let mut is_wide = false;
    while extra.len() >= 4 {
        let (kind, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra.get(4..4 + length) else { break };
        if kind == EXTRA_64 {
            is_wide = true;
            let mut wide = field.chunks_exact(8).map(|eight| u64_at(eight, 0));
            for (narrow, known) in [(plain, &mut known.plain), (packed, &mut known.packed)] {
                if let Some(wide) = (narrow == IN_EXTRA).then(|| wide.next()).flatten() {
                    *known = wide;
                }
            }
        }
        extra = &extra[4 + length..];
    }
    (known, is_wide)
}
