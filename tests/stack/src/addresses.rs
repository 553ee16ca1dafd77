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
    /// The buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, BucketAddress>,
    /// ClickHouse, if it runs.
    pub clickhouse: Option<ClickHouseAddress>,
    /// A second one, if it runs: each is a shard of the same cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_clickhouse: Option<ClickHouseAddress>,
}

impl Addresses {
    /// The servers as a part of logmill's configuration: `[kafka]`, `[clusters.NAME]`, `[clickhouse]` as admin.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        if !self.kafka.is_empty() {
            let replication = self.kafka.split(',').count();
            line(format!("[kafka]\nbrokers = {:?}\nreplication = {replication}\n", self.kafka));
        }
        for (name, cluster) in &self.hdfs {
            line(format!("[clusters.{name}]\nurl = {:?}\n\n[clusters.{name}.hadoop]", cluster.url));
            cluster.config.iter().for_each(|(key, value)| line(format!("{key:?} = {value:?}")));
            line(String::new());
        }
        for (name, bucket) in &self.buckets {
            line(format!("[clusters.{name}]\nurl = {:?}\n\n[clusters.{name}.store]", bucket.url));
            bucket.config.iter().for_each(|(key, value)| line(format!("{key} = {value:?}")));
            line(String::new());
        }
        if let Some(ClickHouseAddress { url, admin: Login { user, password }, .. }) = &self.clickhouse {
            line(format!("[clickhouse]\nurl = {url:?}\nuser = {user:?}\npassword = {password:?}"));
        }
        text
    }
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

/// One bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketAddress {
    /// `s3://name`.
    pub url: String,
    /// Settings that a client needs: the server's address and the keys.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_configuration() {
        let at = Addresses {
            kafka: "127.1.2.1:9092".into(),
            hdfs: [(
                "a".into(),
                HdfsAddress {
                    url: "hdfs://127.1.2.11:9820".into(),
                    http: "http://127.1.2.11:9870".into(),
                    config: [("dfs.client.socket-timeout".into(), "5000".into())].into(),
                },
            )]
            .into(),
            buckets: [(
                "c".into(),
                BucketAddress { url: "s3://c".into(), config: [("allow_http".into(), "true".into())].into() },
            )]
            .into(),
            clickhouse: Some(ClickHouseAddress {
                url: "http://127.1.2.2:8123".into(),
                admin: Login { user: "admin".into(), password: "secret".into() },
                analyst: Login { user: "analyst".into(), password: "other".into() },
            }),
            second_clickhouse: None,
        };
        let expected = r#"[kafka]
brokers = "127.1.2.1:9092"
replication = 1

[clusters.a]
url = "hdfs://127.1.2.11:9820"

[clusters.a.hadoop]
"dfs.client.socket-timeout" = "5000"

[clusters.c]
url = "s3://c"

[clusters.c.store]
allow_http = "true"

[clickhouse]
url = "http://127.1.2.2:8123"
user = "admin"
password = "secret"
"#;
        assert_eq!(at.to_toml(), expected);
    }
}
