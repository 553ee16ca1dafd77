//! Records of several lines on real servers: the stack traces of a Java program are rows of their own, each line of them once,
//! though processes of each stage are killed; and the chunks of a file with a header line know it, down to the splitter.

use logmill_config::{Config, HeaderLine, Layout, Rule};
use logmill_core::wire::WireChunk;
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::faults::{Watch, kill_each};
use logmill_demo::logs::generate::{Logs, clients};
use logmill_demo::logs::manifest::{self, Codec, Encoding, Entry};
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::progress;
use logmill_e2e::{PATIENCE, fixture, folder, settings, start_with};
use logmill_kafka::admin::Admin;
use logmill_protocol::Partition;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const FILES: usize = 8;
const BYTES: usize = 1_500_000;
/// Small, so that there is much to interrupt; a stack trace but for the deep ones is far smaller.
const CHUNK: u64 = 16 << 10;

/// A log as the program wrote it.
struct Log {
    entry: Entry,
    local: PathBuf,
    /// How many times it logged something.
    events: u64,
    kind: &'static str,
}

/// Runs the program once for each file: every kind for each cluster.
fn write_logs(folder: &Path, under: &str) -> Vec<Log> {
    std::fs::create_dir_all(folder).expect("a folder for the logs");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chain/Shop.java");
    let log = |n: usize| {
        let (name, kind) = (format!("shop-{n}"), ["plain", "crlf", "plain", "deep"][n / 2 % 4]);
        let bytes = (BYTES + 1_000 * n).to_string();
        let ran =
            Command::new("java").arg(&source).arg(folder).args([&*name, &bytes, kind]).output().expect("java runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let original = format!("{name}.log");
        let text = std::fs::read(folder.join(&original)).expect("what it wrote");
        let local = folder.join(format!("{name}.log.gz"));
        let entry = Entry {
            cluster: ["a", "b"][n % 2].into(),
            path: format!("{under}/{name}.log.gz"),
            codec: Codec::Gzip,
            encoding: Encoding::Utf8,
            members: 1,
            lines: memchr::memchr_iter(b'\n', &text).count() as u64,
            bytes: text.len() as u64,
            stored_bytes: local.metadata().expect("a file").len(),
            damage: None,
            original,
        };
        let events = String::from_utf8_lossy(&ran.stdout).trim().parse().expect("the number of events");
        Log { entry, local, events, kind }
    };
    (0..FILES).map(log).collect()
}

/// What readers see of a file: rows, rows that begin with a date, lines.
fn seen(chain: &Chain, log: &Log) -> [u64; 3] {
    let sql = format!(
        "SELECT count(), countIf(startsWith(text, '2026-11-22 10:')), sum(lines) FROM logs WHERE path = '{}'",
        log.entry.path
    );
    let answer = chain.sql(&sql).expect("SQL");
    let numbers: Vec<u64> = answer.split_whitespace().map(|n| n.parse().expect("a number")).collect();
    numbers.try_into().expect("three numbers")
}

fn stack_traces_are_rows(name: &str, layout: Layout) {
    let (fixture, _turn) = fixture();
    let (under, folder) = (format!("/{name}"), folder(name));
    let settings = Settings {
        name: name.into(),
        folder: folder.clone(),
        layout,
        instances: 2,
        files: under.clone(),
        chunk_bytes: Some(CHUNK),
    };
    let files = folder.join("files");
    let logs = write_logs(&files, &under);
    let manifest = files.join("manifest.jsonl");
    let entries: Vec<Entry> = logs.iter().map(|log| log.entry.clone()).collect();
    manifest::write(&manifest, &entries).expect("the manifest");
    let put =
        |log: &Log| Put { local: log.local.clone(), cluster: log.entry.cluster.clone(), path: log.entry.path.clone() };
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    fixture.runtime.block_on(upload(&clients, logs.iter().map(put).collect())).expect("putting the files");
    let running = start_with(fixture, settings, FILES as u64, |config| {
        config.plan.record_start = Some(r"\d{4}-\d\d-\d\d \d\d:".into());
    });
    let killed = async { kill_each(&running.chain, &running.processes, PATIENCE).await };
    let (_, kills) = running.block_on(async { tokio::try_join!(running.through(), killed) });
    running.assert_exactly_once(&Logs { manifest, entries, repeated: 0 });
    let watch = Watch::new(&running.chain).expect("a client that watches");
    for kill in &kills {
        let stage = kill.process.split('-').next().unwrap_or_default();
        let output = watch.output(stage).expect("the stage's output");
        assert!(kill.output < output, "{} was killed when its stage had finished: that shows nothing", kill.process);
    }
    for log in &logs {
        let [rows, dated, lines] = seen(&running.chain, log);
        let (what, events) = (&log.entry.path, log.events);
        assert_eq!(lines, log.entry.lines, "{what}");
        // Only of a trace that is longer than a chunk there are rows that begin otherwise.
        assert_eq!(dated, events, "{what}");
        assert!(
            if log.kind == "deep" { rows > events } else { rows == events },
            "{what}: {rows} rows of {events} events"
        );
    }
    let sql = "SELECT count() FROM logs WHERE level = 'ERROR' AND isNotNull(time) AND lines > 20 \
        AND countSubstrings(text, '\\n') + 1 = lines AND text LIKE '%no card\\n\\n  try again\\n\\tat Shop.pay(%' \
        AND text LIKE '%Caused by: java.io.IOException: Verbindung verweigert: 银行%'";
    let traces: u64 = running.chain.sql(sql).expect("SQL").trim().parse().expect("a number");
    assert!(traces > 1_000, "{traces} rows hold a whole trace");
}

#[test]
fn stack_traces_are_rows_separate() {
    stack_traces_are_rows("traces", Layout::Separate);
}

#[test]
fn stack_traces_are_rows_fused() {
    stack_traces_are_rows("traces_fused", Layout::Fused);
}

#[test]
fn chunks_know_their_header_down_to_the_splitter() {
    let (fixture, _turn) = fixture();
    let settings = Settings { layout: Layout::Fused, ..settings("headers", 4 << 10) };
    let folder = settings.folder.clone();
    let rules = |config: &mut Config| {
        let rule = |path: &str, header| Rule { path: Some(path.into()), header: Some(header), ..Rule::default() };
        config.rules = vec![rule("*.csv", HeaderLine::Csv), rule("u_*.log", HeaderLine::W3c)];
    };
    let running = start_with(fixture, settings, 2, rules);
    let numbers = |from: u64| (from..from + 2_000).map(|n| format!("{n},a,b\r\n")).collect::<String>();
    let files = [
        ("orders.csv", format!("number,first,second\r\n{}", numbers(1))),
        ("u_ex.log", format!("#Version: 1.0\n#Fields: n x y\n{}#Fields: n y x\n{}", numbers(1), numbers(2_001))),
    ];
    let put = |(name, text): &(&str, String)| {
        std::fs::write(folder.join(name), text).expect("a local file");
        Put { local: folder.join(name), cluster: "a".into(), path: format!("/headers/{name}") }
    };
    let clients = clients(&fixture.stack).expect("clients of the clusters");
    running.block_on(async {
        upload(&clients, files.iter().map(put).collect()).await?;
        progress::wait(&running.chain, 2, Duration::from_secs(1), PATIENCE, |line| println!("{line}")).await
    });
    let (proven, report) = running.reconcile();
    assert!(proven, "{report}");

    let config = &running.chain.config;
    let admin = Admin::new(&config.kafka.brokers, &BTreeMap::new()).expect("a client");
    let mut headers: BTreeMap<String, BTreeMap<u64, Option<String>>> = BTreeMap::new();
    for channel in config.topics().channels() {
        for partition in 0..config.kafka.partitions {
            let partition = Partition::new(config.topics().of_channel(channel).as_str(), partition);
            for incoming in admin.read(&partition, 0, None, usize::MAX).expect("the channel's chunks") {
                let chunk = WireChunk::decode(&incoming.record).expect("a chunk");
                let (file, span) = (chunk.file.expect("a file"), chunk.span.expect("its lines"));
                let header = chunk.header.map(|header| header.to_string());
                headers.entry(file.path).or_default().insert(span.first_line, header);
            }
        }
    }
    let expected = |path: &str, line: u64| match (path, line) {
        (_, 1) => None,
        ("/headers/orders.csv", _) => Some("number,first,second"),
        (_, ..=2_003) => Some("#Fields: n x y"),
        _ => Some("#Fields: n y x"),
    };
    assert_eq!(headers.len(), 2);
    for (path, chunks) in headers {
        assert!(chunks.len() > 4, "{path} has {} chunks", chunks.len());
        for (line, header) in chunks {
            assert_eq!(header.as_deref(), expected(&path, line), "{path} from line {line} on");
        }
    }
}
