//! The pinned list of artifacts, in the format of `sha256sum`, and the check against it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Doing, Error, Result};

/// The list: one line a file, `sha256  path below the artifacts folder`.
pub const PINNED: &str = include_str!("../assets/checksums.sha256");

/// Path below the artifacts folder → sha256 in hex.
pub fn parse(list: &str) -> BTreeMap<&str, &str> {
    list.lines().filter_map(|line| line.split_once("  ")).map(|(sum, file)| (file, sum)).collect()
}

/// Checks the files of one part (`kafka`, `hdfs`, `engine`, `buckets`, `kdc`, `loggers`, `keeper`): all that are pinned are there, unchanged, and no other.
pub fn verify(list: &str, artifacts: &Path, part: &str) -> Result<()> {
    let prefix = format!("{part}/");
    let mut pinned = parse(list);
    pinned.retain(|file, _| file.starts_with(&prefix));
    let folder = artifacts.join(part);
    for entry in std::fs::read_dir(&folder).doing(|| format!("list {}", folder.display()))? {
        let entry = entry.doing(|| format!("list {}", folder.display()))?;
        let file = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if !pinned.contains_key(file.as_str()) {
            return Err(Error::NotPinned { file });
        }
    }
    for (file, pinned) in pinned {
        let path = artifacts.join(file);
        if !path.is_file() {
            return Err(Error::Missing { file: file.to_owned(), folder: artifacts.to_owned() });
        }
        let found = sha256(&path)?;
        if found != pinned {
            return Err(Error::Checksum { file: file.to_owned(), pinned: pinned.to_owned(), found });
        }
    }
    Ok(())
}

/// The sha256 of a file, in hex.
pub fn sha256(path: &Path) -> Result<String> {
    let doing = || format!("read {}", path.display());
    let mut file = File::open(path).doing(doing)?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer).doing(doing)? {
            0 => break,
            read => sum.update(&buffer[..read]),
        }
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// A folder with one empty file `kafka/a.jar`, checked against `list`.
    fn check(list: &str) -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("kafka")).unwrap();
        std::fs::write(folder.path().join("kafka/a.jar"), "").unwrap();
        verify(list, folder.path(), "kafka")
    }

    #[test]
    fn the_pinned_file_passes() {
        check(&format!("{EMPTY}  kafka/a.jar\n{EMPTY}  hdfs/not-of-this-part.jar\n")).unwrap();
    }

    #[test]
    fn a_changed_file_is_refused_by_name() {
        let refused = check(&format!("{}  kafka/a.jar\n", "0".repeat(64))).unwrap_err().to_string();
        assert!(refused.contains("kafka/a.jar") && refused.contains("refused"), "{refused}");
    }

    #[test]
    fn a_missing_and_an_additional_file_are_refused_by_name() {
        let missing = check(&format!("{EMPTY}  kafka/a.jar\n{EMPTY}  kafka/b.jar\n")).unwrap_err().to_string();
        assert!(missing.contains("kafka/b.jar"), "{missing}");
        let additional = check("").unwrap_err().to_string();
        assert!(additional.contains("kafka/a.jar"), "{additional}");
    }

    #[test]
    fn every_server_is_pinned() {
        let pinned = parse(PINNED);
        let jars = [
            "kafka/kafka_2.13-4.3.1.jar",
            "hdfs/hadoop-hdfs-3.5.0.jar",
            "buckets/s3proxy-4.1.0.jar",
            "kdc/kerb-simplekdc-2.1.1.jar",
        ];
        for file in jars.into_iter().chain(["engine/libchdb.so"]) {
            assert_eq!(pinned[file].len(), 64);
        }
    }
}
