//! `logmill migrate`: the tables in ClickHouse.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::grow::at_rest;
use crate::output::Printer;
use anyhow::{Context, Result};
use logmill_clickhouse::{Database, Migrated, Migration, steps};
use logmill_config::Config;
use serde_json::{Value, json};
use std::io::Write;

/// The database of the configuration.
///
/// # Errors
/// The password's file cannot be read.
pub fn database(config: &Config) -> Result<Database> {
    Database::new(&config.clickhouse).context("clickhouse.password_file cannot be read")
}

/// Brings the database to this program's version, and its shards before it.
///
/// # Errors
/// ClickHouse does not answer or refuses, or its schema is not one of this program's; or shards are to be added while something is
/// on its way.
pub fn run(config: &Config, drop: &[String], format: Format) -> Result<Verdict, Failure> {
    let (runtime, database) = (crate::runtime()?, database(config)?);
    let place = || format!("migrating {:?} on {}", database.name(), database.url());
    let grows = runtime.block_on(async {
        database.version().await?;
        database.grows().await
    });
    if grows.with_context(place)? {
        at_rest(config, "shards cannot be added yet")?;
    }
    let settled = runtime.block_on(async {
        let migrated = logmill_clickhouse::migrate(&database).await?;
        let settled = logmill_clickhouse::settle_columns(&database, &config.columns(), drop).await?;
        Ok::<_, logmill_clickhouse::Error>((migrated, settled))
    });
    let (migrated, settled) = settled.with_context(place)?;
    let mut out = Printer::stdout();
    match format {
        Format::Json => {
            let mut told = told(&migrated);
            told["columns_made"] = settled.made.into();
            told["columns_dropped"] = settled.dropped.into();
            if !migrated.shards.is_empty() {
                let shards = database.shards().iter().zip(&migrated.shards);
                told["shards"] = shards.map(|(shard, migrated)| of_shard(shard, migrated)).collect();
            }
            out.json(&told)?;
        }
        Format::Text => {
            let (shards, all) = (database.shards().len(), migrated.shards.iter().chain([&migrated]));
            for (number, ((one, steps), migrated)) in steps(&database).iter().zip(all).enumerate() {
                match number < shards {
                    true => out.line(&format!("shard {} of {shards}, at {}:", number + 1, one.url()))?,
                    false if shards > 0 => out.line(&format!("front, at {}:", one.url()))?,
                    false => {}
                }
                text(&mut out, steps, migrated)?;
            }
            for (done, columns) in [("dropped", &settled.dropped), ("made", &settled.made)] {
                for column in columns {
                    out.line(&format!("{done:<9} column {column}"))?;
                }
            }
        }
    }
    out.finish()?;
    Ok(Verdict::Good)
}

fn told(migrated: &Migrated) -> Value {
    json!({
        "applied": migrated.applied,
        "unchecked": migrated.unchecked,
        "analyst_skipped": migrated.analyst_skipped,
    })
}

fn of_shard(shard: &Database, migrated: &Migrated) -> Value {
    let mut told = told(migrated);
    told["url"] = shard.url().into();
    told
}

fn text(out: &mut Printer<impl Write>, steps: &[Migration], migrated: &Migrated) -> Result<(), Failure> {
    for migration in steps {
        let done = if migrated.applied.contains(&migration.number) { "applied" } else { "was there" };
        out.line(&format!("{done:<9} {:04} {}", migration.number, migration.name))?;
    }
    if let Some(why) = &migrated.unchecked {
        out.line(&format!("the schema was not compared with what its migrations make: {why}"))?;
    }
    if let Some(why) = &migrated.analyst_skipped {
        out.line(&format!("the analysts' account was not made: {why}"))?;
    }
    Ok(())
}
