//! Buckets: S3Proxy, an S3 server that checks signatures, ranges and conditions, over a local folder.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use crate::addresses::BucketAddress;
use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Result};
use crate::java::{self, Archive};
use crate::server::{Recipe, Server};
use crate::{http, network, random};

const SERVER: &str = include_str!("../assets/buckets.properties");
const START: Duration = Duration::from_secs(120); // seconds on an idle machine; many test processes share two cores

/// Its name.
pub(crate) const NAME: &str = "buckets";
/// Who may do everything.
const USER: &str = "logmill";

/// Prepares a server of these buckets at `address` with its data under `folder`; data that is there already is kept.
pub(crate) fn prepare(
    artifacts: &Artifacts,
    archive: &Archive,
    address: Ipv4Addr,
    folder: &Path,
    names: &[String],
) -> Result<(Server, Vec<BucketAddress>)> {
    let home = folder.join(NAME);
    let data = home.join("data");
    for folder in names.iter().map(|name| data.join(name)).chain([data.clone()]) {
        fs::create_dir_all(&folder).doing(|| format!("create {}", folder.display()))?;
    }
    let endpoint = format!("http://{address}:{}", network::port(address, 9000)?);
    let password = random::password()?;
    let settings = [
        ("endpoint", endpoint.clone()),
        ("user", USER.to_owned()),
        ("password", password.clone()),
        ("data", data.display().to_string()),
    ];
    let properties = home.join("server.properties");
    write(&properties, &java::fill(SERVER, &settings))?;
    let (class_path, archive) = (artifacts.class_path(Part::Buckets), archive.clone());
    let asked = endpoint.clone();
    let server = Server::new(Recipe {
        name: NAME.to_owned(),
        log: home.join("log"),
        command: Box::new(move || {
            let mut java = java::command(&archive);
            java.args(["-Xmx96m", "-Xss512k", "-XX:MaxMetaspaceSize=96m"]);
            // It sends what is written to System.err to its log: the log must have kept the stream of before.
            java.args(["-Dorg.slf4j.simpleLogger.cacheOutputStream=true"]);
            java.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
            java.arg("-cp").arg(&class_path).args(["org.gaul.s3proxy.Main", "--properties"]).arg(&properties);
            java
        }),
        ready: Box::new(move || refuses_strangers(&asked)),
        patience: START,
        rest: Duration::ZERO,
    });
    let keys = [
        ("endpoint", endpoint),
        ("access_key_id", USER.to_owned()),
        ("secret_access_key", password),
        ("allow_http", "true".to_owned()),
    ];
    let store: std::collections::BTreeMap<_, _> = keys.map(|(name, value)| (name.to_owned(), value)).into();
    let address = |name| BucketAddress { url: format!("s3://{name}"), config: store.clone() };
    Ok((server, names.iter().map(address).collect()))
}

/// Whether the server at `endpoint` answers a request without a signature as it must.
pub(crate) fn refuses_strangers(endpoint: &str) -> bool {
    http::request("GET", &format!("{endpoint}/"), &[], &[], Duration::from_secs(2))
        .is_ok_and(|answer| answer.status == 403)
}
