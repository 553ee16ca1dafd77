//! What follows from a configuration: topics, groups, plans, the choice of files.

use logmill_config::{Config, Planner, Precedence, Selector, Size, Standing, Unfit};

fn parse(text: &str) -> Config {
    Config::parse(text, "logmill.toml", []).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_topics_of_a_chain() {
    let config = parse("chain = \"mill\"\nkafka.partitions = 3\n[clusters.a]\nurl = \"file:///logs\"\n");
    let specs = config.topic_specs();
    let names: Vec<_> = specs.iter().map(|spec| format!("{} {}", spec.name, spec.partitions)).collect();
    insta::assert_snapshot!(names.join("\n"));
    let known = specs.iter().find(|spec| spec.name == "mill.known.a").unwrap();
    assert_eq!(known.configs["cleanup.policy"], "compact");
    let raw = specs.iter().find(|spec| spec.name == "mill.raw").unwrap();
    assert_eq!(raw.configs["retention.ms"], (7 * 86_400_000_u64).to_string());
    assert_eq!(raw.configs["segment.ms"], (21 * 3_600_000_u64).to_string());
}

#[test]
fn the_fused_layout_has_no_plain() {
    let config = parse("layout = \"fused\"\n");
    assert_eq!(config.topics().plain(), None);
    assert!(config.topic_specs().iter().all(|spec| spec.name != "logmill.plain"));
    let groups: Vec<_> = config.topics().groups().into_iter().map(|(group, _)| group).collect();
    assert_eq!(
        groups,
        ["logmill.fetcher", "logmill.decoder", "logmill.distributor", "logmill.splitter", "logmill.loader"]
    );
}

#[test]
fn a_process_reads_what_is_of_its_channels_and_what_has_none() {
    let config = parse("worker.channels = [\"c1\"]\n");
    let served = |stage| config.topics().served(stage, &config.worker.channels);
    assert_eq!(served("splitter"), ["logmill.channel.c1"]);
    assert_eq!(served("loader"), ["logmill.rows.c1", "logmill.file-events", "logmill.dead-letters"]);
    assert_eq!(served("distributor"), ["logmill.text"]);
    assert_eq!(config.topics().served("splitter", &[]), config.topics().inputs("splitter"));
}

#[test]
fn every_topic_has_one_reading_group_but_those_that_are_no_way_of_a_file() {
    let aside = [".known.", ".clusters"];
    for layout in ["separate", "fused"] {
        let config = parse(&format!("layout = \"{layout}\"\n[clusters.a]\nurl = \"file:///logs\"\n"));
        let mut read: Vec<_> = config.topics().groups().into_iter().flat_map(|(_, topics)| topics).collect();
        let mut made: Vec<_> = config
            .topic_specs()
            .into_iter()
            .map(|spec| spec.name)
            .filter(|n| !aside.iter().any(|a| n.contains(a)))
            .collect();
        read.sort();
        made.sort();
        assert_eq!(read, made);
    }
}

#[test]
fn rules_change_plans_in_order() {
    let config = parse(
        r#"
[[apps]]
path = "/logs/billing/**"
app = "billing"
[[rules]]
path = "/logs/**"
default_encoding = "gb18030"
[[rules]]
app = "bill*"
channel_group = "fast"
line_bytes = "8 KiB"
[[rules]]
cluster = "b"
default_encoding = "windows-1252"
[channel_groups]
default = ["c0"]
fast = ["c1"]
"#,
    );
    let (app, plan) = config.plan_for("a", "/logs/billing/2026/x.gz");
    assert_eq!(
        (app.as_str(), plan.default_encoding.as_str(), plan.channel_group.as_str()),
        ("billing", "gb18030", "fast")
    );
    assert_eq!(plan.line_bytes, 8 << 10);
    let (app, plan) = config.plan_for("b", "/logs/x.gz");
    assert_eq!(
        (app.as_str(), plan.default_encoding.as_str(), plan.channel_group.as_str()),
        ("", "windows-1252", "default")
    );
    assert_eq!(config.plan_for("a", "/other").1, logmill_core::Plan::default());
}

#[test]
fn rules_say_which_files_come_first_and_which_are_backfill() {
    let config = parse(
        r#"
[[apps]]
path = "/logs/billing/**"
app = "billing"
[[rules]]
path = "*.audit"
priority = 10
[[rules]]
app = "billing"
priority = 5
backfill = false
[[rules]]
cluster = "old-*"
backfill = true
"#,
    );
    let planner = Planner::new(&config).unwrap();
    for (cluster, path, priority, backfill) in [
        ("a", "/logs/x", 0, None),
        ("a", "/logs/x.audit", 10, None),
        ("a", "/logs/billing/x.audit", 5, Some(false)),
        ("old-a", "/logs/billing/x", 5, Some(true)),
    ] {
        assert_eq!(planner.precedence(cluster, path), Precedence { priority, backfill }, "{cluster} {path}");
        assert_eq!(planner.plan(cluster, path).1, logmill_core::Plan::default(), "a plan is no matter of order");
    }
}

#[test]
fn rules_go_by_data_type_and_by_the_priority_that_rules_before_them_give() {
    let config = parse(
        r#"
[[data_types]]
path = "*.audit.gz"
data_type = "audit"
[[data_types]]
path = "/logs/metrics/**"
data_type = "metrics"
[[rules]]
data_type = "audit"
priority = 10
[[rules]]
path = "/logs/old/**"
priority = 1
[[rules]]
min_priority = 5
channel_group = "urgent"
[[rules]]
data_type = "metric?"
channel_group = "bulk"
[[rules]]
path = "/logs/late/**"
priority = 9
[channel_groups]
default = ["c0"]
urgent = ["c1"]
bulk = ["c0", "c1"]
"#,
    );
    let planner = Planner::new(&config).unwrap();
    for (path, group, priority) in [
        ("/logs/x.gz", "default", 0),
        ("/logs/x.audit.gz", "urgent", 10),
        ("/logs/old/x.audit.gz", "default", 1),
        ("/logs/metrics/x.gz", "bulk", 0),
        // The first of the types counts.
        ("/logs/metrics/x.audit.gz", "urgent", 10),
        // It gets its priority after the rule that asks for one.
        ("/logs/late/x.gz", "default", 9),
    ] {
        assert_eq!(planner.plan("a", path).1.channel_group, group, "{path}");
        assert_eq!(planner.channel_group("a", path), group, "{path}");
        assert_eq!(planner.precedence("a", path).priority, priority, "{path}");
    }
}

#[test]
fn the_first_entry_that_matches_fixes_the_encoding() {
    let config = parse(
        r#"
[plan]
encoding = "utf-8"
[[apps]]
path = "/logs/billing/**"
app = "billing"
[[encodings]]
path = "*.ebcdic"
encoding = "cp037"
[[encodings]]
cluster = "b*"
app = "bill*"
encoding = "CP850"
[[encodings]]
cluster = "b"
encoding = "utf-16"
"#,
    );
    for (cluster, path, encoding) in [
        ("a", "/logs/billing/x.log", "utf-8"),
        ("a", "/logs/billing/x.ebcdic", "cp037"),
        ("b", "/logs/billing/x.ebcdic", "cp037"),
        ("b", "/logs/billing/x.log", "CP850"),
        ("b2", "/logs/billing/x.log", "CP850"),
        ("b", "/logs/x.log", "utf-16"),
        ("b2", "/logs/x.log", "utf-8"),
    ] {
        assert_eq!(config.plan_for(cluster, path).1.encoding.as_deref(), Some(encoding), "{cluster} {path}");
    }
}

#[test]
fn of_each_entry_it_is_known_how_it_stands_to_a_file() {
    let config = parse(
        r#"
[[apps]]
path = "/logs/billing/**"
app = "billing"
[[apps]]
path = "*.log"
app = "other"
[[data_types]]
path = "*.gz"
data_type = "packed"
[[encodings]]
cluster = "b"
path = "*.ebcdic"
encoding = "cp037"
[[rules]]
app = "bill*"
priority = 2
zone = "+08:00"
[[rules]]
min_priority = 2
zone = "+09:00"
patterns = ["json"]
[[rules]]
min_priority = 3
zone = "+10:00"
"#,
    );
    let unfit = |all: &[(&'static str, &str, &str)]| {
        let one = |(key, wanted, is): &(&'static str, &str, &str)| Unfit {
            key,
            wanted: (*wanted).to_owned(),
            is: (*is).to_owned(),
        };
        Standing::Unfit(all.iter().map(one).collect())
    };
    let path = "/logs/billing/x.log";
    let reasons = Planner::new(&config).unwrap().reasons("a", path);
    assert_eq!(reasons.apps, [Standing::Counts, Standing::Behind(0)]);
    assert_eq!(reasons.data_types, [unfit(&[("path", "*.gz", path)])]);
    assert_eq!(reasons.encodings, [unfit(&[("cluster", "b", "a"), ("path", "*.ebcdic", path)])]);
    let rules = [Standing::Counts, Standing::Counts, unfit(&[("min_priority", "3", "2")])];
    assert_eq!(reasons.rules, rules);
    let keys: Vec<_> = reasons.keys.iter().map(|(key, rule)| (key.as_str(), *rule)).collect();
    assert_eq!(keys, [("patterns", 1), ("priority", 0), ("zone", 1)]);
    assert_eq!(config.plan_for("a", path).1.zone_seconds, 9 * 3600);
}

/// A key has the value of the rule that is said to have the last word on it.
#[test]
fn the_last_rule_that_sets_a_key_has_the_last_word() {
    let one = "default_encoding = \"gb18030\"\nchannel_group = \"a\"\nline_bytes = 4096\nrecord_start = 'x'\nheader = \"csv\"\n\
               zone = \"+08:00\"\npatterns = [\"json\"]\nmalformed_per_million = 1\nmax_ratio = 5\nmax_bytes = 5000000";
    let other = "default_encoding = \"big5\"\nchannel_group = \"b\"\nline_bytes = 8192\nrecord_start = 'y'\nheader = \"w3c\"\n\
                 zone = \"-08:00\"\npatterns = [\"csv\"]\nmalformed_per_million = 2\nmax_ratio = 6\nmax_bytes = 6000000";
    let groups = "[channel_groups]\ndefault = [\"c0\"]\na = [\"c0\"]\nb = [\"c0\"]\n";
    let both = parse(&format!("[[rules]]\n{one}\n[[rules]]\n{other}\n{groups}"));
    let alone = parse(&format!("[[rules]]\n{other}\n{groups}"));
    assert_eq!(both.plan_for("a", "/x"), alone.plan_for("a", "/x"));
    let reasons = Planner::new(&both).unwrap().reasons("a", "/x");
    let sets = both.rules[1].sets();
    assert_eq!(sets.len(), 10);
    assert!(sets.iter().all(|(key, _)| reasons.keys[key] == 1), "{:?}", reasons.keys);
}

#[test]
fn which_files_are_taken() {
    let config =
        parse("[clusters.a]\nurl = \"file:///x\"\npatterns = [\"*.gz\", \"/logs/raw/**\"]\nexclude = [\"*.old.gz\"]\n");
    let selector = Selector::new(&config.clusters["a"]).unwrap();
    for (path, taken) in [
        ("/logs/a/b.gz", true),
        ("/logs/raw/a/b.log", true),
        ("/logs/a/b.log", false),
        ("/logs/a/b.old.gz", false),
        ("/logs/a/.b.gz", false),
        ("/logs/a/_b.gz", false),
        ("/logs/raw/b.gz._COPYING_", false),
        ("/logs/raw/b.tmp", false),
        ("/logs/raw/a b\n%2F'\".log", true),
    ] {
        assert_eq!(selector.takes(path), taken, "{path:?}");
    }
    let everything = Selector::new(&logmill_config::Cluster::default()).unwrap();
    assert!(everything.takes("/logs/x"));
}

#[test]
fn a_size_is_shown_exactly() {
    for (bytes, text) in [(0, "0 B"), (1000, "1000 B"), (1 << 10, "1 KiB"), (900 << 10, "900 KiB"), (1 << 40, "1 TiB")]
    {
        assert_eq!(Size(bytes).to_string(), text);
    }
}
