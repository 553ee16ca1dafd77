//! Migrations on the real engine: broken off anywhere they go on, and over a schema that somebody changed they do not.

use logmill_clickhouse::{Database, Error, Migration, Settled, migrate, migrations, settle_columns};
use logmill_config::{ClickHouse, Column, Config, FieldType, OWN_COLUMNS, column_name};
use logmill_stack::shared;
use std::time::Duration;

/// The database of that name, which need not exist.
fn named(name: &str, keep: Option<Duration>) -> Database {
    let server = shared::clickhouse();
    let config = ClickHouse {
        url: server.url.clone(),
        database: name.into(),
        user: server.admin.user.clone(),
        password: Some(server.admin.password.clone()),
        keep,
        ..ClickHouse::default()
    };
    Database::new(&config).unwrap()
}

fn database(name: &str, keep: Option<Duration>) -> Database {
    named(&format!("migrations_{name}"), keep)
}

/// One text.
async fn text(database: &Database, sql: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Row {
        t: String,
    }
    let rows: Vec<Row> = database.select(&format!("SELECT toString(t) AS t FROM (SELECT {sql})")).await.unwrap();
    rows.into_iter().next().map_or_else(String::new, |row| row.t)
}

/// All that makes the schema, but for the name of the database.
async fn fingerprint(database: &Database) -> String {
    let sql = "arrayStringConcat(arraySort(groupArray(replaceAll(create_table_query, currentDatabase(), ''))), '\\n') AS t \
               FROM system.tables WHERE database = currentDatabase()";
    text(database, sql).await
}

fn statements() -> Vec<(u32, &'static str)> {
    let of = |number, sql: &'static str| sql.split(";\n").map(str::trim).map(move |statement| (number, statement));
    let all = migrations().into_iter().flat_map(|step| of(step.number, step.sql).collect::<Vec<_>>());
    all.filter(|(_, statement)| statement.lines().any(|l| !l.is_empty() && !l.starts_with("--"))).collect()
}

#[tokio::test]
async fn broken_off_after_any_statement_they_go_on_to_the_same_schema() {
    let whole = database("whole", None);
    migrate(&whole).await.unwrap();
    let expected = fingerprint(&whole).await;
    let statements = statements();
    assert!(statements.len() > 10);
    for (broken, (number, _)) in statements.iter().enumerate() {
        // As it is when the statement is done, and what comes after it is not.
        let database = database(&format!("broken_{broken}"), None);
        let steps: Vec<_> = migrations().into_iter().filter(|step| step.number < *number).collect();
        made_by(&database, &steps, &statements[..=broken]).await;
        let migrated = migrate(&database).await.unwrap_or_else(|e| panic!("after statement {broken}: {e}"));
        assert_eq!(migrated.applied.first(), Some(number));
        assert_eq!(fingerprint(&database).await, expected, "after statement {broken}");
        assert!(migrate(&database).await.unwrap().applied.is_empty());
        database.execute(&format!("DROP DATABASE `{}`", database.name())).await.unwrap();
    }
}

/// A database with these statements done and these steps recorded.
async fn made_by(database: &Database, steps: &[Migration], statements: &[(u32, &str)]) {
    let outside = named("system", None);
    outside.execute(&format!("DROP DATABASE IF EXISTS `{}`", database.name())).await.unwrap();
    outside.execute(&format!("CREATE DATABASE `{}`", database.name())).await.unwrap();
    let record = "CREATE TABLE migrations (number UInt32, name String, checksum String, \
                  applied DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) ENGINE = MergeTree ORDER BY number \
                  SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";
    database.execute(record).await.unwrap();
    for (_, statement) in statements {
        database.execute(statement).await.unwrap();
    }
    for step in steps {
        let values = format!("({}, '{}', '{}')", step.number, step.name, step.checksum());
        let sql = format!("INSERT INTO migrations (number, name, checksum) VALUES {values}");
        database.execute(&sql).await.unwrap();
    }
}

