//! Which encoding a file has, from its bytes.
//!
//! By a byte order mark; by NULs in three of four bytes (UTF-32 without a mark) or in every second one (UTF-16), or by
//! control characters where those have other letters than ASCII's ([`crate::units`]); else ASCII passes undecided, and the bytes from the first one that is not ASCII (or is ESC) decide: UTF-8 when they are,
//! or nearly; else what detection thinks of them; else, where they are few, what the plan says. EBCDIC, the pages of
//! DOS and the like are never guessed: those the plan names.
//!
//! A window that ends without evidence ([`Window::is_evidence`]) decides for itself alone: the file goes on undecided,
//! as if ASCII went before.
//!
//! **Invariant:** where the windows begin and end depends on the file's bytes alone, so that what is decided does not
//! depend on how the file came.

use crate::losers::Losers;
use crate::{apart, units};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use logmill_encodings::{Encoding, GB18030, GBK, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, UTF_32BE, UTF_32LE};

/// The bytes at the beginning that show a mark, or NULs between ASCII characters.
pub(crate) const HEAD: usize = 64;
/// The window from the first byte that is not ASCII is this long, ...
pub(crate) const LEAST: usize = 16 << 10;
/// ... and longer until it holds this many that are not ASCII (logs can be nearly all ASCII, and a handful of
/// characters is no evidence), ...
pub(crate) const ENOUGH: usize = 256;
/// ... but not longer than this.
pub(crate) const MOST: usize = 256 << 10;
/// Fewer bytes than these that are not ASCII are too little to tell one legacy encoding from another.
pub(crate) const FEW: usize = 6;

/// A file is UTF-8 that has so many valid sequences for each that is not.
pub(crate) const GOOD_FOR_BAD: usize = 10;
/// Fewer units are too little to tell UTF-16 or UTF-32 without a mark.
pub(crate) const UNITS: usize = 2;

/// What the library of detection tells apart.
pub(crate) static DETECTED: [&str; 24] = [
    "big5",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "ibm866",
    "iso-8859-2",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-13",
    "koi8-u",
    "shift_jis",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
];

/// What was found, and why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) encoding: &'static Encoding,
    pub(crate) evidence: String,
}

impl Found {
    fn new(encoding: &'static Encoding, evidence: impl Into<String>) -> Self {
        Self { encoding, evidence: evidence.into() }
    }
}

/// The encodings that a mark shows. UTF-32's begins with UTF-16's, and is looked for first.
pub(crate) static MARKED: [&Encoding; 6] = [UTF_32LE, UTF_32BE, UTF_8, UTF_16LE, UTF_16BE, GB18030];
/// The plan's rules from which on UTF-32 is looked for, a fixed byte order gives way to that of the mark, and a line of
/// UTF-8 does not count where its file is not.
const RULES_2: u32 = 2;
/// From which on text in other letters than ASCII's shows UTF-16 and UTF-32 too, and a NUL on the other side does not
/// hide it.
const RULES_3: u32 = 3;

/// The encoding that the plan fixes, and the length of its mark at the beginning of the file. A mark that shows the
/// other byte order counts for more than the plan: its bytes are no character in the order that the plan says.
pub(crate) fn fixed(encoding: &'static Encoding, bytes: &[u8], rules: u32, losers: &mut Losers) -> (Found, usize) {
    let begins = |encoding: &Encoding| !encoding.mark().is_empty() && bytes.starts_with(encoding.mark());
    let found = match encoding.other_byte_order() {
        Some(other) if rules >= RULES_2 && begins(other) => {
            losers.add(encoding, || "the plan fixes it, but the mark at the beginning has the other byte order".into());
            (Found::new(other, "fixed by the plan, in the byte order of the mark"), other.mark().len())
        }
        _ if begins(encoding) => (Found::new(encoding, "fixed by the plan"), encoding.mark().len()),
        _ => {
            if let Some(marked) = MARKED.iter().find(|marked| begins(marked)) {
                losers.add(marked, || {
                    "its byte order mark stands at the beginning, but what the plan fixes counts".into()
                });
            }
            (Found::new(encoding, "fixed by the plan"), 0)
        }
    };
    losers.others(|| "not looked for: detection does not run where the plan fixes the encoding".into());
    found
}

