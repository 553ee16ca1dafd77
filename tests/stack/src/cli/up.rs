//! `up`: start, show, wait, end.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use logmill_stack::signals::Signals;
use logmill_stack::{Stack, State, Wanted};

use super::{Dir, RUN};

/// The first start downloads.
const DETACHED_START: Duration = Duration::from_secs(1200);

#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    dir: Dir,
    /// Kafka brokers: 0, 1 or 3
    #[arg(long, default_value_t = 1)]
    brokers: usize,
    /// Names of HDFS clusters, separated by commas; "" for none
    #[arg(long, value_delimiter = ',', default_value = "a,b")]
    clusters: Vec<String>,
    /// Leave ClickHouse out
    #[arg(long)]
    no_clickhouse: bool,
    /// Drop the data of the last run
    #[arg(long)]
    fresh: bool,
    /// Return when everything serves; `logmill-stack down` ends it
    #[arg(long)]
    detach: bool,
    /// Started by `up --detach`, which dies with its starter only until everything serves
    #[arg(long, hide = true)]
    supervised: bool,
}

impl Up {
    pub fn run(self) -> Result<()> {
        if self.detach { self.detached() } else { self.here() }
    }

    fn here(self) -> Result<()> {
        let wanted = Wanted {
            brokers: self.brokers,
            hdfs: self.clusters.into_iter().filter(|name| !name.is_empty()).collect(),
            clickhouse: !self.no_clickhouse,
            ..Wanted::default()
        };
        // Until everything serves, a signal ends this process, and with it every server.
        let start = Instant::now();
        let stack = Stack::start_kept(&self.dir.path(), RUN, &wanted, self.fresh)?;
        let mut signals = Signals::catch().context("cannot catch signals")?;
        let file = self.dir.state_file();
        let state = stack.state();
        if self.supervised {
            // SAFETY: prctl on integers; from here on the starter may end.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0) };
        }
        state.write(&file)?;
        println!("{}\nready in {:.1} s; Ctrl-C ends it", summary(&state, &file), start.elapsed().as_secs_f64());
        signals.wait();
        println!("ending the servers");
        let _ = std::fs::remove_file(&file);
        stack.stop();
        Ok(())
    }

    /// Runs `up` again in a session of its own, and waits until it serves.
    fn detached(self) -> Result<()> {
        let folder = self.dir.path().join(RUN);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let log = folder.join("log");
        let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut supervisor = Command::new(own);
        supervisor.arg("up").arg("--dir").arg(self.dir.path()).arg("--brokers").arg(self.brokers.to_string());
        supervisor.arg("--clusters").arg(self.clusters.join(","));
        supervisor.args(self.no_clickhouse.then_some("--no-clickhouse"));
        supervisor.args(self.fresh.then_some("--fresh"));
        supervisor.stdin(Stdio::null()).stdout(output.try_clone().context("cannot share the log")?).stderr(output);
        supervisor.arg("--supervised").process_group(0);
        let die_with_starter = || match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        };
        // SAFETY: one async-signal-safe call between fork and exec.
        unsafe { supervisor.pre_exec(die_with_starter) };
        let mut supervisor = supervisor.spawn().context("cannot start the supervisor")?;
        let start = Instant::now();
        let state = loop {
            if let Some(status) = supervisor.try_wait().context("cannot wait for the supervisor")? {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("the supervisor ended ({status}):\n{}", said.trim_end());
            }
            let ready = State::read(&self.dir.state_file());
            let is_ours = |state: &State| state.processes.iter().any(|process| process.pid == supervisor.id());
            if let Some(state) = ready.ok().filter(is_ours) {
                break state;
            }
            if start.elapsed() > DETACHED_START {
                let _ = supervisor.kill();
                bail!("not ready after {DETACHED_START:?}; see {}", log.display());
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        println!(
            "{}\nready in {:.1} s; `logmill-stack down` ends it",
            summary(&state, &self.dir.state_file()),
            start.elapsed().as_secs_f64()
        );
        Ok(())
    }
}

/// One screen: what is where.
pub fn summary(state: &State, file: &Path) -> String {
    let mut text = String::new();
    let at = &state.addresses;
    if !at.kafka.is_empty() {
        let _ = writeln!(text, "Kafka        {}", at.kafka);
    }
    for (name, cluster) in &at.hdfs {
        let _ = writeln!(text, "HDFS {name:<7} {}   {}", cluster.url, cluster.http);
    }
    if let Some(clickhouse) = &at.clickhouse {
        let _ = writeln!(text, "ClickHouse   {}   {}/play", clickhouse.url, clickhouse.url);
        for login in [&clickhouse.admin, &clickhouse.analyst] {
            let _ = writeln!(text, "             user {}, password {}", login.user, login.password);
        }
    }
    let _ = writeln!(text, "state file   {}", file.display());
    text
}
