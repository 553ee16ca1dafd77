//! The pinned programs: downloaded by `mvn` and `npm`, checked against the list, shared by every run of a checkout.
//!
//! **Invariant:** a folder `kafka`, `hdfs`, `engine`, `buckets`, `kdc`, `loggers` or `keeper` below the artifacts folder has been checked against the list
//! that its `.verified` stamp names; a download lies under `incoming` until then.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::checksums;
use crate::error::{Doing, Error, Result};
use crate::prerequisites::{self, Program};
use crate::{kafka, process};

const KAFKA_POM: &str = include_str!("../assets/kafka-pom.xml");
const HDFS_POM: &str = include_str!("../assets/hdfs-pom.xml");
const BUCKETS_POM: &str = include_str!("../assets/buckets-pom.xml");
const KDC_POM: &str = include_str!("../assets/kdc-pom.xml");
const LOGGERS_POM: &str = include_str!("../assets/loggers-pom.xml");
const KEEPER_POM: &str = include_str!("../assets/keeper-pom.xml");
const HDFS_MAIN: &str = include_str!("../assets/MiniHdfs.java");
const HDFS_LOG: &str = include_str!("../assets/hdfs-log4j.properties");
const ENGINE_PACKAGE: &str = include_str!("../assets/engine-package.json");
const ENGINE_LOCK: &str = include_str!("../assets/engine-package-lock.json");

/// A download may be slow.
const DOWNLOAD: Duration = Duration::from_secs(900);

/// A group of files that is fetched and checked as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Kafka's jars.
    Kafka,
    /// Hadoop's jars, and the Java main that hosts them.
    Hdfs,
    /// libchdb.so.
    Engine,
    /// S3Proxy's jars.
    Buckets,
    /// Kerby's jars.
    Kdc,
    /// Logback's jars, and Spring Boot's, for programs that write logs.
    Loggers,
    /// ZooKeeper's jars.
    Keeper,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 7] =
        [Part::Kafka, Part::Hdfs, Part::Engine, Part::Buckets, Part::Kdc, Part::Loggers, Part::Keeper];

    /// Its folder.
    pub fn name(self) -> &'static str {
        match self {
            Part::Kafka => "kafka",
            Part::Hdfs => "hdfs",
            Part::Engine => "engine",
            Part::Buckets => "buckets",
            Part::Kdc => "kdc",
            Part::Loggers => "loggers",
            Part::Keeper => "keeper",
        }
    }

    /// What the part is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Part::Kafka => "Apache Kafka 4.3.1",
            Part::Hdfs => "Apache Hadoop HDFS 3.5.0",
            Part::Engine => "ClickHouse engine 26.7.3-stable.1",
            Part::Buckets => "S3Proxy 4.1.0",
            Part::Kdc => "Apache Kerby 2.1.1",
            Part::Loggers => "logback 1.5.38 and Spring Boot 4.1.2",
            Part::Keeper => "Apache ZooKeeper 3.9.5",
        }
    }

    fn client(self) -> &'static [Program] {
        match self {
            Part::Kafka | Part::Buckets | Part::Loggers | Part::Keeper => &[Program::Mvn, Program::Java],
            Part::Kdc => &[Program::Mvn, Program::Java, Program::Javac],
            Part::Hdfs => &[Program::Mvn, Program::Java, Program::Javac, Program::Jar],
            Part::Engine => &[Program::Npm],
        }
    }
}

/// The artifacts of some parts, present and checked.
#[derive(Clone, Debug)]
pub struct Artifacts {
    folder: PathBuf,
}

impl Artifacts {
    /// Makes sure that `parts` are in `folder`, and downloads those that are not. One process does it, others wait.
    pub fn ensure(folder: &Path, parts: &[Part]) -> Result<Artifacts> {
        fs::create_dir_all(folder).doing(|| format!("create {}", folder.display()))?;
        let folder = folder.canonicalize().doing(|| format!("resolve {}", folder.display()))?;
        let artifacts = Artifacts { folder };
        if !parts.iter().all(|&part| artifacts.is_verified(part)) {
            let _lock = artifacts.lock()?;
            let absent: Vec<Part> = parts.iter().copied().filter(|&part| !artifacts.is_verified(part)).collect();
            let mut programs: Vec<Program> = Vec::new();
            for &program in absent.iter().flat_map(|part| part.client()) {
                if !programs.contains(&program) {
                    programs.push(program);
                }
            }
            prerequisites::find_here(&programs)?;
            for part in absent {
                eprintln!("fetching {} (once)", part.title());
                artifacts.fetch(part)?;
            }
        }
        if parts.iter().any(|&part| part != Part::Engine) {
            prerequisites::find_here(&[Program::Java])?;
        }
        Ok(artifacts)
    }

    /// Checks every file of `parts` again; a file that fails is refused by name.
    pub fn verify(&self, parts: &[Part]) -> Result<()> {
        parts.iter().try_for_each(|part| checksums::verify(checksums::PINNED, &self.folder, part.name()))
    }

    /// Makes the class data archive of a part's JVM, unless there is one.
    pub fn train(&self, part: Part) -> Result<()> {
        crate::archive::ensure(self, part)
    }

    /// The folder of all artifacts.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The engine's library.
    pub fn engine(&self) -> PathBuf {
        self.folder.join("engine/libchdb.so")
    }

