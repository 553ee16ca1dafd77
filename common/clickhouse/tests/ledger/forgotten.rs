//! Lawful erasure, on the tables of a real engine.

use crate::tables::{File, Tables};
use logmill_clickhouse::ledger::forget::{Day, Days, begun, close, days, done, erase, known, traces};
use logmill_clickhouse::ledger::{Options, Selector};
use logmill_clickhouse::{Insertion, LineRange, id_literal, rows_sql, settle_loads, shard_rows_sql};
use logmill_core::{FileId, Load};

/// Sends a row of the file as a loader does, but readable.
async fn late(tables: &Tables, file: &File) {
    let range = LineRange { file_id: file.id, load: Load(0), first: 3, last: 3, file_time_ms: 1_793_491_200_000 };
    let id = file.id.0.to_be_bytes().iter().map(|byte| format!("\\u{:04x}", byte)).collect::<String>();
    let row = format!(
        "{{\"file_id\":\"{id}\",\"load\":0,\"line\":3,\"part\":0,\"file_time\":\"2026-11-01 00:00:00\",\"text\":\"late\"}}\n"
    );
    let (holder, place) = tables.holder(file.id);
    let sql = match place {
        Some(place) => shard_rows_sql(&[range], false, place),
        None => rows_sql(&[range], false),
    };
    let insertion = Insertion {
        sql: sql.replace("FORMAT ArrowStream", "FORMAT JSONEachRow"),
        query_id: format!("late {}", file.id),
        body: vec![row.into()],
    };
    holder.insert(&insertion).await.unwrap();
}

#[tokio::test]
async fn a_forgotten_file_leaves_every_table_and_nothing_of_it_comes_in_again() {
    let tables = Tables::empty("forgotten").await;
    let database = &tables.0;
    let (gone, stays) = (File::of(7), File::of(8));
    for file in [&gone, &stays] {
        tables.closed(file, "fetcher", (100, 100), 0).await;
        tables.closed(file, "decompressor", (100, 200), 0).await;
        tables.passed(file, 1, 2).await;
        tables.rows(file, 1, 2).await;
        tables.rejected(file, "decompressor", "corrupt").await;
        let at = tables.closed(file, "reencoder", (200, 200), 2).await;
        settle_loads(database, ("events", 0, at, at + 1)).await.unwrap();
    }
    tables.judged(Options::default()).await;
    let before = traces(database, &[gone.id, stays.id]).await.unwrap();
    let expected = ["file_events", "loads", "reconciled", "rejects", "rows"];
    assert_eq!(before[&gone.id].keys().collect::<Vec<_>>(), expected);

    let found = known(database, &Selector::parse(&gone.path)).await.unwrap();
    assert_eq!(found.iter().map(|file| (file.file_id, &file.path)).collect::<Vec<_>>(), [(gone.id, &gone.path)]);
    close(database, &[gone.id], "op", "request 7").await.unwrap();
    assert_eq!(begun(database).await.unwrap(), [gone.id]);
    late(&tables, &gone).await;
    late(&tables, &stays).await;
    assert_eq!(tables.count("logs").await, 3, "readers see the other file alone");
    let left = erase(database, &[gone.id], &Days::default()).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    late(&tables, &gone).await;
    assert!(traces(database, &[gone.id]).await.unwrap().is_empty(), "what comes late does not come in");
    assert_eq!(tables.count("rows").await, 3);
    done(database, &[gone.id], "op", "request 7", &before).await.unwrap();
    assert_eq!(begun(database).await.unwrap(), Vec::<FileId>::new());
    assert!(known(database, &Selector::parse(&gone.path)).await.unwrap().is_empty());
}

/// 2026-11-01, the day of every file here.
const DAY: i32 = 20_758;

/// A file of two lines, which is loaded and told of now.
fn of_app(id: u128, app: &str) -> File {
    File { app: app.into(), told: "now64(3)".into(), ..File::of(id) }
}

async fn loaded(tables: &Tables, file: &File) {
    tables.closed(file, "reencoder", (200, 200), 2).await;
    tables.rows(file, 1, 2).await;
}

