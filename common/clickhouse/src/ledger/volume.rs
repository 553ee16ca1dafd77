//! What came of each cluster within a day.

use crate::client::Database;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What the fetchers brought of a cluster within the last 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Volume {
    pub files: u64,
    /// As they lie in the cluster.
    pub bytes: u64,
    /// Times that a file was parked.
    pub parked: u64,
    /// When the last one came to its end, ms since 1970; 0 where none did.
    pub last_ms: u64,
}

/// Bytes a second that came into each stage within the last minute, as far as the ledger tells: of what goes through by files,
/// when a file ends.
///
/// # Errors
/// As the server says.
pub async fn rates(database: &Database) -> Result<HashMap<String, f64>, Error> {
    #[derive(Deserialize)]
    struct Of {
        stage: String,
        rate: f64,
    }
    let rows: Vec<Of> = database
        .select(
            "SELECT toString(stage) AS stage, sum(if(stage = 'fetcher', bytes_out, bytes_in)) / 60 AS rate \
             FROM file_events WHERE at > now() - INTERVAL 1 MINUTE GROUP BY stage",
        )
        .await?;
    Ok(rows.into_iter().map(|row| (row.stage, row.rate)).collect())
}

/// By cluster.
///
/// # Errors
/// As the server says.
pub async fn volumes(database: &Database) -> Result<HashMap<String, Volume>, Error> {
    #[derive(Deserialize)]
    struct Of {
        cluster: String,
        #[serde(flatten)]
        volume: Volume,
    }
    let rows: Vec<Of> = database
        .select(
            "SELECT toString(cluster) AS cluster, countIf(event = 'closed') AS files, \
               sumIf(bytes_out, event = 'closed') AS bytes, countIf(event = 'parked') AS parked, \
               toUInt64(toUnixTimestamp64Milli(maxIf(at, event = 'closed'))) AS last_ms \
             FROM file_events WHERE stage = 'fetcher' AND at > now() - INTERVAL 1 DAY GROUP BY cluster",
        )
        .await?;
    Ok(rows.into_iter().map(|row| (row.cluster, row.volume)).collect())
}
