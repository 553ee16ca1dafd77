//! The schema, in numbered steps. Each is applied once, in order, and is recorded with its checksum; each statement can
//! be repeated, so a crash in the middle of a step, or two programs at once, do no harm.
//!
//! Before anything is changed, what there is is compared with what the recorded steps make of an empty database beside it,
//! and, as a step may have been broken off, with what the first statements of the next one make of that. A schema that is
//! none of these was changed by somebody else: nothing goes on over it.

use crate::client::Database;
use crate::cluster::Cluster;
use crate::columns;
use crate::error::Error;
use crate::schema::{Schema, schema};
use crate::sql::literal;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One step: a file of `schemas/clickhouse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub number: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

impl Migration {
    /// 16 hex digits of XXH3-64 over the file.
    #[must_use]
    pub fn checksum(&self) -> String {
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(self.sql.as_bytes()))
    }
}

macro_rules! step {
    ($number:literal, $name:literal, $file:literal) => {
        Migration { number: $number, name: $name, sql: include_str!(concat!("../../../schemas/clickhouse/", $file)) }
    };
}

/// The steps of a single server's database, in order.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    vec![
        step!(1, "rows", "0001_rows.sql"),
        step!(2, "ledger", "0002_ledger.sql"),
        step!(3, "loads", "0003_loads.sql"),
        step!(4, "logs", "0004_logs.sql"),
        step!(5, "archives", "0005_archives.sql"),
        step!(6, "finished", "0006_finished.sql"),
        step!(7, "records", "0007_records.sql"),
        step!(10, "letters", "0010_letters.sql"),
        step!(11, "forgotten", "0011_forgotten.sql"),
        step!(20, "days", "0020_days.sql"),
        step!(21, "analyzed", "0021_analyzed.sql"),
        step!(22, "codecs", "0022_codecs.sql"),
        step!(23, "words", "0023_words.sql"),
        step!(30, "field_columns", "0030_field_columns.sql"),
        step!(31, "merges", "0031_merges.sql"),
    ]
}

/// The steps of a shard's database: its rows, and what its INSERTs look into.
fn shard_migrations() -> Vec<Migration> {
    vec![
        step!(1, "shard_rows", "cluster/shard_0001_rows.sql"),
        step!(2, "shard_fences", "cluster/shard_0002_fences.sql"),
        step!(30, "field_columns", "0030_field_columns.sql"),
        step!(31, "merges", "0031_merges.sql"),
    ]
}

/// The steps of the database before shards. Numbers are those of a single server's: the ledger's steps are the same.
fn front_migrations() -> Vec<Migration> {
    let mut steps = vec![
        step!(1, "front_rows", "cluster/front_0001_rows.sql"),
        step!(4, "front_logs", "cluster/front_0004_logs.sql"),
    ];
    steps.extend(migrations().into_iter().filter(|step| [2, 3, 5, 6, 10, 11, 21, 30].contains(&step.number)));
    steps.sort_by_key(|step| step.number);
    steps
}

/// What a database is to hold.
pub(crate) struct Steps {
    pub known: Vec<Migration>,
    /// What stands for what in their text.
    pub texts: Vec<(&'static str, String)>,
}

/// Engines of replicated tables. As the server's macros have it every shard has a folder of its own in Keeper, and every replica a
/// name in it.
const REPLICATED: [(&str, &str); 2] = [
    (
        "ENGINE = MergeTree",
        "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')",
    ),
    (
        "ENGINE = ReplacingMergeTree(",
        "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', ",
    ),
];

impl Steps {
    /// Those of a shard of the front.
    fn of_shard(cluster: &Cluster) -> Self {
        let replicated = REPLICATED.into_iter().filter(|_| cluster.replicated);
        let texts = replicated.map(|(plain, replicated)| (plain, replicated.to_owned())).collect();
        Self { known: shard_migrations(), texts }
    }

    fn statements(&self, step: &Migration) -> Vec<String> {
        let filled = |statement: &str| {
            self.texts.iter().fold(statement.to_owned(), |statement, (name, text)| statement.replace(name, text))
        };
        statements(step.sql).map(filled).collect()
    }
}

/// The steps of this database; of a front not those of its shards.
pub(crate) fn steps_of(database: &Database) -> Steps {
    match &database.cluster {
        None => Steps { known: migrations(), texts: Vec::new() },
        Some(cluster) => Steps {
            known: front_migrations(),
            texts: vec![
                ("{cluster}", cluster.name.clone()),
                ("{shard_database}", cluster.shards.first().map_or_else(String::new, |shard| shard.name.clone())),
            ],
        },
    }
}

/// Every database of the table with the steps that make it: shards, then the one that is asked.
#[must_use]
pub fn steps(database: &Database) -> Vec<(&Database, Vec<Migration>)> {
    let shards = database.shards().iter().map(|shard| (shard, shard_migrations()));
    shards.chain([(database, steps_of(database).known)]).collect()
}

const ANALYST: &str = include_str!("../../../schemas/clickhouse/analyst.sql");

/// The table that remembers what was applied.
const RECORD: &str = "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, checksum String, \
    applied DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) ENGINE = MergeTree ORDER BY number \
    SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";

/// What [`migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The steps that were not there yet.
    pub applied: Vec<u32>,
    /// Why what there was before was not compared with the steps, where it was not.
    pub unchecked: Option<String>,
    /// Why the analysts' account was not made by SQL, where it was not: then it has to be made in the server's files.
    pub analyst_skipped: Option<String>,
    /// The same of each shard.
    pub shards: Vec<Migrated>,
}

