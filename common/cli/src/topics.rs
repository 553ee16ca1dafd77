//! `logmill topics`: the chain's topics, and the first offsets of its consumer groups.

use crate::args::{Format, TopicsCommand};
use crate::exit::{Failure, Verdict};
use crate::grow;
use crate::output::Printer;
use crate::topic_reader::TopicReader;
use anyhow::{Context, Result, bail};
use logmill_config::{Config, Layout};
use logmill_kafka::admin::{Admin, AdminError, TopicSpec};
use logmill_protocol::Partition;
use logmill_runner::other_layout;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// What the topics lack, or what was done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Difference {
    /// There is no such topic.
    Missing { topic: String, partitions: i32, replication: i32, configs: BTreeMap<String, String> },
    /// Its number of partitions is another one.
    Partitions { topic: String, found: i32, wanted: i32 },
    /// A setting of it is another one.
    Setting { topic: String, name: String, found: String, wanted: String },
    /// The group has no committed offset for some partitions.
    Offsets { group: String, partitions: usize },
    /// The chain ran in another layout, whose group is further than this one.
    Layout { group: String, other: String, layout: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { topic, partitions, replication, configs } => {
                let configs: Vec<_> = configs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(
                    f,
                    "{topic}: is missing: {partitions} partitions, replication {replication}, {}",
                    configs.join(" ")
                )
            }
            Self::Partitions { topic, found, wanted } => {
                write!(
                    f,
                    "{topic}: has {found} partitions, {wanted} are wanted: {}",
                    if found < wanted {
                        "`logmill topics apply` adds them to a chain that is drained and stopped"
                    } else {
                        "Kafka takes none away: set kafka.partitions to what there is"
                    }
                )
            }
            Self::Setting { topic, name, found, wanted } => {
                write!(
                    f,
                    "{topic}: {name} is {found}, it must be {wanted}: change it with kafka-configs.sh --alter --topic {topic} --add-config {name}={wanted}"
                )
            }
            Self::Offsets { group, partitions } => {
                write!(f, "{group}: {partitions} partitions without a committed offset")
            }
            Self::Layout { group, other, layout } => {
                write!(
                    f,
                    "{group}: is behind {other}, for the chain ran in the layout {layout}: `logmill topics apply` lets it go on \
                     where that one ended, once the chain is drained and stopped"
                )
            }
        }
    }
}

impl Difference {
    /// Whether `topics apply` does away with it.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Offsets { .. } | Self::Layout { .. } => true,
            Self::Partitions { found, wanted, .. } => found < wanted,
            Self::Setting { .. } => false,
        }
    }
}

/// Shows or makes what is missing.
///
/// # Errors
/// Kafka does not answer or refuses.
pub fn run(config: &Config, what: TopicsCommand, format: Format) -> Result<Verdict, Failure> {
    let before = differences(config)?;
    let mut out = Printer::stdout();
    let (shown, verdict) = match what {
        TopicsCommand::Plan => (&before, Verdict::of(before.is_empty())),
        TopicsCommand::Apply => {
            // A wrong number of partitions is refused before anything is made.
            let too_many = |one: &&Difference| matches!(one, Difference::Partitions { .. }) && !one.is_applied();
            if let Some(wrong) = before.iter().find(too_many) {
                return Err(anyhow::anyhow!("{wrong}").into());
            }
            change_layout(config)?;
            grow::grow(config, &before)?;
            // Settings are not changed here, and layouts were.
            if before.iter().any(|one| !matches!(one, Difference::Setting { .. } | Difference::Layout { .. })) {
                apply(config)?;
            }
            (&before, Verdict::of(before.iter().all(Difference::is_applied)))
        }
    };
    for one in shown {
        match (format, what) {
            (Format::Json, _) => out.json(one)?,
            (Format::Text, TopicsCommand::Apply) if one.is_applied() => out.line(&format!("done: {one}"))?,
            (Format::Text, _) => out.line(&one.to_string())?,
        }
    }
    if shown.is_empty() && format == Format::Text {
        out.line(&format!("all {} topics are as they must be", config.topic_specs().len()))?;
    }
    out.finish()?;
    Ok(verdict)
}

