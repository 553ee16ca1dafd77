//! `logmill dlq` and `logmill forget` on a chain at work.

use crate::redecode::{kill_after, seen, signal, stdout, text};
use logmill_config::{Analysis, App, Config, Layout, PatternSpec};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, folder, said};
use logmill_stack::http;
use std::io::Write;
use std::time::{Duration, Instant};

const KEPT: &str = "/kept/kept.log";
const CUT: &str = "/kept/cut.log.gz";
const GONE: &str = "/kept/gone.log";
/// Who uses the application, by the lines of the file that goes.
const USER: &str = "wilhelmina";

/// A gzip file that ends in the middle.
fn cut(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text.as_bytes()).expect("memory takes it");
    let mut bytes = out.finish().expect("memory takes it");
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn number(chain: &Chain, sql: &str) -> u64 {
    chain.sql(sql).expect("SQL").trim().parse().expect("a number")
}

/// Records of every table that say something of the file, or of its user.
fn traces(chain: &Chain, id: &str) -> u64 {
    let of_file: u64 = ["rows", "file_events", "rejects", "loads", "hidden", "reconciled", "finished"]
        .iter()
        .map(|table| number(chain, &format!("SELECT count() FROM {table} WHERE file_id = unhex('{id}')")))
        .sum();
    of_file + counted(chain, USER)
}

/// How often a user stands in the analyses, by name and among the words.
fn counted(chain: &Chain, user: &str) -> u64 {
    number(chain, &format!("SELECT count() FROM analyzed WHERE position(key, '{user}') > 0"))
}

/// Two applications, of whose lines the analyses know the user.
fn analyzed(config: &mut Config) {
    let app = |path: &str, app: &str| App { path: path.into(), app: app.into() };
    config.apps = vec![app(KEPT, "web"), app("/kept/**", "shop")];
    let regex = r"(?<time>\S+ \S+) (?<level>\w+) (?<event>用户登录)成功 (?<user>\S+) (?<message>.*)";
    config.patterns = vec![PatternSpec::own("logins", regex)];
    config.plan.patterns = vec!["logins".into()];
    for app in ["web", "shop"] {
        let mapping = Analysis { topic: "user".into(), topics: vec!["用户登录".into()], ..Analysis::default() };
        config.analyses.insert(app.into(), mapping);
    }
}

