//! The servers of one run, together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::addresses::{Addresses, BucketAddress, ClickHouseAddress, HdfsAddress, Recorded, State};
use crate::archive;
use crate::artifacts::{Artifacts, Part, write};
use crate::error::{Doing, Error, Result};
use crate::hdfs::Shape;
use crate::instance::Instance;
use crate::kafka::Kafka;
use crate::network::Network;
use crate::server::{Server, start_all};
use crate::vault::Vault;
use crate::{buckets, clickhouse, hdfs, kafka, keeper, pair, path, vault};

/// Which servers a stack holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Kafka brokers: 0, 1 or 3.
    pub brokers: usize,
    /// Names of HDFS clusters.
    pub hdfs: Vec<String>,
    /// Those of them whose DataNode is a process of its own ([`ServerId::DataNode`]), reached by a path of its own
    /// ([`Stack::path`]).
    pub apart: Vec<String>,
    /// Names of further HDFS clusters, each with a pair of NameNodes ([`ServerId::Hdfs`], which is active, and
    /// [`ServerId::Second`], with the DataNode).
    pub pairs: Vec<String>,
    /// Names of further HDFS clusters that know their users by Kerberos ([`Stack::vault`]).
    pub vaults: Vec<String>,
    /// Names of those users.
    pub users: Vec<String>,
    /// MiB of memory for the JVM of each of `hdfs`; 0 for what a few thousand files need.
    pub hdfs_heap: usize,
    /// Names of buckets, all of one server.
    pub buckets: Vec<String>,
    /// Whether ClickHouse runs.
    pub clickhouse: bool,
    /// Whether a second engine runs beside it ([`Stack::second_clickhouse`]), each a shard of the cluster `logmill`.
    pub second_clickhouse: bool,
    /// Whether ZooKeeper runs beside it, so that its tables can be replicated.
    pub keeper: bool,
}

impl Wanted {
    /// The parts that must be fetched for it.
    pub fn parts(&self) -> Vec<Part> {
        let wanted = [
            (self.brokers > 0).then_some(Part::Kafka),
            (!self.hdfs.is_empty() || !self.pairs.is_empty() || !self.vaults.is_empty()).then_some(Part::Hdfs),
            (!self.vaults.is_empty()).then_some(Part::Kdc),
            self.clickhouse.then_some(Part::Engine),
            (!self.buckets.is_empty()).then_some(Part::Buckets),
            self.keeper.then_some(Part::Keeper),
        ];
        wanted.into_iter().flatten().collect()
    }

    fn check(&self) -> Result<()> {
        if ![0, 1, 3].contains(&self.brokers) {
            return Err(Error::Wanted(format!("{} brokers: this stack runs 0, 1 or 3", self.brokers)));
        }
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let clusters = || self.hdfs.iter().chain(&self.pairs).chain(&self.vaults);
        match clusters().chain(&self.buckets).chain(&self.users).find(|name| !is_name(name)) {
            Some(name) => Err(Error::Wanted(format!("cluster {name:?}: a name has letters a-z, digits and -"))),
            None if self.second_clickhouse && !self.clickhouse => {
                Err(Error::Wanted("a second ClickHouse without a first one".into()))
            }
            None if clusters().count() > 200 => Err(Error::Wanted("more than 200 HDFS clusters".into())),
            None if self.apart.len() > 40 => Err(Error::Wanted("more than 40 DataNodes of their own".into())),
            None => Ok(()),
        }
    }
}

