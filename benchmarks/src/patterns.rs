//! What each pattern costs beside finding the ends of the lines.

use crate::clock::Rounds;
use crate::front::split;
use crate::report::Row;
use bytes::Bytes;
use logmill_core::{FileId, FileMeta, LineSpan, Out, Plan, Stage};
use logmill_patterns::{Anchor, BuiltIn, Found, PatternSpec, Patterns, Zone};
use logmill_splitter::Splitter;
use memchr::memchr_iter;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::hint::black_box;
use std::sync::Arc;

/// Nginx's access log as one writes it oneself.
const OWN: &str = r#"(?<client>\S+) - (?<user>\S+) \[(?<time>[^\]]+)\] "(?<method>[A-Z]+) (?<url>\S+) (?<protocol>[^"]+)" (?<status>\d{3}) (?<bytes>\d+) "(?<referer>[^"]*)" "(?<agent>[^"]*)""#;

/// Measures each pattern on about `bytes` bytes of lines that it matches; and all of them on lines that none does.
///
/// # Panics
/// When a pattern does not match what it is measured on.
#[must_use]
pub fn measure(bytes: usize, rounds: &Rounds) -> Vec<Row> {
    let built_in = |pattern| vec![PatternSpec::built_in(pattern)];
    let own = vec![PatternSpec::own("own", OWN)];
    let iis = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status time-taken";
    let samples: [(&str, Vec<PatternSpec>, Option<&str>, Line); 18] = [
        ("nginx", built_in(BuiltIn::Nginx), None, combined),
        ("nginx, errors", built_in(BuiltIn::Nginx), None, nginx_error),
        ("apache, common", built_in(BuiltIn::Apache), None, common),
        ("syslog 3164", built_in(BuiltIn::Syslog), None, syslog),
        ("syslog 5424", built_in(BuiltIn::Syslog), None, new_syslog),
        ("log4j", built_in(BuiltIn::Log4j), None, log4j),
        ("hadoop", built_in(BuiltIn::Hadoop), None, hadoop),
        ("hadoop, audit", built_in(BuiltIn::Hadoop), None, audit),
        ("kafka", built_in(BuiltIn::Kafka), None, kafka),
        ("clickhouse", built_in(BuiltIn::Clickhouse), None, clickhouse),
        ("json", built_in(BuiltIn::Json), None, json),
        ("logfmt", built_in(BuiltIn::Logfmt), None, logfmt),
        ("w3c", built_in(BuiltIn::W3c), Some(iis), w3c),
        ("windows", built_in(BuiltIn::Windows), None, windows),
        ("csv", built_in(BuiltIn::Csv), Some("time,level,a,b,c,d"), csv),
        ("one's own (regex), on nginx's lines", own, None, combined),
        ("all tried, on log4j's lines", PatternSpec::all(), None, log4j),
        ("all tried, none matches", PatternSpec::all(), None, nothing),
    ];
    let rows = samples.into_iter().filter_map(|(name, specs, header, line)| {
        let text = lines(bytes, line);
        let text = text.as_bytes();
        let anchor = Anchor { modified_ms: 1_795_348_800_000, zone: Zone::UTC, header: header.map(str::as_bytes) };
        let mut reader = Patterns::compile(&specs).expect("valid patterns").reader(&anchor);
        let mut found = Found::new();
        let is_wanted = name != "all tried, none matches";
        rounds.measure(
            &format!("patterns: {name}"),
            text.len() as f64,
            || {
                let mut from = 0;
                for end in memchr_iter(b'\n', text) {
                    assert_eq!(reader.read(&text[from..end], &mut found), is_wanted, "{name}");
                    black_box(&found);
                    from = end + 1;
                }
            },
            || {
                let mut from = 0;
                for end in memchr_iter(b'\n', text) {
                    black_box(&text[from..end]);
                    from = end + 1;
                }
            },
        )
    });
    rows.collect()
}

/// About so many bytes of lines, the same each time.
fn lines(bytes: usize, line: Line) -> String {
    let mut rng = StdRng::seed_from_u64(7);
    let mut text = String::with_capacity(bytes + 1024);
    let mut second = 0;
    while text.len() < bytes {
        second += u32::from(rng.random_range(0..8) == 0);
        let (hours, minutes) = (second / 3600 % 24, second / 60 % 60);
        line(&mut text, &format!("{hours:02}:{minutes:02}:{:02}", second % 60), &mut rng);
        text.push('\n');
    }
    text
}

