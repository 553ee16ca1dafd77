//! What people see of the configuration: an example, the JSON Schema and a reference, all from the same structs.

use crate::keys::Node;
use crate::properties::Properties;
use crate::sections::{Analysis, App, Cluster, Config, DataType, FixedEncoding, Rule};
use crate::size::Size;
use logmill_patterns::{FieldType, PatternSpec};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The JSON Schema as a value.
pub(crate) fn schema() -> Json {
    schemars::schema_for!(Config).to_value()
}

/// The JSON Schema of the file, for editors.
#[must_use]
pub fn json_schema() -> String {
    format!("{:#}\n", schema())
}

/// A configuration in which every key is set.
fn full() -> Config {
    let mut config = Config::default();
    config.kafka.properties = one("client.id", "logmill");
    config.worker.slot = Some("0".into());
    config.worker.bytes_per_second = Some(Size::mib(50));
    config.channels.values_mut().for_each(|channel| channel.backlog = Some(100_000));
    config.clickhouse.password = Some("secret".into());
    config.clickhouse.password_file = Some("/run/secrets/clickhouse".into());
    config.clickhouse.keep = Some(std::time::Duration::from_secs(400 * 86_400));
    config.clickhouse.shards =
        ["http://clickhouse-0.example:8123", "http://clickhouse-1.example:8123"].map(Into::into).into();
    config.clickhouse.shard_database = Some(config.clickhouse.shard_database());
    config.plan.encoding = Some("gb18030".into());
    config.plan.record_start = Some(r"\d{4}-\d\d-\d\d ".into());
    let regex = r"(?<time>\S+ \S+) \[(?<level>\w+)\] order (?<order>\d+): (?<message>.*)";
    config.patterns.push(PatternSpec {
        like: Some(logmill_patterns::BuiltIn::Csv),
        separator: Some(';'),
        time: Some("time".into()),
        level: Some("level".into()),
        message: Some("message".into()),
        time_format: Some("%d.%m.%Y %H:%M:%S".into()),
        types: BTreeMap::from([("order".to_owned(), FieldType::Int)]),
        ..PatternSpec::own("orders", regex)
    });
    config.columns.insert("order".into(), FieldType::Int);
    config.analyses.insert("shop".into(), Analysis::default());
    let cluster = Cluster {
        url: "hdfs://namenode.example:9820".into(),
        hadoop: one("dfs.client.use.datanode.hostname", "true"),
        store: one("endpoint", "https://s3.example"),
        user: Some("logmill".into()),
        principal: Some("logmill@EXAMPLE.COM".into()),
        keytab: Some("/run/secrets/logmill.keytab".into()),
        bytes_per_second: Some(Size::mib(200)),
        ready_file: Some("_SUCCESS".into()),
        backfill_after: Some(std::time::Duration::from_secs(86_400)),
        exclude: vec!["*.bak".into()],
        finished_folder: Some("/finished".into()),
        ..Cluster::default()
    };
    config.clusters.insert("hdfs-a".into(), cluster);
    config.apps.push(App { path: "/logs/billing/**".into(), app: "billing".into() });
    config.data_types.push(DataType { path: "*.audit.gz".into(), data_type: "audit".into() });
    config.encodings.push(FixedEncoding {
        cluster: Some("hdfs-*".into()),
        path: Some("/logs/host/**".into()),
        app: Some("billing".into()),
        encoding: "ibm037".into(),
    });
    let plan = &config.plan;
    config.rules.push(Rule {
        cluster: Some("hdfs-*".into()),
        path: Some("/logs/legacy/**".into()),
        app: Some("billing".into()),
        data_type: Some("audit".into()),
        min_priority: Some(1),
        priority: Some(10),
        backfill: Some(true),
        channel_group: Some("default".into()),
        default_encoding: Some("gb18030".into()),
        raw_bytes: Some(plan.raw_bytes),
        plain_bytes: Some(plan.plain_bytes),
        text_bytes: Some(plan.text_bytes),
        line_bytes: Some(plan.line_bytes),
        record_start: Some(r"\d{4}-\d\d-\d\d ".into()),
        header: Some(plan.header),
        zone: Some("+08:00".into()),
        patterns: Some(vec!["nginx".into(), "orders".into()]),
        malformed_per_million: Some(1_000),
        max_ratio: Some(plan.max_ratio),
        ratio_after_bytes: Some(plan.ratio_after_bytes),
        max_bytes: Some(Size(plan.max_bytes.0)),
        window_bytes: Some(plan.window_bytes),
    });
    config
}

