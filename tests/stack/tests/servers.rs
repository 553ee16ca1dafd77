//! The servers answer as real ones do, and faults hit the one that is named.

use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;
use hdfs_native::client::WriteOptions;
use hdfs_native::{Client, ClientBuilder};
use logmill_stack::{HdfsAddress, ServerId, Stack, Wanted, default_dir, http, kafka_probe, probe};

fn start(brokers: usize, clusters: &[&str], clickhouse: bool) -> Stack {
    let hdfs = clusters.iter().map(ToString::to_string).collect();
    Stack::start(&default_dir(), &Wanted { brokers, hdfs, clickhouse, ..Wanted::default() })
        .unwrap_or_else(|error| panic!("{error}"))
}

fn client(cluster: &HdfsAddress) -> Client {
    ClientBuilder::new().with_url(&cluster.url).with_config(cluster.config.clone()).build().unwrap()
}

async fn write(cluster: &HdfsAddress, path: &str, text: &'static str) {
    let mut file = client(cluster).create(path, WriteOptions::default()).await.unwrap();
    file.write_bytes(Bytes::from_static(text.as_bytes())).await.unwrap();
    file.close().await.unwrap();
}

async fn read(cluster: &HdfsAddress, path: &str) -> String {
    let mut file = client(cluster).read(path).await.unwrap();
    let length = file.file_length();
    String::from_utf8(file.read_bytes(length).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn all_servers_of_a_stack_serve() {
    let stack = start(1, &["a", "b"], true);

    // Two clusters are two: the same path, other bytes.
    for (name, text) in [("a", "of a\n"), ("b", "of b\n")] {
        write(stack.hdfs(name), "/logs/app.log", text).await;
    }
    assert_eq!(read(stack.hdfs("a"), "/logs/app.log").await, "of a\n");
    assert_eq!(read(stack.hdfs("b"), "/logs/app.log").await, "of b\n");

    let broker: SocketAddrV4 = stack.kafka().parse().unwrap();
    assert!(kafka_probe::api_count(broker).is_some_and(|requests| requests > 20));
    assert_eq!(kafka_probe::live_nodes(broker), Some(vec![1]));

    for (server, answer) in probe::all(stack.addresses()) {
        answer.unwrap_or_else(|error| panic!("{server}: {error}"));
    }
    assert_eq!(stack.ended(), Vec::<&str>::new());
}

#[test]
fn clickhouse_knows_its_users() {
    let stack = start(0, &[], true);
    let place = stack.clickhouse();
    let ask = |login, statement| probe::query(place, login, statement);
    assert_eq!(ask(&place.admin, "SELECT 1").unwrap(), "1\n");
    assert_eq!(ask(&place.analyst, "SELECT 1").unwrap(), "1\n");
    ask(&place.admin, "CREATE DATABASE mill").unwrap();
    ask(&place.admin, "CREATE TABLE mill.t (n UInt8) ENGINE = MergeTree ORDER BY n").unwrap();
    for write in ["INSERT INTO mill.t VALUES (1)", "DROP TABLE mill.t", "CREATE DATABASE other"] {
        let refused = ask(&place.analyst, write).unwrap_err().to_string();
        assert!(refused.contains("READONLY"), "{write}: {refused}");
    }
    let wrong = logmill_stack::Login { user: "admin".into(), password: "guess".into() };
    assert!(ask(&wrong, "SELECT 1").unwrap_err().to_string().contains("AUTHENTICATION_FAILED"));
    // The engine's own session has no password, and no query left.
    let nobody = logmill_stack::Login { user: "default".into(), password: String::new() };
    assert!(ask(&nobody, "SELECT count() FROM mill.t").unwrap_err().to_string().contains("ACCESS_DENIED"));
}

#[tokio::test]
async fn killed_servers_come_back_with_their_data() {
    let stack = start(1, &["a"], true);
    write(stack.hdfs("a"), "/kept.log", "kept\n").await;
    let place = stack.clickhouse();
    let ask = |statement| probe::query(place, &place.admin, statement);
    ask("CREATE DATABASE mill").unwrap();
    ask("CREATE TABLE mill.t (n UInt8) ENGINE = MergeTree ORDER BY n").unwrap();
    ask("INSERT INTO mill.t VALUES (7)").unwrap();

    for server in stack.servers() {
        stack.kill(&server).unwrap();
    }
    assert_eq!(stack.ended(), ["kafka-1", "hdfs-a", "clickhouse"]);
    assert!(ask("SELECT 1").is_err());
    for server in stack.servers() {
        stack.restart(&server).unwrap_or_else(|error| panic!("{error}"));
    }

    assert_eq!(read(stack.hdfs("a"), "/kept.log").await, "kept\n");
    assert_eq!(ask("SELECT n FROM mill.t").unwrap(), "7\n");
    assert_eq!(kafka_probe::live_nodes(stack.kafka().parse().unwrap()), Some(vec![1]));
}

#[test]
fn a_paused_server_is_silent_until_it_is_resumed() {
    let stack = start(0, &[], true);
    let ping = format!("{}/ping", stack.clickhouse().url);
    let ask = |patience| http::request("GET", &ping, &[], &[], patience);
    stack.pause(&ServerId::ClickHouse).unwrap();
    assert!(ask(Duration::from_millis(300)).is_err());
    stack.resume(&ServerId::ClickHouse).unwrap();
    assert_eq!(ask(Duration::from_secs(10)).unwrap().status, 200);
}

#[test]
fn a_server_of_buckets_refuses_strangers_and_comes_back() {
    let wanted = Wanted { buckets: vec!["logs".into(), "more".into()], ..Wanted::default() };
    let stack = Stack::start(&default_dir(), &wanted).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(stack.servers(), [ServerId::Buckets]);
    assert_eq!(stack.bucket("more").url, "s3://more");
    stack.kill(&ServerId::Buckets).unwrap();
    assert!(probe::all(stack.addresses()).iter().all(|(_, answer)| answer.is_err()));
    stack.restart(&ServerId::Buckets).unwrap();
    let answers = probe::all(stack.addresses());
    assert_eq!(answers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["s3-logs", "s3-more"]);
    answers.into_iter().for_each(|(server, answer)| drop(answer.unwrap_or_else(|error| panic!("{server}: {error}"))));
}

#[test]
fn three_brokers_form_one_cluster_and_outlive_one_of_them() {
    let stack = start(3, &[], false);
    let brokers: Vec<SocketAddrV4> = stack.kafka().split(',').map(|broker| broker.parse().unwrap()).collect();
    for &broker in &brokers {
        let mut nodes = kafka_probe::live_nodes(broker).unwrap();
        nodes.sort_unstable();
        assert_eq!(nodes, [1, 2, 3]);
    }
    stack.kill(&ServerId::Broker(1)).unwrap();
    assert_eq!(kafka_probe::live_nodes(brokers[0]), None);
    assert!(kafka_probe::live_nodes(brokers[1]).is_some());
    stack.restart(&ServerId::Broker(1)).unwrap_or_else(|error| panic!("{error}"));
    assert!(kafka_probe::live_nodes(brokers[0]).unwrap().contains(&1));
}

#[test]
fn a_server_that_was_not_wanted_is_named() {
    let stack = start(0, &[], false);
    let refused = stack.kill(&ServerId::Hdfs("x".into())).unwrap_err().to_string();
    assert_eq!(refused, "this stack has no hdfs-x");
}

#[test]
fn impossible_wishes_are_refused() {
    for (brokers, cluster, part) in [(2, "a", "2 brokers"), (1, "A/b", "\"A/b\""), (1, "", "\"\"")] {
        let wanted = Wanted { brokers, hdfs: vec![cluster.into()], ..Wanted::default() };
        let refused = Stack::start(&default_dir(), &wanted).err().expect("refused").to_string();
        assert!(refused.contains(part), "{refused}");
    }
}
