//! Structured logs on standard error.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// The environment variable that overrides the configured level.
const LEVEL_VARIABLE: &str = "LOGMILL_LOG";

/// How a line of log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Logs that cannot be set up.
#[derive(Debug)]
pub enum LogError {
    /// The level is neither error, warn, info, debug, trace nor a filter of such.
    Level { level: String, why: String },
    /// Another subscriber is installed already.
    Installed,
}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Level { level, why } => {
                write!(f, "log level {level:?} is neither error, warn, info, debug, trace nor a filter of such: {why}")
            }
            Self::Installed => f.write_str("logs are set up already"),
        }
    }
}

impl std::error::Error for LogError {}

/// Sends the logs of this process to standard error. `level`: error, warn, info, debug or trace, or a filter such as
/// `info,logmill_runner=debug`; the environment variable `LOGMILL_LOG` overrides it.
///
/// # Errors
/// The level is not one, or logs are set up already.
pub fn init_logs(level: &str, format: LogFormat) -> Result<(), LogError> {
    let level = std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| level.to_owned());
    let bad =
        |why: tracing_subscriber::filter::ParseError| LogError::Level { level: level.clone(), why: why.to_string() };
    let filter = EnvFilter::try_new(&level).map_err(bad)?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    installed.map_err(|_| LogError::Installed)
}
