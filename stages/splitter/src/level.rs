//! The level that stands near the beginning of a line.

/// The levels in the order of the `level` column's dictionary; the first stands for none.
pub(crate) const LEVELS: [&str; 8] = ["", "TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL"];

/// The first four letters of a level stand within so many bytes of the line.
const WITHIN: usize = 64;

/// The place in [`LEVELS`] of the first word of `line`, from byte `from` on, that is one of them. A word is of letters,
/// digits and `_`.
pub(crate) fn level(line: &[u8], from: usize) -> u8 {
    if from >= WITHIN {
        return 0;
    }
    // In most layouts it is the word behind the time.
    if line.get(from) == Some(&b' ') && from + 1 + 4 <= WITHIN {
        let found = word(&line[from + 1..]);
        if found != 0 {
            return found;
        }
    }
    let capitals = match line.first_chunk::<WITHIN>() {
        Some(beginning) => capitals(beginning),
        None => {
            let mut beginning = [0; WITHIN];
            beginning[..line.len()].copy_from_slice(line);
            capitals(&beginning)
        }
    };
    // A level is four capitals and more, which little else in a line is.
    let pairs = capitals & (capitals >> 1);
    let mut fours = (pairs & (pairs >> 2)) >> from << from;
    while fours != 0 {
        let capital = fours.trailing_zeros() as usize;
        fours &= fours - 1;
        if capital == 0 || !IS_WORD[usize::from(line[capital - 1])] {
            let found = word(&line[capital..]);
            if found != 0 {
                return found;
            }
        }
    }
    0
}

/// The place of the level that `rest` begins with. Levels differ in their first four letters, and come in no order that a
/// processor could foresee: so the one that it may be is looked up, and compared.
fn word(rest: &[u8]) -> u8 {
    let eight = match rest.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(eight)
        }
    };
    let mut candidate = &CANDIDATES[slot(eight as u32)];
    if eight & WARNING.mask == WARNING.letters {
        candidate = &WARNING;
    }
    let after = (eight >> (8 * candidate.length)) as u8; // 0 behind the end of the line
    if eight & candidate.mask == candidate.letters && !IS_WORD[usize::from(after)] { candidate.place } else { 0 }
}

/// A level as the first of eight bytes, the lowest first.
#[derive(Clone, Copy)]
struct Candidate {
    letters: u64,
    mask: u64,
    /// At most seven bytes.
    length: u32,
    /// In [`LEVELS`].
    place: u8,
}

impl Candidate {
    const NONE: Self = Self { letters: 1, mask: 0, length: 0, place: 0 };

    const fn of(place: u8) -> Self {
        let level = LEVELS[place as usize].as_bytes();
        let mut letters = 0;
        let mut at = 0;
        while at < level.len() {
            letters |= (level[at] as u64) << (8 * at);
            at += 1;
        }
        Self { letters, mask: (1 << (8 * at)) - 1, length: at as u32, place }
    }
}

const WARNING: Candidate = Candidate::of(5);

/// Where a level stands in [`CANDIDATES`] by its first four letters; the number is one that tells them apart.
const fn slot(four: u32) -> usize {
    (four.wrapping_mul(SLOT) >> 29) as usize
}

const SLOT: u32 = 0x9e37_79c1;

/// By [`slot`]. `WARNING` shares that of `WARN`.
const CANDIDATES: [Candidate; 8] = {
    let mut candidates = [Candidate::NONE; 8];
    let mut place = 1;
    while place < LEVELS.len() {
        let candidate = Candidate::of(place as u8);
        if place != WARNING.place as usize {
            let slot = slot(candidate.letters as u32);
            assert!(candidates[slot].place == 0, "the number tells all levels apart");
            candidates[slot] = candidate;
        }
        place += 1;
    }
    candidates
};