#[test]
fn letters_are_dealt_with_and_a_file_is_forgotten_beside_a_loader_at_work() {
    let (fixture, _turn) = fixture();
    let folder = folder("kept");
    let settings = Settings {
        name: "owned".into(),
        folder: folder.clone(),
        layout: Layout::Separate,
        instances: 1,
        files: "/kept".into(),
        chunk_bytes: Some(32 << 10),
    };
    // All of it under an account that may do what docs/operations.md names, in a database that somebody else made.
    let place = fixture.stack.clickhouse();
    let login = [("X-ClickHouse-User", &*place.admin.user), ("X-ClickHouse-Key", &*place.admin.password)];
    let made = http::request("POST", &place.url, &login, b"CREATE DATABASE owned", PATIENCE);
    assert_eq!(made.expect("the server answers").status, 200);
    let owner = |config: &mut Config| {
        config.clickhouse.user = "owner".into();
        analyzed(config);
    };
    let chain = Chain::set_up_with(&fixture.stack, settings, owner).expect("topics and tables");
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let files = [(KEPT, text(KEPT).into_bytes()), (CUT, cut(&text(CUT))), (GONE, text(USER).into_bytes())].map(
        |(path, bytes)| {
            let local = folder.join(path.rsplit('/').next().expect("a name"));
            std::fs::write(&local, bytes).expect("a file");
            Put { local, cluster: "a".into(), path: path.to_owned() }
        },
    );
    let every = Duration::from_secs(1);
    fixture.runtime.block_on(async {
        upload(&clients, files.into()).await.expect("putting the files");
        progress::wait(&chain, 3, every, PATIENCE, |line| println!("{line}")).await.expect("all files are loaded");
    });
    let run = |arguments: &[&str]| chain.logmill(arguments).expect("logmill runs");
    let lines = |arguments: &[&str]| stdout(&run(arguments)).lines().map(str::to_owned).collect::<Vec<_>>();

    // Letters.
    assert_eq!(lines(&["dlq", "list"]).len(), 1);
    let again = run(&["dlq", "replay", "--path", CUT]);
    assert!(again.status.success(), "{}", said(&again).1);
    assert!(stdout(&again).contains("load 1 for load 0"), "{}", stdout(&again));
    let (waits, all) = (lines(&["dlq", "list"]), lines(&["dlq", "list", "--all"]));
    assert_eq!((waits.len(), all.len()), (1, 2), "{all:?}");
    assert!(all[0].ends_with("[load 0 is superseded]"), "{all:?}");
    let place = waits[0].split(' ').next().expect("a place");
    let dropped = run(&["dlq", "drop", place, "--why", "its writer died", "--who", "op"]);
    assert!(dropped.status.success(), "{}", said(&dropped).1);
    assert!(lines(&["dlq", "list"]).is_empty());
    let all = lines(&["dlq", "list", "--all"]);
    assert!(all[1].contains("[dropped by op ") && all[1].ends_with(": its writer died]"), "{all:?}");
    assert_eq!(run(&["dlq", "drop", place, "--why", "again"]).status.code(), Some(1), "it is dropped already");
    let states = lines(&["files", "/kept/cut*"]);
    assert!(states[1].starts_with("partial") && states[2].starts_with("superseded"), "{states:?}");

    let refreshed = run(&["analyze", "--refresh"]);
    assert!(refreshed.status.success(), "{}", said(&refreshed).1);
    assert_eq!(counted(&chain, USER), 2, "its user, and the word");
    let of_web =
        |chain: &Chain| chain.sql("SELECT kind, key, n, whom FROM analyzed WHERE app = 'web' ORDER BY kind, key");
    let web = of_web(&chain).expect("SQL");
    assert!(web.contains("user\t/kept/kept.log"), "{web}");

    // A load that is under way, and its rows on their way.
    let kept = seen(&chain, KEPT);
    let id = chain.sql(&format!("SELECT lower(hex(any(file_id))) FROM rows WHERE path = '{GONE}'")).expect("SQL");
    let id = id.trim();
    signal(&processes, "loader-0", libc::SIGSTOP);
    kill_after(&chain, &["replay", GONE], &[3000]);
    let shown = run(&["forget", GONE]);
    assert!(shown.status.success() && stdout(&shown).contains("30000 in rows"), "{}", said(&shown).1);
    let leaves = "to be dropped from the analyses: 1 day of shop, 2026-11-22; `logmill analyze --refresh` counts";
    assert!(stdout(&shown).contains("in the analyses 1 day of shop") && said(&shown).1.contains(leaves), "{shown:?}");
    let json = &lines(&["forget", GONE, "--format", "json"])[0];
    let analyses = r#""analyses":[{"app":"shop","days":["2026-11-22"],"again":"logmill analyze --refresh"}]"#;
    assert!(json.contains(analyses), "{json}");
    assert!(traces(&chain, id) > 30_000, "without --yes nothing is done");
    assert_eq!(counted(&chain, USER), 2);
    assert_eq!(run(&["forget", GONE, "--yes"]).status.code(), Some(2), "on what ground?");
    let command = ["forget", GONE, "--yes", "--why", "request 7", "--who", "op"];
    kill_after(&chain, &command, &[50, 200, 500, 1000, 1500]);
    let forgotten = run(&command);
    assert!(forgotten.status.success(), "{}", said(&forgotten).1);
    println!("{}", said(&forgotten).1);
    assert_eq!(traces(&chain, id), 0);
    signal(&processes, "loader-0", libc::SIGCONT);
    let start = Instant::now();
    while !said(&run(&["reconcile"])).0 {
        assert!(start.elapsed() < PATIENCE, "the others are proven: {}", said(&run(&["reconcile"])).1);
        std::thread::sleep(every);
    }
    assert!(lines(&["tap", "rows.c0", "--file", id, "--no-payload"]).len() > 1, "its rows did come, and late");
    assert_eq!(traces(&chain, id), 0, "and none of them came in");
    assert_eq!(number(&chain, "SELECT count() FROM analyzed WHERE app = 'shop'"), 0);
    assert!(run(&["analyze", "--refresh"]).status.success());
    assert_eq!(counted(&chain, USER), 0, "what is there is counted anew, and nothing of it");
    assert_eq!(
        number(&chain, "SELECT countIf(kind = 'user') FROM analyzed WHERE app = 'shop'"),
        1,
        "of the other file"
    );
    assert_eq!(of_web(&chain).expect("SQL"), web);
    assert_eq!(seen(&chain, KEPT), kept);

    // What is left is that it was forgotten, without a name.
    assert_eq!(run(&["where", GONE]).status.code(), Some(1));
    assert_eq!(run(&["replay", id]).status.code(), Some(1));
    assert_eq!(run(&command).status.code(), Some(1), "it is known no more");
    let audit = chain.sql("SELECT argMax(state, at), argMax(who, at), argMax(why, at) FROM forgotten GROUP BY file_id");
    assert_eq!(audit.expect("SQL").trim(), "done\top\trequest 7");
    let known = lines(&["tap", "known.a", "--file", id]);
    let named = known.last().expect("the id stays known");
    assert!(named.contains("\"forgotten\":true") && !named.contains("gone.log"), "{named}");
    assert!(!lines(&["tap", "tasks.a"]).concat().contains("gone.log"), "its task is deleted");
    let sent = lines(&["tap", "raw", "--file", id, "--no-payload"]).len();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(lines(&["tap", "raw", "--file", id, "--no-payload"]).len(), sent, "no lister loads it again");
    assert!(processes.list().iter().all(|process| process.deaths == 0), "{:?}", processes.list());
}
