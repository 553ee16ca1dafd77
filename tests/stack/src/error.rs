//! What can go wrong with the servers, with what a reader needs to act.

use std::path::PathBuf;
use std::time::Duration;

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the stack. Every message names the server, file or program concerned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Programs that the machine lacks; one line each, naming the Debian package.
    #[error("{}", .0.join("\n"))]
    Prerequisites(Vec<String>),
    /// A downloaded file is not the one that was pinned.
    #[error(
        "{file}: sha256 is {found}, pinned is {pinned}: refused; remove it and fetch again, or find out who changed it"
    )]
    Checksum {
        /// Path below the artifacts folder.
        file: String,
        /// The list's sha256, in hex.
        pinned: String,
        /// The file's own sha256, in hex.
        found: String,
    },
    /// A pinned file is not there after the download.
    #[error("{file}: pinned, but not among the downloaded files in {folder}")]
    Missing {
        /// Path below the artifacts folder.
        file: String,
        /// The artifacts folder.
        folder: PathBuf,
    },
    /// A file lies among the artifacts that no line of the list pins; a class path would pick it up.
    #[error("{file}: not pinned by any line of checksums.sha256: refused")]
    NotPinned {
        /// Path below the artifacts folder.
        file: String,
    },
    /// A file operation failed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried, and on which path.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A client program (`mvn`, `npm`, `javac`, a formatter) ended with an error.
    #[error("{program} failed ({status}); its last lines:\n{tail}")]
    Tool {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        tail: String,
    },
    /// A server ended while it was being started or used.
    #[error("{server} ended ({status}); last lines of {log}:\n{tail}")]
    Died {
        /// The server.
        server: String,
        /// Its exit status.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// Something did not happen in time.
    #[error("waited {waited:?} for {what}; last lines of {log}:\n{tail}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// The log of the server concerned.
        log: PathBuf,
        /// The end of that log.
        tail: String,
    },
    /// The program that hosts the ClickHouse engine was not found and could not be built.
    #[error(
        "no logmill-stack program to host the ClickHouse engine: {0}; build it with `cargo build --release -p logmill-stack`, or name it in LOGMILL_STACK_BIN"
    )]
    EngineProgram(String),
    /// A folder is in use by another run.
    #[error("{folder} is in use by a running stack; `logmill-stack down` ends it")]
    InUse {
        /// The instance's folder.
        folder: PathBuf,
    },
    /// The stack at hand has no such server.
    #[error("this stack has no {0}")]
    NoSuchServer(String),
    /// A server answered, but not what was expected.
    #[error("{server}: {answer}")]
    Answer {
        /// The server and the question.
        server: String,
        /// What it said.
        answer: String,
    },
    /// The request cannot be met.
    #[error("{0}")]
    Wanted(String),
}

/// Names what was tried in an I/O error.
pub(crate) trait Doing<T> {
    /// `doing` completes the sentence "cannot …".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { doing: doing(), source })
    }
}
