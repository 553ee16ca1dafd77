//! What the chain needs of ClickHouse: of the one server, or of the front and every shard.

use super::check::Check;
use crate::migrate::database;
use logmill_clickhouse::{Database, Migration, columns_to_settle, steps};
use logmill_config::Config;
use serde::Deserialize;
use std::collections::BTreeMap;

const SERVER: &str = "clickhouse";

/// All checks of each server; one that fails alone when it does not answer.
pub async fn checks(config: &Config) -> Vec<Check> {
    let database = match database(config) {
        Ok(database) => database,
        Err(error) => {
            return vec![Check::bad(SERVER, "account", format!("{error:#}"), "correct clickhouse.password_file")];
        }
    };
    let mut all = Vec::new();
    let shards = database.shards().len();
    for (number, (one, steps)) in steps(&database).iter().enumerate() {
        let (server, key) = match number < shards {
            true => (format!("{SERVER} shard {}", number + 1), "shards"),
            false => (SERVER.to_owned(), "url"),
        };
        all.extend(of(config, one, &server, key, steps).await);
    }
    if shards > 0 && all.iter().all(|check| check.ok) {
        all.push(sight(&database, shards).await);
    }
    all
}

async fn of(config: &Config, database: &Database, server: &str, key: &str, steps: &[Migration]) -> Vec<Check> {
    match database.version().await {
        Ok(version) => {
            let found = format!("version {version} at {}", database.url());
            let mut checks = vec![Check::good(server, "connection", found), schema(database, server, steps).await];
            if !config.columns.is_empty() {
                checks.push(columns(config, database, server).await);
            }
            let rights = rights(database, server).await;
            let may = rights.ok;
            checks.push(rights);
            if may {
                checks.push(comparison(database, server).await);
            }
            checks
        }
        Err(error) => {
            let advice = format!("check clickhouse.{key}, user and password, and the network");
            vec![Check::bad(server, "connection", error.to_string(), advice)]
        }
    }
}

/// Whether the front sees the rows of all shards, each in its place.
async fn sight(database: &Database, shards: usize) -> Check {
    let advice = "correct clickhouse.shards and clickhouse.cluster, or remote_servers of the server at clickhouse.url, and run \
        `logmill migrate`";
    match (database.grows().await, database.sees_its_shards().await) {
        (Ok(false), Ok(())) => {
            Check::good(SERVER, "shards", format!("all {shards} are in their places, and the front sees them"))
        }
        (Ok(true), _) => {
            let found = "there are more than logmill migrate has told the others of";
            Check::bad(SERVER, "shards", found, "stop every stage when all is drained, and run `logmill migrate`")
        }
        (Err(error), _) | (_, Err(error)) => Check::bad(SERVER, "shards", error.to_string(), advice),
    }
}

async fn schema(database: &Database, server: &str, known: &[Migration]) -> Check {
    #[derive(Deserialize)]
    struct Applied {
        number: u32,
        checksum: String,
    }
    let applied = match database.select::<Applied>("SELECT number, checksum FROM migrations").await {
        Ok(applied) => applied,
        Err(error) if error.is_not_there() => Vec::new(),
        Err(error) => {
            return Check::bad(server, "schema", error.to_string(), "grant this account SELECT on the database");
        }
    };
    let applied: BTreeMap<u32, String> = applied.into_iter().map(|one| (one.number, one.checksum)).collect();
    let missing = known.iter().filter(|step| !applied.contains_key(&step.number)).count();
    let changed =
        known.iter().any(|step| applied.get(&step.number).is_some_and(|checksum| *checksum != step.checksum()));
    let newer = applied.keys().any(|number| known.iter().all(|step| step.number != *number));
    if newer || changed {
        let found = "the tables are of another version of logmill, or of another kind of database";
        return Check::bad(server, "schema", found, "use the program that made them, or a newer one");
    }
    let found = format!("{} of {} migrations are applied", known.len() - missing, known.len());
    Check::that(missing == 0, server, "schema", found, "run `logmill migrate`")
}

/// Whether the columns of fields are there, and are what is wanted.
async fn columns(config: &Config, database: &Database, server: &str) -> Check {
    let wanted = config.columns();
    let (missing, problems) = match columns_to_settle(database, &wanted).await {
        Ok(answer) => answer,
        Err(error) => {
            return Check::bad(server, "columns", error.to_string(), "grant this account SELECT on system.columns");
        }
    };
    if !problems.is_empty() {
        return Check::bad(server, "columns", problems.join("; "), "`logmill migrate` does nothing before that");
    }
    let found = match &*missing {
        [] => format!("all {} of fields are there", wanted.len()),
        missing => format!("missing: {}", missing.join(", ")),
    };
    Check::that(missing.is_empty(), server, "columns", found, "run `logmill migrate`")
}

/// Whether the account may do what the programs and the commands do.
async fn rights(database: &Database, server: &str) -> Check {
    let own = "ALTER, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, INSERT, SELECT";
    let mut wanted = vec![format!("{own} ON `{}`.*", database.name())];
    wanted.extend(["TABLE ENGINE ON *", "SELECT ON system.parts", "SELECT ON system.processes"].map(str::to_owned));
    if !database.shards().is_empty() {
        wanted.push("REMOTE ON *.*".to_owned());
    }
    match missing(database, &wanted).await {
        Ok(None) => Check::good(server, "rights", wanted.join("; ")),
        Ok(Some(right)) => {
            let found = format!("this account may not do all that logmill does: {right}");
            Check::bad(server, "rights", found, format!("GRANT {right} TO the account of clickhouse.user"))
        }
        Err(error) if error.is_not_there() => {
            Check::bad(server, "rights", "not known before there is a database", "run `logmill migrate`")
        }
        Err(error) => {
            let advice = format!("GRANT {} TO the account of clickhouse.user", wanted.join("; "));
            Check::bad(server, "rights", error.to_string(), advice)
        }
    }
}

/// Whether `logmill migrate` can see what was changed by hand; it goes on without.
async fn comparison(database: &Database, server: &str) -> Check {
    let beside =
        "ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE, DROP TABLE, DROP VIEW, INSERT, SELECT";
    let mut wanted = vec![format!("{beside} ON {}_compared_*.*", database.name())];
    wanted.extend(["data_skipping_indices", "projections"].map(|table| format!("SELECT ON system.{table}")));
    let why = match missing(database, &wanted).await {
        Ok(None) => return Check::good(server, "rights to compare", wanted.join("; ")),
        Ok(Some(right)) => format!("GRANT {right} TO the account of clickhouse.user lets it"),
        Err(error) => error.to_string(),
    };
    Check::good(server, "rights to compare", format!("`logmill migrate` will not see what was changed by hand: {why}"))
}

/// The first of these rights that the account does not have.
async fn missing(database: &Database, rights: &[String]) -> Result<Option<String>, logmill_clickhouse::Error> {
    #[derive(Deserialize)]
    struct Answer {
        result: u8,
    }
    for right in rights {
        let answer = database.select::<Answer>(&format!("CHECK GRANT {right}")).await?;
        if answer.first().is_none_or(|answer| answer.result != 1) {
            return Ok(Some(right.clone()));
        }
    }
    Ok(None)
}
