use super::*;
use proptest::prelude::*;

#[test]
fn as_the_configuration_writes_it() {
    for (text, shown) in [
        ("UTC", "UTC"),
        ("utc", "UTC"),
        ("Z", "UTC"),
        ("+00:00", "UTC"),
        ("+08:00", "+08:00"),
        ("+0800", "+08:00"),
        ("+08", "+08:00"),
        ("-05:30", "-05:30"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("asia/shanghai", "Asia/Shanghai"),
    ] {
        let zone = Zone::parse(text).unwrap_or_else(|| panic!("{text} is no zone"));
        assert_eq!(zone.to_string(), shown, "{text}");
        assert_eq!(Zone::parse(shown), Some(zone), "{text}");
    }
    for wrong in ["", "+8:00", "08:00", "+24:00", "+0a:00", "+08:00 ", "CST", "Berlin", "Europe/Berln", "Etc/Unknown"] {
        assert_eq!(Zone::parse(wrong), None, "{wrong}");
    }
    assert!(Zone::fixed(i32::MAX).is_none());
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(Zone::names())
}

/// Milliseconds of local times from 1970 to 2100, within four days.
fn times() -> impl Strategy<Value = Vec<i64>> {
    const LAST: i64 = 4_102_444_800_000;
    let near = (0..LAST, prop::collection::vec(-172_800_000..172_800_000_i64, 1..20));
    near.prop_map(|(time, steps)| steps.into_iter().map(|step| time + step).collect())
}

/// Milliseconds of local times so far from the first transitions after the beginning of a year.
fn around_transitions(zone: &Zone, year: i64, steps: &[i64]) -> Vec<i64> {
    const YEAR: i64 = 31_556_952;
    let transitions = zone.0.following(timestamp((year - 1970) * YEAR)).take(3);
    let local = transitions.map(|t| 1000 * (t.timestamp().as_second() + i64::from(t.offset().seconds())));
    local.flat_map(|at| steps.iter().map(move |step| at + step)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is kept changes nothing: each time is as the library says.
    #[test]
    fn what_is_kept_holds(
        name in names(),
        mut times in times(),
        year in 1970..2050_i64,
        steps in prop::collection::vec(prop_oneof![-7_200_000..7_200_000_i64, -1..=1_i64], 0..20),
    ) {
        let zone = Zone::named(&name).expect("it is in the database");
        times.extend(around_transitions(&zone, year, &steps));
        let mut used = LocalTimes::new(zone.clone());
        for time in times {
            let local = Offset::UTC.to_datetime(timestamp(time.div_euclid(1000)));
            let ambiguous = zone.0.to_ambiguous_timestamp(local);
            let ms = time.rem_euclid(1000);
            let expected = ambiguous.compatible().expect("a time").as_millisecond() + ms;
            prop_assert_eq!(used.utc(time), expected, "{} in {}", local, name);
            prop_assert!(used.range.contains(&time), "{} in {}", local, name);
            let instants = [ambiguous.earlier().expect("a time"), ambiguous.later().expect("a time")];
            let abbreviation = |instant| zone.0.to_offset_info(instant).abbreviation().to_owned();
            let is_there = |instant| zone.0.to_datetime(instant) == local; // not where it is left out
            for named in instants.into_iter().filter(|instant| is_there(*instant)).map(abbreviation) {
                let first = instants.into_iter().find(|instant| abbreviation(*instant) == named).expect("one of the two");
                let is_word = zone.seconds().is_none() && named.starts_with(char::is_alphabetic);
                let expected = is_word.then(|| (first.as_millisecond() + ms, 1 + named.len()));
                let found = used.utc_by_abbreviation(time, format!(" {named}").as_bytes(), 0);
                prop_assert_eq!(found, expected, "{} {} in {}", local, named, name);
            }
        }
    }

    /// A zone of the database whose offset never changes is that offset.
    #[test]
    fn a_name_for_an_offset_is_that_offset(hours in -12..=14_i32, time in any::<i64>()) {
        let name = format!("Etc/GMT{}{}", if hours > 0 { '-' } else { '+' }, hours.abs()); // POSIX counts to the west
        let mut named = LocalTimes::new(Zone::named(&name).expect("it is in the database"));
        let mut fixed = LocalTimes::new(Zone::fixed(hours * 3600).expect("less than a day"));
        prop_assert_eq!(named.utc(time), fixed.utc(time));
    }
}