fn one(name: &str, value: &str) -> Properties {
    Properties(BTreeMap::from([(name.to_owned(), value.to_owned())]))
}

/// One line of the full configuration.
enum Line<'a> {
    /// `[a.b]` or `[[a]]`, and the path without list positions.
    Table(&'a str, Vec<String>),
    /// `key = value` in a table.
    Key { table: Vec<String>, key: String, text: &'a str },
}

/// The lines of a document that the serializer wrote: one key a line, in the order of the structs.
fn lines(document: &str) -> Vec<Line<'_>> {
    let mut table = Vec::new();
    let mut all = Vec::new();
    for line in document.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with('[') {
            let path = line.trim_matches(['[', ']']);
            table = path.split('.').map(|part| part.trim_matches('"').to_owned()).collect();
            all.push(Line::Table(line, table.clone()));
        } else {
            let (key, _) = line.split_once(" = ").expect("a line that is no table is a key");
            all.push(Line::Key { table: table.clone(), key: key.trim_matches('"').to_owned(), text: line });
        }
    }
    all
}

/// The node of a table. A list's entries have no name in a header: the list's node has `items`.
fn table_node<'a>(root: Node<'a>, path: &[String]) -> Node<'a> {
    let mut node = root;
    for part in path {
        node = entry(node).child(part).expect("the serializer writes what the schema knows");
    }
    entry(node)
}

/// Of a list the node of its entries, else the node itself.
fn entry(node: Node<'_>) -> Node<'_> {
    if node.kind.get("items").is_some() { node.child("0").expect("a list has entries") } else { node }
}

fn comment(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        if width == 0 || width + word.len() >= 100 {
            if width > 0 {
                out.push('\n');
            }
            out.push('#');
            width = 1;
        }
        out.push(' ');
        out.push_str(word);
        width += 1 + word.len();
    }
    out.push('\n');
}

/// A configuration file in which every key stands, with its default where it has one, and is explained. What may be
/// left out without anything in its place is commented out.
#[must_use]
pub fn example() -> String {
    let schema = schema();
    let root = Node::root(&schema);
    let document = toml::to_string(&full()).expect("a configuration is plain data");
    let mut out = String::new();
    comment(
        &mut out,
        "The configuration of logmill: one file for all stages. Every key may be left out; what stands here is then its \
         value, except where a comment says otherwise (clusters, apps, data_types, encodings, rules, patterns, columns and analyses are examples). An \
         environment variable overrides a key: LOGMILL__KAFKA__BROKERS is brokers in [kafka].",
    );
    out.push('\n');
    let mut explained = Vec::new();
    for line in lines(&document) {
        match line {
            Line::Table(text, path) => {
                out.push('\n');
                for depth in 1..=path.len() {
                    let part = path[..depth].to_vec();
                    if !explained.contains(&part) {
                        let parent = table_node(root, &part[..depth - 1]);
                        let node = parent.child(&part[depth - 1]).expect("the serializer writes what the schema knows");
                        explain_table(&mut out, node);
                        explained.push(part);
                    }
                }
                writeln!(out, "{text}").expect("a String takes all");
            }
            Line::Key { table, key, text } => {
                let parent = table_node(root, &table);
                let node = parent.child(&key).expect("the serializer writes what the schema knows");
                if !parent.is_foreign()
                    && let Some(description) = node.description()
                {
                    comment(&mut out, &description);
                }
                // In an entry, what selects and one thing to change stand as an example.
                let example = match table.first().map(String::as_str) {
                    Some("encodings" | "rules") => ["path", "default_encoding"].contains(&key.as_str()),
                    Some("patterns") => ["regex", "time_format"].contains(&key.as_str()),
                    _ => false,
                };
                // Set, it is another way of laying out the table.
                let variant = table == ["clickhouse"] && key == "shards";
                let optional = variant || (node.is_optional() && !example);
                let mark = if optional || parent.is_foreign() { "# " } else { "" };
                writeln!(out, "{mark}{text}").expect("a String takes all");
            }
        }
    }
    out
}