/// By byte.
const IS_WORD: [bool; 256] = {
    let mut is = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        is[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    is
};

/// A bit for each byte that is a capital letter, the first byte's the lowest.
#[cfg(target_arch = "x86_64")]
fn capitals(bytes: &[u8; WITHIN]) -> u64 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpgt_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
    };
    let mut capitals = 0;
    for (i, sixteen) in bytes.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: SSE2 is a part of x86-64; the pointer is to sixteen bytes, and may be at any address.
        let mask = unsafe {
            let bytes = _mm_loadu_si128(sixteen.as_ptr().cast::<__m128i>());
            let from_a = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(b'A' as i8 - 1)); // signed: no byte over 0x7f is greater
            _mm_movemask_epi8(_mm_and_si128(from_a, _mm_cmplt_epi8(bytes, _mm_set1_epi8(b'Z' as i8 + 1))))
        };
        capitals |= u64::from(mask as u32) << (16 * i);
    }
    capitals
}

/// A bit for each byte that is a capital letter, the first byte's the lowest.
#[cfg(not(target_arch = "x86_64"))]
fn capitals(bytes: &[u8; WITHIN]) -> u64 {
    bytes.iter().enumerate().fold(0, |bits, (i, byte)| bits | (u64::from(byte.is_ascii_uppercase()) << i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (line, expected) in [
            ("INFO x", "INFO"),
            ("2026-11-22 10:00:00,123 WARN  [main] x", "WARN"),
            ("WARNING: x", "WARNING"),
            ("[ERROR] x", "ERROR"),
            ("[main] [FATAL]", "FATAL"),
            ("x TRACE", "TRACE"),
            ("INFOS INFO2 XINFO _INFO info DEBUG", "DEBUG"),
            ("日志 ERROR", "ERROR"),
            ("DEBUG INFO", "DEBUG"),
            ("info: nothing", ""),
            ("", ""),
            ("IN", ""),
        ] {
            assert_eq!(LEVELS[usize::from(level(line.as_bytes(), 0))], expected, "{line:?}");
        }
    }

    #[test]
    fn only_near_the_beginning() {
        let at = |n: usize| LEVELS[usize::from(level(format!("{}ERROR x", " ".repeat(n)).as_bytes(), 0))];
        assert_eq!((at(0), at(WITHIN - 4), at(WITHIN - 3)), ("ERROR", "ERROR", ""));
        let from = |n: usize| LEVELS[usize::from(level(format!("INFO{}", " WARN".repeat(20)).as_bytes(), n))];
        assert_eq!(
            (from(0), from(4), from(59), from(60), from(64), from(1000)),
            ("INFO", "WARN", "WARN", "WARN", "", "")
        );
    }

    #[test]
    fn behind_the_time() {
        let after = |line: &str, n: usize| LEVELS[usize::from(level(line.as_bytes(), n))];
        for (line, expected) in [
            ("0 INFO x ERROR", "INFO"),
            ("0 INFOS ERROR", "ERROR"),
            ("0  WARN", "WARN"),
            ("0 [main] WARNING", "WARNING"),
            ("0 ", ""),
            ("0", ""),
            ("0INFO WARN", "WARN"),
        ] {
            assert_eq!(after(line, 1), expected, "{line:?}");
        }
        let at = |n: usize| after(&format!("{} ERROR x", "0".repeat(n)), n);
        assert_eq!((at(WITHIN - 5), at(WITHIN - 4)), ("ERROR", ""));
    }

    #[test]
    fn wherever_it_stands() {
        for before in 0..=WITHIN - 4 {
            for after in 0..20 {
                let line = format!("{}FATAL{}", "é. ".repeat(20).get(..before).unwrap_or(""), "-".repeat(after));
                assert_eq!(level(line.as_bytes(), 0), 7, "{line}");
            }
        }
    }

    #[test]
    fn capitals_are_told_from_all_other_bytes() {
        for byte in 0..=255u8 {
            let mut one = [0x80; WITHIN];
            one[9] = byte;
            let is = u64::from(byte.is_ascii_uppercase());
            assert_eq!((capitals(&[byte; WITHIN]), capitals(&one)), (u64::MAX * is, is << 9), "{byte}");
        }
    }
}
