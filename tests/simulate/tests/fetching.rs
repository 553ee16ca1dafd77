//! Listers and fetchers under random schedules, and each of their rules seen to be needed.

use logmill_protocol::fetch::Weaken;
use logmill_simulate::fetch::{Setup, Weaker};
use logmill_simulate::{Loose, campaign, run_campaign};

#[test]
fn every_file_has_one_task_and_each_of_its_bytes_is_live_once() {
    campaign::<Setup>(20_000, &[]);
}

/// With the rule switched off, some schedule must go wrong, and what is said of it must tell of the harm.
fn is_needed(rule: Weaker, harms: &[&str]) {
    let failed = run_campaign::<Setup>(1, 20_000, Some(rule)).err();
    let failed = failed.unwrap_or_else(|| panic!("{rule:?} was switched off and nothing went wrong"));
    println!("{rule:?}: {failed}");
    let is_told = harms.iter().any(|harm| failed.why.contains(harm));
    assert!(is_told, "{rule:?} was switched off and nobody said any of {harms:?} but: {}", failed.why);
}

/// Bytes of a file are in `raw` twice, or missing.
const BYTES: &[&str] = &["was to come", "after its end", "was seen Track", "not finished"];
/// A file has two tasks; the topic of known files may be the first to show it.
const TASKS: &[&str] = &["it has two tasks", "it became known 2 times"];

#[test]
fn rule_1_committed_offsets_are_read_when_nothing_is_pending() {
    is_needed(Weaker::Log(Loose::DirtyRead), BYTES);
}

#[test]
fn rule_3_the_broker_takes_offsets_of_the_generation_only() {
    is_needed(Weaker::Log(Loose::NoGeneration), BYTES);
}

#[test]
fn rule_4_records_in_flight_at_an_abort_ask_for_a_new_producer() {
    is_needed(Weaker::Log(Loose::SameProducer), BYTES);
}

#[test]
fn rule_4_an_abort_is_followed_by_reading_again() {
    is_needed(Weaker::Machine(Weaken::NoRewind), BYTES);
}

#[test]
fn rule_5_a_file_is_cut_as_its_plan_says() {
    is_needed(Weaker::CutByConfiguration, &["was seen Track", "a fetcher gave up", "a panic"]);
}

#[test]
fn rule_8_no_more_files_are_open_than_their_positions_fit_into_the_metadata() {
    is_needed(Weaker::Machine(Weaken::Unbounded), &["the offset's metadata is too large"]);
}

#[test]
fn rule_10_a_file_is_never_started_over() {
    is_needed(Weaker::Machine(Weaken::StartOver), BYTES);
}

#[test]
fn rule_10_the_position_is_committed_in_the_transaction_of_the_chunks() {
    is_needed(Weaker::Machine(Weaken::NoOffsets), BYTES);
}

#[test]
fn rule_11_a_parked_file_is_live_from_its_position_on() {
    is_needed(Weaker::Machine(Weaken::ForgetResume), TASKS);
}

#[test]
fn rule_11_what_rebuilds_a_parked_file_is_flagged_silent() {
    is_needed(Weaker::Machine(Weaken::RebuildAloud), &["has silent: false"]);
}

#[test]
fn rule_11_the_new_task_of_a_parked_file_is_in_the_transaction_of_the_marker() {
    is_needed(Weaker::Machine(Weaken::ParkApart), BYTES);
}

#[test]
fn the_lister_fences_first_and_reads_what_is_known_then() {
    is_needed(Weaker::KnownBeforeFence, TASKS);
}

#[test]
fn a_lister_that_begins_anew_reads_what_is_known_anew() {
    // It may also be that what the predecessor made known is never forgotten.
    is_needed(Weaker::KnownOnce, &[TASKS, &["not finished"]].concat());
}

#[test]
fn two_listers_of_a_cluster_have_one_transactional_id() {
    is_needed(Weaker::OwnId, TASKS);
}

#[test]
fn a_scan_that_broke_off_says_nothing_of_what_it_did_not_see() {
    is_needed(Weaker::BrokenScan, TASKS);
}
