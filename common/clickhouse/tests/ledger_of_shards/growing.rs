//! Each file has one shard, and a shard takes nothing else: neither by mistake, nor of before there were more of them.

use crate::tables::{File, Tables};
use logmill_clickhouse::ledger::forget::close;
use logmill_clickhouse::ledger::{Fault, Options, Verdict};
use logmill_clickhouse::{Database, Error, Insertion, LineRange, Place, migrate, shard_rows_sql};
use logmill_config::ClickHouse;
use logmill_core::{FileId, Load};

/// A row of the file, as for that shard, sent to this one.
async fn send(to: &Database, file: FileId, place: Place) -> Result<(), Error> {
    let range = LineRange { file_id: file, load: Load(0), first: 1, last: 1, file_time_ms: 1_793_491_200_000 };
    let id = file.0.to_be_bytes().iter().map(|byte| format!("\\u{byte:04x}")).collect::<String>();
    let row = format!(
        "{{\"file_id\":\"{id}\",\"load\":0,\"line\":1,\"part\":0,\"file_time\":\"2026-11-01 00:00:00\",\"text\":\"x\"}}\n"
    );
    to.insert(&Insertion {
        sql: shard_rows_sql(&[range], false, place).replace("FORMAT ArrowStream", "FORMAT JSONEachRow"),
        query_id: format!("{file} for {place:?} to {}", to.url()),
        body: vec![row.into()],
    })
    .await
}

#[tokio::test]
async fn a_row_that_is_on_another_shard_too_is_doubled() {
    let tables = Tables::empty("other_shard").await;
    let file = File::of(7);
    tables.closed(&file, "fetcher", (10, 10), 0).await;
    tables.closed(&file, "decompressor", (10, 10), 0).await;
    tables.passed(&file, 1, 20).await;
    tables.rows(&file, 1, 20).await;
    tables.closed(&file, "reencoder", (10, 10), 20).await;
    assert_eq!(tables.verdict(Options::default()).await, Verdict::Proven);
    let (holder, place) = tables.holder(file.id);
    let other = tables.0.shards().iter().find(|shard| shard.url() != holder.url()).unwrap();
    let refused = send(other, file.id, place.unwrap()).await.unwrap_err().to_string();
    assert!(refused.contains("this is not shard"), "{refused}");
    assert_eq!(tables.verdict(Options::default()).await, Verdict::Proven);
    let columns = "file_id, load, cluster, path, line, file_time, text";
    let row = format!(
        "toFixedString(unhex('{}'), 16), 0, 'a', '{}', 5, toDateTime64('2026-11-01 00:00:00', 3, 'UTC'), 'x'",
        file.id, file.path
    );
    other.execute(&format!("INSERT INTO rows ({columns}) SELECT {row}")).await.unwrap();
    let doubled = Fault::Doubled { rows: 1, places: vec![logmill_clickhouse::ledger::Place { line: 5, part: 0 }] };
    assert_eq!(tables.verdict(Options::default()).await, Verdict::Failed { faults: vec![doubled] });
}

#[tokio::test]
async fn a_further_shard_comes_last_knows_what_was_erased_and_the_others_refuse_what_was_meant_for_fewer() {
    let both = crate::servers();
    let name = "ledger_growing";
    let of = |shards: &[String], cluster: &str| {
        let (database, cluster, shards) = (name.into(), cluster.into(), shards.to_vec());
        Database::new(&ClickHouse { database, cluster, shards, ..both.clone() }).unwrap()
    };
    let outside = Database::new(&ClickHouse { database: "default".into(), ..both.clone() }).unwrap();
    let two = of(&both.shards, "logmill");
    for (server, name) in [(&outside, name), (&outside, "ledger_growing_shard")] {
        server.execute(&format!("DROP DATABASE IF EXISTS `{name}` SYNC")).await.unwrap();
    }
    two.shards()[1].execute("DROP TABLE IF EXISTS place SYNC").await.ok();
    let one = of(&both.shards[..1], "logmill_first");
    migrate(&one).await.unwrap();
    assert!(!one.grows().await.unwrap());
    let (stays, moves) = (FileId(2), FileId(3));
    let at = |number, shards| Place { number, shards };
    assert_eq!([Place::of(stays, 2), Place::of(moves, 2)], [at(0, 2), at(1, 2)]);
    send(&one.shards()[0], stays, at(0, 1)).await.unwrap();
    let erased = FileId(5);
    close(&one, &[erased], "op", "request 7").await.unwrap();

    // Another cluster of the server than that of the shards.
    let unseen = migrate(&of(&both.shards[..1], "logmill")).await.unwrap_err();
    assert!(matches!(unseen, Error::Unseen { .. } | Error::Differs { .. }), "{unseen}");

    assert!(two.grows().await.unwrap());
    // As if the server's cluster had got the second shard: here it has another name.
    #[derive(serde::Deserialize)]
    struct Text {
        t: String,
    }
    let sql = "SELECT create_table_query AS t FROM system.tables WHERE database = currentDatabase() AND name = 'rows'";
    let made: Vec<Text> = two.select(sql).await.unwrap();
    two.execute("DROP TABLE rows SYNC").await.unwrap();
    two.execute(&made[0].t.replace("'logmill_first'", "'logmill'")).await.unwrap();
    migrate(&two).await.unwrap();
    assert!(!two.grows().await.unwrap());
    // What was sent before and comes only now.
    for file in [stays, moves] {
        let refused = send(&two.shards()[0], file, at(0, 1)).await.unwrap_err().to_string();
        assert!(refused.contains("this is not shard 1 of 1"), "{refused}");
    }
    send(&two.shards()[0], stays, at(0, 2)).await.unwrap();
    for file in [moves, erased] {
        send(&two.shards()[1], file, at(1, 2)).await.unwrap();
    }
    #[derive(serde::Deserialize)]
    struct Count {
        n: u64,
    }
    let rows: Vec<Count> = two.select("SELECT count() AS n FROM rows").await.unwrap();
    assert_eq!(rows[0].n, 2, "one of each file, and none of what was erased");

    let swapped: Vec<String> = both.shards.iter().rev().cloned().collect();
    for wrong in [of(&swapped, "logmill"), of(&both.shards[..1], "logmill_first")] {
        assert!(matches!(wrong.grows().await, Err(Error::Places { .. })));
        assert!(matches!(migrate(&wrong).await, Err(Error::Places { .. })));
    }
    let single = Database::new(&ClickHouse { database: name.into(), shards: Vec::new(), ..both.clone() }).unwrap();
    let refused = migrate(&single).await.unwrap_err();
    assert!(matches!(refused, Error::Kind { .. }), "{refused}");
}
