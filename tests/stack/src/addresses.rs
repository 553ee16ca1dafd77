//! Where the servers of a stack are, for clients, other processes and people.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Doing, Error, Result};

/// The addresses of a running stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Kafka's bootstrap servers, `host:port,…`; empty without Kafka.
    pub kafka: String,
    /// The HDFS clusters by name.
    pub hdfs: BTreeMap<String, HdfsAddress>,
    /// ClickHouse, if it runs.
    pub clickhouse: Option<ClickHouseAddress>,
}

/// One HDFS cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HdfsAddress {
    /// `hdfs://host:port`.
    pub url: String,
    /// The NameNode's web address, WebHDFS under `/webhdfs/v1`.
    pub http: String,
    /// Settings that a client needs.
    pub config: BTreeMap<String, String>,
}

/// ClickHouse's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickHouseAddress {
    /// `http://host:port`.
    pub url: String,
    /// May do everything.
    pub admin: Login,
    /// May only read.
    pub analyst: Login,
}

/// A user of ClickHouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password, made for this folder of data.
    pub password: String,
}

/// What a running stack writes down, so that others find it and `down` can end it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The process that holds the servers, and the servers.
    pub processes: Vec<Recorded>,
    /// Where they are.
    #[serde(flatten)]
    pub addresses: Addresses,
}

/// A process by id and start time: an id alone is used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// `supervisor`, `kafka-1`, `hdfs-a`, `clickhouse`.
    pub name: String,
    /// The process id.
    pub pid: u32,
    /// Its start, in clock ticks since boot.
    pub started: u64,
}

impl Recorded {
    /// Records a process that runs now.
    pub fn of(name: &str, pid: u32) -> Option<Recorded> {
        Some(Recorded { name: name.to_owned(), pid, started: crate::process::start_time(pid)? })
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        crate::process::start_time(self.pid) == Some(self.started)
    }
}

impl State {
    /// Reads a state file.
    pub fn read(path: &Path) -> Result<State> {
        let text = std::fs::read_to_string(path).doing(|| format!("read the state file {}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| Error::Answer {
            server: path.display().to_string(),
            answer: format!("not a state file: {error}"),
        })
    }

    /// Writes the state file at once, readable by its owner alone (it holds passwords).
    pub fn write(&self, path: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let text = serde_json::to_string_pretty(self).expect("strings and numbers serialize");
        let draft = path.with_extension("draft");
        std::fs::write(&draft, text)
            .and_then(|()| std::fs::set_permissions(&draft, PermissionsExt::from_mode(0o600)))
            .and_then(|()| std::fs::rename(&draft, path))
            .doing(|| format!("write the state file {}", path.display()))
    }
}