/// One server, to name it in a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerId {
    /// Kafka's node n, from 1.
    Broker(usize),
    /// The HDFS cluster of that name, NameNode and DataNode together; the NameNode, where its DataNode is apart.
    Hdfs(String),
    /// The DataNode of the HDFS cluster of that name, where it is apart.
    DataNode(String),
    /// The second NameNode of the pair of that name, and the DataNode.
    Second(String),
    /// The KDC of all clusters with Kerberos.
    Kdc,
    /// The server of all buckets.
    Buckets,
    /// ClickHouse.
    ClickHouse,
    /// The second ClickHouse.
    SecondClickHouse,
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerId::Broker(node) => f.write_str(&kafka::broker(*node)),
            ServerId::Hdfs(name) => write!(f, "hdfs-{name}"),
            ServerId::DataNode(name) => f.write_str(&hdfs::datanode(name)),
            ServerId::Second(name) => f.write_str(&pair::second(name)),
            ServerId::Kdc => f.write_str(vault::KDC),
            ServerId::Buckets => f.write_str(buckets::NAME),
            ServerId::ClickHouse => f.write_str(&clickhouse::name(0)),
            ServerId::SecondClickHouse => f.write_str(&clickhouse::name(1)),
        }
    }
}

/// Running servers of our own. They end with this value, and with this process however it ends.
pub struct Stack {
    // Fields are dropped in this order: servers, then their folder, then their addresses.
    servers: Vec<Server>,
    addresses: Addresses,
    /// By the name of the cluster.
    paths: BTreeMap<String, path::Path>,
    pairs: BTreeMap<String, pair::Pair>,
    vaults: BTreeMap<String, Vault>,
    instance: Instance,
    _network: Network,
}

impl Stack {
    /// Starts what is wanted, all servers side by side, with empty data that goes with this value. `dir` is the
    /// folder of all stacks of a checkout ([`crate::default_dir`]): artifacts are fetched into it once.
    pub fn start(dir: &Path, wanted: &Wanted) -> Result<Stack> {
        wanted.check()?;
        let artifacts = ensure(dir, wanted)?;
        Stack::start_in(&artifacts, Instance::scratch(dir)?, wanted)
    }

    /// As [`Stack::start`], with data in `dir/NAME` that stays and is opened again the next time; `fresh` empties it.
    pub fn start_kept(dir: &Path, name: &str, wanted: &Wanted, fresh: bool) -> Result<Stack> {
        wanted.check()?;
        let artifacts = ensure(dir, wanted)?;
        let instance = Instance::kept(dir, name, fresh)?;
        refuse_other_broker_count(instance.folder(), wanted.brokers)?;
        Stack::start_in(&artifacts, instance, wanted)
    }

