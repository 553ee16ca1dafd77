//! `logmill clusters`: how the fetchers see each cluster, and what comes of it.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::files::time;
use crate::lag;
use crate::migrate::database;
use crate::notes::Told;
use crate::output::Printer;
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::{Volume, volumes};
use logmill_config::{Cluster, Config, Weight};
use logmill_protocol::{Pausable, PauseNote};
use serde::Serialize;
use std::thread;

/// One cluster.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub cluster: String,
    pub url: String,
    /// Fetchers that told of it within the last minute, and those of them for which it is down.
    pub fetchers: usize,
    pub down: usize,
    /// Who paused it, if it is paused; and the fetchers where it rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseNote>,
    pub paused: usize,
    /// Files that they may read at a time just now, and those that are the cluster's own.
    pub coroutines: u32,
    pub own: u32,
    pub weight: u32,
    /// The weight is learned.
    pub learned: bool,
    /// Tasks that no fetcher has begun, and those of backfill.
    pub waiting: i64,
    pub backfill: i64,
    /// What came of it within a day.
    #[serde(flatten)]
    pub volume: Volume,
}

/// Prints a line for each cluster; bad where one is down, or no fetcher runs that serves it.
///
/// # Errors
/// Kafka or ClickHouse does not answer, or the topics are not there.
pub fn run(config: &Config, format: Format) -> Result<Verdict, Failure> {
    let lines = look(config)?;
    let mut out = Printer::stdout();
    if format == Format::Text {
        out.line(&format!(
            "{:<16} {:<22} {:>10} {:>11} {:>9} {:>9} {:>9} {:>15} {:>7}  {}",
            "CLUSTER",
            "STATE",
            "COROUTINES",
            "WEIGHT",
            "WAITING",
            "BACKFILL",
            "FILES/DAY",
            "BYTES/DAY",
            "PARKED",
            "LAST FILE"
        ))?;
    }
    let mut all = Verdict::Good;
    for line in &lines {
        all = all.and(Verdict::of(line.fetchers > 0 && line.down == 0));
        match format {
            Format::Json => out.json(line)?,
            Format::Text => out.line(&line.text())?,
        }
    }
    out.finish()?;
    Ok(all)
}

/// Every cluster of the configuration.
///
/// # Errors
/// Kafka or ClickHouse does not answer, or the topics are not there.
pub fn look(config: &Config) -> Result<Vec<Line>> {
    let (notes, lags) = thread::scope(|scope| {
        let notes = scope.spawn(|| Told::read(config));
        let lags = lag::waiting_tasks(config);
        (notes.join().expect("it does not panic"), lags)
    });
    let (notes, lags) = (notes?, lags?);
    let database = database(config)?;
    let volumes = crate::runtime()?.block_on(volumes(&database));
    let mut volumes = volumes.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))?;
    let line = |(cluster, settings): (&String, &Cluster)| {
        let told: Vec<_> = notes.clusters.iter().filter(|note| note.cluster == *cluster).collect();
        let [waiting, backfill] = lags.get(cluster).copied().unwrap_or_default();
        Line {
            cluster: cluster.clone(),
            url: settings.url.clone(),
            fetchers: told.len(),
            down: told.iter().filter(|note| note.down).count(),
            pause: notes.pause(Pausable::Cluster, cluster).cloned(),
            paused: told.iter().filter(|note| note.paused).count(),
            coroutines: told.iter().map(|note| note.coroutines).sum(),
            own: told.iter().map(|note| note.own).sum(),
            weight: told
                .iter()
                .max_by_key(|note| note.at_ms)
                .map_or(settings.weight.given().unwrap_or(1), |note| note.weight),
            learned: settings.weight == Weight::Auto,
            waiting,
            backfill,
            volume: volumes.remove(cluster).unwrap_or_default(),
        }
    };
    Ok(config.clusters.iter().map(line).collect())
}

impl Line {
    /// How the fetchers see it.
    pub fn state(&self) -> String {
        let all = self.fetchers;
        match (&self.pause, self.paused) {
            (Some(_), 0) if all == 0 => return "paused, no fetcher".to_owned(),
            (Some(_), paused) if paused == all => return "paused".to_owned(),
            (Some(_), paused) => return format!("pauses: {paused} of {all}"),
            (None, paused) if paused > 0 => return format!("goes on: {} of {all}", all - paused),
            (None, _) => {}
        }
        match (all, self.down) {
            (0, _) => "no fetcher".to_owned(),
            (_, 0) => "up".to_owned(),
            (all, down) if all == down => "DOWN".to_owned(),
            (all, down) => format!("DOWN for {down} of {all}"),
        }
    }

    fn text(&self) -> String {
        let Self { cluster, waiting, backfill, volume, .. } = self;
        let weight = if self.learned { format!("{} auto", self.weight) } else { self.weight.to_string() };
        let last = if volume.last_ms == 0 { "-".to_owned() } else { time(volume.last_ms) };
        let coroutines = format!("{} of {}", self.coroutines, self.own);
        let (state, Volume { files, bytes, parked, .. }) = (self.state(), volume);
        format!(
            "{cluster:<16} {state:<22} {coroutines:>10} {weight:>11} {waiting:>9} {backfill:>9} {files:>9} {bytes:>15} {parked:>7}  {last}"
        )
    }
}