#[tokio::test]
async fn over_a_schema_that_was_changed_by_hand_nothing_is_done_and_what_differs_is_said() {
    let database = database("changed", None);
    migrate(&database).await.unwrap();
    let statements = statements();
    let is_view = |statement: &&str| statement.contains("VIEW") && statement.contains(" logs AS");
    let view = statements.iter().map(|(_, statement)| *statement).rfind(is_view).expect("there is the view");
    let view = view.trim_end_matches(';');
    for (change, undo, said) in [
        (
            "ALTER TABLE rows ADD COLUMN mine String",
            "ALTER TABLE rows DROP COLUMN mine",
            "column rows.mine is new: String",
        ),
        (
            "ALTER TABLE rows MODIFY COLUMN channel String",
            "ALTER TABLE rows MODIFY COLUMN channel LowCardinality(String)",
            "column rows.channel is String COMMENT Channel that carried it; it has to be LowCardinality(String)",
        ),
        (
            "ALTER TABLE rows DROP INDEX time_range",
            "ALTER TABLE rows ADD INDEX time_range time TYPE minmax GRANULARITY 1",
            "index rows.time_range is gone: time TYPE minmax",
        ),
        (
            "ALTER TABLE rows MODIFY SETTING fsync_after_insert = 0",
            "ALTER TABLE rows MODIFY SETTING fsync_after_insert = 1",
            "fsync_after_insert = 0",
        ),
        ("RENAME TABLE finished TO put_away", "RENAME TABLE put_away TO finished", "table finished is gone"),
        ("CREATE OR REPLACE VIEW logs AS SELECT * FROM rows", view, "view logs is SELECT"),
        (
            "ALTER TABLE rows MODIFY TTL toDateTime(load_time) + INTERVAL 100 DAY",
            "ALTER TABLE rows REMOVE TTL",
            "ttl rows is new: toDateTime(load_time) + toIntervalDay(100)",
        ),
        (
            "ALTER TABLE loads MODIFY TTL toDateTime(modified) + INTERVAL 1 DAY",
            "ALTER TABLE loads REMOVE TTL",
            "ttl loads is new",
        ),
        (
            "ALTER TABLE rows MODIFY COLUMN text TTL toDateTime(file_time) + INTERVAL 1 DAY",
            "ALTER TABLE rows MODIFY COLUMN text REMOVE TTL",
            "column-ttls rows is new: `text` String",
        ),
        (
            "ALTER TABLE rows ADD CONSTRAINT mine CHECK line > 0, ADD CONSTRAINT second CHECK part < 9",
            "ALTER TABLE rows DROP CONSTRAINT mine, DROP CONSTRAINT second",
            "constraints rows is new: mine CHECK line > 0, CONSTRAINT second CHECK part < 9",
        ),
        (
            "CREATE MATERIALIZED VIEW counted ENGINE = MergeTree ORDER BY app AS SELECT app FROM rows",
            "DROP VIEW counted SYNC",
            "materialized-views rows is new: migrations_changed.counted",
        ),
    ] {
        database.execute(change).await.unwrap();
        let refused = migrate(&database).await.expect_err(change);
        assert!(matches!(refused, Error::Differs { .. }) && refused.to_string().contains(said), "{change}: {refused}");
        database.execute(undo).await.unwrap();
        migrate(&database).await.unwrap_or_else(|error| panic!("{undo}: {error}"));
    }
    // What is not of the migrations is nobody's business.
    database.execute("CREATE TABLE IF NOT EXISTS of_an_analyst (x UInt8) ENGINE = MergeTree ORDER BY x").await.unwrap();
    migrate(&database).await.unwrap();
    let left =
        text(&database, "count() AS t FROM system.databases WHERE name LIKE 'migrations_changed_compared%'").await;
    assert_eq!(left, "0", "databases of comparisons that are left");
}

