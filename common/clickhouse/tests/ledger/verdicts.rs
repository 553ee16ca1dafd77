//! What is proven, what is late, and what is wrong.

use crate::tables::{File, Tables};
use logmill_clickhouse::ledger::{Fault, Options, Place, Verdict, status};

const LATE: Options = Options { settled: false, skip_proven: false };
const SETTLED: Options = Options { settled: true, skip_proven: false };

fn failed(faults: &[Fault]) -> Verdict {
    Verdict::Failed { faults: faults.to_vec() }
}

fn given_up(stage: &str, reason: &str) -> Fault {
    Fault::GivenUp { stage: stage.into(), reason: reason.into() }
}

#[tokio::test]
async fn a_file_that_a_stage_gave_up_is_finished_whether_its_stages_end_it_or_not() {
    for (reason, ended) in
        [("decree", false), ("decree", true), ("out-of-order", false), ("out-of-order", true), ("headless", false)]
    {
        let tables = Tables::empty("given_up").await;
        let file = File::of(1);
        tables.closed(&file, "fetcher", (100, 100), 0).await;
        tables.closed(&file, "decompressor", (100, 700), 0).await;
        tables.rejected(&file, "reencoder", reason).await;
        if ended {
            tables.closed(&file, "reencoder", (300, 300), 20).await;
        }
        tables.passed(&file, 1, 20).await;
        tables.rows(&file, 1, 20).await;
        let expected = failed(&[given_up("reencoder", reason)]);
        assert_eq!(tables.verdict(LATE).await, expected, "{reason}, ended: {ended}");
        assert_eq!(tables.verdict(SETTLED).await, expected, "{reason}, ended: {ended}");
        let status = status(&tables.0).await.unwrap();
        assert_eq!((status.oldest, status.loads["failed"]), (None, 1), "{reason}, ended: {ended}");
    }
}

#[tokio::test]
async fn the_rows_of_a_file_that_was_given_up_are_judged_all_the_same() {
    let tables = Tables::empty("given_up_rows").await;
    let file = File::of(1);
    tables.closed(&file, "fetcher", (100, 100), 0).await;
    tables.rejected(&file, "decompressor", "decree").await;
    tables.passed(&file, 1, 20).await;
    tables.rows(&file, 1, 20).await;
    tables.rows(&file, 13, 1).await;
    tables.on_rows("DELETE FROM rows WHERE line = 7").await;
    let doubled = Fault::Doubled { rows: 1, places: vec![Place { line: 13, part: 0 }] };
    let missing = Fault::Missing { rows: 1, places: vec![Place { line: 7, part: 0 }] };
    assert_eq!(tables.verdict(LATE).await, failed(&[given_up("decompressor", "decree"), doubled.clone()]));
    assert_eq!(tables.verdict(SETTLED).await, failed(&[given_up("decompressor", "decree"), doubled, missing]));
}

#[tokio::test]
async fn what_came_of_a_file_that_changed_is_proven_once_all_stages_have_ended_it() {
    let tables = Tables::empty("changed").await;
    let file = File::of(1);
    tables.closed(&file, "fetcher", (100, 100), 0).await;
    tables.rejected(&file, "fetcher", "changed").await;
    assert_eq!(tables.verdict(LATE).await, Verdict::Unfinished { waits_for: "decompressor" });
    assert_eq!(tables.verdict(SETTLED).await, failed(&[given_up("fetcher", "changed")]));
    tables.closed(&file, "decompressor", (100, 700), 0).await;
    tables.closed(&file, "reencoder", (700, 700), 20).await;
    tables.passed(&file, 1, 20).await;
    tables.rows(&file, 1, 20).await;
    assert_eq!(tables.verdict(LATE).await, Verdict::Proven);
}

#[tokio::test]
async fn bytes_that_got_lost_before_a_damaged_archive_s_decompressor_are_a_fault() {
    let tables = Tables::empty("damaged").await;
    let file = File::of(1);
    tables.closed(&file, "fetcher", (100, 100), 0).await;
    tables.closed(&file, "decompressor", (90, 700), 0).await;
    tables.rejected(&file, "decompressor", "truncated").await;
    tables.closed(&file, "reencoder", (700, 700), 20).await;
    tables.passed(&file, 1, 20).await;
    tables.rows(&file, 1, 20).await;
    let lost = Fault::Bytes { from: "fetcher", gave: 100, to: "decompressor", took: 90 };
    assert_eq!(tables.verdict(LATE).await, failed(&[lost]));
}

#[tokio::test]
async fn a_proven_file_stays_proven_when_its_day_leaves_the_table_and_not_when_a_row_does() {
    let tables = Tables::empty("expired").await;
    let file = File::of(1);
    tables.closed(&file, "fetcher", (100, 100), 0).await;
    tables.closed(&file, "decompressor", (100, 700), 0).await;
    tables.closed(&file, "reencoder", (700, 700), 20).await;
    tables.passed(&file, 1, 20).await;
    tables.rows(&file, 1, 20).await;
    assert_eq!(tables.verdict(LATE).await, Verdict::Proven);
    tables.on_rows("DELETE FROM rows WHERE line = 7").await;
    let missing = Fault::Missing { rows: 1, places: vec![Place { line: 7, part: 0 }] };
    assert_eq!(tables.verdict(LATE).await, failed(&[missing]));
    tables.on_rows("ALTER TABLE rows DROP PARTITION '2026-11-01'").await;
    for _ in 0..2 {
        let judged = tables.judged(SETTLED).await;
        assert_eq!((judged[0].expired, &judged[0].verdict), (true, &Verdict::Proven));
    }
    // Another file of that day is there: the day has not passed.
    tables.rows(&File::of(2), 1, 1).await;
    assert!(matches!(tables.verdict(LATE).await, Verdict::Failed { .. }));
}
