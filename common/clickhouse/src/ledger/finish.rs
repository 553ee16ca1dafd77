//! Files that have nothing more to do in their clusters: every line of them is proven to be in the table.

use super::replay::UNDER_WAY;
use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use crate::sql::{NO_ARCHIVE, id_literal, literal};
use logmill_core::FileId;
use serde::{Deserialize, Serialize};

/// A file that may leave its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Finishable {
    #[serde(alias = "id")]
    pub file_id: FileId,
    pub cluster: String,
    pub path: String,
    /// Bytes, as listed.
    pub length: u64,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

/// Of the selected files of these clusters those that may leave them, by cluster and path, at most so many, from behind
/// `after` on. A load that readers see must be complete and proven, without any reject, and so must be all members of an
/// archive; none may be under way; and nothing is noted of the file yet.
///
/// # Errors
/// As the server says.
pub async fn finishable(
    database: &Database,
    selector: &Selector,
    clusters: &[&str],
    after: Option<&Finishable>,
    most: usize,
) -> Result<Vec<Finishable>, Error> {
    let clusters: Vec<String> = clusters.iter().map(|cluster| literal(cluster)).collect();
    let behind = after.map_or_else(String::new, |file| {
        let (cluster, path, id) = (literal(&file.cluster), literal(&file.path), id_literal(file.file_id));
        format!("AND (toString(cluster), path, file_id) > ({cluster}, {path}, {id}) ")
    });
    // Of a load, which is shown.
    let is_whole = "state = 'complete' AND (file_id, load) IN (SELECT file_id, load FROM reconciled) \
        AND (file_id, load) NOT IN (SELECT file_id, load FROM hidden FINAL WHERE hidden = 1) \
        AND (file_id, load) NOT IN (SELECT file_id, load FROM rejects)";
    database
        .select(&format!(
            "SELECT lower(hex(file_id)) AS id, cluster, path, length, \
               toUInt64(toUnixTimestamp64Milli(modified)) AS modified_ms \
             FROM loads FINAL WHERE {} AND cluster IN ({}) AND archive = {NO_ARCHIVE} AND {is_whole} {behind}\
             AND (file_id, load) NOT IN (SELECT archive, load FROM loads FINAL \
               WHERE archive != {NO_ARCHIVE} AND NOT ({is_whole})) \
             AND file_id NOT IN (SELECT file_id FROM hidden FINAL WHERE hidden = 1 AND version = {UNDER_WAY}) \
             AND file_id NOT IN (SELECT file_id FROM finished) \
             ORDER BY toString(cluster), path, file_id LIMIT {most}",
            selector.condition(),
            clusters.join(",")
        ))
        .await
}

/// What became of a file in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub enum Became {
    /// It lies there now.
    Moved {
        place: String,
    },
    Deleted,
    /// Another file lies at its path, and was left.
    Replaced,
    /// Nothing lies at its path.
    Gone,
}

impl Became {
    /// As the table has it, and the place.
    fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Moved { place } => ("moved", place),
            Self::Deleted => ("deleted", ""),
            Self::Replaced => ("replaced", ""),
            Self::Gone => ("gone", ""),
        }
    }
}

/// Notes what became of files: they are asked for no more.
///
/// # Errors
/// As the server says.
pub async fn note_finished(database: &Database, files: &[(Finishable, Became)]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let row = |(file, became): &(Finishable, Became)| {
        let (became, place) = became.columns();
        let (id, cluster, path) = (id_literal(file.file_id), literal(&file.cluster), literal(&file.path));
        format!("({id},{cluster},{path},'{became}',{},now64(3))", literal(place))
    };
    let rows: Vec<String> = files.iter().map(row).collect();
    database
        .execute(&format!(
            "INSERT INTO finished (file_id,cluster,path,became,place,at) SETTINGS async_insert=0 VALUES {}",
            rows.join(",")
        ))
        .await
}
