//! A file is erased while its day is being counted: none of its users, and no word of theirs, is counted afterwards.

use crate::bench::{APP, Bench, Row};
use logmill_analyses::refresh;
use logmill_clickhouse::ledger::forget::{close, days, erase};
use logmill_clickhouse::{Database, id_literal, literal};
use logmill_core::{FileId, Load};
use logmill_generated::{File, Wish, generate};
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

const FIRST: Load = Load(0);
fn files(users: u32) -> Vec<File> {
    generate(Wish { seed: 5, first_day: 20_758, days: 2, starts: 60, users, files: 1 })
}

/// Its events say that it was loaded, as a stage tells them.
async fn told(database: &Database, id: FileId, lines: usize) {
    let sql = format!(
        "INSERT INTO file_events (topic, partition, offset, file_id, load, cluster, path, app, modified, stage, at, event, rows) \
         VALUES ('events', 0, {}, {}, 0, 'a', '/logs/{id}', {}, toDateTime64('2026-11-01 00:00:00.001', 3, 'UTC'), \
         'reencoder', now64(3), 'closed', {lines})",
        id.0 as u64,
        id_literal(id),
        literal(APP)
    );
    database.execute(&sql).await.unwrap();
}

/// How often a text stands in the tables of refreshes whose names end so, or in the analyses themselves.
async fn traces(database: &Database, ends: &str, secret: &str) -> u64 {
    #[derive(serde::Deserialize)]
    struct Table {
        name: String,
    }
    #[derive(serde::Deserialize)]
    struct Count {
        n: u64,
    }
    let tables: Vec<Table> = database
        .select(&format!(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(name, '{ends}') AND \
             (name = 'analyzed' OR startsWith(name, 'refresh_'))"
        ))
        .await
        .unwrap();
    let mut all = 0;
    for Table { name } in tables {
        let sql = format!("SELECT count() AS n FROM `{name}` WHERE position(key, {}) > 0", literal(secret));
        match database.select::<Count>(&sql).await {
            Ok(rows) => all += rows.iter().map(|count| count.n).sum::<u64>(),
            Err(error) => assert!(error.is_not_there(), "{error}"),
        }
    }
    all
}

async fn erased(database: &Database, id: FileId) {
    close(database, &[id], "op", "a test").await.unwrap();
    let days = days(database, &[id]).await.unwrap();
    let left = erase(database, &[id], &days).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_refresh_that_stands_still_while_a_file_is_erased_and_goes_on_counts_nothing_of_it() {
    let mut bench = Bench::empty("erased").await;
    let (database, config) = (bench.database.clone(), bench.config.clone());
    for table in ["file_events", "forgotten"] {
        database.execute(&format!("TRUNCATE TABLE {table}")).await.unwrap();
    }
    for holder in database.holders() {
        holder.execute("TRUNCATE TABLE forgotten").await.unwrap();
    }
    for (number, file) in (1..).zip(files(60)) {
        bench.load(FileId(number), FIRST, file.day, &file.lines).await;
    }
    // Where the refresh stands, and when the erasure breaks off, ms, before the refresh goes on.
    for (round, (stands, broken_off)) in
        (0_u32..).zip([("scanned", None), ("made", None), ("made", Some(1_300)), ("scanned", Some(1_900))])
    {
        let id = FileId(100 + u128::from(round));
        let secret = format!("wilhelmina{round}");
        let File { day, lines, .. } = files(30).swap_remove(0);
        bench.load(id, FIRST, day, &lines).await;
        mark(&bench, id, day, lines.len(), &secret).await;
        told(&database, id, lines.len() + 1).await;
        if round % 2 == 0 {
            bench.refresh().await;
            assert!(traces(&database, "analyzed", &secret).await >= 2, "its user and its word are counted");
            // The day is to be counted again.
            bench.show(FileId(1), FIRST, round % 4 != 0).await;
        }
        let mut counted = pin!(refresh(&database, &config, None, |_| {}));
        while traces(&database, stands, &secret).await == 0 {
            assert!(timeout(Duration::from_millis(1), &mut counted).await.is_err(), "round {round}: it goes on slowly");
        }
        match broken_off {
            None => erased(&database, id).await,
            Some(ms) => drop(timeout(Duration::from_millis(ms), erased(&database, id)).await),
        }
        counted.await.unwrap();
        if broken_off.is_some() {
            erased(&database, id).await;
        }
        assert_eq!(traces(&database, "", &secret).await, 0, "round {round}");
        bench.delete(id, FIRST).await;
        bench.refresh().await;
        bench.is_exact(&format!("round {round}: all others are counted")).await;
    }
}

/// One line more, with a user and a word that nobody else has.
async fn mark(bench: &Bench, id: FileId, day: u32, after: usize, secret: &str) {
    let fields = [("event", "search"), ("user", secret), ("topic", secret)];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let row = Row { time_ms: None, text: secret.into(), fields };
    bench.insert(id, FIRST, day, after + 1, &[row]).await;
}
