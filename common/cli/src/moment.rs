//! Points in time on the command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
