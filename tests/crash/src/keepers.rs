//! What else is run on the table while rows come and go: the counting of analyses, and migrations, both killed at any moment
//! and run again.

use crate::killed::{Ended, rest, run};
use anyhow::{Context, ensure};
use logmill_demo::chain::Chain;
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

/// Time before each run.
const PAUSE_MS: Range<u64> = 1_000..8_000;
/// Every second run is killed, after so long.
const KILLED_AFTER_MS: Range<u64> = 20..1_200;
/// Time after a failure: a server is away.
const AGAIN: Duration = Duration::from_secs(1);

/// The field that stands for a user: what wrote the line, in the daemons' logs.
pub(crate) const USER: &str = "logger";

/// How often a command came to its end, and how often it was killed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) done: u32,
    pub(crate) killed: u32,
}

impl Runs {
    /// One run more, killed or not; whether it came to its end, and well.
    fn one(&mut self, command: Command, rng: &mut StdRng, over: &impl Fn() -> bool) -> anyhow::Result<bool> {
        let after = rng.random_bool(0.5).then(|| Duration::from_millis(rng.random_range(KILLED_AFTER_MS)));
        match run(command, after, over)? {
            Ended::Killed => self.killed += u32::from(!over()),
            Ended::Alone { status, .. } if status.success() => {
                self.done += 1;
                return Ok(true);
            }
            // A server is away.
            Ended::Alone { .. } => rest(AGAIN, over),
        }
        Ok(false)
    }
}

/// Counts the analyses again and again until it is `over`.
///
/// # Errors
/// The command cannot be started.
pub(crate) fn analyst(chain: &Chain, mut rng: StdRng, over: impl Fn() -> bool) -> anyhow::Result<Runs> {
    let mut runs = Runs::default();
    while !over() {
        rest(Duration::from_millis(rng.random_range(PAUSE_MS)), &over);
        runs.one(chain.command(&["analyze", "--refresh"]), &mut rng, &over)?;
    }
    Ok(runs)
}

/// Whether the analyses count what readers see, once they are counted anew.
///
/// # Errors
/// They do not, or the server does not answer.
pub(crate) fn analyzed(chain: &Chain) -> anyhow::Result<u32> {
    let refreshed = chain.logmill(&["analyze", "--refresh"])?;
    ensure!(refreshed.status.success(), "`logmill analyze --refresh`: {}", String::from_utf8_lossy(&refreshed.stderr));
    let apps = chain.config.analyses.keys().map(|app| format!("'{app}'")).collect::<Vec<_>>().join(",");
    // The columns of the view, and no projection, index, or table that the analyses use.
    let seen = chain.sql_as_analyst(&format!(
        "SELECT app, toDate32(ifNull(time, file_time)) AS day, count() AS n, \
         uniqExactIf(fields['{USER}'], part = 0 AND fields['{USER}'] != '') AS users FROM logs WHERE app IN ({apps}) \
         GROUP BY app, day ORDER BY app, day SETTINGS optimize_use_projections = 0 FORMAT TSV"
    ))?;
    let counted = chain.sql(
        "SELECT app, day, sumIf(n, kind = 'source') AS n, countIf(kind = 'user') AS users FROM analyzed \
         GROUP BY app, day ORDER BY app, day FORMAT TSV",
    )?;
    ensure!(
        seen == counted,
        "readers see rows and users by application and day\n{seen}the analyses counted\n{counted}"
    );
    Ok(u32::try_from(seen.lines().count())?)
}

/// Migrates new databases, one after the other, until it is `over`: each, however often it was broken off, becomes what the
/// chain's own is, which nobody broke off.
///
/// # Errors
/// One became another.
pub(crate) fn migrator(chain: &Chain, mut rng: StdRng, over: impl Fn() -> bool) -> anyhow::Result<Runs> {
    let mut runs = Runs::default();
    for n in 0.. {
        let database = format!("{}_migrated_{n}", chain.config.clickhouse.database);
        loop {
            rest(Duration::from_millis(rng.random_range(PAUSE_MS)), &over);
            if over() {
                return Ok(runs);
            }
            let mut command = chain.command(&["migrate"]);
            command.env("LOGMILL__CLICKHOUSE__DATABASE", &database);
            if runs.one(command, &mut rng, &over)? {
                break;
            }
        }
        // A server that is away for a moment is asked again.
        let (own, other) = loop {
            match (schema(chain, &chain.config.clickhouse.database), schema(chain, &database)) {
                (Ok(own), Ok(other)) => break (own, other),
                (Err(why), _) | (_, Err(why)) if over() => return Err(why).context("comparing the schemas"),
                _ => rest(AGAIN, &over),
            }
        };
        let lines = |schema: &str| schema.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let differences: Vec<String> = lines(&own).symmetric_difference(&lines(&other)).cloned().collect();
        ensure!(
            own == other,
            "{database} was migrated, broken off or not, and is not what the chain's own is: {differences:#?}"
        );
        while chain.sql(&format!("DROP DATABASE {database} SYNC")).is_err() && !over() {
            rest(AGAIN, &over);
        }
    }
    Ok(runs)
}

/// Everything that a database is made of, as text.
fn schema(chain: &Chain, database: &str) -> anyhow::Result<String> {
    let its = |what: &str, columns: &str, order: &str| {
        // Of the tables of a counting that is under way, or was broken off, there may be some.
        let table = order.split(',').next().unwrap_or_default();
        chain.sql(&format!(
            "SELECT {columns} FROM system.{what} WHERE database = '{database}' AND NOT startsWith({table}, 'refresh_') \
             ORDER BY {order} FORMAT TSV"
        ))
    };
    // What stands in the name of the database itself is the same in all.
    let tables = "name, engine, replaceAll(engine_full, database, ''), replaceAll(as_select, database, '')";
    let columns = "table, name, type, default_kind, default_expression, compression_codec, comment";
    Ok([
        its("tables", tables, "name")?,
        its("columns", columns, "table, position")?,
        its("data_skipping_indices", "table, name, type_full, expr, granularity", "table, name")?,
        its("projections", "table, name, type, query", "table, name")?,
        chain.sql(&format!("SELECT number, name, checksum FROM {database}.migrations ORDER BY number FORMAT TSV"))?,
    ]
    .concat())
}
