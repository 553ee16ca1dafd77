//! The INSERT against the real engine: repeated, doubled, interleaved, refused.

mod common;

use common::*;
use logmill_core::{LineSpan, Load, RejectReason};
use logmill_loader::Table;
use logmill_protocol::load::Verdict;
use logmill_stack::shared;

fn loaded() -> Verdict {
    Verdict::Loaded { rejected: Vec::new() }
}

#[tokio::test]
async fn records_with_dictionaries_of_their_own_arrive_as_they_are() {
    let sink = sink(shared::clickhouse(), "dictionaries").await;
    let (one, two) = (file(1, 0), file(2, 1));
    // Three records, three different dictionaries for path and level, two days.
    let records = vec![lines(&one, 1, 100), lines(&two, 1, 7), lines(&one, 101, 50)];
    assert_eq!(sink.perform(&insert(ROWS, Table::Rows, 0, records)).await, loaded());

    let wrong = "count() AS n FROM rows WHERE text != concat('line ', toString(line)) \
        OR path != concat('/logs/', toString(reinterpretAsUInt128(reverse(file_id))), '.gz') \
        OR level != ['INFO','WARN','ERROR','DEBUG'][(line + if(line > 100, 101, 1)) % 4 + 1] \
        OR (line % 3 = 0) != (fields['thread'] = concat('t', toString(line))) \
        OR (line % 2 = 0) != isNotNull(time) OR part != 0 OR load != 0 OR cluster != 'a' OR app != 'demo'";
    assert_eq!(number(&sink, wrong).await, 0);
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 157);
    assert_eq!(
        number(&sink, "count() AS n FROM system.parts WHERE database = 'dictionaries' AND table = 'rows' AND active")
            .await,
        2
    );
}

#[tokio::test]
async fn the_same_insert_again_and_one_that_overlaps_leave_every_row_once() {
    let sink = sink(shared::clickhouse(), "repeated").await;
    let one = file(1, 0);
    let batch = insert(ROWS, Table::Rows, 0, vec![lines(&one, 1, 1_000), lines(&one, 1_001, 1_000)]);
    for _ in 0..3 {
        assert_eq!(sink.perform(&batch).await, loaded());
    }
    // Half of it is there already, as after a crash that left one table partition visible.
    let overlapping = insert(ROWS, Table::Rows, 2, vec![lines(&one, 1_501, 1_000)]);
    assert_eq!(sink.perform(&overlapping).await, loaded());
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 2_500);
    assert_eq!(number(&sink, "uniqExact(line, part) AS n FROM rows").await, 2_500);
}

#[tokio::test]
async fn the_same_insert_at_the_same_time_leaves_every_row_once() {
    let sink = sink(shared::clickhouse(), "interleaved").await;
    let one = file(1, 0);
    let batch = insert(ROWS, Table::Rows, 0, (0..20).map(|i| lines(&one, 1 + i * 5_000, 5_000)).collect());
    let mut running = Vec::new();
    for _ in 0..6 {
        let (sink, batch) = (sink.clone(), batch.clone());
        running.push(tokio::spawn(async move { sink.perform(&batch).await }));
    }
    let mut done = 0;
    for task in running {
        match task.await.unwrap() {
            Verdict::Loaded { .. } => done += 1,
            Verdict::Again(why) => assert!(why.contains("running already"), "{why}"),
            Verdict::Refused { why, .. } => panic!("{why}"),
        }
    }
    assert!(done >= 1, "one of the six is the first");
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 100_000);
    assert_eq!(number(&sink, "uniqExact(line, part) AS n FROM rows").await, 100_000);
}

#[tokio::test]
async fn a_record_that_is_not_what_its_header_says_is_a_reject_and_the_others_are_rows() {
    let sink = sink(shared::clickhouse(), "malformed").await;
    let one = file(1, 0);
    let good = lines(&one, 1, 10);
    let lies = record(&one, span(11, 10), good.payload.clone());
    let garbage = record(&one, span(21, 10), "no Arrow at all".into());
    let mut cut = lines(&one, 31, 10);
    cut.payload = cut.payload.slice(..cut.payload.len() / 2);
    let other = lines(&file(1, 0), 41, 10);
    let batch = insert(ROWS, Table::Rows, 0, vec![good, lies, garbage, cut, other]);
    let Verdict::Loaded { rejected } = sink.perform(&batch).await else { panic!("the good ones are rows") };
    let found: Vec<_> = rejected.iter().map(|(offset, reject)| (offset.0, reject.reason)).collect();
    assert_eq!(found, [1, 2, 3].map(|offset| (offset, RejectReason::Malformed)), "{rejected:?}");
    assert_eq!(rejected[0].1.span, Some(span(11, 10)), "the reconciliation counts these rows");
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 20);
}

