//! Apache Hadoop HDFS: a whole cluster, NameNode and DataNode, in one JVM on a loopback address of its own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use crate::addresses::HdfsAddress;
use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Result};
use crate::java::{self, Archive};
use crate::network;
use crate::server::{Recipe, Server};

const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

/// A file in the cluster's folder: while it exists, no DataNode starts.
pub(crate) const HOLD: &str = "hold";

/// Prepares the cluster `name` at `address` with its data under `folder`; data that is there already is kept.
pub(crate) fn prepare(
    artifacts: &Artifacts,
    archive: &Archive,
    address: Ipv4Addr,
    folder: &Path,
    name: &str,
) -> Result<(Server, HdfsAddress)> {
    let home = folder.join(format!("hdfs-{name}"));
    fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
    let at = |preferred| network::port(address, preferred).map(|port| format!("{address}:{port}"));
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
        ("dfs.datanode.address", at(9866)?),
        ("dfs.datanode.http.address", at(9864)?),
        ("dfs.datanode.ipc.address", at(9867)?),
        ("dfs.datanode.hostname", address.to_string()),
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
    let _ = fs::remove_file(&hold); // of the run before
    let server = Server::new(Recipe {
        name: format!("hdfs-{name}"),
        log: home.join("log"),
        command: Box::new(move || {
            let _ = fs::remove_file(&mark); // of the run before
            let mut java = java::command(&archive);
            java.args(["-Xmx160m", "-Xss512k", "-XX:MaxMetaspaceSize=128m"]);
            java.arg("-cp").arg(&class_path).arg("MiniHdfs").arg(&site).arg(&mark).arg(&hold);
            java
        }),
        ready: Box::new(move || ready_mark.exists()),
        patience: START,
        rest: Duration::ZERO,
    });
    let address =
        HdfsAddress { url: format!("hdfs://{rpc}"), http: format!("http://{http}"), config: client_settings() };
    Ok((server, address))
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
