//! `logmill redecode` on real servers: killed at any moment and run again, readers see the old rows or the new ones.

use encoding_rs::{GBK, WINDOWS_1252};
use logmill_config::Config;
use logmill_demo::chain::Chain;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::processes::Processes;
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, settings};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub const LINES: u64 = 30_000;
const FILES: [&str; 3] = ["/redecoded/one.log", "/redecoded/two.log", "/redecoded/three.log"];

/// Lines as they were meant.
pub fn text(name: &str) -> String {
    let mut text = String::new();
    for line in 0..LINES {
        writeln!(text, "2026-11-22 10:00:00,123 INFO 用户登录成功 {name} 第 {line} 行").expect("a string takes it");
    }
    text
}

/// What readers see of a file: its loads, its rows, and a checksum of their texts.
pub fn seen(chain: &Chain, path: &str) -> String {
    let sql = format!(
        "SELECT toString(groupUniqArray(load)), count(), uniqExact(line), sum(cityHash64(line, text)) FROM logs \
         WHERE path = '{path}'"
    );
    chain.sql_as_analyst(&sql).expect("a reader's query").trim().to_owned()
}

/// What readers are to see of a load.
pub fn expected(chain: &Chain, load: u32, text: &str) -> String {
    let rows: Vec<String> = text.lines().enumerate().map(|(n, line)| format!("{}\t{line}\n", n + 1)).collect();
    chain.sql("CREATE TABLE IF NOT EXISTS wanted (line UInt64, text String) ENGINE = Memory").expect("a table");
    chain.sql("TRUNCATE TABLE wanted").expect("an empty table");
    chain.sql(&format!("INSERT INTO wanted FORMAT TSV\n{}", rows.concat())).expect("the rows");
    let sum = chain.sql("SELECT count(), uniqExact(line), sum(cityHash64(line, text)) FROM wanted").expect("a sum");
    format!("[{load}]\t{}", sum.trim())
}

