//! `env`: the addresses for programs.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::Dir;

#[derive(Debug, Args)]
pub struct Env {
    #[command(flatten)]
    dir: Dir,
    /// The form
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A part of logmill's configuration
    Toml,
    /// Everything, as in the state file
    Json,
}

impl Env {
    pub fn run(self) -> Result<()> {
        let addresses = self.dir.running()?.addresses;
        match self.format {
            Format::Toml => print!("{}", addresses.to_toml()),
            Format::Json => println!("{}", serde_json::to_string_pretty(&addresses)?),
        }
        Ok(())
    }
}
