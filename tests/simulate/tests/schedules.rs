//! The protocol under random schedules, and each of its rules seen to be needed.

use logmill_protocol::worker::Weaken;
use logmill_simulate::{Loose, Schedule as _, Setup, Weaker, campaign, run_campaign};

#[test]
fn every_schedule_puts_out_each_output_once() {
    campaign::<Setup>(100_000, &[]);
}

/// With the rule switched off, some schedule must go wrong, and be seen to.
fn is_needed(rule: Weaker) {
    let failed = run_campaign::<Setup>(1, 20_000, Some(rule)).err();
    let failed = failed.unwrap_or_else(|| panic!("{rule:?} was switched off and nothing went wrong"));
    println!("{rule:?}: seed {}, {} faults: {}", failed.setup.seed, failed.setup.faults.len(), failed.why);
}

#[test]
fn rule_1_committed_offsets_are_read_when_nothing_is_pending() {
    is_needed(Weaker::Log(Loose::DirtyRead));
}

#[test]
fn rule_1_output_k_of_h_is_the_first_to_be_sent() {
    is_needed(Weaker::Machine(Weaken::IgnoreK));
}

#[test]
fn rule_1_the_silent_stretch_is_silent() {
    is_needed(Weaker::Machine(Weaken::SilentAloud));
}

#[test]
fn rule_2_s_is_taken_from_before_chunk_h() {
    is_needed(Weaker::Machine(Weaken::FirstAfterChunk));
}

#[test]
fn rule_2_s_h_and_k_are_all_committed_as_they_are() {
    for part in [Weaken::CommitNoFirst, Weaken::CommitLowNext, Weaken::CommitNoK] {
        is_needed(Weaker::Machine(part));
    }
}

#[test]
fn rule_3_a_silent_partition_is_not_committed() {
    is_needed(Weaker::Machine(Weaken::CommitSilent));
}

/// Going on with a transaction under the next assignment's metadata is what the rule forbids.
#[test]
fn rule_3_a_revocation_aborts_and_the_metadata_is_that_of_the_assignment() {
    is_needed(Weaker::Machine(Weaken::KeepOverRevoke));
}

#[test]
fn rule_4_an_abort_is_followed_by_reading_again() {
    is_needed(Weaker::Machine(Weaken::NoRewind));
}

#[test]
fn rule_4_records_in_flight_at_an_abort_ask_for_a_new_producer() {
    is_needed(Weaker::Log(Loose::SameProducer));
}

#[test]
fn rule_3_the_broker_takes_offsets_of_the_generation_only() {
    is_needed(Weaker::Log(Loose::NoGeneration));
}

#[test]
fn rule_5_what_shapes_a_files_output_is_in_its_plan() {
    is_needed(Weaker::CutByConfiguration);
}

#[test]
fn rule_6_a_tombstone_counts_in_s() {
    is_needed(Weaker::Machine(Weaken::TombstonesAside));
}

#[test]
fn rule_6_a_rejected_file_stays_as_a_tombstone() {
    is_needed(Weaker::Machine(Weaken::ForgetRejected));
}

#[test]
fn rule_6_a_headless_chunk_is_rejected_once() {
    is_needed(Weaker::Machine(Weaken::HeadlessAloud));
}

#[test]
fn rule_7_a_decree_is_kept() {
    is_needed(Weaker::Machine(Weaken::ForgetDecrees));
}

#[test]
fn rule_9_a_chunk_whose_output_is_no_function_of_it_is_committed_whole() {
    is_needed(Weaker::Machine(Weaken::Halves));
}

#[test]
fn rule_11_the_silent_flag_travels() {
    is_needed(Weaker::Machine(Weaken::ForgetFlag));
}

#[test]
fn rule_11_a_second_abort_or_park_is_nothing() {
    is_needed(Weaker::Machine(Weaken::CloseAloud));
}

#[test]
fn rule_11_a_park_flushes_nothing() {
    is_needed(Weaker::Machine(Weaken::FlushParked));
}

#[test]
fn states_are_kept_over_a_rebalance_only_where_the_position_is_unchanged() {
    is_needed(Weaker::Machine(Weaken::KeepStates));
}

/// The positions and transactions are judged by themselves, too: this is what such an alarm looks like.
fn is_seen(rule: Weaken, alarm: &str) {
    let strict = |seed| Setup { strict: true, ..Setup::of_seed(seed, Some(Weaker::Machine(rule))) };
    let seen = (1..2000).filter_map(|seed| strict(seed).run().err()).any(|why| why.contains(alarm));
    assert!(seen, "{rule:?} was switched off and nobody said {alarm:?}");
}

#[test]
fn a_position_that_leaves_out_an_open_file_is_seen() {
    is_seen(Weaken::TombstonesAside, "are open at");
}

#[test]
fn a_position_that_goes_back_is_seen() {
    is_seen(Weaken::CommitSilent, "went back");
}

#[test]
fn a_transaction_with_the_offsets_of_a_silent_partition_is_seen() {
    is_seen(Weaken::CommitSilent, "of which nothing was taken");
}
