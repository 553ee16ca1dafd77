//! Days, in UTC.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS: u64 = 86_400;

/// A day in UTC: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i32);

/// A text that names no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no day from 1970 on, such as 2026-11-28")]
pub struct NoDay(String);

impl Day {
    /// The day of now, by this machine's clock.
    #[must_use]
    pub fn today() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i32::try_from(since.as_secs() / SECONDS).unwrap_or(i32::MAX))
    }

    #[must_use]
    pub fn before(self, days: u32) -> Self {
        Self(self.0.saturating_sub_unsigned(days))
    }

    /// As SQL: a Date32.
    pub(crate) fn sql(self) -> String {
        format!("toDate32({})", self.0)
    }
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let wrong = || NoDay(text.to_owned());
        let time = humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).map_err(|_| wrong())?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
        i32::try_from(since.as_secs() / SECONDS).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = u64::try_from(self.0).map_or(0, |days| days * SECONDS);
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        // The date of 2026-11-28T00:00:00Z.
        let text = humantime::format_rfc3339_seconds(time).to_string();
        f.write_str(text.split('T').next().unwrap_or_default())
    }
}

/// From the first day to the last, both of them in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: Day,
    pub last: Day,
}

impl Span {
    /// How many days.
    #[must_use]
    pub fn days(self) -> u32 {
        u32::try_from(self.last.0 - self.first.0 + 1).unwrap_or_default()
    }

    pub(crate) fn sql(self) -> String {
        format!("day BETWEEN {} AND {}", self.first.sql(), self.last.sql())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_shown() {
        for text in ["1970-01-01", "2024-02-29", "2026-11-28"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for text in ["", "2026-02-29", "2026-11", "28.11.2026", "1969-12-31"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert_eq!("2026-11-28".parse::<Day>().unwrap().before(28).to_string(), "2026-10-31");
    }
}
