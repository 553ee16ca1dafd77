//! Topics, and what is wrong with a set-up.

use crate::fixture::{PATIENCE, Place, block_on};
use logmill_core::Offset;
use logmill_kafka::admin::AdminError;
use logmill_kafka::{Client, ClientError};
use logmill_protocol::{Action, Event, Failure, Partition};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn a_missing_topic_is_named_at_once() {
    let place = Place::new(1);
    let mut options = place.options("w");
    options.topics.push("no-such-topic".into());
    let start = Instant::now();
    match Client::connect(options, Arc::clone(&place.stop)) {
        Err(ClientError::Missing { topic, .. }) => assert_eq!(topic, "no-such-topic"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a client of a topic that is missing"),
    }
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn brokers_that_are_not_there_are_named_in_bounded_time() {
    let place = Place::at("127.0.0.1:1", "nowhere");
    let start = Instant::now();
    match Client::connect(place.options("w"), Arc::clone(&place.stop)) {
        Err(ClientError::Silent { brokers, .. }) => assert_eq!(brokers, "127.0.0.1:1"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a client of nothing"),
    }
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_transaction_longer_than_the_broker_allows_is_hopeless_and_advice_says_why() {
    let place = Place::new(1);
    let mut options = place.options("w");
    options.transaction_timeout = Duration::from_secs(24 * 3600);
    match Client::connect(options, Arc::clone(&place.stop)) {
        Err(error @ ClientError::Initialise { .. }) => {
            assert!(error.is_hopeless(), "{error}");
            assert!(error.to_string().contains("transaction.max.timeout.ms"), "{error}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a transaction of a day"),
    }
}

#[test]
fn an_offset_that_the_log_does_not_hold_is_an_alarm_that_names_the_partition() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    worker.assigned();
    worker.done(Action::Assign(vec![(place.input(0), Offset(1000))]));
    match worker.next() {
        Event::Failed(Failure::Fatal(why)) => assert!(why.contains(&place.input), "{why}"),
        other => panic!("reading from offset 1000 of an empty log gave {other:?}"),
    }
}

#[test]
fn applying_topics_again_changes_nothing_and_another_partition_count_is_refused() {
    let place = Place::new(2);
    let mut spec = place.spec(&place.input, 2);
    assert!(block_on(place.admin.apply(std::slice::from_ref(&spec))).expect("the same again").is_empty());
    spec.config.insert("max.message.bytes".into(), "1234567".into());
    let differences = block_on(place.admin.differences(std::slice::from_ref(&spec))).expect("an answer");
    assert_eq!(differences, [format!("{}: max.message.bytes is 1048588, not 1234567", place.input)]);
    spec.partitions = 3;
    match block_on(place.admin.apply(&[spec])) {
        Err(AdminError::Partitions { found: 2, wanted: 3, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn offset_0_is_committed_once_and_never_over_a_position() {
    let place = Place::new(1);
    assert_eq!(place.committed(0), (0, String::new()));
    let mut worker = place.client("w");
    worker.start();
    worker.done(Action::Begin);
    assert_eq!(worker.commit(&place.input(0), 3, "H=3"), Event::Done);
    drop(worker);
    assert_eq!(place.admin.commit_start(&place.group, &[place.input(0)]).expect("nothing to do"), 0);
    assert_eq!(place.committed(0), (3, "H=3".into()));
}

#[test]
fn a_group_gets_another_topic_while_its_members_work() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    worker.start();
    let another = format!("{}.another", place.group);
    place.apply(&[place.spec(&another, 2)]);
    let all = [place.input(0), Partition::new(another.as_str(), 0), Partition::new(another.as_str(), 1)];
    assert_eq!(place.admin.commit_start(&place.group, &all).expect("offset 0 beside a member"), 2);
    let committed = place.admin.committed(&place.group, &all).expect("committed offsets");
    assert!(committed.iter().all(|(_, committed)| committed.as_ref().is_some_and(|c| c.offset == Offset(0))));
    // The member goes on under the assignment that it had.
    worker.done(Action::Begin);
    assert_eq!(worker.commit(&place.input(0), 3, "H=3"), Event::Done);
    assert_eq!(place.committed(0), (3, "H=3".into()));
    assert_eq!(worker.perform(Action::Poll), Event::Idle);
    assert_eq!(place.admin.commit_start(&place.group, &all).expect("nothing to do"), 0);
}

#[test]
fn a_range_of_a_partition_is_read_without_its_neighbours() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    worker.publish(&place.output(0), &["a", "b", "c", "d"]);
    assert_eq!(place.payloads(&place.output(0)).len(), 4);
    let read = |from, to| {
        let records = place.admin.read(&place.output(0), from, to, usize::MAX).expect("records");
        records.into_iter().map(|r| r.offset.0).collect::<Vec<_>>()
    };
    assert_eq!(read(1, Some(3)), [1, 2]);
    assert_eq!(read(2, None), [2, 3]);
    assert_eq!(read(9, None), [0; 0]);
}

#[test]
fn the_brokers_limits_can_be_read() {
    let place = Place::new(1);
    let settings = block_on(place.admin.broker_config()).expect("settings");
    for name in ["offset.metadata.max.bytes", "transaction.max.timeout.ms", "offsets.retention.minutes"] {
        assert!(settings.contains_key(name), "{name}");
    }
}
