//! What the end-to-end tests share: one stack and one set of logs a test process, a chain for each test.
//!
//! The programs of the stages must lie in the same target folder: `cargo build --release --workspace` (`make test` does
//! it first).

mod portions;

pub use portions::Portions;

use anyhow::Context as _;
use logmill_config::{Config, Layout};
use logmill_demo::chain::{Chain, Settings};
use logmill_demo::logs::generate::{Logs, Wish, clients, generate};
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::processes::Processes;
use logmill_demo::progress::{self, Snapshot};
use logmill_demo::turns::{Turn, Turns};
use logmill_stack::{Stack, Wanted, default_dir};
use std::path::PathBuf;
use std::process::Output;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long nothing may move before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Text of all logs, and files. Small, so that all tests together take minutes, and cut into small chunks, so that
/// there is much to interrupt.
const BYTES: u64 = 24_000_000;
const FILES: usize = 40;
const CHUNK: u64 = 16 << 10;

/// The servers and the logs of this test process.
pub struct Fixture {
    pub stack: Stack,
    pub logs: Logs,
    pub runtime: Runtime,
}

static TURNS: Turns = Turns::of(3);

/// The fixture; three tests hold it at once, each with a chain of its own: a chain waits for most of the time, but three want two
/// cores.
///
/// # Panics
/// When the servers do not start: no test can go on.
pub fn fixture() -> (&'static Fixture, Turn) {
    let turn = TURNS.take();
    (started(1), turn)
}

/// The fixture with 1 or 3 brokers for a test that breaks servers: nobody else holds it meanwhile. Who asks first in a process decides
/// how many brokers there are.
///
/// # Panics
/// As [`fixture`].
pub fn fixture_alone(brokers: usize) -> (&'static Fixture, Turn) {
    let turn = TURNS.take_all();
    (started(brokers), turn)
}

fn started(brokers: usize) -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| make(brokers).expect("the servers and the logs"))
}

fn make(brokers: usize) -> anyhow::Result<Fixture> {
    let name = if brokers == 1 { "e2e" } else { "e2e-brokers" };
    make_in(name, brokers, true, false)
}

/// A fixture of one's own with one broker, in the stack's folder of this name as it lies there.
///
/// # Errors
/// The servers do not start.
pub fn alone(name: &str) -> anyhow::Result<Fixture> {
    make_in(name, 1, false, false)
}

/// A fixture of one's own with one broker and two engines, in the stack's folder of this name.
///
/// # Errors
/// The servers do not start.
pub fn two_engines(name: &str) -> anyhow::Result<Fixture> {
    make_in(name, 1, true, true)
}

fn make_in(name: &str, brokers: usize, fresh: bool, second_clickhouse: bool) -> anyhow::Result<Fixture> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let hdfs = vec!["a".into(), "b".into()];
    let wanted = Wanted { brokers, hdfs, clickhouse: true, second_clickhouse, ..Wanted::default() };
    let stack = Stack::start_kept(&default_dir(), name, &wanted, fresh)?;
    // Of this stack alone: programs on others may run at the same time.
    let folder = folder(&format!("logs-{name}"));
    let logs = runtime.block_on(async {
        let wish = Wish { files: FILES, bytes: BYTES, limit: Duration::from_secs(60) };
        let logs = generate(&stack, &folder, wish, |_| ()).await?;
        upload(&clients(&stack)?, logs.entries.iter().map(|entry| Put::of(&folder, entry)).collect()).await?;
        anyhow::Ok(logs)
    })?;
    assert!(logs.entries.iter().any(|entry| entry.damage.is_some()), "one file is damaged");
    Ok(Fixture { stack, logs, runtime })
}

/// An empty folder of this name, below the stack's.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    let folder = default_dir().join("e2e-files").join(name);
    let _ = std::fs::remove_dir_all(&folder); // of the run before, if there was one
    folder
}

/// A chain that runs.
pub struct Running {
    pub chain: Chain,
    pub processes: Processes,
    runtime: &'static Runtime,
    files: u64,
}

/// Those of a chain of one process a stage, with files under its own name, cut into chunks of so many bytes.
#[must_use]
pub fn settings(name: &str, chunk: u64) -> Settings {
    Settings {
        name: name.into(),
        folder: folder(name),
        layout: Layout::Separate,
        instances: 1,
        files: format!("/{name}"),
        chunk_bytes: Some(chunk),
    }
}

/// Sets a chain up and starts it, `instances` processes of each stage.
///
/// # Panics
/// When that fails.
#[must_use]
pub fn start(fixture: &'static Fixture, name: &str, layout: Layout, instances: u32) -> Running {
    start_cut(fixture, name, layout, instances, CHUNK)
}

/// The same with chunks of so many bytes.
///
/// # Panics
/// When that fails.
#[must_use]
pub fn start_cut(fixture: &'static Fixture, name: &str, layout: Layout, instances: u32, chunk: u64) -> Running {
    let settings = Settings { layout, instances, files: "/logs".into(), ..settings(name, chunk) };
    start_with(fixture, settings, fixture.logs.entries.len() as u64, |_| ())
}

/// Sets a chain up with its configuration changed, and starts it; `files` files are to come through.
///
/// # Panics
/// When that fails.
#[must_use]
pub fn start_with(
    fixture: &'static Fixture,
    settings: Settings,
    files: u64,
    change: impl FnOnce(&mut Config),
) -> Running {
    let chain = Chain::set_up_with(&fixture.stack, settings, change).expect("topics and tables");
    let processes = chain.start(|text| println!("{text}")).expect("the stages start");
    Running { chain, processes, runtime: &fixture.runtime, files }
}

impl Running {
    /// Waits for something of the demo's parts.
    pub fn block_on<T>(&self, future: impl Future<Output = anyhow::Result<T>>) -> T {
        self.runtime.block_on(future).expect("what was waited for")
    }

    /// Waits until all files are through.
    pub async fn through(&self) -> anyhow::Result<Snapshot> {
        let every = Duration::from_millis(500);
        progress::wait(&self.chain, self.files, every, PATIENCE, |line| println!("{line}")).await
    }

    /// Waits until all files are through, for so long at most.
    ///
    /// # Errors
    /// They are not, or nothing moved for [`PATIENCE`].
    pub fn try_through(&self, limit: Duration) -> anyhow::Result<()> {
        let arrived = async { tokio::time::timeout(limit, self.through()).await };
        self.runtime.block_on(arrived).with_context(|| format!("not within {limit:?}"))??;
        Ok(())
    }

    /// `logmill reconcile`: whether every file is proven, and what it printed.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn reconcile(&self) -> (bool, String) {
        said(&self.chain.logmill(&["reconcile"]).expect("logmill reconcile runs"))
    }

    /// The independent comparison: whether all is equal, and what it printed.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn compare(&self, logs: &Logs) -> (bool, String) {
        said(&self.chain.compare(&logs.manifest, false).expect("the comparison runs"))
    }

    /// Asserts that reconciliation and comparison agree that every line is there once.
    ///
    /// # Panics
    /// When one of them does not.
    pub fn assert_exactly_once(&self, logs: &Logs) {
        let (proven, report) = self.reconcile();
        assert!(proven, "logmill reconcile: {report}");
        let (equal, report) = self.compare(logs);
        println!("{report}");
        assert!(equal, "{report}");
    }
}

/// Whether a command ended well, and what it printed.
#[must_use]
pub fn said(output: &Output) -> (bool, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}
