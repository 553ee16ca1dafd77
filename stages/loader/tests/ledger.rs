//! What the ledger's tables say of files, and that a row deleted or doubled behind its back is named.

mod common;

use bytes::Bytes;
use common::*;
use logmill_clickhouse::ledger::{Fault, Options, Place, Selector, Verdict, reconcile, status, where_file};
use logmill_core::event::LedgerRecord;
use logmill_core::wire::{Record, header};
use logmill_core::{Event, FileMeta, Load, Outcome};
use logmill_loader::{Sink, Table};
use logmill_stack::shared;

fn event(file: &FileMeta, stage: &str, event: Event) -> Record {
    let record = LedgerRecord {
        file_id: file.file_id,
        load: file.load,
        cluster: file.cluster.clone(),
        path: file.path.clone(),
        app: file.app.clone(),
        archive: file.archive,
        length: file.length,
        modified_ms: file.modified_ms,
        stage: stage.into(),
        at_ms: file.modified_ms + 1_000,
        event,
    };
    let payload = serde_json::to_vec(&record).unwrap().into();
    Record { key: Bytes::from(file.file_id.to_string()), headers: Vec::new(), payload }
}

fn closed(bytes_in: u64, bytes_out: u64, lines: u64) -> Event {
    Event::Closed {
        outcome: Outcome::Complete,
        bytes_in,
        bytes_out,
        lines,
        rows: lines,
        malformed: 0,
        crc32: None,
        found: None,
        evidence: None,
        quarantine: None,
    }
}

/// The events of a file of so many lines in chunks of 10, as a healthy chain sends them.
fn events(file: &FileMeta, lines: u64) -> Vec<Record> {
    let mut events = vec![
        event(file, "fetcher", Event::Opened),
        event(file, "fetcher", closed(100, 100, 0)),
        event(file, "decompressor", closed(100, 700, 0)),
        event(file, "reencoder", closed(700, 700, lines)),
    ];
    for stage in ["splitter", "distributor"] {
        for first_line in (1..=lines).step_by(10).collect::<Vec<_>>().into_iter().rev() {
            let rows = 10.min(lines + 1 - first_line);
            let channel = Some("a".to_owned());
            events.push(event(file, stage, Event::Passed { first_line, first_part: 0, rows, bytes: 70, channel }));
        }
    }
    events
}

async fn load(sink: &Sink, topic: &str, table: Table, from: i64, records: Vec<Record>) -> i64 {
    let to = from + records.len() as i64;
    let verdict = sink.perform(&insert(topic, table, from, records)).await;
    assert!(
        matches!(&verdict, logmill_protocol::load::Verdict::Loaded { rejected } if rejected.is_empty()),
        "{verdict:?}"
    );
    to
}

async fn verdicts(sink: &Sink, options: Options) -> Vec<Verdict> {
    let all = reconcile(&sink.database, &Selector::All, options).await.unwrap();
    all.into_iter().map(|r| r.verdict).collect()
}

#[tokio::test]
async fn a_deleted_row_and_a_doubled_row_are_named() {
    let sink = sink(shared::clickhouse(), "tampered").await;
    let (one, two) = (file(1, 0), file(2, 1));
    let mut at = 0;
    for file in [&one, &two] {
        at = load(&sink, EVENTS, Table::FileEvents, at, events(file, 25)).await;
    }
    // Everything is cut, the rows are not in yet.
    let late = Verdict::Unfinished { waits_for: "loader" };
    assert_eq!(verdicts(&sink, Options::default()).await, [late.clone(), late]);
    assert_eq!(status(&sink.database).await.unwrap().oldest.unwrap().waits_for, "loader");

    load(&sink, ROWS, Table::Rows, 0, vec![lines(&one, 1, 25), lines(&two, 1, 25)]).await;
    assert_eq!(verdicts(&sink, Options::default()).await, [Verdict::Proven, Verdict::Proven]);
    assert_eq!(status(&sink.database).await.unwrap().loads["proven"], 2);
    assert!(verdicts(&sink, Options { skip_proven: true, settled: true }).await.is_empty());

    sink.database.execute("DELETE FROM rows WHERE path = '/logs/1.gz' AND line = 7").await.unwrap();
    let columns = "file_id,load,line,part,cluster,path,app,channel,level,file_time,time,text,fields";
    let double = format!("INSERT INTO rows ({columns}) SELECT {columns} FROM rows WHERE path='/logs/2.gz' AND line=13");
    sink.database.execute(&double).await.unwrap();
    let missing = Fault::Missing { rows: 1, places: vec![Place { line: 7, part: 0 }] };
    let doubled = Fault::Doubled { rows: 1, places: vec![Place { line: 13, part: 0 }] };
    assert_eq!(missing.to_string(), "1 rows are missing: line 7");
    let expected = [missing, doubled].map(|fault| Verdict::Failed { faults: vec![fault] });
    assert_eq!(verdicts(&sink, Options::default()).await, expected);
}

