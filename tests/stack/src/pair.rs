//! A pair of NameNodes over shared edits (HDFS HA), each a process of its own; the second one's has the DataNode. What Hadoop's
//! fail-over controllers do, a file says: which of the two is active.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::addresses::HdfsAddress;
use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Error, Result};
use crate::hdfs::{self, folder_url, owned};
use crate::java::Archive;
use crate::server::Server;
use crate::{http, network};

/// The names of the two.
const NAMES: [&str; 2] = ["nn1", "nn2"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A pair that was prepared.
pub(crate) struct Pair {
    /// Says which is active, by its name.
    active: PathBuf,
    /// Their web addresses.
    web: [String; 2],
}

/// What the second NameNode of the pair `name` is called.
pub(crate) fn second(name: &str) -> String {
    format!("hdfs-{name}-second")
}

/// Prepares the pair `name` at `address` with its data under `folder`. The first one is active.
pub(crate) fn prepare(
    artifacts: &Artifacts,
    archive: &Archive,
    address: Ipv4Addr,
    folder: &Path,
    name: &str,
) -> Result<(Pair, [Server; 2], HdfsAddress)> {
    let homes = [folder.join(format!("hdfs-{name}")), folder.join(second(name))];
    for home in &homes {
        fs::create_dir_all(home).doing(|| format!("create {}", home.display()))?;
    }
    let at = |preferred| network::place(address, preferred);
    let (rpc, web) = ([at(9820)?, at(9821)?], [at(9870)?, at(9871)?]);
    let active = homes[0].join("active");
    write(&active, NAMES[0])?;
    let mut config = hdfs::client_settings();
    config.insert("dfs.nameservices".into(), name.to_owned());
    config.insert(format!("dfs.ha.namenodes.{name}"), NAMES.join(","));
    for (one, rpc) in NAMES.iter().zip(&rpc) {
        config.insert(format!("dfs.namenode.rpc-address.{name}.{one}"), rpc.clone());
    }
    let mut settings = hdfs::common(&homes[1], address, network::port(address, 9866)?)?;
    settings.extend(config.clone());
    settings.extend(
        [
            ("fs.defaultFS", format!("hdfs://{name}")),
            ("dfs.namenode.shared.edits.dir", folder_url(&homes[0], "shared")),
            ("dfs.ha.standby.checkpoints", "false".into()),
            ("dfs.ha.tail-edits.period", "1".into()),
            ("logmill.pair.active", active.display().to_string()),
        ]
        .map(owned),
    );
    for (one, web) in NAMES.iter().zip(&web) {
        settings.insert(format!("dfs.namenode.http-address.{name}.{one}"), web.clone());
    }
    let [first, other] = [0, 1].map(|n| -> Result<Server> {
        let (home, mut settings) = (&homes[n], settings.clone());
        settings.insert("dfs.ha.namenode.id".into(), NAMES[n].into());
        settings.insert("dfs.namenode.name.dir".into(), folder_url(home, "name"));
        if n == 1 {
            settings.insert("logmill.pair.formatted".into(), homes[0].join("name").display().to_string());
        }
        let site = home.join("site.xml");
        write(&site, &hdfs::site_xml(&settings))?;
        let server = home.file_name().expect("it has a name").to_string_lossy().into_owned();
        let class_path = artifacts.class_path(Part::Hdfs);
        Ok(hdfs::launch(server, home, (class_path, archive.clone(), hdfs::HEAP, Vec::new()), &site))
    });
    let web = web.map(|web| format!("http://{web}"));
    let address = HdfsAddress { url: format!("hdfs://{name}"), http: web[0].clone(), config };
    Ok((Pair { active, web }, [first?, other?], address))
}

impl Pair {
    /// The other one is active from now on; the one that was steps down before, where it runs.
    pub fn fail_over(&self) -> Result<()> {
        let doing = || format!("read or write {}", self.active.display());
        let was = fs::read_to_string(&self.active).doing(doing)?;
        let from = usize::from(was == NAMES[1]);
        write(&self.active, "")?;
        self.until(from, "not active", |active| !active)?;
        write(&self.active, NAMES[1 - from])?;
        self.until(1 - from, "active", |active| active)
    }

    /// Waits until one of them says of itself that it is active, or is not; one that does not answer is not.
    fn until(&self, n: usize, what: &str, is_so: impl Fn(bool) -> bool) -> Result<()> {
        let url = format!("{}/jmx?qry=Hadoop:service=NameNode,name=NameNodeStatus", self.web[n]);
        let begun = Instant::now();
        loop {
            let said = http::request("GET", &url, &[], &[], Duration::from_secs(1));
            if is_so(said.as_ref().is_ok_and(|answer| answer.text().contains("\"State\" : \"active\""))) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let answer = said.map_or_else(|error| error.to_string(), |answer| answer.text());
                return Err(Error::Answer { server: format!("{} is not {what} after {PATIENCE:?}", NAMES[n]), answer });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
