//! Patterns on real servers: what stands in lines of many forms is in the columns of the table, each line of them once, though
//! splitter and loader are killed; and a change of the configuration touches the files that come later alone.

use logmill_config::{Config, FieldType, PatternSpec, Rule};
use logmill_demo::chain::Chain;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, said, settings};
use std::path::Path;
use std::time::Duration;

const LINES: u64 = 3_000;

fn rule(folder: &str, patterns: &[&str]) -> Rule {
    let patterns = Some(patterns.iter().map(|name| (*name).to_owned()).collect());
    Rule { path: Some(format!("/patterns/{folder}/**")), patterns, ..Rule::default() }
}

fn configured(config: &mut Config) {
    let regex = r"(?<time>\S+ \S+) \[(?<level>\w+)\] order (?<order>\d+) of (?<user>\w+): (?<message>.*)";
    let mut orders = PatternSpec::own("orders", regex);
    orders.time_format = Some("%d.%m.%Y %H:%M:%S".into());
    config.patterns = vec![orders];
    config.rules = vec![
        rule("web", &["nginx"]),
        rule("json", &["json"]),
        rule("csv", &["csv"]),
        rule("own", &["orders"]),
        rule("tried", &["orders", "auto"]),
    ];
    let columns = [
        ("status", FieldType::Int),
        ("client", FieldType::Ip),
        ("sum", FieldType::Float),
        ("user", FieldType::Str),
        ("paid", FieldType::Bool),
        ("sc-bytes", FieldType::Size),
    ];
    config.columns = columns.map(|(field, kind)| (field.to_owned(), kind)).into();
}

/// A file's text: for each line what `line` makes of its number, from 1.
fn lines(line: impl Fn(u64) -> String) -> String {
    (1..=LINES).map(|n| line(n) + "\n").collect()
}

fn clock(n: u64) -> String {
    format!("{:02}:{:02}:{:02}", 10 + n / 3600, n / 60 % 60, n % 60)
}

fn nginx(n: u64) -> String {
    let status = if n.is_multiple_of(10) { 404 } else { 200 };
    format!(
        "10.0.0.{} - - [22/Nov/2026:{} +0000] \"GET /orders/{n} HTTP/1.1\" {status} {n} \"-\" \"curl/8\"",
        n % 200,
        clock(n)
    )
}

fn json(n: u64) -> String {
    format!(
        r#"{{"time":"2026-11-22T{}Z","level":"warn","message":"第{n}行","status":{},"http":{{"url":"/a\"{n}"}},"paid":{}}}"#,
        clock(n),
        n % 7,
        n.is_multiple_of(2)
    )
}

fn csv(n: u64) -> String {
    if n == 1 {
        return "time,level,user,sum\r".into();
    }
    format!("2026-11-22 {},ERROR,\"Jane \"\"{}\"\"\",{}.5\r", clock(n), n % 3, n)
}

fn own(n: u64) -> String {
    format!("22.11.2026 {} [info] order {n} of jane: shipped", clock(n))
}

/// Of every form, and of none.
fn any(n: u64) -> String {
    match n % 5 {
        0 => nginx(n),
        1 => json(n),
        2 => own(n),
        3 => format!("2026-11-22 {},123 ERROR", clock(n)),
        _ => format!("line {n}: nothing that a pattern knows"),
    }
}

fn put(folder: &Path, name: &str, text: &str) -> Put {
    let local = folder.join(name.replace('/', "_"));
    std::fs::write(&local, text).expect("a local file");
    Put { local, cluster: "a".into(), path: format!("/patterns/{name}") }
}

