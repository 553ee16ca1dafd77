//! Lawful erasure: a file leaves every table, and nothing of it comes in again.
//!
//! A loader may be at work meanwhile, and a request of one that died may come late. So the first step is a row in
//! `forgotten`, which every INSERT of the chain looks into ([`crate::rows_sql`], [`crate::origins_sql`]); an INSERT that
//! began before that row was there is waited for; only then the tables are cleaned, and looked into once more.
//! Each step can be repeated: whoever is killed runs it again. The events go last, for by them a path is known.
//!
//! What the analyses counted with a file goes day by day: a count does not say whose it is, so whole days of its application are
//! dropped (`days`), and the next refresh counts them of the rows that are there then. They are dropped once when every scan is at
//! its end that began before the file's loads were hidden, and once more when its rows are gone and every scan is at its end that
//! began before that; with them go the tables of refreshes. So a refresh beside it puts in place nothing that has the file.
//!
//! Where rows lie on shards, each of these has such a fence of its own, and is waited for and cleaned like the front.

mod counts;

pub use counts::{Day, Days, days};

use super::selector::Selector;
use crate::client::{Database, QUERY};
use crate::error::Error;
use crate::sql::{NO_ARCHIVE, literal};
use logmill_core::{FileId, Load};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Files in one statement.
const BATCH: usize = 1_000;
/// How often the tables are cleaned at most.
const TRIES: u32 = 3;
/// Between two looks at what still runs.
const LOOK: Duration = Duration::from_millis(200);
/// By so much the time of a query may be off as the server shows it.
const MARGIN: Duration = Duration::from_secs(1);

/// A file of which something is known.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Known {
    #[serde(alias = "id")]
    pub file_id: FileId,
    pub cluster: String,
    pub path: String,
    /// The highest number of a load of it.
    pub highest: Load,
    /// When a stage last said something of it, ms since 1970: nothing of it stands in Kafka from later.
    pub last_ms: u64,
}

/// The selected files with, of an archive, all of its members.
///
/// # Errors
/// As the server says.
pub async fn known(database: &Database, selector: &Selector) -> Result<Vec<Known>, Error> {
    let condition = selector.condition();
    database
        .select(&format!(
            "WITH files AS (SELECT file_id FROM file_events WHERE {condition} UNION DISTINCT \
               SELECT file_id FROM rejects WHERE {condition} AND file_id != {NO_ARCHIVE} UNION DISTINCT \
               SELECT file_id FROM loads WHERE {condition}), \
             members AS (SELECT file_id FROM file_events WHERE archive != {NO_ARCHIVE} AND archive IN (SELECT file_id FROM files)) \
             SELECT lower(hex(file_id)) AS id, any(cluster) AS cluster, any(path) AS path, max(load) AS highest, \
               toUInt64(toUnixTimestamp64Milli(max(at))) AS last_ms \
             FROM (SELECT file_id, toString(cluster) AS cluster, path, load, at FROM file_events UNION ALL \
               SELECT file_id, toString(cluster) AS cluster, path, load, at FROM rejects) AS told \
             WHERE file_id IN (SELECT file_id FROM files) OR file_id IN (SELECT file_id FROM members) \
             GROUP BY file_id ORDER BY cluster, path, id"
        ))
        .await
}

/// The files whose erasure was begun and has not come to its end.
///
/// # Errors
/// As the server says.
pub async fn begun(database: &Database) -> Result<Vec<FileId>, Error> {
    #[derive(Deserialize)]
    struct Row {
        id: FileId,
    }
    let rows: Vec<Row> = database
        .select(
            "SELECT lower(hex(file_id)) AS id FROM forgotten GROUP BY file_id HAVING argMax(state, at) = 'begun' ORDER BY id",
        )
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// How many records each table has of each file, where it has any.
pub type Traces = BTreeMap<FileId, BTreeMap<String, u64>>;

/// Looks into every table that knows files.
///
/// # Errors
/// As the server says.
pub async fn traces(database: &Database, files: &[FileId]) -> Result<Traces, Error> {
    #[derive(Deserialize)]
    struct Row {
        id: FileId,
        n: u64,
    }
    let mut all = Traces::new();
    for (place, table) in tables(database).await? {
        for some in files.chunks(BATCH) {
            let rows: Vec<Row> = place
                .select(&format!(
                    "SELECT lower(hex(file_id)) AS id, count() AS n FROM {table} WHERE {} GROUP BY file_id",
                    among(some)
                ))
                .await?;
            for row in rows {
                *all.entry(row.id).or_default().entry(table.clone()).or_default() += row.n;
            }
        }
    }
    Ok(all)
}

/// Every table that has a column `file_id`, but the one that remembers, and where it is: of shards, then of this database; in
/// each the rows first, as `hidden` keeps readers from them until they are gone, and the events last.
async fn tables(database: &Database) -> Result<Vec<(&Database, String)>, Error> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    let mut all = Vec::new();
    for place in database.all() {
        let rows: Vec<Row> = place
            .select(
                "SELECT t.name AS name FROM system.tables AS t WHERE t.database = currentDatabase() \
                   AND t.engine LIKE '%MergeTree' AND t.name != 'forgotten' AND t.name IN (\
                     SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'file_id') \
                 ORDER BY t.name = 'file_events', t.name != 'rows', t.name",
            )
            .await?;
        all.extend(rows.into_iter().map(|row| (place, row.name)));
    }
    Ok(all)
}

