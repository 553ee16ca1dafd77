//! One chain on a stack: its configuration, its topics and tables, its stages as processes.

use crate::processes::{Processes, Spec};
use anyhow::{Context, bail, ensure};
use logmill_config::{App, Cluster, Config, Layout, Properties};
use logmill_stack::{ClickHouseAddress, Login, Stack, http};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// How long a command of the chain, or a query, may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What tells one chain from another on the same stack.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Begins the names of topics, groups and transactions; also the name of the database.
    pub name: String,
    /// Where the configuration and the logs of the processes lie.
    pub folder: PathBuf,
    pub layout: Layout,
    /// Processes of each stage.
    pub instances: u32,
    /// Folder of the files in every cluster.
    pub files: String,
    /// Bytes of a raw, plain or text chunk; small ones make many chunks, and many transactions, of few bytes.
    pub chunk_bytes: Option<u64>,
}

/// A chain that is set up.
pub struct Chain {
    pub config: Config,
    settings: Settings,
    config_file: PathBuf,
    /// Where the programs lie: beside this one.
    programs: PathBuf,
    clickhouse: ClickHouseAddress,
    /// What each process may have.
    memory: Option<u64>,
}

impl Chain {
    /// Writes `folder/logmill.toml`, makes the topics and the tables.
    ///
    /// # Errors
    /// A program is missing, or a server refuses.
    pub fn set_up(stack: &Stack, settings: Settings) -> anyhow::Result<Self> {
        Self::set_up_with(stack, settings, |_| ())
    }

    /// The same with a configuration that differs.
    ///
    /// # Errors
    /// As [`Chain::set_up`].
    pub fn set_up_with(stack: &Stack, settings: Settings, change: impl FnOnce(&mut Config)) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&settings.folder).with_context(|| format!("making {}", settings.folder.display()))?;
        let mut config = configuration(stack, &settings);
        change(&mut config);
        let config_file = settings.folder.join("logmill.toml");
        let text = toml::to_string(&config).context("the configuration as TOML")?;
        std::fs::write(&config_file, text).with_context(|| format!("writing {}", config_file.display()))?;
        let clickhouse = stack.clickhouse().clone();
        let chain = Self { config, settings, config_file, programs: programs()?, clickhouse, memory: None };
        chain.expect(&["topics", "apply"])?;
        chain.expect(&["migrate"])?;
        Ok(chain)
    }

    /// Runs `logmill ARGUMENTS` for this chain.
    ///
    /// # Errors
    /// It cannot be started. Its exit code is in the output.
    pub fn logmill(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command(arguments);
        command.output().with_context(|| format!("starting {}", command.get_program().display()))
    }

    /// `logmill ARGUMENTS` for this chain, to be started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("logmill"));
        command.arg("--config").arg(&self.config_file).args(arguments);
        command
    }

    fn expect(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.logmill(arguments)?;
        ensure!(
            output.status.success(),
            "`logmill {}` failed: {}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Holds each process that is started from now on to so many bytes of memory.
    pub fn hold_to(&mut self, bytes: u64) {
        self.memory = Some(bytes);
    }

    /// The stages of the layout, in the order of the chain.
    #[must_use]
    pub fn stages(&self) -> &'static [&'static str] {
        self.config.topics().stages()
    }

    /// The process of a stage and slot.
    #[must_use]
    pub fn spec(&self, stage: &str, slot: u32) -> Spec {
        let environment = vec![
            ("LOGMILL_CONFIG".to_owned(), self.config_file.display().to_string()),
            ("LOGMILL__WORKER__SLOT".to_owned(), slot.to_string()),
        ];
        let program = self.programs.join(format!("logmill-{stage}"));
        Spec { name: format!("{stage}-{slot}"), program, environment, memory: self.memory }
    }

    /// The folder of what the processes print, a file for each.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.settings.folder.join("log")
    }

    /// Starts every stage, each as often as the settings say. Their output goes to [`Chain::logs`].
    ///
    /// # Errors
    /// A program is missing.
    pub fn start(&self, say: impl Fn(String) + Send + 'static) -> anyhow::Result<Processes> {
        let processes = Processes::new(&self.logs(), say)?;
        for stage in self.stages() {
            for slot in 0..self.settings.instances {
                processes.start(self.spec(stage, slot))?;
            }
        }
        Ok(processes)
    }

    /// Runs SQL as the account of the chain; the answer as text.
    ///
    /// # Errors
    /// The server does not answer, or answers with an error.
    pub fn sql(&self, sql: &str) -> anyhow::Result<String> {
        self.ask(&self.clickhouse.admin, sql)
    }

    /// Runs SQL as an analyst, who may only read.
    ///
    /// # Errors
    /// As [`Chain::sql`].
    pub fn sql_as_analyst(&self, sql: &str) -> anyhow::Result<String> {
        self.ask(&self.clickhouse.analyst, sql)
    }

    fn ask(&self, login: &Login, sql: &str) -> anyhow::Result<String> {
        let url = format!("{}/?wait_end_of_query=1", self.clickhouse.url);
        let headers = [
            ("X-ClickHouse-User", login.user.as_str()),
            ("X-ClickHouse-Key", login.password.as_str()),
            ("X-ClickHouse-Database", self.settings.name.as_str()),
        ];
        let answer = http::request("POST", &url, &headers, sql.as_bytes(), PATIENCE)?;
        if answer.status != 200 {
            bail!("ClickHouse answered {} to {sql:?}: {}", answer.status, answer.text());
        }
        Ok(answer.text())
    }

    /// The independent comparison of the table with the originals of a manifest. `others`: the table may hold files
    /// that the manifest does not name.
    ///
    /// # Errors
    /// Python cannot be started. What the comparison says is in the output, with its exit code.
    pub fn compare(&self, manifest: &Path, others: bool) -> anyhow::Result<Output> {
        self.compare_table("rows", manifest, others)
    }

    /// The same comparison of another table, or of the view `logs`: of each file it may have one load alone.
    ///
    /// # Errors
    /// As [`Chain::compare`].
    pub fn compare_table(&self, table: &str, manifest: &Path, others: bool) -> anyhow::Result<Output> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../check/compare.py");
        let login = &self.clickhouse.admin;
        let mut command = Command::new("python3");
        command.arg("-B").arg(script).arg(manifest).args(["--url", &self.clickhouse.url, "--user", &login.user]);
        command.args(["--password", &login.password, "--database", &self.settings.name, "--table", table]);
        if others {
            command.arg("--others");
        }
        command.output().context("starting python3")
    }

    /// Where and as whom people query.
    #[must_use]
    pub fn clickhouse(&self) -> &ClickHouseAddress {
        &self.clickhouse
    }

    /// The configuration's file.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        &self.config_file
    }
}

