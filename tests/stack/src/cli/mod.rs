//! The commands of `logmill-stack`.

mod check;
mod down;
mod env;
mod up;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use logmill_stack::engine::Engine;
use logmill_stack::{Artifacts, Part, State};

/// The name of the folder that `up` keeps its data in.
const RUN: &str = "up";

const EXAMPLES: &str = "\
Examples:
  logmill-stack up                              one broker, clusters a and b, ClickHouse; Ctrl-C ends them
  logmill-stack up --brokers 3 --clusters a,b,c,d --detach
  logmill-stack check                           writes and reads through every server of the running stack
  logmill-stack env                             the addresses as a part of logmill's configuration
  logmill-stack env --format json
  logmill-stack down                            ends it; the data stays for the next `up` (`up --fresh` drops it)
  LOGMILL_STACK=.stack/up/state.json cargo test --release   tests use the running stack";

/// Real servers for tests and demos, without Docker: Kafka, HDFS clusters, ClickHouse.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Dir {
    /// The folder of everything: programs, data, logs [default: .stack of the checkout]
    #[arg(long, env = "LOGMILL_STACK_DIR")]
    dir: Option<PathBuf>,
}

impl Dir {
    fn path(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(logmill_stack::default_dir)
    }

    fn state_file(&self) -> PathBuf {
        self.path().join(RUN).join("state.json")
    }

    /// The state of the stack that runs, or an error that says how to start one.
    fn running(&self) -> Result<State> {
        let file = self.state_file();
        let state = State::read(&file).ok().filter(|state| state.processes.iter().any(|process| process.is_alive()));
        state.with_context(|| format!("no stack runs in {} (`logmill-stack up` starts one)", self.path().display()))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the servers, and end them on Ctrl-C
    Up(up::Up),
    /// Write and read through every server of the running stack
    Check(Dir),
    /// End the running stack; its data stays
    Down(Dir),
    /// Say which servers run, and where
    Status(Dir),
    /// Print the addresses as a part of logmill's configuration, or as JSON
    Env(env::Env),
    /// Download the programs and check every checksum again
    Fetch(Dir),
    /// Host the ClickHouse engine (what `up` starts)
    #[command(hide = true)]
    Engine(EngineArgs),
}

#[derive(Debug, Args)]
struct EngineArgs {
    #[arg(long)]
    library: PathBuf,
    #[arg(long)]
    config: PathBuf,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    hold: PathBuf,
    #[arg(long)]
    address: String,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    native: bool,
    #[arg(long, default_value = "warning")]
    log_level: String,
}

impl Cli {
    /// Does what the command line says.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Up(up) => up.run(),
            Command::Check(dir) => check::run(&dir.running()?),
            Command::Down(dir) => down::run(&dir),
            Command::Status(dir) => status(&dir),
            Command::Env(env) => env.run(),
            Command::Fetch(dir) => fetch(&dir),
            Command::Engine(EngineArgs { library, config, data, hold, address, port, native, log_level }) => {
                let engine = Engine { library, config, data, hold, address, port, native, log_level };
                Ok(logmill_stack::engine::run(&engine)?)
            }
        }
    }
}

fn status(dir: &Dir) -> Result<()> {
    let state = dir.running()?;
    print!("{}", up::summary(&state, &dir.state_file()));
    for process in &state.processes {
        let runs = if process.is_alive() { "runs" } else { "has ended" };
        println!("{:<12} process {} {runs}", process.name, process.pid);
    }
    Ok(())
}

fn fetch(dir: &Dir) -> Result<()> {
    let artifacts = Artifacts::ensure(&dir.path().join("artifacts"), &Part::ALL)?;
    artifacts.verify(&Part::ALL)?;
    for part in Part::ALL {
        artifacts.train(part)?;
        println!("{}: present, every checksum as pinned", part.title());
    }
    Ok(())
}
