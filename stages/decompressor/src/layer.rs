//! One compression of a file: its members, what stands between them, and where decoding begins again after damage.

use crate::archive::{self, Format};
use crate::gap::{Gap, Nuls};
use crate::hadoop;
use crate::magic::{Codec, Found, Sniff, beginning, resume, sniff};
use crate::member::{Member, Then};
use crate::name::{PROBE, may_begin, suggested};
use crate::sink::RATIO_STEP;
use crate::xz::Header;
use bytes::Bytes;
use logmill_core::{FileMeta, RejectReason};
use std::collections::VecDeque;

/// Which part comes next.
pub(crate) enum Phase {
    /// The beginning, or what follows a member: too short yet to tell what it is.
    Head {
        held: Vec<u8>,
        first: bool,
    },
    Plain,
    Member(Codec, Member),
    /// Bytes of the gap under way, until a member, frame or stream is found among them. The last ones, which may be the
    /// beginning of one, are held.
    Skip(Vec<u8>),
    /// The rest is only counted.
    Over,
}

/// How a layer's input ends.
pub(crate) enum Ending {
    Whole,
    /// Within a member; what that can still decode.
    Truncated(Codec, Vec<u8>),
    /// Before it was known that it is of no compression: these bytes are what there is.
    Plain(Vec<u8>),
}

/// Where the decoder of one compression stands.
pub(crate) struct Layer {
    /// What is to be decoded, in pieces of at least a byte. Empty between two chunks of the file.
    pub(crate) input: VecDeque<Bytes>,
    /// The place of the first byte of `input`.
    pub(crate) at: u64,
    pub(crate) phase: Phase,
    /// What the file's name suggests where the content says nothing, and how many bytes are asked then.
    suggested: &'static [Codec],
    probe: usize,
    /// The bytes of its input, where they are known before.
    length: Option<u64>,
    pub(crate) window_log: u32,
    /// Whether archives are looked for, and if so, whether the file's name says tar.
    archives: Option<bool>,
    /// What it turned out to be.
    pub(crate) found: Option<Codec>,
    /// Members or frames that ended well.
    pub(crate) members: u64,
    /// Where the one under way begins.
    began: u64,
    /// The stream of xz that is damaged, where the next block is looked for.
    damaged_xz: Option<Header>,
    pub(crate) nuls: Nuls,
    /// What is lost since the last byte that came out; not yet told.
    pub(crate) gap: Option<Gap>,
    /// A step without input has something to do.
    pub(crate) pending: bool,
    /// What the last step found, to be acted on when everything is used that came out of it.
    pub(crate) then: Option<Then>,
    /// What came out so far, where another layer takes it.
    pub(crate) bytes_out: u64,
}

impl Layer {
    /// The file's own.
    pub(crate) fn of_file(file: &FileMeta) -> Self {
        // Of a member of an archive it may be 0 because it is not known.
        let length = Some(file.length).filter(|length| *length > 0);
        let listed = length.map_or(PROBE, |length| usize::try_from(length).unwrap_or(PROBE));
        let window_log = file.plan.window_bytes.clamp(1 << 10, 1 << 31).ilog2();
        let archives = (file.plan.rules >= archive::SINCE_RULES).then(|| archive::is_named_tar(&file.path));
        let (suggested, probe) = (suggested(&file.path), listed.clamp(1, PROBE));
        Self { suggested, probe, length, ..Self::within(window_log, archives) }
    }

    /// One whose input came out of another; no name says what it is.
    fn within(window_log: u32, archives: Option<bool>) -> Self {
        Self {
            input: VecDeque::new(),
            at: 0,
            phase: Phase::Head { held: Vec::new(), first: true },
            suggested: &[],
            probe: 0,
            length: None,
            window_log,
            archives,
            found: None,
            members: 0,
            began: 0,
            damaged_xz: None,
            nuls: Nuls::default(),
            gap: None,
            pending: false,
            then: None,
            bytes_out: 0,
        }
    }

    /// The layer for what comes out of this one.
    pub(crate) fn inner(&self) -> Self {
        Self::within(self.window_log, self.archives)
    }

    /// Whether there is something to do.
    pub(crate) fn is_busy(&self) -> bool {
        !self.input.is_empty() || self.pending || self.then.is_some()
    }

    /// A piece of the input, of at most `most` bytes. Empty when there is none.
    fn piece(&self, most: usize) -> Bytes {
        self.input.front().map_or(Bytes::new(), |piece| piece.slice(..piece.len().min(most)))
    }

    /// Takes `n` bytes from the front of the first piece.
    pub(crate) fn take(&mut self, n: usize) {
        if let Some(piece) = self.input.front_mut() {
            let _ = piece.split_to(n);
            if piece.is_empty() {
                self.input.pop_front();
            }
        }
        self.at += n as u64;
    }

