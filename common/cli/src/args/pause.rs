//! `logmill pause` and `logmill resume`.

use clap::ValueEnum;

/// What can be paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Cluster,
    Channel,
}

/// What is paused.
#[derive(Clone, Debug, clap::Args)]
pub struct Pause {
    #[arg(value_enum, value_name = "cluster|channel")]
    pub what: Kind,
    /// Its name, as the configuration has it.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Why; `logmill status` shows it.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Who says so.
    #[arg(long, env = "USER", default_value = "unknown", hide_env_values = true, value_name = "NAME")]
    pub who: String,
}

/// What goes on.
#[derive(Clone, Debug, clap::Args)]
pub struct Resume {
    #[arg(value_enum, value_name = "cluster|channel")]
    pub what: Kind,
    /// Its name, as the configuration has it.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Who says so.
    #[arg(long, env = "USER", default_value = "unknown", hide_env_values = true, value_name = "NAME")]
    pub who: String,
}
