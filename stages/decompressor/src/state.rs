//! Where the decoder of one file stands.

use crate::magic::{Codec, Sniff, beginning, resume, sniff};
use crate::member::{Member, Then};
use crate::name::{PROBE, may_begin, suggested};
use bytes::{Buf, Bytes};
use logmill_core::{End, Event, FileMeta, Out, Outcome, Product, Progress, Reject, RejectReason};

/// So many rejects a file at most; those after them are only counted.
const MAX_REJECTS: u32 = 100;
/// The bytes of a skipped range that its dead letter carries.
const SAMPLE: usize = 1024;
/// For its limits the input counts by steps of so many bytes: for the same output a decoder takes a few bytes more or
/// fewer, as they come. Large enough that a call more for each step costs nothing.
const RATIO_STEP: u64 = 64 << 10;

/// Which part of the file comes next.
enum Phase {
    /// The beginning of the file, or what follows a member: too short yet to tell what it is.
    Head {
        held: Vec<u8>,
        first: bool,
    },
    Plain,
    Member(Codec, Member),
    /// Bytes that belong to nothing, until a member, frame or stream is found among them.
    Skip(Skip),
    /// A limit was passed: the rest is only counted.
    Over,
}

/// A range without a member.
struct Skip {
    /// Where it begins in the input.
    from: u64,
    /// Whether its first bytes were rejected already, as damage; else it is trailing garbage.
    damage: bool,
    only_nuls: bool,
    /// The first bytes of the range.
    sample: Vec<u8>,
    /// The last ones, which may be the beginning of a member: a few bytes.
    held: Vec<u8>,
}

/// Padding of NULs after members: nothing is lost with it.
#[derive(Default)]
struct Nuls {
    ranges: u64,
    bytes: u64,
    /// The first range, and the byte after it.
    first: (u64, u64),
}

impl Nuls {
    fn add(&mut self, from: u64, to: u64) {
        if self.ranges == 0 {
            self.first = (from, to);
        }
        self.ranges += 1;
        self.bytes += to - from;
    }

    /// For people; nothing where there are none.
    fn evidence(&self) -> String {
        let (from, to) = self.first;
        match self.ranges {
            0 => String::new(),
            1 => format!("; bytes {from} to {to} are NULs"),
            n => format!("; {} NULs in {n} places, the first are bytes {from} to {to}", self.bytes),
        }
    }
}

/// The state of one file.
pub struct State {
    phase: Phase,
    /// What the file's name suggests where its content says nothing, and how many of its bytes are asked then.
    suggested: &'static [Codec],
    probe: usize,
    plain_bytes: usize,
    max_ratio: u64,
    ratio_after_bytes: u64,
    max_bytes: u64,
    window_log: u32,
    /// The plain chunk under way; shorter than `plain_bytes` between two calls.
    chunk: Vec<u8>,
    /// The decoder may hold output for which there was no room.
    pending: bool,
    /// What the file turned out to be.
    found: Option<&'static str>,
    /// Members or frames that ended well.
    members: u64,
    /// Where the one under way begins.
    began: u64,
    nuls: Nuls,
    /// The place in the input.
    bytes_in: u64,
    /// What comes before the rest of the input: it was taken, and is to be looked at again. Empty between two chunks.
    again: Bytes,
    /// How much of the input is in the checksum: at least `bytes_in`, and more while something is looked at again.
    summed: u64,
    crc: crc32fast::Hasher,
    bytes_out: u64,
    rejects: u32,
    outcome: Outcome,
}

impl State {
    pub(crate) fn new(file: &FileMeta) -> Self {
        let plan = &file.plan;
        let listed = usize::try_from(file.length).unwrap_or(PROBE);
        Self {
            phase: Phase::Head { held: Vec::new(), first: true },
            suggested: suggested(&file.path),
            probe: listed.clamp(1, PROBE),
            plain_bytes: plan.plain_bytes.max(1) as usize,
            max_ratio: u64::from(plan.max_ratio),
            ratio_after_bytes: plan.ratio_after_bytes,
            max_bytes: plan.max_bytes,
            window_log: plan.window_bytes.clamp(1 << 10, 1 << 31).ilog2(),
            chunk: Vec::new(),
            pending: false,
            found: None,
            members: 0,
            began: 0,
            nuls: Nuls::default(),
            bytes_in: 0,
            again: Bytes::new(),
            summed: 0,
            crc: crc32fast::Hasher::new(),
            bytes_out: 0,
            rejects: 0,
            outcome: Outcome::Complete,
        }
    }