    /// Puts bytes back that were the last ones to be taken.
    fn put_back(&mut self, bytes: Bytes) {
        self.at -= bytes.len() as u64;
        if !bytes.is_empty() {
            self.input.push_front(bytes);
        }
    }

    /// Takes the next byte of a beginning. The bytes so far, if they are the first ones and of no compression, and the
    /// archive that begins with them.
    pub(crate) fn look(&mut self) -> Option<(Vec<u8>, Option<Format>)> {
        let Phase::Head { held, first } = &mut self.phase else { unreachable!("only called at a beginning") };
        let first = *first;
        let mut held = std::mem::take(held);
        held.extend_from_slice(&self.piece(1));
        self.take(1);
        match sniff(&held, first) {
            Sniff::Short => self.phase = Phase::Head { held, first },
            Sniff::Codec(codec) => self.begin(codec, held),
            Sniff::Other => return self.look_further(held, first),
        }
        None
    }

    /// What bytes are that begin no compression with a magic.
    fn look_further(&mut self, held: Vec<u8>, first: bool) -> Option<(Vec<u8>, Option<Format>)> {
        let from = self.by_name_from(first);
        let suggested = if held.len() == from.max(1) { self.by_name(&held, first) } else { None };
        let archive = match self.archives {
            Some(by_name) if first && held.len() >= from => archive::sniff(&held, by_name),
            _ => archive::Sniff::Other,
        };
        match (suggested, archive) {
            (Some(codec), _) => self.begin(codec, held),
            (None, archive::Sniff::Archive(format)) => return Some((held, Some(format))),
            (None, archive::Sniff::Short) => self.phase = Phase::Head { held, first },
            _ if held.len() < from => self.phase = Phase::Head { held, first },
            _ if first => return Some((held, None)),
            _ => self.skip_from(None, held),
        }
        None
    }

    /// How many bytes without a magic are looked at in search of what the name suggests.
    fn by_name_from(&self, first: bool) -> usize {
        match self.found {
            None if first && !self.suggested.is_empty() => self.probe,
            Some(codec) if !first && codec.is_hadoop() => hadoop::LOOK,
            _ => 0,
        }
    }

    /// The codec that the file's name suggests, if it may begin with `held`.
    fn by_name(&self, held: &[u8], first: bool) -> Option<Codec> {
        if first {
            let all = held.len() < PROBE;
            return self.suggested.iter().copied().find(|codec| may_begin(*codec, held, all));
        }
        self.found.filter(|codec| codec.is_hadoop() && may_begin(*codec, held, false))
    }

    /// A member begins with `held`, the last bytes taken.
    fn begin(&mut self, codec: Codec, held: Vec<u8>) {
        self.found.get_or_insert(codec);
        self.damaged_xz = None;
        self.put_back(held.into());
        self.began = self.at;
        let mut member = Member::new(codec, self.window_log);
        if let Some(length) = self.length {
            member.expect(length.saturating_sub(self.began));
        }
        self.phase = Phase::Member(codec, member);
    }

    /// Bytes that are lost begin with `held`, the last ones taken.
    fn skip_from(&mut self, damage: Option<(RejectReason, String)>, held: Vec<u8>) {
        let from = self.at - held.len() as u64;
        self.gap = Some(Gap::new(damage, from, from));
        self.phase = Phase::Skip(held);
    }

    /// One step of the member under way, into the spare room of `plain`.
    pub(crate) fn decode(&mut self, plain: &mut Vec<u8>) {
        let most = match self.phase {
            // What had no room comes first, so that it is known which step of the input it is of.
            _ if self.pending => 0,
            Phase::Member(Codec::Zstd, _) => usize::MAX,
            _ => (RATIO_STEP - self.at % RATIO_STEP) as usize,
        };
        let piece = self.piece(most);
        let Phase::Member(_, member) = &mut self.phase else { unreachable!("only called within a member") };
        let step = member.step(&piece, plain);
        self.pending = match step.then {
            Then::GoOn | Then::Lost { .. } => plain.len() == plain.capacity() || member.can_go_on(),
            _ => false,
        };
        self.take(step.read);
        self.put_back(step.back.into());
        self.then = Some(step.then).filter(|then| *then != Then::GoOn);
    }

