//! What can be asked on the command line.

mod analyze;
mod dlq;
mod pause;
mod plan;

pub use analyze::{Analyze, Asked};
pub use dlq::{DlqCommand, Letters};
pub use pause::{Kind, Pause, Resume};
pub use plan::Plan;

use crate::moment::{self, Begin};
use clap::{Parser, Subcommand, ValueEnum};
use logmill_clickhouse::ledger::files::State;
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
    Csv,
    /// A plot: `analyze` alone.
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
  LOGMILL__KAFKA__BROKERS=kafka:9092 logmill validate --connect --format json

Exit code 1 when a check of a server fails, 2 when the configuration is wrong.")]
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
    /// Work out the machines that a load needs: cores, partitions, brokers and disks by stage, from what was measured.
    ///
    /// Every assumption is an option, and is printed with its source. The figures are those of docs/figures.md, or of a
    /// bench.json that `make bench` wrote on the machines in question.
    #[command(after_help = "\
Examples:
  logmill plan --tb-per-day 60                             60 TB a day as stored, compressed
  logmill plan --tb-per-day 60 --text                      60 TB a day of text
  logmill plan --tb-per-day 60 --ratio 8 --bench target/bench.json --format json

Exit code 1 when the figures cannot be read.")]
    #[command(allow_negative_numbers = true)]
    Plan(Plan),
    /// Bring the tables in ClickHouse to this program's version, and make the columns that the configuration wants for fields.
    #[command(after_help = "\
Examples:
  logmill migrate
  logmill --config /etc/logmill.toml migrate
  logmill migrate --drop-column status    where [columns] names status no more, or as another type

It may be run again, and goes on where it was broken off. Exit code 1 when the schema is not what its steps make, was made by
a newer program, or ClickHouse refuses.")]
    Migrate {
        /// Drop a column that was made for a field. The map fields keeps its values. May be given several times.
        #[arg(long, value_name = "NAME")]
        drop_column: Vec<String>,
    },
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
  logmill dry-run --explain access.log          which rules, codec, encoding and patterns, and why not others
  logmill dry-run --explain --as /logs/web/access.log access.log    by the path that it has in the cluster
  logmill dry-run --suggest --as /logs/odd.log odd.log >> logmill.toml

Exit code 1 when a file was rejected, wholly or in part, could not be read, or has rows for which nothing can be proposed.")]
    DryRun {
        /// Files, folders (with all below them), or - for standard input.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<OsString>,
        /// The name of the cluster for which rules are looked up.
        #[arg(long, default_value = "local", value_name = "NAME")]
        cluster: String,
        /// The path in the cluster of the one file or folder that is given, or of standard input: rules go by it.
        #[arg(long = "as", value_name = "PATH", value_parser = in_a_cluster)]
        placed: Option<String>,
        /// Say of each file, instead of its rows, which codec, encoding and patterns were found, which plan it has and from which entries
        /// of the configuration; and why the other encodings, entries and patterns lost.
        #[arg(long, conflicts_with = "suggest")]
        explain: bool,
        /// Propose, instead of the rows, patterns and a rule for rows that none matches, and how records of several lines begin, as it is
        /// written into the configuration.
        #[arg(long)]
        suggest: bool,
    },
    /// List files with their states and ages: what is under way first, the oldest at the top.
    ///
    /// waiting (for a fetcher) or parked, fetching, decoding, loading; then failed (its reconciliation), quarantined, hidden
    /// or superseded (readers do not see it), partial (of a damaged file what is whole) and proven (every line is in the table
    /// once). What turns out to be proven on the way is kept as proven.
    #[command(after_help = "\
Examples:
  logmill files
  logmill files --state waiting,fetching,decoding,loading
  logmill files --state failed '/logs/app/**'
  logmill files --limit 1000000 --format json | jq -r 'select(.state == \"quarantined\") | .path'

