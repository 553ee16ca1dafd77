//! The command line of logmill, command by command. Each module does one command; what needs servers is in the crates of
//! those servers.
//!
//! **Invariant:** data goes to standard output, everything else to standard error; a closed pipe ends a command quietly.

mod analyze;
pub mod args;
mod clusters;
mod config;
mod dlq;
pub mod dry_run;
pub mod exit;
mod file_list;
mod files;
mod finish;
mod forget;
mod grow;
mod lag;
mod letters;
mod migrate;
mod moment;
mod notes;
mod output;
mod pause;
mod plan;
mod replay;
mod rows;
mod status;
mod tap;
mod top;
mod topic_reader;
mod topics;
mod validate;
mod waiting;

use args::{Args, Command};
use clap::CommandFactory;
use exit::{Failure, Verdict};
use logmill_config::{Config, ConfigError, DEFAULT_FILE};
use std::path::Path;

/// Does what was asked for.
///
/// # Errors
/// What was asked for could not be done; the failure says why, and its exit code.
pub fn run(args: Args) -> Result<Verdict, Failure> {
    let file = args.config.as_deref();
    if let Command::Analyze(asked) = &args.command {
        return analyze::run(&Config::load(file)?, asked, args.format);
    }
    let Some(format) = args.format.plain() else {
        return Err(Failure::Usage("--format csv and svg are of `logmill analyze` alone: text or json".into()));
    };
    match args.command {
        Command::Analyze(_) => unreachable!("it was run"),
        Command::Config { what } => config::print(what),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "logmill", &mut script);
            config::show(&String::from_utf8_lossy(&script))
        }
        Command::Validate { connect } => validate::run(&Config::load(file)?, connect, format),
        Command::DryRun { paths, cluster, placed, explain, suggest } => {
            let explanation = explain.then_some(dry_run::Asked::Explanation);
            let asked = explanation.or(suggest.then_some(dry_run::Asked::Suggestion));
            let place = dry_run::Place { cluster: &cluster, path: placed.as_deref() };
            dry_run::run(&config_if_any(file)?, &paths, place, asked, format)
        }
        Command::Topics { what } => topics::run(&Config::load(file)?, what, format),
        Command::Plan(wish) => plan::run(&config_if_any(file)?, &wish, format),
        Command::Migrate { drop_column } => migrate::run(&Config::load(file)?, &drop_column, format),
        Command::Top { every, once } => top::run(&Config::load(file)?, every, once, format),
        Command::Lag { over } => lag::run(&Config::load(file)?, over, format),
        Command::Clusters => clusters::run(&Config::load(file)?, format),
        Command::Pause(asked) => pause::pause(&Config::load(file)?, asked, format),
        Command::Resume(asked) => pause::resume(&Config::load(file)?, asked, format),
        Command::Tap(tap) => tap::run(&Config::load(file)?, &tap),
        Command::Dlq { what } => dlq::run(&Config::load(file)?, &what, format),
        Command::Files { paths, state, limit } => file_list::run(&Config::load(file)?, &paths, &state, limit, format),
        Command::Where { what } => files::locate(&Config::load(file)?, &what, format),
        Command::Reconcile { paths, settled } => files::reconcile(&Config::load(file)?, &paths, settled, format),
        Command::Redecode { paths, encoding } => replay::redecode(&Config::load(file)?, &paths, &encoding, format),
        Command::Replay { paths, since, until } => replay::replay(&Config::load(file)?, &paths, since, until, format),
        Command::Forget(forget) => forget::run(&Config::load(file)?, &forget, format),
        Command::Finish { paths, dry_run } => finish::run(&Config::load(file)?, &paths, dry_run, format),
        Command::Status => status::run(&Config::load(file)?, format),
    }
}

/// The configuration where one is named or lies in the working folder, else the defaults.
fn config_if_any(file: Option<&Path>) -> Result<Config, ConfigError> {
    if file.is_none() && !Path::new(DEFAULT_FILE).exists() { Config::load_defaults() } else { Config::load(file) }
}

/// The runtime of the commands that ask servers.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context;
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime can be made")
}