/// Measures the splitter with patterns on about `bytes` bytes of lines that they match, beside the bare one: what both cost.
///
/// # Panics
/// When the two do not see the same lines.
#[must_use]
pub fn splitter(bytes: usize, rounds: &Rounds) -> Vec<Row> {
    let own = PatternSpec::own("own", OWN);
    let samples: [(&str, PatternSpec, Line); 4] = [
        ("nginx", PatternSpec::built_in(BuiltIn::Nginx), combined),
        ("log4j", PatternSpec::built_in(BuiltIn::Log4j), log4j),
        ("json", PatternSpec::built_in(BuiltIn::Json), json),
        ("one's own (regex), on nginx's lines", own, combined),
    ];
    let rows = samples.into_iter().filter_map(|(name, spec, line)| {
        let text = lines(bytes, line);
        let [bare, with] =
            [Vec::new(), vec![spec]].map(|patterns| Splitting::new(&text, Plan { patterns, ..Plan::default() }));
        rounds.measure(
            &format!("patterns: splitter with {name} (floor: the bare splitter)"),
            text.len() as f64,
            || assert_eq!(with.run(), with.lines, "{name}"),
            || assert_eq!(bare.run(), bare.lines, "{name}"),
        )
    });
    rows.collect()
}

/// Chunks of text, and who splits them.
struct Splitting {
    splitter: Splitter,
    file: Arc<FileMeta>,
    chunks: Vec<(Bytes, LineSpan)>,
    lines: u64,
}

impl Splitting {
    fn new(text: &str, plan: Plan) -> Self {
        let most = plan.text_bytes as usize;
        let file =
            FileMeta { modified_ms: 1_795_348_800_000, ..FileMeta::new(FileId(1), "north", "/logs/a.log", plan) };
        let (mut chunks, mut lines, mut rest) = (Vec::new(), 0, text);
        while !rest.is_empty() {
            let end = rest.as_bytes()[..rest.len().min(most)].iter().rposition(|byte| *byte == b'\n');
            let (chunk, after) = rest.split_at(end.expect("lines are far shorter than chunks") + 1);
            let rows = memchr_iter(b'\n', chunk.as_bytes()).count() as u64;
            chunks.push((
                Bytes::copy_from_slice(chunk.as_bytes()),
                LineSpan { first_line: 1 + lines, first_part: 0, rows },
            ));
            lines += rows;
            rest = after;
        }
        Self { splitter: Splitter::new(), file: Arc::new(file), chunks, lines }
    }

    /// Gives the rows.
    fn run(&self) -> u64 {
        let mut out = Out::new(Splitter::NAME, 8 << 20);
        let chunks = self.chunks.iter();
        chunks.map(|(text, span)| split(&self.splitter, &self.file, text.clone(), *span, &mut out)).sum()
    }
}

/// Adds a line of the clock's time.
type Line = fn(&mut String, &str, &mut StdRng);

fn ip(rng: &mut StdRng) -> String {
    format!("10.{}.{}.{}", rng.random_range(0..256), rng.random_range(0..256), rng.random_range(0..256))
}

fn url(rng: &mut StdRng) -> String {
    format!("/api/v2/orders/{}/items?page={}&sort=date", rng.random_range(0..1_000_000), rng.random_range(0..40))
}

const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn combined(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, url, bytes) = (ip(rng), url(rng), rng.random_range(0..90_000));
    *text += &format!(
        "{ip} - - [22/Nov/2026:{clock} +0000] \"GET {url} HTTP/1.1\" 200 {bytes} \"https://shop.example/cart\" \"{AGENT}\""
    );
}

fn common(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, url, bytes) = (ip(rng), url(rng), rng.random_range(0..90_000));
    *text += &format!("{ip} - jane [22/Nov/2026:{clock} +0000] \"GET {url} HTTP/1.1\" 200 {bytes}");
}

fn nginx_error(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, url, connection) = (ip(rng), url(rng), rng.random_range(0..90_000));
    *text += &format!(
        "2026/11/22 {clock} [error] 17#18: *{connection} open() \"/srv/www{url}\" failed (2: No such file or directory), client: {ip}, server: shop.example, request: \"GET {url} HTTP/1.1\", host: \"shop.example\""
    );
}

