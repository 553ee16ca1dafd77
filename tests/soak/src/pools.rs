//! Four clusters of the weights 1 to 4. The heaviest is stopped for a while; the picture shows who has how many coroutines, and
//! what came of each.

use crate::plot::{self, Line};
use anyhow::{Context, ensure};
use logmill_config::{Layout, Size, Weight};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::processes::Processes;
use logmill_e2e::folder;
use logmill_stack::{ServerId, Stack, Wanted, default_dir, http};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

/// In the order of their weights.
const CLUSTERS: [&str; 4] = ["w1", "w2", "w3", "w4"];
/// The coroutines that are each one's own.
const OWN: f64 = 4.0;
/// When the heaviest is stopped, and goes on.
const STOP: Duration = Duration::from_secs(20);
const GO_ON: Duration = Duration::from_secs(55);
/// How long is looked at least.
const END: Duration = Duration::from_secs(90);
/// How long the files may take.
const LIMIT: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(250);
/// Files of a cluster, their bytes, and the bytes a second that it is held to: so that files come as long as is looked.
const FILES: usize = 80;
const BYTES: usize = 512 << 10;
const RATE: u64 = 500_000;

/// What is seen at one look, by the cluster.
type Seen = (f64, [f64; 4], [f64; 4]);

/// Runs it, and writes `pools.svg`.
///
/// # Errors
/// A server does not start; coroutines were not where they have to be; files did not come.
pub fn run(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let hdfs = CLUSTERS.map(str::to_owned).to_vec();
    let stack = Stack::start(&default_dir(), &Wanted { brokers: 1, hdfs, clickhouse: true, ..Wanted::default() })?;
    let home = folder("pools");
    let listen =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).context("a free port")?.to_string();
    let settings = Settings {
        name: "pools".into(),
        folder: home.clone(),
        layout: Layout::Separate,
        instances: 1,
        files: "/pools".into(),
        chunk_bytes: None,
    };
    let chain = Chain::set_up_with(&stack, settings, |config| {
        config.http.listen.clone_from(&listen);
        for (weight, name) in (1..).zip(CLUSTERS) {
            let cluster = config.clusters.get_mut(name).expect("the stack has it");
            (cluster.weight, cluster.bytes_per_second) = (Weight::Fixed(weight), Some(Size(RATE)));
            (cluster.call_timeout, cluster.park_after) = (Duration::from_secs(3), Duration::from_secs(4));
            (cluster.down_after, cluster.up_after) = (Duration::from_secs(5), Duration::from_secs(8));
        }
    })?;
    let runtime = tokio::runtime::Runtime::new().context("a runtime")?;
    runtime.block_on(put(&stack, &home))?;
    let processes = Processes::new(&home.join("log"), |text| println!("{text}"))?;
    processes.start(chain.spec("fetcher", 0))?;
    let seen = look(&stack, &listen)?;
    drop(processes);
    draw(&out.join("pools.svg"), &seen)?;
    let within = |from: Duration, to: Duration, coroutines: [f64; 4]| {
        let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
        ensure!(
            seen.iter().any(|(at, seen, _)| (from..to).contains(at) && *seen == coroutines),
            "between {from} and {to} s the coroutines were never {coroutines:?}"
        );
        Ok(())
    };
    within(Duration::ZERO, STOP, [OWN; 4])?;
    within(STOP, GO_ON, [OWN, OWN, OWN + OWN - 1.0, 1.0])?;
    within(GO_ON, LIMIT, [OWN; 4])?;
    let seconds = seen.last().map_or(0.0, |(at, ..)| *at);
    println!(
        "pools: all {} files came within {seconds:.0} s, {} ok",
        FILES * CLUSTERS.len(),
        out.join("pools.svg").display()
    );
    Ok(())
}

/// Files into all clusters.
async fn put(stack: &Stack, home: &Path) -> anyhow::Result<()> {
    let local = home.join("local");
    let content: Vec<u8> = (0..BYTES).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 13) as u8).collect();
    std::fs::write(&local, content).with_context(|| format!("writing {}", local.display()))?;
    let each = |cluster: &str, n: usize| Put {
        local: local.clone(),
        cluster: cluster.to_owned(),
        path: format!("/pools/{n}"),
    };
    let puts = (0..FILES).flat_map(|n| CLUSTERS.map(|cluster| each(cluster, n))).collect();
    upload(&clients(stack)?, puts).await
}

/// Stops the heaviest cluster and lets it go on, and looks until all files have come.
fn look(stack: &Stack, address: &str) -> anyhow::Result<Vec<Seen>> {
    let heaviest = ServerId::Hdfs(CLUSTERS[3].into());
    let (begun, mut seen) = (Instant::now(), Vec::<Seen>::new());
    let (mut stop, mut go_on) = (Some(STOP), Some(GO_ON));
    loop {
        let at = begun.elapsed();
        if stop.take_if(|time| at >= *time).is_some() {
            stack.pause(&heaviest)?;
        }
        if go_on.take_if(|time| at >= *time).is_some() {
            stack.resume(&heaviest)?;
        }
        // It may not listen yet.
        if let Ok(page) = http::request("GET", &format!("http://{address}/metrics"), &[], &[], Duration::from_secs(5)) {
            let page = page.text();
            let of = |metric| CLUSTERS.map(|cluster| value(&page, metric, cluster));
            seen.push((at.as_secs_f64(), of("coroutines"), of("bytes_total")));
        }
        let all = (FILES * BYTES) as f64;
        if at >= END && seen.last().is_some_and(|(.., bytes)| bytes.iter().all(|bytes| *bytes >= all)) {
            return Ok(seen);
        }
        ensure!(at < LIMIT, "not all files came within {LIMIT:?}: {:?}", seen.last());
        std::thread::sleep(LOOK);
    }
}

fn value(page: &str, metric: &str, cluster: &str) -> f64 {
    let name = format!("logmill_fetcher_{metric}{{cluster=\"{cluster}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
}

fn draw(path: &Path, seen: &[Seen]) -> anyhow::Result<()> {
    let lines = |of: &dyn Fn(&Seen) -> [f64; 4]| -> Vec<Line> {
        let points = |n: usize| seen.iter().map(|one| (one.0, of(one)[n])).collect();
        (0..CLUSTERS.len()).map(|n| (format!("weight {}", n + 1), points(n))).collect()
    };
    let panels = [
        (
            "coroutines by cluster, over seconds; thin lines: that of weight 4 is stopped, and goes on",
            lines(&|one| one.1),
        ),
        ("bytes read of each (MB), each held to 0.5 MB/s", lines(&|one| one.2.map(|bytes| bytes / 1e6))),
    ];
    let seconds = seen.last().map_or(1.0, |one| one.0);
    plot::draw(path, seconds, &panels, [STOP, GO_ON].iter().map(Duration::as_secs_f64))
}
