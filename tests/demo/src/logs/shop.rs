//! Logs of an application that nobody runs, for the analyses: generated, and put beside the real ones.

use crate::logs::generate::Logs;
use crate::logs::manifest::{self, Codec, Encoding, Entry};
use crate::logs::pack::{gzip, packed_file};
use anyhow::Context;
use logmill_config::{Analysis, App, Config, Rule};
use logmill_generated::{Line, Wish, generate};
use std::path::Path;

/// The application, and the folder of its files below that of all.
pub const APP: &str = "shop";

/// What the configuration says of the files below `files`: whose they are, that their lines are JSON, and that their fields mean
/// what they are called.
pub fn configure(config: &mut Config, files: &str) {
    let path = format!("{files}/{APP}/**");
    config.apps.push(App { path: path.clone(), app: APP.into() });
    config.rules.push(Rule { path: Some(path), patterns: Some(vec!["json".into()]), ..Rule::default() });
    config.analyses.insert(APP.into(), Analysis::default());
}

/// Packs generated files, dealt out over the clusters, beside the other files of `logs`, and writes them into its manifest. What
/// stands in their lines.
///
/// # Errors
/// A file cannot be written.
pub fn add(logs: &mut Logs, files: &str, clusters: &[String], wish: Wish) -> anyhow::Result<Vec<Line>> {
    let folder = logs.manifest.parent().context("the folder of the manifest")?.to_owned();
    let mut lines = Vec::new();
    for (n, file) in generate(wish).into_iter().enumerate() {
        let text: String = file.lines.iter().map(|line| line.json() + "\n").collect();
        let packed = gzip(&[text.as_bytes()])?;
        let cluster = clusters[n % clusters.len()].clone();
        let (original, path) = (format!("{APP}/{}", file.name), format!("{files}/{APP}/{}.gz", file.name));
        put(&folder.join(&original), text.as_bytes())?;
        put(&packed_file(&folder, &cluster, &path), &packed)?;
        logs.entries.push(Entry {
            cluster,
            path,
            original,
            codec: Codec::Gzip,
            encoding: Encoding::Utf8,
            members: 1,
            lines: file.lines.len() as u64,
            bytes: text.len() as u64,
            stored_bytes: packed.len() as u64,
            damage: None,
        });
        lines.extend(file.lines);
    }
    manifest::write(&logs.manifest, &logs.entries)?;
    Ok(lines)
}

fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
