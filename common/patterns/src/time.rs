//! Times as they stand in lines, to milliseconds since 1970.

use crate::time_format::TimeFormat;
use crate::zone::{LocalTimes, Zone};
use jiff::fmt::{rfc2822, temporal};

/// Reads times as they stand in lines, for one file.
///
/// What is found depends on the text, the file's time and the zone alone. Lines that follow each other mostly share their second:
/// so the last one of each form is kept, which changes nothing but the cost.
#[derive(Debug)]
pub struct Clock {
    /// Of the file, milliseconds since 1970: decides the year where none is written.
    modified_ms: i64,
    /// Of the zone of times that name none.
    local: LocalTimes,
    /// Date and time to the second as they stood in the line, and the milliseconds since 1970 as if it were UTC.
    iso: Option<(Key, i64)>,
    /// As above, with the zone, in UTC.
    clf: Option<([u8; CLF], i64)>,
    bsd: Option<([u8; BSD], i64)>,
}

/// The bytes of `YYYY-MM-DD HH:MM:SS`, of `YY/MM/DD HH:MM:SS`, of `10/Oct/2000:13:55:36 -0700` and of `Oct  9 22:33:20`.
const ISO: usize = 19;
const SHORT: usize = 17;
const CLF: usize = 26;
const BSD: usize = 15;

/// The bytes of `YYYY-MM-DD HH:MM:SS` in a form that is compared at once.
type Key = (u128, u32);

fn key(text: &[u8; ISO]) -> Key {
    let (front, back) = text.split_at(16);
    (u128::from_le_bytes(front.try_into().expect("sixteen bytes")), u32::from_le_bytes([back[0], back[1], back[2], 0]))
}

const DAY_MS: i64 = 86_400_000;

impl Clock {
    /// `modified_ms`: of the file, milliseconds since 1970. `zone`: of times that name none.
    #[must_use]
    pub fn new(modified_ms: i64, zone: Zone) -> Self {
        Self { modified_ms, local: LocalTimes::new(zone), iso: None, clf: None, bsd: None }
    }

    /// The time that a line begins with, perhaps after a bracket, as of [`Clock::iso`], and where it ends.
    #[inline]
    pub fn leading(&mut self, line: &[u8]) -> Option<(i64, usize)> {
        self.iso(line, usize::from(line.first() == Some(&b'[')))
    }

