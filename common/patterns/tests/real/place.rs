//! Where a program of a test runs.

use logmill_stack::prerequisites::{Program, find_here};
use logmill_stack::process::{self, Process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Two cores, and other tests beside this one.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of a test, which goes with it.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Servers that are started by root read files as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a folder of ours");
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder of ours");
        fs::write(&path, text).expect("a file of ours");
        path
    }

    /// A template with `{folder}` and `{port}` filled in.
    pub fn fill(&self, name: &str, template: &str, port: u16) -> PathBuf {
        let folder = self.0.path().display().to_string();
        self.write(name, &template.replace("{folder}", &folder).replace("{port}", &port.to_string()))
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
    }

    /// Waits until the file has all of these texts.
    pub fn until_it_says(&self, name: &str, wanted: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(self.path(name)).unwrap_or_default();
            if wanted.iter().all(|wanted| text.contains(wanted)) {
                return text;
            }
            assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {wanted:?} in {name}, which has:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts a program; its output goes to the file `output`.
    pub fn start(&self, command: Command) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        Process::launch(&name, utc(command), &self.path("output")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a program to its end; its output goes to the file `output`.
    pub fn run(&self, command: Command, output: &str) {
        let name = command.get_program().to_string_lossy().into_owned();
        process::run(&name, utc(command), &self.path(output), PATIENCE).unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// Times without a zone are UTC, and messages English, whatever the machine's own are.
fn utc(mut command: Command) -> Command {
    command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env_remove("JAVA_TOOL_OPTIONS");
    command
}

/// The program, or a panic that names the package it comes in.
pub fn command(program: Program) -> Command {
    let found = find_here(&[program]).unwrap_or_else(|error| panic!("{error}"));
    Command::new(&found[0])
}

/// A port of TCP that nobody has: free a moment ago. A server that finds it taken says so and ends.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port of 127.0.0.1");
    listener.local_addr().expect("it is bound").port()
}
