//! The daemons of Hadoop and Kafka, with the layouts of their own distributions.

use crate::place::{PATIENCE, Place, command};
use crate::reading::{Cut, check, one};
use logmill_patterns::{BuiltIn, Level};
use logmill_stack::prerequisites::Program;
use logmill_stack::{Artifacts, Part, ServerId, Stack, Wanted, default_dir};
use std::process::Command;

struct Hadoop {
    place: Place,
    artifacts: Artifacts,
}

impl Hadoop {
    fn new() -> Self {
        let folder = default_dir().join("artifacts");
        let artifacts = Artifacts::ensure(&folder, &[Part::Hdfs]).unwrap_or_else(|error| panic!("{error}"));
        let place = Place::new();
        place.fill("conf/log4j.properties", include_str!("assets/hadoop-log4j.properties"), 0);
        Self { place, artifacts }
    }

    /// Where the NameNode is; port 0 for one that it chooses.
    fn configure(&self, port: u16) {
        let folder = self.place.folder().display();
        let settings = [
            ("fs.defaultFS", format!("hdfs://127.0.0.1:{port}")),
            ("hadoop.tmp.dir", format!("{folder}/tmp")),
            ("dfs.namenode.name.dir", format!("file://{folder}/name")),
            ("dfs.datanode.data.dir", format!("file://{folder}/data")),
            ("dfs.namenode.http-address", "127.0.0.1:0".into()),
            ("dfs.datanode.address", "127.0.0.1:0".into()),
            ("dfs.datanode.http.address", "127.0.0.1:0".into()),
            ("dfs.datanode.ipc.address", "127.0.0.1:0".into()),
            ("dfs.datanode.hostname", "127.0.0.1".into()),
            ("dfs.namenode.datanode.registration.ip-hostname-check", "false".into()),
            ("dfs.replication", "1".into()),
        ];
        let property = |(name, value): &(&str, String)| {
            format!("<property><name>{name}</name><value>{value}</value></property>\n")
        };
        let properties: String = settings.iter().map(property).collect();
        // Each kind of setting in its own file: the defaults of the other kind would hide it.
        for file in ["conf/core-site.xml", "conf/hdfs-site.xml"] {
            self.place.write(file, &format!("<configuration>\n{properties}</configuration>\n"));
        }
    }

    /// One of Hadoop's mains, its logs in files called after `daemon`.
    fn java(&self, daemon: &str, main: &str, arguments: &[&str]) -> Command {
        let mut class_path = self.place.path("conf").into_os_string();
        class_path.push(":");
        class_path.push(self.artifacts.class_path(Part::Hdfs));
        let mut java = command(Program::Java);
        java.args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]);
        java.arg(format!("-Ddaemon={daemon}")).arg("-cp").arg(class_path);
        java.arg(format!("org.apache.hadoop.{main}")).args(arguments);
        java
    }
}