#[tokio::test]
async fn parts_of_a_long_line_and_another_load_are_rows_of_their_own() {
    let sink = sink(shared::clickhouse(), "parts").await;
    let one = file(1, 0);
    let again = logmill_core::FileMeta { load: Load(1), ..file(1, 0) };
    let part = |first_part, rows| {
        let span = LineSpan { first_line: 3, first_part, rows };
        record(&one, span, stream(&one, span, |line| (format!("line {line}"), String::new())))
    };
    let records = vec![lines(&one, 1, 3), part(1, 1), part(2, 4), lines(&again, 1, 6)];
    let batch = insert(ROWS, Table::Rows, 0, records);
    for _ in 0..2 {
        assert_eq!(sink.perform(&batch).await, loaded());
    }
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 3 + 1 + 4 + 6);
}

#[tokio::test]
async fn rows_of_several_lines_are_there_once_however_often_they_are_inserted() {
    let sink = sink(shared::clickhouse(), "records").await;
    let one = file(1, 0);
    let end_of_part = LineSpan { first_line: 20, first_part: 2, rows: 4 };
    let rest = stream_of(&one, end_of_part, &[3, 1], true, |line| (format!("{line}\nb\nc"), String::new()));
    let batch = |from| {
        let all = [records(&one, 1, &[1, 5, 1, 12]), lines(&one, 20, 1), record(&one, end_of_part, rest.clone())];
        insert(ROWS, Table::Rows, from, all.to_vec())
    };
    for _ in 0..3 {
        assert_eq!(sink.perform(&batch(0)).await, loaded());
    }
    // Other records of the same rows, as after a crash that left some of them visible.
    assert_eq!(sink.perform(&batch(7)).await, loaded());
    assert_eq!(sink.perform(&insert(ROWS, Table::Rows, 20, vec![records(&one, 8, &[12])])).await, loaded());
    let places = "groupArray((line, part, lines)) = [(1,0,1),(2,0,5),(7,0,1),(8,0,12),(20,0,1),(20,2,3),(23,0,1)] AS n \
        FROM (SELECT line, part, lines FROM rows ORDER BY line, part)";
    assert_eq!(number(&sink, places).await, 1);
    let text = "text AS n FROM (SELECT toUInt8(text = 'line 2\nline 3\nline 4\nline 5\nline 6') AS text FROM logs WHERE line = 2)";
    assert_eq!(number(&sink, text).await, 1);
}

#[tokio::test]
async fn a_row_of_several_lines_that_says_another_number_of_them_is_a_reject() {
    let sink = sink(shared::clickhouse(), "miscounted").await;
    let one = file(1, 0);
    let text = |line: u64| (format!("line {line}"), String::new());
    let good = records(&one, 1, &[3, 1]);
    let more = record(&one, span(11, 5), stream_of(&one, span(11, 5), &[3, 1], true, text));
    let none = record(&one, span(21, 3), stream_of(&one, span(21, 3), &[3, 0], true, text));
    let gap = record(&one, span(31, 3), stream_of(&one, span(31, 3), &[1, 1], false, text));
    let batch = insert(ROWS, Table::Rows, 0, vec![good, more, none, gap]);
    let Verdict::Loaded { rejected } = sink.perform(&batch).await else { panic!("the good one is rows") };
    let found: Vec<_> = rejected.iter().map(|(offset, reject)| (offset.0, reject.span)).collect();
    assert_eq!(found, [(1, Some(span(11, 5))), (2, Some(span(21, 3))), (3, Some(span(31, 3)))], "{rejected:?}");
    assert_eq!(number(&sink, "sum(lines) AS n FROM rows").await, 4);
}

#[tokio::test]
async fn what_a_splitter_of_before_there_were_records_sent_is_rows_of_one_line() {
    let sink = sink(shared::clickhouse(), "uncounted").await;
    let one = file(1, 0);
    let text = |line: u64| (format!("line {line}"), String::new());
    let old = record(&one, span(1, 3), stream_of(&one, span(1, 3), &[1, 1, 1], false, text));
    let batch = insert(ROWS, Table::Rows, 0, vec![old, records(&one, 4, &[2, 1])]);
    for _ in 0..2 {
        assert_eq!(sink.perform(&batch).await, loaded());
    }
    assert_eq!(
        number(&sink, "groupArray(lines) = [1, 1, 1, 2, 1] AS n FROM (SELECT lines FROM rows ORDER BY line)").await,
        1
    );
}

