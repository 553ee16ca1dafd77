//! `logmill analyze` against a real ClickHouse, with generated logs.

mod bench;

use bench::Bench;
use logmill_clickhouse::{Database, literal};
use logmill_config::ClickHouse;
use logmill_generated::{File, Line, Tally, Wish, generate, tally};
use logmill_stack::shared;
use serde_json::Value;
use std::time::Duration;

const DAYS: [&str; 3] = ["2026-11-01", "2026-11-02", "2026-11-03"];

struct Chain {
    bench: Bench,
    database: Database,
    files: Vec<File>,
}

impl Chain {
    /// A migrated database of that name, with the rows of generated files.
    async fn of(name: &str) -> Self {
        let (bench, server) = (Bench::new(), shared::clickhouse());
        let clickhouse = ClickHouse {
            url: server.url.clone(),
            database: name.into(),
            user: server.admin.user.clone(),
            password: Some(server.admin.password.clone()),
            ..ClickHouse::default()
        };
        let text = format!(
            "[clickhouse]\nurl = {:?}\ndatabase = {name:?}\nuser = {:?}\npassword = {:?}\n[analyses.shop]\n",
            server.url, server.admin.user, server.admin.password
        );
        bench.file("logmill.toml", text.as_bytes());
        let migrated = bench.run(&["migrate"]);
        assert_eq!(migrated.code, 0, "{}", migrated.stderr);
        let files = generate(Wish { seed: 3, first_day: 20_758, days: 3, starts: 60, users: 90, files: 2 });
        let chain = Self { bench, database: Database::new(&clickhouse).unwrap(), files };
        for number in 0..chain.files.len() {
            chain.load(number).await;
        }
        chain
    }

    async fn load(&self, number: usize) {
        let file = &self.files[number];
        let row = |(line, at): (&Line, usize)| {
            let fields: Vec<String> =
                line.fields().iter().map(|(k, v)| format!("{},{}", literal(k), literal(v))).collect();
            let at_ms = |ms: u64| format!("fromUnixTimestamp64Milli(toInt64({ms}),'UTC')");
            format!(
                "(toFixedString('{number:016}',16),0,{at},'a',{},'shop',{},{},{},map({}))",
                literal(&file.name),
                at_ms(u64::from(file.day) * 86_400_000),
                at_ms(line.time_ms),
                literal(&line.json()),
                fields.join(",")
            )
        };
        let rows: Vec<String> = file.lines.iter().zip(1..).map(row).collect();
        let columns = "file_id,load,line,cluster,path,app,file_time,time,text,fields";
        let sql = format!("INSERT INTO rows ({columns}) SETTINGS async_insert=0 VALUES {}", rows.join(","));
        self.database.execute(&sql).await.unwrap();
    }

    async fn show(&self, number: usize, shown: bool, version: u64) {
        let hidden = u8::from(!shown);
        let sql = format!("INSERT INTO hidden VALUES (toFixedString('{number:016}',16),0,{hidden},'a test',{version})");
        self.database.execute(&sql).await.unwrap();
    }

    fn tally(&self, shown: impl Fn(usize) -> bool) -> Tally {
        let files = self.files.iter().enumerate().filter(|(number, _)| shown(*number));
        tally(files.flat_map(|(_, file)| &file.lines))
    }

