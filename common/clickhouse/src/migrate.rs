//! The schema, in numbered steps. Each is applied once, in order, and is recorded with its checksum; each statement can
//! be repeated, so a crash in the middle of a step, or two programs at once, do no harm.

use crate::client::Database;
use crate::error::Error;
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

/// All steps that this program knows, in order.
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
    ]
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
    /// Why the analysts' account was not made by SQL, where it was not: then it has to be made in the server's files.
    pub analyst_skipped: Option<String>,
}

/// Brings a database, which need not exist, to the newest schema.
///
/// # Errors
/// [`Error::Changed`] when an applied step differs from the known one, [`Error::Newer`] when there is one more; else as
/// the server says. What was applied before stays.
pub async fn migrate(database: &Database) -> Result<Migrated, Error> {
    migrate_by(database, &migrations()).await
}

/// [`migrate`] by other steps than the program's own.
pub(crate) async fn migrate_by(database: &Database, known: &[Migration]) -> Result<Migrated, Error> {
    database.server_execute(&format!("CREATE DATABASE IF NOT EXISTS `{}`", database.name)).await?;
    database.execute(RECORD).await?;
    let mut applied = Vec::new();
    let recorded = recorded(database).await?;
    for (number, (name, checksum)) in &recorded {
        let Some(step) = known.iter().find(|m| m.number == *number) else {
            return Err(Error::Newer { number: *number, name: name.clone() });
        };
        if step.checksum() != *checksum {
            let (name, applied, known) = (name.clone(), checksum.clone(), step.checksum());
            return Err(Error::Changed { number: *number, name, applied, known });
        }
    }
    for step in known.iter().filter(|m| !recorded.contains_key(&m.number)) {
        for statement in statements(step.sql) {
            database.execute(statement).await?;
        }
        let values = format!("({}, {}, {})", step.number, literal(step.name), literal(&step.checksum()));
        database.execute(&format!("INSERT INTO migrations (number, name, checksum) VALUES {values}")).await?;
        applied.push(step.number);
    }
    Ok(Migrated { applied, analyst_skipped: analyst(database).await? })
}

async fn recorded(database: &Database) -> Result<BTreeMap<u32, (String, String)>, Error> {
    #[derive(Deserialize)]
    struct Row {
        number: u32,
        name: String,
        checksum: String,
    }
    let rows: Vec<Row> = database.select("SELECT number, name, checksum FROM migrations ORDER BY number").await?;
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
fn statements(sql: &str) -> impl Iterator<Item = &str> {
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
