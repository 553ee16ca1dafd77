//! `logmill lag`: what stands before each stage, and how long it takes to drain.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::output::Printer;
use crate::topic_reader::TopicReader;
use anyhow::Result;
use logmill_config::Config;
use logmill_core::Offset;
use logmill_protocol::Committed;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// One topic, as the stage that reads it sees it.
#[derive(Debug, Serialize)]
pub struct Lag {
    pub stage: &'static str,
    topic: String,
    /// Records between H, the first whose output is not all committed, and the end. An estimate from above: the
    /// markers of transactions count too, as long as a record stands before the end.
    pub records: i64,
    /// Records a second over the time of measurement.
    pub rate: f64,
    /// `None` while nothing moves and there is something to drain, and where no rate was measured.
    seconds_to_drain: Option<f64>,
    /// No offset is committed: the topics were not made by `logmill topics apply`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    uncommitted: bool,
}

/// Measures for `over` seconds and prints a line for each topic.
///
/// # Errors
/// Kafka does not answer, or the topics are not there.
pub fn run(config: &Config, over: f64, format: Format) -> Result<Verdict, Failure> {
    if !(0.0..=3600.0).contains(&over) {
        return Err(Failure::Usage(format!("--over is {over}, it must be 0 to 3600 seconds")));
    }
    let lags = measure(config, Duration::from_secs_f64(over))?;
    let mut out = Printer::stdout();
    if format == Format::Text {
        out.line(&format!(
            "{:<13} {:<32} {:>12} {:>12} {:>12}",
            "STAGE", "TOPIC", "RECORDS", "RECORDS/S", "DRAINED IN"
        ))?;
    }
    for lag in &lags {
        match format {
            Format::Json => out.json(lag)?,
            Format::Text => out.line(&lag.line(over > 0.0))?,
        }
    }
    out.finish()?;
    Ok(Verdict::Good)
}

impl Lag {
    fn line(&self, measured: bool) -> String {
        let drained = match (self.uncommitted, self.seconds_to_drain) {
            (true, _) => "no offsets".to_owned(),
            (_, Some(seconds)) => format!("{seconds:.0} s"),
            (_, None) if measured => "not moving".to_owned(),
            (_, None) => "-".to_owned(),
        };
        format!("{:<13} {:<32} {:>12} {:>12.1} {drained:>12}", self.stage, self.topic, self.records, self.rate)
    }
}

/// A topic that a stage reads.
struct Watch<'a> {
    stage: &'static str,
    reader: &'a TopicReader,
    topic: String,
    partitions: i32,
}

/// One partition at one moment.
struct Point {
    /// H, or the first offset where nothing is committed.
    reached: Offset,
    end: Offset,
    committed: bool,
}

impl Point {
    fn records(&self) -> i64 {
        (self.end.0 - self.reached.0).max(0)
    }
}

/// Each consumer group, to be looked at.
fn readers(config: &Config) -> Result<Vec<(&'static str, TopicReader)>> {
    let topics = config.topics();
    let stages = topics.stages().iter();
    stages.map(|stage| Ok((*stage, TopicReader::new(config, &topics.group(stage))?))).collect()
}

/// Every topic that has a consumer group.
fn watches<'a>(config: &Config, readers: &'a [(&'static str, TopicReader)]) -> Result<Vec<Watch<'a>>> {
    let topics = config.topics();
    let mut watches = Vec::new();
    for (stage, reader) in readers {
        for topic in topics.inputs(stage) {
            let partitions = reader.partitions(&topic)?;
            watches.push(Watch { stage, reader, topic, partitions });
        }
    }
    Ok(watches)
}

/// What stands before a stage, or belongs to a file that it has open.
pub struct Underway {
    stage: &'static str,
    topic: String,
    /// From above, as in [`Lag`].
    records: i64,
}

impl fmt::Display for Underway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up to {} records before the {} in {}", self.records, self.stage, self.topic)
    }
}

/// What is on its way; nothing when no stage has a record before it, nor a file open.
///
/// # Errors
/// Kafka does not answer, or the topics are not there.
pub fn underway(config: &Config) -> Result<Vec<Underway>> {
    let readers = readers(config)?;
    let mut all = Vec::new();
    for watch in watches(config, &readers)? {
        let points = watch.points(|committed| Ok(committed.offset))?;
        let records = records(&watch, &points)?;
        if records > 0 {
            all.push(Underway { stage: watch.stage, topic: watch.topic, records });
        }
    }
    Ok(all)
}