fn among(files: &[FileId]) -> String {
    let ids: Vec<String> = files.iter().map(|id| format!("x'{id}'")).collect();
    format!("file_id IN ({})", ids.join(","))
}

/// From here on readers see nothing of the files, and no INSERT lets anything of them in, or counts them: those that began before
/// are at their end when it returns.
///
/// # Errors
/// As the server says.
pub async fn close(database: &Database, files: &[FileId], who: &str, why: &str) -> Result<(), Error> {
    // On the front first: by it whoever is killed here knows what was begun.
    note(database, files, "begun", who, why, &Traces::new()).await?;
    for shard in database.shards() {
        shard.fence(files).await?;
    }
    for some in files.chunks(BATCH) {
        let among = among(some);
        // For those who read in the meantime: the highest version, so that nothing shows them again.
        database
            .execute(&format!(
                "INSERT INTO hidden (file_id,load,hidden,reason,version) SETTINGS async_insert=0, deduplicate_insert='disable' \
                 SELECT DISTINCT file_id,load,1,'forgotten',{} FROM (\
                 SELECT file_id,load FROM file_events WHERE {among} UNION ALL SELECT file_id,load FROM rows WHERE {among})",
                u64::MAX
            ))
            .await?;
    }
    inserts_before(database, Instant::now()).await
}

/// Waits for the end of every INSERT that began before `since`, and a second at least.
async fn inserts_before(database: &Database, since: Instant) -> Result<(), Error> {
    for place in database.all() {
        inserts_here_before(place, since).await?;
    }
    Ok(())
}

async fn inserts_here_before(database: &Database, since: Instant) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Count {
        n: u64,
    }
    // The loaders' own, and the scan of a refresh.
    let longest = QUERY.max(2 * database.insert_timeout) + MARGIN;
    loop {
        let running: Vec<Count> = database
            .select(&format!(
                "SELECT count() AS n FROM system.processes WHERE query_kind = 'Insert' \
                 AND current_database = currentDatabase() AND elapsed > {}",
                since.elapsed().saturating_sub(MARGIN).as_secs_f64()
            ))
            .await?;
        let running: u64 = running.iter().map(|count| count.n).sum();
        match since.elapsed() {
            waited if waited > MARGIN && running == 0 => return Ok(()),
            waited if waited > longest => {
                let why =
                    format!("{running} INSERTs from before {waited:?} run still; run it again when they have ended");
                return Err(Error::Unknown { url: database.url.clone(), why });
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Erases the files, which must be [closed](close), from every table, and gives what was left afterwards: nothing, where
/// nobody wrote past the chain. The server rewrites the parts that hold them before it answers; the parts from before leave
/// the disk some minutes later. `days` are those that the files may be counted in, as they were when all rows were there.
///
/// What was derived from the events while they were there still (the state of a load, a proof) may come a moment after the
/// tables were cleaned: then they are cleaned again, and by then there is nothing to derive it from.
///
/// # Errors
/// As the server says.
pub async fn erase(database: &Database, files: &[FileId], days: &Days) -> Result<Traces, Error> {
    let mut left = Traces::new();
    for _ in 0..TRIES {
        clean(database, files, days).await?;
        inserts_before(database, Instant::now()).await?;
        left = traces(database, files).await?;
        if left.is_empty() {
            break;
        }
    }
    Ok(left)
}

async fn clean(database: &Database, files: &[FileId], days: &Days) -> Result<(), Error> {
    let erase = |table: &str, condition: &str| {
        format!("ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2")
    };
    counts::drop_counts(database, days).await?;
    let (rows, others): (Vec<_>, Vec<_>) = tables(database).await?.into_iter().partition(|(_, table)| table == "rows");
    for some in files.chunks(BATCH) {
        for (place, table) in &rows {
            place.execute(&erase(table, &among(some))).await?;
        }
    }
    // The events say which days these were, if this is broken off: so they go after the days.
    inserts_before(database, Instant::now()).await?;
    counts::drop_counts(database, days).await?;
    for some in files.chunks(BATCH) {
        let among = among(some);
        // What a person said of a letter may repeat what is in it.
        let letters =
            format!("(topic, partition, offset) IN (SELECT topic, partition, offset FROM rejects WHERE {among})");
        database.execute(&erase("dropped_letters", &letters)).await?;
        for (place, table) in &others {
            place.execute(&erase(table, &among)).await?;
        }
    }
    Ok(())
}

/// Notes that the files are erased, and how much it was.
///
/// # Errors
/// As the server says.
pub async fn done(database: &Database, files: &[FileId], who: &str, why: &str, erased: &Traces) -> Result<(), Error> {
    note(database, files, "done", who, why, erased).await
}

async fn note(
    database: &Database,
    files: &[FileId],
    state: &str,
    who: &str,
    why: &str,
    erased: &Traces,
) -> Result<(), Error> {
    let (who, why) = (literal(who), literal(why));
    let records = |file: &FileId| erased.get(file).map_or(0, |tables| tables.values().sum::<u64>());
    for some in files.chunks(BATCH) {
        let row = |file: &FileId| format!("(x'{file}','{state}',{who},{why},{},now64(3))", records(file));
        let rows: Vec<String> = some.iter().map(row).collect();
        database
            .execute(&format!(
                "INSERT INTO forgotten (file_id,state,who,why,records,at) SETTINGS async_insert=0 VALUES {}",
                rows.join(",")
            ))
            .await?;
    }
    Ok(())
}
