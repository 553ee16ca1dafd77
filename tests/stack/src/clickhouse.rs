//! ClickHouse's HTTP server out of libchdb.so, hosted by `logmill-stack engine` ([`crate::engine`]).

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::addresses::{ClickHouseAddress, Login};
use crate::artifacts::{Artifacts, write};
use crate::error::{Doing, Result};
use crate::{engine_program, http, java, network, random};

use crate::server::{Recipe, Server};

const CONFIG: &str = include_str!("../assets/clickhouse-config.xml");
const USERS: &str = include_str!("../assets/clickhouse-users.xml");
const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

/// INSERTs and merges of large blocks get the memory of those before, as docs/operations.md advises for a server: by default
/// the engine gives it back, and the kernel clears every page of it again.
const ALLOCATOR: &str = "oversize_threshold:0,dirty_decay_ms:60000,muzzy_decay_ms:60000";

/// Prepares the engine at `address` with its data under `folder`; data that is there already is kept.
pub(crate) fn prepare(artifacts: &Artifacts, address: Ipv4Addr, folder: &Path) -> Result<(Server, ClickHouseAddress)> {
    let home = folder.join("clickhouse");
    fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
    let port = network::port(address, 8123)?;
    let url = format!("http://{address}:{port}");
    let login = |user: &str| random::password().map(|password| Login { user: user.into(), password });
    let place = ClickHouseAddress { url: url.clone(), admin: login("admin")?, analyst: login("analyst")? };
    let users = home.join("users.xml");
    let passwords =
        [("admin_password", place.admin.password.clone()), ("analyst_password", place.analyst.password.clone())];
    write(&users, &java::fill(USERS, &passwords))?;
    let config = home.join("config.xml");
    let settings =
        [("users", users.display().to_string()), ("address", address.to_string()), ("port", port.to_string())];
    write(&config, &java::fill(CONFIG, &settings))?;
    let program = engine_program::find()?;
    let (library, log, data) = (artifacts.engine(), home.join("log"), home.join("data"));
    let server = Server::new(Recipe {
        name: "clickhouse".into(),
        log,
        command: Box::new(move || {
            let mut engine = Command::new(&program);
            engine.arg("engine").arg("--library").arg(&library).arg("--config").arg(&config);
            engine
                .arg("--data")
                .arg(&data)
                .arg("--hold")
                .arg(home.join("hold"))
                .arg("--address")
                .arg(address.to_string());
            engine.arg("--port").arg(port.to_string());
            engine.env("JE_MALLOC_CONF", ALLOCATOR);
            engine
        }),
        ready: Box::new(move || {
            http::request("GET", &format!("{url}/ping"), &[], &[], Duration::from_secs(2))
                .is_ok_and(|answer| answer.status == 200)
        }),
        patience: START,
        rest: Duration::ZERO,
    });
    Ok((server, place))
}
