//! What the chain needs of ClickHouse.

use super::check::Check;
use crate::migrate::database;
use logmill_clickhouse::{Database, Error};
use logmill_config::Config;
use serde::Deserialize;
use std::collections::BTreeMap;

const SERVER: &str = "clickhouse";

/// All checks of the server; one that fails alone when it does not answer.
pub async fn checks(config: &Config) -> Vec<Check> {
    let database = match database(config) {
        Ok(database) => database,
        Err(error) => {
            return vec![Check::bad(SERVER, "account", format!("{error:#}"), "correct clickhouse.password_file")];
        }
    };
    match database.version().await {
        Ok(version) => {
            let found = format!("version {version} at {}", database.url());
            let mut checks = vec![Check::good(SERVER, "connection", found), schema(&database).await];
            if !config.columns.is_empty() {
                checks.push(columns(config, &database).await);
            }
            checks.push(rights(&database).await);
            checks
        }
        Err(error) => {
            let advice = "check clickhouse.url, user and password, and the network";
            vec![Check::bad(SERVER, "connection", error.to_string(), advice)]
        }
    }
}

/// The server has no such database, or no such table: nothing was migrated yet.
const UNKNOWN: [u32; 2] = [81, 60];

async fn schema(database: &Database) -> Check {
    #[derive(Deserialize)]
    struct Applied {
        number: u32,
        checksum: String,
    }
    let applied = match database.select::<Applied>("SELECT number, checksum FROM migrations").await {
        Ok(applied) => applied,
        Err(Error::Server { code, .. }) if UNKNOWN.contains(&code) => Vec::new(),
        Err(error) => {
            return Check::bad(SERVER, "schema", error.to_string(), "grant this account SELECT on the database");
        }
    };
    let applied: BTreeMap<u32, String> = applied.into_iter().map(|one| (one.number, one.checksum)).collect();
    let known = logmill_clickhouse::migrations();
    let missing = known.iter().filter(|step| !applied.contains_key(&step.number)).count();
    let changed =
        known.iter().any(|step| applied.get(&step.number).is_some_and(|checksum| *checksum != step.checksum()));
    let newer = applied.keys().any(|number| known.iter().all(|step| step.number != *number));
    if newer || changed {
        let found = "the tables are of another version of logmill";
        return Check::bad(SERVER, "schema", found, "use the program that made them, or a newer one");
    }
    let found = format!("{} of {} migrations are applied", known.len() - missing, known.len());
    Check::that(missing == 0, SERVER, "schema", found, "run `logmill migrate`")
}

/// Whether analysts see the columns of fields.
async fn columns(config: &Config, database: &Database) -> Check {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    let sql = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'logs'";
    let there = match database.select::<Name>(sql).await {
        Ok(there) => there,
        Err(Error::Server { code, .. }) if UNKNOWN.contains(&code) => Vec::new(),
        Err(error) => {
            return Check::bad(SERVER, "columns", error.to_string(), "grant this account SELECT on system.columns");
        }
    };
    let wanted = config.columns();
    let missing: Vec<String> = wanted
        .iter()
        .filter(|column| there.iter().all(|row| row.name != column.name))
        .map(|column| column.name.clone())
        .collect();
    let found = match &*missing {
        [] => format!("all {} of fields are there", wanted.len()),
        missing => format!("missing: {}", missing.join(", ")),
    };
    Check::that(missing.is_empty(), SERVER, "columns", found, "run `logmill migrate`")
}

async fn rights(database: &Database) -> Check {
    #[derive(Deserialize)]
    struct Answer {
        result: u8,
    }
    let wanted = format!("CREATE TABLE, CREATE VIEW, INSERT, SELECT ON `{}`.*", database.name());
    let advice = format!("GRANT {wanted} TO the account of clickhouse.user");
    match database.select::<Answer>(&format!("CHECK GRANT {wanted}")).await {
        Ok(answer) if answer.first().is_some_and(|answer| answer.result == 1) => Check::good(SERVER, "rights", wanted),
        Ok(_) => Check::bad(SERVER, "rights", "this account may not do all that the loader does", advice),
        Err(Error::Server { code, .. }) if UNKNOWN.contains(&code) => {
            Check::bad(SERVER, "rights", "not known before there is a database", "run `logmill migrate`")
        }
        Err(error) => Check::bad(SERVER, "rights", error.to_string(), advice),
    }
}
