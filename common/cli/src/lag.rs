//! `logmill lag`: what stands before each stage, and how long it takes to drain.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::notes::Told;
use crate::output::Printer;
use crate::topic_reader::TopicReader;
use anyhow::Result;
use logmill_config::Config;
use logmill_core::{Barred, Offset};
use logmill_protocol::Committed;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// One topic, as the stage that reads it sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Lag {
    pub stage: &'static str,
    pub topic: String,
    /// Records between H, the first whose output is not all committed, and the end. An estimate from above: the
    /// markers of transactions count too, as long as a record stands before the end.
    pub records: i64,
    /// Records a second over the time of measurement.
    pub rate: f64,
    /// `None` while nothing moves and there is something to drain, and where no rate was measured.
    pub seconds_to_drain: Option<f64>,
    /// Of the text of a channel: why the distributors pass the channel over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<Barred>,
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
    let (told, lags) = thread::scope(|scope| {
        let told = scope.spawn(|| Told::read(config));
        let lags = measure(config, Duration::from_secs_f64(over));
        (told.join().expect("it does not panic"), lags)
    });
    let (told, mut lags) = (told?, lags?);
    pass_over(config, &told, &mut lags);
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
        let why = self.passed_over.map_or(String::new(), |why| format!("  passed over: it {why}"));
        format!("{:<13} {:<32} {:>12} {:>12.1} {drained:>12}{why}", self.stage, self.topic, self.records, self.rate)
    }
}

/// Notes which channels the distributors pass over.
pub fn pass_over(config: &Config, told: &Told, lags: &mut [Lag]) {
    let topics = config.topics();
    for channel in topics.channels() {
        let topic = topics.of_channel(channel);
        if topic == topics.raw() {
            // What waits there waits for all channels.
            continue;
        }
        lags.iter_mut().filter(|lag| lag.topic == topic).for_each(|lag| lag.passed_over = told.barred(channel));
    }
}

/// A topic that a stage reads.
struct Watch {
    stage: &'static str,
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

/// A stage, its consumer group, and what it reads.
struct Group {
    reader: TopicReader,
    watches: Vec<Watch>,
}

/// Asks for all stages at the same time: each has a group of its own, and each answer takes its while.
fn each<T: Send>(groups: &[Group], ask: impl Fn(&Group) -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let asked: Vec<_> = groups.iter().map(|group| scope.spawn(|| ask(group))).collect();
        asked.into_iter().map(|one| one.join().expect("it does not panic")).collect()
    })
}

/// Every stage with its group.
fn groups(config: &Config) -> Result<Vec<Group>> {
    groups_of(config, false)
}

/// The same; topics that are not there are left out, or asked for all the same, which is an error that says what to do.
fn groups_of(config: &Config, there_alone: bool) -> Result<Vec<Group>> {
    let topics = config.topics();
    let readers = topics.stages().iter().map(|stage| Ok((*stage, TopicReader::new(config, &topics.group(stage))?)));
    let readers = readers.collect::<Result<Vec<_>>>()?;
    let Some((_, any)) = readers.first() else { return Ok(Vec::new()) };
    let there = any.topics()?;
    let group = |(stage, reader): (&'static str, TopicReader)| {
        let watch = |topic: String| {
            let partitions = there.get(&topic).copied().map_or_else(|| reader.partitions(&topic), Ok)?;
            Ok(Watch { stage, topic, partitions })
        };
        let inputs = topics.inputs(stage).into_iter().filter(|topic| !there_alone || there.contains_key(topic));
        let watches = inputs.map(watch).collect::<Result<Vec<_>>>()?;
        Ok(Group { reader, watches })
    };
    readers.into_iter().map(group).collect()
}

impl Group {
    /// Where it has come to in each of its topics; `reached` reads the place out of what is committed.
    fn points(&self, reached: impl Fn(&Committed) -> Result<Offset>) -> Result<Vec<Vec<Point>>> {
        let topics: Vec<(&str, i32)> = self.watches.iter().map(|watch| (&*watch.topic, watch.partitions)).collect();
        let (committed, ends) = (self.reader.all_committed(&topics)?, self.reader.all_ends(&topics)?);
        let point = |(committed, (low, end)): (Option<Committed>, (Offset, Offset))| {
            let reached = committed.as_ref().map_or(Ok(low), &reached)?;
            Ok(Point { reached, end, committed: committed.is_some() })
        };
        committed
            .into_iter()
            .zip(ends)
            .map(|(committed, ends)| committed.into_iter().zip(ends).map(point).collect())
            .collect()
    }
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
    // On a topic that is not there is nothing.
    let all = each(&groups_of(config, true)?, |group| {
        if group.watches.is_empty() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for (watch, points) in group.watches.iter().zip(group.points(|committed| Ok(committed.offset))?) {
            let records = records(&group.reader, watch, &points)?;
            if records > 0 {
                all.push(Underway { stage: watch.stage, topic: watch.topic.clone(), records });
            }
        }
        Ok(all)
    })?;
    Ok(all.into_iter().flatten().collect())
}