    fn start_in(artifacts: &Artifacts, instance: Instance, wanted: &Wanted) -> Result<Stack> {
        let network = Network::reserve()?;
        let folder = instance.folder();
        let mut servers = Vec::new();
        let mut addresses = Addresses::default();
        let mut paths = BTreeMap::new();
        let mut kafka: Option<Kafka> = None;
        if wanted.brokers > 0 {
            let archive = archive::of(artifacts, Part::Kafka);
            let mut made = kafka::prepare(artifacts, &archive, network.address(1), folder, wanted.brokers)?;
            addresses.kafka = made.bootstrap();
            servers.append(&mut made.nodes);
            kafka = Some(made);
        }
        for (index, name) in wanted.hdfs.iter().enumerate() {
            let archive = archive::of(artifacts, Part::Hdfs);
            let host = 11 + index as u8; // at most 200 clusters
            let heap = if wanted.hdfs_heap > 0 { wanted.hdfs_heap } else { hdfs::HEAP };
            let outside = wanted.apart.iter().position(|apart| apart == name).map(|n| network.address(211 + n as u8));
            let shape = outside.map_or(Shape::Plain, Shape::Apart);
            let made = hdfs::prepare(artifacts, &archive, network.address(host), folder, name, heap, &shape)?;
            servers.push(made.server);
            addresses.hdfs.insert(name.clone(), made.address);
            if let Some(hdfs::Apart { server, path }) = made.apart {
                servers.push(server);
                paths.insert(name.clone(), path);
            }
        }
        let mut pairs = BTreeMap::new();
        for (index, name) in wanted.pairs.iter().enumerate() {
            let archive = archive::of(artifacts, Part::Hdfs);
            let host = 11 + (wanted.hdfs.len() + index) as u8;
            let (made, both, address) = pair::prepare(artifacts, &archive, network.address(host), folder, name)?;
            servers.extend(both);
            addresses.hdfs.insert(name.clone(), address);
            pairs.insert(name.clone(), made);
        }
        let mut vaults = BTreeMap::new();
        if !wanted.vaults.is_empty() {
            let (realm, kdc) = vault::prepare_kdc(artifacts, network.address(4), folder, &wanted.users)?;
            servers.push(kdc);
            for (index, name) in wanted.vaults.iter().enumerate() {
                let archive = archive::of(artifacts, Part::Hdfs);
                let host = 11 + (wanted.hdfs.len() + wanted.pairs.len() + index) as u8;
                let shape = Shape::Secured(&realm);
                let made = hdfs::prepare(artifacts, &archive, network.address(host), folder, name, hdfs::HEAP, &shape)?;
                servers.push(made.server);
                addresses.hdfs.insert(name.clone(), made.address.clone());
                let home = folder.join(format!("hdfs-{name}"));
                vaults.insert(name.clone(), Vault::new(artifacts, made.address, realm.clone(), home));
            }
        }
        if !wanted.buckets.is_empty() {
            let archive = archive::of(artifacts, Part::Buckets);
            let (server, made) = buckets::prepare(artifacts, &archive, network.address(3), folder, &wanted.buckets)?;
            servers.push(server);
            addresses.buckets = wanted.buckets.iter().cloned().zip(made).collect();
        }
        if wanted.clickhouse {
            let mut keeper = None;
            if wanted.keeper {
                let (server, place) = keeper::prepare(artifacts, network.address(6), folder)?;
                servers.push(server);
                keeper = Some(place);
            }
            let mut places = vec![network.address(2)];
            places.extend(wanted.second_clickhouse.then(|| network.address(5)));
            let (mut engines, made): (Vec<_>, Vec<_>) =
                clickhouse::prepare(artifacts, &places, folder, keeper)?.into_iter().unzip();
            servers.append(&mut engines);
            let mut made = made.into_iter();
            (addresses.clickhouse, addresses.second_clickhouse) = (made.next(), made.next());
        }
        let stack = Stack { servers, addresses, paths, pairs, vaults, instance, _network: network };
        let mut others: Vec<&Server> = stack.servers.iter().collect();
        if !stack.vaults.is_empty() {
            stack.named(vault::KDC)?.start()?;
            others.retain(|server| server.name() != vault::KDC);
        }
        if kafka.as_ref().is_some_and(|kafka| kafka.unclean) {
            stack.named(kafka::CONTROLLER_NAME)?.start()?;
            stack.named(&kafka::broker(1))?.has_ended();
            others.retain(|server| server.name() != kafka::CONTROLLER_NAME);
        }
        start_all(others)?;
        if let Some(kafka) = kafka {
            kafka.await_complete()?;
        }
        Ok(stack)
    }

    /// Where everything is.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Kafka's bootstrap servers.
    ///
    /// # Panics
    /// When no broker was wanted.
    pub fn kafka(&self) -> &str {
        assert!(!self.addresses.kafka.is_empty(), "this stack was started without Kafka");
        &self.addresses.kafka
    }

    /// The HDFS cluster `name`.
    ///
    /// # Panics
    /// When no cluster of that name was wanted.
    pub fn hdfs(&self, name: &str) -> &HdfsAddress {
        self.addresses.hdfs.get(name).unwrap_or_else(|| panic!("this stack was started without the cluster {name}"))
    }

    /// The path to the DataNode of the HDFS cluster `name`.
    ///
    /// # Panics
    /// When that is not apart.
    pub fn path(&self, name: &str) -> &path::Path {
        self.paths.get(name).unwrap_or_else(|| panic!("this stack was started with the DataNode of {name} not apart"))
    }

