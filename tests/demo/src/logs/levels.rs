//! How much the daemons of a running stack log: raised while logs are made, then put back.

use anyhow::{Context, ensure};
use logmill_stack::{ServerId, Stack, http};
use std::path::PathBuf;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// The daemons of a stack whose logs are of use: those of HDFS and Kafka.
#[must_use]
pub fn daemons(stack: &Stack) -> Vec<ServerId> {
    stack
        .servers()
        .into_iter()
        .filter(|server| !matches!(server, ServerId::ClickHouse | ServerId::SecondClickHouse))
        .collect()
}

/// Lets the daemons log at DEBUG (and Kafka's requests with their content), or as they did at their start.
///
/// # Errors
/// A daemon does not take the level.
pub fn set(stack: &Stack, verbose: bool) -> anyhow::Result<()> {
    for server in daemons(stack) {
        match &server {
            ServerId::Hdfs(cluster) => hdfs(&stack.hdfs(cluster).http, verbose)?,
            ServerId::Broker(_) => kafka(&stack.folder().join(server.to_string()), verbose)?,
            ServerId::ClickHouse
            | ServerId::SecondClickHouse
            | ServerId::Buckets
            | ServerId::DataNode(_)
            | ServerId::Second(_)
            | ServerId::Kdc => {}
        }
    }
    Ok(())
}

/// Hadoop's own servlet for it, `/logLevel` (org.apache.hadoop.log.LogLevel).
fn hdfs(web: &str, verbose: bool) -> anyhow::Result<()> {
    let level = if verbose { "DEBUG" } else { "WARN" };
    for logger in ["org.apache.hadoop", "BlockStateChange"] {
        let url = format!("{web}/logLevel?log={logger}&level={level}");
        let answer = http::request("GET", &url, &[], &[], PATIENCE)?;
        ensure!(answer.status == 200, "{url} answered {}: {}", answer.status, answer.text());
    }
    Ok(())
}

/// Kafka's log4j2 reads its configuration again when the file changes.
fn kafka(home: &std::path::Path, verbose: bool) -> anyhow::Result<()> {
    let (settings, kept): (PathBuf, PathBuf) = (home.join("log4j2.properties"), home.join("log4j2.properties.quiet"));
    if !verbose {
        return std::fs::rename(&kept, &settings).with_context(|| format!("putting back {}", settings.display()));
    }
    let quiet = std::fs::read_to_string(&settings).with_context(|| format!("reading {}", settings.display()))?;
    std::fs::write(&kept, &quiet).with_context(|| format!("writing {}", kept.display()))?;
    let mut loud = quiet.replace("rootLogger.level = warn", "rootLogger.level = debug");
    loud.push_str("\nlogger.requests.name = kafka.request.logger\nlogger.requests.level = trace\n");
    std::fs::write(&settings, loud).with_context(|| format!("writing {}", settings.display()))
}