    /// Takes `n` bytes from the front of the input.
    fn take(&mut self, input: &mut Bytes, n: usize) -> Bytes {
        let taken = input.split_to(n);
        let before = usize::try_from(self.summed - self.bytes_in).map_or(n, |before| before.min(n));
        self.crc.update(&taken[before..]);
        self.bytes_in += n as u64;
        self.summed = self.summed.max(self.bytes_in);
        taken
    }

    /// Puts bytes back that were the last ones to be taken.
    fn put_back(&mut self, bytes: &[u8]) {
        self.bytes_in -= bytes.len() as u64;
        if !bytes.is_empty() {
            self.again = [bytes, &self.again].concat().into();
        }
    }

    pub(crate) fn read(&mut self, input: &mut Bytes, out: &mut Out) -> Progress {
        while input.has_remaining() || self.again.has_remaining() || self.pending {
            if out.is_full() {
                return Progress::More;
            }
            let mut again = std::mem::take(&mut self.again);
            if again.is_empty() {
                self.step(input, out);
            } else {
                self.step(&mut again, out);
                self.again = if self.again.is_empty() { again } else { [&self.again[..], &again].concat().into() };
            }
        }
        Progress::Done
    }

    /// Takes some of the input.
    fn step(&mut self, input: &mut Bytes, out: &mut Out) {
        match &mut self.phase {
            Phase::Head { held, first } => {
                let first = *first;
                held.push(input[0]);
                let held = std::mem::take(held);
                self.take(input, 1);
                self.decide(held, first, out);
            }
            Phase::Plain => {
                let room = self.plain_bytes - self.chunk.len();
                let bytes = self.take(input, room.min(input.len()));
                if bytes.len() == self.plain_bytes {
                    self.push(bytes, out);
                } else {
                    self.feed_plain(&bytes, out);
                }
            }
            Phase::Member(codec, _) => {
                let most = match codec {
                    // What had no room comes first, so that it is known which step of the input it is of.
                    _ if self.pending => 0,
                    Codec::Zstd => usize::MAX,
                    _ => (RATIO_STEP - self.bytes_in % RATIO_STEP) as usize,
                };
                let bytes = input.slice(..input.len().min(most));
                let read = self.decode(&bytes, out);
                self.take(input, read);
            }
            Phase::Skip(_) => self.skip(input, out),
            Phase::Over => {
                self.take(input, input.len());
            }
        }
    }

    /// Looks at the beginning of the file or of what follows a member; `held` was taken from the input.
    fn decide(&mut self, held: Vec<u8>, first: bool, out: &mut Out) {
        match sniff(&held, first) {
            Sniff::Short => self.phase = Phase::Head { held, first },
            Sniff::Codec(codec) => self.begin(codec, &held),
            Sniff::Other if first && !self.suggested.is_empty() && held.len() < self.probe => {
                self.phase = Phase::Head { held, first };
            }
            Sniff::Other if first => match self.by_name(&held) {
                Some(codec) => self.begin(codec, &held),
                None => {
                    self.found = Some("plain");
                    self.phase = Phase::Plain;
                    self.feed_plain(&held, out);
                }
            },
            Sniff::Other => {
                let from = self.bytes_in - held.len() as u64;
                self.phase = Phase::Skip(Skip::new(from, false, held));
            }
        }
    }

    /// The codec that the file's name suggests, if it may begin with `held`.
    fn by_name(&self, held: &[u8]) -> Option<Codec> {
        let all = held.len() < PROBE;
        self.suggested.iter().copied().find(|codec| may_begin(*codec, held, all))
    }

    /// A member begins with `held`, the last bytes taken.
    fn begin(&mut self, codec: Codec, held: &[u8]) {
        self.found.get_or_insert(codec.name());
        self.phase = Phase::Member(codec, Member::new(codec, self.window_log));
        self.put_back(held);
        self.began = self.bytes_in;
    }

