//! Replacing a load by a later load of the same file: hidden from before its first row until all of them are in the
//! table, then shown in the one block that hides what it replaces. Readers see the old rows or the new ones. An archive is
//! loaded again with all of its members: of the same bytes they are the same files.
//!
//! A load that is under way has in `hidden` a row of the version 1, below any that a clock gives. Its reason says the
//! encoding, so that whoever goes on after a crash goes on with the same.

use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use crate::sql::{BROKEN_ARCHIVES, NO_ARCHIVE, id_literal, literal};
use logmill_core::{FileId, Load, RejectReason};
use serde::Deserialize;

/// The version of a row that hides a load under way.
pub(crate) const UNDER_WAY: u64 = 1;
/// What its reason begins with; the encoding follows.
const REDECODING: &str = "redecoding as ";
/// What the reason of a load begins with that has replaced another.
const REDECODED: &str = "redecoded as ";
const SETTINGS: &str = "SETTINGS async_insert=0, deduplicate_insert='disable'";

/// A file as it is loaded now: of each path the newest file, and of it the newest load that came to its end.
#[derive(Clone, Debug, Deserialize)]
pub struct Loaded {
    pub file_id: FileId,
    pub load: Load,
    pub cluster: String,
    pub path: String,
    /// Bytes, as listed.
    pub length: u64,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
    /// complete, partial or quarantined.
    pub state: String,
    /// The highest number that a load of the file has so far.
    pub highest: Load,
    /// A later load that is under way, 0 where there is none, and its encoding.
    pub under_way: Load,
    pub encoding: String,
    /// As what `load` was redecoded; empty where it was not.
    pub redecoded: String,
}

/// The selected files that have a load which came to its end.
///
/// # Errors
/// As the server says.
pub async fn loaded(database: &Database, selector: &Selector) -> Result<Vec<Loaded>, Error> {
    let (from, from_done) = (REDECODING.len() + 1, REDECODED.len() + 1);
    database
        .select(&format!(
            "WITH under_way AS (SELECT file_id, load, reason FROM hidden FINAL WHERE hidden = 1 AND version = {UNDER_WAY}), \
             newest AS (SELECT * FROM loads FINAL WHERE {} AND archive = {NO_ARCHIVE} AND (file_id, load) NOT IN (SELECT file_id, load FROM under_way) \
               ORDER BY modified DESC, length DESC, load DESC LIMIT 1 BY cluster, path) \
             SELECT lower(hex(n.file_id)) AS file_id, n.load AS load, n.cluster AS cluster, n.path AS path, \
               n.length AS length, toUInt64(toUnixTimestamp64Milli(n.modified)) AS modified_ms, n.state AS state, \
               greatest(n.load, h.highest) AS highest, u.load AS under_way, substring(u.reason, {from}) AS encoding, \
               if(startsWith(s.reason, '{REDECODED}'), substring(s.reason, {from_done}), '') AS redecoded \
             FROM newest AS n LEFT JOIN (SELECT file_id, max(load) AS highest FROM hidden GROUP BY file_id) AS h \
               ON h.file_id = n.file_id LEFT JOIN under_way AS u ON u.file_id = n.file_id \
             LEFT JOIN (SELECT file_id, load, reason FROM hidden FINAL WHERE hidden = 0) AS s \
               ON s.file_id = n.file_id AND s.load = n.load ORDER BY cluster, path",
            selector.condition()
        ))
        .await
}

/// The paths of the archives in which the selected files lie.
///
/// # Errors
/// As the server says.
pub async fn archives_of(database: &Database, selector: &Selector) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Row {
        path: String,
    }
    let rows: Vec<Row> = database
        .select(&format!(
            "SELECT DISTINCT path FROM loads WHERE file_id IN (SELECT archive FROM loads WHERE {}) ORDER BY path LIMIT 10",
            selector.condition()
        ))
        .await?;
    Ok(rows.into_iter().map(|row| row.path).collect())
}

