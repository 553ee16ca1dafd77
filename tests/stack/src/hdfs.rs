//! Apache Hadoop HDFS: a whole cluster, NameNode and DataNode, in one JVM on a loopback address of its own; or the DataNode
//! in a JVM of its own, behind a path of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::addresses::HdfsAddress;
use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Result};
use crate::http;
use crate::java::{self, Archive};
use crate::network;
use crate::path;
use crate::server::{Recipe, Server};

const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

/// MiB of a cluster of a few thousand files.
pub(crate) const HEAP: usize = 160;

/// A file in the cluster's folder: while it exists, no DataNode starts.
pub(crate) const HOLD: &str = "hold";

/// A cluster that was prepared.
pub(crate) struct Hdfs {
    /// Both servers in one, or the NameNode.
    pub server: Server,
    pub address: HdfsAddress,
    pub apart: Option<Apart>,
}

/// A DataNode that is a process of its own, and the path to it.
pub(crate) struct Apart {
    pub server: Server,
    pub path: path::Path,
}

/// What the DataNode of the cluster `name` is called, where it is a process of its own.
pub(crate) fn datanode(name: &str) -> String {
    format!("hdfs-{name}-data")
}

/// Prepares the cluster `name` at `address` with its data under `folder`, in a JVM of `heap` MiB; data that is there already is kept. `apart`: the
/// address at which clients find its DataNode, which is a process of its own then.
pub(crate) fn prepare(
    artifacts: &Artifacts,
    archive: &Archive,
    address: Ipv4Addr,
    folder: &Path,
    name: &str,
    heap: usize,
    apart: Option<Ipv4Addr>,
) -> Result<Hdfs> {
    let home = folder.join(format!("hdfs-{name}"));
    fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
    let at = |preferred| network::port(address, preferred).map(|port| format!("{address}:{port}"));
    let data_port = network::port(address, 9866)?;
    let (rpc, http) = (at(9820)?, at(9870)?);
    let folder_url = |folder: &str| format!("file://{}", home.join(folder).display());
    let settings = [
        ("fs.defaultFS", format!("hdfs://{rpc}")),
        ("hadoop.tmp.dir", home.join("tmp").display().to_string()),
        ("hadoop.security.token.service.use_ip", "true".into()),
        ("dfs.replication", "1".into()),
        ("dfs.namenode.name.dir", folder_url("name")),
        ("dfs.datanode.data.dir", folder_url("data")),
        ("dfs.namenode.http-address", http.clone()),
        ("dfs.datanode.address", format!("{address}:{data_port}")),
        ("dfs.datanode.http.address", at(9864)?),
        ("dfs.datanode.ipc.address", at(9867)?),
        ("dfs.datanode.hostname", apart.unwrap_or(address).to_string()),
        ("dfs.namenode.datanode.registration.ip-hostname-check", "false".into()),
        ("dfs.client.use.datanode.hostname", "true".into()),
        ("dfs.permissions.enabled", "false".into()),
        ("dfs.namenode.safemode.extension", "0".into()),
        ("dfs.namenode.fs-limits.min-block-size", "4096".into()),
    ];
    let site = home.join("site.xml");
    write(&site, &site_xml(&settings))?;
    let ready_mark = home.join("ready");
    let (class_path, archive) = (artifacts.class_path(Part::Hdfs), archive.clone());
    let mark = ready_mark.clone();
    let hold = home.join(HOLD);
    match apart {
        Some(_) => write(&hold, "")?,
        None => drop(fs::remove_file(&hold)), // of the run before
    }
    let apart = match apart {
        Some(outside) => {
            let data_address = SocketAddrV4::new(address, data_port);
            let path = path::Path::open(SocketAddrV4::new(outside, data_port), data_address)?;
            let server = prepare_datanode(artifacts, &archive, folder, name, (&site, data_address, &http))?;
            Some(Apart { server, path })
        }
        None => None,
    };
    let server = Server::new(Recipe {
        name: format!("hdfs-{name}"),
        log: home.join("log"),
        command: Box::new(move || {
            let _ = fs::remove_file(&mark); // of the run before
            let mut java = java::command(&archive);
            java.args([&*format!("-Xmx{heap}m"), "-Xss512k", "-XX:MaxMetaspaceSize=128m"]);
            java.arg("-cp").arg(&class_path).arg("MiniHdfs").arg(&site).arg(&mark).arg(&hold);
            java
        }),
        ready: Box::new(move || ready_mark.exists()),
        patience: START,
        rest: Duration::ZERO,
    });
    let address =
        HdfsAddress { url: format!("hdfs://{rpc}"), http: format!("http://{http}"), config: client_settings() };
    Ok(Hdfs { server, address, apart })
}

/// A DataNode of its own: Hadoop's own program. Ready when it listens and its NameNode counts it.
fn prepare_datanode(
    artifacts: &Artifacts,
    archive: &Archive,
    folder: &Path,
    name: &str,
    (site, address, namenode): (&Path, SocketAddrV4, &str),
) -> Result<Server> {
    let name = datanode(name);
    let home = folder.join(&name);
    fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
    let (class_path, archive, site) = (artifacts.class_path(Part::Hdfs), archive.clone(), site.to_owned());
    let counts = format!("http://{namenode}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState");
    Ok(Server::new(Recipe {
        name,
        log: home.join("log"),
        command: Box::new(move || {
            let mut java = java::command(&archive);
            java.args(["-Xmx96m", "-Xss512k", "-XX:MaxMetaspaceSize=128m"]);
            java.arg("-cp").arg(&class_path).arg("org.apache.hadoop.hdfs.server.datanode.DataNode");
            java.arg("-conf").arg(&site);
            java
        }),
        ready: Box::new(move || {
            let counted = http::request("GET", &counts, &[], &[], Duration::from_secs(1));
            TcpStream::connect_timeout(&address.into(), Duration::from_secs(1)).is_ok()
                && counted.is_ok_and(|answer| answer.text().contains("\"NumLiveDataNodes\" : 1,"))
        }),
        patience: START,
        rest: Duration::ZERO,
    }))
}

/// Settings for clients: DataNodes by the address they name, and answers within seconds where the defaults take
/// minutes.
fn client_settings() -> std::collections::BTreeMap<String, String> {
    [
        ("dfs.client.use.datanode.hostname", "true"),
        ("dfs.client.failover.max.attempts", "3"),
        ("dfs.client.failover.sleep.base.millis", "50"),
        ("dfs.client.failover.sleep.max.millis", "200"),
        ("dfs.client.socket-timeout", "5000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn site_xml(settings: &[(&str, String)]) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let properties: String = settings
        .iter()
        .map(|(name, value)| format!("<property><name>{name}</name><value>{}</value></property>\n", escape(value)))
        .collect();
    format!("<configuration>\n{properties}</configuration>\n")
}
