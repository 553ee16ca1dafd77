//! The commands that ask servers, against real ones.

mod bench;

use bench::Bench;
use logmill_core::{FileId, FileMeta, Plan};
use logmill_protocol::fetch::Task;
use logmill_stack::{http, shared};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

/// The same text without the times in it, each of which has to be later than `since`.
fn timeless(text: &str, since: SystemTime) -> String {
    let mut all = text.to_owned();
    for word in text.split_whitespace() {
        if let Ok(time) = humantime::parse_rfc3339(word) {
            assert!(time >= since, "{word} is no time of the broker's clock");
            all = all.replace(word, "TIME");
        }
    }
    all
}

/// A configuration for the shared servers, with names of its own.
fn configured(name: &str) -> Bench {
    let bench = Bench::new();
    bench.file("files/logs/a.log", b"x\n");
    let (hdfs, clickhouse) = (shared::hdfs(0), shared::clickhouse());
    let hadoop: String = hdfs.config.iter().map(|(key, value)| format!("{key:?} = {value:?}\n")).collect();
    let text = format!(
        "chain = {name:?}\n[kafka]\nbrokers = {:?}\npartitions = 2\n\
         [clickhouse]\nurl = {:?}\ndatabase = {name:?}\nuser = {:?}\npassword = {:?}\n\
         [clusters.folder]\nurl = \"file://{}/files\"\n\
         [clusters.hdfs]\nurl = {:?}\nfolders = [\"/\"]\n[clusters.hdfs.hadoop]\n{hadoop}",
        shared::kafka(),
        clickhouse.url,
        clickhouse.admin.user,
        clickhouse.admin.password,
        bench.folder().display(),
        hdfs.url,
    );
    bench.file("logmill.toml", text.as_bytes());
    bench
}