/// What a table is: the key's own words, else those of its type; for a list of tables those of an entry too.
fn explain_table(out: &mut String, node: Node<'_>) {
    if let Some(description) = node.description() {
        comment(out, &description);
    }
    if node.kind.get("items").is_some()
        && let Some(description) = node.child("0").and_then(Node::description)
    {
        comment(out, &description);
    }
}

/// The reference of all keys, as Markdown.
#[must_use]
pub fn reference() -> String {
    let schema = schema();
    let root = Node::root(&schema);
    let document = toml::to_string(&full()).expect("a configuration is plain data");
    let defaults = toml::to_string(&Config {
        clusters: BTreeMap::from([("hdfs-a".into(), Cluster::default())]),
        analyses: BTreeMap::from([("shop".into(), Analysis::default())]),
        ..Config::default()
    })
    .expect("a configuration is plain data");
    let known: Vec<String> = lines(&defaults)
        .into_iter()
        .filter_map(|line| match line {
            Line::Key { table, text, .. } => Some(format!("{table:?}{text}")),
            Line::Table(..) => None,
        })
        .collect();
    let mut out = String::from(
        "# Configuration\n\n\
         One TOML file for all stages: `--config FILE`, else the file that `LOGMILL_CONFIG` names, else `logmill.toml` in the \
         working folder. An environment variable overrides a key: `LOGMILL__KAFKA__BROKERS` is `brokers` in `[kafka]`. Sizes are \
         written as 1048576 or \"1 MiB\", times as \"200ms\" or \"7days\". `logmill config example` prints a file with every key, \
         `logmill config schema` the [JSON Schema](config.schema.json) for editors.\n\n\
         This page is generated from the code; a test keeps it true.\n\n\
         | key | default | meaning |\n| --- | --- | --- |\n",
    );
    for line in lines(&document) {
        match line {
            Line::Table(text, path) => {
                let parent = table_node(root, &path[..path.len() - 1]);
                let node = parent.child(&path[path.len() - 1]).expect("the serializer writes what the schema knows");
                let mut words = String::new();
                explain_table(&mut words, node);
                if node.is_foreign() {
                    continue;
                }
                let named = ["clusters", "channels", "analyses"].contains(&path[0].as_str()) && path.len() == 2;
                let name = if named { format!("[{}.NAME]", path[0]) } else { text.to_owned() };
                if !out.contains(&format!("\n## `{name}`\n")) {
                    let words = words.lines().map(|l| l.trim_start_matches("# ")).collect::<Vec<_>>().join(" ");
                    let words = if named && words.is_empty() { about_entry(parent) } else { words };
                    write!(out, "\n## `{name}`\n\n{words}\n\n| key | default | meaning |\n| --- | --- | --- |\n")
                        .expect("a String takes all");
                }
                let keys = node.kind.get("properties").and_then(Json::as_object);
                for (key, _) in keys.into_iter().flatten() {
                    let child = node.child(key).expect("a key of the table");
                    if child.is_foreign() {
                        row(&mut out, key, "{}", &child.description().unwrap_or_default());
                    }
                }
            }
            Line::Key { table, key, text } => {
                let parent = table_node(root, &table);
                if parent.is_foreign()
                    || (table.first().is_some_and(|t| t == "channels") && table.get(1).is_some_and(|c| c != "c0"))
                {
                    continue;
                }
                let node = parent.child(&key).expect("the serializer writes what the schema knows");
                let value = text.split_once(" = ").map_or("", |(_, value)| value);
                let default = if known.contains(&format!("{table:?}{text}")) { value } else { "" };
                row(&mut out, &key, default, &node.description().unwrap_or_default());
            }
        }
    }
    out
}

fn about_entry(map: Node<'_>) -> String {
    map.child("0").and_then(Node::description).unwrap_or_default()
}

fn row(out: &mut String, key: &str, default: &str, meaning: &str) {
    let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
    writeln!(out, "| `{key}` | {default} | {} |", meaning.replace('|', "\\|")).expect("a String takes all");
}
