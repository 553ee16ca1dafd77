//! What the analyses have of files: whole days of an application, in which names of users and words of their texts stand.
//!
//! A partition of `analyzed` does not say of which files it was counted. Those that a file can be in are, if its rows are there,
//! of the applications and days of its rows, whether a load of it is hidden or not: it may have been counted before it was.
//!
//! Of a file that lacks rows (they passed `clickhouse.keep`, or an erasure that was killed has deleted them) its events say
//! the application, as every event of a load does, and the partitions of that application are taken
//! - whose oldest file is not younger than this one,
//! - that were put in place after its first event, but for [`CLOCKS`]: a part is never older than what was counted into it,
//! - and that were not counted of just the rows that readers see now: those say by themselves which files they are of.
//!
//! None that holds it is left out. One that does not may be taken: of those days the rows may be gone too, and with them the counts.

use super::{BATCH, among};
use crate::client::Database;
use crate::error::Error;
use crate::sql::{DAY, REFRESHES, ROW_HASH, SHOWN, literal};
use logmill_core::FileId;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// By so much the clocks of stages and of the server may differ, ms.
const CLOCKS: i64 = 86_400_000;

/// A day of an application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Day {
    pub app: String,
    /// Days since 1970-01-01.
    pub day: i32,
}

/// Where files may be counted.
#[derive(Clone, Debug, Default)]
pub struct Days {
    files: BTreeMap<FileId, BTreeSet<Day>>,
    /// All applications of the files.
    apps: BTreeSet<String>,
    /// What is counted of these applications, and the time of the oldest file of it, ms since 1970.
    counted: BTreeMap<Day, i64>,
}

impl Days {
    /// The days that are counted and that the file may be in.
    pub fn of(&self, file: FileId) -> impl Iterator<Item = &Day> {
        self.files.get(&file).into_iter().flatten().filter(|day| self.counted.contains_key(day))
    }

    /// The days that are counted and that one of the files may be in, each with the time of its oldest file, ms since 1970.
    #[must_use]
    pub fn counted(&self) -> BTreeMap<&Day, i64> {
        let all = self.files.values().flatten();
        all.filter_map(|day| self.counted.get_key_value(day)).map(|(day, oldest)| (day, *oldest)).collect()
    }
}

/// Where the files may be counted; the more exact, the more of their rows are there.
///
/// # Errors
/// As the server says.
pub async fn days(database: &Database, files: &[FileId]) -> Result<Days, Error> {
    let mut days = Days::default();
    let mut lacking = Vec::new();
    for some in files.chunks(BATCH) {
        for of_rows in of_rows(database, some).await? {
            days.apps.insert(of_rows.day.app.clone());
            days.files.entry(of_rows.id).or_default().insert(of_rows.day);
        }
        lacking.extend(lacking_rows(database, some).await?);
    }
    days.apps.extend(lacking.iter().map(|load| load.app.clone()));
    if days.apps.is_empty() {
        return Ok(days);
    }
    let counted = counted(database, &days.apps).await?;
    if !lacking.is_empty() {
        let placed = placed(database).await?;
        let now = now(database, lacking.iter().map(|load| load.app.as_str()).collect()).await?;
        for Counted { day, oldest_ms, rows, hash, partition } in &counted {
            let placed = placed.get(partition).map_or(i64::MAX, |ms| ms.saturating_add(CLOCKS));
            let may_be_in =
                |load: &&Lacking| load.app == day.app && *oldest_ms <= load.modified_ms && placed >= load.first_ms;
            if now.get(day) != Some(&(*rows, *hash)) {
                for load in lacking.iter().filter(may_be_in) {
                    days.files.entry(load.id).or_default().insert(day.clone());
                }
            }
        }
    }
    days.counted = counted.into_iter().map(|counted| (counted.day, counted.oldest_ms)).collect();
    Ok(days)
}

#[derive(Deserialize)]
struct OfRows {
    id: FileId,
    #[serde(flatten)]
    day: Day,
}

async fn of_rows(database: &Database, files: &[FileId]) -> Result<Vec<OfRows>, Error> {
    database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, app, toInt32(of) AS day FROM (\
             SELECT file_id, app, {DAY} AS of FROM rows WHERE {} GROUP BY file_id, app, of)",
            among(files)
        ))
        .await
}

/// A load that has fewer rows in the table than were cut of it.
#[derive(Deserialize)]
struct Lacking {
    id: FileId,
    app: String,
    modified_ms: i64,
    /// When its first event came.
    first_ms: i64,
}

async fn lacking_rows(database: &Database, files: &[FileId]) -> Result<Vec<Lacking>, Error> {
    let among = among(files);
    database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, max(a) AS app, max(m) AS modified_ms, max(f) AS first_ms FROM (\
             SELECT file_id, load, toString(any(app)) AS a, toInt64(toUnixTimestamp64Milli(max(modified))) AS m, \
               toInt64(toUnixTimestamp64Milli(min(at))) AS f, \
               greatest(sumIf(rows, event = 'closed' AND stage = 'reencoder'), \
                 sumIf(rows, event = 'passed' AND stage = 'distributor')) AS cut, toUInt64(0) AS there \
               FROM file_events WHERE {among} GROUP BY file_id, load UNION ALL \
             SELECT file_id, load, '' AS a, toInt64(0) AS m, toInt64(0) AS f, toUInt64(0) AS cut, sum(lines) AS there \
               FROM rows WHERE {among} GROUP BY file_id, load UNION ALL \
             SELECT file_id, load, '' AS a, toInt64(0) AS m, toInt64(0) AS f, toUInt64(0) AS cut, sum(rows) AS there \
               FROM rejects WHERE {among} AND stage IN ('distributor', 'splitter', 'loader') GROUP BY file_id, load) \
             GROUP BY file_id, load HAVING sum(cut) > sum(there)"
        ))
        .await
}

