//! Members of archives on real servers: each is a file of its own, from the decompressor to the table, though stages are
//! killed; they are loaded again, and superseded, with their archive.

use logmill_config::Config;
use logmill_demo::chain::Chain;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, settings};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LINES: u64 = 10_000;
const DAY: &str = "/archived/day.tar.gz";
const BUNDLE: &str = "/archived/bundle.zip";

/// Python's own writers, of lines in GBK.
const WRITER: &str = r"
import gzip, io, sys, tarfile, zipfile
folder, lines = sys.argv[1], int(sys.argv[2])
def text(name):
    return ''.join(f'2026-11-22 10:00:00,123 INFO 用户登录成功 {name} 第 {n} 行\n' for n in range(1, lines + 1)).encode('gbk')
def tar(out, mode, members):
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
with open(folder + '/day.tar.gz', 'wb') as out:
    tar(out, 'w:gz', [('app.log', text('app')), ('old/app.log.1.gz', gzip.compress(text('old')))])
with open(folder + '/next.tar.gz', 'wb') as out:
    tar(out, 'w:gz', [('app.log', text('app'))])
inner = io.BytesIO()
tar(inner, 'w', [('deep.log', text('deep'))])
with zipfile.ZipFile(folder + '/bundle.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('a.log', text('a'))
    archive.writestr('inner.tar', inner.getvalue())
";

/// Of each member that has lines: its path, and the name in its lines.
const MEMBERS: [(&str, &str); 4] = [
    ("/archived/day.tar.gz!/app.log", "app"),
    ("/archived/day.tar.gz!/old/app.log.1.gz", "old"),
    ("/archived/bundle.zip!/a.log", "a"),
    ("/archived/bundle.zip!/inner.tar!/deep.log", "deep"),
];

fn sql(chain: &Chain, sql: &str) -> String {
    chain.sql_as_analyst(sql).expect("a reader's query").trim().to_owned()
}

/// What readers see of all members of an archive: their loads, paths, rows, and whether every line is as it was written.
fn seen(chain: &Chain, archive: &str) -> String {
    let name = MEMBERS.map(|(path, name)| format!("path = '{path}', '{name}'")).join(", ");
    sql(
        chain,
        &format!(
            "SELECT load, path, count(), uniqExact(line), \
             countIf(text = concat('2026-11-22 10:00:00,123 INFO 用户登录成功 ', multiIf({name}, ''), ' 第 ', \
               toString(line), ' 行')) FROM logs WHERE startsWith(path, '{archive}') GROUP BY load, path ORDER BY path, load"
        ),
    )
}

fn expected(load: u32, paths: &[&str], right: u64) -> String {
    let row = |path: &&str| format!("{load}\t{path}\t{LINES}\t{LINES}\t{right}");
    paths.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn members_of_archives_are_files_of_their_own() {
    let (fixture, _turn) = fixture();
    let settings = settings("archived", 16 << 10);
    let folder = settings.folder.clone();
    let misread = |config: &mut Config| config.plan.encoding = Some("windows-1252".into());
    let chain = Chain::set_up_with(&fixture.stack, settings, misread).expect("topics and tables");
    let wrote = Command::new("python3").args(["-c", WRITER]).arg(&folder).arg(LINES.to_string()).status();
    assert!(wrote.expect("python3 runs").success());
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let put = |local: &str, path: &str| Put { local: folder.join(local), cluster: "a".into(), path: path.into() };
    fixture.runtime.block_on(async {
        let files = vec![put("day.tar.gz", DAY), put("bundle.zip", BUNDLE)];
        upload(&clients, files).await.expect("putting the files");
        for stage in ["decompressor-0", "reencoder-0", "decompressor-0"] {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            processes.kill(stage).expect("it runs");
        }
        // Two archives, one of them with an archive in it, and four members with lines.
        let say = |line| println!("{line}");
        progress::wait(&chain, 7, Duration::from_secs(1), PATIENCE, say).await.expect("all files are loaded");
    });
    let paths = MEMBERS.map(|(path, _)| path);
    assert_eq!(seen(&chain, BUNDLE), expected(0, &paths[2..], 0), "each line once, and none of them read right");
    assert_eq!(seen(&chain, DAY), expected(0, &paths[..2], 0));
    let reconciled = chain.logmill(&["reconcile", "--settled"]).expect("logmill reconcile runs");
    assert_eq!(reconciled.status.code(), Some(0), "{reconciled:?}");
    let way = chain.logmill(&["where", paths[3]]).expect("logmill where runs");
    assert!(String::from_utf8_lossy(&way.stdout).contains("decompressor"), "{way:?}");

    // Readers see all members of one load, or all of the other.
    let (done, looks) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                looks.lock().expect("a list").insert(seen(&chain, DAY));
            }
        });
        let again = chain.logmill(&["redecode", "--encoding", "gb18030", DAY]).expect("logmill redecode runs");
        done.store(true, Ordering::Relaxed);
        assert_eq!(again.status.code(), Some(0), "{again:?}");
    });
    let (old, new) = (expected(0, &paths[..2], 0), expected(1, &paths[..2], LINES));
    assert_eq!(seen(&chain, DAY), new);
    for look in looks.into_inner().expect("a list") {
        assert!(look == old || look == new, "a reader saw\n{look}");
    }
    let member = chain.logmill(&["redecode", "--encoding", "gbk", paths[0]]).expect("logmill redecode runs");
    let refusal = String::from_utf8_lossy(&member.stderr).into_owned();
    assert_eq!(member.status.code(), Some(1));
    assert!(refusal.contains(&format!("which is loaded again as a whole: name {DAY}")), "{refusal}");

    // A newer archive without one of the members.
    fixture.runtime.block_on(async {
        clients["a"].delete(DAY, false).await.expect("deleting a file");
        upload(&clients, vec![put("next.tar.gz", DAY)]).await.expect("putting a file");
    });
    let begun = Instant::now();
    while seen(&chain, DAY) != expected(0, &paths[..1], 0) {
        assert!(begun.elapsed() < PATIENCE, "readers see\n{}", seen(&chain, DAY));
        std::thread::sleep(Duration::from_millis(500));
    }
}