/// What the first [`HEAD`] bytes (or the whole of a shorter file) say, and how many of them are a mark to drop.
pub(crate) fn head(bytes: &[u8], rules: u32, losers: &mut Losers) -> Option<(Found, usize)> {
    let known = if rules >= RULES_2 { &MARKED[..] } else { &MARKED[2..] };
    let mut marked = known.iter().filter(|encoding| bytes.starts_with(encoding.mark()));
    if let Some(encoding) = marked.next() {
        for other in marked {
            losers.add(other, || format!("its byte order mark is the beginning of that of {}", encoding.name()));
        }
        losers.others(|| "not looked for, as a byte order mark decides".into());
        return Some((Found::new(encoding, "byte order mark"), encoding.mark().len()));
    }
    let found = (rules >= RULES_2).then(|| utf32_without_mark(bytes)).flatten();
    let found = match rules {
        RULES_3.. => {
            found.or_else(|| units::found(bytes, losers).map(|(encoding, evidence)| Found::new(encoding, evidence)))
        }
        _ => found.or_else(|| utf16_without_mark(bytes)),
    };
    if found.is_some() {
        losers.others(|| format!("not looked for, as the first {HEAD} bytes decide"));
    }
    found.map(|found| (found, 0))
}

/// Most characters of a log are ASCII, whatever its language; text has no NUL of its own. In UTF-32 ASCII has three
/// NULs of four, and no unit is out of Unicode's range.
fn utf32_without_mark(bytes: &[u8]) -> Option<Found> {
    let count = bytes.len() / 4;
    [(UTF_32LE, u32::from_le_bytes as fn([u8; 4]) -> u32), (UTF_32BE, u32::from_be_bytes)].into_iter().find_map(
        |(encoding, unit)| {
            let units = || bytes.as_chunks::<4>().0.iter().map(|four| unit(*four));
            let share = units().filter(|unit| (1..0x80).contains(unit)).count();
            let enough = is_enough(share, count) && units().all(|unit| char::from_u32(unit).is_some());
            enough.then(|| {
                Found::new(encoding, format!("three NULs in {share} of the first {count} groups of four bytes"))
            })
        },
    )
}

/// In UTF-16 every second byte of ASCII is NUL. Up to rules 2: a single NUL on the other side hides it.
fn utf16_without_mark(bytes: &[u8]) -> Option<Found> {
    let pairs = bytes.as_chunks::<2>().0;
    let count = pairs.len();
    let nul_at = |i: usize| pairs.iter().filter(|pair| pair[i] == 0).count();
    let (encoding, share) = match (nul_at(0), nul_at(1)) {
        (0, n) => (UTF_16LE, n),
        (n, 0) => (UTF_16BE, n),
        _ => return None,
    };
    let enough = is_enough(share, count);
    enough.then(|| Found::new(encoding, format!("NUL in {share} of the first {count} pairs of bytes")))
}

/// More than half of the units, and those are not too few.
pub(crate) fn is_enough(share: usize, count: usize) -> bool {
    count >= UNITS && share * 2 > count
}

/// Where ASCII ends: the first byte that is not ASCII, or is ESC.
pub(crate) fn ascii_end(bytes: &[u8]) -> Option<usize> {
    let ascii = if bytes.is_ascii() {
        bytes
    } else {
        &bytes[..bytes.iter().position(|b| !b.is_ascii()).unwrap_or(bytes.len())]
    };
    let end = memchr::memchr(0x1b, ascii).unwrap_or(ascii.len());
    (end < bytes.len()).then_some(end)
}

/// A window that is being filled.
#[derive(Default)]
pub(crate) struct Window {
    pub(crate) held: Vec<u8>,
    /// How many in `held` are not ASCII.
    high: usize,
}

impl Window {
    /// Takes what belongs to the window from the front of `bytes`; how many.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while used < bytes.len() && !self.is_full() {
            let rest = &bytes[used..];
            let n = if self.held.len() < LEAST {
                rest.len().min(LEAST - self.held.len())
            } else {
                let room = rest.len().min(MOST - self.held.len());
                let mut high = rest[..room].iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
                high.nth(ENOUGH - self.high - 1).map_or(room, |(last, _)| last + 1)
            };
            self.high += rest[..n].iter().filter(|byte| !byte.is_ascii()).count();
            self.held.extend_from_slice(&rest[..n]);
            used += n;
        }
        used
    }

    pub(crate) fn is_full(&self) -> bool {
        self.held.len() >= LEAST && (self.high >= ENOUGH || self.held.len() >= MOST)
    }

    /// Whether it holds enough to decide for the whole file.
    pub(crate) fn is_evidence(&self) -> bool {
        self.high >= FEW || shifts_to_japanese(&self.held)
    }

    /// How much of a full window without evidence can be decoded apart from what follows: all lines that end in it;
    /// where none does, whole characters. Never nothing.
    pub(crate) fn separable(&self) -> usize {
        if let Some(lf) = memchr::memrchr(b'\n', &self.held) {
            return lf + 1;
        }
        // No character is longer than four bytes, nor is a shift of ISO-2022-JP.
        let plain = |four: &[u8]| four.iter().all(|byte| byte.is_ascii() && *byte != 0x1b);
        self.held.windows(4).rposition(plain).map_or(self.held.len(), |at| at + 4)
    }
}

