//! Times in a form of one's own, as `strptime` describes them.

use crate::zone::Zone;
use jiff::fmt::strtime::BrokenDownTime;

/// Directives as those of `strptime`: `%Y-%m-%d %H:%M:%S`, `%f` for a fraction of 1 to 9 digits, `%z` for a zone, `%s` for seconds
/// since 1970, `%Q` for the name of a zone, and what else <https://docs.rs/jiff/latest/jiff/fmt/strtime/> lists. Without a year in it, the file's own time gives
/// one.
#[derive(Clone, Debug)]
pub(crate) struct TimeFormat(String);

/// What stood in a text; the zone only where it names one.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub year: Option<i64>,
    /// Month and day; or the day of the year.
    day: Day,
    /// Milliseconds since midnight.
    ms: i64,
    pub zone: Option<Zone>,
    /// Milliseconds since 1970, where the text says just that.
    pub utc_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
enum Day {
    OfMonth(i64, i64),
    OfYear(i64),
}

impl Parsed {
    /// Milliseconds since 1970 in that year, as if it were UTC.
    pub fn local_ms(&self, year: i64) -> Option<i64> {
        let days = match self.day {
            Day::OfMonth(month, day) => crate::time::days(year, month, day)?,
            Day::OfYear(day) => {
                let first = crate::time::days(year, 1, 1)?;
                (day <= crate::time::days(year, 12, 31)? - first + 1).then_some(first + day - 1)?
            }
        };
        Some(days * 86_400_000 + self.ms)
    }
}

impl TimeFormat {
    /// Refuses what does not read what it writes, saying why.
    pub fn new(format: &str) -> Result<Self, String> {
        let sample = jiff::civil::date(2026, 11, 22).at(13, 5, 9, 123_000_000);
        let sample = sample.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
        let written = jiff::fmt::strtime::format(format, &sample).map_err(|error| error.to_string())?;
        let made = Self(format.to_owned());
        match BrokenDownTime::parse(format, &written) {
            Err(error) => Err(error.to_string()),
            Ok(_) if made.read(written.as_bytes()).is_none() => {
                Err("it gives no time: it needs a month and a day (%m %d, %b %e) or a day of the year (%j), or %s"
                    .into())
            }
            Ok(_) => Ok(made),
        }
    }

    pub fn read(&self, text: &[u8]) -> Option<Parsed> {
        let time = BrokenDownTime::parse(&self.0, text).ok()?;
        let utc_ms = time.timestamp().map(|timestamp| timestamp.as_millisecond());
        let day = match (time.month(), time.day(), time.day_of_year()) {
            (Some(month), Some(day), _) => Day::OfMonth(month.into(), day.into()),
            (_, _, Some(day)) => Day::OfYear(day.into()),
            _ if utc_ms.is_some() => Day::OfYear(1),
            _ => return None,
        };
        let of = |part: Option<i8>| i64::from(part.unwrap_or(0));
        let seconds = (of(time.hour()) * 60 + of(time.minute())) * 60 + of(time.second());
        Some(Parsed {
            year: time.year().map(i64::from),
            day,
            ms: seconds * 1000 + i64::from(time.subsec_nanosecond().unwrap_or(0)) / 1_000_000,
            zone: match (time.offset(), time.iana_time_zone()) {
                (Some(offset), _) => Some(Zone::fixed(offset.seconds())?),
                (None, Some(name)) => Some(Zone::named(name)?),
                (None, None) => None,
            },
            utc_ms,
        })
    }
}
