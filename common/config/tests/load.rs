//! Reading a configuration: each input with what comes of it.

use logmill_config::{Config, Layout, Weight};

fn parse(text: &str) -> Result<Config, String> {
    with(text, &[])
}

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, "logmill.toml", variables).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, message: &str) {
    assert_eq!(parse(text).expect_err("this configuration is wrong"), message);
}

#[test]
fn nothing_at_all_is_the_defaults() {
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn sizes_and_times_are_written_as_people_do() {
    let config =
        parse("transaction.bytes = \"1 MiB\"\ntransaction.interval = \"1s 500ms\"\nworker.queue_bytes = 20000000")
            .unwrap();
    assert_eq!(config.transaction.bytes.0, 1 << 20);
    assert_eq!(config.transaction.interval.as_millis(), 1500);
    assert_eq!(config.worker.queue_bytes.0, 20_000_000);
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
    refused(
        "chain = \"a\"\n\n[kafka]\nbrokres = \"a:1\"\n",
        "logmill.toml:4: unknown key \"kafka.brokres\"; did you mean \"brokers\"?",
    );
    refused("[kafak]\n", "logmill.toml:1: unknown key \"kafak\"; did you mean \"kafka\"?");
    refused(
        "[clusters.a]\nurl = \"file:///x\"\ncorutines = 2\n",
        "logmill.toml:3: unknown key \"clusters.a.corutines\"; did you mean \"coroutines\"?",
    );
    refused("[http]\nxyzzy = 2\n", "logmill.toml:2: unknown key \"http.xyzzy\"; known here: listen");
    refused(
        "[[encodings]]\nencoding = \"gbk\"\n[[encodings]]\nencodign = \"gbk\"\n",
        "logmill.toml:4: unknown key \"encodings.1.encodign\"; did you mean \"encoding\"?",
    );
}

#[test]
fn a_value_of_the_wrong_kind_names_its_line() {
    insta::assert_snapshot!(parse("\n[worker]\nthreads = \"two\"\n").unwrap_err());
    insta::assert_snapshot!(parse("layout = \"mixed\"\n").unwrap_err());
    insta::assert_snapshot!(parse("[transaction]\ninterval = \"soon\"\n").unwrap_err());
    insta::assert_snapshot!(parse("[plan]\nraw_bytes = \"much\"\n").unwrap_err());
    insta::assert_snapshot!(parse("kafka = 5\n").unwrap_err());
}

#[test]
fn a_pattern_for_records_that_is_none_names_its_line() {
    refused(
        "[plan]\nrecord_start = '[a'\n",
        "logmill.toml:2: plan.record_start: \"[a\" is not a regular expression: unclosed character class",
    );
    refused(
        "[[rules]]\npath = \"*.log\"\nrecord_start = '(a{1000}){1000}'\n",
        "logmill.toml:3: rules.0.record_start: \"(a{1000}){1000}\" would take more than 1048576 bytes once compiled: its \
         repetitions are too many",
    );
    insta::assert_snapshot!(parse("[plan]\nheader = \"tsv\"\n").unwrap_err());
}

#[test]
fn rules_say_how_records_begin_and_where_a_header_is() {
    use logmill_core::Header;
    let config = parse(
        "[plan]\nrecord_start = '\\d{4}-'\n[[rules]]\npath = \"*.csv\"\nrecord_start = ''\nheader = \"csv\"\n\
         [[rules]]\npath = \"/iis/**\"\nheader = \"w3c\"\n[[rules]]\npath = \"/iis/raw/**\"\nheader = \"none\"\n",
    )
    .unwrap();
    let plan = |path| {
        let (_, plan) = config.plan_for("a", path);
        (plan.record_start, plan.header)
    };
    let date = || Some(r"\d{4}-".to_owned());
    assert_eq!(plan("/logs/a.log"), (date(), None));
    assert_eq!(plan("/logs/a.csv"), (None, Some(Header::Csv)));
    assert_eq!(plan("/iis/u.log"), (date(), Some(Header::W3c)));
    assert_eq!(plan("/iis/raw/u.log"), (date(), None));
    let (none, was) = (parse("").unwrap().plan_for("a", "/x").1, logmill_core::Plan::default());
    assert_eq!(none.version(), was.version());
    assert!(!serde_json::to_string(&none).unwrap().contains("record_start"), "plans of before are what they were");
}

#[test]
fn what_is_not_toml_names_its_line() {
    insta::assert_snapshot!(parse("chain = \"a\"\n[kafka\n").unwrap_err());
}

#[test]
fn the_environment_overrides_the_file() {
    let config = with(
        "chain = \"a\"\n[clusters.HDFS]\nurl = \"file:///x\"\n",
        &[
            ("LOGMILL__CHAIN", "b"),
            ("LOGMILL__LAYOUT", "fused"),
            ("LOGMILL__KAFKA__BROKERS", "k:1,k:2"),
            ("LOGMILL__WORKER__THREADS", "3"),
            ("LOGMILL__WORKER__SLOT", "7"),
            ("LOGMILL__CLICKHOUSE__PASSWORD", "12345"),
            ("LOGMILL__PLAN__RAW_BYTES", "1 KiB"),
            ("LOGMILL__CLUSTERS__HDFS__FOLDERS", "[\"/a\", \"/b\"]"),
            ("LOGMILL__KAFKA__PROPERTIES__linger.ms", "5"),
            ("LOGMILL_CONFIG", "not a key"),
        ],
    )
    .unwrap();
    assert_eq!((config.chain.as_str(), config.layout), ("b", Layout::Fused));
    assert_eq!(config.kafka.brokers, "k:1,k:2");
    assert_eq!((config.worker.threads, config.worker.slot.as_deref()), (3, Some("7")));
    assert_eq!(config.clickhouse.secret().unwrap(), "12345");
    assert_eq!(config.plan.raw_bytes.0, 1024);
    assert_eq!(config.clusters["HDFS"].folders, ["/a", "/b"]);
    assert_eq!(config.kafka.properties.0["linger.ms"], "5");
}

#[test]
fn an_unknown_variable_is_named() {
    let error = with("", &[("LOGMILL__KAFKA__BROKER", "k:1")]).unwrap_err();
    assert_eq!(
        error,
        "environment variable LOGMILL__KAFKA__BROKER: unknown key \"kafka.broker\"; did you mean \"brokers\"?"
    );
    let error = with("[worker]\nthreads = 2\n", &[("LOGMILL__WORKER__THREADS", "0")]).unwrap_err();
    assert_eq!(error, "environment variable LOGMILL__WORKER__THREADS: worker.threads: must be at least 1");
}

#[test]
fn properties_need_no_quotes() {
    let config =
        parse("[kafka.properties]\nsocket.timeout.ms = 100\n\"linger.ms\" = \"5\"\nlog.connection.close = false\n")
            .unwrap();
    let properties = &config.kafka.properties.0;
    assert_eq!(properties["socket.timeout.ms"], "100");
    assert_eq!(properties["linger.ms"], "5");
    assert_eq!(properties["log.connection.close"], "false");
}

#[test]
fn what_cannot_be_right_is_refused_all_at_once() {
    let error = parse(
        r#"
chain = "log mill"
[kafka]
brokers = "nowhere"
properties = { acks = 1 }
[transaction]
interval = "20s"
[plan]
raw_bytes = "5 MiB"
line_bytes = "901 KiB"
encoding = "gbq"
channel_group = "fast"
[clusters.a]
url = "ftp://x"
folders = ["logs"]
patterns = ["a[b"]
[channel_groups]
slow = ["c9"]
[[rules]]
text_bytes = "100 KiB"
[http]
listen = "9000"
"#,
    )
    .unwrap_err();
    insta::assert_snapshot!(error);
}

#[test]
fn rows_are_kept_for_whole_days_and_an_event_says_one_thing() {
    refused(
        "[clickhouse]\nkeep = \"36h\"\n",
        "logmill.toml:2: clickhouse.keep: must be whole days, such as \"400days\": rows go with the day of their file",
    );
    refused(
        "[analyses.shop]\ncalls = [\"go\"]\npopups = [\"go\"]\n",
        "logmill.toml:3: analyses.shop.popups: \"go\" says two things: each value may stand once",
    );
    let config = parse("[clickhouse]\nkeep = \"400days\"\n[analyses.shop]\nuser = \"uid\"\n").unwrap();
    assert_eq!((config.analyses["shop"].user.as_str(), config.analyses["shop"].event.as_str()), ("uid", "event"));
}

#[test]
fn shards_are_servers_of_their_own() {
    let shards = "shards = [\"http://a:8123\", \"http://b:8123\"]\n";
    refused(
        "[clickhouse]\nshards = [\"http://a:8123\", \"http://a:8123/\"]\n",
        "logmill.toml:2: clickhouse.shards: \"http://a:8123/\" stands there twice: each shard is a server of its own",
    );
    refused(
        "[clickhouse]\nshards = [\"a:9000\"]\n",
        "logmill.toml:2: clickhouse.shards: \"a:9000\" is not the address of an HTTP interface, such as http://127.0.0.1:8123",
    );
    refused(
        &format!("[clickhouse]\n{shards}cluster = \"'x'\"\nshard_database = \"logmill\"\n"),
        "logmill.toml:3: clickhouse.cluster: \"'x'\" is not a name of letters, digits, '.', '_' and '-'\n\
         logmill.toml:4: clickhouse.shard_database: \"logmill\" is the name of clickhouse.database: a shard may lie on the same \
         server, so it needs another one",
    );
    refused(
        "[clickhouse]\nreplicated = true\n",
        "logmill.toml:2: clickhouse.replicated: is for shards: name them in clickhouse.shards, be it one",
    );
    let config = parse(&format!("[clickhouse]\n{shards}database = \"logs\"\n")).unwrap();
    assert_eq!((config.clickhouse.shards.len(), &*config.clickhouse.shard_database()), (2, "logs_shard"));
}

#[test]
fn a_batch_of_rows_has_to_fit_into_a_message() {
    let plan =
        "[plan]\nraw_bytes = \"64 KiB\"\nplain_bytes = \"64 KiB\"\ntext_bytes = \"64 KiB\"\nline_bytes = \"64 KiB\"\n";
    refused(
        &format!("{plan}[kafka]\nmessage_bytes = \"512 KiB\"\n"),
        "logmill.toml:7: kafka.message_bytes: 512 KiB is too small: batches of rows have up to 900 KiB, and 64 KiB for \
         headers; at least 964 KiB",
    );
    parse(&format!("{plan}[kafka]\nmessage_bytes = \"964 KiB\"\n")).unwrap();
}

#[test]
fn an_unknown_encoding_is_refused_with_what_is_near_it() {
    refused(
        "[[encodings]]\nencoding = \"gbk\"\n[[encodings]]\npath = \"a[b\"\nencoding = \"cp4377\"\n",
        "logmill.toml:4: encodings.1.path: error parsing glob '**/a[b': unclosed character class; missing ']'\n\
         logmill.toml:5: encodings.1.encoding: \"cp4377\" is not a label of an encoding, such as cp437, cp037, cp277; \
         docs/encodings.md has all",
    );
    refused(
        "[plan]\nencoding = \"wobbly\"\n",
        "logmill.toml:2: plan.encoding: \"wobbly\" is not a label of an encoding, such as utf-8, gb18030, \
         windows-1252; docs/encodings.md has all",
    );
    refused("[[encodings]]\npath = \"a\"\n", "logmill.toml:1: encodings.0: missing field `encoding`");
    refused(
        "[[rules]]\ndefault_encoding = \"cp037\"\n",
        "logmill.toml:2: rules.0.default_encoding: ibm037 does not extend ASCII, and what is too little evidence is \
         nearly all ASCII: name its files in [[encodings]]",
    );
}

#[test]
fn a_bucket_has_settings_of_its_own_and_others_have_none() {
    let bucket = "[clusters.a]\nurl = \"s3://logs\"\n[clusters.a.store]\nallow_http = true\n";
    let config = with(bucket, &[("LOGMILL__CLUSTERS__A__STORE__SECRET_ACCESS_KEY", "1e2")]).unwrap();
    let store: Vec<_> =
        config.clusters["a"].store.0.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(store, [("allow_http", "true"), ("secret_access_key", "1e2")]);
    refused(
        "[clusters.a]\nurl = \"gs://logs/app\"\n",
        "logmill.toml:2: clusters.a.url: \"gs://logs/app\" is more than a bucket: folders says where in it to look",
    );
    refused(
        "[clusters.a]\nurl = \"az://\"\n",
        "logmill.toml:2: clusters.a.url: \"az://\" is none of hdfs://host:port, viewfs://table, file:///folder, s3://bucket, \
         gs://bucket, az://container",
    );
    refused(
        "[clusters.a]\nurl = \"hdfs://a:1\"\nstore = { region = \"x\" }\n",
        "logmill.toml:3: clusters.a.store: has settings for a bucket, and \"hdfs://a:1\" is none",
    );
}

#[test]
fn a_principal_has_keys_and_is_the_only_identity() {
    let cluster = |rest: &str| format!("[clusters.a]\nurl = \"hdfs://a:1\"\n{rest}\n");
    let both = "principal = \"logmill@EXAMPLE.COM\"\nkeytab = \"/keys\"";
    let config = parse(&cluster(both)).unwrap();
    assert_eq!(config.clusters["a"].principal.as_deref(), Some("logmill@EXAMPLE.COM"));
    for (rest, why) in [
        ("principal = \"logmill\"", "principal: needs keytab, the file with its keys"),
        ("keytab = \"/keys\"", "keytab: needs principal: whose keys of the file are meant"),
        ("principal = \"\"\nkeytab = \"/keys\"", "principal: is empty: name one such as logmill@EXAMPLE.COM"),
        (
            &*format!("user = \"hdfs\"\n{both}"),
            "user: stands there beside principal, which says who it is where the cluster uses Kerberos: remove one of \
             the two",
        ),
        (
            &*format!("{both}\nhadoop = {{ \"hadoop.security.authentication\" = \"simple\" }}"),
            "hadoop: hadoop.security.authentication is \"simple\" beside principal: remove one of the two",
        ),
    ] {
        let error = parse(&cluster(rest)).unwrap_err();
        assert!(error.ends_with(&format!("clusters.a.{why}")), "{error}");
    }
    refused(
        &format!("[clusters.a]\nurl = \"file:///logs\"\n{both}\n"),
        "logmill.toml:3: clusters.a.principal: is for HDFS, and \"file:///logs\" is none",
    );
}

#[test]
fn a_mount_table_is_one_that_the_client_reads_and_a_folder_lies_in_one_mount() {
    let view = |folders: &str, rest: &str, links: &str| {
        let links = links.replace("TABLE", "fs.viewfs.mounttable.logs");
        format!(
            "[clusters.a]\nurl = \"viewfs://logs\"\nfolders = {folders}\n{rest}\n[clusters.a.hadoop]\n\
             \"fs.viewfs.mounttable.other.linkMergeSlash\" = \"hdfs://x:1/\"\n{links}\n"
        )
    };
    let links = "\"TABLE.link./a\" = \"hdfs://a:1/logs\"\n\"TABLE.link./deep/b\" = \"hdfs://b:1/\"\n\
                 \"TABLE.linkFallback\" = \"hdfs://a:1/\"\n";
    for folders in ["[\"/a\", \"/deep/b/x/%Y\"]", "[\"/a/%Y\"]", "[\"/elsewhere\", \"/ab\"]"] {
        parse(&view(folders, "finished = \"delete\"", links)).unwrap();
    }
    parse(&view("[\"/a/logs\"]", "finished = \"move\"\nfinished_folder = \"/a/done\"", links)).unwrap();
    for (folders, rest, links, why) in [
        (
            "[\"/a\"]",
            "",
            "\"TABLE.link./a\" = \"hdfs://a:1/logs\"\n",
            "hadoop: has no fs.viewfs.mounttable.logs.linkFallback, which the client needs for paths that lie below no \
             mount point: hdfs://host:port/folder, of any of the clusters",
        ),
        (
            "[\"/a\"]",
            "",
            &*format!("{links}\"TABLE.linkNfly.minReplication=2./c\" = \"hdfs://a:1/,hdfs://b:1/\"\n"),
            "hadoop: fs.viewfs.mounttable.logs.linkNfly.minReplication=2./c is not read here: name each folder by \
             fs.viewfs.mounttable.logs.link./FOLDER",
        ),
        (
            "[\"/a\"]",
            "",
            &*format!("{links}\"TABLE.link./c\" = \"s3a://c/\"\n"),
            "hadoop: fs.viewfs.mounttable.logs.link./c is \"s3a://c/\", and only hdfs:// can be mounted",
        ),
        (
            "[\"/%Y\"]",
            "",
            links,
            "folders: \"/%Y\" holds the mount point \"/deep/b\", which a listing of it does not show: name the mount points \
             themselves",
        ),
        (
            "[\"/deep/b\"]",
            "finished = \"move\"\nfinished_folder = \"/a/done\"",
            links,
            "finished_folder: lies in the mount \"/a\", and the folder \"/deep/b\" in \"/deep/b\": HDFS moves no file from \
             one mount to another",
        ),
    ] {
        let error = parse(&view(folders, rest, links)).unwrap_err();
        assert!(error.ends_with(&format!("clusters.a.{why}")), "{error}");
    }
    refused(
        "[clusters.a]\nurl = \"viewfs://logs/a\"\n",
        "logmill.toml:2: clusters.a.url: \"viewfs://logs/a\" is more than a mount table: folders says where in it to look",
    );
}

#[test]
fn a_weight_is_a_number_or_learned() {
    let weight = |text: &str| parse(&format!("[clusters.a]\nurl = \"hdfs://a:1\"\nweight = {text}\n"));
    assert_eq!(weight("3").unwrap().clusters["a"].weight, Weight::Fixed(3));
    assert_eq!(weight("\"auto\"").unwrap().clusters["a"].weight, Weight::Auto);
    assert_eq!(weight("0").unwrap_err(), "logmill.toml:3: clusters.a.weight: must be at least 1");
    let error = weight("\"heavy\"").unwrap_err();
    assert!(error.contains("clusters.a.weight") && error.contains("a number such as 3, or \"auto\""), "{error}");
    let text = "[clusters.a]\nurl = \"hdfs://a:1\"\n";
    let set = |value| with(text, &[("LOGMILL__CLUSTERS__A__WEIGHT", value)]).unwrap().clusters["a"].weight;
    assert_eq!([set("5"), set("auto")], [Weight::Fixed(5), Weight::Auto]);
}

#[test]
fn finished_files_go_to_a_place_that_is_not_listed() {
    let cluster =
        |rest: &str| format!("[clusters.a]\nurl = \"hdfs://a:1\"\nfolders = [\"/logs\", \"/days/%Y\"]\n{rest}\n");
    parse(&cluster("finished = \"move\"\nfinished_folder = \"/logs-done\"")).unwrap();
    parse(&cluster("finished = \"delete\"")).unwrap();
    for (rest, why) in [
        (
            "finished = \"move\"",
            "finished_folder: must name the folder into which files are moved, such as \"/finished\"",
        ),
        ("finished_folder = \"done\"", "finished_folder: \"done\" must begin with '/'"),
        (
            "finished_folder = \"/logs/done\"",
            "finished_folder: lies in the folder \"/logs\": what is moved would be taken again",
        ),
        (
            "finished_folder = \"/days/done\"",
            "finished_folder: lies in the folder \"/days/%Y\": what is moved would be taken again",
        ),
        ("finished_folder = \"/\"", "finished_folder: holds the folder \"/logs\", in which files are looked for"),
        (
            "finished_folder = \"/days\"",
            "finished_folder: holds the folder \"/days/%Y\", in which files are looked for",
        ),
    ] {
        let error = parse(&cluster(rest)).unwrap_err();
        assert!(error.ends_with(&format!("clusters.a.{why}")), "{error}");
    }
    refused(
        "[clusters.a]\nurl = \"s3://logs\"\nfinished = \"delete\"\n",
        "logmill.toml:3: clusters.a.finished: nothing is moved or deleted in a bucket, where an object that was just replaced \
         could not be told: a lifecycle rule of the bucket does it",
    );
}

#[test]
fn clickhouse_over_tls_needs_a_proxy() {
    refused(
        "[clickhouse]\nurl = \"https://db:8443\"\n",
        "logmill.toml:2: clickhouse.url: \"https://db:8443\": TLS is not spoken here; run a proxy that does (stunnel, \
         envoy, nginx) beside the loader, and give its address, such as http://127.0.0.1:8123",
    );
}

#[test]
fn no_file_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Config::load(Some(&folder.path().join("none.toml"))).unwrap_err().to_string();
    assert!(error.contains("logmill config example >"), "{error}");
}