/// Hides loads that are to begin, before anything is sent that makes rows of them.
///
/// # Errors
/// As the server says.
pub async fn hide_before(database: &Database, loads: &[(FileId, Load)], encoding: &str) -> Result<(), Error> {
    if loads.is_empty() {
        return Ok(());
    }
    let reason = literal(&format!("{REDECODING}{encoding}"));
    let ids: Vec<String> = loads.iter().map(|(id, _)| id_literal(*id)).collect();
    let numbers: Vec<String> = loads.iter().map(|(_, load)| load.to_string()).collect();
    let (ids, numbers) = (ids.join(","), numbers.join(","));
    database
        .execute(&format!(
            "INSERT INTO hidden (file_id,load,hidden,reason,version) {SETTINGS} \
             WITH [{ids}] AS ids, [{numbers}]::Array(UInt32) AS numbers \
             SELECT file_id,numbers[indexOf(ids,if(archive={NO_ARCHIVE},file_id,archive))],1,{reason},{UNDER_WAY} \
             FROM (SELECT DISTINCT file_id,archive FROM loads WHERE has(ids,file_id) OR has(ids,archive))"
        ))
        .await
}

/// How a load ended.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Ended {
    /// complete, partial or quarantined; empty while it has not.
    pub state: String,
    /// Why it is quarantined.
    pub detail: String,
    /// The file was gone or another one when it was fetched.
    pub changed: u64,
}

/// How a load ended, of an archive with all of its members; an empty state where it has not.
///
/// # Errors
/// As the server says.
pub async fn ended(database: &Database, file_id: FileId, load: Load) -> Result<Ended, Error> {
    let (id, files) = (id_literal(file_id), Selector::Archive(file_id).condition());
    let condition = format!("{files} AND load = {load}");
    let changed = RejectReason::Changed.name();
    let rows: Vec<Ended> = database
        .select(&format!(
            "SELECT multiIf(countIf(file_id = {id}) = 0, '', countIf(l.state = 'quarantined') > 0, 'quarantined', \
               countIf(l.state = 'partial') > 0, 'partial', 'complete') AS state, \
             anyIf(l.detail, l.state = 'quarantined') AS detail, \
             (SELECT count() FROM rejects WHERE {condition} AND reason = '{changed}') AS changed \
             FROM loads AS l FINAL WHERE {condition}"
        ))
        .await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// Shows a load, all of whose rows must be in the table, and hides those before it: one block. Where a newer file of the
/// path is complete, it stays hidden.
///
/// # Errors
/// As the server says. The same call makes it whole.
pub async fn replace(database: &Database, file_id: FileId, load: Load, encoding: &str) -> Result<(), Error> {
    let id = id_literal(file_id);
    let shown = literal(&format!("{REDECODED}{encoding}"));
    let sql = format!(
        "INSERT INTO hidden (file_id,load,hidden,reason,version) {SETTINGS} \
         WITH (SELECT tuple(cluster, path, tuple(modified, length), version) FROM loads FINAL \
             WHERE file_id = {id} AND load = {load}) AS this, \
           (SELECT count() FROM loads FINAL WHERE cluster = this.1 AND path = this.2 AND state = 'complete' \
             AND tuple(modified, length) > this.3 AND (file_id, load) NOT IN ({BROKEN_ARCHIVES})) AS newer, \
           load = {load} AND newer = 0 AS shows \
         SELECT file_id, load, NOT shows, if(shows, {shown}, 'superseded'), this.4 \
         FROM loads FINAL WHERE (file_id = {id} OR archive = {id}) AND load <= {load}"
    );
    database.execute(&sql).await?;
    // A newer file may have settled between the look and the write; of rows of one version the last one counts.
    database.execute(&sql).await
}

/// Gives a load up that is under way: it stays hidden, with what came of its members, and another may begin.
///
/// # Errors
/// As the server says.
pub async fn give_up(database: &Database, file_id: FileId, load: Load, why: &str) -> Result<(), Error> {
    let (id, why, version) = (id_literal(file_id), literal(&format!("redecoding failed: {why}")), UNDER_WAY + 1);
    database
        .execute(&format!(
            "INSERT INTO hidden (file_id,load,hidden,reason,version) {SETTINGS} \
             SELECT arrayJoin(arrayConcat([{id}], groupUniqArray(file_id))) AS file_id, {load} AS load, 1 AS hidden, \
             {why} AS reason, {version} AS version \
             FROM file_events WHERE archive = {id} AND file_events.load = {load}"
        ))
        .await
}
