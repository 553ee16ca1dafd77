//! The whole chain with rows over two shards, on two engines: loaders that are killed, a shard that is away, a load that replaces
//! another one, a file that is erased.

use logmill_config::Layout;
use logmill_e2e::{PATIENCE, Portions, said, two_engines};
use logmill_stack::ServerId;
use std::time::{Duration, Instant};

const NAME: &str = "sharded";
const ROWS: &str = "cluster('logmill', 'sharded_shard', 'rows')";

fn sql(chain: &Portions, sql: &str) -> String {
    chain.running.chain.sql(sql).expect("SQL").trim().to_owned()
}

/// Runs `logmill`; what it printed, where it ended well.
fn logmill(chain: &Portions, arguments: &[&str]) -> String {
    let (well, text) = said(&chain.running.chain.logmill(arguments).expect("logmill runs"));
    assert!(well, "{arguments:?}: {text}");
    println!("{text}");
    text
}

#[test]
fn each_file_is_whole_on_one_of_two_shards_and_every_line_once() {
    let fixture = Box::leak(Box::new(two_engines("e2e-shards").expect("the servers and the logs")));
    let fixture = &*fixture;
    let (first, second) = (fixture.stack.clickhouse().url.clone(), fixture.stack.second_clickhouse().url.clone());
    let shards = vec![first.clone(), second.clone()];
    let change = |config: &mut logmill_config::Config| {
        config.clickhouse.shards = shards;
        config.clickhouse.insert_timeout = Duration::from_secs(5);
    };
    let mut chain = Portions::start(fixture, NAME, Layout::Separate, &[], change);
    assert_eq!(logmill(&chain, &["migrate"]).matches("was there").count(), 4 + 4 + 10);
    let checks = logmill(&chain, &["validate", "--connect"]);
    assert!(checks.contains("clickhouse: shards: all 2 are in their places, and the front sees them"), "{checks}");

    // Loaders die in the middle.
    let files = fixture.logs.entries.len();
    for portion in [files / 2, files - files / 2] {
        chain.put_and_meet(portion);
        chain.running.processes.kill("loader-0").expect("it runs");
        chain.through();
    }
    chain.assert_each_line_once();
    let of_each =
        "uniqExact(file_id) FROM cluster('logmill', 'sharded_shard', 'rows') GROUP BY _shard_num ORDER BY _shard_num";
    let of_each = sql(&chain, &format!("SELECT _shard_num, {of_each}"));
    println!("shard, files:\n{of_each}");
    assert!(of_each.starts_with("1\t") && of_each.contains("\n2\t"), "{of_each}");
    // The low half of the id, modulo the number of shards. (toString would take zero bytes from its end.)
    let place = "reinterpretAsUInt64(reverse(substring(file_id, 9, 8))) % 2 + 1";
    assert_eq!(sql(&chain, &format!("SELECT countIf(_shard_num != {place}) FROM {ROWS}")), "0");

    // A shard is away.
    for (server, url, number) in [(ServerId::SecondClickHouse, &second, 2), (ServerId::ClickHouse, &first, 1)] {
        let mark = chain.mark("loader");
        fixture.stack.kill(&server).expect("it runs");
        chain.put(files);
        let shard = format!("shard {number} at {url}: no answer");
        chain.await_words("loader", mark, &["waiting for ClickHouse", "rows.", &shard], 1);
        if number == 2 {
            let (proven, report) = chain.running.reconcile();
            assert!(
                !proven && report.contains("ALL_CONNECTION_TRIES_FAILED"),
                "there is no answer without it: {report}"
            );
        }
        std::thread::sleep(Duration::from_secs(5));
        fixture.stack.restart(&server).expect("it starts");
        chain.through();
        chain.assert_each_line_once();
    }

    // A load that replaces another one: both lie on one shard, and the front hides the one.
    let whole = chain.sent().iter().find(|entry| entry.damage.is_none()).expect("a whole file").path.clone();
    let of = |what: &str, from: &str| sql(&chain, &format!("SELECT {what} FROM {from} WHERE path = '{whole}'"));
    let (lines, id) = (of("count()", "logs"), of("lower(hex(any(file_id)))", "rows"));
    logmill(&chain, &["replay", &whole]);
    let begun = Instant::now();
    while of("groupUniqArray(load)", "logs") != "[1]" {
        assert!(begun.elapsed() < PATIENCE, "load 1 is shown");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(of("count()", "logs"), lines);
    let as_analyst = format!("SELECT count() FROM logs WHERE path = '{whole}'");
    assert_eq!(chain.running.chain.sql_as_analyst(&as_analyst).expect("SQL").trim(), lines);
    assert_eq!(of("uniqExact(load), uniqExact(_shard_num)", ROWS), "2\t1");
    logmill(&chain, &["reconcile"]);

    // A file that is erased.
    let forgotten = logmill(&chain, &["forget", &whole, "--yes", "--why", "request 7", "--who", "op"]);
    assert!(forgotten.contains("in rows"), "{forgotten}");
    assert_eq!(of("count()", ROWS), "0");
    let fences = format!("cluster('logmill', 'sharded_shard', 'forgotten') WHERE file_id = unhex('{id}')");
    assert_eq!(sql(&chain, &format!("SELECT uniqExact(_shard_num) FROM {fences}")), "2");
    logmill(&chain, &["reconcile"]);
    logmill(&chain, &["status"]);

    // A row that stands on the other shard too.
    let at = sql(&chain, &format!("SELECT _shard_num, path FROM {ROWS} WHERE line = 2 LIMIT 1"));
    let (number, path) = at.split_once('\t').expect("a shard and a path");
    let there = format!("SELECT * FROM {ROWS} WHERE line = 2 AND path = '{path}' AND _shard_num = {number} LIMIT 1");
    let login = &fixture.stack.clickhouse().admin;
    let headers = [("X-ClickHouse-User", login.user.as_str()), ("X-ClickHouse-Key", login.password.as_str())];
    let insert = format!("INSERT INTO sharded_shard.rows {there}");
    let other = if number == "1" { &second } else { &first };
    let answer = logmill_stack::http::request("POST", other, &headers, insert.as_bytes(), PATIENCE).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (proven, report) = chain.running.reconcile();
    assert!(!proven && report.contains(path) && report.contains("some are doubled: line 2"), "{report}");
    let deaths: u32 = chain.running.processes.list().iter().map(|process| process.deaths).sum();
    assert_eq!(deaths, 2, "a process died by itself: {:?}", chain.running.processes.list());
}
