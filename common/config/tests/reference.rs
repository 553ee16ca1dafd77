//! What people see of the configuration is true: the example parses and names every key, the generated pages are those
//! in docs/ (`UPDATE=1` writes them anew).

use logmill_config::{Config, example, json_schema, reference};
use std::path::PathBuf;

#[test]
fn the_example_is_a_configuration() {
    let config = Config::parse(&example(), "example", []).expect("the example parses");
    assert_eq!(config.clusters.len(), 1);
    assert_eq!(config.kafka, logmill_config::Kafka::default(), "the example shows the defaults");
    assert_eq!(config.plan, logmill_config::PlanDefaults::default());
}

#[test]
fn the_example_is_a_configuration_with_every_comment_taken_away() {
    let all: String = example()
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
        // Two ways to give the password, to be somebody, to be a cluster, and to be a pattern: one at a time.
        .filter(|line| {
            let others = ["password =", "user = \"logmill\"", "endpoint =", "like =", "separator ="];
            !others.iter().any(|key| line.starts_with(key))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let config = Config::parse(&all, "example", []).unwrap_or_else(|error| panic!("{error}\n{all}"));
    assert_eq!(config.worker.slot.as_deref(), Some("0"));
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
}

#[test]
fn the_example_names_every_key() {
    let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
    let example = example();
    let mut keys = 0;
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in tables.filter_map(|table| table["properties"].as_object()).flat_map(|keys| keys.keys()) {
        let named = example.lines().any(|line| {
            let line = line.strip_prefix("# ").unwrap_or(line);
            line.starts_with(&format!("{key} = "))
                || line.split(['[', ']', '.']).any(|part| part == key) && line.starts_with('[')
        });
        assert!(named, "the example does not name {key:?}");
        keys += 1;
    }
    assert!(keys > 60, "the schema has its keys: {keys}");
}

#[test]
fn every_key_is_explained() {
    let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
    for (name, table) in schema["$defs"].as_object().unwrap() {
        for (key, node) in table["properties"].as_object().into_iter().flatten() {
            assert!(node["description"].is_string(), "{name}.{key} has no explanation");
        }
    }
}

#[test]
fn the_pages_in_docs_are_generated_from_the_code() {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for (name, content) in
        [("config.schema.json", json_schema()), ("configuration.md", reference()), ("logmill.example.toml", example())]
    {
        let path = docs.join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &content).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == content, "docs/{name} is not what the code generates: run this test with UPDATE=1");
    }
}
