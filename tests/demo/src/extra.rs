//! Any folder's files beside the demo's own.

use crate::logs::upload::Put;
use anyhow::Context;
use std::path::Path;

/// All files below `folder`, dealt out over the clusters, under `/logs/extra`. Names that the fetcher leaves (those
/// that begin with `.` or `_`, or end in `.tmp` or `._COPYING_`) are left here too, and so are names that are not
/// UTF-8: HDFS cannot carry them.
///
/// # Errors
/// A folder cannot be read.
pub fn files(folder: &Path, clusters: &[String]) -> anyhow::Result<Vec<Put>> {
    let mut puts = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).with_context(|| format!("reading {}", at.display()))? {
            let local = entry?.path();
            let Some(name) = local.file_name().and_then(|name| name.to_str()) else { continue };
            if name.starts_with(['.', '_']) || name.ends_with(".tmp") || name.ends_with("._COPYING_") {
                continue;
            }
            if local.is_dir() {
                folders.push(local);
            } else if local.is_file()
                && let Some(below) = local.strip_prefix(folder).ok().and_then(Path::to_str)
            {
                let path = format!("/logs/extra/{below}");
                puts.push(Put { path, cluster: clusters[puts.len() % clusters.len()].clone(), local });
            }
        }
    }
    Ok(puts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_all_folders_are_dealt_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for name in ["a.log", "in/b c.gz", ".hidden", "x.tmp"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let puts = files(folder.path(), &["a".into(), "b".into()]).unwrap();
        let mut paths: Vec<_> = puts.iter().map(|put| put.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/logs/extra/a.log", "/logs/extra/in/b c.gz"]);
        assert_ne!(puts[0].cluster, puts[1].cluster);
    }
}