#[test]
fn a_chain_is_made_checked_and_looked_at() {
    let bench = configured("cli_made");
    let run = bench.run(&["validate", "--connect"]);
    assert_eq!(run.code, 1);
    for advice in ["run `logmill topics apply`", "run `logmill migrate`"] {
        assert!(run.stdout.contains(advice), "{}", run.stdout);
    }

    let plan = bench.run(&["topics", "plan"]);
    assert_eq!(plan.code, 1);
    insta::assert_snapshot!("topics_plan", plan.stdout);
    let apply = bench.run(&["topics", "apply"]);
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    let plan = bench.run(&["topics", "plan"]);
    assert_eq!((plan.code, plan.stdout.as_str()), (0, "all 16 topics are as they must be\n"));

    assert_eq!(bench.run(&["migrate"]).code, 0);
    let again = bench.run(&["migrate", "--format", "json"]);
    assert!(again.stdout.contains("\"unchecked\":null"), "{}", again.stdout);
    assert!(again.stdout.contains("\"applied\":[]"), "{}", again.stdout);

    let run = bench.run(&["validate", "--connect"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    let shown = run.stdout.replace(shared::kafka(), "KAFKA").replace(&shared::clickhouse().url, "CLICKHOUSE");
    let versionless: Vec<_> = shown
        .split_inclusive("version ")
        .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'))
        .collect();
    insta::assert_snapshot!("validate_connect", versionless.concat());

    let status = bench.run(&["status"]);
    assert_eq!(status.code, 0, "{}", status.stdout);
    insta::assert_snapshot!("status", status.stdout);
    let located = bench.run(&["where", "/logs/none.gz"]);
    assert_eq!((located.code, located.stdout.as_str()), (1, ""));
    assert!(located.stderr.contains("no file is known as /logs/none.gz"), "{}", located.stderr);
    let reconciled = bench.run(&["reconcile"]);
    assert_eq!((reconciled.code, reconciled.stdout.as_str()), (0, ""), "{}", reconciled.stderr);
    assert_eq!(bench.run(&["reconcile", "/logs/*.gz"]).code, 1, "no file matches");

    let clusters = bench.run(&["clusters"]);
    assert_eq!(clusters.code, 1, "no fetcher runs: {}", clusters.stderr);
    insta::assert_snapshot!("clusters", clusters.stdout);

    let lag = bench.run(&["lag", "--over", "0.1", "--format", "json"]);
    assert_eq!(lag.code, 0, "{}", lag.stderr);
    let rows = lag.rows();
    assert_eq!(rows.len(), 13, "{}", lag.stdout);
    assert!(rows.iter().all(|row| row["records"] == 0 && row["seconds_to_drain"] == 0.0), "{}", lag.stdout);
}

#[test]
fn what_another_configuration_would_change_is_named() {
    let bench = configured("cli_other");
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    let other = |key: &str, value: &str, command: &[&str]| {
        let output = bench.command(command).env(key, value).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = other("LOGMILL__KAFKA__PARTITIONS", "1", &["topics", "apply"]);
    assert!(code == Some(1) && said.contains("has 2 partitions, 1 are wanted: Kafka takes none away"), "{said}");
    let (code, said) = other("LOGMILL__KAFKA__PARTITIONS", "3", &["topics", "plan"]);
    assert!(code == Some(1) && said.contains("has 2 partitions, 3 are wanted: `logmill topics apply` adds"), "{said}");
    put("cli_other.text", &[("k", "on its way")]);
    let (code, said) = other("LOGMILL__KAFKA__PARTITIONS", "3", &["topics", "apply"]);
    let why = "on its way: up to 1 records before the distributor in cli_other.text";
    assert!(code == Some(1) && said.contains(why), "{said}");
    let (code, said) = other("LOGMILL__KAFKA__RETENTION", "30days", &["validate", "--connect"]);
    assert!(code == Some(1) && said.contains("retention.ms is 604800000, needed is 2592000000"), "{said}");
    let (code, said) = other("LOGMILL__CLUSTERS__FOLDER__FOLDERS", "[\"/none\"]", &["validate", "--connect"]);
    assert!(code == Some(1) && said.contains("FAILED folder: folder /none"), "{said}");
}

#[test]
fn a_chain_with_nothing_on_its_way_gets_more_partitions() {
    let bench = configured("cli_grown");
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    let with_three = |command: &[&str]| {
        let output = bench.command(command).env("LOGMILL__KAFKA__PARTITIONS", "3").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = with_three(&["topics", "apply"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("done: cli_grown.raw: has 2 partitions, 3 are wanted"), "{said}");
    assert_eq!(with_three(&["topics", "plan"]), (Some(0), "all 16 topics are as they must be\n".to_owned()));
    assert_eq!(with_three(&["topics", "apply"]).0, Some(0), "again does nothing");
}

/// How long each command takes is printed, for whoever wonders; a busy machine decides it.
#[test]
fn every_command_answers_on_a_chain_at_rest() {
    let bench = configured("cli_rest");
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    assert_eq!(bench.run(&["migrate"]).code, 0);
    for (arguments, code) in [
        (&["status"][..], 0),
        (&["lag"], 0),
        (&["files"], 1),
        (&["where", "/none"], 1),
        (&["reconcile"], 0),
        (&["clusters"], 1),
        (&["dlq", "list"], 0),
        (&["dlq", "drop", "0/0", "--why", "seen"], 1),
        (&["dlq", "replay", "--reason", "decree"], 1),
        (&["tap", "raw"], 1),
        (&["top", "--once"], 0),
        (&["replay", "/none"], 1),
        (&["redecode", "/none", "--encoding", "gbk"], 1),
        (&["forget", "/none"], 1),
        (&["topics", "plan"], 0),
        (&["topics", "apply"], 0),
        (&["migrate"], 0),
        (&["validate", "--connect"], 0),
        (&["pause", "channel", "c0"], 0),
        (&["resume", "channel", "c0"], 0),
        (&["dlq", "show", "0/0"], 2),
        (&["analyze", "users", "--app", "shop"], 2),
        (&["finish"], 0),
        (&["plan", "--tb-per-day", "60"], 0),
    ] {
        let start = Instant::now();
        let text = bench.run(arguments);
        println!("{:>6.0} ms  logmill {}", start.elapsed().as_secs_f64() * 1000.0, arguments.join(" "));
        let json = bench.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!((text.code, json.code), (code, code), "{arguments:?}: {}{}", text.stderr, json.stderr);
        json.rows();
    }
    let screen = bench.run(&["top", "--once"]).stdout;
    assert!(screen.starts_with("logmill cli_rest: idle: all that came is loaded"), "{screen}");
    assert!(bench.run(&["top"]).stderr.contains("standard output is no terminal"));
}

#[test]
fn what_is_paused_is_shown_until_it_is_resumed() {
    let bench = configured("cli_paused");
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    assert_eq!(bench.run(&["migrate"]).code, 0);
    let unknown = bench.run(&["pause", "channel", "hdfs"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    assert!(unknown.stderr.contains("there is no channel \"hdfs\"; channels are c0, c1"), "{}", unknown.stderr);
    let said = bench.run(&["pause", "cluster", "hdfs", "--who", "me", "--why", "an upgrade"]);
    assert_eq!(
        said.stdout, "the cluster hdfs is paused; `logmill clusters` shows who has seen it\n",
        "{}",
        said.stderr
    );
    let said = bench.run(&["pause", "channel", "c1", "--who", "me", "--format", "json"]);
    let rows = said.rows();
    assert_eq!(
        (&rows[0]["pause"], &rows[0]["paused"], &rows[0]["who"]),
        (&"channel".into(), &true.into(), &"me".into())
    );

    let status = bench.run(&["status"]).stdout;
    for line in [
        "paused  the cluster hdfs since ",
        " by me: an upgrade\n",
        "channel cli_paused.channel.c1 is passed over: it is paused\n",
    ] {
        assert!(status.contains(line), "{line:?}: {status}");
    }
    assert_eq!(bench.run(&["status", "--format", "json"]).rows()[0]["paused"][0]["name"], "hdfs");
    let clusters = bench.run(&["clusters"]).stdout;
    assert!(clusters.contains("hdfs             paused, no fetcher"), "{clusters}");
    assert!(clusters.contains("folder           no fetcher"), "{clusters}");
    let lag = bench.run(&["lag", "--over", "0"]).stdout;
    assert_eq!(lag.matches("passed over: it is paused").count(), 1, "{lag}");

    assert_eq!(bench.run(&["resume", "cluster", "hdfs"]).stdout, "the cluster hdfs goes on\n");
    assert_eq!(bench.run(&["resume", "cluster", "hdfs"]).stdout, "the cluster hdfs was not paused\n");
    assert_eq!(bench.run(&["resume", "channel", "c1"]).code, 0);
    assert!(!bench.run(&["status"]).stdout.contains("paused  the "));
}

#[test]
fn a_bucket_is_listed_and_what_is_wrong_with_its_settings_is_said() {
    let bench = configured("cli_bucket");
    let bucket = shared::bucket();
    let validate = |arguments: &[&str], key: &str, value: &str| {
        let mut command = bench.command(arguments);
        command.env("LOGMILL__CLUSTERS__FOLDER__URL", &bucket.url);
        for (key, value) in bucket.config.iter().map(|(k, v)| (k.as_str(), v.as_str())).chain([(key, value)]) {
            command.env(format!("LOGMILL__CLUSTERS__FOLDER__STORE__{}", key.to_uppercase()), value);
        }
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let said = validate(&["validate", "--connect"], "region", "us-east-1");
    assert!(said.contains("ok     folder: folder /logs: can be listed; no file to take among 0"), "{said}");
    let said = validate(&["validate", "--connect"], "secret_access_key", "guess");
    assert!(said.contains("FAILED folder: folder /logs") && said.contains("SignatureDoesNotMatch"), "{said}");
    let said = validate(&["validate"], "regoin", "us-east-1");
    assert!(said.contains("FAILED folder: settings: cluster folder: store has no setting \"regoin\""), "{said}");
}

#[test]
fn records_that_nobody_has_taken_are_lag_and_dead_letters_are_shown() {
    let bench = configured("cli_letters");
    let begun = SystemTime::now() - Duration::from_secs(1); // times are shown in whole milliseconds
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    let topic = "cli_letters.dead-letters";
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", shared::kafka())
        .set("transactional.id", "cli_letters.test")
        .create()
        .unwrap();
    let bound = Duration::from_secs(30);
    producer.init_transactions(bound).unwrap();
    for committed in [true, false, true] {
        producer.begin_transaction().unwrap();
        let header = |key, value| Header { key, value: Some(value) };
        let headers = OwnedHeaders::new()
            .insert(header("reason", "corrupt"))
            .insert(header("detail", if committed { "the stream is damaged" } else { "never seen" }))
            .insert(header("stage", "decompressor"))
            .insert(header("at-byte", "1234"))
            .insert(header("path", "/logs/a\nb.gz"))
            .insert(header("origin", "cli_letters.raw/0/17"));
        let key = "0123456789abcdef0123456789abcdef";
        // By a clock that is years behind.
        let payload = &b"two\nlines \x7f\x07\xff"[..];
        let record = BaseRecord::to(topic).partition(1).key(key).payload(payload).timestamp(1_500_000_000_123);
        producer.send(record.headers(headers)).unwrap();
        producer.flush(bound).unwrap();
        if committed { producer.commit_transaction(bound).unwrap() } else { producer.abort_transaction(bound).unwrap() }
    }
    let events = "cli_letters.file-events";
    producer.begin_transaction().unwrap();
    for _ in 0..500 {
        producer.send(BaseRecord::<str, str>::to(events).partition(0).key("k").payload("aborted")).unwrap();
    }
    producer.flush(bound).unwrap();
    producer.abort_transaction(bound).unwrap();
    let unknown = bench.run(&["dlq", "list"]);
    assert_eq!((unknown.code, unknown.stdout.lines().count()), (1, 2), "nothing says which letters were dealt with");
    assert_eq!(bench.run(&["migrate"]).code, 0);
    let list = bench.run(&["dlq", "list"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    insta::assert_snapshot!("dlq_list", timeless(&list.stdout, begun));
    let show = bench.run(&["dlq", "show", "1/0"]);
    insta::assert_snapshot!("dlq_show", timeless(&show.stdout, begun));
    let json = bench.run(&["dlq", "show", "1/0", "--format", "json"]);
    assert_eq!(json.rows()[0]["payload"], "two\nlines \u{7f}\u{7}\u{fffd}");
    assert_eq!(json.rows()[0]["payload_hex"], "74776f0a6c696e6573207f07ff");
    let early = bench.run(&["dlq", "drop", "1/0", "--why", "seen"]);
    assert!(early.code == 1 && early.stderr.contains("1/0 does not fit"), "no loader has put it in: {}", early.stderr);
    assert_eq!(bench.run(&["dlq", "drop", "--why", "seen"]).code, 2, "which letters?");
    assert_eq!(bench.run(&["dlq", "drop", "1/0", "--why", ""]).code, 2);
    assert_eq!(bench.run(&["dlq", "replay", "--reason", "corrupt"]).code, 1);
    for (place, code) in [("1/2", 2), ("9/0", 2), ("x", 2)] {
        assert_eq!(bench.run(&["dlq", "show", place]).code, code, "{place}");
    }

    let tap = bench.run(&["tap", "dead-letters"]);
    let rows = tap.rows();
    let seen: Vec<_> = rows.iter().map(|row| (&row["partition"], &row["headers"]["detail"], &row["bytes"])).collect();
    let detail = "the stream is damaged".into();
    assert_eq!(seen, [(&1.into(), &detail, &13.into()); 2], "what was aborted is not shown: {}", tap.stdout);
    assert_eq!(rows[0]["hex"], "74776f0a6c696e6573207f07ff");
    assert_eq!(rows[0]["key"], "0123456789abcdef0123456789abcdef");
    let second = rows[1]["offset"].to_string();
    for (arguments, count) in [
        (&["--limit", "1"][..], 1),
        (&["--from", &second], 1),
        (&["--from", "10m"], 2),
        (&["--from", "2099-01-01"], 0),
        (&["--partition", "0"], 0),
        (&["--file", "0123456789abcdef0123456789abcdef", "--no-payload"], 2),
        (&["--file", "/logs/a*"], 2),
        (&["--file", "/logs/other"], 0),
    ] {
        let run = bench.run(&[&["tap", topic], arguments].concat());
        assert_eq!((run.rows().len(), run.code), (count, i32::from(count == 0)), "{arguments:?}: {}", run.stderr);
    }
    assert_eq!(bench.run(&["tap", "file-events"]).code, 1, "all of it was aborted");
    for arguments in [&["tap", "nothing"][..], &["tap", "raw", "--from", "soon"], &["tap", "raw", "--partition", "2"]] {
        assert_eq!(bench.run(arguments).code, 2, "{arguments:?}");
    }
    let mut follows = bench.command(&["tap", "dead-letters", "--from", "end", "--follow", "--limit", "1"]);
    let mut follows = follows.stdout(Stdio::null()).spawn().unwrap();
    // It ends with the first record that comes while it looks.
    let start = Instant::now();
    while follows.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < bound, "what comes is shown");
        put(topic, &[("k", "more")]);
        std::thread::sleep(Duration::from_millis(300));
    }

    let lag = bench.run(&["lag", "--over", "0", "--format", "json"]);
    let letters = lag.rows().into_iter().find(|row| row["topic"] == topic).unwrap();
    assert!(letters["records"].as_u64().unwrap() >= 2, "{letters}");
    assert_eq!((&letters["stage"], &letters["seconds_to_drain"]), (&"loader".into(), &serde_json::Value::Null));
    let aborted = lag.rows().into_iter().find(|row| row["topic"] == events).unwrap();
    assert_eq!(aborted["records"], 0, "nobody will ever see what was aborted");
    let lag = bench.run(&["lag", "--over", "0.2"]);
    let letters = lag.stdout.lines().find(|line| line.contains(topic)).unwrap();
    assert!(letters.ends_with("not moving"), "{letters}");
}

/// Puts records on partition 0 of a topic.
fn put(topic: &str, records: &[(&str, &str)]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", shared::kafka()).create().unwrap();
    for (key, payload) in records {
        producer.send(BaseRecord::to(topic).partition(0).key(*key).payload(*payload)).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// A task of the cluster `folder`, as a lister makes it.
fn task(id: u128, path: &str) -> String {
    let file = FileMeta::new(FileId(id), "folder", path, Plan::default());
    String::from_utf8(Task::new(file).encode().payload.to_vec()).unwrap()
}

#[test]
fn a_file_that_waits_for_a_fetcher_is_listed_though_the_ledger_knows_nothing_of_it() {
    let bench = configured("cli_files");
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    assert_eq!(bench.run(&["migrate"]).code, 0);
    assert_eq!(bench.run(&["files"]).code, 1, "there is none");
    put("cli_files.tasks.folder", &[("1", &task(1, "/logs/first.gz"))]);
    put("cli_files.backfill.folder", &[("2", &task(2, "/logs/second.gz")), ("x", "no task")]);
    let run = bench.run(&["files", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let seen: Vec<_> = run.rows().iter().map(|row| (row["path"].clone(), row["state"].clone())).collect();
    assert_eq!(seen, [("/logs/first.gz".into(), "waiting".into()), ("/logs/second.gz".into(), "waiting".into())]);
    assert_eq!(run.stderr, "2 files: 2 waiting\n");
    let some = bench.run(&["files", "/logs/sec*", "--state", "waiting,fetching"]);
    let line = some.stdout.lines().last().unwrap().to_owned();
    assert!(line.starts_with("waiting ") && line.ends_with("folder:/logs/second.gz"), "{line}");
    assert_eq!(bench.run(&["files", "--limit", "1"]).stdout.lines().count(), 2);
    assert_eq!(bench.run(&["files", "--state", "proven"]).code, 1);
    assert_eq!(bench.run(&["files", "--state", "prooven"]).code, 2);
}

#[test]
fn reconcile_is_not_content_while_tasks_wait_that_nobody_has_opened() {
    let bench = configured("cli_waits");
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    assert_eq!(bench.run(&["migrate"]).code, 0);
    assert_eq!(bench.run(&["reconcile"]).code, 0);
    put("cli_waits.tasks.folder", &[("k", "a task")]);
    let run = bench.run(&["reconcile"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("up to 1 records before the fetcher in cli_waits.tasks.folder"), "{}", run.stderr);
    assert_eq!(bench.run(&["reconcile", "--settled"]).code, 0);
}

#[test]
fn columns_of_fields_are_made_and_dropped() {
    let bench = configured("cli_columns");
    let before = std::fs::read(bench.folder().join("logmill.toml")).unwrap();
    let with = |kind: &str| {
        bench.file("logmill.toml", &[&before, format!("[columns]\nstatus = \"{kind}\"\n").as_bytes()].concat())
    };
    with("int");
    let validated = |said: &str| {
        let run = bench.run(&["validate", "--connect"]);
        assert!(run.stdout.contains(&format!("clickhouse: columns: {said}")), "{}", run.stdout);
    };
    validated("missing: status");
    let run = bench.run(&["migrate"]);
    assert!(run.code == 0 && run.stdout.contains("made      column status\n"), "{}{}", run.stdout, run.stderr);
    validated("all 1 of fields are there");
    for change in [&|| with("float") as (), &|| bench.file("logmill.toml", &before)] as [&dyn Fn(); 2] {
        change();
        let run = bench.run(&["migrate"]);
        assert!(run.code != 0 && run.stderr.contains("`logmill migrate --drop-column status`"), "{}", run.stderr);
    }
    with("float");
    validated("the column status was made for \"status\" = \"int\", and [columns] has \"status\" = \"float\"");
    bench.file("logmill.toml", &before);
    let run = bench.run(&["migrate", "--drop-column", "status", "--format", "json"]);
    assert!(run.code == 0 && run.stdout.contains("\"columns_dropped\":[\"status\"]"), "{}{}", run.stdout, run.stderr);
    assert_eq!(bench.run(&["migrate"]).code, 0);
}

#[test]
fn the_rights_that_the_docs_name_suffice_for_a_database_that_somebody_else_made() {
    let (docs, users) =
        (include_str!("../../../docs/operations.md"), include_str!("../../../tests/stack/assets/clickhouse-users.xml"));
    let (_, grant) = docs.split_once("`GRANT ").expect("the docs say it");
    let (rights, _) = grant.split_once(" ON logmill.* TO logmill`").expect("of one database");
    assert!(users.contains(&format!("<query>GRANT {rights} ON owned.*</query>")), "{rights}");
    let (_, beside) = docs.split_once("TO logmill`,\n`GRANT ").expect("of the databases beside it too");
    let (rights, _) = beside.split_once(" ON logmill_compared_*.* TO logmill`").expect("of these");
    assert!(users.contains(&format!("<query>GRANT {rights} ON owned_compared_*.*</query>")), "{rights}");
    for more in [
        "TABLE ENGINE ON *",
        "SELECT ON system.data_skipping_indices",
        "SELECT ON system.projections",
        "SELECT ON system.parts",
        "SELECT ON system.processes",
    ] {
        assert!(users.contains(&format!("<query>GRANT {more}</query>")), "{more}");
        assert!(docs.contains(&format!("`GRANT {more} TO logmill`")), "{more}");
    }

    let bench = configured("owned");
    let clickhouse = shared::clickhouse();
    let login = [("X-ClickHouse-User", &*clickhouse.admin.user), ("X-ClickHouse-Key", &*clickhouse.admin.password)];
    let made = http::request("POST", &clickhouse.url, &login, b"CREATE DATABASE owned", Duration::from_secs(30));
    assert_eq!(made.expect("the server answers").status, 200);
    let text = String::from_utf8(std::fs::read(bench.folder().join("logmill.toml")).unwrap()).unwrap();
    let text = text.replace("user = \"admin\"", "user = \"owner\"") + "[columns]\nstatus = \"int\"\n";
    bench.file("logmill.toml", text.as_bytes());
    let run = bench.run(&["migrate"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let by_hand = |sql: &str| {
        let done = http::request("POST", &clickhouse.url, &login, sql.as_bytes(), Duration::from_secs(30));
        assert_eq!(done.expect("the server answers").status, 200);
    };
    by_hand("ALTER TABLE owned.rows DROP INDEX time_range");
    let run = bench.run(&["migrate"]);
    let refused = "is not what its migrations made";
    let refuses = run.code == 1 && run.stderr.contains(refused) && run.stderr.contains("time_range");
    assert!(refuses, "{} {}{}", run.code, run.stdout, run.stderr);
    by_hand("ALTER TABLE owned.rows ADD INDEX time_range time TYPE minmax GRANULARITY 1");
    let run = bench.run(&["migrate"]);
    assert!(run.code == 0 && !run.stdout.contains("was not compared"), "{}{}", run.stdout, run.stderr);
    let run = bench.run(&["validate", "--connect"]);
    for line in [
        "ok     clickhouse: rights: ",
        "ok     clickhouse: rights to compare: ALTER, ",
        "ok     clickhouse: columns: all 1 of fields are there",
    ] {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
    assert_eq!(bench.run(&["topics", "apply"]).code, 0);
    let run = bench.run(&["reconcile"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    bench.file("logmill.toml", text.replace("[columns]\nstatus = \"int\"\n", "").as_bytes());
    let run = bench.run(&["migrate", "--drop-column", "status"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}