    /// The HDFS cluster `name`, which knows its users by Kerberos.
    ///
    /// # Panics
    /// When no such cluster of that name was wanted.
    pub fn vault(&self, name: &str) -> &Vault {
        self.vaults.get(name).unwrap_or_else(|| panic!("this stack was started without the vault {name}"))
    }

    /// The bucket `name`.
    ///
    /// # Panics
    /// When no bucket of that name was wanted.
    pub fn bucket(&self, name: &str) -> &BucketAddress {
        self.addresses.buckets.get(name).unwrap_or_else(|| panic!("this stack was started without the bucket {name}"))
    }

    /// ClickHouse.
    ///
    /// # Panics
    /// When it was not wanted.
    pub fn clickhouse(&self) -> &ClickHouseAddress {
        self.addresses.clickhouse.as_ref().expect("this stack was started without ClickHouse")
    }

    /// The second ClickHouse, with the accounts of the first one.
    ///
    /// # Panics
    /// When it was not wanted.
    pub fn second_clickhouse(&self) -> &ClickHouseAddress {
        self.addresses.second_clickhouse.as_ref().expect("this stack was started without a second ClickHouse")
    }

    /// The folder of this run's data and logs (`NAME/log` of each server).
    pub fn folder(&self) -> &Path {
        self.instance.folder()
    }

    /// The log of a server.
    pub fn log(&self, server: &ServerId) -> PathBuf {
        self.folder().join(server.to_string()).join("log")
    }

    /// SIGKILL: the server is gone, its data stays.
    pub fn kill(&self, server: &ServerId) -> Result<()> {
        self.server(server).map(Server::kill)
    }

    /// Starts a server again on its addresses and data, and waits until it serves; one that runs is killed first.
    pub fn restart(&self, server: &ServerId) -> Result<()> {
        self.server(server)?.start()
    }

    /// Makes the other NameNode of the pair `name` the active one; the one that was steps down before, where it runs. One that
    /// was only stopped would be active still: kill it before.
    pub fn fail_over(&self, name: &str) -> Result<()> {
        self.pairs.get(name).ok_or_else(|| Error::NoSuchServer(format!("pair {name}")))?.fail_over()
    }

    /// Starts the HDFS cluster `name` again without its DataNode: its NameNode answers, is in safe mode, and knows of no block,
    /// as after any start until the DataNodes have reported. [`Stack::leave_safe_mode`] lets it start. Not where the DataNode is
    /// apart.
    pub fn enter_safe_mode(&self, name: &str) -> Result<()> {
        let hold = self.folder().join(format!("hdfs-{name}")).join(hdfs::HOLD);
        write(&hold, "")?;
        self.restart(&ServerId::Hdfs(name.to_owned()))
    }

    /// Lets the DataNode of the HDFS cluster `name` start; when its blocks are known, the NameNode leaves safe mode by itself.
    pub fn leave_safe_mode(&self, name: &str) -> Result<()> {
        let hold = self.folder().join(format!("hdfs-{name}")).join(hdfs::HOLD);
        std::fs::remove_file(&hold).doing(|| format!("remove {}", hold.display()))
    }

    /// Writes the accounts' settings of ClickHouse anew, with one text in them replaced, and starts it again.
    pub fn restart_clickhouse_with(&self, from: &str, to: &str) -> Result<()> {
        let users = self.folder().join("clickhouse/users.xml");
        let doing = || format!("change {}", users.display());
        let before = std::fs::read_to_string(&users).doing(doing)?;
        if !before.contains(from) {
            return Err(Error::Wanted(format!("{} has no {from:?}", users.display())));
        }
        write(&users, &before.replacen(from, to, 1))?;
        self.restart(&ServerId::ClickHouse)
    }

    /// SIGSTOP, until it has stopped: connections stay open and nobody answers.
    pub fn pause(&self, server: &ServerId) -> Result<()> {
        self.server(server)?.pause()
    }