/// What is counted of a day, and of what.
#[derive(Deserialize)]
struct Counted {
    #[serde(flatten)]
    day: Day,
    oldest_ms: i64,
    rows: u64,
    hash: u64,
    partition: String,
}

async fn counted(database: &Database, apps: &BTreeSet<String>) -> Result<Vec<Counted>, Error> {
    database
        .select(&format!(
            "SELECT app, toInt32(of) AS day, toInt64(toUnixTimestamp64Milli(max(file_time))) AS oldest_ms, sum(n) AS rows, \
             sum(whom) AS hash, any(of_partition) AS partition FROM (\
             SELECT app, day AS of, file_time, n, whom, _partition_id AS of_partition FROM analyzed \
             WHERE kind = 'source' AND app IN ({})) GROUP BY app, of",
            literals(apps.iter().map(String::as_str))
        ))
        .await
}

/// When the partitions were put in place at the latest, ms since 1970.
async fn placed(database: &Database) -> Result<HashMap<String, i64>, Error> {
    #[derive(Deserialize)]
    struct Row {
        partition: String,
        ms: i64,
    }
    let rows: Vec<Row> = database
        .select(
            "SELECT partition_id AS partition, toInt64(toUnixTimestamp(min(modification_time))) * 1000 AS ms FROM system.parts \
             WHERE database = currentDatabase() AND table = 'analyzed' AND active GROUP BY partition_id",
        )
        .await?;
    Ok(rows.into_iter().map(|row| (row.partition, row.ms)).collect())
}

/// Of how many rows each day consists for readers, and the sum of their hashes.
async fn now(database: &Database, apps: BTreeSet<&str>) -> Result<HashMap<Day, (u64, u64)>, Error> {
    #[derive(Deserialize)]
    struct Row {
        #[serde(flatten)]
        day: Day,
        rows: u64,
        hash: u64,
    }
    let rows: Vec<Row> = database
        .select(&format!(
            "SELECT app, toInt32(of) AS day, sum(n) AS rows, sum(h) AS hash FROM (\
             SELECT app, {DAY} AS of, file_id, load, count() AS n, sum({ROW_HASH}) AS h \
             FROM rows WHERE app IN ({}) AND {SHOWN} GROUP BY app, of, file_id, load) GROUP BY app, of",
            literals(apps)
        ))
        .await?;
    Ok(rows.into_iter().map(|row| (row.day, (row.rows, row.hash))).collect())
}

fn literals<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(literal).collect::<Vec<_>>().join(",")
}

/// Drops the days from `analyzed`, and before them the tables of refreshes that hold something of these applications: a refresh that
/// is under way ends with it, or counts once more, and none puts in place any more what it scanned before.
pub(super) async fn drop_counts(database: &Database, days: &Days) -> Result<(), Error> {
    if days.apps.is_empty() {
        return Ok(());
    }
    drop_scanned(database, &days.apps).await?;
    for Day { app, day } in days.files.values().flatten().collect::<BTreeSet<_>>() {
        let partition = format!("({}, toDate32({day}))", literal(app));
        database.execute(&format!("ALTER TABLE analyzed DROP PARTITION {partition}")).await?;
    }
    Ok(())
}

async fn drop_scanned(database: &Database, apps: &BTreeSet<String>) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    #[derive(Deserialize)]
    struct Count {
        n: u64,
    }
    let tables: Vec<Row> = database
        .select(&format!(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, '{REFRESHES}') ORDER BY name"
        ))
        .await?;
    let mut theirs = HashSet::new();
    for Row { name } in &tables {
        let sql =
            format!("SELECT count() AS n FROM `{name}` WHERE app IN ({})", literals(apps.iter().map(String::as_str)));
        match database.select::<Count>(&sql).await {
            Ok(counts) if counts.iter().all(|count| count.n == 0) => {}
            Ok(_) => drop(theirs.insert(refresh_of(name))),
            // Its refresh is done with it.
            Err(error) if error.is_not_there() => {}
            Err(error) => return Err(error),
        }
    }
    // What one refresh scanned may be on its way into its other table.
    for Row { name } in tables.iter().filter(|table| theirs.contains(refresh_of(&table.name))) {
        // When it is answered nothing of it lies on the disk, and nobody reads it any more.
        database.execute(&format!("DROP TABLE IF EXISTS `{name}` SYNC")).await?;
    }
    Ok(())
}

/// What the names of the tables of one refresh have in common.
fn refresh_of(table: &str) -> &str {
    table.rsplit_once('_').map_or(table, |(refresh, _)| refresh)
}