fn redecode(chain: &Chain, encoding: &str, paths: &[&str]) -> Output {
    let arguments = [&["redecode", "--encoding", encoding], paths].concat();
    chain.logmill(&arguments).expect("logmill redecode runs")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs the same command again and again, each time killed after so many milliseconds.
pub fn kill_after(chain: &Chain, arguments: &[&str], delays: &[u64]) {
    for delay in delays {
        let mut process = chain.command(arguments).spawn().expect("logmill starts");
        std::thread::sleep(Duration::from_millis(*delay));
        process.kill().expect("kill -9");
        process.wait().expect("it is dead");
    }
}

pub fn signal(processes: &Processes, name: &str, signal: i32) {
    let pid = processes.list().into_iter().find(|process| process.name == name).and_then(|process| process.pid);
    let pid = pid.expect("the process runs");
    // SAFETY: it is a child of this process that was not waited for, so the id is its own still.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

#[test]
fn readers_see_the_old_rows_or_the_new_ones_though_redecode_is_killed() {
    let (fixture, _turn) = fixture();
    let settings = settings("redecoded", 32 << 10);
    let folder = settings.folder.clone();
    let misread = |config: &mut Config| config.plan.encoding = Some("windows-1252".into());
    let chain = Chain::set_up_with(&fixture.stack, settings, misread).expect("topics and tables");
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let put = |path: &&str| {
        let local = folder.join(path.rsplit('/').next().expect("a name"));
        std::fs::write(&local, GBK.encode(&text(path)).0).expect("a file");
        Put { local, cluster: "a".into(), path: (*path).to_owned() }
    };
    let all = FILES.len() as u64;
    let every = Duration::from_secs(1);
    fixture.runtime.block_on(async {
        upload(&clients, FILES.iter().map(put).collect()).await.expect("putting the files");
        progress::wait(&chain, all, every, PATIENCE, |line| println!("{line}")).await.expect("all files are loaded");
    });
    let misread = |path: &str| WINDOWS_1252.decode(&GBK.encode(&text(path)).0).0.into_owned();
    let old: Vec<String> = FILES.iter().map(|path| expected(&chain, 0, &misread(path))).collect();
    let new: Vec<String> = FILES.iter().map(|path| expected(&chain, 1, &text(path))).collect();
    assert_eq!(FILES.map(|path| seen(&chain, path)), old[..]);

    let (done, looks) = (AtomicBool::new(false), std::sync::Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (n, path) in FILES.iter().enumerate() {
                    looks.lock().expect("a list").insert((n, seen(&chain, path)));
                }
            }
        });
        // No row arrives while the loader rests: so far no load can be complete, and all three are under way.
        signal(&processes, "loader-0", libc::SIGSTOP);
        let command = [&["redecode", "--encoding", "gb18030"], &FILES[..]].concat();
        kill_after(&chain, &command, &[50, 300, 1000, 2000, 3000, 6000]);
        let other = redecode(&chain, "big5", &FILES[..1]);
        signal(&processes, "loader-0", libc::SIGCONT);
        kill_after(&chain, &command, &[500, 2000, 4000]);
        let ended = redecode(&chain, "gb18030", &FILES);
        done.store(true, Ordering::Relaxed);
        assert_eq!(ended.status.code(), Some(0), "{}{}", stdout(&ended), String::from_utf8_lossy(&ended.stderr));
        let refusal = String::from_utf8_lossy(&other.stderr);
        assert!(refusal.contains("is being loaded again as gb18030"), "{refusal}");
        println!("{}{}", stdout(&ended), String::from_utf8_lossy(&ended.stderr));
    });
    assert_eq!(FILES.map(|path| seen(&chain, path)), new[..]);
    for (n, look) in looks.into_inner().expect("a list") {
        assert!(look == old[n] || look == new[n], "a reader saw of {}: {look}, not {} or {}", FILES[n], old[n], new[n]);
    }
    let again = redecode(&chain, "GB18030", &FILES);
    assert_eq!((again.status.code(), stdout(&again).matches("already").count()), (Some(0), 3), "{}", stdout(&again));
    let tasks =
        "SELECT count(), uniqExact(file_id, load) FROM file_events WHERE stage = 'fetcher' AND event = 'opened'";
    assert_eq!(chain.sql(tasks).expect("SQL").trim(), "6\t6", "each file was fetched twice, and has one task a load");

    let clusters = chain.logmill(&["clusters", "--format", "json"]).expect("logmill clusters runs");
    assert_eq!(clusters.status.code(), Some(0), "both clusters are up: {}", stdout(&clusters));
    let a = "\"fetchers\":1,\"down\":0,\"paused\":0,\"coroutines\":4,\"own\":4,\"weight\":1,\"learned\":false,\"waiting\":0,\"backfill\":0,\"files\":6,";
    assert!(stdout(&clusters).contains(a), "{}", stdout(&clusters));

    // What cannot be better stays as it is.
    let worse = redecode(&chain, "utf-8", &FILES[..1]);
    assert_eq!(worse.status.code(), Some(1));
    assert!(stdout(&worse).contains("KEPT      a:/redecoded/one.log: load 1 stays"), "{}", stdout(&worse));
    fixture.runtime.block_on(clients["a"].delete(FILES[1], false)).expect("deleting a file");
    let gone = redecode(&chain, "gbk", &FILES[1..2]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(stdout(&gone).contains("the file is gone or another one by now"), "{}", stdout(&gone));
    assert_eq!(FILES.map(|path| seen(&chain, path)), new[..]);
    let unknown = redecode(&chain, "gbk", &["/nowhere"]);
    assert_eq!(unknown.status.code(), Some(1));
    let label = redecode(&chain, "klingon", &FILES[..1]);
    assert_eq!(label.status.code(), Some(2));
    assert!(processes.list().iter().all(|process| process.deaths == 0), "{:?}", processes.list());
}
