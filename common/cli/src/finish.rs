//! `logmill finish`: files that are proven to be in the table leave their cluster, where it is configured so.
//!
//! Between a look at a file and its end another may have taken its place. So it first gets a name that is its own, is looked at
//! there, and is given back if it is another one after all. It may be killed at any moment and run again: what is under that
//! name is dealt with first.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::migrate::database;
use crate::output::{Printer, escaped};
use crate::validate::bounded;
use anyhow::{Context, Result};
use futures::future::join_all;
use logmill_clickhouse::Database;
use logmill_clickhouse::ledger::finish::{Became, Finishable, finishable, note_finished};
use logmill_clickhouse::ledger::{self, Options, Selector};
use logmill_config::{Cluster, Config, Finished};
use logmill_core::FileId;
use logmill_fetcher::store::{self, Entry, Store, StoreError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Handle;

/// Files that are asked for, and noted, at a time.
const BATCH: usize = 1_000;

/// What is printed of a file.
#[derive(Serialize)]
struct Outcome<'a> {
    #[serde(flatten)]
    file: &'a Finishable,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    became: Option<&'a Became>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Proves what is not proven yet, then ends the files of `paths` (all, where none is given) that may leave their clusters;
/// with `dry_run` names them alone. Bad where a cluster did not do it.
///
/// # Errors
/// ClickHouse does not answer, or a cluster's settings make no client.
pub fn run(config: &Config, paths: &[String], dry_run: bool, format: Format) -> Result<Verdict, Failure> {
    let clusters: Vec<&str> =
        config.clusters.iter().filter(|(_, c)| c.finished != Finished::Leave).map(|(name, _)| &**name).collect();
    if clusters.is_empty() {
        eprintln!("every cluster is configured to be left as it is: finished = \"move\" or \"delete\" says otherwise");
        return Ok(Verdict::Good);
    }
    let (runtime, database) = (crate::runtime()?, database(config)?);
    let selectors =
        if paths.is_empty() { vec![Selector::All] } else { paths.iter().map(|p| Selector::parse(p)).collect() };
    let mut printer = (Printer::stdout(), format);
    let all = async {
        let mut all = Verdict::Good;
        let mut gone_wrong = BTreeSet::new();
        // Of all files: members of an archive have other paths than it has.
        let unproven = Options { settled: false, skip_proven: true };
        ledger::reconcile(&database, &Selector::All, unproven).await.with_context(|| place(&database))?;
        for selector in &selectors {
            let mut last = None;
            loop {
                let batch = finishable(&database, selector, &clusters, last.as_ref(), BATCH).await;
                let batch = batch.with_context(|| place(&database))?;
                let Some(newest) = batch.last().cloned() else { break };
                last = Some(newest);
                all = all.and(end(config, &database, batch, dry_run, &mut gone_wrong, &mut printer).await?);
            }
        }
        anyhow::Ok(all)
    };
    let all = runtime.block_on(all)?;
    printer.0.finish()?;
    Ok(all)
}

fn place(database: &Database) -> String {
    format!("the ledger in {:?} on {}", database.name(), database.url())
}

/// Ends these files. A cluster that does not answer is asked no more: it is among `gone_wrong` from then on.
async fn end(
    config: &Config,
    database: &Database,
    files: Vec<Finishable>,
    dry_run: bool,
    gone_wrong: &mut BTreeSet<String>,
    (out, format): &mut (Printer<std::io::Stdout>, Format),
) -> Result<Verdict> {
    let mut verdict = Verdict::Good;
    let mut by_cluster: BTreeMap<String, Vec<Finishable>> = BTreeMap::new();
    for file in files {
        by_cluster.entry(file.cluster.clone()).or_default().push(file);
    }
    for (name, files) in by_cluster {
        let cluster = &config.clusters[&name];
        let store = store::of(&name, cluster, &Handle::current())?;
        for some in files.chunks(cluster.coroutines as usize) {
            if gone_wrong.contains(&name) {
                break;
            }
            let all = some
                .iter()
                .map(|file| async { if dry_run { Ok(None) } else { finish(cluster, &*store, file).await.map(Some) } });
            let results = join_all(all).await;
            let mut became = Vec::new();
            for (file, result) in some.iter().zip(&results) {
                if let Err(why) = result {
                    verdict = Verdict::Bad;
                    // Where the cluster says what lies there it is the file that cannot be ended: the others can.
                    let is_cluster =
                        matches!(why, StoreError::Failed(_)) && look(cluster, &*store, &file.path).await.is_err();
                    if is_cluster && gone_wrong.insert(name.clone()) {
                        eprintln!("{name} fails: its other files are left to the next run");
                    }
                }
                let (done, why) = (result.as_ref().ok().and_then(Option::as_ref), result.as_ref().err());
                let outcome = Outcome { file, became: done, why: why.map(ToString::to_string) };
                match format {
                    Format::Json => out.json(&outcome)?,
                    Format::Text => out.line(&line(&outcome, cluster))?,
                }
                became.extend(done.map(|became| (file.clone(), became.clone())));
            }
            note_finished(database, &became).await.with_context(|| place(database))?;
        }
    }
    out.finish()?;
    Ok(verdict)
}

fn line(outcome: &Outcome<'_>, cluster: &Cluster) -> String {
    let Outcome { file, became, why } = outcome;
    let place = format!("{}:{}", escaped(&file.cluster), escaped(&file.path));
    match (became, why) {
        (_, Some(why)) => format!("FAILED    {place}: {}", escaped(why)),
        (Some(Became::Moved { place: to }), _) => format!("moved     {place} to {}", escaped(to)),
        (Some(Became::Deleted), _) => format!("deleted   {place}"),
        (Some(Became::Replaced), _) => format!("replaced  {place}: another file lies there, and was left"),
        (Some(Became::Gone), _) => format!("gone      {place}"),
        (None, _) if cluster.finished == Finished::Delete => format!("to delete {place}"),
        (None, _) => format!("to move   {place}"),
    }
}

/// The name under which a file waits for its end: its own, however long the file's is, and none that a listing takes.
fn aside(path: &str, id: FileId) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/.{id}.finished")
}