#[test]
fn what_stands_in_lines_is_in_columns() {
    let (fixture, _turn) = fixture();
    let settings = settings("patterns", 16 << 10);
    let folder = settings.folder.clone();
    let chain = Chain::set_up_with(&fixture.stack, settings, configured).expect("topics and tables");
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let upload = |files: Vec<Put>| {
        fixture.runtime.block_on(upload(&clients, files)).expect("putting the files");
    };
    let through = |files: u64| {
        let wait = progress::wait(&chain, files, Duration::from_secs(1), PATIENCE, |line| println!("{line}"));
        fixture.runtime.block_on(wait).expect("all files are loaded");
    };
    let files = [("web/a.log", lines(nginx)), ("json/a.log", lines(json)), ("csv/a.csv", lines(csv))];
    let files = files.into_iter().chain([("own/a.log", lines(own)), ("tried/a.log", lines(any))]);
    upload(files.map(|(name, text)| put(&folder, name, &text)).collect());
    for name in ["splitter-0", "loader-0", "splitter-0"] {
        std::thread::sleep(Duration::from_millis(1_500));
        processes.kill(name).expect("it runs");
    }
    through(5);
    let reconciled = chain.logmill(&["reconcile"]).expect("logmill runs");
    assert!(reconciled.status.success(), "{}", said(&reconciled).1);

    let asked = |what: &str, file: &str| {
        let sql = format!("SELECT {what} FROM logs WHERE path = '/patterns/{file}'");
        chain.sql_as_analyst(&sql).expect("an analyst's query").trim().to_owned()
    };
    // Each line once, with its fields; sums tell whether it has its own.
    let n = LINES;
    let sum = n * (n + 1) / 2;
    for (file, what, expected) in [
        (
            "web/a.log",
            "count(), sum(toUInt64(fields['bytes'])), countIf(fields['status'] = '404'), uniqExact(fields['url']), \
             countIf(fields['method'] = 'GET' AND level = '' AND NOT mapContains(fields, 'message')), \
             countIf(toUnixTimestamp(time) - toUnixTimestamp('2026-11-22 10:00:00', 'UTC') = line)",
            format!("{n}\t{sum}\t{}\t{n}\t{n}\t{n}", n / 10),
        ),
        (
            "web/a.log",
            "sum(status), toTypeName(any(status)), countIf(client = toIPv6('10.0.0.7')), countIf(isNull(sum))",
            format!("{}\tNullable(Int64)\t{}\t{n}", 200 * n + 204 * (n / 10), n / 200),
        ),
        (
            "json/a.log",
            "count(), countIf(level = 'WARN'), countIf(fields['http.url'] = '/a\"' || toString(line)), sum(status), countIf(paid), \
             countIf(isNotNull(paid)), countIf(mapContains(fields, 'time'))",
            format!("{n}\t{n}\t{n}\t{}\t{}\t{n}\t0", (1..=n).map(|n| n % 7).sum::<u64>(), n / 2),
        ),
        (
            "csv/a.csv",
            "count(), countIf(level = 'ERROR'), sum(sum), countIf(user = 'Jane \"0\"'), argMin(length(fields), line), \
             countIf(isNotNull(time))",
            format!("{n}\t{}\t{}\t{}\t0\t{}", n - 1, sum as f64 - 1.0 + 0.5 * (n - 1) as f64, n / 3, n - 1),
        ),
        (
            "own/a.log",
            "count(), countIf(level = 'INFO'), sum(toUInt64(fields['order'])), countIf(user = 'jane'), countIf(isNotNull(time))",
            format!("{n}\t{n}\t{sum}\t{n}\t{n}"),
        ),
        (
            "tried/a.log",
            "count(), countIf(mapContains(fields, 'method')), countIf(mapContains(fields, 'http.url')), \
             countIf(mapContains(fields, 'order')), countIf(empty(fields)), \
             countIf(empty(fields) AND level = 'ERROR' AND toUnixTimestamp64Milli(time) % 1000 = 123)",
            format!("{n}\t{f}\t{f}\t{f}\t{}\t{f}", 2 * n / 5, f = n / 5),
        ),
    ] {
        assert_eq!(asked(what, file), expected, "{file}: {what}");
    }

    // The new configuration is that of files that come later.
    drop(processes);
    let read = std::fs::read_to_string(chain.config_file()).expect("a configuration");
    let mut config: Config = toml::from_str(&read).expect("a configuration");
    config.rules = vec![rule("web", &[]), rule("own", &["json", "orders"])];
    config.patterns[0].regex = Some(r"(?<day>\d+\.\d+\.\d+) .*order (?<number>\d+)".into());
    config.patterns[0].time_format = None;
    config.columns.insert("number".into(), FieldType::Int);
    std::fs::write(chain.config_file(), toml::to_string(&config).expect("a configuration")).expect("it is written");
    let migrated = chain.logmill(&["migrate"]).expect("logmill runs");
    assert!(said(&migrated).1.contains("made      column number"), "{}", said(&migrated).1);
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    upload(vec![put(&folder, "web/b.log", &lines(nginx)), put(&folder, "own/b.log", &lines(own))]);
    through(7);
    let reconciled = chain.logmill(&["reconcile"]).expect("logmill runs");
    assert!(reconciled.status.success(), "{}", said(&reconciled).1);
    let what = "count(), countIf(empty(fields)), countIf(mapContains(fields, 'order')), sum(number)";
    for (file, expected) in [
        ("web/a.log", format!("{n}\t0\t0\t\\N")),
        ("web/b.log", format!("{n}\t{n}\t0\t\\N")),
        ("own/a.log", format!("{n}\t0\t{n}\t\\N")),
        ("own/b.log", format!("{n}\t0\t0\t{sum}")),
    ] {
        assert_eq!(asked(what, file), expected, "{file}");
    }
    assert!(processes.list().iter().all(|process| process.deaths == 0), "{:?}", processes.list());
}