/// Brings a database, which need not exist, to the newest schema, and the time for which rows are kept to that of the
/// configuration. Before a front come its shards, whose places in the configuration must be those that they have
/// ([`Database::grows`]).
///
/// # Errors
/// [`Error::Changed`] when an applied step differs from the known one, [`Error::Newer`] when there is one more,
/// [`Error::Differs`] when the schema is not what the steps make; else as the server says. What was applied before stays.
pub async fn migrate(database: &Database) -> Result<Migrated, Error> {
    let mut shards = Vec::new();
    if let Some(cluster) = &database.cluster {
        // What a database on one server holds is no front: nothing is made on the shards then.
        checked(database, &steps_of(database).known).await?;
        database.grows().await?;
        let steps = Steps::of_shard(cluster);
        // One that cannot be brought there keeps no other from it.
        let mut failed = None;
        for shard in &cluster.shards {
            match migrate_by(shard, &steps).await {
                Ok(migrated) => shards.push(migrated),
                Err(error) => {
                    failed.get_or_insert(error.at_shard(shard));
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
    let migrated = migrate_by(database, &steps_of(database)).await?;
    for holder in database.holders() {
        keep(holder).await?;
    }
    database.settle_shards().await?;
    database.sees_its_shards().await?;
    Ok(Migrated { shards, ..migrated })
}

/// [`migrate`] of one database by these steps.
pub(crate) async fn migrate_by(database: &Database, steps: &Steps) -> Result<Migrated, Error> {
    let known = &steps.known;
    // Who may not make databases may have been given one: what comes next shows it.
    match database.server_execute(&format!("CREATE DATABASE IF NOT EXISTS `{}`", database.name)).await {
        Ok(()) | Err(Error::Server { code: ACCESS_DENIED, .. }) => {}
        Err(other) => return Err(other),
    }
    database.execute(RECORD).await?;
    let mut applied = Vec::new();
    let recorded = checked(database, known).await?;
    let (done, to_do): (Vec<&Migration>, Vec<&Migration>) =
        known.iter().partition(|m| recorded.contains_key(&m.number));
    let unchecked = match compare(database, steps, &done, to_do.first().copied()).await {
        Ok(()) => None,
        Err(Error::Server { code: ACCESS_DENIED, message }) => Some(message),
        Err(other) => return Err(other),
    };
    for step in to_do {
        for statement in steps.statements(step) {
            database.execute(&statement).await?;
        }
        let values = format!("({}, {}, {})", step.number, literal(step.name), literal(&step.checksum()));
        database.execute(&format!("INSERT INTO migrations (number, name, checksum) VALUES {values}")).await?;
        applied.push(step.number);
    }
    Ok(Migrated { applied, unchecked, analyst_skipped: analyst(database).await?, shards: Vec::new() })
}

/// This account may not make databases.
const ACCESS_DENIED: u32 = 497;

/// Whether the database is what the steps that are done make, and perhaps some of the next one's statements.
async fn compare(
    database: &Database,
    steps: &Steps,
    done: &[&Migration],
    next: Option<&Migration>,
) -> Result<(), Error> {
    if done.is_empty() && next.is_none() {
        return Ok(());
    }
    let found = schema(database).await?;
    let beside = Database { name: beside_name(&database.name), ..database.clone() };
    drop_forgotten(database).await?;
    beside.server_execute(&format!("CREATE DATABASE `{}`", beside.name)).await?;
    let differences = nearest(database, &beside, steps, &found, done, next).await;
    // At once: a replicated table leaves Keeper with it.
    beside.server_execute(&format!("DROP DATABASE IF EXISTS `{}` SYNC", beside.name)).await?;
    match differences? {
        none if none.is_empty() => Ok(()),
        differences => Err(Error::Differs { database: database.name.clone(), differences }),
    }
}

/// The fewest differences of `found`, the schema of `database`, from what the steps make in the empty database `beside`, with the
/// columns of fields that were written down.
async fn nearest(
    database: &Database,
    beside: &Database,
    steps: &Steps,
    found: &Schema,
    done: &[&Migration],
    next: Option<&Migration>,
) -> Result<Vec<String>, Error> {
    for statement in done.iter().flat_map(|step| steps.statements(step)) {
        beside.execute(&statement).await?;
    }
    columns::copy(database, beside).await?;
    let mut nearest = schema(beside).await?.differences(found);
    for statement in next.into_iter().flat_map(|step| steps.statements(step)) {
        if nearest.is_empty() {
            break;
        }
        beside.execute(&statement).await?;
        let differences = schema(beside).await?.differences(found);
        nearest = if differences.len() < nearest.len() { differences } else { nearest };
    }
    Ok(nearest)
}

const BESIDE: &str = "_compared_";

/// The name of an empty database for one comparison; the time, in seconds, stands in it.
fn beside_name(database: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{database}{BESIDE}{}_{}_{}", since.as_secs(), since.subsec_nanos(), std::process::id())
}

/// Drops what comparisons left that were broken off more than an hour ago.
async fn drop_forgotten(database: &Database) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    let prefix = literal(&format!("{}{BESIDE}", database.name));
    let begun = format!("toUInt64OrZero(splitByChar('_', substring(name, length({prefix}) + 1))[1])");
    let names: Vec<Row> = database
        .server_select(&format!(
            "SELECT name FROM system.databases WHERE startsWith(name, {prefix}) AND {begun} < toUnixTimestamp(now()) - 3600"
        ))
        .await?;
    for Row { name } in names {
        database.server_execute(&format!("DROP DATABASE IF EXISTS `{name}`")).await?;
    }
    Ok(())
}

/// Rows go with the day of their file, after the time of the configuration. The table is touched where it says another one.
async fn keep(database: &Database) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Days {
        days: u64,
    }
    const TTL: &str = "TTL toDateTime\\\\(file_time\\\\) \\\\+ toIntervalDay\\\\(([0-9]+)\\\\)";
    let there: Vec<Days> = database
        .select(&format!(
            "SELECT toUInt64OrZero(extract(engine_full, '{TTL}')) AS days FROM system.tables \
             WHERE database = currentDatabase() AND name = 'rows'"
        ))
        .await?;
    let there = there.first().map_or(0, |there| there.days);
    match database.keep.map_or(0, |keep| keep.as_secs() / 86_400) {
        wanted if wanted == there => Ok(()),
        0 => database.execute("ALTER TABLE rows REMOVE TTL").await,
        days => {
            database
                .execute(&format!("ALTER TABLE rows MODIFY TTL toDateTime(file_time) + toIntervalDay({days})"))
                .await
        }
    }
}

/// The steps that were applied, of those that are known.
///
/// # Errors
/// One is another, or is not known; or the server does not answer.
async fn checked(database: &Database, known: &[Migration]) -> Result<BTreeMap<u32, (String, String)>, Error> {
    let recorded = recorded(database).await?;
    for (number, (name, checksum)) in &recorded {
        let Some(step) = known.iter().find(|m| m.number == *number) else {
            return Err(Error::Newer { number: *number, name: name.clone() });
        };
        if step.name != name {
            let (database, applied) = (database.name.clone(), name.clone());
            return Err(Error::Kind { database, number: *number, applied, known: step.name });
        }
        if step.checksum() != *checksum {
            let (name, applied, known) = (name.clone(), checksum.clone(), step.checksum());
            return Err(Error::Changed { number: *number, name, applied, known });
        }
    }
    Ok(recorded)
}

async fn recorded(database: &Database) -> Result<BTreeMap<u32, (String, String)>, Error> {
    #[derive(Deserialize)]
    struct Row {
        number: u32,
        name: String,
        checksum: String,
    }
    let rows = match database.select::<Row>("SELECT number, name, checksum FROM migrations ORDER BY number").await {
        Err(error) if error.is_not_there() => Vec::new(),
        other => other?,
    };
    Ok(rows.into_iter().map(|row| (row.number, (row.name, row.checksum))).collect())
}

/// ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND (no accounts by SQL), ACCESS_ENTITY_ALREADY_EXISTS in a read-only storage,
/// ACCESS_STORAGE_READONLY, ACCESS_DENIED (this account may not make others).
const NO_ACCOUNTS: [u32; 4] = [514, 493, 495, 497];

/// Makes the analysts' account. Returns why not, where the server keeps no accounts by SQL.
async fn analyst(database: &Database) -> Result<Option<String>, Error> {
    let sql = ANALYST.replace("{database}", &format!("`{}`", database.name));
    for statement in statements(&sql) {
        match database.execute(statement).await {
            Ok(()) => {}
            Err(Error::Server { code, message }) if NO_ACCOUNTS.contains(&code) => return Ok(Some(message)),
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

/// The statements of a file: each ends with a semicolon at the end of a line.
pub(crate) fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|s| s.lines().any(|line| !line.is_empty() && !line.starts_with("--")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_the_files_in_order() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/clickhouse");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of the migrations")
            .map(|entry| entry.expect("a file").file_name().into_string().expect("an ASCII name"))
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        files.sort();
        let known: Vec<String> = migrations().iter().map(|m| format!("{:04}_{}.sql", m.number, m.name)).collect();
        assert_eq!(files, known);
    }

    #[test]
    fn a_comment_is_no_statement() {
        let sql = "-- one\nCREATE TABLE a (b String DEFAULT ';');\n\n-- the end\n";
        assert_eq!(statements(sql).count(), 1);
    }
}
