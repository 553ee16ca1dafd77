//! The engine is killed in the middle of INSERTs: what was acknowledged is there, and the same INSERT again makes it whole.

mod common;

use common::*;
use logmill_loader::{Sink, Table};
use logmill_protocol::load::{Insert, Verdict};
use logmill_stack::{ServerId, Stack, Wanted};
use std::time::{Duration, Instant};

/// Sends it until it is in.
async fn until_loaded(sink: &Sink, insert: &Insert) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match sink.perform(insert).await {
            Verdict::Loaded { .. } => return,
            Verdict::Again(why) => assert!(Instant::now() < deadline, "waited a minute for the INSERT: {why}"),
            Verdict::Refused { why, .. } => panic!("{why}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_killed_in_inserts_has_every_row_once_in_the_end() {
    let wanted = Wanted { clickhouse: true, ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let sink = sink(stack.clickhouse(), "killed").await;
    // Each batch is of two days, so that it can be half visible.
    let batch = |n: u64| {
        let records = (0..4).map(|i| lines(&file(i, i as u64 % 2), 1 + n * 20_000, 20_000)).collect();
        insert(ROWS, Table::Rows, n as i64 * 4, records)
    };
    const BATCHES: u64 = 6;
    for n in 0..BATCHES {
        let (sink, insert) = (sink.clone(), batch(n));
        let running = tokio::spawn(async move { until_loaded(&sink, &insert).await });
        tokio::time::sleep(Duration::from_millis(10 + n * 15)).await;
        tokio::task::block_in_place(|| {
            stack.kill(&ServerId::ClickHouse).unwrap();
            stack.restart(&ServerId::ClickHouse).unwrap();
        });
        running.await.unwrap();
    }
    assert_eq!(number(&sink, "count() AS n FROM rows").await, BATCHES * 80_000);
    assert_eq!(number(&sink, "uniqExact(file_id, line, part) AS n FROM rows").await, BATCHES * 80_000);
    stack.stop();
}
