//! The two laws of every stage, and of stages composed: after any prefix of the input the output so far does not depend
//! on where the input was cut into chunks ([`cuts`]), and nothing depends on where the process died and resumed
//! ([`deaths`], which drives the worker's own machine over the simulated log).
//!
//! A law is a function that says what broke it, so that a test can break it and see the alarm.

pub mod cuts;
pub mod deaths;
pub mod files;
pub mod input;
pub mod process;
pub mod visible;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Holds a law against so many samples. `LAWS_SEEDS` asks for more of them, `LAWS_SEED` for one alone.
///
/// # Panics
/// When the law is broken: with the seed, and what was seen.
pub fn hold(what: &str, seeds: u64, mut law: impl FnMut(&mut StdRng) -> Result<(), String>) {
    let asked = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let all = 0..asked("LAWS_SEEDS").unwrap_or(seeds);
    for seed in asked("LAWS_SEED").map_or(all, |seed| seed..seed + 1) {
        if let Err(why) = law(&mut StdRng::seed_from_u64(seed)) {
            panic!("{what}, LAWS_SEED={seed}: {why}");
        }
    }
}
