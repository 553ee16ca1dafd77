//! The few queries that everything else is computed from. Each gives one row for each (file, load), or for each of its
//! stages.

use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use crate::sql::NO_ARCHIVE;
use logmill_core::{FileId, Load, RejectReason};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// One loading of one file.
pub(super) type Key = (FileId, Load);

/// Which loads a query is about: files by selector, with or without those that are proven already.
#[derive(Clone)]
pub(super) struct Scope {
    condition: String,
}

impl Scope {
    pub(super) fn new(selector: &Selector, skip_proven: bool) -> Self {
        let proven =
            if skip_proven { " AND (file_id, load) NOT IN (SELECT file_id, load FROM reconciled)" } else { "" };
        Self { condition: format!("({}){proven}", selector.condition()) }
    }
}

/// What the stages with state per file said.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Ends {
    pub id: FileId,
    pub load: Load,
    pub cluster: String,
    pub path: String,
    pub modified_ms: u64,
    /// The day by which its rows are partitioned.
    pub day: String,
    pub first_ms: u64,
    /// 1 for a member of an archive, which nobody fetches by itself.
    pub is_member: u8,
    pub fetched: u64,
    pub fetched_bytes: u64,
    pub fetched_crc32: String,
    pub decompressed: u64,
    pub compressed_bytes: u64,
    pub compressed_crc32: String,
    pub plain_bytes: u64,
    pub reencoded: u64,
    pub reencoder_bytes: u64,
    pub lines: u64,
    pub rows: u64,
}

pub(super) async fn ends(database: &Database, scope: &Scope) -> Result<Vec<Ends>, Error> {
    let closed = |stage: &str| format!("event = 'closed' AND stage = '{stage}'");
    let (f, d, r) = (closed("fetcher"), closed("decompressor"), closed("reencoder"));
    database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, load, any(cluster) AS cluster, any(path) AS path, \
             toUInt64(toUnixTimestamp64Milli(any(modified))) AS modified_ms, toString(toDate(any(modified))) AS day, \
             toUInt64(toUnixTimestamp64Milli(min(at))) AS first_ms, max(archive) != {NO_ARCHIVE} AS is_member, \
             countIf({f}) AS fetched, sumIf(bytes_out, {f}) AS fetched_bytes, anyIf(crc32, {f}) AS fetched_crc32, \
             countIf({d}) AS decompressed, sumIf(bytes_in, {d}) AS compressed_bytes, \
             anyIf(crc32, {d}) AS compressed_crc32, sumIf(bytes_out, {d}) AS plain_bytes, \
             countIf({r}) AS reencoded, sumIf(bytes_in, {r}) AS reencoder_bytes, \
             sumIf(lines, {r}) AS lines, sumIf(rows, {r}) AS rows \
             FROM (SELECT * FROM file_events WHERE {}) AS e GROUP BY file_id, load",
            scope.condition
        ))
        .await
}

/// How the chunks that went through one stage cover a file's lines.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Coverage {
    pub id: FileId,
    pub load: Load,
    pub stage: String,
    pub rows: u64,
    /// Places where something is missing before a chunk, and the line of the first one.
    pub gaps: u64,
    pub gap_line: u64,
    /// Places where a chunk repeats what was there before, and the line of the first one.
    pub overlaps: u64,
    pub overlap_line: u64,
    pub last_line: u64,
}

/// Chunks of distributor and splitter; what they rejected counts as gone through, and is counted as rejected elsewhere.
pub(super) async fn coverage(database: &Database, scope: &Scope) -> Result<Vec<Coverage>, Error> {
    database
        .select(&format!(
            "WITH spans AS (\
               SELECT file_id, load, toString(stage) AS stage, first_line, first_part, rows FROM file_events \
               WHERE event = 'passed' AND stage IN ('distributor', 'splitter') AND {condition} \
               UNION ALL \
               SELECT file_id, load, arrayJoin(if(at_stage = 'distributor', ['distributor', 'splitter'], ['splitter'])) \
                 AS stage, line AS first_line, first_part, rows FROM (\
                 SELECT file_id, load, stage AS at_stage, assumeNotNull(first_line) AS line, first_part, rows FROM rejects \
                 WHERE stage IN ('distributor', 'splitter') AND isNotNull(first_line) AND rows > 0 AND {condition})), \
             steps AS (\
               SELECT file_id, load, stage, first_line, first_part, rows, first_line + rows - 1 AS last_line, \
                 row_number() OVER w AS n, \
                 any(tuple(first_line + rows - 1, if(rows = 1, first_part, 0))) OVER \
                   (PARTITION BY file_id, load, stage ORDER BY first_line, first_part \
                    ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS before \
               FROM spans WINDOW w AS (PARTITION BY file_id, load, stage ORDER BY first_line, first_part \
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)), \
             judged AS (\
               SELECT *, if(n = 1, first_line = 1 AND first_part = 0, \
                   (first_line = before.1 + 1 AND first_part = 0) OR \
                   (first_line = before.1 AND first_part = before.2 + 1)) AS fits, \
                 n > 1 AND tuple(first_line, toUInt64(first_part)) <= tuple(before.1, toUInt64(before.2)) AS overlap \
               FROM steps) \
             SELECT lower(hex(file_id)) AS id, load, stage, sum(rows) AS rows, \
               countIf(NOT fits AND NOT overlap) AS gaps, minIf(first_line, NOT fits AND NOT overlap) AS gap_line, \
               countIf(overlap) AS overlaps, minIf(first_line, overlap) AS overlap_line, max(last_line) AS last_line \
             FROM judged GROUP BY file_id, load, stage",
            condition = scope.condition
        ))
        .await
}