#[tokio::test]
async fn rows_are_kept_as_long_as_the_configuration_says() {
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    for (keep, said) in [(None, ""), (days(400), "400"), (days(30), "30"), (days(30), "30"), (None, "")] {
        let database = database("kept", keep);
        migrate(&database).await.unwrap();
        let sql = "extract(engine_full, 'TTL toDateTime.file_time. . toIntervalDay.([0-9]+)') AS t FROM system.tables \
                   WHERE database = currentDatabase() AND name = 'rows'";
        assert_eq!(text(&database, sql).await, said, "{keep:?}");
    }
    // A day's file that is older goes as a whole, and its neighbours stay.
    let database = database("kept", days(30));
    database.execute("TRUNCATE TABLE rows").await.unwrap();
    migrate(&database).await.unwrap();
    for age in [40, 20] {
        let sql = format!(
            "INSERT INTO rows (file_id, file_time, line) SELECT toFixedString('{age}', 16), now() - INTERVAL {age} DAY, number \
             FROM numbers(10)"
        );
        database.execute(&sql).await.unwrap();
    }
    for _ in 0..300 {
        if text(&database, "count() AS t FROM rows").await == "10" {
            return;
        }
        database.execute("OPTIMIZE TABLE rows FINAL").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the rows of a file of 40 days ago are still there");
}

fn columns(wanted: &[(&str, FieldType)]) -> Vec<Column> {
    let text: String = wanted.iter().map(|(field, kind)| format!("{field:?} = \"{kind}\"\n")).collect();
    Config::parse(&format!("[columns]\n{text}"), "logmill.toml", []).expect("a configuration").columns()
}

const TYPES: [(&str, FieldType, &str, &str, &str); 8] = [
    // the field, its type, a value, what is read of it, and what of one that is none
    ("s", FieldType::Str, "a 'b'", "a 'b'", "no"),
    // Its column says these words, and is made before others whose names come before it.
    ("zz TTL CONSTRAINT", FieldType::Int, "3", "3", "NULL"),
    ("i", FieldType::Int, "-17", "-17", "NULL"),
    ("f", FieldType::Float, "1.5e3", "1500", "NULL"),
    ("b.c", FieldType::Bool, "true", "true", "NULL"),
    ("ip", FieldType::Ip, "10.0.0.1", "::ffff:10.0.0.1", "NULL"),
    ("sc-when", FieldType::Time, "2026-11-22T10:00:00.5+01:00", "2026-11-22 09:00:00.500", "NULL"),
    ("size", FieldType::Size, "1.5 KiB", "1536", "NULL"),
];

#[tokio::test]
async fn fields_become_columns_and_the_schema_is_theirs_too() {
    let database = database("columns", None);
    let outside = named("system", None);
    outside.execute(&format!("DROP DATABASE IF EXISTS `{}`", database.name())).await.unwrap();
    migrate(&database).await.unwrap();
    // A row that was there before has them as well.
    let pairs: Vec<String> =
        TYPES.iter().map(|(field, _, value, ..)| format!("'{field}', '{}'", value.replace('\'', "\\'"))).collect();
    let no: Vec<String> = TYPES.iter().map(|(field, ..)| format!("'{field}', 'no'")).collect();
    for (line, pairs) in [(1, pairs.join(",")), (2, no.join(",")), (3, String::new())] {
        let sql = format!("INSERT INTO rows (file_id, line, fields) VALUES ('0123456789abcdef', {line}, map({pairs}))");
        database.execute(&sql).await.unwrap();
        if line == 1 {
            let wanted: Vec<_> = TYPES.iter().map(|(field, kind, ..)| (*field, *kind)).collect();
            let settled = settle_columns(&database, &columns(&wanted), &[]).await.unwrap();
            assert_eq!(settled.made.len(), TYPES.len());
        }
    }
    for (field, _, _, expected, none) in TYPES {
        let name = column_name(field);
        for (line, expected) in [(1, expected), (2, none), (3, if field == "s" { "" } else { "NULL" })] {
            let sql = format!("ifNull(toString(`{name}`), 'NULL') AS t FROM logs WHERE line = {line}");
            assert_eq!(text(&database, &sql).await, expected, "{field} in line {line}");
        }
    }
    // They are of the schema, so nothing differs, and what somebody does to them does.
    let all: Vec<_> = TYPES.iter().map(|(field, kind, ..)| (*field, *kind)).collect();
    migrate(&database).await.unwrap();
    assert_eq!(settle_columns(&database, &columns(&all), &[]).await.unwrap(), Settled::default());
    database.execute("ALTER TABLE rows MODIFY COLUMN i Nullable(Int32)").await.unwrap();
    let refused = migrate(&database).await.expect_err("the type is another one").to_string();
    assert!(refused.contains("column rows.i is Nullable(Int32)"), "{refused}");
    database.execute("ALTER TABLE rows MODIFY COLUMN i Nullable(Int64)").await.unwrap();
    migrate(&database).await.unwrap();

    // What is no longer wanted, or as something else, is said; nothing is guessed, and nothing is done.
    let fewer: Vec<_> = all.iter().copied().filter(|(field, _)| *field != "i").collect();
    let other: Vec<_> =
        all.iter().map(|(field, kind)| (*field, if *field == "i" { FieldType::Float } else { *kind })).collect();
    for (wanted, said) in [(&fewer, "does not name that field any more"), (&other, "has \"i\" = \"float\"")] {
        let refused = settle_columns(&database, &columns(wanted), &[]).await.expect_err(said).to_string();
        assert!(refused.contains(said) && refused.contains("logmill migrate --drop-column i"), "{refused}");
    }
    assert_eq!(text(&database, "toTypeName(any(i)) AS t FROM logs").await, "Nullable(Int64)");
    let drop = ["i".to_owned()];
    let settled = settle_columns(&database, &columns(&other), &drop).await.unwrap();
    assert_eq!((settled.dropped, settled.made), (drop.to_vec(), drop.to_vec()));
    assert_eq!(text(&database, "toString(sum(i)) || toTypeName(any(i)) AS t FROM logs").await, "-17Nullable(Float64)");
    settle_columns(&database, &columns(&fewer), &drop).await.unwrap();
    migrate(&database).await.unwrap();
    let missing = database.execute("SELECT i FROM logs").await.expect_err("it is gone").to_string();
    assert!(missing.contains('i'), "{missing}");
    assert_eq!(text(&database, "fields['i'] AS t FROM logs WHERE line = 1").await, "-17");
    let unknown =
        settle_columns(&database, &columns(&fewer), &["text".into()]).await.expect_err("not made for a field");
    assert!(unknown.to_string().contains("no column text was made for a field"), "{unknown}");
}

/// Wherever the making of columns is broken off, the schema is not taken for one that somebody changed, and the same again goes on.
#[tokio::test]
async fn columns_that_were_broken_off_are_made_on() {
    let wanted = columns(&[("a", FieldType::Int), ("b", FieldType::Str)]);
    let record = |name: &str, kind: &str, dropped: u8| {
        format!(
            "INSERT INTO field_columns (name, field, kind, dropped, version) VALUES ('{name}', '{name}', '{kind}', {dropped}, {dropped})"
        )
    };
    let whole = database("columns_whole", None);
    let outside = named("system", None);
    for database in [&whole, &database("columns_broken", None)] {
        outside.execute(&format!("DROP DATABASE IF EXISTS `{}`", database.name())).await.unwrap();
        migrate(database).await.unwrap();
    }
    settle_columns(&whole, &wanted, &[]).await.unwrap();
    let expected = fingerprint(&whole).await;
    let broken = database("columns_broken", None);
    let make = "ALTER TABLE rows ADD COLUMN a Nullable(Int64) DEFAULT toInt64OrNull(fields['a']) \
                COMMENT 'The field a, as the configuration has it' CODEC(ZSTD(1))";
    // Written down; made; not shown yet.
    for statement in [record("a", "int", 0), make.to_owned()] {
        broken.execute(&statement).await.unwrap();
        migrate(&broken).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    settle_columns(&broken, &wanted, &[]).await.unwrap();
    assert_eq!(fingerprint(&broken).await, expected);
    // One that nobody wrote down is somebody's.
    broken.execute("ALTER TABLE rows ADD COLUMN c String DEFAULT fields['c']").await.unwrap();
    let refused = migrate(&broken).await.expect_err("a column of somebody's").to_string();
    assert!(refused.contains("column rows.c is new"), "{refused}");
}

#[tokio::test]
async fn no_field_can_take_the_name_of_a_column() {
    let database = database("own_columns", None);
    migrate(&database).await.unwrap();
    let sql = "arrayStringConcat(arraySort(groupUniqArray(name)), ',') AS t FROM system.columns \
               WHERE database = currentDatabase() AND table IN ('rows', 'logs')";
    let mut own = OWN_COLUMNS.to_vec();
    own.sort_unstable();
    assert_eq!(text(&database, sql).await, own.join(","));
}
