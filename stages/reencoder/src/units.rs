//! UTF-16 and UTF-32 without a mark, by what their units are in the first bytes of a file.
//!
//! Text has no control characters but tabs, line ends and ESC. In UTF-16 its bytes have: a NUL in each character of ASCII,
//! the number of its block in each letter of another alphabet, and one here and there in the ideographs, which fill theirs.
//! ASCII itself looks like ideographs, two letters at a time: so those have to be proved by bytes that are not ASCII, too.

use crate::detect::is_enough;
use crate::losers::Losers;
use logmill_encodings::{Encoding, UTF_16BE, UTF_16LE, UTF_32BE, UTF_32LE};

/// Fewer units are too little to tell an alphabet, ...
pub(crate) const ALPHABET: usize = 4;
/// ... or ideographs.
pub(crate) const IDEOGRAPHS: usize = 8;
/// Control characters among the bytes of ideographs, at least.
pub(crate) const CONTROLS: usize = 2;

/// The encoding that the units show, and the evidence for people.
pub(crate) fn found(bytes: &[u8], losers: &mut Losers) -> Option<(&'static Encoding, String)> {
    let four = bytes.as_chunks::<4>().0;
    let wide = [(UTF_32LE, u32::from_le_bytes as fn([u8; 4]) -> u32), (UTF_32BE, u32::from_be_bytes)];
    let all_characters = |unit: fn([u8; 4]) -> u32| four.iter().all(|four| is_character(unit(*four)));
    if four.len() >= ALPHABET
        && let Some((encoding, _)) = wide.into_iter().find(|(_, unit)| all_characters(*unit))
    {
        return Some((encoding, format!("the first {} groups of four bytes are characters", four.len())));
    }
    for (encoding, _) in wide {
        losers.add(encoding, || match four.len() {
            count @ ALPHABET.. => format!(
                "no byte order mark, and the first {count} groups of four bytes are neither mostly ASCII nor all characters"
            ),
            _ => NOTHING_TO_TELL.into(),
        });
    }
    let two = bytes.as_chunks::<2>().0;
    let orders = [(UTF_16LE, u16::from_le_bytes as fn([u8; 2]) -> u16), (UTF_16BE, u16::from_be_bytes)];
    let [little, big] = orders.map(|(encoding, unit)| (encoding, Units::of(two.iter().map(|two| unit(*two)))));
    let (ahead, behind) = if little.1.ascii >= big.1.ascii { (little, big) } else { (big, little) };
    let count = two.len();
    if is_enough(ahead.1.ascii, count) && ahead.1.ascii > behind.1.ascii && ahead.1.nuls == 0 {
        losers.add(behind.0, || "no byte order mark, and the NULs stand where the other byte order has them".into());
        return Some((ahead.0, format!("NUL in {} of the first {count} pairs of bytes", ahead.1.ascii)));
    }
    let evidence = |what| format!("the first {count} pairs of bytes are {what}");
    let found =
        match (ahead.1.are_letters(), behind.1.are_letters(), ahead.1.are_ideographs(), behind.1.are_ideographs()) {
            (true, false, ..) => Some((ahead.0, evidence("letters"))),
            (false, true, ..) => Some((behind.0, evidence("letters"))),
            (_, _, true, false) => Some((ahead.0, evidence("ideographs, kana or syllables"))),
            (_, _, false, true) => Some((behind.0, evidence("ideographs, kana or syllables"))),
            _ => None,
        };
    for (encoding, units) in [(ahead.0, &ahead.1), (behind.0, &behind.1)] {
        if found.as_ref().is_some_and(|(found, _)| *found == encoding) {
            continue;
        }
        losers.add(encoding, || match (&found, units.are_letters() || units.are_ideographs()) {
            (Some(_), _) => "no byte order mark, and the first bytes are text in the other byte order".into(),
            (None, true) => "no byte order mark, and the first bytes could be text in either byte order".into(),
            (None, false) if count < ALPHABET => NOTHING_TO_TELL.into(),
            (None, false) => format!(
                "no byte order mark, and the first {count} pairs of bytes are neither mostly ASCII with a NUL nor all \
                 letters or ideographs"
            ),
        });
    }
    found
}

/// Of a very short file.
const NOTHING_TO_TELL: &str = "no byte order mark, and too few bytes to tell it otherwise";

fn is_character(unit: u32) -> bool {
    char::from_u32(unit).is_some_and(|character| !character.is_control() || is_of_text(unit))
}

/// Whether it is a control character that text has.
fn is_of_text(unit: u32) -> bool {
    matches!(unit, 0x09 | 0x0a | 0x0d | 0x1b)
}

/// How many units in one byte order are what.
#[derive(Default)]
struct Units {
    all: usize,
    ascii: usize,
    nuls: usize,
    /// Of an alphabet, but for those (of India) whose number is a character that text has.
    letters: usize,
    /// Ideographs, kana, syllables of Korean, and the signs that go with them.
    ideographs: usize,
    punctuation: usize,
    /// Bytes that are control characters.
    controls: usize,
    /// Units whose lower byte is not ASCII.
    high: usize,
}

impl Units {
    fn of(units: impl Iterator<Item = u16>) -> Self {
        let mut counts = Self::default();
        for unit in units {
            let [upper, lower] = unit.to_be_bytes();
            counts.all += 1;
            match unit {
                0 => counts.nuls += 1,
                0x01..0x80 => counts.ascii += 1,
                0xa0..0x2000 if !is_of_text(upper.into()) => counts.letters += 1,
                0x2010..=0x2027 | 0x20ac => counts.punctuation += 1,
                0x3000..=0x30ff | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0xff00..=0xffef => counts.ideographs += 1,
                _ => {}
            }
            counts.controls +=
                [upper, lower].into_iter().filter(|byte| *byte < 0x20 && !is_of_text((*byte).into())).count();
            counts.high += usize::from(lower >= 0x80);
        }
        counts
    }

    fn known(&self) -> usize {
        self.ascii + self.letters + self.ideographs + self.punctuation
    }

    fn are_letters(&self) -> bool {
        self.all >= ALPHABET && self.known() == self.all && is_enough(self.ascii + self.letters, self.all)
    }

    fn are_ideographs(&self) -> bool {
        let proved = self.controls >= CONTROLS && self.high * 4 >= self.all;
        self.all >= IDEOGRAPHS && self.known() == self.all && proved
    }
}
