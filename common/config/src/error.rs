//! What can be wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    File {
        name: String,
        /// From 1, where it is known.
        line: Option<usize>,
    },
    /// An environment variable, by name.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { name, line: Some(line) } => write!(f, "{name}:{line}"),
            Place::File { name, line: None } => f.write_str(name),
            Place::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A setting that can be read but cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// The key, with its tables: `kafka.brokers`.
    pub key: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.key, self.message)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "there is no configuration file {}: name one with --config or LOGMILL_CONFIG, or begin with `logmill config example > {}`",
        .0.display(), .0.display()
    )]
    Missing(PathBuf),
    #[error("the configuration file {} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{place}: this is not TOML: {message}")]
    Syntax { place: Place, message: String },
    #[error("{place}: unknown key {key:?}; {}", advice(nearest.as_deref(), known))]
    UnknownKey {
        place: Place,
        /// The key, with its tables.
        key: String,
        /// The known key that looks most like it, if one does.
        nearest: Option<String>,
        /// All keys that its table knows.
        known: Vec<String>,
    },
    #[error("{place}: {key}: {message}")]
    BadValue { place: Place, key: String, message: String },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unsound(Vec<Problem>),
}

fn advice(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("known here: {}", known.join(", ")),
    }
}
