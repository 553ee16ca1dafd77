//! A cluster that dies in the middle of files.

use logmill_config::{Layout, Size};
use logmill_e2e::{PATIENCE, Portions, fixture_alone};
use logmill_kafka::admin::Admin;
use logmill_protocol::Partition;
use logmill_stack::ServerId;
use std::time::{Duration, Instant};

/// Half of them are in each cluster.
const FILES: usize = 40;
/// So few bytes a second that all files together take half a minute.
const RATE: u64 = 24 << 10;

#[test]
fn a_cluster_that_dies_amid_files_holds_up_nobody_and_they_go_on_at_the_byte() {
    let (fixture, _turn) = fixture_alone(1);
    let mut chain = Portions::start(fixture, "deadcluster", Layout::Separate, &[], |config| {
        let a = config.clusters.get_mut("a").expect("the stack has it");
        (a.call_timeout, a.park_after) = (Duration::from_secs(3), Duration::from_secs(4));
        a.bytes_per_second = Some(Size(RATE));
    });
    chain.put(FILES);
    let (config, admin) = (chain.running.chain.config.clone(), Admin::new(fixture.stack.kafka(), &[].into()));
    let admin = admin.expect("a client");
    let topics = config.topics();
    let partitions = |topic: &str| (0..config.kafka.partitions).map(|n| Partition::new(topic, n)).collect::<Vec<_>>();
    let events = |event: &str| {
        let sql =
            format!("SELECT count() FROM file_events WHERE stage = 'fetcher' AND cluster = 'a' AND event = '{event}'");
        chain.running.chain.sql(&sql).expect("SQL").trim().parse::<usize>().expect("a number")
    };
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "still not: {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
        println!("{what}: after {:.1} s", begun.elapsed().as_secs_f64());
    };
    let server = ServerId::Hdfs("a".into());
    // S, and the end of what it stands in.
    let first_open = || -> Vec<(i64, i64)> {
        let raw = partitions(&topics.raw());
        let committed = admin.committed(&topics.group("decompressor"), &raw).expect("positions");
        let of = |(partition, committed): (Partition, Option<logmill_protocol::Committed>)| {
            (committed.map_or(0, |it| it.offset.0), admin.watermarks(&partition).expect("an end").1)
        };
        committed.into_iter().map(of).collect()
    };
    until("files of a are open", &|| events("opened") >= 4);
    until("S waits for them", &|| first_open().into_iter().any(|(s, end)| s < end));
    println!("S and the end of raw, by partition: {:?}", first_open());
    fixture.stack.kill(&server).expect("it runs");
    until("they are parked", &|| events("parked") >= 4);
    until("S is at the end: nothing is open any more", &|| {
        first_open().into_iter().all(|(s, end)| s == end) && events("closed") < FILES / 2
    });
    println!("S and the end of raw, by partition: {:?}", first_open());
    fixture.stack.restart(&server).expect("it starts");
    chain.through();
    chain.assert_exactly_once();
    assert!(events("resumed") >= 4, "they went on at the byte");
}