fn syslog(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, pid) = (ip(rng), rng.random_range(0..90_000));
    *text += &format!(
        "Nov 22 {clock} host17 sshd[{pid}]: Accepted publickey for jane from {ip} port 51234 ssh2: RSA SHA256:x"
    );
}

fn new_syslog(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, pid) = (ip(rng), rng.random_range(0..90_000));
    *text += &format!(
        "<165>1 2026-11-22T{clock}.003Z host17 orders {pid} ID47 [origin@32473 ip=\"{ip}\" software=\"orders\"] An application event log entry of some length"
    );
}

fn message(rng: &mut StdRng) -> String {
    let (ip, job, took) = (ip(rng), rng.random_range(0..1_000_000), rng.random_range(0..5_000));
    format!("job {job} from {ip} is done after {took} ms, waiting for 3 more nodes of its queue")
}

fn log4j(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (message, ms) = (message(rng), rng.random_range(100..1_000));
    *text += &format!("2026-11-22 {clock},{ms} [worker-17] INFO  c.e.scheduler.JobTracker - {message}");
}

fn hadoop(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (message, ms) = (message(rng), rng.random_range(100..1_000));
    *text += &format!("2026-11-22 {clock},{ms} INFO org.apache.hadoop.hdfs.server.datanode.DataNode: {message}");
}

fn audit(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, url, ms) = (ip(rng), url(rng), rng.random_range(100..1_000));
    *text += &format!(
        "2026-11-22 {clock},{ms} INFO FSNamesystem.audit: allowed=true\tugi=jane (auth:SIMPLE)\tip=/{ip}\tcmd=getfileinfo\tsrc={url}\tdst=null\tperm=null\tproto=rpc"
    );
}

fn kafka(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (message, ms) = (message(rng), rng.random_range(100..1_000));
    *text += &format!(
        "[2026-11-22 {clock},{ms}] INFO [GroupCoordinator 1]: {message} (kafka.coordinator.group.GroupCoordinator)"
    );
}

fn clickhouse(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (message, us) = (message(rng), rng.random_range(100_000..1_000_000));
    *text += &format!(
        "2026.11.22 {clock}.{us} [ 4711 ] {{6c1a5a5e-7f0e-4c3b-9d0b-3f1c8f4f9a01}} <Debug> executeQuery: {message}"
    );
}

fn json(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, url, message) = (ip(rng), url(rng), message(rng));
    *text += &format!(
        "{{\"@timestamp\":\"2026-11-22T{clock}.123Z\",\"log.level\":\"INFO\",\"message\":\"{message}\",\"http\":{{\"url\":\"{url}\",\"status\":200}},\"client\":{{\"ip\":\"{ip}\"}},\"ok\":true}}"
    );
}

fn logfmt(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, url, message) = (ip(rng), url(rng), message(rng));
    *text +=
        &format!("time=2026-11-22T{clock}.123Z level=info msg=\"{message}\" client={ip} url={url} status=200 ok=true");
}

fn w3c(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, took) = (ip(rng), rng.random_range(0..5_000));
    let agent = AGENT.replace(' ', "+");
    *text += &format!("2026-11-22 {clock} 10.0.0.9 GET /api/v2/orders page=7 443 - {ip} {agent} 200 {took}");
}

fn windows(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, record) = (ip(rng), rng.random_range(0..1_000_000));
    *text += &format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>4624</EventID><Level>0</Level><TimeCreated SystemTime='2026-11-22T{clock}.123Z'/><EventRecordID>{record}</EventRecordID><Channel>Security</Channel><Computer>host17</Computer></System><EventData><Data Name='TargetUserName'>jane</Data><Data Name='IpAddress'>{ip}</Data></EventData></Event>"
    );
}

fn csv(text: &mut String, clock: &str, rng: &mut StdRng) {
    let (ip, message, took) = (ip(rng), message(rng), rng.random_range(0..5_000));
    *text += &format!("2026-11-22 {clock},INFO,{ip},\"{message}\",{took},north");
}

fn nothing(text: &mut String, clock: &str, rng: &mut StdRng) {
    *text += &format!("{clock} on the 22nd: {}", message(rng));
}
