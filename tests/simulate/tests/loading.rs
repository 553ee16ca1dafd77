//! The loader under random schedules, and each of its guarantees turned off, so that the alarm is heard.

use logmill_simulate::database::InsertRules;
use logmill_simulate::load::{Rules, Setup};
use logmill_simulate::{campaign, run_campaign};

#[test]
fn every_row_at_most_once_and_a_committed_offset_means_the_rows_are_there() {
    campaign::<Setup>(100_000, &[]);
}

fn alarm(rules: Rules, expected: &str) {
    let failed = run_campaign::<Setup>(1, 100_000, Some(rules)).err();
    let failed = failed.unwrap_or_else(|| panic!("nothing noticed {rules:?}"));
    println!("{failed}");
    assert!(failed.why.contains(expected), "{} is not about {expected:?}", failed.why);
}

fn inserts(insert: InsertRules) -> Rules {
    Rules { insert, ..Rules::default() }
}

#[test]
fn without_the_anti_join_rows_are_doubled() {
    alarm(inserts(InsertRules { anti_join: false, ..InsertRules::default() }), "twice");
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
    alarm(inserts(InsertRules { wait_while_busy: false, ..InsertRules::default() }), "is committed");
}

#[test]
fn with_an_unknown_answer_taken_for_done_rows_are_lost() {
    alarm(inserts(InsertRules { unknown_is_again: false, ..InsertRules::default() }), "is committed");
}

#[test]
fn with_a_count_instead_of_the_anti_join_a_half_visible_batch_stays_half() {
    alarm(inserts(InsertRules { row_by_row: false, ..InsertRules::default() }), "is committed");
}

#[test]
fn with_rows_that_are_not_durable_before_the_commit_they_are_lost() {
    alarm(inserts(InsertRules { durable: false, ..InsertRules::default() }), "is committed");
}
