//! What the chain did under the faults, by its own account: a run in which it did not do a thing shows nothing of that thing.

use anyhow::Context;
use logmill_demo::chain::Chain;
use std::fmt;

/// Counts of one run, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Times that a fetcher gave coroutines of a cluster that is down to another.
    pub moved: u32,
    /// Files that were parked, and went on at a byte other than the first.
    pub resumed: u32,
    /// Times that a lister took over what another one knew.
    pub listers: u32,
    /// Times that a process which loads rows was stopped amid a transaction or an INSERT, and woke when others had its partitions.
    pub zombies: u32,
    /// Loads that `logmill redecode` put in the place of others, ...
    pub redecoded: u32,
    /// ... and `logmill replay`, ...
    pub replayed: u32,
    /// ... and how often either was killed.
    pub killed: u32,
    /// Times that the analyses were counted, ...
    pub refreshed: u32,
    /// ... and that the counting was killed.
    pub refreshes_killed: u32,
    /// Days of applications whose counts were those of what readers see.
    pub days: u32,
    /// Databases that were migrated, ...
    pub migrated: u32,
    /// ... and how often that was killed.
    pub migrations_killed: u32,
    /// Looks of readers.
    pub looks: u32,
}

/// What a fetcher says when it moves coroutines, ...
const MOVED: &str = "the healthy cluster of the greatest weight has";
/// ... and what its lister says when it begins.
const LISTER: &str = "the lister knows these files";

impl Seen {
    /// What the fetchers said and told of.
    ///
    /// # Errors
    /// Their log cannot be read, or the server does not answer.
    pub(crate) fn by(chain: &Chain) -> anyhow::Result<Self> {
        let sql = "SELECT count() FROM file_events WHERE event = 'resumed' AND at_byte > 0";
        let resumed = chain.sql(sql)?.trim().parse().context("a count of events")?;
        let (mut moved, mut listers) = (0, 0);
        for log in std::fs::read_dir(chain.config_file().with_file_name("log")).context("the logs of the stages")? {
            let path = log?.path();
            if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fetcher-")) {
                continue;
            }
            let log = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            for line in String::from_utf8_lossy(&log).lines() {
                moved += u32::from(line.contains(MOVED));
                // One that knows nothing took nothing over.
                listers += u32::from(line.contains(LISTER) && !line.ends_with("files=0"));
            }
        }
        Ok(Self { moved, resumed, listers, ..Self::default() })
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.moved += other.moved;
        self.resumed += other.resumed;
        self.listers += other.listers;
        self.zombies += other.zombies;
        self.redecoded += other.redecoded;
        self.replayed += other.replayed;
        self.killed += other.killed;
        self.refreshed += other.refreshed;
        self.refreshes_killed += other.refreshes_killed;
        self.days += other.days;
        self.migrated += other.migrated;
        self.migrations_killed += other.migrations_killed;
        self.looks += other.looks;
    }

    fn each(&self) -> [(&'static str, u32); 13] {
        [
            ("moved", self.moved),
            ("resumed", self.resumed),
            ("listers", self.listers),
            ("loading-zombies", self.zombies),
            ("redecoded", self.redecoded),
            ("replayed", self.replayed),
            ("again-kills", self.killed),
            ("refreshed", self.refreshed),
            ("refresh-kills", self.refreshes_killed),
            ("days", self.days),
            ("migrated", self.migrated),
            ("migrate-kills", self.migrations_killed),
            ("looks", self.looks),
        ]
    }

    /// What did not happen.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.each().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.each().map(|(name, count)| format!("{name}={count}"));
        f.write_str(&each.join(" "))
    }
}
