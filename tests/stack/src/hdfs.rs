//! Apache Hadoop HDFS: a whole cluster, NameNode and DataNode, in one JVM on a loopback address of its own; or the DataNode
//! in a JVM of its own, behind a path of its own; or one that knows its users by Kerberos.

use std::collections::BTreeMap;
use std::ffi::OsString;
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
use crate::vault::Realm;

pub(crate) const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

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

/// What is particular about a cluster.
pub(crate) enum Shape<'a> {
    /// Nothing.
    Plain,
    /// Its DataNode is a process of its own, which clients find at this address.
    Apart(Ipv4Addr),
    /// Its users are known by Kerberos, and may do what its permissions let them.
    Secured(&'a Realm),
}

/// What the DataNode of the cluster `name` is called, where it is a process of its own.
pub(crate) fn datanode(name: &str) -> String {
    format!("hdfs-{name}-data")
}

/// Prepares the cluster `name` at `address` with its data under `folder`, in a JVM of `heap` MiB; data that is there already is kept.
pub(crate) fn prepare(
    artifacts: &Artifacts,
    archive: &Archive,
    address: Ipv4Addr,
    folder: &Path,
    name: &str,
    heap: usize,
    shape: &Shape<'_>,
) -> Result<Hdfs> {
    let home = folder.join(format!("hdfs-{name}"));
    fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
    let at = |preferred| network::place(address, preferred);
    let data_port = network::port(address, 9866)?;
    let (rpc, http) = (at(9820)?, at(9870)?);
    let mut settings = common(&home, address, data_port)?;
    settings.extend(
        [
            ("fs.defaultFS", format!("hdfs://{rpc}")),
            ("dfs.namenode.name.dir", folder_url(&home, "name")),
            ("dfs.namenode.http-address", http.clone()),
        ]
        .map(owned),
    );
    if let Shape::Apart(outside) = shape {
        settings.extend([owned(("dfs.datanode.hostname", outside.to_string()))]);
    }
    let mut config = client_settings();
    let mut flags = Vec::new();
    if let Shape::Secured(realm) = shape {
        settings.extend(realm.settings());
        config.extend(realm.client_settings());
        flags.push(realm.flag());
    }
    let site = home.join("site.xml");
    write(&site, &site_xml(&settings))?;
    let (archive, hold) = (archive.clone(), home.join(HOLD));
    match shape {
        Shape::Apart(_) => write(&hold, "")?,
        _ => drop(fs::remove_file(&hold)), // of the run before
    }
    let apart = match *shape {
        Shape::Apart(outside) => {
            let data_address = SocketAddrV4::new(address, data_port);
            let path = path::Path::open(SocketAddrV4::new(outside, data_port), data_address)?;
            let server = prepare_datanode(artifacts, &archive, folder, name, (&site, data_address, &http))?;
            Some(Apart { server, path })
        }
        _ => None,
    };
    let class_path = artifacts.class_path(Part::Hdfs);
    let server = launch(format!("hdfs-{name}"), &home, (class_path, archive, heap, flags), &site);
    let address = HdfsAddress { url: format!("hdfs://{rpc}"), http: format!("http://{http}"), config };
    Ok(Hdfs { server, address, apart })
}

/// A server of our main, with its log and its marks in `home`.
pub(crate) fn launch(
    name: String,
    home: &Path,
    (class_path, archive, heap, flags): (OsString, Archive, usize, Vec<String>),
    site: &Path,
) -> Server {
    let (mark, hold, site) = (home.join("ready"), home.join(HOLD), site.to_owned());
    let ready_mark = mark.clone();
    Server::new(Recipe {
        name,
        log: home.join("log"),
        command: Box::new(move || {
            let _ = fs::remove_file(&mark); // of the run before
            let mut java = java::command(&archive);
            java.args([&*format!("-Xmx{heap}m"), "-Xss512k", "-XX:MaxMetaspaceSize=128m"]).args(&flags);
            java.arg("-cp").arg(&class_path).arg("MiniHdfs").arg(&site).arg(&mark).arg(&hold);
            java
        }),
        ready: Box::new(move || ready_mark.exists()),
        patience: START,
        rest: Duration::ZERO,
    })
}

/// What all clusters share, but the addresses and the folder of the NameNode.
pub(crate) fn common(home: &Path, address: Ipv4Addr, data_port: u16) -> Result<Settings> {
    let at = |preferred| network::place(address, preferred);
    let settings = [
        ("hadoop.tmp.dir", home.join("tmp").display().to_string()),
        ("hadoop.security.token.service.use_ip", "true".into()),
        ("dfs.replication", "1".into()),
        ("dfs.datanode.data.dir", folder_url(home, "data")),
        ("dfs.datanode.address", format!("{address}:{data_port}")),
        ("dfs.datanode.http.address", at(9864)?),
        ("dfs.datanode.ipc.address", at(9867)?),
        ("dfs.datanode.hostname", address.to_string()),
        ("dfs.namenode.datanode.registration.ip-hostname-check", "false".into()),
        ("dfs.client.use.datanode.hostname", "true".into()),
        ("dfs.permissions.enabled", "false".into()),
        ("dfs.namenode.safemode.extension", "0".into()),
        ("dfs.namenode.fs-limits.min-block-size", "4096".into()),
    ];
    Ok(settings.map(owned).into())
}

/// Settings by their names.
pub(crate) type Settings = BTreeMap<String, String>;

pub(crate) fn owned((name, value): (&str, String)) -> (String, String) {
    (name.to_owned(), value)
}

pub(crate) fn folder_url(home: &Path, folder: &str) -> String {
    format!("file://{}", home.join(folder).display())
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
pub(crate) fn client_settings() -> Settings {
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

pub(crate) fn site_xml(settings: &Settings) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let properties: String = settings
        .iter()
        .map(|(name, value)| format!("<property><name>{name}</name><value>{}</value></property>\n", escape(value)))
        .collect();
    format!("<configuration>\n{properties}</configuration>\n")
}