    /// One step of the member under way; how many bytes it took. They are not yet counted in `bytes_in`.
    fn decode(&mut self, input: &[u8], out: &mut Out) -> usize {
        self.make_room();
        let Phase::Member(codec, member) = &mut self.phase else { unreachable!("only called within a member") };
        let codec = *codec;
        let before = self.chunk.len();
        let step = member.step(input, &mut self.chunk);
        self.bytes_out += (self.chunk.len() - before) as u64;
        self.put_back(&step.back);
        let at = self.bytes_in + step.read as u64;
        let full = self.chunk.len() == self.plain_bytes;
        self.pending = full && step.then == Then::GoOn;
        if full {
            // First of all: what else a step found, it may as well find in the next.
            self.flush(out);
            if let Some(why) = self.over_limit(at) {
                self.refuse(RejectReason::Bomb, why, (at - 1) / RATIO_STEP * RATIO_STEP, &[], out);
                self.pending = false;
                self.phase = Phase::Over;
                return step.read;
            }
        }
        match step.then {
            Then::GoOn => {}
            Then::Ended => {
                self.members += 1;
                self.phase = Phase::Head { held: Vec::new(), first: false };
            }
            Then::Corrupt(why) => {
                let nth = self.members + 1;
                let detail = format!("{} {nth} ({}) is damaged: {why}", codec.unit(), codec.name());
                self.refuse(RejectReason::Corrupt, detail, at, &[], out);
                self.phase = Phase::Skip(Skip::new(at, true, Vec::new()));
            }
            Then::Unplaced(why) => {
                let detail = format!("{} ({}) is damaged: {why}, its rest is lost", codec.unit(), codec.name());
                self.refuse(RejectReason::Corrupt, detail, self.began, &[], out);
                self.phase = Phase::Over;
            }
            Then::TooLarge(why) => {
                self.refuse(RejectReason::Bomb, format!("{}: {why}", codec.name()), at, &[], out);
                self.phase = Phase::Skip(Skip::new(at, true, Vec::new()));
            }
        }
        step.read
    }

    /// Which limit is passed; asked with every chunk, when so many bytes are read.
    fn over_limit(&self, read: u64) -> Option<String> {
        let read = read.next_multiple_of(RATIO_STEP);
        let allowed = (read.saturating_mul(self.max_ratio)).saturating_add(self.ratio_after_bytes);
        if self.bytes_out > self.max_bytes {
            Some(format!("more than {} bytes decompressed, the plan's limit", self.max_bytes))
        } else if self.bytes_out > allowed {
            Some(format!(
                "more than {} bytes decompressed for each compressed byte, after the first {}, the plan's limit",
                self.max_ratio, self.ratio_after_bytes
            ))
        } else {
            None
        }
    }

    fn skip(&mut self, input: &mut Bytes, out: &mut Out) {
        let Phase::Skip(skip) = &mut self.phase else { unreachable!("only called while skipping") };
        let mut window = std::mem::take(&mut skip.held);
        let taken = window.len();
        window.extend_from_slice(input);
        match resume(&window) {
            Err(clean) => {
                skip.pass(&window[..clean]);
                skip.held = window.split_off(clean);
                self.take(input, input.len());
            }
            Ok(at) => {
                skip.pass(&window[..at]);
                let to = self.bytes_in - taken as u64 + at as u64;
                self.end_skip(to, out);
                self.take(input, at.saturating_sub(taken));
                self.put_back(&window[at.min(taken)..taken]);
                self.phase = Phase::Head { held: Vec::new(), first: false };
            }
        }
    }

    fn end_skip(&mut self, to: u64, out: &mut Out) {
        let Phase::Skip(skip) = &mut self.phase else { unreachable!("only called while skipping") };
        if skip.damage || to == skip.from {
            return;
        }
        let (from, sample) = (skip.from, std::mem::take(&mut skip.sample));
        if skip.only_nuls {
            return self.nuls.add(from, to);
        }
        let detail = format!("bytes {from} to {to} belong to no member");
        self.refuse(RejectReason::TrailingGarbage, detail, from, &sample, out);
    }

