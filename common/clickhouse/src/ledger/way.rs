//! A file's way through the chain.

use super::queries::{self, Key, Scope};
use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use logmill_core::{FileId, Load};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One loading of one file, and what is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct FileWay {
    pub file_id: FileId,
    pub load: Load,
    pub cluster: String,
    pub path: String,
    pub app: String,
    /// Bytes, and modification time in ms since 1970, as listed.
    pub length: u64,
    pub modified_ms: u64,
    /// In the order in which they first said something.
    pub stages: Vec<StageWay>,
    /// Rows in the table, a record of several lines counting as its lines: all, and distinct ones.
    pub total: u64,
    pub distinct: u64,
    pub rejects: Vec<RejectSeen>,
    /// Why analysts do not see it, where they do not.
    pub hidden: Option<String>,
}

/// What one stage said of it. Times are ms since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageWay {
    pub stage: String,
    pub first_ms: u64,
    pub last_ms: u64,
    /// `complete` or `partial` once it has closed the file; empty before, and from the distributor on.
    pub outcome: String,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub lines: u64,
    pub rows: u64,
    /// Chunks that went through: from the distributor on.
    pub chunks: u64,
    pub malformed: u64,
    pub crc32: String,
    pub found: String,
    pub evidence: String,
    pub quarantine: String,
    pub channels: Vec<String>,
    /// `parked` events.
    pub parked: u64,
}

/// One dead letter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RejectSeen {
    pub at_ms: u64,
    pub stage: String,
    pub reason: String,
    pub detail: String,
    pub origin: String,
    pub at_byte: Option<u64>,
    pub first_line: Option<u64>,
    pub first_part: u32,
    pub rows: u64,
}

#[derive(Deserialize)]
struct StageRow {
    id: FileId,
    load: Load,
    cluster: String,
    path: String,
    app: String,
    length: u64,
    modified_ms: u64,
    #[serde(flatten)]
    way: StageWay,
}

#[derive(Deserialize)]
struct RejectRow {
    id: FileId,
    load: Load,
    cluster: String,
    path: String,
    #[serde(flatten)]
    seen: RejectSeen,
}

/// The ways of the selected files, oldest first; of each load at most 100 dead letters.
///
/// # Errors
/// As the server says.
pub async fn where_file(database: &Database, selector: &Selector) -> Result<Vec<FileWay>, Error> {
    let scope = Scope::new(selector, false);
    let stages: Vec<StageRow> = database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, load, any(cluster) AS cluster, any(path) AS path, any(app) AS app, \
             any(length) AS length, toUInt64(toUnixTimestamp64Milli(any(modified))) AS modified_ms, stage, \
             toUInt64(toUnixTimestamp64Milli(min(at))) AS first_ms, \
             toUInt64(toUnixTimestamp64Milli(max(at))) AS last_ms, \
             anyIf(outcome, event = 'closed') AS outcome, sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out, \
             sum(lines) AS lines, sum(rows) AS rows, countIf(event = 'passed') AS chunks, \
             sum(malformed) AS malformed, max(crc32) AS crc32, max(found) AS found, max(evidence) AS evidence, \
             max(quarantine) AS quarantine, \
             arraySort(groupUniqArrayIf(toString(channel), channel != '')) AS channels, \
             countIf(event = 'parked') AS parked \
             FROM (SELECT * FROM file_events WHERE {}) AS e GROUP BY file_id, load, stage \
             ORDER BY modified_ms, id, load, first_ms",
            selector.condition()
        ))
        .await?;
    let mut ways: Vec<FileWay> = Vec::new();
    let mut index: HashMap<Key, usize> = HashMap::new();
    for row in stages {
        let at = *index.entry((row.id, row.load)).or_insert_with(|| {
            ways.push(FileWay {
                app: row.app,
                length: row.length,
                modified_ms: row.modified_ms,
                ..FileWay::new(row.id, row.load, row.cluster, row.path)
            });
            ways.len() - 1
        });
        ways[at].stages.push(row.way);
    }
    for row in rejects(database, selector).await? {
        let at = *index.entry((row.id, row.load)).or_insert_with(|| {
            ways.push(FileWay::new(row.id, row.load, row.cluster, row.path));
            ways.len() - 1
        });
        ways[at].rejects.push(row.seen);
    }
    let counted = queries::counted(database, &scope).await?;
    let hidden = hidden(database).await?;
    for way in &mut ways {
        let key = (way.file_id, way.load);
        let counted = counted.get(&key).copied().unwrap_or_default();
        (way.total, way.distinct) = (counted.total, counted.distinct);
        way.hidden = hidden.get(&key).cloned();
    }
    Ok(ways)
}

impl FileWay {
    fn new(file_id: FileId, load: Load, cluster: String, path: String) -> Self {
        let (app, stages, rejects) = (String::new(), Vec::new(), Vec::new());
        let (length, modified_ms, total, distinct) = (0, 0, 0, 0);
        Self { file_id, load, cluster, path, app, length, modified_ms, stages, total, distinct, rejects, hidden: None }
    }
}

async fn rejects(database: &Database, selector: &Selector) -> Result<Vec<RejectRow>, Error> {
    database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, load, cluster, path, toUInt64(toUnixTimestamp64Milli(at)) AS at_ms, \
             stage, reason, detail, origin, at_byte, first_line, first_part, rows \
             FROM (SELECT * FROM rejects WHERE {}) AS e ORDER BY file_id, load, at LIMIT 100 BY file_id, load",
            selector.condition()
        ))
        .await
}

/// Why analysts do not see a load, of all that they do not see.
pub(super) async fn hidden(database: &Database) -> Result<HashMap<Key, String>, Error> {
    #[derive(Deserialize)]
    struct Row {
        id: FileId,
        load: Load,
        reason: String,
    }
    let rows: Vec<Row> =
        database.select("SELECT lower(hex(file_id)) AS id, load, reason FROM hidden FINAL WHERE hidden = 1").await?;
    Ok(rows.into_iter().map(|row| ((row.id, row.load), row.reason)).collect())
}
