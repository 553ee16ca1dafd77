//! The numbers that the analyses have to give, counted line by line.

use crate::{Event, Line, TOPICS};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Days since 1970-01-01.
type Day = u32;

/// By day; and what a day is counted by within it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Starts of the application.
    pub starts: BTreeMap<Day, u64>,
    /// Of each process: calls, and starts that called it.
    pub calls: BTreeMap<Day, BTreeMap<String, (u64, u64)>>,
    /// Pop-ups shown, and users who saw one.
    pub popups: BTreeMap<Day, (u64, u64)>,
    /// Of each word: events in whose text it is.
    pub topics: BTreeMap<Day, BTreeMap<String, u64>>,
    /// Users, and those of them who were there on no earlier day.
    pub users: BTreeMap<Day, (u64, u64)>,
}

/// Counts lines, in whatever order they come.
#[must_use]
pub fn tally<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Tally {
    let mut tally = Tally::default();
    let mut callers: BTreeSet<(Day, &str, &str)> = BTreeSet::new();
    let mut viewers: BTreeSet<(Day, &str)> = BTreeSet::new();
    let mut users: BTreeSet<(&str, Day)> = BTreeSet::new();
    for line in lines {
        let day = line.day();
        users.insert((&line.user, day));
        match &line.event {
            Event::Start => *tally.starts.entry(day).or_default() += 1,
            Event::Call { process } => {
                let call = tally.calls.entry(day).or_default().entry((*process).to_owned()).or_default();
                call.0 += 1;
                call.1 += u64::from(callers.insert((day, process, &line.start)));
            }
            Event::Popup { .. } => {
                let shown = tally.popups.entry(day).or_default();
                shown.0 += 1;
                shown.1 += u64::from(viewers.insert((day, &line.user)));
            }
            Event::Search { topic } | Event::Read { topic } => {
                let (_, words) = TOPICS.iter().find(|(text, _)| text == topic).expect("a topic of the list");
                for word in *words {
                    *tally.topics.entry(day).or_default().entry((*word).to_owned()).or_default() += 1;
                }
            }
            Event::Beat => {}
        }
    }
    let mut last = "";
    for (user, day) in users {
        let of_day = tally.users.entry(day).or_default();
        of_day.0 += 1;
        of_day.1 += u64::from(user != last);
        last = user;
    }
    tally
}
