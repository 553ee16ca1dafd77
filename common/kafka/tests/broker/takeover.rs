//! One client after another.

use crate::fixture::{PATIENCE, Place};
use logmill_protocol::{Action, Event, Failure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_younger_producer_of_the_same_id_fences_the_older() {
    let place = Place::new(1);
    let mut older = place.client("w");
    older.done(Action::Begin);
    older.send(&place.output(0), "of the older");
    let mut younger = place.client("w");
    match older.perform(Action::Commit(Vec::new())) {
        Event::Failed(Failure::Fenced(_)) => {}
        other => panic!("a fenced commit gave {other:?}"),
    }
    younger.publish(&place.output(0), &["of the younger"]);
    assert_eq!(place.payloads(&place.output(0)), ["of the younger"]);
    // With a new producer the older one is the younger.
    older.done(Action::Renew);
    older.publish(&place.output(0), &["of the older, renewed"]);
    assert_eq!(place.payloads(&place.output(0)), ["of the younger", "of the older, renewed"]);
}

#[test]
fn a_transaction_that_outlives_its_time_out_cannot_be_committed() {
    let place = Place::new(1);
    let mut options = place.options("w");
    options.transaction_timeout = Duration::from_secs(1);
    let client = logmill_kafka::Client::connect(options, place.stop.clone()).expect("a client");
    let mut worker = crate::fixture::Worker(client);
    worker.done(Action::Begin);
    worker.send(&place.output(0), "late");
    // Its end is awaited at the broker: a reader of the last stable offset gets past it.
    let mut watcher = place.client("watcher");
    watcher.publish(&place.output(0), &["after it"]);
    let start = std::time::Instant::now();
    while place.visible(&place.output(0)).is_empty() {
        assert!(start.elapsed() < PATIENCE, "the broker did not end the transaction within {PATIENCE:?}");
    }
    match worker.perform(Action::Commit(Vec::new())) {
        Event::Failed(Failure::Fenced(_) | Failure::Abort(_)) => {}
        other => panic!("a late commit gave {other:?}"),
    }
    worker.done(Action::Renew);
    worker.publish(&place.output(0), &["renewed"]);
    assert_eq!(place.payloads(&place.output(0)), ["after it", "renewed"]);
}

const CHILD: &str = "LOGMILL_TEST_CHILD";

/// Not a test by itself: the process that the next test kills. It commits, opens another transaction and waits.
#[test]
fn child() {
    let Ok(arguments) = std::env::var(CHILD) else { return };
    let (brokers, name) = arguments.split_once(' ').expect("brokers and a name");
    let place = Place::at(brokers, name);
    let mut worker = place.client("w");
    worker.start();
    worker.done(Action::Begin);
    worker.send(&place.output(0), "kept");
    assert_eq!(worker.commit(&place.input(0), 4, "H=6;k=1"), Event::Done);
    worker.done(Action::Begin);
    worker.send(&place.output(0), "lost");
    eprintln!("in a transaction");
    loop {
        std::thread::park();
    }
}

#[test]
fn after_a_kill_within_a_transaction_the_successor_reads_what_was_committed_before() {
    let place = Place::new(1);
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["takeover::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{} {}", place.brokers, place.group))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    let (told, tells) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().expect("its stderr")).lines();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(told.send(line))));
    while tells.recv_timeout(PATIENCE).expect("the child gets into a transaction") != "in a transaction" {}
    child.kill().expect("kill -9");
    child.wait().expect("its end");

    let mut successor = place.client("w");
    let positions = successor.start();
    assert_eq!((positions[0].1.offset.0, positions[0].1.metadata.as_str()), (4, "H=6;k=1"));
    successor.publish(&place.output(0), &["of the successor"]);
    assert_eq!(place.payloads(&place.output(0)), ["kept", "of the successor"]);
}

#[test]
fn partitions_may_be_given_and_taken_as_quickly_as_one_likes() {
    let place = Place::new(2);
    let mut worker = place.client("w");
    let starts: Vec<_> = worker.start().into_iter().map(|(p, c)| (p, c.offset)).collect();
    // librdkafka ends the process when a partition is stopped twice.
    for _ in 0..300 {
        worker.done(Action::Assign(starts.clone()));
        worker.done(Action::Assign(Vec::new()));
        worker.done(Action::Assign(starts.clone()));
        worker.done(Action::Assign(starts.clone()));
    }
    worker.publish(&place.output(0), &["alive"]);
}

#[test]
fn reading_positions_waits_for_a_transaction_that_is_pending() {
    let place = Place::new(1);
    // Another program's transaction, by the bare library: its offsets are sent, but not committed yet.
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &place.brokers).set("group.id", &place.group);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    config.remove("group.id");
    let producer: BaseProducer = config.set("transactional.id", &place.group).create().expect("a producer");
    producer.init_transactions(PATIENCE).expect("transactions");
    producer.begin_transaction().expect("a transaction");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&place.input, 0, Offset::Offset(8)).expect("an offset");
    let group = consumer.group_metadata().expect("metadata of no member");
    producer.send_offsets_to_transaction(&offsets, &group, PATIENCE).expect("offsets in the transaction");

    let mut worker = place.client("w");
    assert_eq!(worker.perform(Action::Read(vec![place.input(0)])), Event::Idle, "the outcome is not known yet");
    // Meanwhile it hears what else there is.
    place.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(worker.next(), Event::Stop);
    producer.commit_transaction(PATIENCE).expect("a commit");
    assert_eq!(worker.positions(&[place.input(0)])[0].1.offset.0, 8);
}