/// The lags of all topics, and how fast they drain.
///
/// # Errors
/// Kafka does not answer, or the topics are not there.
pub fn measure(config: &Config, over: Duration) -> Result<Vec<Lag>> {
    let readers = readers(config)?;
    let watches = watches(config, &readers)?;
    let start = Instant::now();
    let before = if over.is_zero() { Vec::new() } else { points(&watches)? };
    thread::sleep(over.saturating_sub(start.elapsed()));
    let seconds = start.elapsed().as_secs_f64();
    let now = points(&watches)?;
    let lags = watches.iter().zip(&now).enumerate().map(|(i, (watch, points))| {
        let moved = |before: &Vec<Point>| -> i64 {
            points.iter().zip(before).map(|(now, before)| (now.reached.0 - before.reached.0).max(0)).sum()
        };
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = before.get(i).map(|before| moved(before) as f64 / seconds);
        let records = records(watch, points)?;
        #[allow(clippy::cast_precision_loss, reason = "seconds for people")]
        let seconds_to_drain = match rate {
            _ if records == 0 => Some(0.0),
            Some(rate) if rate > 0.0 => Some(records as f64 / rate),
            _ => None,
        };
        let uncommitted = points.iter().any(|point| !point.committed);
        Ok(Lag {
            stage: watch.stage,
            topic: watch.topic.clone(),
            records,
            rate: rate.unwrap_or(0.0),
            seconds_to_drain,
            uncommitted,
        })
    });
    lags.collect()
}

/// Tasks that no fetcher has begun, by cluster: those of backfill last.
///
/// # Errors
/// Kafka does not answer, or the topics are not there.
pub fn waiting_tasks(config: &Config) -> Result<BTreeMap<String, [i64; 2]>> {
    const STAGE: &str = "fetcher";
    let topics = config.topics();
    let reader = TopicReader::new(config, &topics.group(STAGE))?;
    let on = |topic: String| {
        let watch = Watch { stage: STAGE, reader: &reader, partitions: reader.partitions(&topic)?, topic };
        let points = watch.points(|committed| reached(STAGE, committed))?;
        records(&watch, &points)
    };
    let waiting = topics
        .clusters()
        .iter()
        .map(|cluster| Ok((cluster.clone(), [on(topics.tasks(cluster))?, on(topics.backfill(cluster))?])));
    waiting.collect()
}

fn points(watches: &[Watch<'_>]) -> Result<Vec<Vec<Point>>> {
    watches.iter().map(|watch| watch.points(|committed| reached(watch.stage, committed))).collect()
}

impl Watch<'_> {
    /// `reached` reads the place out of what is committed.
    fn points(&self, reached: impl Fn(&Committed) -> Result<Offset>) -> Result<Vec<Point>> {
        let committed = self.reader.committed(&self.topic, self.partitions)?;
        let points = (0..self.partitions).zip(committed).map(|(partition, committed)| {
            let (low, end) = self.reader.ends(&self.topic, partition)?;
            let reached = committed.as_ref().map_or(Ok(low), &reached)?;
            Ok(Point { reached, end, committed: committed.is_some() })
        });
        points.collect()
    }
}

/// The records before the end of all partitions. One without a visible record counts as drained: what stands before its end
/// are markers, and what was aborted.
fn records(watch: &Watch<'_>, points: &[Point]) -> Result<i64> {
    let behind: Vec<_> = (0..).zip(points).filter(|(_, point)| point.records() > 0).collect();
    let mut visible = std::collections::BTreeSet::new();
    let from: Vec<_> = behind.iter().map(|(partition, point)| (*partition, point.reached)).collect();
    if !from.is_empty() {
        watch.reader.read(&watch.topic, &from, |message| {
            visible.insert(rdkafka::Message::partition(message));
            Ok(false)
        })?;
    }
    let drained: i64 =
        behind.iter().filter(|(partition, _)| !visible.contains(partition)).map(|(_, point)| point.records()).sum();
    Ok(points.iter().map(Point::records).sum::<i64>() - drained)
}

/// H, out of what a stage committed: each kind of machine has its own metadata.
fn reached(stage: &str, committed: &Committed) -> Result<Offset> {
    Ok(match stage {
        "fetcher" => logmill_protocol::fetch::Position::decode(committed)?.next,
        // A batch that is being inserted is not there yet.
        "loader" => committed.offset,
        _ => logmill_protocol::worker::Position::decode(committed)?.next,
    })
}