#[test]
fn patterns_are_chosen_by_rules_and_bring_their_header() {
    use logmill_core::Header;
    let config = parse(
        "[plan]\npatterns = [\"mine\", \"auto\"]\n[[patterns]]\nname = \"mine\"\nregex = '(?<a>\\d+)'\n\
         [[patterns]]\nname = \"json\"\ntime = \"when\"\n[[patterns]]\nname = \"sales\"\nlike = \"csv\"\nseparator = \";\"\n\
         [[rules]]\npath = \"*.csv\"\npatterns = [\"sales\"]\n[[rules]]\npath = \"/web/**\"\npatterns = [\"nginx\"]\n\
         [[rules]]\npath = \"/bare/**\"\npatterns = []\n",
    )
    .unwrap();
    let plan = |path| {
        let (_, plan) = config.plan_for("a", path);
        (plan.patterns.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>().join(" "), plan.header)
    };
    let all = "mine json windows nginx apache kafka clickhouse hadoop log4j syslog w3c logfmt csv";
    assert_eq!(plan("/x"), (all.into(), Some(Header::W3c)));
    assert_eq!(plan("/a.csv"), ("sales".into(), Some(Header::Csv)));
    assert_eq!(plan("/web/a"), ("nginx".into(), None));
    assert_eq!(plan("/bare/a"), (String::new(), None));
    let json = &config.plan_for("a", "/x").1.patterns[1];
    assert_eq!(json.time.as_deref(), Some("when"), "one's own of that name stands for the built-in one");
    let none = parse("").unwrap().plan_for("a", "/x").1;
    assert!(!serde_json::to_string(&none).unwrap().contains("patterns"), "plans of before are what they were");
}