    pub(crate) fn finish(mut self, end: End, out: &mut Out) -> Outcome {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Head { held, first } if !held.is_empty() => self.end_in_head(&held, first, end, out),
            Phase::Member(_, member) if member.may_end() => self.members += 1,
            Phase::Member(codec, _) => self.truncated(codec, end, out),
            Phase::Skip(mut skip) => {
                let held = std::mem::take(&mut skip.held);
                skip.pass(&held);
                self.phase = Phase::Skip(skip);
                self.end_skip(self.bytes_in, out);
            }
            Phase::Head { .. } | Phase::Plain | Phase::Over => {}
        }
        self.flush(out);
        let outcome = self.outcome.and(end.outcome());
        out.event(self.closed(outcome));
        outcome
    }

    /// The file ends with bytes that may have become a magic.
    fn end_in_head(&mut self, held: &[u8], first: bool, end: End, out: &mut Out) {
        let at = self.bytes_in - held.len() as u64;
        let by_name = if first && sniff(held, true) == Sniff::Other { self.by_name(held) } else { None };
        match (first, beginning(held).or(by_name)) {
            (_, Some(codec)) => self.truncated(codec, end, out),
            (true, None) => {
                self.found = Some("plain");
                self.feed_plain(held, out);
            }
            (false, None) => {
                let mut skip = Skip::new(at, false, Vec::new());
                skip.pass(held);
                self.phase = Phase::Skip(skip);
                self.end_skip(self.bytes_in, out);
            }
        }
    }

    /// The input ends within a member. When it was cut off upstream, whoever cut it has said so.
    fn truncated(&mut self, codec: Codec, end: End, out: &mut Out) {
        self.found.get_or_insert(codec.name());
        self.outcome = Outcome::Partial;
        if end != End::Abort {
            let detail = format!("the file ends within {} {} ({})", codec.unit(), self.members + 1, codec.name());
            self.refuse(RejectReason::Truncated, detail, self.bytes_in, &[], out);
        }
    }

    fn closed(self, outcome: Outcome) -> Event {
        let mut evidence = match self.found.map(Codec::named) {
            None => "empty".to_owned(),
            Some(None) => "no magic of a compression".to_owned(),
            Some(Some(codec)) => {
                let told = if codec.has_magic() { "magic bytes" } else { "its name and first bytes" };
                format!("{told}; {} whole {}s", self.members, codec.unit())
            }
        };
        evidence.push_str(&self.nuls.evidence());
        if self.rejects > MAX_REJECTS {
            evidence.push_str(&format!("; {} damaged places, of which {MAX_REJECTS} are reported", self.rejects));
        }
        Event::Closed {
            outcome,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            lines: 0,
            rows: 0,
            malformed: 0,
            crc32: Some(format!("{:08x}", self.crc.finalize())),
            found: Some(self.found.unwrap_or("plain").to_owned()),
            evidence: Some(evidence),
            quarantine: None,
        }
    }

    fn refuse(&mut self, reason: RejectReason, detail: String, at: u64, bytes: &[u8], out: &mut Out) {
        self.outcome = Outcome::Partial;
        self.rejects += 1;
        if self.rejects <= MAX_REJECTS {
            let sample = Bytes::copy_from_slice(&bytes[..bytes.len().min(SAMPLE)]);
            out.reject(Reject::new(reason, detail).at(at).carrying(&sample));
        }
    }

    fn make_room(&mut self) {
        if self.chunk.capacity() == 0 {
            self.chunk = Vec::with_capacity(self.plain_bytes);
            assert_eq!(self.chunk.capacity(), self.plain_bytes, "a chunk is cut where its buffer ends");
        }
    }

    /// Plain bytes of a plain file, at most up to the end of the chunk under way unless they are a magic's worth.
    fn feed_plain(&mut self, mut bytes: &[u8], out: &mut Out) {
        self.bytes_out += bytes.len() as u64;
        while !bytes.is_empty() {
            self.make_room();
            let n = bytes.len().min(self.plain_bytes - self.chunk.len());
            self.chunk.extend_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            if self.chunk.len() == self.plain_bytes {
                self.flush(out);
            }
        }
    }

    /// A whole chunk of a plain file, as it came.
    fn push(&mut self, bytes: Bytes, out: &mut Out) {
        self.bytes_out += bytes.len() as u64;
        out.push(Product::new(bytes).note("codec", "plain"));
    }

    fn flush(&mut self, out: &mut Out) {
        if !self.chunk.is_empty() {
            let mut chunk = std::mem::take(&mut self.chunk);
            if chunk.len() < chunk.capacity() / 2 {
                chunk.shrink_to_fit(); // a small file does not hold a large chunk's memory on its way
            }
            out.push(Product::new(chunk.into()).note("codec", self.found.unwrap_or("plain")));
        }
    }
}

impl Skip {
    fn new(from: u64, damage: bool, held: Vec<u8>) -> Self {
        Self { from, damage, only_nuls: true, sample: Vec::new(), held }
    }

    /// `bytes` belong to the range for certain.
    fn pass(&mut self, bytes: &[u8]) {
        self.only_nuls &= bytes.iter().all(|b| *b == 0);
        let room = SAMPLE - self.sample.len();
        self.sample.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