/// Lets the group that reads what the fetcher sends go on where that of another layout ended, and forgets that one.
fn change_layout(config: &Config) -> Result<()> {
    let admin = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?;
    let topics = config.topics();
    if let Some(other) = other_layout(config)? {
        let before = Config { layout: other.layout, ..config.clone() };
        grow::at_rest(&before, &format!("{other}, and the layout cannot be changed yet"))?;
        let own = topics.group(config.layout.decompresses());
        let members = admin.members(&own)?;
        if members > 0 {
            bail!("{other}, and the layout cannot be changed yet: the group {own} has {members} members");
        }
        admin.commit_at(&own, &other.ahead)?;
    }
    // Whoever was away for a while, and goes on in a layout that was left, finds no place to go on from, and ends.
    let raw: Vec<_> = (0..config.kafka.partitions).map(|n| Partition::new(topics.raw().as_str(), n)).collect();
    let others = Layout::ALL.into_iter().filter(|layout| *layout != config.layout);
    let others: BTreeSet<String> = others.map(|layout| topics.group(layout.decompresses())).collect();
    let is_left = |group: &String| anyhow::Ok(admin.committed(group, &raw)?.iter().any(|(_, at)| at.is_some()));
    let left = thread::scope(|scope| {
        let asked: Vec<_> = others.iter().map(|group| scope.spawn(|| is_left(group))).collect();
        asked.into_iter().map(|one| one.join().expect("it does not panic")).collect::<Result<Vec<bool>>>()
    })?;
    for (group, _) in others.iter().zip(left).filter(|(_, is_left)| *is_left) {
        crate::runtime()?.block_on(admin.forget_group(group))?;
    }
    Ok(())
}

fn apply(config: &Config) -> Result<()> {
    let admin = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?;
    let specs: Vec<_> = config
        .topic_specs()
        .into_iter()
        .map(|spec| TopicSpec {
            name: spec.name,
            partitions: spec.partitions,
            replication: spec.replication,
            config: spec.configs,
        })
        .collect();
    crate::runtime()?.block_on(admin.apply(&specs))?;
    for (group, partitions) in groups(config) {
        in_time(|| admin.commit_start(&group, &partitions))?;
    }
    Ok(())
}

/// Tries again for a while where a broker does not know yet that it leads a partition which was made just now.
fn in_time<T>(mut ask: impl FnMut() -> Result<T, AdminError>) -> Result<T, AdminError> {
    const LEADERS: Duration = Duration::from_secs(30);
    let start = Instant::now();
    loop {
        match ask() {
            Err(AdminError::Kafka { .. }) if start.elapsed() < LEADERS => thread::sleep(Duration::from_millis(100)),
            result => return result,
        }
    }
}

/// Each group with all partitions that it reads.
fn groups(config: &Config) -> Vec<(String, Vec<Partition>)> {
    let count: BTreeMap<_, _> = config.topic_specs().into_iter().map(|spec| (spec.name, spec.partitions)).collect();
    let partitions = |topics: Vec<String>| {
        let each = |topic: String| (0..count[&topic]).map(move |index| Partition::new(topic.as_str(), index));
        topics.into_iter().flat_map(each).collect()
    };
    config.topics().groups().into_iter().map(|(group, topics)| (group, partitions(topics))).collect()
}

