//! `logmill replay` on real servers: killed at any moment and run again, readers see the old rows or the new ones.

use crate::redecode::{LINES, expected, kill_after, seen, signal, stdout, text};
use encoding_rs::{GBK, WINDOWS_1252};
use logmill_config::Config;
use logmill_demo::chain::Chain;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, said, settings};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const FILES: [&str; 3] = ["/replayed/one.log", "/replayed/two.log", "/replayed/three.log"];

/// Fixes the encoding of all files that get a task from now on.
fn decode_as(chain: &Chain, encoding: &str) {
    let mut config: Config = chain.config.clone();
    config.plan.encoding = Some(encoding.into());
    std::fs::write(chain.config_file(), toml::to_string(&config).expect("a configuration")).expect("it is written");
}

#[test]
fn readers_see_the_old_rows_or_the_new_ones_though_replay_is_killed() {
    let (fixture, _turn) = fixture();
    let settings = settings("replayed", 32 << 10);
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
    let every = Duration::from_secs(1);
    fixture.runtime.block_on(async {
        upload(&clients, FILES.iter().map(put).collect()).await.expect("putting the files");
        progress::wait(&chain, 3, every, PATIENCE, |line| println!("{line}")).await.expect("all files are loaded");
    });
    let misread = |path: &str| WINDOWS_1252.decode(&GBK.encode(&text(path)).0).0.into_owned();
    let old: Vec<String> = FILES.iter().map(|path| expected(&chain, 0, &misread(path))).collect();
    let new: Vec<String> = FILES.iter().map(|path| expected(&chain, 1, &text(path))).collect();
    assert_eq!(FILES.map(|path| seen(&chain, path)), old[..]);
    let run = |arguments: &[&str]| chain.logmill(arguments).expect("logmill runs");

    // What was configured wrongly is right now.
    decode_as(&chain, "gb18030");
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
        let command = ["replay", "--since", "1h"];
        kill_after(&chain, &command, &[50, 300, 1000, 2000, 3000, 6000]);
        let other = run(&["redecode", "--encoding", "gb18030", FILES[0]]);
        signal(&processes, "loader-0", libc::SIGCONT);
        // One of them may come to its end before it is killed: then another one would be another replay.
        let is_done = || FILES.map(|path| seen(&chain, path)) == new[..];
        for delay in [500, 2000, 4000] {
            if !is_done() {
                kill_after(&chain, &command, &[delay]);
            }
        }
        if !is_done() {
            let ended = run(&command);
            assert!(ended.status.success(), "{}", said(&ended).1);
            println!("{}", said(&ended).1);
        }
        done.store(true, Ordering::Relaxed);
        assert!(said(&other).1.contains("let `logmill replay` end that first"), "{}", said(&other).1);
    });
    assert_eq!(FILES.map(|path| seen(&chain, path)), new[..]);
    for (n, look) in looks.into_inner().expect("a list") {
        assert!(look == old[n] || look == new[n], "a reader saw of {}: {look}, not {} or {}", FILES[n], old[n], new[n]);
    }
    let tasks =
        "SELECT count(), uniqExact(file_id, load) FROM file_events WHERE stage = 'fetcher' AND event = 'opened'";
    assert_eq!(chain.sql(tasks).expect("SQL").trim(), "6\t6", "each file was fetched twice, and has one task a load");
    let lane = run(&["tap", "backfill.a", "--no-payload"]);
    assert_eq!(stdout(&lane).lines().count(), 3, "they went by the lane of backfill: {}", said(&lane).1);
    let (proven, report) = said(&run(&["reconcile"]));
    assert!(proven, "{report}");

    let rows = |channel: &str| {
        let rows = run(&["tap", &format!("rows.{channel}"), "--file", FILES[0]]);
        stdout(&rows)
            .lines()
            .flat_map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
                record["rows"].as_array().expect("rows").clone()
            })
            .map(|row| (row["load"].as_u64().expect("a load"), row["text"].as_str().expect("a text").to_owned()))
            .collect::<Vec<_>>()
    };
    let mut tapped = [rows("c0"), rows("c1")].concat();
    tapped.retain(|(load, _)| *load == 1);
    let mut wanted: Vec<String> = text(FILES[0]).lines().map(str::to_owned).collect();
    let mut tapped: Vec<String> = tapped.into_iter().map(|(_, text)| text).collect();
    wanted.sort();
    tapped.sort();
    assert_eq!(tapped.len() as u64, LINES);
    assert!(tapped == wanted, "the tap shows the rows as they were sent");

    // A file that was redecoded keeps its encoding, whatever is configured.
    decode_as(&chain, "windows-1252");
    assert!(run(&["redecode", "--encoding", "gb18030", FILES[2]]).status.success());
    assert!(run(&["replay", FILES[2]]).status.success());
    assert_eq!(seen(&chain, FILES[2]), expected(&chain, 3, &text(FILES[2])));
    fixture.runtime.block_on(clients["a"].delete(FILES[1], false)).expect("deleting a file");
    let gone = run(&["replay", FILES[1]]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(stdout(&gone).contains("KEPT      a:/replayed/two.log: load 1 stays"), "{}", said(&gone).1);
    assert_eq!(seen(&chain, FILES[1]), new[1]);
    for (arguments, code) in [(&["replay"][..], 2), (&["replay", "--since", "soon"], 2), (&["replay", "/nowhere"], 1)] {
        assert_eq!(run(arguments).status.code(), Some(code), "{arguments:?}");
    }
    assert!(processes.list().iter().all(|process| process.deaths == 0), "{:?}", processes.list());
}