fn shifts_to_japanese(bytes: &[u8]) -> bool {
    let shift = |bytes: &[u8]| bytes == b"\x1b$B" || bytes == b"\x1b$@";
    bytes.is_ascii() && memchr::memchr_iter(0x1b, bytes).any(|at| bytes.get(at..at + 3).is_some_and(shift))
}

/// What a window says that begins with the first byte that is not ASCII (or is ESC). `whole`: the file ends with it.
pub(crate) fn window(bytes: &[u8], whole: bool, default: &'static Encoding, rules: u32, losers: &mut Losers) -> Found {
    if shifts_to_japanese(bytes) {
        losers.others(|| "not looked for, as the escape sequences decide".into());
        return Found::new(ISO_2022_JP, "escape sequences of ISO-2022-JP");
    }
    losers.add(ISO_2022_JP, || match bytes.is_ascii() {
        true => "none of its escape sequences is there".into(),
        false => "its text has the bytes of ASCII alone, and this has others".into(),
    });
    let Sequences { good, bad, first_bad } = Sequences::of(bytes, whole);
    if bad == 0 {
        losers.others(|| match good {
            0 => "not looked for, as all bytes are ASCII".into(),
            _ => "not looked for, as all that is not ASCII is valid UTF-8".into(),
        });
        return Found::new(UTF_8, if good == 0 { "ASCII".into() } else { format!("valid: {good} sequences") });
    }
    if bad * GOOD_FOR_BAD <= good {
        losers.others(|| {
            format!("not looked for, as {GOOD_FOR_BAD} sequences or more are valid UTF-8 for each that is not")
        });
        return Found::new(UTF_8, format!("{good} sequences are valid, {bad} are not"));
    }
    losers.add_at(UTF_8, first_bad, || {
        format!("{good} sequences are valid and {bad} are not, the first there: it takes {GOOD_FOR_BAD} valid ones for each that is not")
    });
    // A line of UTF-8 says nothing of the others' encoding, and would rule the right one out.
    let counts = |line: &&[u8]| rules < RULES_2 || line.is_ascii() || !is_utf8(line);
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n').filter(counts);
    let high = lines().flatten().filter(|byte| !byte.is_ascii()).count();
    if high < FEW {
        losers.others(|| format!("not looked for, as fewer than {FEW} bytes that are not ASCII are too few to tell"));
        let why = format!("the plan's default: {high} bytes that are not ASCII, and not UTF-8, are too few to tell");
        return Found::new(default, why);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    for line in lines() {
        detector.feed(line, false);
    }
    let guess = <&Encoding>::from(detector.guess(None, Utf8Detection::Deny));
    // GB18030 contains GBK, and both are decoded alike.
    let encoding = if guess == GBK { GB18030 } else { guess };
    if losers.is_asked() {
        apart::tell(&detector, encoding, bytes, lines(), losers);
        if default != UTF_8 && !DETECTED.contains(&default.name()) {
            losers.add(default, || {
                format!("the plan's default counts where fewer than {FEW} bytes are not ASCII, and here {high} are")
            });
        }
        losers.others(|| "never guessed: only [[encodings]] or plan.encoding can name them".into());
    }
    let length = lines().map(<[u8]>::len).sum::<usize>();
    Found::new(encoding, format!("detected in {length} bytes, {high} of them not ASCII"))
}

/// Whether a line is UTF-8, but for a character that the window cuts.
fn is_utf8(line: &[u8]) -> bool {
    simdutf8::basic::from_utf8(&line[..line.len() - crate::decode::unfinished(line)]).is_ok()
}

/// How many sequences of two bytes and more are UTF-8, and how many are not. One that the window cuts is neither.
#[derive(Default)]
struct Sequences {
    good: usize,
    bad: usize,
    /// Where the first is that is not.
    first_bad: usize,
}

impl Sequences {
    fn of(bytes: &[u8], whole: bool) -> Self {
        let mut found = Self::default();
        let mut at = 0;
        for piece in bytes.utf8_chunks() {
            found.good += piece.valid().bytes().filter(|b| *b >= 0xc2).count();
            let begin = at + piece.valid().len();
            at = begin + piece.invalid().len();
            let cut =
                at == bytes.len() && !whole && crate::decode::unfinished(piece.invalid()) == piece.invalid().len();
            if !piece.invalid().is_empty() && !cut {
                if found.bad == 0 {
                    found.first_bad = begin;
                }
                found.bad += 1;
            }
        }
        found
    }
}