    /// Acts on what a step found. A gap that is to be told, because another begins.
    pub(crate) fn follow(&mut self, then: Then) -> Option<Gap> {
        let Phase::Member(codec, member) = &mut self.phase else { return None };
        let (codec, at) = (*codec, self.at);
        let damaged = |why: &str| {
            let (unit, nth, name) = (codec.unit(), self.members + 1, codec.name());
            (RejectReason::Corrupt, format!("{unit} {nth} ({name}) is damaged: {why}"))
        };
        match then {
            Then::GoOn | Then::TooMuch(_) => None,
            Then::Ended => {
                self.members += 1;
                self.phase = Phase::Head { held: Vec::new(), first: false };
                None
            }
            Then::Lost { why, from, to } => self.lost(damaged(&why), self.began + from, self.began + to),
            Then::Corrupt(why) => {
                self.damaged_xz = member.xz_header();
                let damage = damaged(&why);
                self.phase = Phase::Skip(Vec::new());
                self.lost(damage, at, at)
            }
            Then::Unplaced(why) => {
                let (reason, detail) = damaged(&why);
                self.phase = Phase::Over;
                self.lost((reason, format!("{detail}; its rest is lost")), self.began, self.began)
            }
            Then::TooLarge(why) => {
                self.phase = Phase::Skip(Vec::new());
                self.lost((RejectReason::Bomb, format!("{}: {why}", codec.name())), at, at)
            }
        }
    }

    /// Bytes are lost: more of the gap under way, where they follow it. Else the gap that is to be told before.
    fn lost(&mut self, damage: (RejectReason, String), from: u64, to: u64) -> Option<Gap> {
        match &mut self.gap {
            Some(gap) if gap.to == from && gap.damage.as_ref().is_some_and(|(reason, _)| *reason == damage.0) => {
                gap.to = to;
                None
            }
            gap => gap.replace(Gap::new(Some(damage), from, to)),
        }
    }

    /// Bytes are missing before the next ones, which the layer around this one has lost. A gap that is to be told before.
    pub(crate) fn hole(&mut self) -> Option<Gap> {
        match self.phase {
            Phase::Member(..) => self.follow(Then::Corrupt("bytes before this place are lost".into())),
            _ => None,
        }
    }

    /// Looks for a beginning in the next piece of the input.
    pub(crate) fn skip(&mut self) {
        let Phase::Skip(held) = &mut self.phase else { unreachable!("only called while skipping") };
        let mut window = std::mem::take(held);
        let piece = self.piece(usize::MAX);
        window.extend_from_slice(&piece);
        self.take(piece.len());
        match resume(&window, self.damaged_xz.is_some()) {
            Err(lost) => {
                self.pass(&window[..lost]);
                self.phase = Phase::Skip(window.split_off(lost));
            }
            Ok((lost, found)) => {
                self.pass(&window[..lost]);
                self.put_back(Bytes::from(window).slice(lost..));
                self.resumed(found);
            }
        }
    }

    fn resumed(&mut self, found: Found) {
        self.phase = match (found, self.damaged_xz) {
            (Found::Block, Some(header)) => {
                self.began = self.at;
                Phase::Member(Codec::Xz, Member::from_block(header, self.window_log))
            }
            _ => Phase::Head { held: Vec::new(), first: false },
        };
    }

    /// No more input comes: the member under way decodes what it waited with.
    pub(crate) fn end_input(&mut self) {
        if let Phase::Member(_, member) = &mut self.phase {
            self.pending |= member.end_input();
        }
    }

    /// The end of the input. What the member under way can still decode, whether the input ends too early, and bytes that
    /// turned out to be plain.
    pub(crate) fn finish(&mut self) -> Ending {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Head { held, first } if !held.is_empty() => self.finish_head(held, first),
            Phase::Head { first: true, .. } if self.found.is_none() => Ending::Plain(Vec::new()),
            Phase::Member(_, member) if member.may_end() => {
                self.members += 1;
                if let Some(gap) = &mut self.gap {
                    gap.to = self.at; // nothing came out behind it
                }
                Ending::Whole
            }
            Phase::Member(codec, mut member) => Ending::Truncated(codec, member.finish()),
            Phase::Skip(held) => {
                self.pass(&held);
                Ending::Whole
            }
            Phase::Head { .. } | Phase::Plain | Phase::Over => Ending::Whole,
        }
    }

    /// The input ends with bytes that may have become a magic.
    fn finish_head(&mut self, held: Vec<u8>, first: bool) -> Ending {
        let undecided = held.len() < self.by_name_from(first) && sniff(&held, first) == Sniff::Other;
        let by_name = if undecided { self.by_name(&held, first) } else { None };
        match beginning(&held).or(by_name) {
            Some(codec) => {
                self.found.get_or_insert(codec);
                Ending::Truncated(codec, Vec::new())
            }
            None if first => Ending::Plain(held),
            None => {
                let from = self.at - held.len() as u64;
                self.gap.insert(Gap::new(None, from, from)).pass(&held);
                Ending::Whole
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        if let Some(gap) = &mut self.gap {
            gap.pass(bytes);
        }
    }
}