#[tokio::test]
async fn rows_of_several_lines_count_as_their_lines_and_lines_that_do_not_add_up_are_named() {
    let sink = sink(shared::clickhouse(), "added_up").await;
    let files = [1, 2, 3, 4].map(|number| file(number, 0));
    let (mut at, mut rows) = (0, 0);
    for file in &files {
        at = load(&sink, EVENTS, Table::FileEvents, at, events(file, 25)).await;
        // Lines 1 to 4, 5, 6 to 15, 16 to 24, 25.
        rows =
            load(&sink, ROWS, Table::Rows, rows, vec![records(file, 1, &[4, 1, 10]), records(file, 16, &[9, 1])]).await;
    }
    let proven = vec![Verdict::Proven; 4];
    assert_eq!(verdicts(&sink, Options::default()).await, proven);
    let ways = where_file(&sink.database, &Selector::parse("/logs/1.gz")).await.unwrap();
    assert_eq!((ways[0].total, ways[0].distinct), (25, 25));

    let change = |to: &str, of: u32, line: u32| {
        let sql =
            format!("ALTER TABLE rows {to} WHERE path = '/logs/{of}.gz' AND line = {line} SETTINGS mutations_sync = 1");
        let database = sink.database.clone();
        async move { database.execute(&sql).await.unwrap() }
    };
    change("UPDATE lines = 8", 1, 6).await;
    change("UPDATE lines = 12", 2, 6).await;
    change("DELETE", 3, 1).await;
    let double = "INSERT INTO rows SELECT * FROM rows WHERE path = '/logs/4.gz' AND line = 16";
    sink.database.execute(double).await.unwrap();
    let places = |lines: &[u64]| lines.iter().map(|line| Place { line: *line, part: 0 }).collect();
    let expected = [
        Fault::Missing { rows: 2, places: places(&[14, 15]) },
        Fault::Surplus { rows: 2 },
        Fault::Missing { rows: 4, places: places(&[1, 2, 3, 4]) },
        Fault::Doubled { rows: 9, places: places(&[16]) },
    ];
    assert_eq!(
        verdicts(&sink, Options::default()).await,
        expected.map(|fault| Verdict::Failed { faults: vec![fault] })
    );
}

#[tokio::test]
async fn a_chunk_that_no_splitter_saw_and_bytes_that_got_lost_are_faults_once_all_is_settled() {
    let sink = sink(shared::clickhouse(), "holes").await;
    let one = file(1, 0);
    let mut told = events(&one, 30);
    told[2] = event(&one, "decompressor", closed(99, 700, 0));
    // The middle chunk of the splitter's three.
    told.remove(5);
    load(&sink, EVENTS, Table::FileEvents, 0, told).await;
    load(&sink, ROWS, Table::Rows, 0, vec![lines(&one, 1, 10), lines(&one, 21, 10)]).await;
    let settled = Options { settled: true, skip_proven: false };
    let found = verdicts(&sink, settled).await;
    let [Verdict::Failed { faults }] = &found[..] else { panic!("{found:?}") };
    let places = (11..=20).map(|line| Place { line, part: 0 }).collect();
    assert_eq!(
        faults[..],
        [
            Fault::Bytes { from: "fetcher", gave: 100, to: "decompressor", took: 99 },
            Fault::Gap { stage: "splitter".into(), line: 21 },
            Fault::Missing { rows: 10, places },
        ]
    );
}

#[tokio::test]
async fn rows_among_the_rejects_are_accounted_for_and_a_file_s_way_shows_them() {
    let sink = sink(shared::clickhouse(), "rejected").await;
    let one = file(1, 0);
    load(&sink, EVENTS, Table::FileEvents, 0, events(&one, 20)).await;
    load(&sink, ROWS, Table::Rows, 0, vec![lines(&one, 1, 19)]).await;
    let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let headers = [
        (header::REASON, "refused"),
        (header::STAGE, "loader"),
        (header::DETAIL, "a constraint"),
        (header::LINE, "20"),
        (header::PART, "0"),
        (header::ROWS, "1"),
        (header::ORIGIN, "chain.rows.a/0/7"),
    ];
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), text(value))).into();
    headers.push((header::FILE.into(), serde_json::to_vec(&one).unwrap().into()));
    let letter = Record { key: text(&one.file_id.to_string()), headers, payload: Bytes::from_static(b"\xff\x00bytes") };
    for _ in 0..2 {
        load(&sink, REJECTS, Table::Rejects, 0, vec![letter.clone()]).await;
    }
    assert_eq!(verdicts(&sink, Options { settled: true, ..Options::default() }).await, [Verdict::Proven]);
    let ways = where_file(&sink.database, &Selector::parse("/logs/*.gz")).await.unwrap();
    assert_eq!(ways.len(), 1);
    assert_eq!((ways[0].distinct, ways[0].rejects.len(), ways[0].rejects[0].first_line), (19, 1, Some(20)));
    let stages: Vec<_> = ways[0].stages.iter().map(|way| (way.stage.as_str(), way.rows, way.chunks)).collect();
    assert!(stages.contains(&("splitter", 20, 2)) && stages.contains(&("reencoder", 20, 0)), "{stages:?}");
    assert_eq!(number(&sink, "count() AS n FROM rejects WHERE bytes = unhex('ff006279746573')").await, 1);
}

