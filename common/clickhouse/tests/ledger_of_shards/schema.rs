//! The schema over shards: as that of one server, made after any crash, and not over what somebody changed.

use logmill_clickhouse::{Database, Error, Migration, migrate, settle_columns, steps};
use logmill_config::{ClickHouse, Config};

fn over_shards(name: &str) -> Database {
    Database::new(&ClickHouse { database: name.into(), ..crate::servers() }).unwrap()
}

async fn texts(database: &Database, sql: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Row {
        t: String,
    }
    let rows: Vec<Row> = database.select(&format!("SELECT t FROM ({sql}) ORDER BY t")).await.unwrap();
    rows.into_iter().map(|row| row.t).collect()
}

const COLUMNS: &str = "SELECT concat(name, ' ', type, ' ', default_kind, default_expression, ' ', comment) AS t FROM system.columns \
    WHERE database = currentDatabase() AND table = 'rows'";
/// What a table of rows is but for its columns: codecs, keys, settings, indices, projections.
const REST: &str = "SELECT concat(name, ' ', compression_codec) AS t FROM system.columns \
      WHERE database = currentDatabase() AND table = 'rows' \
    UNION ALL SELECT arrayJoin(arraySort(splitByRegexp(', |SETTINGS ', engine_full))) AS t FROM system.tables \
      WHERE database = currentDatabase() AND name = 'rows' \
    UNION ALL SELECT concat(name, expr, type_full, toString(granularity)) AS t FROM system.data_skipping_indices \
      WHERE database = currentDatabase() AND table = 'rows' \
    UNION ALL SELECT concat(name, query) AS t FROM system.projections WHERE database = currentDatabase() AND table = 'rows'";

#[tokio::test]
async fn a_shard_s_rows_are_those_of_a_single_server_and_the_front_has_their_columns() {
    let single =
        Database::new(&ClickHouse { database: "shards_single".into(), shards: Vec::new(), ..crate::servers() });
    let single = single.unwrap();
    migrate(&single).await.unwrap();
    let front = over_shards("shards_of_the_same");
    migrate(&front).await.unwrap();
    let columns = texts(&single, COLUMNS).await;
    assert!(columns.len() > 14);
    assert_eq!(texts(&front, COLUMNS).await, columns);
    for shard in front.shards() {
        assert_eq!(texts(shard, COLUMNS).await, columns);
        assert_eq!(texts(shard, REST).await, texts(&single, REST).await);
    }
    let view = "SELECT replaceAll(replaceAll(as_select, 'GLOBAL NOT IN', 'NOT IN'), currentDatabase(), '') AS t FROM system.tables \
                WHERE database = currentDatabase() AND name = 'logs'";
    assert_eq!(texts(&front, view).await, texts(&single, view).await);
    let others = "SELECT replaceAll(create_table_query, currentDatabase(), '') AS t FROM system.tables WHERE name NOT IN \
                  ('rows', 'logs') AND database = currentDatabase()";
    assert_eq!(texts(&front, others).await, texts(&single, others).await);
}

#[tokio::test]
async fn fields_become_columns_of_every_shard_and_of_the_front() {
    let front = over_shards("shards_columns");
    migrate(&front).await.unwrap();
    let wanted = |text: &str| Config::parse(text, "logmill.toml", []).expect("a configuration").columns();
    let column = wanted("[columns]\nsize = \"int\"\n");
    let names: Vec<String> = column.iter().map(|column| column.name.clone()).collect();
    settle_columns(&front, &[], &names).await.ok(); // of the run before
    migrate(&front).await.unwrap();
    for shard in front.shards() {
        shard.execute("TRUNCATE TABLE rows").await.unwrap();
        shard
            .execute("INSERT INTO rows (file_id, line, fields) VALUES ('0123456789abcdef', 1, map('size', '17'))")
            .await
            .unwrap();
    }
    assert_eq!(settle_columns(&front, &column, &[]).await.unwrap().made, names);
    assert_eq!(settle_columns(&front, &column, &[]).await.unwrap().made, Vec::<String>::new());
    assert_eq!(texts(&front, &format!("SELECT toString(sum({})) AS t FROM logs", names[0])).await, ["34"]);
    migrate(&front).await.unwrap();
    let dropped = settle_columns(&front, &[], &names).await.unwrap().dropped;
    assert_eq!(dropped, names);
    migrate(&front).await.unwrap();
    assert!(front.execute(&format!("SELECT {} FROM logs", names[0])).await.is_err());
}

/// All that makes the schema of a database.
const ALL: &str = "SELECT create_table_query AS t FROM system.tables WHERE database = currentDatabase()";

