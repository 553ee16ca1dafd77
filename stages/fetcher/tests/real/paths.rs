//! Clusters reached by network paths of their own: one fetcher has another address for each, by the machine's routes alone.

use crate::bench::{Chain, RAW_BYTES};
use logmill_stack::{HdfsAddress, ServerId, Stack, Wanted, http};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

/// The clusters, and the last number of the address at which each is to see the fetcher: no server has it.
const CLUSTERS: [(&str, u8); 2] = [("north", 251), ("south", 252)];

/// A route of this machine, until it is dropped.
struct Route(String);

impl Route {
    /// Connections to `to` come from `source`.
    fn new(to: Ipv4Addr, source: Ipv4Addr) -> Result<Self, String> {
        let route = format!("local {to}/32 dev lo src {source} table local");
        ip("add", &route).map(|()| Self(route))
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        ip("del", &self.0).unwrap_or_else(|why| eprintln!("a route of this test is still there: {why}"));
    }
}

fn ip(verb: &str, route: &str) -> Result<(), String> {
    let command = format!("ip route {verb} {route}");
    let done = Command::new("ip").args(["route", verb]).args(route.split(' ')).output();
    match done {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!("{command}: {}", String::from_utf8_lossy(&done.stderr).trim())),
        Err(why) => Err(format!("{command}: {why}")),
    }
}

fn address(hdfs: &HdfsAddress) -> Ipv4Addr {
    let place = hdfs.url.strip_prefix("hdfs://").and_then(|place| place.split(':').next());
    place.and_then(|address| address.parse().ok()).expect("hdfs://address:port")
}

/// Lets a cluster say who calls: Hadoop's audit log, and the DataNode's trace of its clients.
fn audit(hdfs: &HdfsAddress) {
    for logger in ["namenode.FSNamesystem.audit", "datanode.DataNode.clienttrace"] {
        let url = format!("{}/logLevel?log=org.apache.hadoop.hdfs.server.{logger}&level=DEBUG", hdfs.http);
        let answer = http::request("GET", &url, &[], &[], Duration::from_secs(10)).unwrap();
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
    }
}

/// What stands between two texts in a line.
fn between<'a>(line: &'a str, before: &str, after: char) -> Option<&'a str> {
    line.split_once(before)?.1.split(after).next()
}

/// The addresses from which the NameNode was asked for something of this folder, and those that the DataNode sent to.
fn callers(log: &str, folder: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let of = |logger: &'static str, what: String| log.lines().filter(move |l| l.contains(logger) && l.contains(&what));
    let asked = of("FSNamesystem.audit", format!("src={folder}")).filter_map(|line| between(line, "ip=/", '\t'));
    let sent = of("DataNode.clienttrace", "op: HDFS_READ".into()).filter_map(|line| between(line, "dest: /", ':'));
    (asked.map(str::to_owned).collect(), sent.map(str::to_owned).collect())
}

#[test]
fn two_clusters_see_one_fetcher_at_two_addresses() {
    let wanted = Wanted { hdfs: CLUSTERS.map(|(name, _)| name.to_owned()).into(), ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let mut chain = Chain::new("paths", &CLUSTERS.map(|(name, _)| (name, stack.hdfs(name).into())));
    CLUSTERS.iter().for_each(|(name, _)| audit(stack.hdfs(name)));
    for (name, _) in CLUSTERS {
        for n in 0..3 {
            chain.put(name, &format!("log {n}"), (n + 1) * 10 * RAW_BYTES);
        }
    }
    let log = |name: &str| std::fs::read_to_string(stack.log(&ServerId::Hdfs(name.into()))).unwrap();
    let folder = chain.config.clusters["north"].folders[0].clone();
    let before = CLUSTERS.map(|(name, _)| log(name));
    for log in &before {
        let (asked, _) = callers(log, &folder);
        assert_eq!(asked, BTreeSet::from(["127.0.0.1".to_owned()]), "without routes all comes from one address");
    }

    let sources = CLUSTERS.map(|(name, last)| {
        let [a, b, c, _] = address(stack.hdfs(name)).octets();
        Ipv4Addr::new(a, b, c, last)
    });
    let routes: Result<Vec<Route>, String> =
        CLUSTERS.iter().zip(sources).map(|((name, _), source)| Route::new(address(stack.hdfs(name)), source)).collect();
    let routes = match routes {
        Ok(routes) => routes,
        Err(why) => {
            // Not by println!: of a test that passes nobody would see it.
            let _ = writeln!(
                std::io::stderr(),
                "NOT SHOWN: source addresses, for want of CAP_NET_ADMIN or of iproute2: {why}"
            );
            return;
        }
    };
    // Nor does Hadoop's own environment reach any cluster.
    let stray = [("HADOOP_USER_NAME", "stray"), ("HADOOP_CONF_DIR", "/nowhere")];
    let said = tempfile::NamedTempFile::new().unwrap();
    let fetcher = chain.fetcher_into("s0", &stray, said.path());
    chain.check();
    assert!(fetcher.terminate().success());
    drop(routes);
    let said = std::fs::read_to_string(said.path()).unwrap();
    assert!(stray.iter().all(|(name, _)| said.contains(&format!("{name} is left aside"))), "{said}");
    for (n, (name, _)) in CLUSTERS.iter().enumerate() {
        let seen = log(name);
        assert!(!seen.contains("ugi=stray"), "{name}: the user of the environment");
        let (asked, sent) = callers(&seen[before[n].len()..], &folder);
        let expected = BTreeSet::from([sources[n].to_string()]);
        assert_eq!((&asked, &sent), (&expected, &expected), "{name}: NameNode and DataNode");
    }
}
