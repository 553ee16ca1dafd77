//! Apache Kafka in KRaft mode. Three brokers are their own controllers. One broker has a controller beside it, because
//! Kafka 4.3.1 loses the ends of transactions when the only replica's broker starts again before its controller has seen
//! it gone: its transaction coordinator loads under the old leadership, the broker registers and leads nothing for a
//! moment, and markers for partitions without a leader are taken for those of deleted topics. What such a transaction
//! held is then neither committed nor aborted, for ever. So [`Server`]s of brokers rest for a session before they start
//! again, and the controller must outlive them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
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

/// After it a controller takes a silent broker for gone.
const SESSION: Duration = Duration::from_secs(4);
/// The node of a controller that is no broker.
const CONTROLLER: usize = 100;
/// Its name.
pub(crate) const CONTROLLER_NAME: &str = "kafka-controller";

/// The name of broker n.
pub(crate) fn broker(node: usize) -> String {
    format!("kafka-{node}")
}

/// The nodes of one Kafka cluster.
pub(crate) struct Kafka {
    /// Those that are no brokers, if any, then brokers in the order of their numbers.
    pub nodes: Vec<Server>,
    /// A broker of before did not end as asked: a controller that starts takes it for alive, for a session.
    pub unclean: bool,
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
    let apart = brokers == 1;
    let mut ports = Vec::new();
    for node in 0..brokers as u16 {
        ports.push((network::port(address, 9092 + node)?, network::port(address, 19092 + node)?));
    }
    let voter = |(index, (_, port)): (usize, &(u16, u16))| {
        format!("{}@{address}:{port}", if apart { CONTROLLER } else { index + 1 })
    };
    let cluster = Cluster {
        artifacts,
        archive,
        folder,
        id: random::kafka_id()?,
        brokers,
        voters: ports.iter().enumerate().map(voter).collect::<Vec<_>>().join(","),
    };
    let data = folder.join(broker(1)).join("data");
    let unclean = apart && data.exists() && !data.join(".kafka_cleanshutdown").exists();
    let mut nodes = Vec::new();
    if apart {
        let place = SocketAddrV4::new(address, ports[0].1);
        let listener = format!("CONTROLLER://{place}");
        let ready = move || TcpStream::connect_timeout(&place.into(), Duration::from_secs(1)).is_ok();
        nodes.push(cluster.node(CONTROLLER_NAME, CONTROLLER, "controller", &listener, Box::new(ready))?);
    }
    for (index, &(port, controller_port)) in ports.iter().enumerate() {
        let node = index + 1;
        let place = SocketAddrV4::new(address, port);
        let controller = format!(",CONTROLLER://{address}:{controller_port}");
        let listeners = format!("PLAINTEXT://{place}{}", if apart { "" } else { &controller });
        let roles = if apart { "broker" } else { "broker,controller" };
        let ready = move || kafka_probe::live_nodes(place).is_some_and(|nodes| nodes.contains(&(node as i32)));
        nodes.push(cluster.node(&broker(node), node, roles, &listeners, Box::new(ready))?);
    }
    let addresses = ports.iter().map(|&(port, _)| SocketAddrV4::new(address, port)).collect();
    Ok(Kafka { nodes, unclean, addresses })
}

/// What the nodes of a cluster have in common.
struct Cluster<'a> {
    artifacts: &'a Artifacts,
    archive: &'a Archive,
    folder: &'a Path,
    id: String,
    brokers: usize,
    voters: String,
}

impl Cluster<'_> {
    fn node(
        &self,
        name: &str,
        node: usize,
        roles: &str,
        listeners: &str,
        ready: Box<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<Server> {
        let home = self.folder.join(name);
        let data = home.join("data");
        if !data.join("meta.properties").exists() {
            format(&data, node, &self.id, &bootstrap_checkpoint(self.artifacts))?;
        }
        let replication = self.brokers.min(3);
        let settings = [
            ("roles", roles.to_owned()),
            ("node", node.to_string()),
            ("voters", self.voters.clone()),
            ("listeners", listeners.to_owned()),
            ("data", data.display().to_string()),
            ("replication", replication.to_string()),
            ("min_isr", replication.div_ceil(2).to_string()),
            ("session", SESSION.as_millis().to_string()),
        ];
        let properties = home.join("server.properties");
        write(&properties, &java::fill(SERVER, &settings))?;
        let log_settings = home.join("log4j2.properties");
        write(&log_settings, LOG)?;
        let heap = match roles {
            "controller" => 96,
            "broker" => 256,
            _ => 384,
        };
        let rest = if roles == "broker" { SESSION } else { Duration::ZERO };
        Ok(Server::new(Recipe {
            name: name.to_owned(),
            log: home.join("log"),
            command: command(self.artifacts, self.archive, heap, &properties, &log_settings),
            ready,
            patience: START,
            rest,
        }))
    }
}

fn command(
    artifacts: &Artifacts,
    archive: &Archive,
    heap: usize,
    properties: &Path,
    log_settings: &Path,
) -> Box<dyn Fn() -> Command + Send + Sync> {
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
        ("roles", "broker,controller".to_owned()),
        ("node", "1".to_owned()),
        ("voters", "1@127.0.0.1:19092".to_owned()),
        ("listeners", "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:19092".to_owned()),
        ("session", SESSION.as_millis().to_string()),
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
