//! One thing that was looked at.

use serde::Serialize;
use std::fmt;

/// One line of `logmill validate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub ok: bool,
    /// What was looked at: `configuration`, `kafka`, `clickhouse` or a cluster.
    pub server: String,
    /// Which of its properties.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What to do, where it is not as it must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    pub fn good(server: &str, what: &str, found: impl Into<String>) -> Self {
        Self { ok: true, server: server.into(), what: what.into(), found: found.into(), advice: None }
    }

    pub fn bad(server: &str, what: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { ok: false, server: server.into(), what: what.into(), found: found.into(), advice: Some(advice.into()) }
    }

    /// Good where `holds`; `advice` says what to do where it does not.
    pub fn that(holds: bool, server: &str, what: &str, found: impl Into<String>, advice: &str) -> Self {
        if holds { Self::good(server, what, found) } else { Self::bad(server, what, found, advice) }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.ok { "ok    " } else { "FAILED" };
        write!(f, "{verdict} {}: {}: {}", self.server, self.what, self.found)?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}
