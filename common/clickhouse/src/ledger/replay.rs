//! Replacing a load by a later load of the same file: hidden from before its first row until all of them are in the
//! table, then shown in the one block that hides what it replaces. Readers see the old rows or the new ones. An archive is
//! loaded again with all of its members: of the same bytes they are the same files.
//!
//! A load that is under way has in `hidden` a row of the version 1, below any that a clock gives. Its reason says what it
//! is for, so that whoever goes on after a crash goes on with the same.

use super::queries;
use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use crate::sql::{BROKEN_ARCHIVES, NO_ARCHIVE, id_literal, literal};
use logmill_core::{FileId, Load, RejectReason};
use serde::{Deserialize, Deserializer};

/// The version of a row that hides a load under way.
pub(crate) const UNDER_WAY: u64 = 1;
const SETTINGS: &str = "SETTINGS async_insert=0, deduplicate_insert='disable'";
/// Files in one statement.
const BATCH: usize = 1_000;

/// What a file is loaded again for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be read in another encoding.
    Redecode { encoding: String },
    /// To be read as its plan says now. `run` names the command that asked for it. The encoding is that in which the load
    /// before was redecoded, where it was: it stays what it is.
    Replay { run: String, encoding: Option<String> },
}

impl Purpose {
    /// The reason of a load under way.
    fn begun(&self) -> String {
        self.told("redecoding", "replaying")
    }

    /// The reason of one that has replaced another.
    fn done(&self) -> String {
        self.told("redecoded", "replayed")
    }

    fn told(&self, redecoded: &str, replayed: &str) -> String {
        match self {
            Self::Redecode { encoding } => format!("{redecoded} as {encoding}"),
            Self::Replay { run, encoding: None } => format!("{replayed} by {run}"),
            Self::Replay { run, encoding: Some(encoding) } => format!("{replayed} by {run} as {encoding}"),
        }
    }

    /// Reads either reason.
    fn of(reason: &str) -> Option<Self> {
        let (verb, rest) = reason.split_once(' ')?;
        match (verb, rest.split_once(' ')?) {
            ("redecoding" | "redecoded", ("as", encoding)) => Some(Self::Redecode { encoding: encoding.to_owned() }),
            ("replaying" | "replayed", ("by", rest)) => {
                let (run, encoding) = rest.split_once(" as ").map_or((rest, None), |(run, label)| (run, Some(label)));
                Some(Self::Replay { run: run.to_owned(), encoding: encoding.map(str::to_owned) })
            }
            _ => None,
        }
    }

    /// The encoding that the load is given, where it is given one.
    #[must_use]
    pub fn encoding(&self) -> Option<&str> {
        match self {
            Self::Redecode { encoding } => Some(encoding),
            Self::Replay { encoding, .. } => encoding.as_deref(),
        }
    }
}

fn purpose<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Purpose>, D::Error> {
    Ok(Purpose::of(&String::deserialize(from)?))
}

/// A file as it is loaded now: of each path the newest file, and of it the newest load that came to its end, before others
/// one that readers see.
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
    /// complete, partial, quarantined; or failed, where a stage gave it up before its end.
    pub state: String,
    pub lines: u64,
    /// The highest number that a load of the file has so far.
    pub highest: Load,
    /// A later load that is under way, 0 where there is none, ...
    pub under_way: Load,
    /// ... and what it is for.
    #[serde(deserialize_with = "purpose")]
    pub begun: Option<Purpose>,
    /// What `load` replaced an earlier one for, where it did.
    #[serde(deserialize_with = "purpose")]
    pub done: Option<Purpose>,
}

/// Which files are to be loaded again.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub selector: Selector,
    /// Only those whose load came to its end within these times, ms since 1970.
    pub from_ms: Option<u64>,
    pub to_ms: Option<u64>,
}

impl Wanted {
    #[must_use]
    pub fn all_of(selector: Selector) -> Self {
        Self { selector, from_ms: None, to_ms: None }
    }
}

