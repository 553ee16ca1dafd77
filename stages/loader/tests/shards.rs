//! Batches over shards: each file's rows go to its shard, once, whichever of them was away.

mod common;

use common::*;
use logmill_clickhouse::{Database, Error, Place, migrate};
use logmill_config::ClickHouse;
use logmill_core::FileId;
use logmill_loader::{Sink, Table};
use logmill_protocol::load::{Insert, Verdict};
use logmill_stack::{ClickHouseAddress, Stack, Wanted, default_dir, shared};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the two engines are asked as shards.
fn over(servers: [&ClickHouseAddress; 2], database: &str) -> ClickHouse {
    let shards = servers.map(|server| server.url.clone()).into();
    ClickHouse { shards, ..settings(servers[0], database) }
}

fn sink_of(config: &ClickHouse) -> Sink {
    let database = Database::new(config).unwrap();
    let tables: BTreeMap<Arc<str>, Table> = [(Arc::from(ROWS), Table::Rows)].into();
    Sink { database, chain: config.database.as_str().into(), tables: tables.into() }
}

const FILES: u128 = 8;

/// A batch of ten lines of each file.
fn batch(from: i64) -> Insert {
    let records = (1..=FILES).map(|number| lines(&file(number, number as u64 % 3), 1 + from as u64, 10));
    insert(ROWS, Table::Rows, from, records.collect())
}

/// Rows on each shard, distinct ones, and files that lie where they should not.
async fn rows(sink: &Sink) -> Vec<(u64, u64, usize)> {
    #[derive(serde::Deserialize)]
    struct Row {
        id: FileId,
        n: u64,
        distinct: u64,
    }
    let mut all = Vec::new();
    for (number, shard) in sink.database.shards().iter().enumerate() {
        let sql = "SELECT lower(hex(file_id)) AS id, count() AS n, uniqExact(load, line, part) AS distinct FROM rows GROUP BY file_id";
        let rows: Vec<Row> = shard.select(sql).await.unwrap();
        let strange = rows.iter().filter(|row| Place::of(row.id, 2).number != number).count();
        all.push((rows.iter().map(|row| row.n).sum(), rows.iter().map(|row| row.distinct).sum(), strange));
    }
    all
}

#[tokio::test]
async fn a_batch_goes_to_each_file_s_shard_and_waits_for_one_that_is_away_by_its_name() {
    let [front, other] = shared::two_clickhouses();
    let config = over([front, other], "loader_shards");
    let sink = sink_of(&config);
    migrate(&sink.database).await.unwrap();
    for shard in sink.database.shards() {
        shard.execute("TRUNCATE TABLE rows").await.unwrap();
    }
    let nowhere = "http://127.0.0.1:1".to_owned();
    let away = sink_of(&ClickHouse { shards: vec![front.url.clone(), nowhere], ..config.clone() });
    let Verdict::Again(why) = away.perform(&batch(0)).await else { panic!("a shard is away") };
    assert!(why.starts_with("shard 2 at http://127.0.0.1:1: no answer"), "{why}");
    assert_eq!(rows(&sink).await, [(40, 40, 0), (0, 0, 0)], "the other one has its rows already");
    for _ in 0..2 {
        assert_eq!(sink.perform(&batch(0)).await, Verdict::Loaded { rejected: Vec::new() });
        assert_eq!(rows(&sink).await, [(40, 40, 0), (40, 40, 0)]);
    }
    // Shards the other way round: no row comes in where it is not looked for.
    let swapped = sink_of(&over([other, front], "loader_shards"));
    let Verdict::Again(why) = swapped.perform(&batch(10)).await else { panic!("these are other shards") };
    assert!(why.contains("this is not shard 1 of 2"), "{why}");
    let single = sink_of(&ClickHouse { shards: vec![front.url.clone()], ..config.clone() });
    let Verdict::Again(why) = single.perform(&batch(10)).await else { panic!("there are two shards") };
    assert!(why.contains("this is not shard 1 of 1"), "{why}");
    assert_eq!(rows(&sink).await, [(40, 40, 0), (40, 40, 0)]);
}

/// As far as it goes here: this engine keeps a replicated table in ZooKeeper, and keeps it read-only, because it has no address for
/// other replicas.
#[tokio::test]
async fn replicated_shards_are_made_by_a_real_zookeeper_and_compared_and_what_is_read_only_is_waited_for() {
    let wanted = Wanted { clickhouse: true, second_clickhouse: true, keeper: true, ..Wanted::default() };
    let stack = Stack::start(&default_dir(), &wanted).unwrap();
    let servers = [stack.clickhouse(), stack.second_clickhouse()];
    let sink = sink_of(&ClickHouse { replicated: true, ..over(servers, "loader_replicated") });
    const READ_ONLY: u32 = 242;
    // The second time everything is there, and is compared.
    for _ in 0..2 {
        let ended = migrate(&sink.database).await.unwrap_err();
        assert!(
            matches!(ended, Error::Server { code: READ_ONLY, .. }),
            "all is made, and no setting of it can be changed: {ended}"
        );
    }
    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Replica {
        t: String,
        path: String,
        name: String,
    }
    for (number, shard) in (1..).zip(sink.database.shards()) {
        let sql = "SELECT table AS t, zookeeper_path AS path, replica_name AS name FROM system.replicas ORDER BY t";
        let found: Vec<Replica> = shard.select(sql).await.unwrap();
        let path = |t: &str| format!("/clickhouse/tables/{number}/loader_replicated_shard/{t}");
        let of = |t: &str| Replica { t: t.into(), path: path(t), name: "a".into() };
        assert_eq!(found, ["field_columns", "forgotten", "place", "rows"].map(of), "those of the comparison are gone");
    }
    let Verdict::Again(why) = sink.perform(&batch(0)).await else { panic!("they are read-only") };
    assert!(why.starts_with("shard 1 at "), "{why}");
    // What was meant to be replicated, and is not.
    let plain = sink_of(&over(servers, "loader_replicated"));
    let refused = migrate(&plain.database).await.unwrap_err();
    let said = "table rows is ReplicatedMergeTree";
    assert!(matches!(refused, Error::Differs { .. }) && refused.to_string().contains(said), "{refused}");
}
