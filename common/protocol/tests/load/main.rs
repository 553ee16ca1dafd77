//! The loader's machine on a simulated log and a simulated database, under random schedules of crash, rebalance,
//! zombie, lost and doubled requests, partial visibility, refused rows and a database that dies.
//!
//! Asserted all along: every row is in the table at most once, at any time; a committed offset means that the rows
//! below it are there (or among the dead letters, once). Then the faults stop, and everything has to arrive.
//!
//! Each guarantee is also turned off, and the alarm has to ring: a simulation that cannot fail proves nothing.

mod parts;
mod world;

use parts::{Coverage, Failure, Rules};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// Runs seeds on all cores; returns the first failure with the fewest steps, and what was covered.
fn explore(rules: Rules, seeds: u64) -> (Option<(u64, Failure)>, Coverage) {
    let next = AtomicU64::new(0);
    let found: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
    let total = Mutex::new(Coverage::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                let mut covered = Coverage::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || found.lock().unwrap().is_some() {
                        break;
                    }
                    let mut world = World::new(seed, rules);
                    if let Err(failure) = world.run() {
                        let mut best = found.lock().unwrap();
                        if best.as_ref().is_none_or(|(_, b)| failure.steps < b.steps) {
                            *best = Some((seed, failure));
                        }
                    }
                    covered.add(&world.coverage);
                }
                total.lock().unwrap().add(&covered);
            });
        }
    });
    (found.into_inner().unwrap(), total.into_inner().unwrap())
}

/// The seeds of one run: 100,000, or what `LOGMILL_SEEDS` says.
fn seeds() -> u64 {
    std::env::var("LOGMILL_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

#[test]
fn every_row_at_most_once_and_a_committed_offset_means_the_rows_are_there() {
    let (failure, covered) = explore(Rules::default(), seeds());
    if let Some((seed, failure)) = failure {
        panic!("seed {seed}: {} after {} steps\n{}", failure.what, failure.steps, failure.trace.join("\n"));
    }
    println!("{} schedules: {covered:?}", seeds());
    assert!(covered.takeovers > 1_000 && covered.busy > 1_000 && covered.late > 1_000, "{covered:?}");
    assert!(covered.partial > 1_000 && covered.refused > 1_000 && covered.stale_commits > 1_000, "{covered:?}");
}

fn alarm(rules: Rules, expected: &str) {
    let (failure, covered) = explore(rules, 100_000);
    let (seed, failure) = failure.unwrap_or_else(|| panic!("nothing noticed {rules:?}: {covered:?}"));
    println!("seed {seed}, {} steps: {}", failure.steps, failure.what);
    assert!(failure.what.contains(expected), "{} is not about {expected:?}", failure.what);
}

#[test]
fn without_the_anti_join_rows_are_doubled() {
    alarm(Rules { anti_join: false, ..Rules::default() }, "twice");
}

#[test]
fn with_an_epoch_in_the_query_id_rows_are_doubled() {
    alarm(Rules { id_without_epoch: false, ..Rules::default() }, "twice");
}

#[test]
fn without_the_group_metadata_of_the_assignment_a_zombie_s_commit_breaks_it() {
    alarm(Rules { fenced_commits: false, ..Rules::default() }, "");
}

#[test]
fn without_the_intent_the_successor_cuts_another_batch_and_rows_are_doubled() {
    alarm(Rules { intent: false, ..Rules::default() }, "twice");
}

#[test]
fn with_already_running_taken_for_done_rows_are_lost() {
    alarm(Rules { wait_while_busy: false, ..Rules::default() }, "is committed");
}

#[test]
fn with_an_unknown_answer_taken_for_done_rows_are_lost() {
    alarm(Rules { unknown_is_again: false, ..Rules::default() }, "is committed");
}

#[test]
fn with_a_count_instead_of_the_anti_join_a_half_visible_batch_stays_half() {
    alarm(Rules { row_by_row: false, ..Rules::default() }, "is committed");
}

#[test]
fn with_rows_that_are_not_durable_before_the_commit_they_are_lost() {
    alarm(Rules { durable: false, ..Rules::default() }, "is committed");
}
