//! Which local files are run, and what is known of each.

use crate::output::escaped;
use anyhow::{Context, Result};
use logmill_config::Planner;
use logmill_core::{FileId, FileMeta};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// Calls `each` with every file at or below `path`, folders in the order of their names. A link is followed to a file,
/// not to a folder: there is no way round in a circle.
pub fn walk(path: &Path, each: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    if path == Path::new(STDIN) || !path.is_dir() {
        return each(path);
    }
    let entries =
        fs::read_dir(path).with_context(|| format!("the folder {} cannot be listed", shown(path.as_os_str())))?;
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_symlink() && entry.is_dir() {
            continue;
        }
        walk(&entry, each)?;
    }
    Ok(())
}

/// A file that is open, and what a lister would know of it.
pub struct Input {
    pub meta: FileMeta,
    pub bytes: Box<dyn Read>,
}

/// Where files lie, as it is told.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub cluster: &'a str,
    /// In the cluster, of the file or folder that is named; none: as here.
    pub path: Option<&'a str>,
}

impl Place<'_> {
    /// The path of a file at or below `named`.
    fn of(&self, named: &Path, path: &Path) -> PathBuf {
        match (self.path, path.strip_prefix(named)) {
            (Some(placed), Ok(below)) if !below.as_os_str().is_empty() => Path::new(placed).join(below),
            (Some(placed), _) => placed.into(),
            (None, _) => path.into(),
        }
    }
}

/// Opens one file at or below `named`, or standard input, as if it lay in `place`.
pub fn open(named: &Path, path: &Path, place: Place<'_>, planner: &Planner) -> Result<Input> {
    let (bytes, length, modified_ms): (Box<dyn Read>, _, _) = if path == Path::new(STDIN) {
        (Box::new(std::io::stdin()), 0, 0)
    } else {
        let file = File::open(path)?;
        let about = file.metadata()?;
        let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        (Box::new(file), about.len(), u64::try_from(modified.as_millis()).unwrap_or(u64::MAX))
    };
    let (cluster, placed) = (place.cluster, place.of(named, path));
    let name = placed.as_os_str();
    let text = name.to_string_lossy().into_owned();
    let (app, plan) = planner.plan(cluster, &text);
    let file_id = FileId::of(cluster, name.as_bytes(), length, modified_ms);
    let meta = FileMeta {
        path_bytes: name.to_str().is_none().then(|| name.as_bytes().to_vec()),
        length,
        modified_ms,
        app,
        ..FileMeta::new(file_id, cluster, text, plan)
    };
    Ok(Input { meta, bytes })
}

/// A name as it is shown to people: control characters escaped, so that no name can act on a terminal.
pub fn shown(name: &OsStr) -> String {
    escaped(&name.to_string_lossy())
}