/// Programs of the chain lie beside this one; tests lie one folder deeper.
fn programs() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program lies")?;
    let beside = own.ancestors().skip(1).take(2).find(|folder| folder.join("logmill").is_file());
    beside.map(Path::to_owned).with_context(|| {
        format!("there is no program logmill beside {}: cargo build --release --workspace makes it", own.display())
    })
}

fn configuration(stack: &Stack, settings: &Settings) -> Config {
    let mut config = Config { chain: settings.name.clone(), layout: settings.layout, ..Config::default() };
    config.kafka.brokers = stack.kafka().to_owned();
    config.kafka.replication = if stack.kafka().split(',').count() < 3 { 1 } else { 3 };
    let clickhouse = stack.clickhouse();
    config.clickhouse.url = clickhouse.url.clone();
    config.clickhouse.database = settings.name.clone();
    config.clickhouse.user = clickhouse.admin.user.clone();
    config.clickhouse.password = Some(clickhouse.admin.password.clone());
    for (name, address) in &stack.addresses().hdfs {
        let cluster = Cluster {
            url: address.url.clone(),
            hadoop: Properties(address.config.clone()),
            folders: vec![settings.files.clone()],
            scan_interval: Duration::from_secs(1),
            ..Cluster::default()
        };
        config.clusters.insert(name.clone(), cluster);
    }
    if let Some(bytes) = settings.chunk_bytes {
        config.plan.raw_bytes.0 = bytes;
        config.plan.plain_bytes.0 = bytes;
        config.plan.text_bytes.0 = bytes;
        config.plan.line_bytes.0 = config.plan.line_bytes.0.min(bytes);
        config.transaction.bytes.0 = 4 * bytes;
    }
    let app = |path: &str, app: &str| App { path: format!("{}/{path}/**", settings.files), app: app.into() };
    config.apps = vec![app("hdfs-*", "hdfs"), app("kafka-*", "kafka")];
    config
}