    /// A time in the form of ISO 8601 or near it, and where it ends: `YYYY-MM-DD` or `YYYY/MM/DD`, a blank, `T` or `_`,
    /// `HH:MM:SS`, perhaps a fraction after a point or comma, perhaps a zone as of [`written`], or as the zone is called at that
    /// time; and `YY/MM/DD HH:MM:SS`.
    #[inline]
    pub fn iso(&mut self, text: &[u8], at: usize) -> Option<(i64, usize)> {
        let text = text.get(at..)?;
        let (local, end) = match text.first_chunk::<ISO>() {
            Some(long) if matches!(long[4], b'-' | b'/') => (self.long_date(long)?, ISO),
            _ => (short_date(text.first_chunk::<SHORT>()?)?, SHORT),
        };
        let seconds = self.local.utc(local);
        // The form of nearly all logs, by itself because it is.
        if let Some([b',' | b'.', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', after, next, ..]) = text.get(end..)
            && match after {
                b' ' => match next {
                    b'U' | b'G' | b'Z' | b'+' | b'-' => false,
                    next => !self.local.is_called(*next),
                },
                after => !matches!(after, b'0'..=b'9' | b'Z' | b'z' | b'+' | b'-'),
            }
        {
            let ms = 100 * i64::from(a - b'0') + 10 * i64::from(b - b'0') + i64::from(c - b'0');
            return Some((seconds + ms, at + end + 4));
        }
        let (ms, end) = fraction(text, end);
        let (seconds, end) = match written(text, end) {
            Some((offset_ms, end)) => (local - offset_ms, end),
            None => self.local.utc_by_abbreviation(local, text, end).unwrap_or((seconds, end)),
        };
        if text.get(end).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        Some((seconds + ms, at + end))
    }

    #[inline]
    fn long_date(&mut self, text: &[u8; ISO]) -> Option<i64> {
        let key = key(text);
        if let Some((last, seconds)) = self.iso
            && last == key
        {
            return Some(seconds);
        }
        let seconds = long_date(text)?;
        self.iso = Some((key, seconds));
        Some(seconds)
    }

    /// A time of the common log format, `10/Oct/2000:13:55:36 -0700`, and where it ends.
    #[inline]
    pub fn clf(&mut self, text: &[u8], at: usize) -> Option<(i64, usize)> {
        let text = text.get(at..)?.first_chunk::<CLF>()?;
        if let Some((last, ms)) = self.clf
            && last == *text
        {
            return Some((ms, at + CLF));
        }
        if text[2] != b'/' || text[6] != b'/' || text[11] != b':' || text[20] != b' ' {
            return None;
        }
        let year = 100 * two(text, 7)? + two(text, 9)?;
        let ms = civil(year, month(&text[3..6])?, two(text, 0)?, &text[12..])?;
        let (offset_ms, end) = offset(text, 21)?;
        if end != CLF {
            return None;
        }
        self.clf = Some((*text, ms - offset_ms));
        Some((ms - offset_ms, at + CLF))
    }

    /// A time of RFC 3164, `Oct  9 22:33:20`, and where it ends; also with `09` or `9` for the day, with a year behind
    /// the day, and with a fraction. Where there is no year, it is the last one with which the time is not later than a
    /// day after the file's.
    #[inline]
    pub fn bsd(&mut self, text: &[u8], at: usize) -> Option<(i64, usize)> {
        let text = text.get(at..)?;
        if let (Some(key), Some((last, ms))) = (text.first_chunk::<BSD>(), self.bsd)
            && last == *key
            && !matches!(text.get(BSD), Some(b'0'..=b'9' | b'.' | b','))
        {
            return Some((ms, at + BSD));
        }
        let month = month(text.get(..3)?)?;
        if text.get(3) != Some(&b' ') {
            return None;
        }
        let mut end = 4 + usize::from(text.get(4) == Some(&b' '));
        let mut day = digit(*text.get(end)?)?;
        end += 1;
        if let Some(second) = text.get(end).and_then(|byte| digit(*byte)) {
            day = 10 * day + second;
            end += 1;
        }
        if text.get(end) != Some(&b' ') {
            return None;
        }
        end += 1;
        let mut year = None;
        if let Some([_, _, _, _, b' ', ..]) = text.get(end..)
            && let (Some(century), Some(rest)) = (two(text, end), two(text, end + 2))
        {
            year = Some(100 * century + rest);
            end += 5;
        }
        let clock = text.get(end..end + 8)?;
        end += 8;
        let seconds = match year {
            Some(year) => self.local.utc(civil(year, month, day, clock)?),
            None => in_which_year(self.modified_ms, &mut self.local, |year| civil(year, month, day, clock))?,
        };
        if end == BSD
            && year.is_none()
            && let Some(key) = text.first_chunk::<BSD>()
        {
            self.bsd = Some((*key, seconds));
        }
        let (ms, end) = fraction(text, end);
        if text.get(end).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        Some((seconds + ms, at + end))
    }

    /// A time as `asctime` writes it, `Fri Sep 09 10:42:29 2011`, with or without a fraction behind the second, and where it
    /// ends.
    pub fn asctime(&mut self, text: &[u8], at: usize) -> Option<(i64, usize)> {
        let text = text.get(at..)?;
        let [_, _, _, b' ', m @ .., b' '] = text.get(..8)? else { return None };
        if !text[..3].iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let month = month(m)?;
        let day = match (text.get(8)?, digit(*text.get(9)?)?) {
            (b' ', day) => day,
            (tens, day) => 10 * digit(*tens)? + day,
        };
        if text.get(10) != Some(&b' ') {
            return None;
        }
        let clock = text.get(11..19)?;
        let (ms, end) = fraction(text, 19);
        if text.get(end) != Some(&b' ') {
            return None;
        }
        let year = text.get(end + 1..end + 5)?;
        let seconds = civil(100 * two(year, 0)? + two(year, 2)?, month, day, clock)?;
        Some((self.local.utc(seconds) + ms, at + end + 5))
    }

    /// Whatever of the forms above the whole text is, or a number as in [`epoch`], or a time of RFC 9557 or of mail and HTTP.
    pub fn any(&mut self, text: &[u8]) -> Option<i64> {
        let whole = |(ms, end): (i64, usize)| (end == text.len()).then_some(ms);
        match text.first()? {
            b'0'..=b'9' => {
                let iso = self.iso(text, 0).and_then(whole);
                iso.or_else(|| self.clf(text, 0).and_then(whole)).or_else(|| epoch(text)).or_else(|| annotated(text))
            }
            _ => self
                .bsd(text, 0)
                .and_then(whole)
                .or_else(|| self.asctime(text, 0).and_then(whole))
                .or_else(|| mail(text)),
        }
    }

    /// The whole text in a form of one's own.
    pub(crate) fn by(&mut self, format: &TimeFormat, text: &[u8]) -> Option<i64> {
        let found = format.read(text)?;
        if found.utc_ms.is_some() {
            return found.utc_ms;
        }
        let mut own = found.zone.clone().map(LocalTimes::new);
        let local = own.as_mut().unwrap_or(&mut self.local);
        match found.year {
            Some(year) => Some(local.utc(found.local_ms(year)?)),
            None => in_which_year(self.modified_ms, local, |year| found.local_ms(year)),
        }
    }
}

/// The time in the last year in which it is not later than a day after the file's, which was modified at `modified_ms`. `in_year`
/// gives it as if it were UTC, and none where the year has no such day.
fn in_which_year(modified_ms: i64, local: &mut LocalTimes, in_year: impl Fn(i64) -> Option<i64>) -> Option<i64> {
    let latest = modified_ms.saturating_add(DAY_MS);
    let this = modified_ms.div_euclid(DAY_MS * 146_097 / 400) + 1970; // the average year: right but for a day
    let this = this.clamp(0, 9999);
    // A 29 February may be eight years ago: 1900 and 2100 have none.
    let years = (this - 9..=this + 1).rev().filter_map(in_year);
    // No offset is of more than a day, and asking for those of another year than the last time's takes longer.
    let near = years.filter(|local_ms| *local_ms <= latest.saturating_add(DAY_MS));
    near.map(|local_ms| local.utc(local_ms)).find(|ms| *ms <= latest)
}

/// A time of RFC 9557, `2026-11-22T10:00:00.123+01:00[Europe/Berlin]`: the offset counts.
fn annotated(text: &[u8]) -> Option<i64> {
    static PARSER: temporal::DateTimeParser = temporal::DateTimeParser::new();
    let time = PARSER.parse_timestamp(text.ends_with(b"]").then_some(text)?).ok()?;
    Some(time.as_millisecond())
}

/// A time of mail (RFC 2822) or HTTP, `Sun, 22 Nov 2026 10:00:00 +0800`. Not with any zone in letters but UTC: the RFC takes
/// those that it does not know for that.
fn mail(text: &[u8]) -> Option<i64> {
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let zone = text.rsplit(|byte| *byte == b' ').next().filter(|_| text.get(3) == Some(&b','))?;
    let time = matches!(zone, [b'+' | b'-', ..] | b"GMT" | b"UTC" | b"UT" | b"Z").then(|| PARSER.parse_timestamp(text));
    Some(time?.ok()?.as_millisecond())
}

/// `HH:MM:SS` and perhaps a fraction: where it ends. A clock without a date is no time, but a sign of one.
pub(crate) fn clock_alone(text: &[u8], at: usize) -> Option<usize> {
    let text = text.get(at..)?;
    civil(1970, 1, 1, text.get(..8)?)?;
    let (_, end) = fraction(text, 8);
    (!text.get(end).is_some_and(u8::is_ascii_digit)).then_some(at + end)
}

/// Milliseconds of a count since 1970: seconds, or milli-, micro- or nanoseconds by its size; seconds perhaps with a fraction.
/// What would be before April 1973 is no time but some other number.
pub(crate) fn epoch(text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number =
        text[..digits].iter().try_fold(0_i64, |n, byte| n.checked_mul(10)?.checked_add(i64::from(byte - b'0')))?;
    let (ms, end) = fraction(text, digits);
    if end != text.len() || number < 100_000_000 {
        return None;
    }
    match number.ilog10() + 1 {
        9..=11 => Some(1000 * number + ms),
        _ if end > digits => None,
        12..=14 => Some(number),
        15..=17 => Some(number / 1000),
        _ => Some(number / 1_000_000),
    }
}

fn long_date(text: &[u8; ISO]) -> Option<i64> {
    if text[7] != text[4] || !matches!(text[10], b' ' | b'T' | b't' | b'_') {
        return None;
    }
    let year = 100 * two(text, 0)? + two(text, 2)?;
    civil(year, two(text, 5)?, two(text, 8)?, &text[11..])
}

fn short_date(text: &[u8; SHORT]) -> Option<i64> {
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
    Some(10 * digit(*text.get(at)?)? + digit(*text.get(at + 1)?)?)
}

fn month(name: &[u8]) -> Option<i64> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// Milliseconds since 1970 of a date and `HH:MM:SS`.
fn civil(year: i64, month: i64, day: i64, clock: &[u8]) -> Option<i64> {
    if clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (two(clock, 0)?, two(clock, 3)?, two(clock, 6)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day)? * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; none where there is no such date.
pub(crate) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_in_month = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let longest = *days_in_month.get(usize::try_from(month - 1).ok()?)?;
    if day < 1 || day > longest {
        return None;
    }
    let before: i64 = days_in_month[..(month - 1) as usize].iter().sum();
    let years = year - 1; // whole years since year 0
    let leap_days = years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    Some(years * 365 + leap_days + before + day - 1 - 719_162) // days from 0001-01-01 to 1970-01-01
}

/// Milliseconds of a fraction at `at`, and where it ends: at most nine digits.
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

/// Milliseconds east of UTC of a zone that is written at `at`, and where it ends; none where there is none: `Z`, `+HH`, `+HHMM`,
/// `+HH:MM`, or one behind a blank.
fn written(text: &[u8], at: usize) -> Option<(i64, usize)> {
    match text.get(at)? {
        b'Z' | b'z' => Some((0, at + 1)),
        b' ' => behind_blank(text, at + 1),
        _ => offset(text, at),
    }
}

/// `Z`, `UTC`, `GMT`, these two perhaps with an offset as Java writes it (`GMT+08:00`, `GMT+8`), `+HHMM` or `+HH:MM`, and there the
/// end of a word. Numbers stand behind times, too: so an offset is one that a zone has, of whole quarters from -12:00 to +14:00, and
/// none of less than an hour but `+0000`.
fn behind_blank(text: &[u8], at: usize) -> Option<(i64, usize)> {
    const QUARTER_MS: i64 = 900_000;
    let name = match text.get(at..)? {
        [b'Z', ..] => 1,
        [b'U', b'T', b'C', ..] | [b'G', b'M', b'T', ..] => 3,
        _ => 0,
    };
    let from = at + name;
    let is_end = match (name, text.get(from)) {
        (0, _) => false,
        // One letter stands for much else.
        (1, Some(byte)) => matches!(byte, b' ' | b'\t' | b']' | b')' | b'"' | b',' | b';' | b'|' | b'\r' | b'\n'),
        (_, next) => !next.is_some_and(|byte| is_of_word(*byte) || matches!(byte, b'+' | b'-')),
    };
    if is_end {
        return Some((0, from));
    }
    let (offset_ms, end) = match (name, text.get(from..)?) {
        (0 | 3, [b'+' | b'-', b'0'..=b'9', b'0'..=b'9', ..]) => {
            offset(text, from).filter(|(_, end)| name > 0 || end - from > 3)?
        }
        (3, [b'+', hours @ b'0'..=b'9', ..]) => (i64::from(hours - b'0') * 4 * QUARTER_MS, from + 2),
        (3, [b'-', hours @ b'0'..=b'9', ..]) => (i64::from(hours - b'0') * -4 * QUARTER_MS, from + 2),
        _ => return None,
    };
    let is_end = match text.get(end..)? {
        [b'.' | b',' | b':' | b'-' | b'/', next, ..] => !next.is_ascii_digit(),
        [next, ..] => !is_of_word(*next) && *next != b'%',
        [] => true,
    };
    let is_one = (-12 * 4..=14 * 4).contains(&(offset_ms / QUARTER_MS))
        && offset_ms % QUARTER_MS == 0
        && (offset_ms == 0 || offset_ms.abs() >= 4 * QUARTER_MS);
    (is_end && is_one).then_some((offset_ms, end))
}

/// Whether a byte goes on with a word: of any script.
pub(crate) fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Milliseconds east of UTC of `+HH`, `+HHMM` or `+HH:MM` at `at`, and where it ends.
pub(crate) fn offset(text: &[u8], at: usize) -> Option<(i64, usize)> {
    let sign = match text.get(at)? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = two(text, at + 1)?;
    let (minutes, end) = match text.get(at + 3) {
        Some(b':') => (two(text, at + 4)?, at + 6),
        Some(b'0'..=b'9') => (two(text, at + 3)?, at + 5),
        _ => (0, at + 3),
    };
    (hours < 24 && minutes < 60).then_some((sign * (hours * 60 + minutes) * 60_000, end))
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
