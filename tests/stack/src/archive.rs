//! Class data archives (AppCDS) of the servers: made once a machine by a training run, they halve a JVM's start.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use crate::artifacts::{Artifacts, Part, remove_folder};
use crate::error::{Doing, Result};
use crate::java::Archive;
use crate::network::Network;
use crate::prerequisites::{self, Program};
use crate::{buckets, hdfs, kafka};

/// The JVM writes the archive after SIGTERM.
const WRITE: Duration = Duration::from_secs(60);

/// The archive of a part, if one was made for this machine's Java.
pub(crate) fn of(artifacts: &Artifacts, part: Part) -> Archive {
    match path(artifacts, part) {
        Ok(path) if path.exists() => Archive::Use(path),
        _ => Archive::None,
    }
}

/// Makes the archive of a part unless there is one. Servers run without it too, so that a training run which leaves
/// none is told of and is no error.
pub(crate) fn ensure(artifacts: &Artifacts, part: Part) -> Result<()> {
    // A KDC's start is short, and its main is compiled at it; so are the programs that write logs. One test has a keeper.
    if matches!(part, Part::Engine | Part::Kdc | Part::Loggers | Part::Keeper) || path(artifacts, part)?.exists() {
        return Ok(());
    }
    let _lock = artifacts.lock()?;
    let place = path(artifacts, part)?;
    if place.exists() {
        return Ok(());
    }
    prerequisites::check_java(&prerequisites::find_here(&[Program::Java])?[0])?;
    eprintln!("training {}'s class data archive (once)", part.title());
    let draft = place.with_extension("draft");
    let folder = artifacts.folder().join("training");
    remove_folder(&folder)?;
    let trained = train(artifacts, part, &draft, &folder);
    remove_folder(&folder)?;
    trained?;
    if draft.exists() {
        fs::rename(&draft, &place).doing(|| format!("take {}", draft.display()))
    } else {
        eprintln!("no archive was written; starts take a second longer");
        Ok(())
    }
}

fn train(artifacts: &Artifacts, part: Part, draft: &PathBuf, folder: &PathBuf) -> Result<()> {
    let _ = fs::remove_file(draft);
    fs::create_dir_all(folder).doing(|| format!("create {}", folder.display()))?;
    let network = Network::reserve()?;
    let archive = Archive::Make(draft.clone());
    let server = match part {
        Part::Kafka => {
            let mut kafka = kafka::prepare(artifacts, &archive, network.address(1), folder, 1)?;
            kafka.nodes.remove(0)
        }
        Part::Buckets => buckets::prepare(artifacts, &archive, network.address(3), folder, &[])?.0,
        _ => {
            hdfs::prepare(
                artifacts,
                &archive,
                network.address(11),
                folder,
                "training",
                hdfs::HEAP,
                &hdfs::Shape::Plain,
            )?
            .server
        }
    };
    server.start()?;
    server.stop(WRITE);
    Ok(())
}

/// An archive fits one Java and one class path.
fn path(artifacts: &Artifacts, part: Part) -> Result<PathBuf> {
    let java = prerequisites::find_here(&[Program::Java])?.remove(0);
    let java = java.canonicalize().doing(|| format!("resolve {}", java.display()))?;
    let of_runtime =
        java.metadata().and_then(|meta| meta.modified()).doing(|| format!("look at {}", java.display()))?;
    let class_path: OsString = artifacts.class_path(part);
    let mut hasher = DefaultHasher::new();
    (&java, of_runtime, class_path).hash(&mut hasher);
    Ok(artifacts.folder().join(format!("{}-{:016x}.jsa", part.name(), hasher.finish())))
}
