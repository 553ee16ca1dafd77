//! The program `logmill-stack`: nothing outlives it, and what it refuses it names.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use logmill_stack::{Artifacts, Part, Recorded, State, default_dir};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_logmill-stack");

/// A folder of stacks of its own, with the artifacts of the checkout.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shared = default_dir().join("artifacts");
    Artifacts::ensure(&shared, &Part::ALL).unwrap_or_else(|error| panic!("{error}"));
    symlink(shared, folder.path().join("artifacts")).unwrap();
    folder
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).arg("--dir").arg(dir).output().unwrap()
}

/// The program while it runs; a test that fails takes it along.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn up(dir: &Path, arguments: &[&str]) -> Up {
    let mut up = Command::new(PROGRAM);
    up.args(["up", "--clusters", "a", "--dir"]).arg(dir).args(arguments).stdout(Stdio::null()).process_group(0);
    // A shell that runs these tests in the background has Ctrl-C ignored, also for what they start.
    let heed = || match unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    };
    // SAFETY: signal is async-signal-safe.
    unsafe { up.pre_exec(heed) };
    Up(up.spawn().unwrap())
}

/// Looks again and again, at most a minute.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "waited 60 s for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn all_gone(processes: &[Recorded]) -> Option<()> {
    processes.iter().all(|process| !process.is_alive()).then_some(())
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: kill takes integers; the child is not reaped yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

/// The processes whose parent is `parent`.
fn children(parent: u32) -> Vec<Recorded> {
    let ids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields.to_owned()).unwrap_or_default();
        fields.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    ids.filter(is_child).filter_map(|id| Recorded::of("child", id)).collect()
}

#[test]
fn nothing_survives_the_death_of_the_program() {
    let dir = folder();
    let mut up = up(dir.path(), &[]);
    let state = until("the servers", || State::read(&dir.path().join("up/state.json")).ok());
    assert_eq!(state.processes.len(), 5, "the program, a controller, a broker, a cluster, ClickHouse: {state:?}");
    signal(&up.0, libc::SIGKILL);
    up.0.wait().unwrap();
    until("the servers to go", || all_gone(&state.processes));
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    for last in [libc::SIGINT, libc::SIGKILL] {
        let dir = folder();
        let mut up = up(dir.path(), &[]);
        let started = until("two servers to be starting", || Some(children(up.0.id())).filter(|all| all.len() >= 2));
        signal(&up.0, last);
        assert!(!up.0.wait().unwrap().success());
        until("the servers to go", || all_gone(&started));
        assert!(!dir.path().join("up/state.json").exists());
    }
}

#[test]
fn an_interrupted_detached_start_leaves_nothing() {
    let dir = folder();
    let mut up = up(dir.path(), &["--detach"]);
    let supervisor = until("the supervisor", || children(up.0.id()).pop());
    let started = until("two servers to be starting", || Some(children(supervisor.pid)).filter(|all| all.len() >= 2));
    signal(&up.0, libc::SIGINT);
    assert!(!up.0.wait().unwrap().success());
    until("the supervisor to go", || all_gone(std::slice::from_ref(&supervisor)));
    until("the servers to go", || all_gone(&started));
}

#[test]
fn a_failed_start_leaves_nothing_and_says_why() {
    let dir = folder();
    fs::create_dir_all(dir.path().join("up/clickhouse")).unwrap();
    fs::write(dir.path().join("up/clickhouse/data"), "a file where the engine wants a folder").unwrap();
    let mut up = Command::new(PROGRAM);
    up.args(["up", "--clusters", "a", "--dir"]).arg(dir.path()).stderr(Stdio::piped()).stdout(Stdio::null());
    let up = up.spawn().unwrap();
    let started = until("two servers to be starting", || Some(children(up.id())).filter(|all| all.len() >= 2));
    let ended = up.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && said.contains("clickhouse ended"), "{said}");
    until("the servers to go", || all_gone(&started));
}

#[test]
fn a_detached_stack_answers_keeps_its_data_and_goes_down() {
    let dir = folder();
    let said = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let arguments = ["up", "--brokers", "0", "--clusters", "", "--detach"];
    for round in 1..=2 {
        assert!(said(run(dir.path(), &arguments)).contains("ClickHouse"), "round {round}");
        let state = State::read(&dir.path().join("up/state.json")).unwrap();
        assert!(said(run(dir.path(), &["check"])).contains("clickhouse   ok"));
        assert!(said(run(dir.path(), &["env"])).contains("[clickhouse]"));
        let again = run(dir.path(), &arguments);
        assert!(String::from_utf8_lossy(&again.stderr).contains("in use"), "{again:?}");
        let place = state.addresses.clickhouse.clone().unwrap();
        let statement = if round == 1 { "CREATE DATABASE kept" } else { "DROP DATABASE kept" };
        logmill_stack::probe::query(&place, &place.admin, statement).unwrap();
        said(run(dir.path(), &["down"]));
        assert_eq!(all_gone(&state.processes), Some(()));
    }
    assert!(!run(dir.path(), &["check"]).status.success());
}

#[test]
fn a_changed_artifact_is_refused_by_name() {
    // The checkout's artifacts as links, but for one jar.
    let shared = default_dir().join("artifacts");
    Artifacts::ensure(&shared, &Part::ALL).unwrap_or_else(|error| panic!("{error}"));
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("artifacts");
    for part in Part::ALL.map(Part::name) {
        fs::create_dir_all(own.join(part)).unwrap();
        fs::copy(shared.join(format!("{part}.verified")), own.join(format!("{part}.verified"))).unwrap();
        for file in fs::read_dir(shared.join(part)).unwrap().flatten() {
            symlink(file.path(), own.join(part).join(file.file_name())).unwrap();
        }
    }
    let jar = own.join("kafka/kafka_2.13-4.3.1.jar");
    fs::remove_file(&jar).unwrap();
    fs::write(&jar, "something else").unwrap();
    let fetched = run(dir.path(), &["fetch"]);
    let said = String::from_utf8_lossy(&fetched.stderr);
    assert!(!fetched.status.success() && said.contains("kafka/kafka_2.13-4.3.1.jar: sha256 is"), "{said}");
}

#[test]
fn a_machine_without_java_maven_and_node_is_told_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let fetched =
        Command::new(PROGRAM).arg("fetch").arg("--dir").arg(dir.path()).env("PATH", "/nowhere").output().unwrap();
    assert!(!fetched.status.success());
    let said = String::from_utf8_lossy(&fetched.stderr).into_owned();
    for (program, package) in [("java", "openjdk-17-jdk-headless"), ("mvn", "maven"), ("npm", "nodejs npm")] {
        let lines = said.lines().filter(|line| line.contains(&format!("missing: {program} —")));
        assert_eq!(lines.filter(|line| line.contains(package)).count(), 1, "{program}: {said}");
    }
}
