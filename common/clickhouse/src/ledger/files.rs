//! Files in a list: where each one stands, and since when.

use super::reconcile::{Options, Reconciliation, Verdict, reconcile};
use super::selector::Selector;
use super::way;
use crate::client::Database;
use crate::error::Error;
use logmill_core::{FileId, Load};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// Where a load of a file stands. The names are those that people type and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its task is on its topic, and no fetcher has begun it. The ledger knows nothing of it yet: Kafka does.
    Waiting,
    /// Its cluster did not answer, or it could not be read; its task waits to be taken again.
    Parked,
    Fetching,
    /// The decompressor or the re-encoder has not ended it.
    Decoding,
    /// It is cut into chunks, and not every row of it is in the table.
    Loading,
    /// Its reconciliation failed: something is missing, doubled or given up.
    Failed,
    /// Hidden, because too much of it is malformed in the encoding that was found.
    Quarantined,
    /// Hidden for another reason: a load that waits to replace an earlier one, or was given up.
    Hidden,
    /// Hidden, because a newer file of its path, or a later load of it, is complete.
    Superseded,
    /// What was whole of a damaged file is in the table, proven.
    Partial,
    /// Every line is in the table once.
    Proven,
}

impl State {
    /// All, in the order of a file's life.
    pub const ALL: [State; 11] = [
        State::Waiting,
        State::Parked,
        State::Fetching,
        State::Decoding,
        State::Loading,
        State::Failed,
        State::Quarantined,
        State::Hidden,
        State::Superseded,
        State::Partial,
        State::Proven,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Fetching => "fetching",
            Self::Decoding => "decoding",
            Self::Loading => "loading",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Hidden => "hidden",
            Self::Superseded => "superseded",
            Self::Partial => "partial",
            Self::Proven => "proven",
        }
    }

    /// Whether it has something to do still.
    #[must_use]
    pub fn is_underway(self) -> bool {
        self <= Self::Loading
    }

    fn of(one: &Reconciliation) -> Self {
        match one.verdict {
            Verdict::Failed { .. } => Self::Failed,
            Verdict::Unfinished { waits_for: "fetcher" } => Self::Fetching,
            Verdict::Unfinished { waits_for: "decompressor" | "reencoder" } => Self::Decoding,
            Verdict::Unfinished { .. } => Self::Loading,
            Verdict::Proven => Self::Proven,
        }
    }
}

/// One load of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    #[serde(alias = "id")]
    pub file_id: FileId,
    pub load: Load,
    pub cluster: String,
    pub path: String,
    pub state: State,
    /// Since when it is under way, or when it was proven; ms since 1970.
    pub since_ms: u64,
    /// Lines that were cut so far, and rows of them in the table.
    pub lines: u64,
    pub rows: u64,
    /// Why analysts do not see it, or what is wrong with it; empty where neither is.
    pub detail: String,
}

/// Files of a ledger.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// What is under way or failed, oldest first.
    pub open: Vec<Listed>,
    /// What is proven, newest first: as many as were asked for.
    pub proven: Vec<Listed>,
    /// How many loads of each state there are among the proven.
    pub counts: BTreeMap<State, u64>,
}

/// The ids of the selected files that the ledger knows.
///
/// # Errors
/// As the server says.
pub async fn ids(database: &Database, selector: &Selector) -> Result<HashSet<FileId>, Error> {
    #[derive(Deserialize)]
    struct Row {
        id: FileId,
    }
    let condition = selector.condition();
    let rows: Vec<Row> = database
        .select(&format!("SELECT DISTINCT lower(hex(file_id)) AS id FROM file_events WHERE {condition}"))
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Lists the selected files of these states; of those that are proven the newest `most`. What turns out to be proven on the
/// way is kept as proven.
///
/// # Errors
/// As the server says.
pub async fn files(database: &Database, selector: &Selector, states: &[State], most: usize) -> Result<Listing, Error> {
    let options = Options { settled: false, skip_proven: true };
    let open = reconcile(database, selector, options).await?;
    let reasons = way::hidden(database).await?;
    let open = open.into_iter().filter(|one| one.verdict != Verdict::Proven).map(|one| {
        let faults: Vec<String> = match &one.verdict {
            Verdict::Failed { faults } => faults.iter().map(ToString::to_string).collect(),
            _ => reasons.get(&(one.file_id, one.load)).cloned().into_iter().collect(),
        };
        Listed {
            file_id: one.file_id,
            load: one.load,
            state: State::of(&one),
            since_ms: one.first_ms,
            lines: one.lines,
            rows: one.distinct,
            detail: faults.join("; "),
            cluster: one.cluster,
            path: one.path,
        }
    });
    let counts: Vec<Count> = database
        .select(&format!("SELECT state, count() AS n FROM ({}) GROUP BY state", proven(selector, states)))
        .await?;
    let newest = format!("{} ORDER BY since_ms DESC, path, load LIMIT {most}", proven(selector, states));
    Ok(Listing {
        open: open.filter(|one| states.contains(&one.state)).collect(),
        proven: database.select(&newest).await?,
        counts: counts.into_iter().map(|count| (count.state, count.n)).collect(),
    })
}

#[derive(Deserialize)]
struct Count {
    state: State,
    n: u64,
}

/// A query for what is proven, of these states.
fn proven(selector: &Selector, states: &[State]) -> String {
    let names: Vec<String> = states.iter().map(|state| format!("'{}'", state.name())).collect();
    format!(
        "SELECT lower(hex(r.file_id)) AS id, r.load AS load, toString(r.cluster) AS cluster, r.path AS path, \
           multiIf(h.hidden = 1 AND l.state = 'quarantined', 'quarantined', \
             h.hidden = 1 AND h.reason = 'superseded', 'superseded', h.hidden = 1, 'hidden', \
             l.state = 'partial', 'partial', 'proven') AS state, \
           toUInt64(toUnixTimestamp64Milli(r.proven)) AS since_ms, r.lines AS lines, r.rows AS rows, \
           if(h.hidden = 1, h.reason, '') AS detail \
         FROM (SELECT * FROM reconciled FINAL WHERE {condition}) AS r \
         LEFT JOIN (SELECT file_id, load, state FROM loads FINAL WHERE {condition}) AS l \
           ON l.file_id = r.file_id AND l.load = r.load \
         LEFT JOIN (SELECT file_id, load, hidden, reason FROM hidden FINAL WHERE hidden = 1) AS h \
           ON h.file_id = r.file_id AND h.load = r.load \
         WHERE state IN ({names})",
        condition = selector.condition(),
        names = if names.is_empty() { "''".to_owned() } else { names.join(",") }
    )
}