#[test]
fn patterns_that_cannot_be_name_their_line() {
    refused(
        "[plan]\npatterns = [\"json\",\n  \"ngnix\"]\n",
        "logmill.toml:3: plan.patterns.1: there is no pattern \"ngnix\"; did you mean \"nginx\"?",
    );
    refused(
        "[[patterns]]\nname = \"orders\"\nregex = '(?<a>.)'\n[[rules]]\npatterns = [\"order\"]\n",
        "logmill.toml:5: rules.0.patterns.0: there is no pattern \"order\"; did you mean \"orders\"?",
    );
    refused(
        "[[patterns]]\nname = \"mine\"\nregex = '(?<a>[x)'\n",
        "logmill.toml:3: patterns.0.regex: the pattern \"mine\": its `regex` is wrong at character 5: unclosed character class",
    );
    refused(
        "[[patterns]]\nname = \"mine\"\nregex = '(?<a>.)'\ntime = \"b\"\n",
        "logmill.toml:4: patterns.0.time: the pattern \"mine\": `time` names \"b\", but no group of its `regex` is called so",
    );
    refused(
        "[[patterns]]\nname = \"auto\"\nregex = '(?<a>.)'\n[[patterns]]\nname = \"a\"\nregex = '(?<a>.)'\n\
         [[patterns]]\nname = \"a\"\nregex = '(?<b>.)'\n",
        "logmill.toml:2: patterns.0.name: \"auto\" is no name of a pattern: choose another\n\
         logmill.toml:8: patterns.2.name: there are two patterns \"a\": give one of them another name",
    );
    let long = format!(
        "[[patterns]]\nname = \"long\"\nregex = '(?<a>{})'\n[plan]\npatterns = [\"long\"]\n",
        "x".repeat(17_000)
    );
    let error = parse(&long).expect_err("too long");
    assert!(error.starts_with("logmill.toml:5: plan.patterns: they take 170"), "{error}");
    let known = parse("[plan]\npatterns = [\"xyzzy\"]\n").expect_err("none is near");
    assert!(known.ends_with("known are auto, json, windows, nginx, apache, kafka, clickhouse, hadoop, log4j, syslog, w3c, logfmt, csv, and one's own of [[patterns]]"), "{known}");
}