    /// The jars of a part in a fixed order (a class data archive asks for one), our own main's jar last.
    pub fn class_path(&self, part: Part) -> OsString {
        let prefix = format!("{}/", part.name());
        let pinned = checksums::parse(checksums::PINNED).into_keys().filter(|file| file.starts_with(&prefix));
        let mut paths: Vec<PathBuf> = pinned.map(|file| self.folder.join(file)).collect();
        if part == Part::Hdfs {
            paths.push(self.hdfs_main());
        }
        std::env::join_paths(paths).expect("no colon in the artifacts folder: checked when it was filled")
    }

    /// An exclusive lock on the folder, released by dropping it or by the end of the process.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.folder.join("lock");
        let file = File::create(&path).doing(|| format!("create {}", path.display()))?;
        file.lock().doing(|| format!("lock {}", path.display()))?;
        Ok(file)
    }

    fn hdfs_main(&self) -> PathBuf {
        self.folder.join("mini-hdfs.jar")
    }

    fn stamp(&self, part: Part) -> PathBuf {
        self.folder.join(format!("{}.verified", part.name()))
    }

    /// What the stamp of a part must say: everything that shapes its folder.
    fn pinned(part: Part) -> String {
        let prefix = format!("  {}/", part.name());
        let mut pinned: String =
            checksums::PINNED.lines().filter(|line| line.contains(&prefix)).flat_map(|line| [line, "\n"]).collect();
        if part == Part::Hdfs {
            pinned.push_str(HDFS_MAIN);
            pinned.push_str(HDFS_LOG);
        }
        pinned
    }

    fn is_verified(&self, part: Part) -> bool {
        fs::read_to_string(self.stamp(part)).is_ok_and(|stamp| stamp == Artifacts::pinned(part))
            && self.folder.join(part.name()).is_dir()
    }

    fn fetch(&self, part: Part) -> Result<()> {
        if self.folder.to_string_lossy().contains(':') {
            return Err(Error::Wanted(format!("{}: Java takes no class path with a colon", self.folder.display())));
        }
        let incoming = self.folder.join("incoming");
        let work = incoming.join(format!("{}-work", part.name()));
        let target = incoming.join(part.name());
        for folder in [&work, &target] {
            remove_folder(folder)?;
            fs::create_dir_all(folder).doing(|| format!("create {}", folder.display()))?;
        }
        match part {
            Part::Kafka => maven(KAFKA_POM, &work, &target)?,
            Part::Hdfs => maven(HDFS_POM, &work, &target)?,
            Part::Buckets => maven(BUCKETS_POM, &work, &target)?,
            Part::Kdc => maven(KDC_POM, &work, &target)?,
            Part::Loggers => maven(LOGGERS_POM, &work, &target)?,
            Part::Keeper => maven(KEEPER_POM, &work, &target)?,
            Part::Engine => npm(&work, &target)?,
        }
        checksums::verify(checksums::PINNED, &incoming, part.name())?;
        let place = self.folder.join(part.name());
        remove_folder(&place)?;
        fs::rename(&target, &place).doing(|| format!("move {} to {}", target.display(), place.display()))?;
        match part {
            Part::Kafka => kafka::make_bootstrap_checkpoint(self)?,
            Part::Hdfs => self.compile_hdfs_main(&work)?,
            Part::Engine | Part::Buckets | Part::Kdc | Part::Loggers | Part::Keeper => {}
        }
        write(&self.stamp(part), &Artifacts::pinned(part))?;
        remove_folder(&incoming)
    }

    /// A jar of our main, its log settings and the folders that Hadoop's web servers want to find on the class path.
    fn compile_hdfs_main(&self, work: &Path) -> Result<()> {
        let source = work.join("MiniHdfs.java");
        let classes = work.join("classes");
        write(&source, HDFS_MAIN)?;
        for folder in ["webapps/hdfs", "webapps/datanode"] {
            let folder = classes.join(folder);
            fs::create_dir_all(&folder).doing(|| format!("create {}", folder.display()))?;
        }
        write(&classes.join("log4j.properties"), HDFS_LOG)?;
        let mut javac = Command::new("javac");
        javac.arg("-nowarn").arg("-proc:none").arg("-d").arg(&classes);
        javac.arg("-cp").arg(self.class_path(Part::Hdfs)).arg(&source);
        process::run("javac", javac, &work.join("javac.log"), DOWNLOAD)?;
        let mut jar = Command::new("jar");
        jar.arg("--create").arg("--file").arg(self.hdfs_main()).arg("-C").arg(&classes).arg(".");
        process::run("jar", jar, &work.join("jar.log"), DOWNLOAD)
    }
}

fn maven(pom: &str, work: &Path, target: &Path) -> Result<()> {
    write(&work.join("pom.xml"), pom)?;
    let mut mvn = Command::new("mvn");
    mvn.current_dir(work).args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]);
    mvn.arg({
        let mut output = OsString::from("-DoutputDirectory=");
        output.push(target);
        output
    });
    process::run("mvn", mvn, &work.join("mvn.log"), DOWNLOAD)
}

fn npm(work: &Path, target: &Path) -> Result<()> {
    write(&work.join("package.json"), ENGINE_PACKAGE)?;
    write(&work.join("package-lock.json"), ENGINE_LOCK)?;
    let mut npm = Command::new("npm");
    npm.current_dir(work).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    process::run("npm", npm, &work.join("npm.log"), DOWNLOAD)?;
    let library = work.join("node_modules/@chdb/lib-linux-x64-gnu/libchdb.so");
    fs::rename(&library, target.join("libchdb.so")).doing(|| format!("take {}", library.display()))
}

pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).doing(|| format!("write {}", path.display()))
}

pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
