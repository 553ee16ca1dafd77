//! Generated logs of an application that nobody runs: users start it, processes are called, pop-ups are shown, users
//! search and read. They are made of a seed, so that the same come out everywhere, and are counted here without any
//! database ([`Tally`]), so that what an analysis says can be held against it.

mod tally;

pub use tally::{Tally, tally};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

/// How much of what.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub seed: u64,
    /// Days since 1970-01-01.
    pub first_day: u32,
    pub days: u32,
    /// Starts of the application on one day.
    pub starts: u32,
    /// All users that there ever are; they come one after the other.
    pub users: u32,
    /// Files of one day.
    pub files: u32,
}

/// What happened, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Start,
    Call {
        process: &'static str,
    },
    Popup {
        popup: String,
    },
    Search {
        topic: &'static str,
    },
    Read {
        topic: &'static str,
    },
    /// Nothing that is counted.
    Beat,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    pub user: String,
    pub start: String,
    pub event: Event,
}

/// One file, whose lines are in the order of their times.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    /// Days since 1970-01-01.
    pub day: u32,
    pub lines: Vec<Line>,
}

const DAY_MS: u64 = 86_400_000;
const PROCESSES: [&str; 8] = ["render", "login", "sync", "pay", "cache", "upload", "search", "crash-report"];

/// Texts with the words that are in them; the later ones rise from day to day.
pub const TOPICS: [(&str, &[&str]); 8] = [
    ("北京天气", &["北京", "天气"]),
    ("price of gold", &["price", "gold"]),
    ("手机价格", &["手机", "价格"]),
    ("train tickets Beijing", &["train", "tickets", "beijing"]),
    ("上海地铁", &["上海", "地铁"]),
    ("iPhone 手机", &["iphone", "手机"]),
    ("世界杯决赛", &["世界杯", "决赛"]),
    ("ＧＯＬＤ 价格", &["gold", "价格"]),
];

impl Line {
    /// The fields of the line, as a pattern would find them.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String)> {
        let value = serde_json::to_value(&self.event).expect("plain data");
        let mut fields: Vec<(String, String)> =
            [("user", &self.user), ("start", &self.start)].map(|(name, value)| (name.to_owned(), value.clone())).into();
        for (name, value) in value.as_object().into_iter().flatten() {
            fields.push((name.clone(), value.as_str().unwrap_or_default().to_owned()));
        }
        fields
    }

    /// The line as text: one JSON object, its time first.
    #[must_use]
    pub fn json(&self) -> String {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(self.time_ms);
        let mut text = format!("{{\"time\":\"{}\"", humantime::format_rfc3339_millis(time));
        for (name, value) in self.fields() {
            text += &format!(",{}:{}", serde_json::json!(name), serde_json::json!(value));
        }
        text + "}"
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn day(&self) -> u32 {
        u32::try_from(self.time_ms / DAY_MS).expect("a day of these centuries")
    }
}

/// The files of all days. A start that begins late in the day goes on after midnight, in the file of the day on which it began.
#[must_use]
pub fn generate(wish: Wish) -> Vec<File> {
    let mut rng = StdRng::seed_from_u64(wish.seed);
    let mut files = Vec::new();
    for passed in 0..wish.days {
        let day = wish.first_day + passed;
        let mut lines: Vec<Vec<Line>> = vec![Vec::new(); wish.files.max(1) as usize];
        for number in 0..wish.starts {
            let file = number as usize % lines.len();
            lines[file].extend(one_start(&mut rng, wish, passed, number));
        }
        for (number, mut lines) in lines.into_iter().enumerate() {
            lines.sort_by_key(|line| line.time_ms);
            let name = format!("events-{day}-{number}.jsonl");
            files.push(File { name, day, lines });
        }
    }
    files
}

fn one_start(rng: &mut StdRng, wish: Wish, passed: u32, number: u32) -> Vec<Line> {
    let day = wish.first_day + passed;
    // The users who have come so far; half of all starts are the newest quarter's.
    let there = (wish.users * (passed + 1) / wish.days).max(1);
    let newest = rng.random_bool(0.5);
    let user = if newest { rng.random_range(there - there / 4 - 1..there) } else { rng.random_range(0..there) };
    let (user, start) = (format!("u{user:06}"), format!("s{day}-{number}"));
    let mut time_ms = u64::from(day) * DAY_MS + rng.random_range(0..DAY_MS);
    let mut lines = vec![Line { time_ms, user: user.clone(), start: start.clone(), event: Event::Start }];
    for _ in 0..rng.random_range(1..12) {
        time_ms += rng.random_range(0..60_000);
        let event = match rng.random_range(0..100) {
            0..45 => Event::Call { process: PROCESSES[skewed(rng, PROCESSES.len())] },
            45..60 => Event::Popup { popup: format!("ad-{}", skewed(rng, 40)) },
            60..75 => Event::Search { topic: topic(rng, passed) },
            75..90 => Event::Read { topic: topic(rng, passed) },
            _ => Event::Beat,
        };
        lines.push(Line { time_ms, user: user.clone(), start: start.clone(), event });
    }
    lines
}

/// A number below `n`, the small ones more often.
fn skewed(rng: &mut StdRng, n: usize) -> usize {
    let to = rng.random_range(1..=n);
    rng.random_range(0..to)
}

fn topic(rng: &mut StdRng, passed: u32) -> &'static str {
    let rising = TOPICS.len() - 2;
    let weight = f64::from(passed) / f64::from(passed + 10);
    let among = if rng.random_bool(weight) { &TOPICS[rising..] } else { &TOPICS[..rising] };
    among.choose(rng).expect("there are topics").0
}
