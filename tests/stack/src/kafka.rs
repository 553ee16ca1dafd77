//! Apache Kafka in KRaft mode: combined nodes, broker and controller in one JVM each.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Error, Result};
use crate::java::{self, Archive};
use crate::kafka_probe;
use crate::network;
use crate::process;
use crate::random;
use crate::server::{Recipe, Server};

const SERVER: &str = include_str!("../assets/kafka-server.properties");
const LOG: &str = include_str!("../assets/kafka-log4j2.properties");
const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

/// The nodes of one Kafka cluster.
pub(crate) struct Kafka {
    /// Node n at index n - 1.
    pub nodes: Vec<Server>,
    /// The brokers' addresses in the same order.
    pub addresses: Vec<SocketAddrV4>,
}

impl Kafka {
    /// `host:port,…`, as clients take it.
    pub fn bootstrap(&self) -> String {
        self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// Waits until every node knows every other.
    pub fn await_complete(&self) -> Result<()> {
        let start = Instant::now();
        let all = self.addresses.len();
        let complete =
            |&address: &SocketAddrV4| kafka_probe::live_nodes(address).is_some_and(|nodes| nodes.len() == all);
        while !self.addresses.iter().all(complete) {
            if start.elapsed() > START {
                return Err(Error::Answer {
                    server: "kafka".into(),
                    answer: format!("after {START:?} not every broker knows the {} others", all - 1),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Prepares `brokers` nodes at `address` with their data under `folder`; data that is there already is kept.
pub(crate) fn prepare(
    artifacts: &Artifacts,
    archive: &Archive,
    address: Ipv4Addr,
    folder: &Path,
    brokers: usize,
) -> Result<Kafka> {
    let mut ports = Vec::new();
    for node in 0..brokers as u16 {
        ports.push((network::port(address, 9092 + node)?, network::port(address, 19092 + node)?));
    }
    let voters: Vec<String> =
        ports.iter().enumerate().map(|(index, (_, port))| format!("{}@{address}:{port}", index + 1)).collect();
    let bootstrap = bootstrap_checkpoint(artifacts);
    let cluster = random::kafka_id()?;
    let mut nodes = Vec::new();
    for (index, &(port, controller_port)) in ports.iter().enumerate() {
        let node = index + 1;
        let home = folder.join(format!("kafka-{node}"));
        let data = home.join("data");
        if !data.join("meta.properties").exists() {
            format(&data, node, &cluster, &bootstrap)?;
        }
        let replication = brokers.min(3);
        let settings = [
            ("node", node.to_string()),
            ("voters", voters.join(",")),
            ("address", address.to_string()),
            ("port", port.to_string()),
            ("controller_port", controller_port.to_string()),
            ("data", data.display().to_string()),
            ("replication", replication.to_string()),
            ("min_isr", replication.div_ceil(2).to_string()),
        ];
        let properties = home.join("server.properties");
        write(&properties, &java::fill(SERVER, &settings))?;
        let log_settings = home.join("log4j2.properties");
        write(&log_settings, LOG)?;
        let place = SocketAddrV4::new(address, port);
        nodes.push(Server::new(Recipe {
            name: format!("kafka-{node}"),
            log: home.join("log"),
            command: command(artifacts, archive, brokers, &properties, &log_settings),
            ready: Box::new(move || kafka_probe::live_nodes(place).is_some_and(|nodes| nodes.contains(&(node as i32)))),
            patience: START,
        }));
    }
    let addresses = ports.iter().map(|&(port, _)| SocketAddrV4::new(address, port)).collect();
    Ok(Kafka { nodes, addresses })
}

fn command(
    artifacts: &Artifacts,
    archive: &Archive,
    brokers: usize,
    properties: &Path,
    log_settings: &Path,
) -> Box<dyn Fn() -> Command + Send + Sync> {
    let heap = if brokers == 1 { 256 } else { 384 };
    let (class_path, archive) = (artifacts.class_path(Part::Kafka), archive.clone());
    let (properties, log_settings) = (properties.to_owned(), log_settings.display().to_string());
    Box::new(move || {
        let mut java = java::command(&archive);
        java.args([format!("-Xms{heap}m"), format!("-Xmx{heap}m")]);
        java.arg(format!("-Dlog4j2.configurationFile={log_settings}"));
        java.arg("-cp").arg(&class_path).arg("kafka.Kafka").arg(&properties);
        java
    })
}

/// What `kafka-storage format` leaves in a log folder: this node's ids, and the first records of the metadata log.
fn format(data: &Path, node: usize, cluster: &str, bootstrap: &Path) -> Result<()> {
    fs::create_dir_all(data).doing(|| format!("create {}", data.display()))?;
    let target = data.join("bootstrap.checkpoint");
    fs::copy(bootstrap, &target).doing(|| format!("write {}", target.display()))?;
    let ids = format!("version=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={}\n", random::kafka_id()?);
    write(&data.join("meta.properties"), &ids)
}

/// The metadata log's first records, the same for every new cluster; see [`make_bootstrap_checkpoint`].
pub(crate) fn bootstrap_checkpoint(artifacts: &Artifacts) -> PathBuf {
    artifacts.folder().join("kafka-4.3.1-bootstrap.checkpoint")
}

/// Has Kafka's own tool write the first records of a metadata log, once: formatting anew takes a JVM a second.
pub(crate) fn make_bootstrap_checkpoint(artifacts: &Artifacts) -> Result<()> {
    let place = bootstrap_checkpoint(artifacts);
    let work = artifacts.folder().join("kafka-format");
    crate::artifacts::remove_folder(&work)?;
    fs::create_dir_all(&work).doing(|| format!("create {}", work.display()))?;
    let data = work.join("data");
    let settings = [
        ("node", "1".to_owned()),
        ("voters", "1@127.0.0.1:19092".to_owned()),
        ("address", "127.0.0.1".to_owned()),
        ("port", "9092".to_owned()),
        ("controller_port", "19092".to_owned()),
        ("data", data.display().to_string()),
        ("replication", "1".to_owned()),
        ("min_isr", "1".to_owned()),
    ];
    let properties = work.join("server.properties");
    write(&properties, &java::fill(SERVER, &settings))?;
    let mut tool = java::command(&Archive::None);
    tool.arg("-cp").arg(artifacts.class_path(Part::Kafka)).args(["kafka.tools.StorageTool", "format", "-t"]);
    tool.arg(random::kafka_id()?).arg("-c").arg(&properties);
    process::run("kafka-storage format", tool, &work.join("log"), START)?;
    let made = data.join("bootstrap.checkpoint");
    fs::rename(&made, &place).doing(|| format!("take {}", made.display()))?;
    crate::artifacts::remove_folder(&work)
}
