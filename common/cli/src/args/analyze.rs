//! `logmill analyze`.

use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;
use logmill_analyses::Day;

/// What is asked of the analyses.
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
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
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
