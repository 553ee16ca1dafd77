//! What was put where: the list by which the independent comparison knows the truth.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a file was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Gzip,
    Zstd,
}

/// How the text was encoded before it was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    Utf8,
    Gbk,
}

/// One file of a cluster and the original it was made from: one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub cluster: String,
    /// Where it lies in the cluster.
    pub path: String,
    /// The plain UTF-8 text, relative to the manifest's folder.
    pub original: String,
    pub codec: Codec,
    pub encoding: Encoding,
    /// Members (gzip) or frames (zstd).
    pub members: usize,
    /// Lines and bytes of the original; bytes as they lie in the cluster.
    pub lines: u64,
    pub bytes: u64,
    pub stored_bytes: u64,
    /// What was done to the packed file, where it was damaged on purpose.
    pub damage: Option<String>,
}

/// Writes the manifest.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, entries: &[Entry]) -> anyhow::Result<()> {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&serde_json::to_string(entry).expect("an entry is plain data"));
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
