//! One client: commit, abort, and what is refused.

use crate::fixture::{PATIENCE, Place, Worker, outgoing};
use bytes::Bytes;
use logmill_core::Offset;
use logmill_core::wire::Record;
use logmill_kafka::{Client, ClientOptions};
use logmill_protocol::{Action, Event, Failure, Outgoing};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;

#[test]
fn offset_metadata_comes_back_after_a_commit_and_an_abort_changes_nothing() {
    let place = Place::new(1);
    let input = place.input(0);
    let mut worker = place.client("w");
    worker.start();
    worker.done(Action::Begin);
    assert_eq!(worker.commit(&input, 5, "H=9;k=2"), Event::Done);
    assert_eq!(place.committed(0), (5, "H=9;k=2".into()));
    worker.done(Action::Begin);
    worker.send(&place.output(0), "never seen");
    worker.done(Action::Abort);
    let committed = &worker.positions(&[input])[0].1;
    assert_eq!((committed.offset.0, committed.metadata.as_str()), (5, "H=9;k=2"));
}

#[test]
fn an_aborted_transaction_leaves_no_record_and_the_next_one_goes_through() {
    let place = Place::new(1);
    let output = place.output(0);
    let mut worker = place.client("w");
    worker.publish(&output, &["a"]);
    worker.done(Action::Begin);
    worker.send(&output, "gone");
    worker.done(Action::Abort);
    worker.publish(&output, &["b"]);
    assert_eq!(place.payloads(&output), ["a", "b"]);
}

#[test]
fn an_abort_with_records_in_flight_is_quick_and_the_next_transaction_has_only_its_own() {
    let place = Place::new(1);
    let output = place.output(0);
    let mut worker = place.client("w");
    let large = "x".repeat(900_000);
    for round in 0..3 {
        worker.done(Action::Begin);
        for _ in 0..20 {
            worker.send(&output, &large);
        }
        worker.done(Action::Abort);
        worker.publish(&output, &[&format!("round {round}")]);
    }
    assert_eq!(place.payloads(&output), ["round 0", "round 1", "round 2"]);
}

#[test]
fn more_than_the_send_queue_holds_goes_through_in_one_transaction() {
    let place = Place::new(1);
    let output = place.output(0);
    let mut worker = place.client("w");
    let large = "x".repeat(900_000);
    worker.done(Action::Begin);
    for _ in 0..60 {
        worker.send(&output, &large);
    }
    worker.done(Action::Commit(Vec::new()));
    assert_eq!(place.payloads(&output).len(), 60);
}

#[test]
fn key_headers_and_payload_come_back_as_they_were_sent() {
    let place = Place::new(1);
    let mut writer = place.client("w");
    let header = |name: &str, value: &'static [u8]| (name.to_owned(), Bytes::from_static(value));
    let record = Record {
        key: Bytes::from_static(b"00ff"),
        headers: vec![header("kind", b"data"), header("kind", b""), header("bytes", &[0, 255, 10])],
        payload: Bytes::from_static(&[0, 1, 254, 255]),
    };
    let empty = Record::default();
    writer.done(Action::Begin);
    for record in [&record, &empty] {
        writer.done(Action::Send(Outgoing { partition: place.input(0), record: record.clone() }));
    }
    writer.done(Action::Commit(Vec::new()));
    assert_eq!(place.payloads(&place.input(0)).len(), 2);
    let found = place.admin.read(&place.input(0), 0, None, 10).expect("records");
    assert_eq!([&found[0].record, &found[1].record], [&record, &empty]);
    assert!(found[0].timestamp_ms > 1_600_000_000_000);
}