/// Puts a day into the analyses as a refresh does, counted of the rows that readers see of it; a user and a word stand in it.
async fn counted(tables: &Tables, app: &str, day: i32) {
    let sql = format!(
        "INSERT INTO analyzed SELECT '{app}', toDate32({day}), 'source', '', count(), \
         sum(cityHash64(file_id, load, line, part)), min(file_time) FROM logs \
         WHERE app = '{app}' AND toDate32(ifNull(time, file_time)) = toDate32({day})"
    );
    tables.0.execute(&sql).await.unwrap();
    said(tables, "analyzed", app, day).await;
}

/// The same of rows that are there no more, with the time of the oldest file.
async fn counted_of_gone(tables: &Tables, app: &str, day: i32, oldest: &str) {
    let time = format!("toDateTime64('{oldest}', 3, 'UTC')");
    let sql = format!("INSERT INTO analyzed VALUES ('{app}', toDate32({day}), 'source', '', 7, 77, {time})");
    tables.0.execute(&sql).await.unwrap();
    said(tables, "analyzed", app, day).await;
}

async fn said(tables: &Tables, table: &str, app: &str, day: i32) {
    for kind in ["user", "topic"] {
        let values = format!("VALUES ('{app}', toDate32({day}), '{kind}', '{kind} of {app} on {day}', 1)");
        tables.0.execute(&format!("INSERT INTO `{table}` (app, day, kind, key, n) {values}")).await.unwrap();
    }
}

/// The days that the analyses say anything of.
async fn analyzed(tables: &Tables) -> Vec<Day> {
    tables
        .0
        .select("SELECT app, toInt32(of) AS day FROM (SELECT DISTINCT app, day AS of FROM analyzed) ORDER BY app, day")
        .await
        .unwrap()
}

fn on(days: &[(&str, i32)]) -> Vec<Day> {
    days.iter().map(|(app, day)| Day { app: (*app).into(), day: *day }).collect()
}

/// Erases a file as `logmill forget` does, and gives the days that were counted with it.
async fn forgotten(tables: &Tables, file: &File) -> Vec<Day> {
    close(&tables.0, &[file.id], "op", "request 7").await.unwrap();
    let found = days(&tables.0, &[file.id]).await.unwrap();
    let left = erase(&tables.0, &[file.id], &found).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    found.of(file.id).cloned().collect()
}

#[tokio::test]
async fn the_days_that_a_file_was_counted_in_leave_the_analyses_with_it_and_no_other_days_do() {
    let tables = Tables::empty("forgotten_days").await;
    for table in ["refresh_1_1_1_scanned", "refresh_1_1_1_made", "refresh_2_2_2_scanned", "refresh_2_2_2_made"] {
        tables.0.execute(&format!("DROP TABLE IF EXISTS {table}")).await.unwrap();
        tables.0.execute(&format!("CREATE TABLE {table} AS analyzed")).await.unwrap();
    }
    // Refreshes that died have scanned them.
    said(&tables, "refresh_1_1_1_scanned", "shop", DAY).await;
    said(&tables, "refresh_2_2_2_scanned", "web", DAY).await;
    let (gone, beside, other) = (of_app(7, "shop"), of_app(8, "shop"), of_app(9, "web"));
    for file in [&gone, &beside, &other] {
        loaded(&tables, file).await;
    }
    for app in ["shop", "web"] {
        counted(&tables, app, DAY).await;
        // The rows of it are gone: nobody counts it again.
        counted_of_gone(&tables, app, DAY - 9, "2026-10-20 00:00:00").await;
    }
    let found = days(&tables.0, &[gone.id, other.id]).await.unwrap();
    assert_eq!(found.of(gone.id).cloned().collect::<Vec<_>>(), on(&[("shop", DAY)]));
    assert_eq!(
        found.counted().into_iter().map(|(day, oldest)| (&*day.app, oldest)).collect::<Vec<_>>(),
        [("shop", 1_793_491_200_000), ("web", 1_793_491_200_000)]
    );
    assert_eq!(analyzed(&tables).await.len(), 4, "who looks changes nothing");

    // Hidden before it was erased: it may have been counted before that.
    let id = id_literal(gone.id);
    tables.0.execute(&format!("INSERT INTO hidden VALUES ({id}, 0, 1, 'a test', 1)")).await.unwrap();
    assert_eq!(forgotten(&tables, &gone).await, on(&[("shop", DAY)]));
    assert_eq!(analyzed(&tables).await, on(&[("shop", DAY - 9), ("web", DAY - 9), ("web", DAY)]));
    let left: Vec<serde_json::Value> = tables
        .0
        .select("SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'refresh_') ORDER BY name")
        .await
        .unwrap();
    let left: Vec<&str> = left.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(left, ["refresh_2_2_2_made", "refresh_2_2_2_scanned"]);
}

