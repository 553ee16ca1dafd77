//! What can be asked on the command line.

use clap::{Parser, Subcommand, ValueEnum};
use logmill_analyses::Day;
use std::ffi::OsString;
use std::path::PathBuf;

const CODES: &str = "\
Exit codes:
  0  all is well
  1  a check failed, a file was rejected, or a server did not answer
  2  the command line or the configuration is wrong";

/// Takes compressed log files out of HDFS clusters into ClickHouse, every line exactly once.
#[derive(Debug, Parser)]
#[command(name = "logmill", version, after_help = format!("\
Examples:
  logmill config example > logmill.toml   begin with a configuration in which every key is explained
  logmill validate --connect              check it, and every server that it names
  logmill topics apply && logmill migrate make the topics and the tables
  logmill dry-run /var/log/app            see the rows of local files, without any server
  logmill status                          see whether it moves, and what it waits for

{CODES}"))]
pub struct Args {
    /// The configuration [default: logmill.toml].
    #[arg(long, short, global = true, env = logmill_config::CONFIG_VARIABLE, hide_env_values = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How data is printed.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub format: Output,
    #[command(subcommand)]
    pub command: Command,
}

/// How data is printed on standard output: all that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// Values separated by commas: `analyze` alone.
    #[value(hide = true)]
    Csv,
    /// A plot: `analyze` alone.
    #[value(hide = true)]
    Svg,
}

impl Output {
    /// What every command knows; nothing of the others.
    #[must_use]
    pub fn plain(self) -> Option<Format> {
        match self {
            Self::Text => Some(Format::Text),
            Self::Json => Some(Format::Json),
            Self::Csv | Self::Svg => None,
        }
    }
}

/// How data is printed on standard output, by every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print an example of the configuration, its JSON Schema or its reference.
    #[command(after_help = "\
Examples:
  logmill config example > logmill.toml
  logmill config schema > config.schema.json
  logmill config reference | less")]
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Check the configuration and, with --connect, every server that it names.
    #[command(after_help = "\
Examples:
  logmill validate
  logmill validate --connect
  LOGMILL__KAFKA__BROKERS=kafka:9092 logmill validate --connect --format json")]
    Validate {
        /// Also reach Kafka, ClickHouse and every cluster, and check what the chain needs of them.
        #[arg(long)]
        connect: bool,
    },
    /// Make the chain's topics and the consumer groups' first offsets.
    #[command(after_help = "\
Examples:
  logmill topics plan     show what is missing or different
  logmill topics apply    make what is missing")]
    Topics {
        #[command(subcommand)]
        what: TopicsCommand,
    },
    /// Bring the tables in ClickHouse to this program's version.
    #[command(after_help = "\
Examples:
  logmill migrate
  logmill --config /etc/logmill.toml migrate")]
    Migrate,
    /// Run local files through the very same stages, without Kafka or ClickHouse, and print their rows.
    ///
    /// Rows go to standard output in order; a summary of each file goes to standard error: codec and encoding with their
    /// evidence, bytes in and out, lines, malformed sequences, rejects. No configuration is needed; where there is one,
    /// its plan, apps and rules apply.
    ///
    /// The encoding of a row is that of its chunk as far as it was known then: ASCII before a file's first other byte
    /// counts as utf-8, whatever the file turns out to be; the summary has what was decided for the file.
    #[command(after_help = "\
Examples:
  logmill dry-run app.log.gz
  logmill dry-run --format json /var/log/app | jq -r .text
  zcat old.gz | logmill dry-run -
  logmill dry-run --cluster hdfs-a /mnt/logs    as if the files lay in the cluster hdfs-a

Exit code 1 when a file was rejected, wholly or in part, or could not be read.")]
    DryRun {
        /// Files, folders (with all below them), or - for standard input.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<OsString>,
        /// The name of the cluster for which rules are looked up.
        #[arg(long, default_value = "local", value_name = "NAME")]
        cluster: String,
    },
    /// Show a file's way through the chain, with counts and times.
    #[command(after_help = "\
Examples:
  logmill where /logs/app/2026-11-23.gz
  logmill where '/logs/app/*.gz'
  logmill where 3f0c9d2b6a7e4158900a1b2c3d4e5f60")]
    Where {
        /// A path, a glob over paths, or the 32 digits of a file id.
        #[arg(value_name = "PATH|GLOB|FILE_ID")]
        what: String,
    },
    /// Prove that every line of every file is in the table exactly once.
    #[command(after_help = "\
Examples:
  logmill reconcile
  logmill reconcile '/logs/app/**' /logs/web/access.log.gz
  logmill reconcile --format json | jq 'select(.verdict.verdict == \"failed\")'

Exit code 1 when a file fails or is unfinished, when no file matches, and, where no path is given, while anything is on
its way in Kafka: files that no stage has opened yet are known there alone.")]
    Reconcile {
        /// Paths or globs; all files when none is given.
        #[arg(value_name = "PATH")]
        paths: Vec<String>,
        /// Take it that nothing is on its way: what is not in the table is missing, not late. Else Kafka is asked.
        #[arg(long)]
        settled: bool,
    },
    /// Load files again in another encoding, and replace their rows: readers see the old ones or the new ones.
    ///
    /// The file is fetched again from its cluster. Its new rows stay hidden until all of them are in the table; then they
    /// replace the old ones at once. Where the file is gone or another one by now, where the new rows are fewer because
    /// of damage, or where too much is malformed in that encoding, the old rows stay.
    #[command(after_help = "\
Examples:
  logmill redecode /logs/app/2026-11-23.gz --encoding gb18030
  logmill redecode '/logs/legacy/**' --encoding windows-1252

