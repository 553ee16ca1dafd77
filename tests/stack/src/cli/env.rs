//! `env`: the addresses for programs.

use std::fmt::Write as _;

use anyhow::Result;
use clap::{Args, ValueEnum};
use logmill_stack::Addresses;

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
            Format::Toml => print!("{}", toml(&addresses)),
            Format::Json => println!("{}", serde_json::to_string_pretty(&addresses)?),
        }
        Ok(())
    }
}

fn toml(at: &Addresses) -> String {
    let mut text = String::new();
    if !at.kafka.is_empty() {
        let _ = writeln!(text, "[kafka]\nbrokers = {:?}\n", at.kafka);
    }
    for (name, cluster) in &at.hdfs {
        let _ = writeln!(text, "[clusters.{name}]\nurl = {:?}\n\n[clusters.{name}.hdfs]", cluster.url);
        for (key, value) in &cluster.config {
            let _ = writeln!(text, "{key:?} = {value:?}");
        }
        text.push('\n');
    }
    if let Some(clickhouse) = &at.clickhouse {
        let (url, admin) = (&clickhouse.url, &clickhouse.admin);
        let _ = writeln!(text, "[clickhouse]\nurl = {url:?}\nuser = {:?}\npassword = {:?}", admin.user, admin.password);
    }
    text
}
