//! What becomes of bad input, on real servers: every kind of it at once, with sound files beside it. Each has its outcome,
//! the sound ones have all their lines, and the whole is proven.

use flate2::Compression;
use flate2::write::GzEncoder;
use logmill_config::{Finished, Layout};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::faults::Watch;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Clients, Put, upload};
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where finished files go.
const ARCHIVE: &str = "/finished";
/// Bytes over which a line is cut into parts; also of a chunk.
const LINE: usize = 16 << 10;

/// A file, and what has to become of it.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// complete, partial or quarantined.
    state: &'static str,
    /// Lines and rows that have to be in the table; `None` where only a part of them is known to come.
    lines: Option<(u64, u64)>,
    /// The reason among the rejects.
    reject: Option<&'static str>,
    /// Whether the reject names the byte.
    at_byte: Option<u64>,
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, lines: u64) -> Case {
    let (bytes, lines) = (bytes.into(), Some((lines, lines)));
    Case { name, bytes, state: "complete", lines, reject: None, at_byte: None }
}

impl Case {
    fn rows(self, rows: u64) -> Self {
        Self { lines: self.lines.map(|(lines, _)| (lines, rows)), ..self }
    }

    /// What decodes is loaded, and the rest is a reject.
    fn partial(self, reject: &'static str) -> Self {
        Self { state: "partial", reject: Some(reject), ..self }
    }

    fn at(self, byte: usize) -> Self {
        Self { at_byte: Some(byte as u64), ..self }
    }

    fn quarantined(self) -> Self {
        Self { state: "quarantined", ..self }
    }

    fn only_some(self) -> Self {
        Self { lines: None, ..self }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let blocks = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(blocks, Vec::new());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.into_inner().expect("writing to memory does not fail")
}

/// Lines that do not compress well: so that a damage in the middle of an archive has lines on both sides.
fn lines(count: u64) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = 1_u64;
    for line in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        writeln!(text, "2026-11-22 10:00:00,123 INFO line {line} {state:016x}")
            .expect("writing to memory does not fail");
    }
    text
}

fn hex(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02X}")).collect()
}

fn cases() -> Vec<Case> {
    let text = lines(5_000);
    let packed = gzip(&text);
    let mut damaged = packed.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xff);
    // Said to be UTF-8 by its first bytes, so that it is not taken for anything else.
    let mut malformed = text.clone();
    malformed.iter_mut().step_by(50).for_each(|byte| *byte = if *byte == b'\n' { b'\n' } else { 0xff });
    let (bzip2, xz, lz4, snappy) = (bzip2(&text), xz(&text), lz4(&text), snappy(&text));
    let mut long = vec![b'x'; 64 * LINE];
    long.extend_from_slice(b"\nafter\n");
    vec![
        case("empty.log", [], 0),
        case("archive of nothing.gz", gzip(&[]), 0),
        case("cut short.gz", &packed[..middle], 0).partial("truncated").at(middle).only_some(),
        case("damaged.gz", damaged, 0).partial("corrupt").only_some(),
        case("nuls after it.gz", [packed.clone(), vec![0; 1000]].concat(), 5_000),
        case("more after it.gz", [packed.clone(), b"what is this?".to_vec()].concat(), 5_000)
            .partial("trailing-garbage")
            .at(packed.len()),
        case("cut short.bz2", &bzip2[..bzip2.len() / 2], 0).partial("truncated").at(bzip2.len() / 2).only_some(),
        case("cut short.lz4", &lz4[..lz4.len() / 2], 0).partial("truncated").at(lz4.len() / 2).only_some(),
        case("two streams.bz2", bzip2.repeat(2), 10_000),
        case("streams with padding.xz", [&xz[..], &[0; 8], &xz].concat(), 10_000),
        case("frames of two codecs.lz4", [lz4, snappy].concat(), 10_000),
        case("no archive.gz", &text[..], 5_000),
        case("an archive.log", packed, 5_000),
        case("one long line.log", long, 2).rows(65),
        case("nuls.log", vec![0; 1000], 1),
        case("malformed.log", [&b"\xef\xbb\xbf"[..], &malformed].concat(), 5_000).quarantined(),
        case("without its last line end.log", "one\n\nthree", 3),
        case("it's \"quoted\"\n%2F \\n [a-z] {b} 支付.log", &text[..], 5_000),
    ]
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Put {
    std::fs::create_dir_all(folder).expect("a folder");
    let local = folder.join(name);
    std::fs::write(&local, bytes).expect("a local file");
    Put { local, cluster: "a".into(), path: format!("/outcomes/{name}") }
}

