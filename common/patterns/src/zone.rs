//! Zones, and what local times in them are in UTC.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use std::fmt;
use std::ops::Range;

/// The zone of times that name none: so far east of UTC, or one of the IANA time zone database with its daylight saving. The
/// database is part of the program, so that a zone is the same on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    pub const UTC: Self = Self(TimeZone::UTC);

    /// `seconds` east of UTC. None where that is more than a day.
    #[must_use]
    pub fn fixed(seconds: i32) -> Option<Self> {
        Offset::from_seconds(seconds).ok().map(|offset| Self(TimeZone::fixed(offset)))
    }

    /// That of a name in the database, in capitals or not, such as `Europe/Berlin`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown()).map(Self)
    }

    /// As the configuration writes it: `UTC` or `Z`, `+08:00`, `+0800`, `+08`, or a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [b'Z' | b'z'] => Some(Self::UTC),
            [b'+' | b'-', ..] => {
                let (offset_ms, end) = crate::time::offset(text.as_bytes(), 0)?;
                if end == text.len() { Self::fixed(i32::try_from(offset_ms / 1000).ok()?) } else { None }
            }
            _ => Self::named(text),
        }
    }

    /// Seconds east of UTC, where they are the same at all times.
    #[must_use]
    pub fn seconds(&self) -> Option<i32> {
        self.0.to_fixed_offset().ok().map(Offset::seconds)
    }

    /// Its name in the database, where it is of that.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.iana_name()
    }

    /// All names in the database.
    #[must_use]
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

/// As the configuration writes it.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.seconds()) {
            (Some(name), _) => f.write_str(name),
            (None, seconds) => {
                let seconds = seconds.unwrap_or(0);
                let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// Turns local times of a zone into UTC.
///
/// Times that follow each other mostly have the same offset: so the last one is kept with the local times for which it holds.
#[derive(Debug)]
pub(crate) struct LocalTimes {
    zone: Zone,
    /// Milliseconds since 1970, as if they were UTC: for these local times hold...
    range: Range<i64>,
    /// ...the offset, twice; or, of a time that comes twice or not at all because clocks are set, that of before and that of after.
    offsets: [Held; 2],
}

#[derive(Debug)]
struct Held {
    /// Milliseconds east of UTC.
    offset_ms: i64,
    /// What the zone is called while that holds, such as `CEST`; empty where that is no word.
    abbreviation: String,
}

impl LocalTimes {
    pub fn new(zone: Zone) -> Self {
        let seconds = zone.seconds();
        let held = || Held { offset_ms: 1000 * i64::from(seconds.unwrap_or(0)), abbreviation: String::new() };
        let range = if seconds.is_some() { i64::MIN..i64::MAX } else { 0..0 };
        Self { offsets: [held(), held()], range, zone }
    }

    /// Milliseconds since 1970 of a local time, which is given as if it were UTC. Of a time that comes twice it is the first; one
    /// that is left out is as if clocks had not been put forward yet.
    #[inline]
    pub fn utc(&mut self, local_ms: i64) -> i64 {
        self.hold(local_ms);
        local_ms.saturating_sub(self.offsets[0].offset_ms)
    }

    /// As above, where a blank and the zone's abbreviation at that time stand at `at`; and where it ends. It says which one a time
    /// that comes twice is.
    pub fn utc_by_abbreviation(&mut self, local_ms: i64, text: &[u8], at: usize) -> Option<(i64, usize)> {
        let word = text.get(at..)?.strip_prefix(b" ")?;
        self.hold(local_ms);
        let Held { offset_ms, abbreviation } = self.offsets.iter().find(|Held { abbreviation, .. }| {
            let goes_on = || word.get(abbreviation.len()).is_some_and(|byte| crate::time::is_of_word(*byte));
            !abbreviation.is_empty() && word.starts_with(abbreviation.as_bytes()) && !goes_on()
        })?;
        Some((local_ms.saturating_sub(*offset_ms), at + 1 + abbreviation.len()))
    }

    /// Whether the abbreviation of the zone at the time that was asked for last may begin so.
    #[inline]
    pub fn is_called(&self, first: u8) -> bool {
        self.offsets.iter().any(|held| held.abbreviation.as_bytes().first() == Some(&first))
    }

    #[inline]
    fn hold(&mut self, local_ms: i64) {
        if !self.range.contains(&local_ms) {
            self.look_up(local_ms);
        }
    }

    #[cold]
    fn look_up(&mut self, local_ms: i64) {
        // In whole seconds, as clocks are set.
        let zone = &self.zone.0;
        let local = local_ms.div_euclid(1000);
        let seconds = |offset: Offset| i64::from(offset.seconds());
        let following =
            |at| zone.following(timestamp(at)).next().map(|next| (next.timestamp().as_second(), next.offset()));
        let (end, instants) = match zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(timestamp(local))).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let now = local - seconds(offset);
                (following(now).map(|(set, after)| set + seconds(offset.min(after))), [now, now])
            }
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                let (least, most) = (seconds(before.min(after)), seconds(before.max(after)));
                let set = following(local - most).map_or(local - least, |(set, _)| set);
                (Some(set + most), [set - 1, set])
            }
        };
        // What is before is not asked for: logs go forward.
        self.range = 1000 * local..end.map_or(i64::MAX, |end| 1000 * end);
        for (held, instant) in self.offsets.iter_mut().zip(instants) {
            let info = zone.to_offset_info(timestamp(instant));
            held.offset_ms = 1000 * seconds(info.offset());
            held.abbreviation.clear();
            if info.abbreviation().starts_with(|c: char| c.is_ascii_alphabetic()) {
                held.abbreviation.push_str(info.abbreviation());
            }
        }
    }
}

/// The time so many seconds after 1970, or the nearest one that there is.
fn timestamp(seconds: i64) -> Timestamp {
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).expect("it is within the bounds")
}

#[cfg(test)]
#[path = "zone_tests.rs"]
mod tests;
