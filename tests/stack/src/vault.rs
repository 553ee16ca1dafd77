//! A Kerberos realm of its own, with Apache Kerby's KDC, and an HDFS cluster that knows its users by it.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::addresses::HdfsAddress;
use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Result};
use crate::hdfs::{START, Settings, owned};
use crate::java::{self, Archive};
use crate::server::{Recipe, Server};
use crate::{network, prerequisites, process};

/// Its name.
pub(crate) const KDC: &str = "kdc";
const REALM: &str = "LOGMILL.TEST";
/// Who the servers are, and who may do everything.
const SERVERS: &str = "hdfs";

/// What clients use of a KDC, under `home`.
#[derive(Clone, Debug)]
pub(crate) struct Realm {
    home: PathBuf,
}

impl Realm {
    fn conf(&self) -> PathBuf {
        self.home.join("krb5.conf")
    }

    fn keytab(&self, user: &str) -> PathBuf {
        self.home.join(format!("{user}.keytab"))
    }

    /// What a JVM is told of it.
    pub fn flag(&self) -> String {
        format!("-Djava.security.krb5.conf={}", self.conf().display())
    }

    /// What makes a cluster ask for tickets, encrypt, and look at permissions.
    pub fn settings(&self) -> Settings {
        let (principal, keytab) = (format!("{SERVERS}/localhost@{REALM}"), self.keytab(SERVERS).display().to_string());
        let mut settings = self.client_settings();
        settings.extend(
            [
                ("hadoop.security.authentication", "kerberos".to_owned()),
                ("hadoop.rpc.protection", "privacy".to_owned()),
                ("dfs.namenode.kerberos.principal", principal.clone()),
                ("dfs.namenode.keytab.file", keytab.clone()),
                ("dfs.datanode.kerberos.principal", principal),
                ("dfs.datanode.keytab.file", keytab),
                ("dfs.block.access.token.enable", "true".to_owned()),
                ("dfs.permissions.enabled", "true".to_owned()),
                ("ignore.secure.ports.for.testing", "true".to_owned()),
            ]
            .map(owned),
        );
        settings
    }

    /// What clients have to know of it.
    pub fn client_settings(&self) -> Settings {
        [owned(("dfs.data.transfer.protection", "privacy".to_owned()))].into()
    }
}

/// Prepares the KDC at `address`; it knows the servers and these users, whose keytabs are there when it is ready.
pub(crate) fn prepare_kdc(
    artifacts: &Artifacts,
    address: Ipv4Addr,
    folder: &Path,
    users: &[String],
) -> Result<(Realm, Server)> {
    prerequisites::check_gssapi()?;
    let home = folder.join(KDC);
    fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
    let realm = Realm { home: home.clone() };
    let port = network::port(address, 10_088)?;
    let conf = format!(
        "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n\
         dns_canonicalize_hostname = false\nrdns = false\nudp_preference_limit = 1\n\
         [realms]\n{REALM} = {{\n  kdc = {address}:{port}\n}}\n[domain_realm]\nlocalhost = {REALM}\n"
    );
    write(&realm.conf(), &conf)?;
    let (class_path, mark, users) = (artifacts.class_path(Part::Kdc), home.join("ready"), users.to_owned());
    let ready_mark = mark.clone();
    let server = Server::new(Recipe {
        name: KDC.to_owned(),
        log: home.join("log"),
        command: Box::new(move || {
            let _ = fs::remove_file(&mark); // of the run before
            let mut java = java::command(&Archive::None);
            java.args(["-Xmx64m", "-cp"]).arg(&class_path).arg(source("MiniKdc.java"));
            java.arg(&home).arg(REALM).arg(address.to_string()).arg(port.to_string()).arg(&mark);
            java.arg(format!("{SERVERS}/localhost")).args(&users);
            java
        }),
        ready: Box::new(move || ready_mark.exists()),
        patience: START,
        rest: Duration::ZERO,
    });
    Ok((realm, server))
}

/// A program that Java runs from its source.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name)
}

/// An HDFS cluster that knows its users by Kerberos. Each has a folder `/USER` that nobody else may look into.
#[derive(Clone, Debug)]
pub struct Vault {
    /// Where it is.
    pub hdfs: HdfsAddress,
    realm: Realm,
    class_path: OsString,
    home: PathBuf,
}

impl Vault {
    pub(crate) fn new(artifacts: &Artifacts, hdfs: HdfsAddress, realm: Realm, home: PathBuf) -> Vault {
        Vault { hdfs, realm, class_path: artifacts.class_path(Part::Hdfs), home }
    }

    /// A user's principal.
    pub fn principal(&self, user: &str) -> String {
        format!("{user}@{REALM}")
    }

    /// The file with a user's keys.
    pub fn keytab(&self, user: &str) -> PathBuf {
        self.realm.keytab(user)
    }

    /// The file that tells clients where the KDC is: KRB5_CONFIG.
    pub fn krb5_conf(&self) -> PathBuf {
        self.realm.conf()
    }

    /// The local folder whose folders [`Vault::store`] takes: each has the name of a user.
    pub fn staging(&self) -> PathBuf {
        self.home.join("staging")
    }

    /// Has Hadoop itself write what lies in the staging folder to where its users, and they alone, may read it.
    pub fn store(&self) -> Result<()> {
        let mut java = java::command(&Archive::None);
        java.arg(self.realm.flag()).arg("-cp").arg(&self.class_path).arg(source("StoreForUsers.java"));
        java.arg(self.home.join("site.xml")).arg(format!("{SERVERS}/localhost")).arg(self.realm.keytab(SERVERS));
        java.arg(self.staging());
        process::run("java", java, &self.home.join("store.log"), START)
    }
}
