//! The time that a line begins with.

/// The forms are `YYYY-MM-DD` or `YYYY/MM/DD`, a blank or `T`, `HH:MM:SS`, perhaps a fraction after a point or comma,
/// perhaps `Z` or `+HH:MM`; and `YY/MM/DD HH:MM:SS`. Any of them may follow a bracket.
///
/// Lines that follow each other mostly share their second, so the last one is kept.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Milliseconds east of UTC of times that name no zone.
    zone_ms: i64,
    /// The date and time to the second as they stood in the line, and the milliseconds since 1970.
    last: Option<(Key, i64)>,
}

/// A date and time as they stood in the line, in a form that is compared at once.
type Key = (u128, u32);

fn key(text: &[u8; LONG]) -> Key {
    let (front, back) = text.split_at(16);
    (u128::from_le_bytes(front.try_into().expect("sixteen bytes")), u32::from_le_bytes([back[0], back[1], back[2], 0]))
}

/// The bytes of `YYYY-MM-DD HH:MM:SS` and of `YY/MM/DD HH:MM:SS`.
const LONG: usize = 19;
const SHORT: usize = 17;

impl Times {
    pub(crate) fn new(zone_ms: i64) -> Self {
        Self { zone_ms, last: None }
    }

    /// Milliseconds since 1970, and how many bytes of the line the time takes.
    pub(crate) fn leading(&mut self, line: &[u8]) -> Option<(i64, usize)> {
        let bracket = usize::from(line.first() == Some(&b'['));
        let text = &line[bracket..];
        let (seconds, end) = match text.get(..LONG) {
            Some(long) if text[4] == b'-' || text[4] == b'/' => {
                (self.long(long.try_into().expect("its length"))?, LONG)
            }
            _ => (short(text.get(..SHORT)?)?, SHORT),
        };
        // The form of nearly all logs, by itself because it is.
        if let Some([b',' | b'.', digits @ .., after]) = text.get(end..end + 5)
            && let [Some(a), Some(b), Some(c)] = [digit(digits[0]), digit(digits[1]), digit(digits[2])]
            && matches!(after, b' ' | b']')
        {
            return Some((seconds + 100 * a + 10 * b + c - self.zone_ms, bracket + end + 4));
        }
        let (ms, end) = fraction(text, end);
        let (zone, end) = zone(text, end).unwrap_or((self.zone_ms, end));
        if text.get(end).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        Some((seconds + ms - zone, bracket + end))
    }

    fn long(&mut self, text: &[u8; LONG]) -> Option<i64> {
        let key = key(text);
        if let Some((last, ms)) = self.last
            && last == key
        {
            return Some(ms);
        }
        let separator = text[4];
        if text[7] != separator || !matches!(text[10], b' ' | b'T') {
            return None;
        }
        let year = 100 * two(text, 0)? + two(text, 2)?;
        let ms = civil(year, two(text, 5)?, two(text, 8)?, &text[11..])?;
        self.last = Some((key, ms));
        Some(ms)
    }
}

