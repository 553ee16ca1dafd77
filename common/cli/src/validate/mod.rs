//! `logmill validate`: the configuration, and what its servers must be like.

mod check;
mod clickhouse;
mod clusters;
mod kafka;

pub use clusters::bounded;

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::output::Printer;
use check::Check;
use logmill_config::{Config, Layout};

/// `config` was read, so it is sound; with `connect` every server is looked at too.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(config: &Config, connect: bool, format: Format) -> Result<Verdict, Failure> {
    let mut checks = vec![Check::good("configuration", "keys and values", described(config))];
    checks.extend(if connect { servers(config)? } else { clusters::unknown(config) });
    let mut out = Printer::stdout();
    for check in &checks {
        match format {
            Format::Text => out.line(&check.to_string())?,
            Format::Json => out.json(check)?,
        }
    }
    out.finish()?;
    Ok(Verdict::of(checks.iter().all(|check| check.ok)))
}

fn described(config: &Config) -> String {
    let layout = match config.layout {
        Layout::Separate => "every stage by itself",
        Layout::Fused => "decompressor and re-encoder fused",
        Layout::Compact => "all between fetcher and loader in one",
        Layout::Direct => "all between fetcher and ClickHouse in one",
    };
    let clusters = match config.clusters.len() {
        0 => "no cluster (nothing will be fetched)".to_owned(),
        1 => "1 cluster".to_owned(),
        n => format!("{n} clusters"),
    };
    format!("chain {:?}, {layout}, {clusters}, {} channels", config.chain, config.channels.len())
}

fn servers(config: &Config) -> Result<Vec<Check>, Failure> {
    let mut all = kafka::checks(config);
    let (clickhouse, clusters) = crate::runtime()?
        .block_on(async { futures::future::join(clickhouse::checks(config), clusters::checks(config)).await });
    all.extend(clickhouse);
    all.extend(clusters);
    Ok(all)
}
