//! How a command ends.

use logmill_config::ConfigError;
use std::process::ExitCode;

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// All is well: exit code 0.
    Good,
    /// A check failed, a file was rejected: exit code 1.
    Bad,
}

impl Verdict {
    /// Bad as soon as one of the two is.
    pub fn and(self, other: Verdict) -> Verdict {
        if self == Verdict::Good { other } else { Verdict::Bad }
    }

    /// Good where `holds`.
    pub fn of(holds: bool) -> Verdict {
        if holds { Verdict::Good } else { Verdict::Bad }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> ExitCode {
        match verdict {
            Verdict::Good => ExitCode::SUCCESS,
            Verdict::Bad => ExitCode::from(1),
        }
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration: exit code 2.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// What was asked for makes no sense: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A server did not do its part: exit code 1. The chain of causes, from the outermost.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code that says so.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Other(_) => 1,
        }
    }
}
