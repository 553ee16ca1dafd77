//! Files as Hadoop itself compresses them.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::addresses::HdfsAddress;
use crate::artifacts::{Artifacts, Part};
use crate::error::Result;
use crate::java::{self, Archive};
use crate::prerequisites::{self, Program};
use crate::process;

/// bzip2 in Java, on a machine that does other work.
const PATIENCE: Duration = Duration::from_secs(180);

/// Has Hadoop write the local file `text` into `folder` of a cluster, twice by each of its codecs (`GzipCodec` and the like):
/// by many small writes, and by one. Its snappy and lz4 are libraries that Kafka brings.
pub fn write_by_hadoop(hdfs: &HdfsAddress, folder: &str, text: &Path, codecs: &[&str]) -> Result<()> {
    prerequisites::find_here(&[Program::Java, Program::Javac])?;
    let artifacts = Artifacts::ensure(&crate::default_dir().join("artifacts"), &[Part::Hdfs, Part::Kafka])?;
    let mut class_path: OsString = artifacts.class_path(Part::Hdfs);
    class_path.push(":");
    class_path.push(artifacts.class_path(Part::Kafka));
    let mut java = java::command(&Archive::None);
    java.arg("-cp").arg(class_path).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/WriteCodecs.java"));
    java.arg(&hdfs.url).arg(folder).arg(text).args(codecs);
    process::run("java", java, &text.with_extension("log"), PATIENCE)
}
