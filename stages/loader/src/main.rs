//! `logmill-loader`: rows, file events and dead letters into ClickHouse.

use clap::Parser;
use logmill_config::{Config, LogFormat};
use logmill_telemetry::{Telemetry, init_logs};
use std::path::PathBuf;

/// Loads the chain's rows, events and dead letters into ClickHouse, exactly once.
#[derive(Parser)]
struct Arguments {
    /// The configuration; else $LOGMILL_CONFIG, else logmill.toml.
    #[arg(long)]
    config: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let config = Config::load(Arguments::parse().config.as_deref())?;
    let format = match config.log.format {
        LogFormat::Text => logmill_telemetry::LogFormat::Text,
        LogFormat::Json => logmill_telemetry::LogFormat::Json,
    };
    init_logs(&config.log.level, format)?;
    let telemetry = Telemetry::new();
    telemetry.serve(&config.http.listen)?;
    logmill_loader::run(&config, &telemetry)
}
