//! The level that stands near the beginning of a line.

/// The levels in the order of the `level` column's dictionary; the first stands for none.
pub(crate) const LEVELS: [&str; 8] = ["", "TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL"];

/// A level begins within so many bytes of the line.
const WITHIN: usize = 64;

/// The place in [`LEVELS`] of the first word of `line`, from byte `from` on, that is one of them. A word is of letters,
/// digits and `_`.
pub(crate) fn level(line: &[u8], from: usize) -> u8 {
    let end = line.len().min(WITHIN);
    let mut at = from;
    while at < end {
        // Levels are capitals: of eight bytes only those are looked at.
        let mut capitals = match line.get(at..at + 8) {
            Some(eight) => capitals(u64::from_le_bytes(eight.try_into().expect("eight bytes"))),
            None => {
                let mut eight = [0; 8];
                eight[..line.len() - at].copy_from_slice(&line[at..]);
                capitals(u64::from_le_bytes(eight))
            }
        };
        while capitals != 0 {
            let capital = at + capitals.trailing_zeros() as usize / 8;
            capitals &= capitals - 1;
            if capital < end && (capital == 0 || !IS_WORD[usize::from(line[capital - 1])]) {
                let found = word(&line[capital..]);
                if found != 0 {
                    return found;
                }
            }
        }
        at += 8;
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

/// The high bit of each byte that is a capital letter.
fn capitals(eight: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = eight & (EACH * 0x7f);
    let from_a = low + EACH * (0x80 - u64::from(b'A'));
    let past_z = low + EACH * (0x80 - u64::from(b'Z') - 1);
    from_a & !past_z & !eight & (EACH * 0x80)
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
        let at = |n: usize| LEVELS[usize::from(level(format!("{}INFO x", " ".repeat(n)).as_bytes(), 0))];
        assert_eq!((at(0), at(WITHIN - 1), at(WITHIN)), ("INFO", "INFO", ""));
    }

    #[test]
    fn capitals_are_told_from_all_other_bytes() {
        for byte in 0..=255u8 {
            assert_eq!(capitals(u64::from_le_bytes([byte; 8])) != 0, byte.is_ascii_uppercase(), "{byte}");
            assert_eq!(capitals(u64::from_le_bytes([0, 0, byte, 0, 255, 0, 0, 0])) != 0, byte.is_ascii_uppercase());
        }
    }
}
