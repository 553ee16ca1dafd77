//! ZooKeeper, by which the engines of a stack keep replicated tables.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Result};
use crate::java::{self, Archive};
use crate::network;
use crate::server::{Recipe, Server};

const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

/// Its name.
pub(crate) const NAME: &str = "keeper";

/// Prepares one at `address` with its data under `folder`; data that is there already is kept.
pub(crate) fn prepare(artifacts: &Artifacts, address: Ipv4Addr, folder: &Path) -> Result<(Server, SocketAddrV4)> {
    let home = folder.join(NAME);
    let data = home.join("data");
    fs::create_dir_all(&data).doing(|| format!("create {}", data.display()))?;
    let place = SocketAddrV4::new(address, network::port(address, 2181)?);
    let config = home.join("server.properties");
    let settings = [
        ("tickTime", "500".to_owned()),
        ("dataDir", data.display().to_string()),
        ("clientPortAddress", address.to_string()),
        ("clientPort", place.port().to_string()),
        ("admin.enableServer", "false".to_owned()),
        ("4lw.commands.whitelist", "srvr".to_owned()),
    ];
    let lines: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    write(&config, &lines.concat())?;
    let class_path = artifacts.class_path(Part::Keeper);
    let server = Server::new(Recipe {
        name: NAME.to_owned(),
        log: home.join("log"),
        command: Box::new(move || {
            let mut java = java::command(&Archive::None);
            java.args(["-Xmx96m", "-Xss512k", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]);
            java.arg("-cp").arg(&class_path).arg("org.apache.zookeeper.server.ZooKeeperServerMain").arg(&config);
            java
        }),
        ready: Box::new(move || serves(place).unwrap_or(false)),
        patience: START,
        rest: Duration::ZERO,
    });
    Ok((server, place))
}

/// Whether it takes requests: it listens, and says that it is well, before it does.
fn serves(place: SocketAddrV4) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&place.into(), Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"srvr")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("Zookeeper version"))
}
