//! `logmill clusters`: how the fetchers see each cluster, and what comes of it.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::files::{now_ms, time};
use crate::lag;
use crate::migrate::database;
use crate::output::Printer;
use crate::topic_reader::TopicReader;
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::{Volume, volumes};
use logmill_config::{Cluster, Config, Weight};
use logmill_core::Offset;
use logmill_protocol::fetch::ClusterNote;
use rdkafka::Message;
use serde::Serialize;
use std::collections::BTreeMap;
use std::thread;

/// One cluster.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub cluster: String,
    pub url: String,
    /// Fetchers that told of it within the last minute, and those of them for which it is down.
    pub fetchers: usize,
    pub down: usize,
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
        let notes = scope.spawn(|| notes(config));
        let lags = lag::waiting_tasks(config);
        (notes.join().expect("it does not panic"), lags)
    });
    let (notes, lags) = (notes?, lags?);
    let database = database(config)?;
    let volumes = crate::runtime()?.block_on(volumes(&database));
    let mut volumes = volumes.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))?;
    let line = |(cluster, settings): (&String, &Cluster)| {
        let told: Vec<_> = notes.iter().filter(|note| note.cluster == *cluster).collect();
        let [waiting, backfill] = lags.get(cluster).copied().unwrap_or_default();
        Line {
            cluster: cluster.clone(),
            url: settings.url.clone(),
            fetchers: told.len(),
            down: told.iter().filter(|note| note.down).count(),
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

/// What fetchers that run told last, of each cluster.
fn notes(config: &Config) -> Result<Vec<ClusterNote>> {
    let topic = config.topics().clusters_topic();
    let reader = TopicReader::new(config, &config.topics().group("clusters"))?;
    reader.partitions(&topic)?;
    let (low, _) = reader.ends(&topic, 0)?;
    let mut newest = BTreeMap::new();
    reader.read(&topic, &[(0, Offset(low.0))], |message| {
        if let Ok(note) = serde_json::from_slice::<ClusterNote>(message.payload().unwrap_or_default()) {
            newest.insert(note.key(), note);
        }
        Ok(true)
    })?;
    let now = now_ms();
    Ok(newest.into_values().filter(|note| note.is_fresh(now)).collect())
}

impl Line {
    /// How the fetchers see it.
    pub fn state(&self) -> String {
        match (self.fetchers, self.down) {
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