#[test]
fn a_chunk_is_packed_once_and_passed_on_by_who_does_not_open_it() {
    let place = Place::new(1);
    let text = Bytes::from("a line\n".repeat(1000));
    let headers = vec![("kind".to_owned(), Bytes::from_static(b"data"))];
    let record = Record { key: Bytes::from_static(b"00ff"), headers, payload: text.clone() };
    let next = |worker: &mut Worker| match worker.next() {
        Event::Record(incoming) => incoming.record,
        other => panic!("a record was awaited, not {other:?}"),
    };
    let ready = |options: ClientOptions| {
        let mut worker = Worker(Client::connect(options, Arc::clone(&place.stop)).expect("a client"));
        worker.start();
        worker
    };
    let mut writer = Worker(
        Client::connect(
            ClientOptions { packs: true, topics: Vec::new(), ..place.options("w") },
            Arc::clone(&place.stop),
        )
        .expect("a client"),
    );
    writer.done(Action::Begin);
    writer.done(Action::Send(Outgoing { partition: place.input(0), record: record.clone() }));
    writer.done(Action::Commit(Vec::new()));
    // One that does not open it gets it packed, and what it sends on stays as it is.
    let mut passing = ready(ClientOptions { packs: true, opens: false, ..place.options("p") });
    let packed = next(&mut passing);
    assert!(packed.payload.len() < text.len() / 20, "{} bytes", packed.payload.len());
    assert_eq!(packed.header("packed").map(|value| &value[..]), Some(&b"lz4"[..]));
    passing.done(Action::Begin);
    passing.done(Action::Send(Outgoing { partition: place.output(0), record: packed }));
    passing.done(Action::Commit(Vec::new()));
    drop(passing);
    // Readers see what was sent.
    assert_eq!(place.payloads(&place.output(0)), [String::from_utf8_lossy(&text)]);
    let mut opening = ready(place.options("o"));
    assert_eq!(next(&mut opening), record);
}

#[test]
fn the_marker_of_a_transaction_takes_an_offset_that_no_reader_sees() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    worker.start();
    worker.publish(&place.input(0), &["a", "b"]);
    worker.publish(&place.input(0), &["c"]);
    assert_eq!(worker.record(), (0, "a".into()));
    assert_eq!(worker.record(), (1, "b".into()));
    assert_eq!(worker.record(), (3, "c".into()), "the marker stands at 2");
}

#[test]
fn metadata_over_the_brokers_limit_is_refused_with_the_setting_that_helps() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    worker.start();
    worker.done(Action::Begin);
    assert_eq!(worker.commit(&place.input(0), 1, &"m".repeat(4096)), Event::Done);
    worker.done(Action::Begin);
    match worker.commit(&place.input(0), 2, &"m".repeat(4097)) {
        Event::Failed(Failure::Fatal(why)) => assert!(why.contains("offset.metadata.max.bytes"), "{why}"),
        other => panic!("4,097 bytes of metadata gave {other:?}"),
    }
    assert_eq!(place.committed(0).0, 1);
}

#[test]
fn a_record_over_the_limit_is_refused_with_the_setting_that_helps() {
    let place = Place::new(1);
    let mut worker = place.client("w");
    worker.done(Action::Begin);
    let large = "x".repeat(1_100_000);
    match worker.perform(Action::Send(outgoing(&place.output(0), &large))) {
        Event::Failed(Failure::Fatal(why)) => assert!(why.contains("message_bytes"), "{why}"),
        other => panic!("1.1 MB gave {other:?}"),
    }
}

#[test]
fn records_of_aborted_transactions_do_not_wait_for_anybody() {
    let place = Place::new(1);
    let worker = place.client("w");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &place.brokers).set("transactional.id", &place.group);
    let producer: BaseProducer = config.create().expect("a producer");
    producer.init_transactions(PATIENCE).expect("transactions");
    producer.begin_transaction().expect("a transaction");
    for _ in 0..100 {
        let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&place.input).partition(0).payload(b"never");
        producer.send(record).map_err(|(error, _)| error).expect("room");
    }
    producer.flush(PATIENCE).expect("all arrive");
    producer.abort_transaction(PATIENCE).expect("an abort");
    assert!(place.payloads(&place.input(0)).is_empty());
    assert!(place.admin.watermarks(&place.input(0)).expect("the ends").1 > 100);
    assert!(!worker.0.waits(&place.input(0), Offset(0)).expect("an answer"));
    place.client("publisher").publish(&place.input(0), &["this one"]);
    assert_eq!(place.payloads(&place.input(0)), ["this one"]);
    assert!(worker.0.waits(&place.input(0), Offset(0)).expect("an answer"));
}
