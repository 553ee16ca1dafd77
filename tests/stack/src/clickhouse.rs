//! ClickHouse's HTTP server out of libchdb.so, hosted by `logmill-stack engine` ([`crate::engine`]).

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use crate::addresses::{ClickHouseAddress, Login};
use crate::artifacts::{Artifacts, write};
use crate::engine::{self, Engine};
use crate::error::{Doing, Result};
use crate::{http, java, network, random};

use crate::server::{Recipe, Server};

const CONFIG: &str = include_str!("../assets/clickhouse-config.xml");
const USERS: &str = include_str!("../assets/clickhouse-users.xml");
const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

/// INSERTs and merges of large blocks get the memory of those before, as docs/operations.md advises for a server: by default
/// the engine gives it back, and the kernel clears every page of it again.
const ALLOCATOR: &str = "oversize_threshold:0,dirty_decay_ms:60000,muzzy_decay_ms:60000";

/// The name of the cluster that two engines are together.
pub const CLUSTER: &str = "logmill";

/// The name of the engine at this index.
pub(crate) fn name(index: usize) -> String {
    if index == 0 { "clickhouse".to_owned() } else { format!("clickhouse-{}", index + 1) }
}

/// Prepares an engine at each address with its data under `folder`; data that is there already is kept. Several know each other
/// as the shards of [`CLUSTER`], in this order, and the first one as the only shard of `logmill_first`. `keeper`: the address of the ZooKeeper that they use.
pub(crate) fn prepare(
    artifacts: &Artifacts,
    addresses: &[Ipv4Addr],
    folder: &Path,
    keeper: Option<SocketAddrV4>,
) -> Result<Vec<(Server, ClickHouseAddress)>> {
    let login = |user: &str| random::password().map(|password| Login { user: user.into(), password });
    let (admin, analyst) = (login("admin")?, login("analyst")?);
    let native = addresses.len() > 1;
    let ports = |address: &Ipv4Addr| Ok((network::port(*address, 8123)?, network::port(*address, 9000)?));
    let ports: Vec<(u16, u16)> = addresses.iter().map(ports).collect::<Result<_>>()?;
    let shards: Vec<String> = addresses
        .iter()
        .zip(&ports)
        .map(|(address, (_, port))| {
            let Login { user, password } = &admin;
            format!(
                "<shard><replica><host>{address}</host><port>{port}</port><user>{user}</user><password>{password}</password>\
                 </replica></shard>"
            )
        })
        .collect();
    let mut engines = Vec::new();
    for (index, (&address, (port, tcp))) in addresses.iter().zip(ports).enumerate() {
        let home = folder.join(name(index));
        fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
        let url = format!("http://{address}:{port}");
        let place = ClickHouseAddress { url: url.clone(), admin: admin.clone(), analyst: analyst.clone() };
        let mut cluster = String::new();
        if native {
            let _ = write!(
                cluster,
                "<tcp_port>{tcp}</tcp_port><remote_servers><{CLUSTER}>{}</{CLUSTER}>\
                 <{CLUSTER}_first>{}</{CLUSTER}_first></remote_servers>",
                shards.concat(),
                shards[0]
            );
        }
        if let Some(keeper) = keeper {
            let _ = write!(
                cluster,
                "<zookeeper><node><host>{}</host><port>{}</port></node></zookeeper>\
                 <macros><shard>{}</shard><replica>a</replica></macros>",
                keeper.ip(),
                keeper.port(),
                index + 1
            );
        }
        let users = home.join("users.xml");
        let passwords = [
            ("admin_password", admin.password.clone()),
            ("analyst_password", analyst.password.clone()),
            ("hold", if native { "3" } else { "2" }.to_owned()),
        ];
        write(&users, &java::fill(USERS, &passwords))?;
        let config = home.join("config.xml");
        let settings = [
            ("users", users.display().to_string()),
            ("address", address.to_string()),
            ("port", port.to_string()),
            ("cluster", cluster),
        ];
        write(&config, &java::fill(CONFIG, &settings))?;
        let program = engine::program()?;
        let log = home.join("log");
        let engine = Engine {
            library: artifacts.engine(),
            config,
            data: home.join("data"),
            hold: home.join("hold"),
            address: address.to_string(),
            port,
            native,
            log_level: "warning".to_owned(),
        };
        let server = Server::new(Recipe {
            name: name(index),
            log,
            command: Box::new(move || {
                // The database `system` is in memory alone: the server would not make its logs anew over those of its last life.
                let _ = fs::remove_dir_all(engine.data.join("data/system"));
                let mut command = engine.command(&program);
                command.env("JE_MALLOC_CONF", ALLOCATOR);
                command
            }),
            ready: Box::new(move || {
                http::request("GET", &format!("{url}/ping"), &[], &[], Duration::from_secs(2))
                    .is_ok_and(|answer| answer.status == 200)
            }),
            patience: START,
            rest: Duration::ZERO,
        });
        engines.push((server, place));
    }
    Ok(engines)
}
