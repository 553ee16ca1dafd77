//! Markers and what was aborted: read past, and told, so that nobody stays before them until they are deleted.

use crate::fixture::{Place, Worker, block_on};
use logmill_core::Offset;
use logmill_protocol::{Action, Event, Partition};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset as Position, TopicPartitionList};
use std::time::Duration;

/// What retention does one day with a partition that nobody writes to.
fn delete_all(brokers: &str, partition: &Partition) {
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(&partition.topic, partition.index, Position::End).expect("an offset");
    block_on(client.delete_records(&all, &AdminOptions::new())).expect("the records are deleted");
}

/// Who writes what the worker reads, and is in no group.
fn upstream(place: &Place) -> Worker {
    let mut options = place.options("upstream");
    options.topics.clear();
    Worker(logmill_kafka::Client::connect(options, place.stop.clone()).expect("a client"))
}

#[test]
fn what_nobody_sees_is_told_and_who_goes_past_it_survives_its_deletion() {
    let place = Place::new(1);
    let input = place.input(0);
    let mut upstream = upstream(&place);
    upstream.publish(&input, &["seen"]); // offset 0, its marker 1
    let mut worker = place.client("w");
    worker.start();
    assert_eq!(worker.record().0, 0);
    let nothing = |from, to| Event::Nothing { partition: input.clone(), from: Offset(from), to: Offset(to) };
    assert_eq!(worker.next(), nothing(1, 2));
    upstream.done(Action::Begin);
    upstream.send(&input, "never seen"); // 2, its marker 3
    // What is aborted before it was sent leaves nothing behind.
    std::thread::sleep(Duration::from_secs(1));
    upstream.done(Action::Abort);
    assert_eq!(worker.next(), nothing(2, 4));
    worker.done(Action::Begin);
    assert_eq!(worker.commit(&input, 4, ""), Event::Done);
    drop(worker);
    delete_all(&place.brokers, &input);
    upstream.publish(&input, &["after it"]);
    let mut successor = place.client("w");
    assert_eq!(successor.start()[0].1.offset, Offset(4));
    assert_eq!(successor.record(), (4, "after it".to_owned()));
    // It was given nothing before: from where it began there is nothing either.
    assert_eq!(successor.next(), nothing(5, 6));
}