#[tokio::test]
async fn a_newer_file_of_the_same_path_supersedes_the_older_and_a_quarantined_one_is_hidden_at_once() {
    let sink = sink(shared::clickhouse(), "superseded").await;
    let old = file(1, 0);
    let new = FileMeta { path: old.path.clone(), ..file(2, 1) };
    let again = FileMeta { load: Load(1), ..new.clone() };
    let shown = "count() AS n FROM logs";
    // The newer one comes first: the older is superseded when it comes.
    let mut at = 0;
    let mut rows = 0;
    for (file, lines_shown) in [(&new, 20), (&old, 20), (&again, 20)] {
        rows = load(&sink, ROWS, Table::Rows, rows, vec![lines(file, 1, 20)]).await;
        at = load(&sink, EVENTS, Table::FileEvents, at, events(file, 20)).await;
        assert_eq!(number(&sink, shown).await, lines_shown);
    }
    assert_eq!(number(&sink, "load AS n FROM logs LIMIT 1").await, 1);
    let bad = file(9, 0);
    load(&sink, ROWS, Table::Rows, rows, vec![lines(&bad, 1, 20)]).await;
    assert_eq!(number(&sink, shown).await, 40);
    let Event::Closed { outcome, bytes_in, bytes_out, lines, rows, .. } = closed(700, 700, 20) else { unreachable!() };
    let quarantine = Some("too many malformed sequences".to_owned());
    let (malformed, crc32, found, evidence) = (9_999, None, None, None);
    let end =
        Event::Closed { outcome, bytes_in, bytes_out, lines, rows, malformed, crc32, found, evidence, quarantine };
    let end = event(&bad, "reencoder", end);
    for _ in 0..2 {
        load(&sink, EVENTS, Table::FileEvents, at, vec![end.clone()]).await;
    }
    assert_eq!(number(&sink, shown).await, 20);
    assert_eq!(number(&sink, "count() AS n FROM loads FINAL WHERE state = 'quarantined'").await, 1);
    // An operator releases it; the same batch again does not hide it.
    let id = "toFixedString(unhex('00000000000000000000000000000009'),16)";
    let release = format!("INSERT INTO hidden VALUES ({id}, 0, 0, 'released', toUnixTimestamp64Milli(now64(3)))");
    sink.database.execute(&release).await.unwrap();
    load(&sink, EVENTS, Table::FileEvents, at, vec![end]).await;
    assert_eq!(number(&sink, shown).await, 40);
}

#[tokio::test]
async fn migrations_apply_once_and_a_changed_one_is_refused() {
    let sink = sink(shared::clickhouse(), "migrated").await;
    let database = &sink.database;
    let again = logmill_clickhouse::migrate(database).await.unwrap();
    assert!(again.applied.is_empty());
    assert!(again.analyst_skipped.is_some(), "the embedded engine keeps its accounts in a file");
    // A crash after the statements and before the record: the step is applied again.
    let last = logmill_clickhouse::migrations().last().unwrap().number;
    let record = |change: &str| format!("ALTER TABLE migrations {change} SETTINGS mutations_sync = 1");
    database.execute(&record(&format!("DELETE WHERE number = {last}"))).await.unwrap();
    assert_eq!(logmill_clickhouse::migrate(database).await.unwrap().applied, [last]);
    let change = record("UPDATE checksum = 'other' WHERE number = 3");
    database.execute(&change).await.unwrap();
    let refused = logmill_clickhouse::migrate(database).await.unwrap_err();
    assert!(matches!(refused, logmill_clickhouse::Error::Changed { number: 3, .. }), "{refused}");
    // The next run of this test begins with a sound record.
    let step = &logmill_clickhouse::migrations()[2];
    let undo = record(&format!("UPDATE checksum = '{}' WHERE number = 3", step.checksum()));
    database.execute(&undo).await.unwrap();
    assert!(logmill_clickhouse::migrate(database).await.unwrap().applied.is_empty());
}