#[test]
fn hadoop() {
    let hadoop = Hadoop::new();
    hadoop.configure(0);
    let name_node = "hdfs.server.namenode.NameNode";
    hadoop.place.run(hadoop.java("format", name_node, &["-format", "-nonInteractive"]), "format.out");
    let mut name_node = hadoop.place.start(hadoop.java("namenode", name_node, &[]));
    let log =
        hadoop.place.until_it_says("namenode.log", &["RPC up at: ", "Starting services required for active state"]);
    let address = log.split("RPC up at: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let port = address.rsplit(':').next().and_then(|port| port.trim_end_matches('.').parse().ok());
    hadoop.configure(port.unwrap_or_else(|| panic!("no port in {address:?}")));
    let mut data_node = hadoop.place.start(hadoop.java("datanode", "hdfs.server.datanode.DataNode", &[]));
    hadoop.place.until_it_says("datanode.log", &["successfully registered with NN"]);
    let shell = |arguments: &[&str]| {
        hadoop.place.run(hadoop.java("shell", "fs.FsShell", arguments), "shell.out");
    };
    let file = hadoop.place.write("file", "text\n");
    shell(&["-mkdir", "-p", "/logs/a b"]);
    shell(&["-put", file.to_str().expect("a path of ours"), "/logs/a b/c"]);
    shell(&["-ls", "/logs"]);
    hadoop.place.until_it_says("namenode-audit.log", &["cmd=mkdirs", "cmd=create", "cmd=listStatus"]);
    data_node.stop(PATIENCE);
    name_node.stop(PATIENCE);

    for log in ["format", "namenode", "datanode"] {
        let file = hadoop.place.read(&format!("{log}.log"));
        let read = check(log, &file, Cut::Starts, BuiltIn::Hadoop, "hadoop", true, &["logger", "message"]);
        let main = if log == "datanode" { "datanode.DataNode" } else { "namenode.NameNode" };
        let start = one(&read, "the start", |r| {
            r.get("message").starts_with("STARTUP_MSG") && r.text.contains("STARTUP_MSG:   host = ")
        });
        assert_eq!(
            (start.get("logger"), start.level),
            (&*format!("org.apache.hadoop.hdfs.server.{main}"), Level::Info)
        );
        // The console's layout has no milliseconds; the one with places in the code is that of development.
        for (suffix, form) in [("console", "hadoop"), ("debug", "hadoop")] {
            let file = hadoop.place.read(&format!("{log}-{suffix}.log"));
            let again = check(log, &file, Cut::Starts, BuiltIn::Hadoop, form, true, &["logger", "message"]);
            assert_eq!(again.len(), read.len(), "{log}-{suffix}");
            let start = one(&again, "the start", |r| r.text.contains("STARTUP_MSG:   host = "));
            assert_eq!(start.get("logger"), main, "{log}-{suffix}");
            assert!(suffix == "console" || start.get("source").starts_with("StringUtils.java:"), "{start:?}");
        }
    }
    let audit = hadoop.place.read("namenode-audit.log");
    let fields = &["allowed", "ugi", "ip", "cmd", "src", "proto"];
    let read = check("audit", &audit, Cut::Lines, BuiltIn::Hadoop, "hadoop", true, fields);
    let made = one(&read, "a folder made", |r| r.get("cmd") == "mkdirs");
    assert_eq!([made.get("src"), made.get("ip"), made.get("allowed")], ["/logs/a b", "127.0.0.1", "true"]);
    assert!(made.get("ugi").ends_with("(auth:SIMPLE)") && made.get("perm").contains("rwxr-xr-x"), "{made:?}");
}

#[test]
fn kafka() {
    let wanted = Wanted { brokers: 1, ..Wanted::default() };
    let stack = Stack::start(&default_dir(), &wanted).unwrap_or_else(|error| panic!("{error}"));
    // What the stack's own layout leaves, at WARN, is as Hadoop's.
    let place = Place::new();
    let settings = place.fill("log4j2.properties", include_str!("assets/kafka-log4j2.properties"), 0);
    std::fs::copy(settings, stack.folder().join("kafka-1/log4j2.properties")).expect("a file of the stack");
    stack.restart(&ServerId::Broker(1)).unwrap_or_else(|error| panic!("{error}"));
    place.until_it_says("server.log", &["Kafka Server started"]);
    stack.stop();

    let log = place.read("server.log");
    let read = check("kafka", &log, Cut::Starts, BuiltIn::Kafka, "kafka", true, &["logger", "message"]);
    let started = one(&read, "the start", |r| r.get("message").ends_with("Kafka Server started"));
    assert_eq!((started.get("logger"), started.level), ("kafka.server.KafkaRaftServer", Level::Info));
    let values = read.iter().find(|r| r.get("message").starts_with("KafkaConfig values:")).expect("its configuration");
    assert_eq!(values.get("logger"), "org.apache.kafka.common.config.AbstractConfig");
    assert!(values.text.lines().count() > 100, "{}", values.text);
}
