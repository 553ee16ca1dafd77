//! Several clients of one group.

use crate::fixture::{PATIENCE, Place};
use logmill_protocol::{Action, Event, Failure};
use std::collections::BTreeSet;
use std::time::Instant;

#[test]
fn a_second_member_gets_its_share_only_after_the_first_released_its_partitions() {
    let place = Place::new(2);
    let mut first = place.client("first");
    assert_eq!(first.start().len(), 2);
    let mut second = place.client("second");
    let start = Instant::now();
    loop {
        assert_eq!(second.perform(Action::Poll), Event::Idle, "the first member still has the partitions");
        match first.perform(Action::Poll) {
            Event::Idle => assert!(start.elapsed() < PATIENCE, "no revocation within {PATIENCE:?}"),
            Event::Revoked => break,
            other => panic!("a revocation was awaited, not {other:?}"),
        }
    }
    assert_eq!(second.perform(Action::Poll), Event::Idle, "the first member has not released them yet");
    first.done(Action::Release);
    let mut shares: Vec<BTreeSet<_>> = Vec::new();
    for worker in [&mut first, &mut second] {
        // An eager group gives everything anew, to both.
        shares.push(worker.assigned().into_iter().collect());
    }
    assert_eq!(shares[0].len(), 1);
    assert_eq!(shares[1].len(), 1);
    assert!(shares[0].is_disjoint(&shares[1]));
    let looks = place.admin.onlooker(&place.group).expect("a reader");
    let holders = |of: &[_]| looks.holders(&place.group, of).expect("the broker answers");
    assert_eq!(holders(&[place.input(0), place.input(1)]), Some(2));
    assert_eq!(holders(&[place.input(1)]), Some(1));
    assert_eq!(holders(&[place.output(0)]), Some(0), "nobody of the group reads it");
    assert_eq!(looks.places(&[], |_| None).expect("nothing is asked"), []);
    drop((first, second));
    assert_eq!(holders(&[place.input(0), place.input(1)]), Some(0), "the group is empty");
}

#[test]
fn a_member_beyond_the_number_of_partitions_gets_nothing_and_holds_nobody_up() {
    let place = Place::new(1);
    let mut first = place.client("first");
    assert_eq!(first.start().len(), 1);
    let mut second = place.client("second");
    while first.next() != Event::Revoked {}
    first.done(Action::Release);
    let (one, two) = (first.assigned(), second.assigned());
    assert_eq!(one.len() + two.len(), 1);
    let looks = place.admin.onlooker(&place.group).expect("a reader");
    assert_eq!(looks.holders(&place.group, &[place.input(0)]).expect("the broker answers"), Some(1));
    // The group goes on: the one that leaves hands the partition to the other.
    let (leaves, mut stays) = if one.is_empty() { (second, first) } else { (first, second) };
    drop(leaves);
    while stays.next() != Event::Revoked {}
    stays.done(Action::Release);
    assert_eq!(stays.start().len(), 1);
}

#[test]
fn a_member_that_was_thrown_out_cannot_commit_under_its_old_assignment() {
    let place = Place::new(1);
    let mut old = place.client("old");
    old.start();
    old.done(Action::Begin);
    old.send(&place.output(0), "of a zombie");
    // It polls no more, so the group throws it out, and its successor gets the partition.
    let mut new = place.client("new");
    new.start();
    new.done(Action::Begin);
    assert_eq!(new.commit(&place.input(0), 7, "of the successor"), Event::Done);
    match old.commit(&place.input(0), 3, "of a zombie") {
        Event::Failed(Failure::Abort(_) | Failure::Fenced(_)) => {}
        other => panic!("a stale commit gave {other:?}"),
    }
    let _ = old.perform(Action::Abort);
    assert_eq!(place.committed(0), (7, "of the successor".into()));
    assert!(place.payloads(&place.output(0)).is_empty());
    // Told at its next poll, it can come back.
    while old.next() != Event::Revoked {}
    old.done(Action::Release);
}

#[test]
fn what_is_asked_to_stop_hears_it_once_at_a_poll() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    place.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(worker.perform(Action::Poll), Event::Stop);
    assert_ne!(worker.perform(Action::Poll), Event::Stop);
}

#[test]
#[should_panic(expected = "commits only what is assigned")]
fn committing_what_is_not_assigned_is_a_broken_promise_because_the_broker_would_accept_it() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    worker.done(Action::Begin);
    worker.commit(&place.input(0), 1, "");
}
