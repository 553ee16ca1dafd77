//! Dead letters that wait for somebody, and those that nobody has to look at any more: dropped by a person, or of a load
//! that readers see no more because another took its place.

use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use crate::sql::{NO_ARCHIVE, literal};
use logmill_core::{FileId, Load};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Letters in one statement.
const BATCH: usize = 1_000;
/// The loads whose letters tell nobody anything any more.
const SUPERSEDED: &str = "SELECT file_id, load FROM hidden FINAL WHERE hidden = 1 AND reason = 'superseded'";

/// A place on the topic of dead letters: partition and offset.
pub type Place = (i32, i64);

/// Which letters are meant: those that fit all that is given.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The chain's topic of dead letters.
    pub topic: String,
    /// Empty: of any place.
    pub places: Vec<Place>,
    pub reason: Option<String>,
    pub selector: Selector,
}

/// A letter that waits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Letter {
    pub partition: i32,
    pub offset: i64,
    /// When it was sent, ms since 1970.
    pub at_ms: u64,
    pub stage: String,
    pub reason: String,
    #[serde(alias = "id")]
    pub file_id: FileId,
    pub load: Load,
    pub cluster: String,
    pub path: String,
    /// Of a member of an archive that; else the file itself: what is loaded again. 0 where the file is not known.
    pub whole: FileId,
}

/// Why a letter waits for nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Who dropped it; empty where another load took the place of its own.
    pub who: String,
    pub why: String,
    /// ms since 1970; 0 where it was not dropped.
    pub at_ms: u64,
}

fn dropped(topic: &str) -> String {
    format!("SELECT partition, offset FROM dropped_letters WHERE topic = {}", literal(topic))
}

/// The letters that fit and wait, oldest first.
///
/// # Errors
/// As the server says.
pub async fn waiting(database: &Database, filter: &Filter) -> Result<Vec<Letter>, Error> {
    let mut conditions =
        vec![format!("topic = {}", literal(&filter.topic)), format!("({})", filter.selector.condition())];
    if !filter.places.is_empty() {
        let places: Vec<String> = filter.places.iter().map(|(p, o)| format!("({p},{o})")).collect();
        conditions.push(format!("(partition, offset) IN ({})", places.join(",")));
    }
    conditions.extend(filter.reason.as_ref().map(|reason| format!("reason = {}", literal(reason))));
    database
        .select(&format!(
            "SELECT r.partition AS partition, r.offset AS offset, toUInt64(toUnixTimestamp64Milli(r.at)) AS at_ms, \
               r.stage AS stage, r.reason AS reason, lower(hex(r.file_id)) AS id, r.load AS load, \
               toString(r.cluster) AS cluster, r.path AS path, \
               lower(hex(if(a.outer = {NO_ARCHIVE}, r.file_id, a.outer))) AS whole \
             FROM (SELECT * FROM rejects WHERE {conditions}) AS r \
             LEFT JOIN (SELECT file_id, max(archive) AS outer FROM file_events \
               WHERE archive != {NO_ARCHIVE} AND file_id IN (SELECT file_id FROM rejects WHERE {conditions}) \
               GROUP BY file_id) AS a ON a.file_id = r.file_id \
             WHERE (r.partition, r.offset) NOT IN ({dropped}) AND (r.file_id, r.load) NOT IN ({SUPERSEDED}) \
             ORDER BY at_ms, partition, offset",
            conditions = conditions.join(" AND "),
            dropped = dropped(&filter.topic)
        ))
        .await
}

/// The newest letters of a topic that wait, newest first.
///
/// # Errors
/// As the server says.
pub async fn newest(database: &Database, topic: &str, most: usize) -> Result<Vec<Letter>, Error> {
    database
        .select(&format!(
            "SELECT partition, offset, toUInt64(toUnixTimestamp64Milli(at)) AS at_ms, stage, reason, \
               lower(hex(file_id)) AS id, load, toString(cluster) AS cluster, path, lower(hex(file_id)) AS whole \
             FROM rejects WHERE topic = {} AND (partition, offset) NOT IN ({}) AND (file_id, load) NOT IN ({SUPERSEDED}) \
             ORDER BY at DESC, partition, offset LIMIT {most}",
            literal(topic),
            dropped(topic)
        ))
        .await
}

/// How many letters of a topic wait.
///
/// # Errors
/// As the server says.
pub async fn count(database: &Database, topic: &str) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Count {
        n: u64,
    }
    let found: Vec<Count> = database
        .select(&format!(
            "SELECT count() AS n FROM rejects WHERE topic = {} AND (partition, offset) NOT IN ({}) \
             AND (file_id, load) NOT IN ({SUPERSEDED})",
            literal(topic),
            dropped(topic)
        ))
        .await?;
    Ok(found.first().map_or(0, |count| count.n))
}

/// Marks letters as seen; whoever comes later sees who did it, when and why.
///
/// # Errors
/// As the server says. What was marked before stays so; the same call marks the rest.
pub async fn drop_letters(
    database: &Database,
    topic: &str,
    places: &[Place],
    who: &str,
    why: &str,
) -> Result<(), Error> {
    let (topic, who, why) = (literal(topic), literal(who), literal(why));
    for some in places.chunks(BATCH) {
        let rows: Vec<String> = some.iter().map(|(p, o)| format!("({topic},{p},{o},{who},{why},now64(3))")).collect();
        database
            .execute(&format!(
                "INSERT INTO dropped_letters (topic,partition,offset,who,why,at) SETTINGS async_insert=0 VALUES {}",
                rows.join(",")
            ))
            .await?;
    }
    Ok(())
}

/// The letters from these places on that wait for nobody.
///
/// # Errors
/// As the server says.
pub async fn settled(database: &Database, topic: &str, from: &[Place]) -> Result<HashMap<Place, Settled>, Error> {
    #[derive(Deserialize)]
    struct Row {
        partition: i32,
        offset: i64,
        #[serde(flatten)]
        settled: Settled,
    }
    if from.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = from.iter().map(|(p, o)| format!("(partition = {p} AND offset >= {o})")).collect();
    let condition = format!("topic = {} AND ({})", literal(topic), places.join(" OR "));
    let rows: Vec<Row> = database
        .select(&format!(
            "SELECT partition, offset, '' AS who, concat('load ', toString(load), ' is superseded') AS why, \
               toUInt64(0) AS at_ms FROM rejects WHERE {condition} AND (file_id, load) IN ({SUPERSEDED}) \
             UNION ALL SELECT partition, offset, who, why, toUInt64(toUnixTimestamp64Milli(at)) AS at_ms \
               FROM dropped_letters FINAL WHERE {condition}"
        ))
        .await?;
    let mut all = HashMap::new();
    for row in rows {
        // What a person said counts before what follows.
        let known = all.entry((row.partition, row.offset)).or_insert_with(|| row.settled.clone());
        if known.who.is_empty() {
            *known = row.settled;
        }
    }
    Ok(all)
}