/// Everything in which Kafka is not as the configuration wants it.
///
/// # Errors
/// Kafka does not answer.
pub fn differences(config: &Config) -> Result<Vec<Difference>> {
    let looking = TopicReader::new(config, &config.topics().group("plan"))?;
    let existing = looking.topics()?;
    let specs = config.topic_specs();
    let names: Vec<_> =
        specs.iter().map(|spec| spec.name.as_str()).filter(|name| existing.contains_key(*name)).collect();
    let settings = crate::runtime()?.block_on(settings(config, &names))?;
    let mut all = Vec::new();
    for spec in specs {
        match existing.get(&spec.name) {
            None => {
                let (topic, configs) = (spec.name, spec.configs);
                all.push(Difference::Missing {
                    topic,
                    partitions: spec.partitions,
                    replication: spec.replication,
                    configs,
                });
                continue;
            }
            Some(found) if *found != spec.partitions => {
                let (topic, found, wanted) = (spec.name.clone(), *found, spec.partitions);
                all.push(Difference::Partitions { topic, found, wanted });
            }
            Some(_) => {}
        }
        for (name, wanted) in spec.configs {
            let found = settings.get(&spec.name).and_then(|all| all.get(&name)).cloned().unwrap_or_default();
            if !suffices(&name, &found, &wanted) {
                all.push(Difference::Setting { topic: spec.name.clone(), name, found, wanted });
            }
        }
    }
    let mut asked = Vec::new();
    for (group, partitions) in groups(config) {
        let there = partitions.iter().filter(|partition| existing.contains_key(&*partition.topic));
        let mut topics: BTreeMap<&str, i32> = BTreeMap::new();
        there.for_each(|partition| *topics.entry(&partition.topic).or_default() += 1);
        let missing = partitions.iter().filter(|partition| !existing.contains_key(&*partition.topic)).count();
        let topics = topics.into_iter().map(|(topic, count)| (topic.to_owned(), count)).collect();
        asked.push(thread::spawn({
            let reader = TopicReader::new(config, &group)?;
            move || anyhow::Ok((group, missing + uncommitted(&reader, topics)?))
        }));
    }
    if existing.contains_key(&config.topics().raw())
        && let Some(found) = other_layout(config)?.filter(|other| !other.ahead.is_empty())
    {
        let group = config.topics().group(config.layout.decompresses());
        all.push(Difference::Layout { group, other: found.group, layout: found.layout.name().to_owned() });
    }
    for one in asked {
        let (group, partitions) = one.join().expect("it does not panic")?;
        if partitions > 0 {
            all.push(Difference::Offsets { group, partitions });
        }
    }
    Ok(all)
}

/// The partitions of these topics for which the reader's group has no offset.
fn uncommitted(reader: &TopicReader, topics: Vec<(String, i32)>) -> Result<usize> {
    let topics: Vec<(&str, i32)> = topics.iter().map(|(topic, count)| (topic.as_str(), *count)).collect();
    if topics.is_empty() {
        return Ok(0);
    }
    Ok(reader.all_committed(&topics)?.into_iter().flatten().filter(Option::is_none).count())
}

/// Whether a setting does what the chain needs: where more is more, more is good too.
fn suffices(name: &str, found: &str, wanted: &str) -> bool {
    let number = |text: &str| text.parse::<i64>().ok();
    match (name, number(found), number(wanted)) {
        // -1: without a limit.
        ("retention.ms" | "retention.bytes", Some(-1), _) => true,
        ("retention.ms" | "retention.bytes", _, Some(-1)) => false,
        ("retention.ms" | "retention.bytes" | "max.message.bytes", Some(found), Some(wanted)) => found >= wanted,
        // Smaller segments are deleted sooner.
        ("segment.ms", Some(found), Some(wanted)) => found <= wanted,
        _ => found == wanted,
    }
}

/// The settings of topics, by topic and name.
///
/// # Errors
/// Kafka does not answer, or this account may not read them.
pub async fn settings(config: &Config, topics: &[&str]) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    const ANSWER: Duration = Duration::from_secs(10);
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut client = ClientConfig::new();
    for (name, value) in &config.kafka.properties.0 {
        client.set(name, value);
    }
    let client: AdminClient<DefaultClientContext> =
        client.set("bootstrap.servers", &config.kafka.brokers).create().context("kafka.properties")?;
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(ANSWER));
    let described = client.describe_configs(&resources, &options).await.context("the settings of the topics")?;
    let mut all = BTreeMap::new();
    for (topic, one) in topics.iter().zip(described) {
        let one =
            one.with_context(|| format!("the settings of {topic}: has this account the right to describe it?"))?;
        let entries = one.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect();
        all.insert((*topic).to_owned(), entries);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::suffices;

    #[test]
    fn more_room_and_longer_retention_are_good_too() {
        for (name, found, wanted, good) in [
            ("retention.ms", "1000", "1000", true),
            ("retention.ms", "2000", "1000", true),
            ("retention.ms", "-1", "1000", true),
            ("retention.ms", "1000", "-1", false),
            ("retention.ms", "999", "1000", false),
            ("max.message.bytes", "1048588", "1000000", true),
            ("segment.ms", "500", "1000", true),
            ("segment.ms", "2000", "1000", false),
            ("cleanup.policy", "delete", "compact", false),
            ("min.insync.replicas", "2", "1", false),
        ] {
            assert_eq!(suffices(name, found, wanted), good, "{name} {found} {wanted}");
        }
    }
}