fn statements(step: &Migration, database: &Database) -> Vec<String> {
    let is_statement = |text: &&str| text.lines().any(|line| !line.is_empty() && !line.starts_with("--"));
    let filled = |text: &str| {
        text.replace("{cluster}", "logmill").replace("{shard_database}", &format!("{}_shard", database.name()))
    };
    step.sql.split(";\n").filter(is_statement).map(filled).collect()
}

#[tokio::test]
async fn broken_off_after_any_statement_migrations_go_on_to_the_same_schema() {
    let whole = over_shards("shards_broken");
    migrate(&whole).await.unwrap();
    let mut tried = 0;
    for (database, steps) in steps(&whole) {
        let expected = texts(database, ALL).await;
        let record = texts(database, "SELECT create_table_query AS t FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'").await;
        for (index, step) in steps.iter().enumerate() {
            let own = statements(step, database);
            for broken in 1..=own.len() {
                let name = database.name();
                for sql in
                    [format!("DROP DATABASE `{name}` SYNC"), format!("CREATE DATABASE `{name}`"), record[0].clone()]
                {
                    // Outside of the database: it is gone in between.
                    outside(database).execute(&sql).await.unwrap();
                }
                for done in &steps[..index] {
                    for statement in statements(done, database) {
                        database.execute(&statement).await.unwrap();
                    }
                    let values = format!("({}, '{}', '{}')", done.number, done.name, done.checksum());
                    database
                        .execute(&format!("INSERT INTO migrations (number, name, checksum) VALUES {values}"))
                        .await
                        .unwrap();
                }
                for statement in &own[..broken] {
                    database.execute(statement).await.unwrap();
                }
                migrate(&whole).await.unwrap_or_else(|error| panic!("{}, statement {broken}: {error}", step.name));
                assert_eq!(texts(database, ALL).await, expected, "{}, statement {broken}", step.name);
                tried += 1;
            }
        }
    }
    assert!(tried > 15, "{tried}");
    let again = migrate(&whole).await.unwrap();
    assert!(again.applied.is_empty() && again.shards.iter().all(|shard| shard.applied.is_empty()));
}

/// The server of a database.
fn outside(database: &Database) -> Database {
    let (url, name) = (database.url().to_owned(), "default".to_owned());
    Database::new(&ClickHouse { url, database: name, shards: Vec::new(), ..crate::servers() }).unwrap()
}

#[tokio::test]
async fn over_a_shard_that_was_changed_by_hand_nothing_is_done_and_it_is_named() {
    let front = over_shards("shards_changed");
    migrate(&front).await.unwrap();
    let second = &front.shards()[1];
    for (changed, change, undo, said) in [
        (
            second,
            "ALTER TABLE rows ADD COLUMN mine String",
            "ALTER TABLE rows DROP COLUMN mine",
            "column rows.mine is new: String",
        ),
        (
            second,
            "ALTER TABLE rows MODIFY SETTING fsync_after_insert = 0",
            "ALTER TABLE rows MODIFY SETTING fsync_after_insert = 1",
            "fsync_after_insert = 0",
        ),
        (
            &front,
            "ALTER TABLE rows DROP COLUMN level",
            "ALTER TABLE rows ADD COLUMN level LowCardinality(String) COMMENT 'Level of the line; empty when none is found' AFTER channel",
            "column rows.level is gone",
        ),
    ] {
        changed.execute(change).await.unwrap();
        let refused = migrate(&front).await.expect_err(change);
        let text = refused.to_string();
        assert!(matches!(refused, Error::Differs { .. }) && text.contains(said), "{change}: {text}");
        assert_eq!(text.contains(second.url()), changed.url() == second.url(), "{text}");
        changed.execute(undo).await.unwrap();
        migrate(&front).await.unwrap_or_else(|error| panic!("{undo}: {error}"));
    }
}

#[tokio::test]
async fn rows_of_shards_are_kept_as_long_as_the_configuration_says() {
    for (days, said) in [(None, ""), (Some(30), "30"), (None, "")] {
        let keep = days.map(|days: u64| std::time::Duration::from_secs(days * 86_400));
        let front = Database::new(&ClickHouse { database: "shards_kept".into(), keep, ..crate::servers() }).unwrap();
        migrate(&front).await.unwrap();
        let sql = "SELECT extract(engine_full, 'TTL toDateTime.file_time. . toIntervalDay.([0-9]+)') AS t FROM system.tables \
                   WHERE database = currentDatabase() AND name = 'rows'";
        for shard in front.shards() {
            assert_eq!(texts(shard, sql).await, [said], "{days:?}");
        }
    }
}