/// The lines of a load (and parts of lines) that the rows in the table say they hold: of all, and of each row once.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Counted {
    pub id: FileId,
    pub load: Load,
    pub total: u64,
    pub distinct: u64,
}

pub(super) async fn counted(database: &Database, scope: &Scope) -> Result<HashMap<Key, Counted>, Error> {
    let rows: Vec<Counted> = database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, load, sum(held) AS total, sum(once) AS distinct FROM (\
             SELECT file_id, load, line, part, sum(lines) AS held, toUInt64(max(lines)) AS once FROM rows WHERE {} \
             GROUP BY file_id, load, line, part) \
             GROUP BY file_id, load SETTINGS optimize_aggregation_in_order = 1",
            scope.condition
        ))
        .await?;
    Ok(rows.into_iter().map(|row| ((row.id, row.load), row)).collect())
}

/// The rejects of a load.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Rejected {
    pub id: FileId,
    pub load: Load,
    /// Rows that were cut and are not in the table because of a reject.
    pub rows: u64,
    /// The stage before the rows are cut that first passed over the rest of the file, and its reason; empty when none did.
    pub gave_up: String,
    pub why: String,
    /// Rejects of the fetcher: the file changed, and what came of it was aborted.
    pub aborted: u64,
}

/// A condition on rejects: the stage passed over the rest of the file.
pub(super) fn gave_up() -> String {
    use RejectReason::{Decree, Headless, OutOfOrder};
    let [decree, headless, out_of_order] = [Decree, Headless, OutOfOrder].map(RejectReason::name);
    // After one of these no more of the file is taken. Of a chunk of rows they are the chunk's end alone.
    format!(
        "stage NOT IN ('distributor', 'splitter', 'loader') AND reason IN ('{decree}', '{headless}', '{out_of_order}')"
    )
}

pub(super) async fn rejected(database: &Database, scope: &Scope) -> Result<HashMap<Key, Rejected>, Error> {
    let gave_up = gave_up();
    let rows: Vec<Rejected> = database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, load, \
             sumIf(rows, stage IN ('distributor', 'splitter', 'loader')) AS rows, \
             argMinIf(toString(stage), at, {gave_up}) AS gave_up, argMinIf(toString(reason), at, {gave_up}) AS why, \
             countIf(reason = '{}') AS aborted \
             FROM (SELECT * FROM rejects WHERE {}) AS e GROUP BY file_id, load",
            RejectReason::Changed.name(),
            scope.condition
        ))
        .await?;
    Ok(rows.into_iter().map(|row| ((row.id, row.load), row)).collect())
}

/// What was proven before.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Proven {
    pub id: FileId,
    pub load: Load,
    pub rows: u64,
}

pub(super) async fn proven(database: &Database, scope: &Scope) -> Result<HashMap<Key, Proven>, Error> {
    let rows: Vec<Proven> = database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, load, rows FROM (SELECT * FROM reconciled FINAL WHERE {})",
            scope.condition
        ))
        .await?;
    Ok(rows.into_iter().map(|row| ((row.id, row.load), row)).collect())
}

/// The days of which the table has anything at all.
pub(super) async fn days(database: &Database) -> Result<HashSet<String>, Error> {
    #[derive(Deserialize)]
    struct Day {
        day: String,
    }
    let mut days = HashSet::new();
    for holder in database.holders() {
        let rows: Vec<Day> = holder
            .select(
                "SELECT DISTINCT partition AS day FROM system.parts \
                 WHERE database = currentDatabase() AND table = 'rows' AND active",
            )
            .await?;
        days.extend(rows.into_iter().map(|row| row.day));
    }
    Ok(days)
}
