//! Points in time on the command line.

use crate::files::now_ms;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// [`parse`] of what stands on the command line now.
///
/// # Errors
/// What a time is.
pub fn given(text: &str) -> Result<u64, String> {
    parse(text, now_ms()).ok_or_else(|| "2026-11-23T10:00:00Z is a time, and 10m is ten minutes ago".into())
}

/// Where to begin in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Beginning,
    End,
    /// Of each partition.
    Offset(i64),
    /// Milliseconds since 1970.
    Time(u64),
}

impl FromStr for Begin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse(), parse(text, now_ms())) {
            ("beginning", ..) => Ok(Self::Beginning),
            ("end", ..) => Ok(Self::End),
            (_, Ok(offset), _) => Ok(Self::Offset(offset)),
            (.., Some(time)) => Ok(Self::Time(time)),
            _ => Err("it must be beginning, end, an offset, a time (2026-11-23T10:00:00Z) or so long ago (10m)"),
        }
    }
}

/// A time (RFC 3339, the zone may be left out: UTC), or so long before `now_ms`; ms since 1970.
pub fn parse(text: &str, now_ms: u64) -> Option<u64> {
    let of = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    };
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return of(time);
    }
    let day = format!("{text} 00:00:00");
    if let Ok(time) = humantime::parse_rfc3339_weak(&day) {
        return of(time);
    }
    let ago: Duration = humantime::parse_duration(text).ok()?;
    Some(now_ms.saturating_sub(u64::try_from(ago.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_time_is_a_date_or_so_long_ago() {
        let now = 1_000_000_000_000;
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", Some(1_795_428_000_000)),
            ("2026-11-23 10:00:00", Some(1_795_428_000_000)),
            ("2026-11-23", Some(1_795_392_000_000)),
            ("10m", Some(now - 600_000)),
            ("2days", Some(now - 2 * 86_400_000)),
            ("yesterday", None),
            ("17", None),
            ("", None),
        ] {
            assert_eq!(parse(text, now), expected, "{text:?}");
        }
    }
}