Exit code 1 when no file matches.")]
    Files {
        /// Paths, globs over paths, or file ids; all files when none is given.
        #[arg(value_name = "PATH|GLOB|FILE_ID")]
        paths: Vec<String>,
        /// Only files of these states.
        #[arg(long, value_delimiter = ',', value_name = "STATE", value_parser = states())]
        state: Vec<String>,
        /// How many to show at most.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// Show a file's way through the chain, with counts and times.
    #[command(after_help = "\
Examples:
  logmill where /logs/app/2026-11-23.gz
  logmill where '/logs/app/*.gz'
  logmill where 3f0c9d2b6a7e4158900a1b2c3d4e5f60

Exit code 1 when nothing is known of such a file.")]
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
    /// Load files again as their plan says now, and replace their rows: readers see the old ones or the new ones.
    ///
    /// Files are fetched again from their clusters in the lane of backfill: while no other file waits. The new rows of one stay
    /// hidden until all of them are in the table; then they replace the old ones at once. Where the file is gone or another
    /// one by now, where what came is more damaged than what was there, or where too much is malformed, the old rows stay. A
    /// file that was redecoded keeps that encoding. Of files of one path the newest is meant.
    #[command(after_help = "\
Examples:
  logmill replay /logs/app/2026-11-23.gz
  logmill replay --since 2026-11-23T10:00:00Z          all that was loaded since
  logmill replay '/logs/app/**' --since 2days --until 1day

It may be stopped at any time; the same command goes on with what it has begun. Exit code 1 when a file was not replaced.")]
    Replay {
        /// Paths, globs over paths, or file ids.
        #[arg(required_unless_present = "since", value_name = "PATH|GLOB|FILE_ID")]
        paths: Vec<String>,
        /// Only files whose load ended then or later: a time (RFC 3339), or so long ago (10m).
        #[arg(long, value_name = "TIME", value_parser = moment::given)]
        since: Option<u64>,
        /// Only files whose load ended before.
        #[arg(long, value_name = "TIME", value_parser = moment::given)]
        until: Option<u64>,
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
    /// Erase a file: its rows, events and dead letters, and never load it again.
    ///
    /// Without --yes it shows what there is of the file and what would be done. With it the file leaves every table at once, an
    /// archive with all of its members, whatever a loader does meanwhile; that is looked into afterwards. What stands in Kafka
    /// goes with the retention of its topics; it is said when the last of it is gone. What lies in the cluster is not touched. Who
    /// erased it, when and why stays known, and the id of the file: nothing of it comes in again.
    #[command(after_help = "\
Examples:
  logmill forget /logs/app/2026-11-23.gz
  logmill forget /logs/app/2026-11-23.gz --yes --why 'request 1234'
  logmill forget 3f0c9d2b6a7e4158900a1b2c3d4e5f60 --yes --why 'request 1234' --format json

It may be stopped at any time; the same command goes on, and any later one ends what was begun. Exit code 1 when no such
file is known, or something was left.")]
    Forget(Forget),
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
  watch -n 5 logmill status

Exit code 1 when a server does not answer; it shows what the others say.")]
    Status,
    /// Watch the chain on a live screen: stages, lags, files, clusters, dead letters, and what is waited for.
    ///
    /// Keys: tab or left and right for the panels, up and down to scroll, q to leave.
    #[command(after_help = "\
Examples:
  logmill top
  logmill top --once                       one frame, for a mail or a ticket
  logmill top --format json | jq .verdict  the same as data, again and again

Exit code 1 with --once when a server does not answer.")]
    Top {
        /// Seconds between two looks.
        #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
        every: f64,
        /// Look once, print one frame, and end.
        #[arg(long)]
        once: bool,
    },
    /// Show the records that each stage has before it, and the seconds to drain them.
    #[command(after_help = "\
Examples:
  logmill lag
  logmill lag --format json | jq 'select(.records > 1000)'

Exit code 1 when Kafka does not answer.")]
    Lag {
        /// Seconds over which the rate is measured; 0 shows the records alone.
        #[arg(long, default_value_t = 0.5, value_name = "SECONDS")]
        over: f64,
    },
    /// Show how the fetchers see each cluster, who has how many coroutines, and what came of it within a day.
    #[command(after_help = "\
Examples:
  logmill clusters
  logmill clusters --format json | jq 'select(.down > 0)'

Exit code 1 when a cluster is down, or no fetcher runs that serves it.")]
    Clusters,
    /// Pause a cluster or a channel, until `logmill resume`: over restarts too.
    ///
    /// Of a cluster no file is listed or begun any more; those that are open wait between two chunks, and go on at the byte if
    /// it is resumed soon. After the cluster's park_after they are parked: closed for the stages behind, and brought to their end
    /// later. A channel that is paused is passed over by the distributors while its group has another; files whose group has no
    /// other get no task, and what is on its way to it still comes. It is seen within seconds.
    #[command(after_help = "\
Examples:
  logmill pause cluster hdfs-a --why 'upgrade until noon'
  logmill pause channel c1
  logmill clusters                         whether the fetchers have seen it
  logmill lag                              which channels the distributors pass over

Exit code 2 when there is no such cluster or channel.")]
    Pause(Pause),
    /// Let a cluster or a channel go on that was paused.
    #[command(after_help = "\
Examples:
  logmill resume cluster hdfs-a
  logmill resume channel c1 --format json

Exit code 2 when there is no such cluster or channel.")]
    Resume(Resume),
    /// Show the records of a topic, one JSON object a line: place, time, key, headers, and the payload opened.
    ///
    /// A payload is shown as `text` where it is UTF-8, as `json` where the topic carries JSON, as `rows` where it carries Arrow,
    /// else as `hex`; what a stage packed is unpacked. Records of different partitions come in no order. Only what is committed
    /// is shown, and no consumer group knows of it.
    #[command(after_help = "\
Examples:
  logmill tap file-events --follow
  logmill tap rows.c0 --from 10m --limit 3 | jq -c '.rows[]'
  logmill tap splitter --from 10m --no-payload              all that the splitters read
  logmill tap logmill.raw --file /logs/app/2026-11-23.gz --no-payload
  logmill tap dead-letters --partition 2 --from 17 --limit 1

Exit code 1 when nothing is shown.")]
    Tap(Tap),
    /// Show what the stages could not turn into anything.
    #[command(after_help = "\
Examples:
  logmill dlq list
  logmill dlq list --limit 1000 --format json
  logmill dlq show 2/17      the letter at offset 17 of partition 2, with its bytes
  logmill dlq replay --reason decree
  logmill dlq drop 2/17 --why 'nothing more to get'")]
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
  logmill analyze calls --app shop --refresh --format svg > calls.svg

Exit code 1 when ClickHouse does not answer, 2 when there is no such application in the configuration.")]
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

/// What `tap` is asked.
#[derive(Clone, Debug, clap::Args)]
pub struct Tap {
    /// A topic, with or without the chain's name before it, or a stage: all topics that it reads.
    #[arg(value_name = "TOPIC|STAGE")]
    pub topic: String,
    /// Where to begin: beginning, end, an offset of each partition, a time (RFC 3339), or so long ago (10m).
    #[arg(long, default_value = "beginning", value_name = "FROM")]
    pub from: Begin,
    /// Only this partition.
    #[arg(long, value_name = "N")]
    pub partition: Option<i32>,
    /// How many records to show at most.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only records of these files.
    #[arg(long, value_name = "PATH|GLOB|FILE_ID")]
    pub file: Option<String>,
    /// Leave payloads away; `bytes` says how long they are.
    #[arg(long)]
    pub no_payload: bool,
    /// Go on at the end, with what comes; of one topic.
    #[arg(long, short)]
    pub follow: bool,
}

/// What is erased.
#[derive(Clone, Debug, clap::Args)]
pub struct Forget {
    /// Paths, globs over paths, or file ids.
    #[arg(required = true, value_name = "PATH|GLOB|FILE_ID")]
    pub files: Vec<String>,
    /// Do it. It cannot be undone.
    #[arg(long, requires = "why")]
    pub yes: bool,
    /// On what ground; kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Who asks for it; kept for ever.
    #[arg(long, env = "USER", default_value = "unknown", hide_env_values = true, value_name = "NAME")]
    pub who: String,
}

/// A path in a cluster.
fn in_a_cluster(path: &str) -> Result<String, &'static str> {
    match path.trim_end_matches('/') {
        "" => Err("a path in a cluster is more than a /"),
        path if path.starts_with('/') => Ok(path.to_owned()),
        _ => Err("a path in a cluster begins with /"),
    }
}

/// The names of the states of files.
fn states() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(State::ALL.map(State::name))
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
    /// Make the topics that are missing, add partitions where more are wanted, and commit offset 0 for groups that have none.
    ///
    /// Partitions are added to a chain that is drained and stopped alone, for what is on its way of a file must not be spread
    /// anew: `drain = true` for each cluster ends the making of tasks while the stages run, `logmill lag` shows when nothing
    /// stands before them, then they are stopped. What is on its way still, and which stage runs still, is said; nothing is done
    /// then. It may be stopped at any time, and run again. Another layout wants the same: its stages go on where those of the one
    /// before ended.
    #[command(after_help = "\
Examples:
  logmill topics apply
  LOGMILL__KAFKA__PARTITIONS=16 logmill topics apply    with more partitions, all stages being stopped

Exit code 1 when something differs that only an operator can change, or partitions cannot be added yet.")]
    Apply,
}