/// The wanted files that have a load which came to its end, or was given up.
///
/// # Errors
/// As the server says.
pub async fn loaded(database: &Database, wanted: &Wanted) -> Result<Vec<Loaded>, Error> {
    let condition = wanted.selector.condition();
    let mut times = String::from("1");
    for (comparison, ms) in [(">=", wanted.from_ms), ("<", wanted.to_ms)] {
        if let Some(ms) = ms {
            times.push_str(&format!(" AND n.closed {comparison} fromUnixTimestamp64Milli({ms}, 'UTC')"));
        }
    }
    database
        .select(&format!(
            "WITH under_way AS (SELECT file_id, load, reason FROM hidden FINAL WHERE hidden = 1 AND version = {UNDER_WAY}), \
             ended AS (\
               SELECT file_id, load, toString(cluster) AS cluster, path, length, modified, toString(state) AS state, lines, \
                 closed FROM loads FINAL WHERE {condition} AND archive = {NO_ARCHIVE} \
               UNION ALL SELECT file_id, load, toString(any(e.cluster)) AS cluster, any(e.path) AS path, \
                 any(e.length) AS length, any(e.modified) AS modified, 'failed' AS state, toUInt64(0) AS lines, \
                 max(e.at) AS closed \
               FROM (SELECT * FROM file_events WHERE {condition} AND archive = {NO_ARCHIVE}) AS e \
               WHERE (file_id, load) NOT IN (SELECT file_id, load FROM loads) \
                 AND (file_id, load) IN (SELECT file_id, load FROM rejects WHERE {gave_up}) GROUP BY file_id, load), \
             newest AS (SELECT * FROM ended WHERE (file_id, load) NOT IN (SELECT file_id, load FROM under_way) \
               ORDER BY modified DESC, length DESC, \
                 (file_id, load) IN (SELECT file_id, load FROM hidden FINAL WHERE hidden = 1), load DESC \
               LIMIT 1 BY cluster, path) \
             SELECT lower(hex(n.file_id)) AS file_id, n.load AS load, n.cluster AS cluster, n.path AS path, \
               n.length AS length, toUInt64(toUnixTimestamp64Milli(n.modified)) AS modified_ms, n.state AS state, \
               n.lines AS lines, greatest(n.load, h.highest) AS highest, u.load AS under_way, u.reason AS begun, \
               s.reason AS done \
             FROM newest AS n LEFT JOIN (SELECT file_id, max(load) AS highest FROM hidden GROUP BY file_id) AS h \
               ON h.file_id = n.file_id LEFT JOIN under_way AS u ON u.file_id = n.file_id \
             LEFT JOIN (SELECT file_id, load, reason FROM hidden FINAL WHERE hidden = 0) AS s \
               ON s.file_id = n.file_id AND s.load = n.load WHERE {times} ORDER BY cluster, path",
            gave_up = queries::gave_up()
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
pub async fn hide_before(database: &Database, loads: &[(FileId, Load, &Purpose)]) -> Result<(), Error> {
    for some in loads.chunks(BATCH) {
        let list = |of: &dyn Fn(&(FileId, Load, &Purpose)) -> String| some.iter().map(of).collect::<Vec<_>>().join(",");
        let ids = list(&|(id, _, _)| id_literal(*id));
        let numbers = list(&|(_, load, _)| load.to_string());
        let reasons = list(&|(_, _, purpose)| literal(&purpose.begun()));
        database
            .execute(&format!(
                "INSERT INTO hidden (file_id,load,hidden,reason,version) {SETTINGS} \
                 WITH [{ids}] AS ids, [{numbers}]::Array(UInt32) AS numbers, [{reasons}] AS reasons, \
                 indexOf(ids,if(archive={NO_ARCHIVE},file_id,archive)) AS place \
                 SELECT file_id,numbers[place],1,reasons[place],{UNDER_WAY} \
                 FROM (SELECT DISTINCT file_id,archive FROM loads WHERE has(ids,file_id) OR has(ids,archive) \
                   UNION DISTINCT SELECT arrayJoin(ids) AS file_id,{NO_ARCHIVE} AS archive)"
            ))
            .await?;
    }
    Ok(())
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
    pub lines: u64,
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
             anyIf(l.detail, l.state = 'quarantined') AS detail, sum(l.lines) AS lines, \
             (SELECT count() FROM rejects WHERE {condition} AND reason = '{changed}') AS changed \
             FROM loads AS l FINAL WHERE {condition}"
        ))
        .await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// Shows a load, all of whose rows must be in the table, and hides those before it: one block. Where a newer file of the
/// path is complete, it stays hidden. What was given up before has no end in `loads`, and is found by its events.
///
/// # Errors
/// As the server says. The same call makes it whole.
pub async fn replace(database: &Database, file_id: FileId, load: Load, purpose: &Purpose) -> Result<(), Error> {
    let id = id_literal(file_id);
    let shown = literal(&purpose.done());
    let sql = format!(
        "INSERT INTO hidden (file_id,load,hidden,reason,version) {SETTINGS} \
         WITH (SELECT tuple(cluster, path, tuple(modified, length), version) FROM loads FINAL \
             WHERE file_id = {id} AND load = {load}) AS this, \
           (SELECT count() FROM loads FINAL WHERE cluster = this.1 AND path = this.2 AND state = 'complete' \
             AND tuple(modified, length) > this.3 AND (file_id, load) NOT IN ({BROKEN_ARCHIVES})) AS newer, \
           load = {load} AND newer = 0 AS shows \
         SELECT file_id, load, NOT shows, if(shows, {shown}, 'superseded'), this.4 FROM (\
           SELECT file_id, load FROM loads WHERE (file_id = {id} OR archive = {id}) AND load <= {load} \
           UNION DISTINCT \
           SELECT file_id, load FROM file_events WHERE (file_id = {id} OR archive = {id}) AND load <= {load})"
    );
    database.execute(&sql).await?;
    // A newer file may have settled between the look and the write; of rows of one version the last one counts.
    database.execute(&sql).await
}

/// Gives a load up that is under way: it stays hidden, with what came of its members, and another may begin.
///
/// # Errors
/// As the server says.
pub async fn give_up(
    database: &Database,
    file_id: FileId,
    load: Load,
    purpose: &Purpose,
    why: &str,
) -> Result<(), Error> {
    let (id, version) = (id_literal(file_id), UNDER_WAY + 1);
    let verb = if matches!(purpose, Purpose::Redecode { .. }) { "redecoding" } else { "replaying" };
    let why = literal(&format!("{verb} failed: {why}"));
    database
        .execute(&format!(
            "INSERT INTO hidden (file_id,load,hidden,reason,version) {SETTINGS} \
             SELECT arrayJoin(arrayConcat([{id}], groupUniqArray(file_id))) AS file_id, {load} AS load, 1 AS hidden, \
             {why} AS reason, {version} AS version \
             FROM file_events WHERE archive = {id} AND file_events.load = {load}"
        ))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_what_a_load_is_for() {
        let (run, label) = ("2026-11-23T10:00:00Z".to_owned(), "gb18030".to_owned());
        for (purpose, begun, done) in [
            (Purpose::Redecode { encoding: label.clone() }, "redecoding as gb18030", "redecoded as gb18030"),
            (
                Purpose::Replay { run: run.clone(), encoding: None },
                "replaying by 2026-11-23T10:00:00Z",
                "replayed by 2026-11-23T10:00:00Z",
            ),
            (
                Purpose::Replay { run, encoding: Some(label) },
                "replaying by 2026-11-23T10:00:00Z as gb18030",
                "replayed by 2026-11-23T10:00:00Z as gb18030",
            ),
        ] {
            assert_eq!((&*purpose.begun(), &*purpose.done()), (begun, done));
            assert_eq!((Purpose::of(begun), Purpose::of(done)), (Some(purpose.clone()), Some(purpose)));
        }
        for other in ["", "superseded", "quarantined: 3 of 10", "its archive is hidden", "redecoding failed: x"] {
            assert_eq!(Purpose::of(other), None, "{other:?}");
        }
    }
}
