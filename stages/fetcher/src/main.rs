//! `logmill-fetcher`: brings the files of the configured clusters.

use clap::Parser;
use logmill_config::Config;
use logmill_fetcher::Fetcher;
use prometheus_client::registry::Registry;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// Brings the files of the configured clusters into the chain.
#[derive(Parser)]
struct Arguments {
    /// The configuration; else $LOGMILL_CONFIG, else logmill.toml.
    #[arg(long)]
    config: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let config = Config::load(Arguments::parse().config.as_deref())?;
    let fetcher = Fetcher::new(config, &mut Registry::default())?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    fetcher.io().spawn(async move {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            return;
        };
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        asked.store(true, Ordering::Relaxed);
    });
    fetcher.run(&stop, |_| {})
}
