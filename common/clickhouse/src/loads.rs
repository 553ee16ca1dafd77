//! The state of loads, derived from the events in the table: asked for again, the same rows come out.

use crate::client::Database;
use crate::error::Error;
use crate::ledger::replay::UNDER_WAY;
use crate::sql::{BROKEN_ARCHIVES, NO_ARCHIVE, literal};

/// Writes `loads`, and `hidden` for what is quarantined or superseded, for all files whose re-encoder's end stands among
/// the records `(topic, partition, from, to)` of `file_events`. Those records must be in the table.
///
/// A load supersedes what is older under the same cluster and path once it is complete: an older file, or an earlier
/// load of the same file. One that is hidden supersedes nothing: it may be under way still ([`crate::ledger::replay`]).
/// Members of an archive go with it: they supersede nothing by themselves, are hidden and superseded when it is, and keep it
/// from superseding anything while one of them is not complete.
/// Of two states of equal times the longer one is the newer: HDFS keeps a file's time of creation
/// until it is closed. Two loaders may settle two files of one path at the same time: each writes `loads` before it
/// looks, so the later look sees both.
///
/// # Errors
/// As the server says. Nothing is undone; the same call makes it whole.
pub async fn settle_loads(
    database: &Database,
    (topic, partition, from, to): (&str, i32, i64, i64),
) -> Result<(), Error> {
    let batch = format!(
        "FROM file_events WHERE topic={} AND partition={partition} AND offset>={from} AND offset<{to} \
         AND event='closed' AND stage='reencoder'",
        literal(topic)
    );
    let settings = "SETTINGS async_insert=0, deduplicate_insert='disable'";
    database
        .execute(&format!(
            "INSERT INTO loads (file_id,load,cluster,path,app,archive,length,modified,state,lines,rows,malformed,encoding,\
             detail,closed,version) {settings} \
             SELECT file_id,load,cluster,path,app,archive,length,modified,\
             multiIf(quarantine!='','quarantined',outcome),lines,rows,malformed,found,quarantine,at,\
             toUInt64(toUnixTimestamp64Milli(at)) {batch}"
        ))
        .await?;
    database
        .execute(&format!(
            "INSERT INTO hidden (file_id,load,hidden,reason,version) {settings} \
             SELECT file_id,load,1,concat('quarantined: ',quarantine),toUInt64(toUnixTimestamp64Milli(at)) \
             {batch} AND quarantine!='' \
             UNION ALL SELECT file_id,load,1,'its archive is hidden',{UNDER_WAY} {batch} AND archive!={NO_ARCHIVE} \
             AND (archive,load) IN (SELECT file_id,load FROM hidden FINAL WHERE hidden=1)"
        ))
        .await?;
    // One block: an archive and its members go together.
    database
        .execute(&format!(
            "INSERT INTO hidden (file_id,load,hidden,reason,version) {settings} \
             WITH superseded AS (SELECT file_id,load,since FROM (\
               SELECT file_id,load,tuple(modified,length,load) AS age,\
                 maxIf(tuple(modified,length,load,version),state='complete' AND (file_id,load) NOT IN (\
                   SELECT file_id,load FROM hidden FINAL WHERE hidden=1) AND (file_id,load) NOT IN ({BROKEN_ARCHIVES})) \
                   OVER (PARTITION BY cluster,path) AS newest,\
                 greatest(version,newest.4) AS since \
               FROM loads FINAL WHERE archive={NO_ARCHIVE} AND (cluster,path) IN (SELECT cluster,path {batch})\
             ) WHERE age < tuple(newest.1,newest.2,newest.3)) \
             SELECT l.file_id,l.load,1,'superseded',s.since FROM loads AS l FINAL INNER JOIN superseded AS s \
             ON s.file_id=if(l.archive={NO_ARCHIVE},l.file_id,l.archive) AND s.load=l.load"
        ))
        .await
}