#[tokio::test]
async fn of_a_file_whose_rows_are_gone_each_day_goes_that_may_have_it() {
    let tables = Tables::empty("forgotten_kept").await;
    let (gone, beside) = (of_app(7, "shop"), of_app(8, "shop"));
    tables.closed(&gone, "reencoder", (200, 200), 2).await;
    loaded(&tables, &beside).await;
    // Of the rows that are there, and of these alone.
    counted(&tables, "shop", DAY).await;
    counted_of_gone(&tables, "shop", DAY - 9, "2026-10-20 00:00:00").await;
    counted_of_gone(&tables, "shop", DAY + 1, "2026-11-01 00:00:00").await;
    counted_of_gone(&tables, "shop", DAY + 2, "2026-11-01 00:00:01").await;
    counted_of_gone(&tables, "web", DAY - 9, "2026-10-20 00:00:00").await;
    let elsewhere = of_app(9, "web");
    tables.closed(&elsewhere, "reencoder", (200, 200), 2).await;
    let found = days(&tables.0, &[gone.id, elsewhere.id]).await.unwrap();
    assert_eq!(found.of(elsewhere.id).cloned().collect::<Vec<_>>(), on(&[("web", DAY - 9)]));
    assert_eq!(found.of(gone.id).cloned().collect::<Vec<_>>(), on(&[("shop", DAY - 9), ("shop", DAY + 1)]));
    assert_eq!(forgotten(&tables, &gone).await, on(&[("shop", DAY - 9), ("shop", DAY + 1)]));
    assert_eq!(analyzed(&tables).await, on(&[("shop", DAY), ("shop", DAY + 2), ("web", DAY - 9)]));

    // Counted before it came.
    let late = File { told: "now64(3) + INTERVAL 2 DAY".into(), ..of_app(10, "web") };
    tables.closed(&late, "reencoder", (200, 200), 2).await;
    assert_eq!(forgotten(&tables, &late).await, []);
    // Nothing was cut of it.
    let never = of_app(11, "web");
    tables.closed(&never, "reencoder", (0, 0), 0).await;
    assert_eq!(forgotten(&tables, &never).await, []);
    assert_eq!(analyzed(&tables).await.len(), 3);
}

#[tokio::test]
async fn an_erasure_that_was_killed_anywhere_drops_the_days_when_it_is_run_again() {
    let tables = Tables::empty("forgotten_again").await;
    let (gone, beside) = (of_app(7, "shop"), of_app(8, "shop"));
    for file in [&gone, &beside] {
        loaded(&tables, file).await;
    }
    counted(&tables, "shop", DAY).await;
    close(&tables.0, &[gone.id], "op", "request 7").await.unwrap();
    // Killed when its rows were gone, and a refresh that had scanned them before was faster than it.
    tables
        .on_rows(&format!(
            "ALTER TABLE rows DELETE WHERE file_id = {} SETTINGS mutations_sync = 2",
            id_literal(gone.id)
        ))
        .await;
    assert_eq!(forgotten(&tables, &gone).await, on(&[("shop", DAY)]));
    assert_eq!(analyzed(&tables).await, []);
    // Killed before it was noted as done: nothing is known of it by then, and no day is touched.
    counted(&tables, "shop", DAY).await;
    assert_eq!(forgotten(&tables, &gone).await, []);
    assert_eq!(analyzed(&tables).await, on(&[("shop", DAY)]));
}
