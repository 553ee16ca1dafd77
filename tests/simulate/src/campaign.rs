//! Many schedules; what they covered; and the smallest form of one that failed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One schedule: a seed, and the faults that befall what it sets up.
pub trait Schedule: Clone + fmt::Debug + Send {
    /// What can be switched off.
    type Rule: Copy + Send + Sync;
    type Coverage: Count;

    /// The schedule of a seed.
    fn of_seed(seed: u64, weaker: Option<Self::Rule>) -> Self;

    /// Runs it.
    ///
    /// # Errors
    /// What was not as it has to be.
    fn run(&self) -> Result<Self::Coverage, String>;

    /// The same with one thing left out, in every way there is.
    fn smaller(&self) -> Vec<Self>;

    /// The same, telling every step on standard error.
    #[must_use]
    fn traced(&self) -> Self;
}

/// Counts by name.
pub trait Count: Default + Send {
    fn numbers(&self) -> Vec<(&'static str, u64)>;

    /// Adds another's counts.
    fn add(&mut self, other: &Self);

    /// What was never reached: a campaign that never saw a takeover shows nothing about takeovers.
    #[must_use]
    fn missing(&self) -> Vec<&'static str> {
        self.numbers().into_iter().filter(|(_, n)| *n == 0).map(|(name, _)| name).collect()
    }

    /// One line a count.
    #[must_use]
    fn table(&self) -> String {
        self.numbers().iter().map(|(name, number)| format!("{number:>12}  {name}\n")).collect()
    }
}

impl<A: Count, B: Count> Count for (A, B) {
    fn numbers(&self) -> Vec<(&'static str, u64)> {
        [self.0.numbers(), self.1.numbers()].concat()
    }

    fn add(&mut self, other: &Self) {
        self.0.add(&other.0);
        self.1.add(&other.1);
    }
}

/// A struct of counts, each with its name for people.
macro_rules! counts {
    ($(#[$doc:meta])* pub struct $name:ident { $($field:ident: $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $(#[doc = $label] pub $field: u64,)*
        }

        impl $crate::campaign::Count for $name {
            fn numbers(&self) -> Vec<(&'static str, u64)> {
                vec![$(($label, self.$field)),*]
            }

            fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}
pub(crate) use counts;

/// A schedule that failed, as small as it could be made.
#[derive(Clone, Debug)]
pub struct Failed<S> {
    pub setup: S,
    pub why: String,
}

impl<S: fmt::Debug> fmt::Display for Failed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nschedule: {:?}", self.why, self.setup)
    }
}

/// Runs the campaign of a test, and asks that every kind of fault was seen but those that its world cannot have. `SIMULATE_SCHEDULES`
/// and `SIMULATE_SEED` ask for other schedules.
///
/// # Panics
/// With the first schedule that failed, shrunk; or with what no schedule saw.
pub fn campaign<S: Schedule>(schedules: u64, never: &[&str]) {
    let asked = |name: &str, default| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (seed, schedules) = (asked("SIMULATE_SEED", 1), asked("SIMULATE_SCHEDULES", schedules));
    println!("seeds {seed} to {}", seed + schedules - 1);
    let coverage = run_campaign::<S>(seed, schedules, None).unwrap_or_else(|failed| panic!("{failed}"));
    println!("{}", coverage.table());
    assert_eq!(coverage.missing(), never, "a campaign that never saw a kind of fault shows nothing of it");
}

/// Of these, each time all but one.
pub fn without_each<T: Clone>(all: &[T]) -> impl Iterator<Item = Vec<T>> + use<'_, T> {
    (0..all.len()).map(|left_out| [&all[..left_out], &all[left_out + 1..]].concat())
}

/// Schedules among which every kind of fault has to be seen.
const ENOUGH: u64 = 20_000;

/// Runs a campaign for people: seeds and coverage on standard output; with `trace`, every step of a schedule that failed
/// on standard error.
///
/// # Errors
/// The first schedule that failed, shrunk; or, of enough schedules, what none of them saw.
pub fn report<S: Schedule>(what: &str, seed: u64, schedules: u64, trace: bool) -> Result<(), String> {
    println!("{what}, seeds {seed} to {}", seed + schedules.saturating_sub(1));
    let coverage = run_campaign::<S>(seed, schedules, None).map_err(|failed| {
        if trace {
            // It fails as it did before; what is wanted is what it tells on the way.
            let _ = attempt(&failed.setup.traced());
        }
        failed.to_string()
    })?;
    println!("{}all as it has to be", coverage.table());
    let missing = coverage.missing();
    if schedules < ENOUGH || missing.is_empty() {
        return Ok(());
    }
    Err(format!("no schedule saw: {}", missing.join(", ")))
}

/// Runs the schedules of the seeds `from..from + count`, on all cores, until one fails.
///
/// # Errors
/// The first one that failed, shrunk.
pub fn run_campaign<S: Schedule>(
    from: u64,
    count: u64,
    weaker: Option<S::Rule>,
) -> Result<S::Coverage, Box<Failed<S>>> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let part = |core: u64| {
        let mut coverage = S::Coverage::default();
        for seed in (from..from + count).filter(|seed| seed % cores == core) {
            let setup = S::of_seed(seed, weaker);
            match attempt(&setup) {
                Ok(one) => coverage.add(&one),
                Err(why) => return Err(Box::new(shrink(setup, why))),
            }
        }
        Ok(coverage)
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..cores).map(|core| scope.spawn(move || part(core))).collect();
        let mut all = S::Coverage::default();
        for part in parts {
            all.add(&part.join().expect("a part that panics has said why")?);
        }
        Ok(all)
    })
}

/// Runs it; a panic is a failure like others, so that it is shrunk too.
fn attempt<S: Schedule>(setup: &S) -> Result<S::Coverage, String> {
    catch_unwind(AssertUnwindSafe(|| setup.run())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(format!("a panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")))
    })
}

/// Leaves one thing after the other out for as long as it still fails.
fn shrink<S: Schedule>(mut setup: S, mut why: String) -> Failed<S> {
    loop {
        let still = |s: S| attempt(&s).err().map(|why| (s, why));
        let Some((less, because)) = setup.smaller().into_iter().find_map(still) else {
            return Failed { setup, why };
        };
        (setup, why) = (less, because);
    }
}
