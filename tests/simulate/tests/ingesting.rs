//! Chunks straight into the database under random schedules, and each guarantee turned off, so that the alarm is heard.

use logmill_protocol::ingest::Weaken;
use logmill_simulate::ingest::{Setup, Weaker};
use logmill_simulate::{Loose, campaign, run_campaign};

#[test]
fn every_row_event_and_dead_letter_is_there_once() {
    // That asks for a record that does not arrive in time, which the fetchers' world has.
    campaign::<Setup>(50_000, &["aborts with records in flight"]);
}

fn is_needed(rule: Weaker, alarm: &str) {
    let failed = run_campaign::<Setup>(1, 50_000, Some(rule)).err();
    let failed = failed.unwrap_or_else(|| panic!("{rule:?} was switched off and nothing went wrong"));
    println!("{rule:?}: seed {}, {} faults: {}", failed.setup.seed, failed.setup.faults.len(), failed.why);
    assert!(failed.why.contains(alarm), "{} is not about {alarm:?}", failed.why);
}

#[test]
fn a_position_beyond_the_rows_that_are_in_loses_rows() {
    is_needed(Weaker::Machine(Weaken::BeyondRows), "");
}

#[test]
fn without_s_what_was_open_is_lost() {
    is_needed(Weaker::Machine(Weaken::Worker(logmill_protocol::worker::Weaken::CommitNoFirst)), "put out");
}

#[test]
fn events_that_are_not_sent_with_the_position_are_lost() {
    is_needed(Weaker::Machine(Weaken::NoSides), "put out");
}

#[test]
fn without_attempts_a_deadly_chunk_kills_for_ever() {
    is_needed(Weaker::Machine(Weaken::NoAttempts), "not finished");
}

#[test]
fn without_the_anti_join_rows_are_doubled() {
    is_needed(Weaker::AntiJoin, "twice");
}

#[test]
fn with_an_epoch_in_the_query_id_rows_are_doubled() {
    is_needed(Weaker::Epoch, "twice");
}

#[test]
fn the_broker_takes_offsets_of_the_generation_only() {
    is_needed(Weaker::Log(Loose::NoGeneration), "");
}

#[test]
fn committed_offsets_are_read_when_nothing_is_pending() {
    is_needed(Weaker::Log(Loose::DirtyRead), "");
}
