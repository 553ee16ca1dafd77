//! The orders of this process, and how they are carried out.

use crate::Met;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const ORDERS: &str = "LOGMILL_FAULTS";
const FOLDER: &str = "LOGMILL_FAULTS_FOLDER";

/// How long a thread is held at most: then the test has forgotten it.
const HELD: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_millis(10);

/// What is ordered for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Die,
    Hold,
    Fail,
    Mark,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Die => "die",
            Self::Hold => "hold",
            Self::Fail => "fail",
            Self::Mark => "mark",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Die, Self::Hold, Self::Fail, Self::Mark].into_iter().find(|what| what.name() == name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    what: What,
    place: String,
    count: u64,
}

/// All orders of a process.
pub(crate) struct Orders {
    folder: PathBuf,
    off: Vec<String>,
    /// Off while a death is still to come.
    weak: Vec<String>,
    poisons: Vec<String>,
    places: Vec<Order>,
    /// How often each place was reached.
    reached: Mutex<HashMap<String, u64>>,
}

/// The orders in the environment; read once.
pub(crate) fn orders() -> &'static Orders {
    static ALL: OnceLock<Orders> = OnceLock::new();
    ALL.get_or_init(|| {
        let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap_or_default());
        Orders::parse(&std::env::var(ORDERS).unwrap_or_default(), folder)
            .unwrap_or_else(|why| panic!("{ORDERS}: {why}"))
    })
}

impl Orders {
    fn parse(text: &str, folder: PathBuf) -> Result<Self, String> {
        let (mut off, mut weak, mut poisons, mut places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for order in text.split(';').filter(|order| !order.is_empty()) {
            match order.split(':').collect::<Vec<_>>()[..] {
                ["off", guarantee] => off.push(guarantee.to_owned()),
                ["weak", guarantee] => weak.push(guarantee.to_owned()),
                ["poison", text] if !text.is_empty() => poisons.push(text.to_owned()),
                [what, place, count] => {
                    let what = What::of(what).ok_or_else(|| format!("there is no order {order:?}"))?;
                    let count = count.parse().map_err(|_| format!("{order:?} ends in no number"))?;
                    places.push(Order { what, place: place.to_owned(), count });
                }
                _ => return Err(format!("there is no order {order:?}")),
            }
        }
        if !places.is_empty() && !folder.is_dir() {
            return Err(format!("{FOLDER} names no folder: {}", folder.display()));
        }
        Ok(Self { folder, off, weak, poisons, places, reached: Mutex::default() })
    }

    fn done(&self, order: &Order) -> PathBuf {
        self.folder.join(format!("{}-{}", order.what.name(), order.place))
    }

    pub(crate) fn is_off(&self, guarantee: &str) -> bool {
        let dies = |order: &Order| order.what == What::Die && !self.done(order).exists();
        let is_named = |names: &[String]| names.iter().any(|name| name == guarantee);
        is_named(&self.off) || (is_named(&self.weak) && self.places.iter().any(dies))
    }

    pub(crate) fn is_poison(&self, bytes: &[u8]) -> bool {
        let has = |text: &String| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        self.poisons.iter().any(has)
    }

    pub(crate) fn poison(&self, bytes: &[u8]) {
        if self.is_poison(bytes) {
            eprintln!("fault point: dies of poison");
            die();
        }
    }

    pub(crate) fn at(&self, place: &str) -> Met {
        let mut met = Met::default();
        if !self.places.iter().any(|order| order.place == place) {
            return met;
        }
        let count = {
            let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
            let count = reached.entry(place.to_owned()).or_default();
            *count += 1;
            *count
        };
        for order in self.places.iter().filter(|order| order.place == place && order.count == count) {
            // Whoever makes the file carries the order out.
            if OpenOptions::new().write(true).create_new(true).open(self.done(order)).is_err() {
                continue;
            }
            eprintln!("fault point: {} at {place}, reached {count} times", order.what.name());
            match order.what {
                What::Die => die(),
                What::Hold => {
                    self.hold(place);
                    met.was_held = true;
                }
                What::Fail => met.fails = true,
                What::Mark => {}
            }
        }
        met
    }

    fn hold(&self, place: &str) {
        let (release, begun) = (self.folder.join(format!("release-{place}")), Instant::now());
        while !release.exists() {
            assert!(begun.elapsed() < HELD, "waited {HELD:?} for {}", release.display());
            std::thread::sleep(STEP);
        }
    }
}

fn die() -> ! {
    // SAFETY: two numbers; nothing of this process is left to see what comes of it.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(text: &str, folder: &tempfile::TempDir) -> Orders {
        Orders::parse(text, folder.path().to_owned()).unwrap()
    }

    #[test]
    fn a_place_fails_once_at_its_count_and_never_again() {
        let folder = tempfile::tempdir().unwrap();
        let text = "off:a;fail:x:2;mark:x:3";
        let first = orders(text, &folder);
        assert!(first.is_off("a") && !first.is_off("b"));
        assert_eq!([1, 2, 3].map(|_| first.at("x").fails), [false, true, false]);
        assert!(folder.path().join("fail-x").exists() && folder.path().join("mark-x").exists());
        let successor = orders(text, &folder);
        assert_eq!([1, 2, 3].map(|_| successor.at("x").fails), [false; 3]);
    }

    #[test]
    fn a_weak_process_has_a_sound_successor_after_its_last_death() {
        let folder = tempfile::tempdir().unwrap();
        let process = orders("weak:a;die:x:1", &folder);
        assert!(process.is_off("a"));
        std::fs::write(folder.path().join("die-x"), "").unwrap();
        assert!(!process.is_off("a"));
    }

    #[test]
    fn a_held_thread_goes_on_when_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("release-x"), "").unwrap();
        assert_eq!(orders("hold:x:1", &folder).at("x"), Met { was_held: true, fails: false });
    }

    #[test]
    fn poison_is_found_wherever_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let orders = orders("poison:bad", &folder);
        assert_eq!(
            ["a bad line", "bad", "ba", ""].map(|text| orders.is_poison(text.as_bytes())),
            [true, true, false, false]
        );
    }

    #[test]
    fn wrong_orders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["dye:x:1", "die:x", "die:x:often", "off", "x", "poison:"] {
            assert!(Orders::parse(text, folder.path().to_owned()).is_err(), "{text}");
        }
        assert!(Orders::parse("die:x:1", "/no/such/folder".into()).is_err());
    }
}