#[test]
fn a_zone_is_an_offset_or_a_name() {
    let config = parse("[plan]\nzone = \"+08:00\"\n[[rules]]\npath = \"*.in\"\nzone = \"-05:30\"\n").unwrap();
    let zone = |path| config.plan_for("a", path).1.zone_seconds;
    assert_eq!((zone("/a"), zone("/a.in")), (28_800, -19_800));
    for (text, seconds, name) in [
        ("utc", 0, None),
        ("Z", 0, None),
        ("+0800", 28_800, None),
        ("-05", -18_000, None),
        ("Europe/Berlin", 0, Some("Europe/Berlin")),
        ("asia/shanghai", 0, Some("Asia/Shanghai")),
    ] {
        let plan = parse(&format!("plan.zone = {text:?}\n")).unwrap().plan_for("a", "/a").1;
        assert_eq!((plan.zone_seconds, plan.zone_name.as_deref()), (seconds, name), "{text}");
    }
    let config = parse("[plan]\nzone = \"Europe/Berlin\"\n[[rules]]\nzone = \"+01:00\"\n").unwrap();
    let plan = config.plan_for("a", "/a").1;
    assert_eq!((plan.zone_seconds, plan.zone_name), (3600, None), "the rule alone");
    let allowed = "is no zone: UTC, how far east of it, such as +08:00 or -05:30, or a name of the IANA time zone database, \
                   such as Europe/Berlin";
    refused("[[rules]]\nzone = \"CST\"\n", &format!("logmill.toml:2: rules.0.zone: \"CST\" {allowed}"));
    refused(
        "plan.zone = \"Europe/Berln\"\n",
        &format!("logmill.toml:1: plan.zone: \"Europe/Berln\" {allowed}; did you mean \"Europe/Berlin\"?"),
    );
    for wrong in ["", "+8:00", "08:00", "+24:00", "+0a:00", "Berlin", "IST"] {
        assert!(parse(&format!("plan.zone = {wrong:?}\n")).is_err(), "{wrong}");
    }
}

#[test]
fn columns_of_fields_have_one_name_each() {
    let config = parse("[columns]\nstatus = \"int\"\n\"sc-bytes\" = \"size\"\n").unwrap();
    let names: Vec<_> = config.columns().into_iter().map(|column| (column.name, column.field)).collect();
    assert_eq!(
        names,
        [("sc_bytes".into(), "sc-bytes".into()), ("status".into(), "status".into())] as [(String, String); 2]
    );
    refused(
        "[columns]\ntime = \"time\"\n\"a-b\" = \"int\"\n\"a.b\" = \"int\"\n",
        "logmill.toml:4: columns.a.b: its column would be called \"a_b\", as that of \"a-b\": name one of the two\n\
         logmill.toml:2: columns.time: the table of rows has a column \"time\" of its own",
    );
    refused(
        "[columns]\n_part = \"str\"\n",
        "logmill.toml:2: columns._part: ClickHouse has a column \"_part\" of its own in each table",
    );
    let error = parse("[columns]\nstatus = \"number\"\n").expect_err("no such type");
    assert!(error.starts_with("logmill.toml:2: columns.status: "), "{error}");
}
