//! The mount table of ViewFS, as the client of HDFS reads it.

use crate::properties::Properties;

/// Where the folders of a view lie.
pub struct Mounts<'a> {
    /// Folders of the view that are folders of clusters.
    points: Vec<&'a str>,
    /// Each key, without the table's, and the folder of a cluster.
    pub targets: Vec<(&'a str, &'a str)>,
    /// Whether paths below no mount point lie anywhere.
    pub has_fallback: bool,
    /// Keys of links of other kinds, which the client passes over.
    pub unread: Vec<&'a str>,
}

impl<'a> Mounts<'a> {
    /// What `hadoop` says of the mount table of that name.
    pub fn of(table: &str, hadoop: &'a Properties) -> Self {
        let mut mounts = Self { points: Vec::new(), targets: Vec::new(), has_fallback: false, unread: Vec::new() };
        let prefix = format!("fs.viewfs.mounttable.{table}.");
        for (key, target) in &hadoop.0 {
            let Some(key) = key.strip_prefix(&prefix).filter(|key| key.starts_with("link")) else { continue };
            let point = key.strip_prefix("link.");
            if point.is_none() && key != "linkFallback" {
                mounts.unread.push(key);
                continue;
            }
            mounts.targets.push((key, target));
            mounts.has_fallback |= point.is_none();
            mounts.points.extend(point.map(|point| point.trim_end_matches('/')));
        }
        mounts
    }

    /// The mount point that a path lies below, or is; "/" where that is the fallback.
    pub fn around(&self, path: &str) -> &'a str {
        let holds =
            |point: &&&str| path.strip_prefix(**point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.points.iter().filter(holds).max_by_key(|point| point.len()).copied().unwrap_or("/")
    }

    /// A mount point that lies below a folder, in whose name a part with `%` stands for any.
    pub fn below(&self, folder: &str) -> Option<&'a str> {
        let parts =
            |path: &'_ str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let folder = parts(folder);
        let lies_in = |point: &&&str| {
            let point = parts(point);
            point.len() > folder.len()
                && folder.iter().zip(&point).all(|(one, other)| one == other || one.contains('%'))
        };
        self.points.iter().find(lies_in).copied()
    }
}