/// What lies at a path, if anything does.
async fn look(cluster: &Cluster, store: &dyn Store, path: &str) -> Result<Option<Entry>, StoreError> {
    match bounded(cluster, store.stat(path)).await {
        Ok(entry) => Ok(Some(entry)),
        Err(StoreError::Gone(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves or deletes a file, if it is still the one of the ledger.
async fn finish(cluster: &Cluster, store: &dyn Store, file: &Finishable) -> Result<Became, StoreError> {
    let is_it = |entry: &Entry| (entry.length, entry.modified_ms) == (file.length, file.modified_ms);
    let rename = |from: &str, to: &str| bounded(cluster, store.rename(from, to));
    let aside = aside(&file.path, file.file_id);
    let mut waiting = look(cluster, store, &aside).await?;
    if waiting.is_none() {
        match look(cluster, store, &file.path).await? {
            Some(entry) if is_it(&entry) => {}
            Some(_) => return Ok(Became::Replaced),
            None => return gone(cluster, store, file).await,
        }
        rename(&file.path, &aside).await?;
        waiting = look(cluster, store, &aside).await?;
    }
    if !waiting.as_ref().is_some_and(is_it) {
        if rename(&aside, &file.path).await? {
            return Ok(Became::Replaced);
        }
        let why = format!(
            "it was replaced twice meanwhile, and one of the other files lies at {aside} now: give it its path"
        );
        return Err(StoreError::Refused(why));
    }
    if cluster.finished == Finished::Delete {
        bounded(cluster, store.delete(&aside)).await?;
        return Ok(Became::Deleted);
    }
    for place in places(cluster, file) {
        if rename(&aside, &place).await? {
            return Ok(Became::Moved { place });
        }
    }
    Err(StoreError::Refused(format!("something lies at {} already; it waits at {aside}", places(cluster, file)[1])))
}

/// Where it is moved to; the second one where an older file of its path lies at the first.
fn places(cluster: &Cluster, file: &Finishable) -> [String; 2] {
    let place =
        format!("{}{}", cluster.finished_folder.as_deref().unwrap_or_default().trim_end_matches('/'), file.path);
    [place.clone(), format!("{place}.{}", file.file_id)]
}

/// What a file became of which nothing lies at its path: an earlier run that was killed may have moved it.
async fn gone(cluster: &Cluster, store: &dyn Store, file: &Finishable) -> Result<Became, StoreError> {
    if cluster.finished == Finished::Move {
        for place in places(cluster, file) {
            let found = look(cluster, store, &place).await?;
            if found.is_some_and(|entry| (entry.length, entry.modified_ms) == (file.length, file.modified_ms)) {
                return Ok(Became::Moved { place });
            }
        }
    }
    Ok(Became::Gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_fetcher::store::FolderStore;
    use std::path::Path;

    /// The file as it lies there now.
    fn file(root: &Path, path: &str) -> Finishable {
        let metadata = std::fs::metadata(root.join(&path[1..])).unwrap();
        let modified = metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        let (cluster, modified_ms) = ("a".to_owned(), modified.as_millis() as u64);
        let file_id = FileId::of(&cluster, path.as_bytes(), metadata.len(), modified_ms);
        Finishable { file_id, cluster, path: path.to_owned(), length: metadata.len(), modified_ms }
    }

    fn put(root: &Path, path: &str, text: &str) {
        let place = root.join(&path[1..]);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }

    /// All files, with what is in them.
    fn all(root: &Path, folder: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                found.extend(all(root, &path));
            } else {
                found.push((path.clone(), std::fs::read_to_string(root.join(&path)).unwrap()));
            }
        }
        found.sort();
        found
    }

    fn cluster(finished: Finished) -> Cluster {
        Cluster { finished, finished_folder: Some("/done/".into()), ..Cluster::default() }
    }

    #[tokio::test]
    async fn a_file_is_moved_or_deleted_and_one_that_took_its_place_is_not() {
        let root = tempfile::tempdir().unwrap();
        let (root, store) = (root.path(), FolderStore::new(root.path()));
        let end = async |finished, file: &Finishable| finish(&cluster(finished), &store, file).await;
        for name in ["moved", "deleted", "replaced", "again"] {
            put(root, &format!("/logs/{name}"), name);
        }
        let [moved, deleted, replaced, again] =
            ["/logs/moved", "/logs/deleted", "/logs/replaced", "/logs/again"].map(|path| file(root, path));
        put(root, "/logs/replaced", "another one");
        let place = "/done/logs/moved".to_owned();
        assert_eq!(end(Finished::Move, &moved).await, Ok(Became::Moved { place: place.clone() }));
        assert_eq!(end(Finished::Move, &moved).await, Ok(Became::Moved { place }), "a run that was killed goes on");
        assert_eq!(end(Finished::Delete, &deleted).await, Ok(Became::Deleted));
        assert_eq!(end(Finished::Delete, &deleted).await, Ok(Became::Gone));
        assert_eq!(end(Finished::Delete, &replaced).await, Ok(Became::Replaced));
        // An older file of its path is there already.
        put(root, "/done/logs/again", "older");
        let place = format!("/done/logs/again.{}", again.file_id);
        assert_eq!(end(Finished::Move, &again).await, Ok(Became::Moved { place: place.clone() }));
        let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        assert_eq!(all(root, "logs"), [pair("logs/replaced", "another one")]);
        let expected = [pair("done/logs/again", "older"), pair(&place[1..], "again"), pair("done/logs/moved", "moved")];
        assert_eq!(all(root, "done"), expected);
    }

    #[tokio::test]
    async fn what_a_killed_run_left_aside_is_ended_or_given_back() {
        let root = tempfile::tempdir().unwrap();
        let (root, store) = (root.path(), FolderStore::new(root.path()));
        for (name, other) in [("it", "it"), ("other", "another one")] {
            let path = format!("/logs/{name}");
            put(root, &path, name);
            let known = file(root, &path);
            if other != name {
                put(root, &path, other);
            }
            // Killed between the two steps.
            assert_eq!(store.rename(&path, &aside(&path, known.file_id)).await, Ok(true));
            let became = finish(&cluster(Finished::Delete), &store, &known).await;
            let expected = if other == name { Became::Deleted } else { Became::Replaced };
            assert_eq!(became, Ok(expected));
        }
        assert_eq!(all(root, "logs"), [("logs/other".to_owned(), "another one".to_owned())]);
    }
}