/// The lags of all topics, and how fast they drain.
///
/// # Errors
/// Kafka does not answer, or the topics are not there.
pub fn measure(config: &Config, over: Duration) -> Result<Vec<Lag>> {
    let mut meter = Meter::new(config)?;
    let start = Instant::now();
    if !over.is_zero() {
        meter.look()?;
    }
    thread::sleep(over.saturating_sub(start.elapsed()));
    meter.look()
}

/// Looks at the lags again and again; rates are those between one look and the next.
pub struct Meter {
    groups: Vec<Group>,
    /// The look before: where each topic of each group had come to.
    before: Option<(Instant, Vec<Vec<Vec<Point>>>)>,
}

impl Meter {
    /// # Errors
    /// Kafka does not answer, or the topics are not there.
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self { groups: groups(config)?, before: None })
    }

    /// The lags of all topics; without rates the first time.
    ///
    /// # Errors
    /// Kafka does not answer, or a topic has gone.
    pub fn look(&mut self) -> Result<Vec<Lag>> {
        let at = Instant::now();
        let now = each(&self.groups, |group| {
            let stage = group.watches.first().map_or("", |watch| watch.stage);
            group.points(|committed| reached(stage, committed))
        })?;
        let seconds = self.before.as_ref().map(|(before, _)| (at - *before).as_secs_f64());
        let mut lags = Vec::new();
        for (g, group) in self.groups.iter().enumerate() {
            for (w, watch) in group.watches.iter().enumerate() {
                let before = self.before.as_ref().map(|(_, before)| &before[g][w]);
                lags.push(lag(&group.reader, watch, &now[g][w], before.zip(seconds))?);
            }
        }
        self.before = Some((at, now));
        Ok(lags)
    }
}

/// `before`: the same partitions so many seconds earlier.
fn lag(reader: &TopicReader, watch: &Watch, now: &[Point], before: Option<(&Vec<Point>, f64)>) -> Result<Lag> {
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = before.map(|(before, seconds)| {
        let moved: i64 = now.iter().zip(before).map(|(now, before)| (now.reached.0 - before.reached.0).max(0)).sum();
        moved as f64 / seconds
    });
    let records = records(reader, watch, now)?;
    #[allow(clippy::cast_precision_loss, reason = "seconds for people")]
    let seconds_to_drain = match rate {
        _ if records == 0 => Some(0.0),
        Some(rate) if rate > 0.0 => Some(records as f64 / rate),
        _ => None,
    };
    Ok(Lag {
        stage: watch.stage,
        topic: watch.topic.clone(),
        records,
        rate: rate.unwrap_or(0.0),
        seconds_to_drain,
        passed_over: None,
        uncommitted: now.iter().any(|point| !point.committed),
    })
}

/// Tasks that no fetcher has begun, by cluster: those of backfill last.
///
/// # Errors
/// Kafka does not answer, or the topics are not there.
pub fn waiting_tasks(config: &Config) -> Result<BTreeMap<String, [i64; 2]>> {
    const STAGE: &str = "fetcher";
    let topics = config.topics();
    let reader = TopicReader::new(config, &topics.group(STAGE))?;
    let watch = |topic: String| Ok(Watch { stage: STAGE, partitions: reader.partitions(&topic)?, topic });
    let watches = topics.inputs(STAGE).into_iter().map(watch).collect::<Result<Vec<_>>>()?;
    let group = Group { reader, watches };
    let points = group.points(|committed| reached(STAGE, committed))?;
    let waits = group
        .watches
        .iter()
        .zip(&points)
        .map(|(watch, points)| Ok((watch.topic.clone(), records(&group.reader, watch, points)?)));
    let waits = waits.collect::<Result<BTreeMap<String, i64>>>()?;
    let on = |topic: String| waits.get(&topic).copied().unwrap_or_default();
    let both = |cluster: &String| (cluster.clone(), [on(topics.tasks(cluster)), on(topics.backfill(cluster))]);
    Ok(topics.clusters().iter().map(both).collect())
}

/// The records before the end of all partitions. One without a visible record counts as drained: what stands before its end
/// are markers, and what was aborted.
fn records(reader: &TopicReader, watch: &Watch, points: &[Point]) -> Result<i64> {
    let behind: Vec<_> = (0..).zip(points).filter(|(_, point)| point.records() > 0).collect();
    let mut visible = std::collections::BTreeSet::new();
    let from: Vec<_> = behind.iter().map(|(partition, point)| (*partition, point.reached)).collect();
    if !from.is_empty() {
        reader.read(&watch.topic, &from, |message| {
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
