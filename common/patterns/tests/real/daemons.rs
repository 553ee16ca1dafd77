//! The daemons of Hadoop, Kafka, ZooKeeper and ClickHouse, with the layouts of their own distributions.

use crate::place::{PATIENCE, Place, command, free_port};
use crate::reading::{Cut, Record, check, one};
use logmill_patterns::{BuiltIn, Level};
use logmill_stack::engine::{self, Engine};
use logmill_stack::prerequisites::Program;
use logmill_stack::{Artifacts, Part, ServerId, Stack, Wanted, default_dir, http};
use std::io::Write;
use std::net::TcpStream;
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

/// ZooKeeper comes without a logger of its own in these tests; its distribution brings logback.
#[test]
fn zookeeper() {
    let parts = [Part::Loggers, Part::Keeper];
    let artifacts =
        Artifacts::ensure(&default_dir().join("artifacts"), &parts).unwrap_or_else(|error| panic!("{error}"));
    let place = Place::new();
    place.fill("logback.xml", include_str!("assets/zookeeper-logback.xml"), 0);
    place.write("data/myid", "1\n");
    let [quorum, election, port] = [free_port(), free_port(), free_port()];
    let settings = format!(
        "dataDir={}\ninitLimit=10\nsyncLimit=5\nadmin.enableServer=false\naudit.enable=true\n\
         standaloneEnabled=false\nserver.1=127.0.0.1:{quorum}:{election};127.0.0.1:{port}\n",
        place.path("data").display()
    );
    let settings = place.write("zoo.cfg", &settings);
    let mut class_path = place.folder().as_os_str().to_owned();
    for part in parts {
        class_path.push(":");
        class_path.push(artifacts.class_path(part));
    }
    let mut java = command(Program::Java);
    java.args(["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]);
    java.args(["-Dslf4j.provider=ch.qos.logback.classic.spi.LogbackServiceProvider", "-Dfile.encoding=UTF-8"]);
    java.arg("-cp").arg(class_path).arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(settings);
    let mut server = place.start(java);
    place.until_it_says("server.log", &["leading - broadcast"]);
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    client.write_all(&[0x7f; 8]).expect("it reads"); // the length of a request, and none that it takes
    place.until_it_says("server.log", &["Close of session"]);
    server.stop(PATIENCE);

    let log = place.read("server.log");
    let wanted = &["thread", "logger", "line", "message"];
    let read = check("zookeeper", &log, Cut::Starts, BuiltIn::Log4j, "log4j", true, wanted);
    let start = one(&read, "the start", |r| r.get("message").starts_with("Starting quorum peer"));
    assert_eq!((start.get("thread"), start.get("myid"), start.level), ("main", "1", Level::Info));
    assert_eq!(start.get("logger"), "o.a.z.s.q.QuorumPeerMain");
    let thread = format!("QuorumPeer[myid=1](plain=127.0.0.1:{port})(secure=disabled)");
    let leads = one(&read, "the leader", |r| r.get("message") == "LEADING");
    assert_eq!((leads.get("thread"), leads.get("logger"), leads.get("myid")), (&*thread, "o.a.z.s.q.QuorumPeer", ""));
    assert!(leads.get("line").parse::<u32>().is_ok(), "{leads:?}");
    let refused = one(&read, "no request", |r| r.get("message").starts_with("Close of session"));
    assert!(refused.level == Level::Warn && refused.get("thread").starts_with("NIOWorkerThread-"), "{refused:?}");
    assert!(refused.text.contains("\njava.io.IOException: Len error"), "{refused:?}");

    let audit = place.read("audit.log");
    let fields = &["user", "operation", "result"];
    let read = check("zookeeper, audit", &audit, Cut::Lines, BuiltIn::Hadoop, "hadoop", true, fields);
    let start = one(&read, "the start", |r| r.get("operation") == "serverStart");
    assert_eq!((start.get("result"), start.get("logger")), ("success", "o.a.z.a.Slf4jAuditLogger"));
}

#[test]
fn clickhouse() {
    let folder = default_dir().join("artifacts");
    let artifacts = Artifacts::ensure(&folder, &[Part::Engine]).unwrap_or_else(|error| panic!("{error}"));
    let (place, port) = (Place::new(), free_port());
    let engine = Engine {
        library: artifacts.engine(),
        config: place.fill("config.xml", include_str!("assets/clickhouse.xml"), port),
        data: place.path("data"),
        hold: place.path("hold"),
        address: "127.0.0.1".to_owned(),
        port,
        native: false,
        log_level: "test".to_owned(), // all there is
    };
    let program = engine::program().unwrap_or_else(|error| panic!("{error}"));
    let mut server = place.start(engine.command(&program));
    let ask = |id: &str, query: &str| {
        let url = format!("http://127.0.0.1:{port}/?query_id={id}");
        http::request("POST", &url, &[], query.as_bytes(), PATIENCE).map(|answer| answer.status)
    };
    server.until("to answer", PATIENCE, || ask("first", "SELECT 1").is_ok()).unwrap_or_else(|error| panic!("{error}"));
    for query in ["CREATE TABLE rows (x Int8) ORDER BY x", "INSERT INTO rows VALUES (1)", "OPTIMIZE TABLE rows FINAL"] {
        assert_eq!(ask("rows", query).expect("it answers"), 200, "{query}");
    }
    assert_eq!(ask("a%20%7Bquery%7D", "SELECT 'a: b', nonsense").expect("it answers"), 404);
    place.until_it_says("server.log", &["nonsense", "Merged "]);
    server.stop(PATIENCE);

    let log = place.read("server.log");
    let wanted = &["thread", "message"];
    let read = check("clickhouse", &log, Cut::Years, BuiltIn::Clickhouse, "clickhouse", true, wanted);
    let refused = one(&read, "an error", |r| r.level == Level::Error && r.get("logger") == "executeQuery");
    assert_eq!(refused.get("query_id"), "a {query}");
    assert!(refused.get("message").starts_with("Code: 47. DB::Exception: "), "{refused:?}");
    assert!(refused.get("message").contains("'a: b'") && refused.text.contains("\n0. "), "{refused:?}");
    let is_of_the_table = |r: &Record| r.get("query_id") == "rows" && r.get("logger").starts_with("default.rows (");
    assert!(read.iter().any(is_of_the_table), "{log}");
    for (level, severity) in
        [(Level::Info, "Information"), (Level::Debug, ""), (Level::Trace, ""), (Level::Trace, "Test")]
    {
        assert!(read.iter().any(|r| r.level == level && r.get("severity") == severity), "{severity}: {log}");
    }
}