fn short(text: &[u8]) -> Option<i64> {
    if text[2] != b'/' || text[5] != b'/' || text[8] != b' ' {
        return None;
    }
    let year = two(text, 0)?;
    let century = if year < 70 { 2000 } else { 1900 }; // as POSIX's %y has it
    civil(century + year, two(text, 3)?, two(text, 6)?, &text[9..])
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

/// The number that two digits make.
fn two(text: &[u8], at: usize) -> Option<i64> {
    Some(10 * digit(text[at])? + digit(text[at + 1])?)
}

/// Milliseconds since 1970 of a date and `HH:MM:SS`.
fn civil(year: i64, month: i64, day: i64, clock: &[u8]) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_in_month = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let longest = *days_in_month.get(usize::try_from(month - 1).ok()?)?;
    if day < 1 || day > longest || clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (two(clock, 0)?, two(clock, 3)?, two(clock, 6)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let before: i64 = days_in_month[..(month - 1) as usize].iter().sum();
    let years = year - 1; // whole years since year 0
    let leap_days = years / 4 - years / 100 + years / 400;
    let days = years * 365 + leap_days + before + day - 1 - 719_162; // days from 0001-01-01 to 1970-01-01
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// Milliseconds of a fraction at `at`, and where it ends.
fn fraction(text: &[u8], at: usize) -> (i64, usize) {
    if !matches!(text.get(at), Some(b'.' | b',')) {
        return (0, at);
    }
    let digits = text[at + 1..].iter().take(9).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return (0, at);
    }
    let digit = |i: usize| if i < digits { i64::from(text[at + 1 + i] - b'0') } else { 0 };
    (digit(0) * 100 + digit(1) * 10 + digit(2), at + 1 + digits)
}

/// Milliseconds east of UTC at `at`, and where the zone ends; none where there is no zone.
fn zone(text: &[u8], at: usize) -> Option<(i64, usize)> {
    let sign = match text.get(at)? {
        b'Z' => return Some((0, at + 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let colon = usize::from(text.get(at + 3) == Some(&b':'));
    let end = at + 5 + colon;
    let text = text.get(..end)?;
    let (hours, minutes) = (two(text, at + 1)?, two(text, end - 2)?);
    (hours < 24 && minutes < 60).then_some((sign * (hours * 60 + minutes) * 60_000, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 10:00:00 UTC.
    const TEN: i64 = 1_795_341_600_000;

    #[test]
    fn forms() {
        for (line, expected) in [
            ("2026-11-22 10:00:00", Some((TEN, 19))),
            ("2026-11-22 10:00:00,123 INFO", Some((TEN + 123, 23))),
            ("2026-11-22T10:00:00.123Z x", Some((TEN + 123, 24))),
            ("2026-11-22T10:00:00.123456789Z", Some((TEN + 123, 30))),
            ("2026-11-22T10:00:00.1+08:00", Some((TEN + 100 - 8 * 3_600_000, 27))),
            ("2026-11-22T10:00:00-0530 x", Some((TEN + 19_800_000, 24))),
            ("[2026-11-22 10:00:00,123] x", Some((TEN + 123, 24))),
            ("2026/11/22 10:00:00 x", Some((TEN, 19))),
            ("26/11/22 10:00:00 INFO x", Some((TEN, 17))),
            ("26/11/22 10:00:00", Some((TEN, 17))),
            ("99/01/01 00:00:00", Some((915_148_800_000, 17))),
            ("2000-02-29 00:00:00", Some((951_782_400_000, 19))),
            ("1970-01-01 00:00:00", Some((0, 19))),
            ("1969-12-31 23:59:59", Some((-1000, 19))),
            ("2026-11-22 10:00:00,x", Some((TEN, 19))),
            ("2026-11-22 10:00:00 - x", Some((TEN, 19))),
            ("2026-11-22 10:00:00-x", Some((TEN, 19))),
            ("2026-13-22 10:00:00", None),
            ("2026-00-22 10:00:00", None),
            ("2026-02-29 10:00:00", None),
            ("1900-02-29 10:00:00", None),
            ("2026-11-22 24:00:00", None),
            ("2026-11-22 10:00:000", None),
            ("2026-11-2x 10:00:00", None),
            ("2026-11/22 10:00:00", None),
            ("2026-11-22", None),
            ("[", None),
            ("", None),
            ("\tat java.lang.Thread.run(Thread.java:748)", None),
        ] {
            assert_eq!(Times::default().leading(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn times_that_name_no_zone_are_of_the_plan_s() {
        let east = 8 * 3_600_000;
        for (line, expected) in [
            ("2026-11-22 10:00:00,123 INFO", TEN + 123 - east),
            ("2026-11-22 10:00:00", TEN - east),
            ("26/11/22 10:00:00 INFO", TEN - east),
            ("2026-11-22T10:00:00.123Z x", TEN + 123),
            ("2026-11-22T10:00:00+01:00", TEN - 3_600_000),
        ] {
            assert_eq!(Times::new(east).leading(line.as_bytes()).map(|(ms, _)| ms), Some(expected), "{line:?}");
        }
    }

    #[test]
    fn the_second_of_the_line_before_is_not_mixed_up() {
        let mut times = Times::default();
        for _ in 0..2 {
            assert_eq!(times.leading(b"2026-11-22 10:00:00,001"), Some((TEN + 1, 23)));
            assert_eq!(times.leading(b"2026-11-22 10:00:00,002"), Some((TEN + 2, 23)));
            assert_eq!(times.leading(b"2026-11-22 10:00:01,003"), Some((TEN + 1003, 23)));
        }
    }
}
