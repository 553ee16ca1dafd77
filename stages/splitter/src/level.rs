//! The level that stands near the beginning of a line.

/// The levels in the order of the `level` column's dictionary; the first stands for none.
pub(crate) const LEVELS: [&str; 8] = ["", "TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL"];

/// A level begins within so many bytes of the line.
const WITHIN: usize = 64;

/// The place in [`LEVELS`] of the first word of `line`, from byte `from` on, that is one of them. A word is of letters,
/// digits and `_`.
pub(crate) fn level(line: &[u8], from: usize) -> i8 {
    let end = line.len().min(WITHIN);
    let mut at = from;
    while at < end {
        // Levels are capitals: eight bytes without one are passed at once.
        if let Some(eight) = line.get(at..at + 8) {
            let capitals = capitals(u64::from_le_bytes(eight.try_into().expect("eight bytes")));
            if capitals == 0 {
                at += 8;
                continue;
            }
            at += capitals.trailing_zeros() as usize / 8;
            if at >= end {
                break;
            }
        } else if !line[at].is_ascii_uppercase() {
            at += 1;
            continue;
        }
        let word = line[at..].iter().take(WITHIN).take_while(|b| is_word(**b)).count();
        if at == 0 || !is_word(line[at - 1]) {
            let found = match &line[at..at + word] {
                b"INFO" => 3,
                b"WARN" => 4,
                b"ERROR" => 6,
                b"DEBUG" => 2,
                b"TRACE" => 1,
                b"FATAL" => 7,
                b"WARNING" => 5,
                _ => 0,
            };
            if found != 0 {
                return found;
            }
        }
        at += word;
    }
    0
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

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
            assert_eq!(LEVELS[level(line.as_bytes(), 0) as usize], expected, "{line:?}");
        }
    }

    #[test]
    fn only_near_the_beginning() {
        let at = |n: usize| LEVELS[level(format!("{}INFO x", " ".repeat(n)).as_bytes(), 0) as usize];
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