#[tokio::test]
async fn a_constraint_that_a_row_violates_is_a_definite_refusal_of_the_data_and_nothing_is_in() {
    let sink = sink(shared::clickhouse(), "refused").await;
    sink.database.execute("ALTER TABLE rows ADD CONSTRAINT IF NOT EXISTS no13 CHECK text != 'line 13'").await.unwrap();
    let one = file(1, 0);
    let verdict = sink.perform(&insert(ROWS, Table::Rows, 0, vec![lines(&one, 1, 20)])).await;
    assert!(matches!(&verdict, Verdict::Refused { why, row: None } if why.contains("469")), "{verdict:?}");
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 0);
}

#[tokio::test]
async fn the_most_records_of_a_batch_all_of_small_files_are_one_insert() {
    let sink = sink(shared::clickhouse(), "small").await;
    let records = (0..8_192).map(|n| lines(&file(n, n as u64 % 5), 1, 3)).collect();
    let batch = insert(ROWS, Table::Rows, 0, records);
    for _ in 0..2 {
        assert_eq!(sink.perform(&batch).await, loaded());
    }
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 3 * 8_192);
}

#[tokio::test]
async fn a_word_is_found_before_the_merge_that_indexes_it_and_next_to_nothing_is_read_after_it() {
    let sink = sink(shared::clickhouse(), "words").await;
    sink.database.execute("SYSTEM STOP MERGES rows").await.unwrap();
    let one = file(1, 0);
    for n in 0..2 {
        let records = (0..10).map(|i| lines(&one, 1 + (10 * n + i) * 5_000, 5_000)).collect();
        assert_eq!(sink.perform(&insert(ROWS, Table::Rows, n as i64, records)).await, loaded());
    }
    let word = "rows WHERE hasToken(text, '77777')";
    let read = format!("sum(rows) AS n FROM (EXPLAIN ESTIMATE SELECT count() FROM {word})");
    assert_eq!(number(&sink, &format!("count() AS n FROM {word}")).await, 1);
    assert_eq!(number(&sink, &read).await, 100_000, "an INSERT indexed words");
    sink.database.execute("SYSTEM START MERGES rows").await.unwrap();
    sink.database.execute("OPTIMIZE TABLE rows FINAL").await.unwrap();
    assert_eq!(number(&sink, &format!("count() AS n FROM {word}")).await, 1);
    let seen = number(&sink, &read).await;
    assert!((1..=8_192).contains(&seen), "{seen} rows are read for a word that stands in one");
}

#[tokio::test]
async fn what_the_splitter_makes_of_a_file_s_text_arrives_line_by_line() {
    use logmill_core::{Output, Stage};
    use std::sync::Arc;

    let sink = sink(shared::clickhouse(), "splitter").await;
    let one = Arc::new(file(1, 0));
    let stage = logmill_splitter::Splitter::new();
    let text: String =
        (1..=5_000).map(|n| format!("2026-11-01 12:00:00,000 WARN [t{n}] line {n} \u{4e2d}\u{6587}\n")).collect();
    let mut records = Vec::new();
    let chunk = logmill_core::Chunk {
        seq: logmill_core::Seq(0),
        payload: text.clone().into(),
        packed: false,
        span: Some(span(1, 5_000)),
        channel: Some("a".into()),
        header: None,
    };
    let mut state = stage.open(&one);
    let mut out = logmill_core::Out::new("splitter", 1 << 20);
    let mut chunk = chunk;
    loop {
        let step = stage.process(&mut state, &mut chunk, &mut out).unwrap();
        for output in out.drain() {
            if let Output::Product(product) = output {
                records.push(record(&one, product.span.unwrap(), product.payload));
            }
        }
        if step == logmill_core::Progress::Done {
            break;
        }
    }
    let batch = insert(ROWS, Table::Rows, 0, records);
    assert_eq!(sink.perform(&batch).await, loaded());
    assert_eq!(number(&sink, "count() AS n FROM rows").await, 5_000);
    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
    }
    let lines: Vec<Line> = sink.database.select("SELECT text FROM rows ORDER BY line, part").await.unwrap();
    let back: String = lines.into_iter().map(|line| line.text + "\n").collect();
    assert!(back == text, "the table has other lines than the file");
    assert_eq!(
        number(&sink, "count() AS n FROM rows WHERE level = 'WARN' AND channel = 'a' AND isNotNull(time)").await,
        5_000
    );
}
