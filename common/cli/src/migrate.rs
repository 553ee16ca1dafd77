//! `logmill migrate`: the tables in ClickHouse.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::output::Printer;
use anyhow::{Context, Result};
use logmill_clickhouse::Database;
use logmill_config::Config;

/// The database of the configuration.
///
/// # Errors
/// The password's file cannot be read.
pub fn database(config: &Config) -> Result<Database> {
    Database::new(&config.clickhouse).context("clickhouse.password_file cannot be read")
}

/// Brings the database to this program's version.
///
/// # Errors
/// ClickHouse does not answer or refuses, or its schema is not one of this program's.
pub fn run(config: &Config, drop: &[String], format: Format) -> Result<Verdict, Failure> {
    let database = database(config)?;
    let migrated = crate::runtime()?.block_on(async {
        database.version().await?;
        let migrated = logmill_clickhouse::migrate(&database).await?;
        let settled = logmill_clickhouse::settle_columns(&database, &config.columns(), drop).await?;
        Ok::<_, logmill_clickhouse::Error>((migrated, settled))
    });
    let (migrated, settled) =
        migrated.with_context(|| format!("migrating {:?} on {}", database.name(), database.url()))?;
    let mut out = Printer::stdout();
    match format {
        Format::Json => {
            out.json(&serde_json::json!({
                "applied": migrated.applied,
                "unchecked": migrated.unchecked,
                "analyst_skipped": migrated.analyst_skipped,
                "columns_made": settled.made,
                "columns_dropped": settled.dropped,
            }))?;
        }
        Format::Text => {
            for migration in logmill_clickhouse::migrations() {
                let done = if migrated.applied.contains(&migration.number) { "applied" } else { "was there" };
                out.line(&format!("{done:<9} {:04} {}", migration.number, migration.name))?;
            }
            for (done, columns) in [("dropped", &settled.dropped), ("made", &settled.made)] {
                for column in columns {
                    out.line(&format!("{done:<9} column {column}"))?;
                }
            }
            if let Some(why) = &migrated.unchecked {
                out.line(&format!("the schema was not compared with what its migrations make: {why}"))?;
            }
            if let Some(why) = &migrated.analyst_skipped {
                out.line(&format!("the analysts' account was not made: {why}"))?;
            }
        }
    }
    out.finish()?;
    Ok(Verdict::Good)
}
