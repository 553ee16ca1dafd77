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

/// The place of the level that `rest` begins with.
fn word(rest: &[u8]) -> u8 {
    let (place, length) = match rest {
        [b'I', b'N', b'F', b'O', ..] => (3, 4),
        [b'W', b'A', b'R', b'N', b'I', b'N', b'G', ..] => (5, 7),
        [b'W', b'A', b'R', b'N', ..] => (4, 4),
        [b'E', b'R', b'R', b'O', b'R', ..] => (6, 5),
        [b'D', b'E', b'B', b'U', b'G', ..] => (2, 5),
        [b'T', b'R', b'A', b'C', b'E', ..] => (1, 5),
        [b'F', b'A', b'T', b'A', b'L', ..] => (7, 5),
        _ => return 0,
    };
    let ends = rest.get(length).is_none_or(|after| !IS_WORD[usize::from(*after)]);
    if ends { place } else { 0 }
}

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
