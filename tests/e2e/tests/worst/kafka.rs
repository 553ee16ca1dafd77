//! The broker, away for long.

use crate::PORTION;
use logmill_config::Layout;
use logmill_e2e::{Portions, fixture_alone};
use logmill_stack::ServerId;
use std::time::{Duration, Instant};

const WAITING: &str = "logmill_kafka_waiting_clients";

/// Longer than a session (6 s) and a transaction (10 s by default), or longer than the longest call (60 s) twice over.
fn away() -> Duration {
    let full = std::env::var("WORST").is_ok_and(|size| size == "full");
    Duration::from_secs(if full { 150 } else { 20 })
}

#[test]
fn without_a_broker_every_stage_waits_says_so_and_goes_on() {
    let (fixture, _turn) = fixture_alone(1);
    let mut chain = Portions::start(fixture, "broker", Layout::Separate, &[], |_| ());
    chain.put(PORTION);
    chain.through();
    let stages = chain.running.chain.stages();
    let marks: Vec<usize> = stages.iter().map(|stage| chain.mark(stage)).collect();
    chain.put_and_meet(4 * PORTION);
    fixture.stack.kill(&ServerId::Broker(1)).expect("it runs");
    let begun = Instant::now();
    for (stage, mark) in stages.iter().zip(marks) {
        let times = if away() > Duration::from_secs(60) { 2 } else { 1 };
        chain.await_words(stage, mark, &["waiting for Kafka"], times);
        chain.await_metric(stage, WAITING, true);
    }
    std::thread::sleep(away().saturating_sub(begun.elapsed()));
    println!("the broker was away for {:.0} s", begun.elapsed().as_secs_f64());
    fixture.stack.restart(&ServerId::Broker(1)).expect("it starts");
    chain.through();
    for stage in stages {
        chain.await_metric(stage, WAITING, false);
    }
    chain.assert_exactly_once();
}