/// Deletes a file while it is fetched: as soon as its first chunk is there.
async fn vanish(chain: &Chain, clients: &Clients, before: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let watch = tokio::task::block_in_place(|| Watch::new(chain))?;
    while tokio::task::block_in_place(|| watch.output("fetcher"))? <= before {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the file was not begun within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    clients["a"].delete("/outcomes/vanishes.log", false).await?;
    Ok(())
}

#[test]
fn every_kind_of_bad_input_has_its_outcome_and_all_around_it_is_loaded() {
    let (fixture, _turn) = fixture();
    let folder = logmill_e2e::folder("outcomes");
    let name = "outcomes".to_owned();
    let (layout, files) = (Layout::Fused, "/outcomes".to_owned());
    let settings =
        Settings { name, folder: folder.clone(), layout, instances: 1, files, chunk_bytes: Some(LINE as u64) };
    let archived = |config: &mut logmill_config::Config| {
        let a = config.clusters.get_mut("a").expect("the stack has it");
        (a.finished, a.finished_folder) = (Finished::Move, Some(ARCHIVE.into()));
    };
    let chain = Chain::set_up_with(&fixture.stack, settings, archived).expect("topics and tables");
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    let cases = cases();
    let puts = cases.iter().map(|case| put(&folder.join("local"), case.name, &case.bytes)).collect();
    let all = cases.len() as u64;
    let show = |line: String| println!("{line}");
    let every = Duration::from_secs(2);
    fixture.runtime.block_on(async {
        upload(&clients, puts).await.expect("putting the files");
        progress::wait(&chain, all, every, PATIENCE, show).await.expect("all files come to their end");
        let watch = tokio::task::block_in_place(|| Watch::new(&chain)).expect("a client that watches");
        let before = tokio::task::block_in_place(|| watch.output("fetcher")).expect("the fetcher's output");
        let large = put(&folder.join("local"), "vanishes.log", &lines(800_000));
        upload(&clients, vec![large]).await.expect("putting the large file");
        vanish(&chain, &clients, before).await.expect("deleting the large file");
        progress::wait(&chain, all + 1, every, PATIENCE, show).await.expect("what vanished comes to its end too");
    });

    // By the name in hex, because names have quotes and line ends in them.
    let rows = |sql: &str| -> BTreeMap<String, Vec<String>> {
        let text = chain.sql(&format!("{sql} FORMAT TSVRaw")).expect("SQL");
        let fields = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        text.lines().map(fields).map(|mut fields| (fields.remove(0), fields)).collect()
    };
    let loads = rows("SELECT hex(splitByChar('/', path)[-1]), state, lines, rows FROM loads FINAL");
    let table = rows("SELECT hex(splitByChar('/', path)[-1]), uniqExact(line), count() FROM rows GROUP BY 1");
    let shown = rows("SELECT hex(splitByChar('/', path)[-1]), uniqExact(line), count() FROM logs GROUP BY 1");
    let rejects = rows("SELECT hex(splitByChar('/', path)[-1]), reason, ifNull(toString(at_byte), '') FROM rejects");
    for case in &cases {
        let load = loads.get(&hex(case.name)).unwrap_or_else(|| panic!("{:?} has no load", case.name));
        assert_eq!(load[0], case.state, "the state of {:?}", case.name);
        let none = vec!["0".to_owned(), "0".to_owned()];
        let found = table.get(&hex(case.name)).unwrap_or(&none);
        assert_eq!(found[..], load[1..], "what is in the table of {:?} is what its load says", case.name);
        match case.lines {
            Some((lines, rows)) => assert_eq!(found[..], [lines.to_string(), rows.to_string()], "{:?}", case.name),
            None => {
                let lines: u64 = found[0].parse().expect("a number");
                assert!((1_000..5_000).contains(&lines), "{lines} lines of {:?} were read", case.name);
            }
        }
        let hidden = case.state == "quarantined";
        assert_eq!(
            shown.get(&hex(case.name)).unwrap_or(&none) == found,
            !hidden,
            "what analysts see of {:?}",
            case.name
        );
        let reject = rejects.get(&hex(case.name));
        assert_eq!(reject.map(|reject| reject[0].as_str()), case.reject, "the reject of {:?}", case.name);
        if let (Some(reject), Some(at)) = (reject, case.at_byte) {
            assert_eq!(reject[1], at.to_string(), "the byte in the reject of {:?}", case.name);
        }
    }
    let vanished = &loads[&hex("vanishes.log")];
    assert_eq!(vanished[0], "partial");
    assert_eq!(table[&hex("vanishes.log")][..], vanished[1..], "what came of the file that vanished is in the table");
    assert_eq!(rejects[&hex("vanishes.log")][0], "changed");
    let proof = chain.logmill(&["reconcile"]).expect("logmill reconcile runs");
    assert!(proof.status.success(), "{}", String::from_utf8_lossy(&proof.stdout));
    assert!(processes.list().iter().all(|process| process.deaths == 0), "bad input killed: {:?}", processes.list());
    drop(processes);
    fixture.runtime.block_on(finish(&chain, &clients, &folder.join("local"), &cases));
}

/// The files below a folder of the cluster, by their paths in it.
async fn listed(clients: &Clients, folder: &str) -> BTreeSet<String> {
    let all = clients["a"].list_status(folder, true).await.expect("a listing");
    let files = all.into_iter().filter(|status| !status.isdir);
    files.map(|status| status.path[folder.len() + 1..].to_owned()).collect()
}

/// What is proven leaves the cluster, with its name whatever it is; all else stays, and so does what took the place of a file.
async fn finish(chain: &Chain, clients: &Clients, local: &Path, cases: &[Case]) {
    let stays = |case: &&Case| case.state != "complete" || case.reject.is_some();
    let mut left: BTreeSet<String> = cases.iter().filter(stays).map(|case| case.name.to_owned()).collect();
    let (replaced, deleted) = ("an archive.log", "nuls.log");
    let again = Put { path: format!("/outcomes/{replaced}"), ..put(local, replaced, b"another one") };
    clients["a"].delete(&again.path, false).await.expect("deleting a file");
    upload(clients, vec![again]).await.expect("putting the other one in its place");
    let before = listed(clients, "/outcomes").await;
    let run = |arguments: &[&str], finished: &str| {
        let mut command = chain.command(arguments);
        command.env("LOGMILL__CLUSTERS__A__FINISHED", finished);
        tokio::task::block_in_place(|| command.output()).expect("logmill finish runs")
    };
    let text = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let planned = run(&["finish", "--dry-run"], "move");
    assert_eq!(listed(clients, "/outcomes").await, before, "{}", text(&planned));
    assert!(run(&["finish", &format!("/outcomes/{deleted}")], "delete").status.success());
    // Killed somewhere on the way, and run again.
    let mut killed = chain.command(&["finish"]).spawn().expect("logmill finish starts");
    tokio::time::sleep(Duration::from_millis(700)).await;
    killed.kill().expect("kill -9");
    killed.wait().expect("it is dead");
    let done = run(&["finish"], "move");
    assert!(done.status.success(), "{}{}", text(&done), String::from_utf8_lossy(&done.stderr));
    left.insert(replaced.to_owned());
    assert_eq!(listed(clients, "/outcomes").await, left);
    let moved: BTreeSet<String> = before.difference(&left).filter(|name| *name != deleted).cloned().collect();
    assert_eq!(listed(clients, &format!("{ARCHIVE}/outcomes")).await, moved);
    let noted = chain.sql("SELECT became, count() FROM finished FINAL GROUP BY 1 ORDER BY 1").expect("SQL");
    assert_eq!(noted, format!("deleted\t1\nmoved\t{}\nreplaced\t1\n", moved.len()));
    assert_eq!(text(&run(&["finish"], "move")), "", "nothing is asked for again");
}
