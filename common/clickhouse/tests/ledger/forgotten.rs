//! Lawful erasure, on the tables of a real engine.

use crate::tables::{File, Tables};
use logmill_clickhouse::ledger::forget::{begun, close, done, erase, known, traces};
use logmill_clickhouse::ledger::{Options, Selector};
use logmill_clickhouse::{Insertion, LineRange, rows_sql, settle_loads, shard_rows_sql};
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
    let left = erase(database, &[gone.id]).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    late(&tables, &gone).await;
    assert!(traces(database, &[gone.id]).await.unwrap().is_empty(), "what comes late does not come in");
    assert_eq!(tables.count("rows").await, 3);
    done(database, &[gone.id], "op", "request 7", &before).await.unwrap();
    assert_eq!(begun(database).await.unwrap(), Vec::<FileId>::new());
    assert!(known(database, &Selector::parse(&gone.path)).await.unwrap().is_empty());
}