    /// The rows of an answer over all days.
    fn rows(&self, what: &str) -> Vec<Value> {
        let range = ["--app", "shop", "--from", DAYS[0], "--to", "2026-11-04", "--limit", "1000", "--format", "json"];
        let ran = self.bench.run(&[&["analyze", what], &range[..]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{what}");
        ran.rows()
    }

    fn is(&self, tally: &Tally) {
        let number = |row: &Value, key: &str| row[key].as_u64().expect("a count");
        let sum = |rows: &[Value], key: &str| rows.iter().map(|row| number(row, key)).sum::<u64>();
        let calls: u64 = tally.calls.values().flat_map(|day| day.values()).map(|(calls, _)| calls).sum();
        assert_eq!(sum(&self.rows("calls"), "calls"), calls);
        let topics: u64 = tally.topics.values().flat_map(|day| day.values()).sum();
        assert_eq!(sum(&self.rows("topics"), "events"), topics);
        for (day, row) in (20_758..).zip(self.rows("popups")) {
            let expected = tally.popups.get(&day).copied().unwrap_or_default();
            assert_eq!((number(&row, "shown"), number(&row, "users")), expected, "{row}");
        }
        for (day, row) in (20_758..).zip(self.rows("new-users")) {
            let expected = tally.users.get(&day).copied().unwrap_or_default();
            assert_eq!((number(&row, "users"), number(&row, "new")), expected, "{row}");
        }
    }
}

#[tokio::test]
async fn what_was_counted_is_shown_in_every_format_and_what_is_stale_is_said() {
    let chain = Chain::of("cli_analyze").await;
    let range = ["--app", "shop", "--from", DAYS[0], "--to", DAYS[2]];
    let ask = |what: &str, more: &[&str]| chain.bench.run(&[&["analyze", what], &range[..], more].concat());

    let before = ask("popups", &[]);
    assert_eq!(before.code, 0);
    assert!(before.stderr.contains("3 days, from 2026-11-01 on, have other rows by now"), "{}", before.stderr);
    let refreshed = chain.bench.run(&["analyze", "--refresh"]);
    assert_eq!((refreshed.code, refreshed.stdout.as_str()), (0, ""), "{}", refreshed.stderr);
    assert!(refreshed.stderr.contains("rows of shop on 2026-11-02"), "{}", refreshed.stderr);
    assert_eq!(chain.bench.run(&["analyze", "--refresh"]).stderr, "");
    chain.is(&chain.tally(|_| true));

    insta::assert_snapshot!("calls", ask("calls", &[]).stdout);
    insta::assert_snapshot!("popups_csv", ask("popups", &["--format", "csv"]).stdout);
    let last = ["analyze", "topics", "--app", "shop", "--from", DAYS[2], "--to", DAYS[2], "--before", "2"];
    insta::assert_snapshot!("topics", chain.bench.run(&last).stdout);
    insta::assert_snapshot!("new_users_json", ask("new-users", &["--format", "json"]).stdout);
    let svg = ask("new-users", &["--format", "svg"]);
    assert!(svg.code == 0 && svg.stdout.starts_with("<svg") && svg.stdout.contains("2026-11-03"), "{}", svg.stdout);
}

#[tokio::test]
async fn what_cannot_be_asked_says_what_can() {
    let chain = Chain::of("cli_analyze_usage").await;
    for (arguments, said) in [
        (&["analyze"][..], "name what to analyze, or --refresh"),
        (&["analyze", "calls"], "--app APP"),
        (&["analyze", "calls", "--app", "web"], "a section [analyses.web] does"),
        (&["analyze", "--refresh", "--app", "web"], "a section [analyses.web] does"),
        (&["analyze", "calls", "--app", "shop", "--from", "2026-11-02", "--to", "2026-11-01"], "is after --to"),
        (&["analyze", "calls", "--app", "shop", "--from", "yesterday"], "is no day from 1970 on"),
        (&["status", "--format", "csv"], "of `logmill analyze` alone"),
    ] {
        let ran = chain.bench.run(arguments);
        assert!(ran.code == 2 && ran.stderr.contains(said), "{arguments:?}: {} {}", ran.code, ran.stderr);
    }
}

#[tokio::test]
async fn killed_at_any_point_and_run_again_it_comes_to_the_same_counts() {
    let chain = Chain::of("cli_analyze_killed").await;
    let (mut killed, mut hidden) = (0, false);
    for round in 0..25_u64 {
        // Something to count in each round: a file of the first day, to and fro.
        hidden = round % 2 == 1;
        chain.show(0, !hidden, 10 + round).await;
        let mut child =
            chain.bench.command(&["analyze", "--refresh"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        // From its start to beyond its end, in steps that are none of the program's.
        tokio::time::sleep(Duration::from_millis(5 + round * 23 % 500)).await;
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed > 3, "it was killed while it ran {killed} times");
    for _ in 0..10 {
        // What a killed one asked for last may still be under way.
        assert_eq!(chain.bench.run(&["analyze", "--refresh"]).code, 0);
        let again = chain.bench.run(&["analyze", "--refresh"]);
        if again.stderr.is_empty() {
            chain.is(&chain.tally(|number| number != 0 || !hidden));
            return;
        }
    }
    panic!("days stay stale");
}
