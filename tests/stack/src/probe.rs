//! Questions to every server that only a working one answers.

use std::net::SocketAddrV4;
use std::time::Duration;

use crate::addresses::{Addresses, BucketAddress, ClickHouseAddress, HdfsAddress, Login};
use crate::buckets;
use crate::error::{Error, Result};
use crate::http::{self, Answer};
use crate::kafka_probe;

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks every server; its name, and what it answered in a few words.
pub fn all(at: &Addresses) -> Vec<(String, Result<String>)> {
    let brokers = at.kafka.split(',').filter(|broker| !broker.is_empty());
    let mut answers: Vec<_> =
        brokers.enumerate().map(|(index, broker)| (format!("kafka-{}", index + 1), kafka(broker))).collect();
    answers.extend(at.hdfs.iter().map(|(name, cluster)| (format!("hdfs-{name}"), hdfs(cluster))));
    answers.extend(at.buckets.iter().map(|(name, bucket)| (format!("s3-{name}"), self::bucket(bucket))));
    answers.extend(at.clickhouse.iter().map(|place| ("clickhouse".to_owned(), clickhouse(place))));
    answers.extend(at.second_clickhouse.iter().map(|place| ("clickhouse-2".to_owned(), clickhouse(place))));
    answers
}

/// A broker says what it can do and which brokers it sees.
fn kafka(broker: &str) -> Result<String> {
    let odd = |answer: &str| Error::Answer { server: format!("Kafka at {broker}"), answer: answer.to_owned() };
    let address: SocketAddrV4 = broker.parse().map_err(|_| odd("not an address"))?;
    let requests = kafka_probe::api_count(address).ok_or_else(|| odd("no answer to ApiVersions"))?;
    let nodes = kafka_probe::live_nodes(address).ok_or_else(|| odd("no answer to Metadata"))?;
    if nodes.is_empty() {
        return Err(odd("no broker is alive in its metadata"));
    }
    Ok(format!("Kafka 4.3.1, {requests} kinds of request, brokers {nodes:?}"))
}

/// Writes a file through NameNode and DataNode, reads it back, removes it.
fn hdfs(cluster: &HdfsAddress) -> Result<String> {
    let base = format!("{}/webhdfs/v1/tmp/logmill-check-{}", cluster.http, std::process::id());
    let odd = |asked: &str, answer: &Answer| Error::Answer {
        server: format!("HDFS at {}: {asked}", cluster.url),
        answer: format!("{} {}", answer.status, answer.text()),
    };
    let text = b"one line\n";
    let to = redirect("PUT", &format!("{base}?op=CREATE&overwrite=true&user.name=root"))?;
    let written = http::request("PUT", &to, &[], text, PATIENCE)?;
    if written.status != 201 {
        return Err(odd("write", &written));
    }
    let read = http::request("GET", &redirect("GET", &format!("{base}?op=OPEN&user.name=root"))?, &[], b"", PATIENCE)?;
    let removed = http::request("DELETE", &format!("{base}?op=DELETE&user.name=root"), &[], b"", PATIENCE)?;
    if read.status != 200 || read.body != text {
        return Err(odd("read", &read));
    }
    if removed.status != 200 {
        return Err(odd("remove", &removed));
    }
    let query = format!("{}/jmx?get=Hadoop:service=NameNode,name=NameNodeInfo::SoftwareVersion", cluster.http);
    let version = http::request("GET", &query, &[], b"", PATIENCE)?.text();
    let version = version.split('"').skip_while(|word| *word != "SoftwareVersion").nth(2).unwrap_or("?").to_owned();
    Ok(format!("Hadoop {version}, wrote and read a file"))
}

/// Is answered, and refused without a key.
fn bucket(bucket: &BucketAddress) -> Result<String> {
    let endpoint = &bucket.config["endpoint"];
    if buckets::refuses_strangers(endpoint) {
        return Ok("S3Proxy 4.1.0, refuses who has no key".into());
    }
    Err(Error::Answer {
        server: format!("S3Proxy at {endpoint}"),
        answer: "not the 403 that it owes a stranger".into(),
    })
}

/// WebHDFS sends a client from the NameNode on to a DataNode.
fn redirect(method: &str, url: &str) -> Result<String> {
    let answer = http::request(method, url, &[], b"", PATIENCE)?;
    match answer.header("location") {
        Some(to) => Ok(to.to_owned()),
        None => Err(Error::Answer {
            server: format!("{method} {url}"),
            answer: format!("{} {}", answer.status, answer.text()),
        }),
    }
}

/// Writes a row and reads it back as the two users.
fn clickhouse(place: &ClickHouseAddress) -> Result<String> {
    let database = format!("logmill_check_{}", std::process::id());
    let version = query(place, &place.admin, "SELECT version()")?;
    query(place, &place.admin, &format!("CREATE DATABASE {database}"))?;
    query(place, &place.admin, &format!("CREATE TABLE {database}.t (n UInt8) ENGINE = MergeTree ORDER BY n"))?;
    query(place, &place.admin, &format!("INSERT INTO {database}.t VALUES (7)"))?;
    let read = query(place, &place.analyst, &format!("SELECT n FROM {database}.t"))?;
    let refused = query(place, &place.analyst, &format!("INSERT INTO {database}.t VALUES (8)")).is_err();
    query(place, &place.admin, &format!("DROP DATABASE {database}"))?;
    let odd = |answer: String| Error::Answer { server: format!("ClickHouse at {}", place.url), answer };
    if read.trim() != "7" {
        return Err(odd(format!("wrote 7, the analyst read {read:?}")));
    }
    if !refused {
        return Err(odd("the analyst may write".into()));
    }
    Ok(format!("ClickHouse {}, wrote and read a row; the analyst may only read", version.trim()))
}

/// Runs one statement over HTTP as `login`; its output as text, or the server's exception.
pub fn query(place: &ClickHouseAddress, login: &Login, statement: &str) -> Result<String> {
    let headers = [("X-ClickHouse-User", login.user.as_str()), ("X-ClickHouse-Key", login.password.as_str())];
    let answer = http::request("POST", &format!("{}/", place.url), &headers, statement.as_bytes(), PATIENCE)?;
    if answer.status == 200 {
        return Ok(answer.text());
    }
    let first = answer.text().lines().next().unwrap_or_default().to_owned();
    Err(Error::Answer { server: format!("ClickHouse, {statement:?}"), answer: first })
}
