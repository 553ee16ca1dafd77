use super::*;
use crate::time_format::TimeFormat;

/// 2026-11-22 10:00:00 UTC.
const TEN: i64 = 1_795_341_600_000;
const HOUR: i64 = 3_600_000;

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap_or_else(|| panic!("{name} is no zone"))
}

fn at(text: &str) -> i64 {
    let (ms, end) = Clock::new(0, Zone::UTC).iso(text.as_bytes(), 0).expect(text);
    assert_eq!(end, text.len());
    ms
}

#[test]
fn iso() {
    for (line, expected) in [
        ("2026-11-22 10:00:00", Some((TEN, 19))),
        ("2026-11-22 10:00:00,123 INFO", Some((TEN + 123, 23))),
        ("2026-11-22T10:00:00.123Z x", Some((TEN + 123, 24))),
        ("2026-11-22T10:00:00.123456789Z", Some((TEN + 123, 30))),
        ("2026-11-22T10:00:00.1+08:00", Some((TEN + 100 - 8 * HOUR, 27))),
        ("2026-11-22T10:00:00-0530 x", Some((TEN + 19_800_000, 24))),
        ("2026-11-22 10:00:00.5+02", Some((TEN + 500 - 2 * HOUR, 24))),
        ("2026-11-22 10:00:00.123 UTC [7] LOG", Some((TEN + 123, 27))),
        ("2026-11-22 10:00:00 UTCX", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +0800", Some((TEN - 8 * HOUR, 25))),
        ("2026-11-22 10:00:00.123 +08:00 INFO x", Some((TEN + 123 - 8 * HOUR, 30))),
        ("2026-11-22 10:00:00,123 -0500 INFO x", Some((TEN + 123 + 5 * HOUR, 29))),
        ("2026-11-22 10:00:00 +0545] x", Some((TEN - 5 * HOUR - 45 * 60_000, 25))),
        ("2026-11-22 10:00:00 -0000", Some((TEN, 25))),
        ("2026-11-22 10:00:00 +14:00", Some((TEN - 14 * HOUR, 26))),
        ("2026-11-22 10:00:00 +0800: x", Some((TEN - 8 * HOUR, 25))),
        ("2026-11-22 10:00:00 +0800, x", Some((TEN - 8 * HOUR, 25))),
        ("2026-11-22 10:00:00 Z", Some((TEN, 21))),
        ("2026-11-22 10:00:00.5 Z INFO", Some((TEN + 500, 23))),
        ("2026-11-22 10:00:00 GMT+08:00 INFO", Some((TEN - 8 * HOUR, 29))),
        ("2026-11-22 10:00:00 UTC-0330", Some((TEN + 3 * HOUR + 30 * 60_000, 28))),
        ("2026-11-22 10:00:00 GMT+8 x", Some((TEN - 8 * HOUR, 25))),
        ("2026-11-22 10:00:00 GMT+08 x", Some((TEN - 8 * HOUR, 26))),
        // numbers and words that are no zones
        ("2026-11-22 10:00:00 -1 items", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +5 users", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +08 users", Some((TEN, 19))),
        ("2026-11-22 10:00:00 - message", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -- message", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -0500x", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -05000", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -0500.5 points", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +05:00:07 left", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +0800%", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -1234 items", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +0860", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +1415", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +1500", Some((TEN, 19))),
        ("2026-11-22 10:00:00  +0800", Some((TEN, 19))),
        ("2026-11-22 10:00:00 Zone", Some((TEN, 19))),
        ("2026-11-22 10:00:00 Z-order", Some((TEN, 19))),
        ("2026-11-22 10:00:00 Z=3", Some((TEN, 19))),
        ("2026-11-22 10:00:00 Zürich connected", Some((TEN, 19))),
        ("2026-11-22 10:00:00 GMTülle", Some((TEN, 19))),
        ("2026-11-22 10:00:00 +0015", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -0045", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -1330", Some((TEN, 19))),
        ("2026-11-22 10:00:00 -1200", Some((TEN + 12 * HOUR, 25))),
        ("2026-11-22 10:00:00 UTC+x", Some((TEN, 19))),
        ("2026-11-22 10:00:00 CET [123] LOG", Some((TEN, 19))),
        ("2026-11-22_10:00:00", Some((TEN, 19))),
        ("2026/11/22 10:00:00 x", Some((TEN, 19))),
        ("26/11/22 10:00:00 INFO x", Some((TEN, 17))),
        ("26/11/22 10:00:00", Some((TEN, 17))),
        ("1970-01-01 00:00:00", Some((0, 19))),
        ("2026-00-22 10:00:00", None),
        ("2026-11-2x 10:00:00", None),
        ("99/01/01 00:00:00", Some((915_148_800_000, 17))),
        ("2000-02-29 00:00:00", Some((951_782_400_000, 19))),
        ("1969-12-31 23:59:59", Some((-1000, 19))),
        ("2026-11-22 10:00:00,x", Some((TEN, 19))),
        ("2026-11-22 10:00:00 - x", Some((TEN, 19))),
        ("2026-11-22 10:00:00-x", Some((TEN, 19))),
        ("2026-13-22 10:00:00", None),
        ("2026-02-29 10:00:00", None),
        ("1900-02-29 10:00:00", None),
        ("2026-11-22 24:00:00", None),
        ("2026-11-22 10:00:000", None),
        ("2026-11/22 10:00:00", None),
        ("2026-11-22", None),
        ("", None),
    ] {
        assert_eq!(Clock::new(0, Zone::UTC).iso(line.as_bytes(), 0), expected, "{line:?}");
    }
}

#[test]
fn leading() {
    for (line, expected) in [
        ("2026-11-22 10:00:00,123 INFO", Some((TEN + 123, 23))),
        ("[2026-11-22 10:00:00,123] x", Some((TEN + 123, 24))),
        ("[2026-11-22 10:00:00]", Some((TEN, 20))),
        ("[[2026-11-22 10:00:00]", None),
        ("[", None),
        ("", None),
        ("\tat java.lang.Thread.run(Thread.java:748)", None),
    ] {
        assert_eq!(Clock::new(0, Zone::UTC).leading(line.as_bytes()), expected, "{line:?}");
    }
}

#[test]
fn what_follows_a_fraction_of_three_digits_counts() {
    for (after, expected) in [
        ("", (TEN + 123, 23)),
        (" ", (TEN + 123, 23)),
        (" U", (TEN + 123, 23)),
        (" UTC", (TEN + 123, 27)),
        (" GMT x", (TEN + 123, 27)),
        (" INFO", (TEN + 123, 23)),
        ("]", (TEN + 123, 23)),
        ("Z", (TEN + 123, 24)),
        (" Z", (TEN + 123, 25)),
        (" Zx", (TEN + 123, 23)),
        (" +0800", (TEN + 123 - 8 * HOUR, 29)),
        (" +08:00 INFO x", (TEN + 123 - 8 * HOUR, 30)),
        (" - x", (TEN + 123, 23)),
        (" -1 x", (TEN + 123, 23)),
        (" +5", (TEN + 123, 23)),
        (" +", (TEN + 123, 23)),
        ("z x", (TEN + 123, 24)),
        ("+01 x", (TEN + 123 - HOUR, 26)),
        ("-01:00", (TEN + 123 + HOUR, 29)),
        ("4 x", (TEN + 123, 24)),
    ] {
        let line = format!("2026-11-22 10:00:00,123{after}");
        assert_eq!(Clock::new(0, Zone::UTC).iso(line.as_bytes(), 0), Some(expected), "{line:?}");
    }
}

#[test]
fn a_zone_is_taken_where_the_text_has_none() {
    let mut clock = Clock::new(TEN, zone("+08:00"));
    assert_eq!(clock.iso(b"2026-11-22 18:00:00,123 x", 0), Some((TEN + 123, 23)));
    assert_eq!(clock.iso(b"2026-11-22 18:00:00.123456", 0), Some((TEN + 123, 26)));
    assert_eq!(clock.iso(b"2026-11-22T10:00:00Z", 0), Some((TEN, 20)));
    assert_eq!(clock.bsd(b"Nov 22 18:00:00", 0), Some((TEN, 15)));
    assert_eq!(clock.asctime(b"Sun Nov 22 18:00:00.5 2026", 0), Some((TEN + 500, 26)));
    let format = |format| TimeFormat::new(format).expect("valid");
    assert_eq!(clock.by(&format("%d.%m.%Y %H:%M:%S"), b"22.11.2026 18:00:00"), Some(TEN));
    assert_eq!(clock.by(&format("%d.%m.%Y %H:%M:%S %z"), b"22.11.2026 11:00:00 +0100"), Some(TEN));
}

#[test]
fn the_text_before_is_not_mixed_up() {
    let mut clock = Clock::new(TEN, Zone::UTC);
    for _ in 0..2 {
        assert_eq!(clock.iso(b"2026-11-22 10:00:00,001", 0), Some((TEN + 1, 23)));
        assert_eq!(clock.iso(b"2026-11-22 10:00:01,003", 0), Some((TEN + 1003, 23)));
        assert_eq!(clock.clf(b"22/Nov/2026:10:00:00 +0000", 0), Some((TEN, 26)));
        assert_eq!(clock.clf(b"22/Nov/2026:10:00:00 +0100", 0), Some((TEN - HOUR, 26)));
        assert_eq!(clock.bsd(b"Nov 22 10:00:00", 0), Some((TEN, 15)));
        assert_eq!(clock.bsd(b"Nov 22 10:00:00.25 x", 0), Some((TEN + 250, 18)));
        assert_eq!(clock.bsd(b"Nov 22 10:00:000", 0), None);
    }
    let nothing = [0; 32];
    let mut clock = Clock::new(TEN, Zone::UTC);
    assert_eq!((clock.iso(&nothing, 0), clock.clf(&nothing, 0), clock.bsd(&nothing, 0)), (None, None, None));
}

#[test]
fn clf() {
    for (text, expected) in [
        ("10/Oct/2000:13:55:36 -0700] \"GET", Some((971_211_336_000, 26))), // the example of Apache's documentation
        ("10/Oct/2000:13:55:36 Z", None),
        ("10/oct/2000:13:55:36 -0700", None),
        ("32/Oct/2000:13:55:36 -0700", None),
        ("10/Oct/2000 13:55:36 -0700", None),
    ] {
        assert_eq!(Clock::new(0, Zone::UTC).clf(text.as_bytes(), 0), expected, "{text:?}");
    }
}

/// The year is the last one with which the time is not later than a day after the file's.
#[test]
fn years_that_are_not_written() {
    for (modified, text, expected) in [
        ("2026-11-22 10:00:00", "Nov 22 10:00:00", "2026-11-22 10:00:00"),
        ("2026-11-22 10:00:00", "Nov 23 10:00:00", "2026-11-23 10:00:00"),
        ("2026-11-22 10:00:00", "Nov 23 10:00:01", "2025-11-23 10:00:01"),
        ("2026-11-22 10:00:00", "Oct  9 22:33:20", "2026-10-09 22:33:20"),
        ("2026-11-22 10:00:00", "Oct 09 22:33:20", "2026-10-09 22:33:20"),
        // around New Year
        ("2027-01-01 00:00:00", "Dec 31 23:59:59", "2026-12-31 23:59:59"),
        ("2027-01-01 00:00:00", "Jan  1 00:00:00", "2027-01-01 00:00:00"),
        ("2026-12-31 23:59:59", "Jan  1 00:00:00", "2027-01-01 00:00:00"),
        ("2026-12-31 23:59:59", "Jan  2 00:00:00", "2026-01-02 00:00:00"),
        ("2026-12-31 23:59:59", "Dec 31 23:59:59", "2026-12-31 23:59:59"),
        // 29 February: the last year that had one
        ("2024-02-29 12:00:00", "Feb 29 11:00:00", "2024-02-29 11:00:00"),
        ("2024-02-28 12:00:00", "Feb 29 11:00:00", "2024-02-29 11:00:00"),
        ("2024-02-28 10:00:00", "Feb 29 11:00:00", "2020-02-29 11:00:00"),
        ("2027-03-01 00:00:00", "Feb 29 11:00:00", "2024-02-29 11:00:00"),
        ("1903-03-01 00:00:00", "Feb 29 11:00:00", "1896-02-29 11:00:00"),
    ] {
        let found = Clock::new(at(modified), Zone::UTC).bsd(text.as_bytes(), 0);
        assert_eq!(found, Some((at(expected), 15)), "{text} in a file of {modified}");
        let format = TimeFormat::new("%b %e %H:%M:%S").expect("valid");
        let found = Clock::new(at(modified), Zone::UTC).by(&format, text.as_bytes());
        assert_eq!(found, Some(at(expected)), "{text} in a file of {modified}, by a format");
    }
    let mut clock = Clock::new(at("2026-11-22 10:00:00"), Zone::UTC);
    assert_eq!(clock.bsd(b"Feb 30 11:00:00", 0), None);
    assert_eq!(clock.bsd(b"Oct  9 2003 22:33:20 x", 0), Some((at("2003-10-09 22:33:20"), 20)));
    assert_eq!(clock.bsd(b"Oct 9 22:33:20 x", 0), Some((at("2026-10-09 22:33:20"), 14)));
    for extreme in [i64::MIN, i64::MAX] {
        let _ = Clock::new(extreme, Zone::UTC).bsd(b"Oct  9 22:33:20", 0); // no panic
    }
}

#[test]
fn asctime() {
    for (text, expected) in [
        ("Fri Sep 09 10:42:29.902022 2011] [core:error]", Some(("2011-09-09 10:42:29.902", 31))),
        ("Fri Sep  9 10:42:29 2011", Some(("2011-09-09 10:42:29", 24))),
        ("Fri Sep  9 10:42:29", None),
        ("123 Sep  9 10:42:29 2011", None),
    ] {
        let found = Clock::new(0, Zone::UTC).asctime(text.as_bytes(), 0);
        assert_eq!(found, expected.map(|(time, end)| (at(time), end)), "{text:?}");
    }
}

#[test]
fn epochs() {
    for (text, expected) in [
        ("1795341600", Some(TEN)),
        ("1795341600.123", Some(TEN + 123)),
        ("1795341600123", Some(TEN + 123)),
        ("1795341600123456", Some(TEN + 123)),
        ("1795341600123456789", Some(TEN + 123)),
        ("12", None),
        ("1795341600x", None),
        ("", None),
        ("99999999999999999999999999999999", None),
    ] {
        assert_eq!(epoch(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn forms_of_ones_own() {
    for (format, text, expected) in [
        ("%d.%m.%Y %H:%M:%S", "22.11.2026 10:00:00", Some(TEN)),
        ("%Y%m%d %H%M%S%.f", "20261122 100000.123", Some(TEN + 123)),
        ("%d-%b-%Y %I:%M:%S %p", "22-Nov-2026 10:00:00 AM", Some(TEN)),
        ("%Y-%j %H:%M", "2026-326 10:00", Some(TEN)),
        ("%s", "1795341600", Some(TEN)),
        ("%d.%m.%Y", "22.11.2026", Some(TEN - 10 * HOUR)),
        ("%d.%m.%Y", "31.11.2026", None),
        ("%d.%m.%Y", "22.11.2026 x", None),
        ("%d.%m.%Y", "", None),
    ] {
        let format = TimeFormat::new(format).unwrap_or_else(|why| panic!("{format}: {why}"));
        assert_eq!(Clock::new(TEN, Zone::UTC).by(&format, text.as_bytes()), expected, "{text:?}");
    }
    for wrong in ["%Q%Q", "%H:%M:%S", "%", "plain"] {
        assert!(TimeFormat::new(wrong).is_err(), "{wrong}");
    }
}

/// Of a field the whole is the time.
#[test]
fn any_form() {
    for (text, expected) in [
        ("2026-11-22 10:00:00 +0800", Some(TEN - 8 * HOUR)),
        ("2026-11-22 10:00:00.123 Z", Some(TEN + 123)),
        ("Sun, 22 Nov 2026 10:00:00 +0800", Some(TEN - 8 * HOUR)),
        ("Sun, 22 Nov 2026 10:00:00 GMT", Some(TEN)),
        ("Sun, 22 Nov 2026 10:00:00 UTC", Some(TEN)),
        ("Mon, 22 Nov 2026 10:00:00 -0000", Some(TEN)), // whatever the day of the week
        ("2026-11-22T10:00:00.123+01:00[Europe/Berlin]", Some(TEN + 123 - HOUR)),
        ("2026-11-22T10:00+01:00[Europe/Berlin]", Some(TEN - HOUR)), // as Java writes a whole minute
        ("2026-11-22T10:00:00Z[UTC]", Some(TEN)),
        ("22/Nov/2026:11:00:00 +0100", Some(TEN)),
        ("Sun Nov 22 10:00:00 2026", Some(TEN)),
        ("1795341600123", Some(TEN + 123)),
        ("2026-11-22 10:00:00 CET", None),
        ("2026-11-22 10:00:00 +0800 x", None),
        ("2026-11-22T10:00:00[Europe/Berlin]", None),
        ("2026-11-22T10:00:00+01:00[Europe/Berlin] x", None),
        ("Sun, 22 Nov 2026 10:00:00 CET", None),
        ("Sun, 22 Nov 2026 10:00:00", None),
        ("Sun, 22 Nov 2026 10:00:00 +0800 x", None),
        ("Sun, 22 Nov 2026", None),
        ("2026-11-22]", None),
        ("]", None),
        ("", None),
    ] {
        assert_eq!(Clock::new(0, Zone::UTC).any(text.as_bytes()), expected, "{text:?}");
    }
}

/// Clocks of Berlin go from +01:00 to +02:00 on 2026-03-29 at 02:00, and back on 2026-10-25 at 03:00.
#[test]
fn a_zone_with_daylight_saving() {
    let mut clock = Clock::new(TEN, zone("Europe/Berlin"));
    for (line, expected, end) in [
        ("2026-01-15 12:00:00.5 x", "2026-01-15 11:00:00.5", 21),
        ("2026-07-15 12:00:00,123 INFO x", "2026-07-15 10:00:00,123", 23),
        ("2026-03-29 01:59:59", "2026-03-29 00:59:59", 19),
        ("2026-03-29 02:00:00", "2026-03-29 01:00:00", 19), // left out: as if clocks had not been set yet
        ("2026-03-29 02:59:59", "2026-03-29 01:59:59", 19),
        ("2026-03-29 03:00:00", "2026-03-29 01:00:00", 19),
        ("2026-10-25 01:59:59", "2026-10-24 23:59:59", 19),
        ("2026-10-25 02:00:00", "2026-10-25 00:00:00", 19), // the first of two
        ("2026-10-25 02:59:59", "2026-10-25 00:59:59", 19),
        ("2026-10-25 03:00:00", "2026-10-25 02:00:00", 19),
        // what the zone is called
        ("2026-10-25 02:30:00 CEST x", "2026-10-25 00:30:00", 24),
        ("2026-10-25 02:30:00,123 CET [7] LOG", "2026-10-25 01:30:00,123", 27),
        ("2026-07-15 12:00:00.123 CEST", "2026-07-15 10:00:00.123", 28),
        ("2026-07-15 12:00:00 CET x", "2026-07-15 10:00:00", 19), // not at that time
        ("2026-11-22 11:00:00 CET", "2026-11-22 10:00:00", 23),
        ("2026-11-22 11:00:00 CETX", "2026-11-22 10:00:00", 19),
        ("2026-11-22 11:00:00 MSK x", "2026-11-22 10:00:00", 19), // another zone
        ("2026-07-15 12:00:00 +0800 x", "2026-07-15 04:00:00", 25),
        ("2026-07-15 12:00:00Z", "2026-07-15 12:00:00", 20),
    ] {
        for _ in 0..2 {
            assert_eq!(clock.iso(line.as_bytes(), 0), Some((at(expected), end)), "{line:?}");
        }
    }
    assert_eq!(clock.bsd(b"Jul 15 12:00:00", 0), Some((at("2026-07-15 10:00:00"), 15)));
    assert_eq!(clock.asctime(b"Wed Jul 15 12:00:00 2026", 0), Some((at("2026-07-15 10:00:00"), 24)));
    assert_eq!(clock.any(b"2026-11-22 11:00:00 CET"), Some(TEN));
    let format = |format| TimeFormat::new(format).expect("valid");
    assert_eq!(clock.by(&format("%d.%m. %H:%M"), b"15.07. 12:00"), Some(at("2026-07-15 10:00:00")));
    assert_eq!(clock.by(&format("%d.%m.%Y %H:%M %z"), b"15.07.2026 12:00 +0800"), Some(at("2026-07-15 04:00:00")));
    let named = format("%d.%m.%Y %H:%M %Q");
    assert_eq!(clock.by(&named, b"15.07.2026 12:00 Asia/Shanghai"), Some(at("2026-07-15 04:00:00")));
    assert_eq!(clock.by(&named, b"15.07.2026 12:00 Asia/Nowhere"), None);
    for extreme in [i64::MIN, i64::MAX] {
        let mut clock = Clock::new(extreme, zone("America/New_York"));
        let _ = clock.bsd(b"Oct  9 22:33:20", 0); // no panic
        assert!(clock.iso(b"9999-12-31 23:59:59", 0).is_some() && clock.iso(b"0000-01-01 00:00:00", 0).is_some());
    }
}

#[test]
fn years_that_are_not_written_in_a_zone() {
    for (modified, text, expected) in [
        ("2026-12-31 23:30:00", "Jan  2 00:30:00", "2027-01-01 23:30:00"),
        ("2026-12-31 23:30:00", "Jan  2 00:30:01", "2026-01-01 23:30:01"),
        ("2027-01-01 00:00:00", "Jan  2 01:00:00", "2027-01-02 00:00:00"),
        ("2027-01-01 00:00:00", "Jan  2 01:00:01", "2026-01-02 00:00:01"),
    ] {
        let found = Clock::new(at(modified), zone("Europe/Berlin")).bsd(text.as_bytes(), 0);
        assert_eq!(found, Some((at(expected), 15)), "{text} in a file of {modified}");
    }
}
