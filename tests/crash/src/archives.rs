//! Archives, and files damaged in the middle, among the files of a run: members are files of their own, and of what is damaged
//! all is loaded that decodes.

use anyhow::{Context, ensure};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_e2e::Fixture;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What lies in an archive, or is a file itself.
#[derive(Deserialize)]
struct Entry {
    cluster: String,
    path: String,
    lines: u64,
}

/// The archives that were put into the clusters.
pub(crate) struct Archives {
    /// Lists the logs of the fixture, and what is in the archives.
    pub(crate) manifest: PathBuf,
    /// Cluster and path of each.
    pub(crate) files: BTreeSet<(String, String)>,
    /// How many files the chain makes of them: themselves, archives in archives, and members.
    pub(crate) loads: u64,
    pub(crate) lines: u64,
}

impl Archives {
    /// Packs them of the fixture's logs, and puts them into the clusters.
    ///
    /// # Errors
    /// Python does not run, or a cluster refuses a file.
    pub(crate) fn put(fixture: &Fixture) -> anyhow::Result<Self> {
        let folder = fixture.logs.manifest.parent().context("the manifest lies in a folder")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/archives.py");
        let packed = Command::new("python3").arg("-B").arg(script).arg(folder).output().context("starting python3")?;
        ensure!(packed.status.success(), "packing archives: {}", String::from_utf8_lossy(&packed.stderr));
        let listed = String::from_utf8(packed.stdout).context("entries of archives")?;
        let manifest = folder.join("with-archives.jsonl");
        let logs = std::fs::read_to_string(&fixture.logs.manifest).context("reading the manifest")?;
        std::fs::write(&manifest, logs + &listed).with_context(|| format!("writing {}", manifest.display()))?;

        let entries: Vec<Entry> = listed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let (mut files, mut paths) = (BTreeSet::new(), BTreeSet::new());
        for Entry { cluster, path, .. } in &entries {
            let inner = path.match_indices("!/").map(|(at, _)| &path[..at]);
            let file = inner.clone().next().unwrap_or(path.as_str());
            files.insert((cluster.clone(), file.to_owned()));
            paths.extend(inner.chain([path.as_str()]));
        }
        let (loads, lines) = (paths.len() as u64, entries.iter().map(|entry| entry.lines).sum());
        let put = |(cluster, path): &(String, String)| {
            let name = path.rsplit('/').next().expect("a split has a last part");
            Put { local: folder.join("archives").join(name), cluster: cluster.clone(), path: path.clone() }
        };
        let puts = files.iter().map(put).collect();
        fixture.runtime.block_on(async { upload(&clients(&fixture.stack)?, puts).await })?;
        Ok(Self { manifest, files, loads, lines })
    }
}
