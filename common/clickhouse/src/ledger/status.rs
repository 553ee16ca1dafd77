//! The state of the whole, on one screen.

use super::reconcile::{Options, Reconciliation, Verdict, reconcile};
use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts over all files, and what has waited longest.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Loads by state: `proven`, `failed`, or `waits for ` and a stage.
    pub loads: BTreeMap<String, u64>,
    /// Loads that analysts do not see.
    pub hidden: u64,
    /// Rows in the table, as its parts say.
    pub rows: u64,
    pub rejects: u64,
    /// Newest event and newest row, ms since 1970; 0 when there is none. They say whether it moves.
    pub last_event_ms: u64,
    pub last_row_ms: u64,
    pub oldest: Option<Oldest>,
}

/// The oldest load that has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Oldest {
    pub cluster: String,
    pub path: String,
    /// When its first event came, ms since 1970.
    pub since_ms: u64,
    pub waits_for: &'static str,
}

/// Computes it; what is proven on the way is kept as proven.
///
/// # Errors
/// As the server says.
pub async fn status(database: &Database) -> Result<Status, Error> {
    #[derive(Deserialize)]
    struct Totals {
        proven: u64,
        hidden: u64,
        rows: u64,
        rejects: u64,
        last_event_ms: u64,
    }
    let open = reconcile(database, &Selector::All, Options { settled: false, skip_proven: true }).await?;
    let totals: Vec<Totals> = database
        .select(
            "SELECT (SELECT count() FROM reconciled FINAL) AS proven, \
             (SELECT countIf(hidden = 1) FROM hidden FINAL) AS hidden, \
             (SELECT count() FROM rows) AS rows, (SELECT count() FROM rejects) AS rejects, \
             (SELECT toUInt64(toUnixTimestamp64Milli(max(at))) FROM file_events) AS last_event_ms",
        )
        .await?;
    let totals = totals
        .into_iter()
        .next()
        .ok_or_else(|| Error::Answer { question: "the totals".into(), why: "no row".into() })?;
    let mut loads: BTreeMap<String, u64> = BTreeMap::from([("proven".into(), totals.proven)]);
    let mut oldest: Option<Oldest> = None;
    for Reconciliation { verdict, cluster, path, first_ms, .. } in open {
        let state = match verdict {
            // Counted by the totals.
            Verdict::Proven => continue,
            Verdict::Failed { .. } => "failed".to_owned(),
            Verdict::Unfinished { waits_for } => {
                oldest.get_or_insert(Oldest { cluster, path, since_ms: first_ms, waits_for });
                format!("waits for {waits_for}")
            }
        };
        *loads.entry(state).or_default() += 1;
    }
    Ok(Status {
        loads,
        hidden: totals.hidden,
        rows: totals.rows,
        rejects: totals.rejects,
        last_event_ms: totals.last_event_ms,
        last_row_ms: last_row_ms(database).await?,
        oldest,
    })
}

/// When the newest row came, ms since 1970; 0 when there is none.
async fn last_row_ms(database: &Database) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Last {
        ms: u64,
    }
    let mut newest = 0;
    for holder in database.holders() {
        let last: Vec<Last> = holder
            .select(
                "SELECT toUInt64(toUnixTimestamp64Milli(max(load_time))) AS ms FROM rows \
                 WHERE _part IN (SELECT name FROM system.parts WHERE database = currentDatabase() AND table = 'rows' \
                 AND active ORDER BY modification_time DESC LIMIT 8)",
            )
            .await?;
        newest = last.iter().map(|last| last.ms).fold(newest, u64::max);
    }
    Ok(newest)
}