    /// SIGCONT.
    pub fn resume(&self, server: &ServerId) -> Result<()> {
        self.server(server)?.resume()
    }

    /// Ends the servers as their makers ask for, where that takes seconds, so that kept data opens quickly.
    /// Dropping the stack kills them, which loses nothing that was acknowledged either.
    pub fn stop(self) {
        // Brokers take their leave of their controller.
        let (controllers, others): (Vec<&Server>, Vec<&Server>) =
            self.servers.iter().partition(|server| server.name() == kafka::CONTROLLER_NAME);
        for servers in [others, controllers] {
            std::thread::scope(|scope| {
                for server in servers {
                    // Controllers that end together wait for a quorum that is gone: one of several is killed.
                    let alone = !server.name().starts_with("kafka-") || !self.addresses.kafka.contains(',');
                    scope.spawn(move || server.stop(Duration::from_secs(if alone { 10 } else { 0 })));
                }
            });
        }
    }

    /// What a state file says of it.
    pub fn state(&self) -> State {
        let own = Recorded::of("supervisor", std::process::id());
        let servers = self.servers.iter().filter_map(|server| Recorded::of(server.name(), server.pid()?));
        State { processes: own.into_iter().chain(servers).collect(), addresses: self.addresses.clone() }
    }

    /// Every server of this stack.
    pub fn servers(&self) -> Vec<ServerId> {
        let brokers = self.addresses.kafka.split(',').filter(|address| !address.is_empty()).count();
        (1..=brokers)
            .map(ServerId::Broker)
            .chain(self.addresses.hdfs.keys().cloned().map(ServerId::Hdfs))
            .chain(self.paths.keys().cloned().map(ServerId::DataNode))
            .chain(self.pairs.keys().cloned().map(ServerId::Second))
            .chain(self.vaults.iter().take(1).map(|_| ServerId::Kdc))
            .chain(self.addresses.buckets.iter().take(1).map(|_| ServerId::Buckets))
            .chain(self.addresses.clickhouse.iter().map(|_| ServerId::ClickHouse))
            .chain(self.addresses.second_clickhouse.iter().map(|_| ServerId::SecondClickHouse))
            .collect()
    }

    /// Names of the servers that do not run: killed, or ended by themselves.
    pub fn ended(&self) -> Vec<&str> {
        self.servers.iter().filter(|server| server.pid().is_none()).map(Server::name).collect()
    }

    fn server(&self, wanted: &ServerId) -> Result<&Server> {
        self.named(&wanted.to_string())
    }

    fn named(&self, name: &str) -> Result<&Server> {
        self.servers.iter().find(|server| server.name() == name).ok_or_else(|| Error::NoSuchServer(name.to_owned()))
    }
}

/// The artifacts of what is wanted, and the archives that make JVMs start sooner.
fn ensure(dir: &Path, wanted: &Wanted) -> Result<Artifacts> {
    let parts = wanted.parts();
    let artifacts = Artifacts::ensure(&dir.join("artifacts"), &parts)?;
    for part in parts {
        archive::ensure(&artifacts, part)?;
    }
    Ok(artifacts)
}

/// Kafka's quorum is written into its data.
fn refuse_other_broker_count(folder: &Path, brokers: usize) -> Result<()> {
    let is_there = |name: &str| folder.join(name).join("data/meta.properties").exists();
    let there = (1..=3).filter(|node| is_there(&kafka::broker(*node))).count();
    if brokers == 0 || there == 0 || (there == brokers && is_there(kafka::CONTROLLER_NAME) == (brokers == 1)) {
        return Ok(());
    }
    if there == brokers {
        let folder = folder.display();
        return Err(Error::Wanted(format!(
            "{folder} holds data of an older version of this stack: start with --fresh"
        )));
    }
    Err(Error::Wanted(format!(
        "{} holds the data of {there} broker(s), not {brokers}: start with --fresh",
        folder.display()
    )))
}