It may be stopped at any time; the same command goes on. Exit code 1 when a file was not replaced.")]
    Redecode {
        /// Paths, globs over paths, or file ids.
        #[arg(required = true, value_name = "PATH|GLOB|FILE_ID")]
        paths: Vec<String>,
        /// The encoding of the files.
        #[arg(long, value_name = "LABEL")]
        encoding: String,
    },
    /// Move or delete files whose every line is proven to be in the table, in the clusters that are configured so.
    ///
    /// What is not proven yet is reconciled first. A file that is partial or quarantined, that has a dead letter, or that is
    /// being loaded again is left where it is; so is one that took the place of a file that was loaded.
    #[command(after_help = "\
Examples:
  logmill finish --dry-run
  logmill finish
  logmill finish '/logs/2026/11/**'

It may be stopped at any time, and run again. Exit code 1 when a cluster did not do it.")]
    Finish {
        /// Paths, globs over paths, or file ids; all files when none is given.
        #[arg(value_name = "PATH|GLOB|FILE_ID")]
        paths: Vec<String>,
        /// Name the files, and do nothing to them.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show on one screen whether the chain moves, its oldest unfinished file, and what it waits for.
    #[command(after_help = "\
Examples:
  logmill status
  watch -n 5 logmill status")]
    Status,
    /// Show the records that each stage has before it, and the seconds to drain them.
    #[command(after_help = "\
Examples:
  logmill lag
  logmill lag --format json | jq 'select(.records > 1000)'")]
    Lag {
        /// Seconds over which the rate is measured; 0 shows the records alone.
        #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
        over: f64,
    },
    /// Show how the fetchers see each cluster, who has how many coroutines, and what came of it within a day.
    #[command(after_help = "\
Examples:
  logmill clusters
  logmill clusters --format json | jq 'select(.down > 0)'

Exit code 1 when a cluster is down, or no fetcher runs that serves it.")]
    Clusters,
    /// Show what the stages could not turn into anything.
    #[command(after_help = "\
Examples:
  logmill dlq list
  logmill dlq list --limit 1000 --format json
  logmill dlq show 2/17      the letter at offset 17 of partition 2, with its bytes")]
    Dlq {
        #[command(subcommand)]
        what: DlqCommand,
    },
    /// Say what users of an application do: processes called per start, pop-ups shown, hot topics, new users.
    ///
    /// What the application's lines mean stands in the configuration, in [analyses.APP]. Days are UTC. What is shown is what
    /// was counted last; --refresh first counts the days whose rows have changed, of one application or of all.
    #[command(after_help = "\
Examples:
  logmill analyze --refresh                                  for cron
  logmill analyze new-users --app shop --from 2026-11-01 --to 2026-11-30
  logmill analyze topics --app shop --from 2026-11-28 --limit 20
  logmill analyze popups --app shop --format csv             text, json, csv or svg
  logmill analyze calls --app shop --refresh --format svg > calls.svg")]
    Analyze(Analyze),
    /// Print the completion script of a shell.
    #[command(after_help = "\
Examples:
  logmill completion bash > /etc/bash_completion.d/logmill
  logmill completion zsh > ~/.zfunc/_logmill")]
    Completion {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// A file with every key, its default and its meaning.
    #[command(after_help = "Example:\n  logmill config example > logmill.toml")]
    Example,
    /// The JSON Schema, for editors.
    #[command(after_help = "Example:\n  logmill config schema > config.schema.json")]
    Schema,
    /// The reference, as Markdown.
    #[command(after_help = "Example:\n  logmill config reference | less")]
    Reference,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum TopicsCommand {
    /// Show what is missing or different; change nothing.
    #[command(after_help = "Example:\n  logmill topics plan\n\nExit code 1 when something is missing or different.")]
    Plan,
    /// Make the topics that are missing, and commit offset 0 for groups that have none.
    #[command(
        after_help = "Example:\n  logmill topics apply\n\nExit code 1 when something differs that only an operator can change."
    )]
    Apply,
}

#[derive(Clone, Debug, Subcommand)]
pub enum DlqCommand {
    /// The newest dead letters, one line each.
    #[command(after_help = "Example:\n  logmill dlq list --limit 20")]
    List {
        /// How many to show at most.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// One dead letter, with all that is known of it and its bytes.
    #[command(after_help = "Example:\n  logmill dlq show 2/17")]
    Show {
        /// Its place on the topic, as `list` shows it.
        #[arg(value_name = "PARTITION/OFFSET")]
        place: String,
    },
}

/// `logmill analyze`.
#[derive(Clone, Debug, clap::Args)]
pub struct Analyze {
    /// What to say; with --refresh it may be left out.
    #[arg(value_enum, value_name = "WHAT")]
    pub what: Option<Asked>,
    /// The application, as [[apps]] names it.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// The first day, such as 2026-11-01 [default: six days before the last]
    #[arg(long, value_name = "DAY")]
    pub from: Option<Day>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY")]
    pub to: Option<Day>,
    /// topics: days before the first one that they are compared with.
    #[arg(long, default_value_t = 7, value_name = "DAYS")]
    pub before: u32,
    /// calls and topics: rows at most.
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub limit: usize,
    /// First count the days whose rows have changed.
    #[arg(long)]
    pub refresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Asked {
    /// Processes called, per start of the application.
    Calls,
    /// Pop-ups (advertisements) shown on each day.
    Popups,
    /// Words that users attend to, by how far they rose.
    Topics,
    /// Users who were there for the first time, on each day.
    NewUsers,
}
