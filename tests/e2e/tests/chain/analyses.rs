//! The analyses of lines that came through the chain: what a pattern found in them is what is counted.

use logmill_config::Layout;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::{Logs, clients};
use logmill_demo::logs::shop;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, folder, said};
use logmill_generated::{Wish, tally};
use serde_json::Value;
use std::time::Duration;

const FILES: &str = "/analyses";
/// 2026-11-01 is day 20758 since 1970-01-01.
const WISH: Wish = Wish { seed: 5, first_day: 20_758, days: 4, starts: 200, users: 300, files: 2 };

#[test]
fn what_came_through_the_chain_is_counted() {
    let (fixture, _turn) = fixture();
    let folder = folder("analyses");
    let clusters: Vec<String> = fixture.stack.addresses().hdfs.keys().cloned().collect();
    let mut logs = Logs { manifest: folder.join("manifest"), entries: Vec::new(), repeated: 0 };
    let lines = shop::add(&mut logs, FILES, &clusters, WISH).expect("the generated files");
    let settings = Settings {
        name: "analyses".into(),
        folder: folder.clone(),
        layout: Layout::Fused,
        instances: 1,
        files: FILES.into(),
        chunk_bytes: Some(16 << 10),
    };
    let set_up = Chain::set_up_with(&fixture.stack, settings, |config| shop::configure(config, FILES));
    let chain = set_up.expect("topics and tables");
    let _processes = chain.start(|text| println!("{text}")).expect("the stages start");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let puts: Vec<Put> = logs.entries.iter().map(|entry| Put::of(&folder, entry)).collect();
    let files = puts.len() as u64;
    fixture.runtime.block_on(upload(&clients, puts)).expect("putting the files");
    let wait = progress::wait(&chain, files, Duration::from_secs(1), PATIENCE, |line| println!("{line}"));
    fixture.runtime.block_on(wait).expect("all files are loaded");
    let (equal, report) = said(&chain.compare(&logs.manifest, false).expect("the comparison runs"));
    assert!(equal, "{report}");

    let refreshed = chain.logmill(&["analyze", "--refresh"]).expect("logmill runs");
    assert!(refreshed.status.success(), "{}", said(&refreshed).1);
    let rows = |what: &str| -> Vec<Value> {
        let range =
            ["--app", shop::APP, "--from", "2026-11-01", "--to", "2026-11-05", "--limit", "1000", "--format", "json"];
        let asked = chain.logmill(&[&["analyze", what], &range[..]].concat()).expect("logmill runs");
        assert!(asked.status.success(), "{}", said(&asked).1);
        let printed = String::from_utf8(asked.stdout).expect("JSON");
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let number = |row: &Value, key: &str| row[key].as_u64().expect("a count");
    let sum = |rows: &[Value], key: &str| rows.iter().map(|row| number(row, key)).sum::<u64>();
    let expected = tally(&lines);
    let calls: u64 = expected.calls.values().flat_map(|day| day.values()).map(|(calls, _)| calls).sum();
    assert_eq!(sum(&rows("calls"), "calls"), calls);
    let topics: u64 = expected.topics.values().flat_map(|day| day.values()).sum();
    assert_eq!(sum(&rows("topics"), "events"), topics);
    let by_day = |what: &str, keys: [&str; 2]| -> Vec<(u64, u64)> {
        rows(what)
            .iter()
            .map(|row| (number(row, keys[0]), number(row, keys[1])))
            .filter(|pair| *pair != (0, 0))
            .collect()
    };
    assert_eq!(by_day("popups", ["shown", "users"]), expected.popups.values().copied().collect::<Vec<_>>());
    assert_eq!(by_day("new-users", ["users", "new"]), expected.users.values().copied().collect::<Vec<_>>());
}
