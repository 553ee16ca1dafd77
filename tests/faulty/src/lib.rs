//! What the tests of guarantees share: one stack and one set of logs, the program with fault points, and trials: a whole
//! chain in which some processes have orders to die, to wait or to fail at named places.

mod program;
mod trial;

pub use trial::{Found, Trial};

use logmill_demo::logs::cut;
use logmill_demo::logs::generate::clients;
use logmill_demo::logs::manifest::{self, Entry};
use logmill_demo::logs::pack::{Order, pack};
use logmill_demo::logs::upload::{Put, upload};
use logmill_demo::turns::{Turn, Turns};
use logmill_stack::{Stack, Wanted, default_dir};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tokio::runtime::Runtime;

/// Text of the logs that most trials read, all of them.
const SMALL: usize = 2_700_000;
/// Text of the logs for trials that want a batch of more than one MiB in each partition.
const LARGE: usize = 9_000_000;
/// Text of the logs beside the deadly file.
const FEW: usize = 600_000;
/// A text that a process can be told to die of.
pub const POISON: &str = "deadly-5f2a";
/// Where the deadly file lies, its lines, and the one that is deadly.
pub const DEADLY: (&str, u64, u64) = ("/deadly/made/deadly.log", 4000, 2000);
/// Files of each. The packer would damage the ninth.
const FILES: usize = 8;

/// The servers, the logs and the program of this test process.
pub struct Fixture {
    pub stack: Stack,
    pub small: Logs,
    pub large: Logs,
    /// Few, with a file beside them that has [`POISON`] in one of its lines.
    pub deadly: Logs,
    pub runtime: Runtime,
    /// The program with fault points.
    pub faulty: PathBuf,
}

/// Files in the cluster, and the originals they were made of.
pub struct Logs {
    /// Their folder in the cluster.
    pub folder: String,
    pub manifest: PathBuf,
    pub entries: Vec<Entry>,
}

/// The fixture; three tests hold it at once, each with a chain of its own: a chain waits for most of the time, but three want two
/// cores.
///
/// # Panics
/// When the servers do not start or the program cannot be built: no test can go on.
pub fn fixture() -> (&'static Fixture, Turn) {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    static TURNS: Turns = Turns::of(3);
    let turn = TURNS.take();
    (FIXTURE.get_or_init(|| make().expect("the servers, the logs and the program")), turn)
}

fn make() -> anyhow::Result<Fixture> {
    let faulty = program::build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let wanted = Wanted { brokers: 1, hdfs: vec!["a".into()], clickhouse: true, ..Wanted::default() };
    let stack = Stack::start_kept(&default_dir(), "faulty", &wanted, true)?;
    let (small, large) = (logs(&stack, &runtime, "small", SMALL)?, logs(&stack, &runtime, "large", LARGE)?);
    let deadly = logs(&stack, &runtime, "deadly", FEW)?;
    put_deadly(&stack, &runtime)?;
    Ok(Fixture { stack, small, large, deadly, runtime, faulty })
}

/// A plain file, so that what is deadly can be seen in any of its forms.
fn put_deadly(stack: &Stack, runtime: &Runtime) -> anyhow::Result<()> {
    let (path, count, deadly) = DEADLY;
    let text: String = lines(count as usize * 120)
        .lines()
        .take(count as usize)
        .zip(1..)
        .map(|(line, n)| if n == deadly { format!("{line} {POISON}\n") } else { format!("{line}\n") })
        .collect();
    anyhow::ensure!(text.lines().count() as u64 == count, "the deadly file has too few lines");
    let local = folder("deadly-file").with_extension("log");
    std::fs::write(&local, text)?;
    let put = Put { local, cluster: "a".into(), path: path.into() };
    runtime.block_on(async { upload(&clients(stack)?, vec![put]).await })
}

/// Makes logs of so many bytes and puts them into the cluster.
fn logs(stack: &Stack, runtime: &Runtime, name: &str, bytes: usize) -> anyhow::Result<Logs> {
    let folder = folder(name);
    std::fs::create_dir_all(&folder)?;
    let log = folder.join("made.log");
    std::fs::write(&log, lines(bytes))?;
    let order = |(n, piece)| Order { piece, cluster: "a".into(), path: format!("/{name}/made/made.log.{n:02}") };
    let orders: Vec<Order> = cut::cut(&log, FILES + 1)?.into_iter().take(FILES).enumerate().map(order).collect();
    let entries = pack(&folder, &orders)?;
    anyhow::ensure!(entries.iter().all(|entry| entry.damage.is_none()), "no file is damaged");
    let manifest = folder.join("manifest.jsonl");
    manifest::write(&manifest, &entries)?;
    let puts = entries.iter().map(|entry| Put::of(&folder, entry)).collect();
    runtime.block_on(async { upload(&clients(stack)?, puts).await })?;
    Ok(Logs { folder: format!("/{name}"), manifest, entries })
}

/// Lines of a log that packs about 3 : 1: many chunks of few bytes, the same in every run.
fn lines(bytes: usize) -> String {
    let (mut text, mut state, mut number) = (String::with_capacity(bytes + 200), 1_u64, 0);
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        number += 1;
        let (minute, second, ms) = (number / 60_000 % 60, number / 1_000 % 60, number % 1_000);
        let level = ["INFO", "WARN", "DEBUG", "INFO"][(state >> 40) as usize % 4];
        writeln!(
            text,
            "2026-11-01 12:{minute:02}:{second:02},{ms:03} {level} [worker-{}] org.example.Store: put {:016x}{:08x} of user {}",
            (state >> 50) % 32,
            state,
            (state >> 7) as u32,
            (state >> 33) % 10_000
        )
        .expect("a String takes any text");
    }
    text
}

/// An empty folder of this name, below the stack's.
fn folder(name: &str) -> PathBuf {
    let folder = default_dir().join("faulty-files").join(name);
    let _ = std::fs::remove_dir_all(&folder); // of the run before, if there was one
    folder
}

/// The folder of the programs that this test process was built with.
fn programs() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().find(|folder| folder.ends_with("release"));
    Ok(folder.unwrap_or(Path::new("target/release")).to_owned())
}
