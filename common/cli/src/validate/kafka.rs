//! What the chain needs of Kafka.

use super::check::Check;
use crate::topic_reader::TopicReader;
use crate::topics::{Difference, differences};
use anyhow::Result;
use logmill_config::Config;
use logmill_kafka::admin::Admin;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};
use std::collections::BTreeMap;
use std::time::Duration;

const SERVER: &str = "kafka";

/// All checks of the brokers and topics; one that fails alone when they do not answer.
pub fn checks(config: &Config) -> Vec<Check> {
    let reader = match TopicReader::new(config, &config.topics().group("validate")) {
        Ok(reader) => reader,
        Err(error) => return vec![Check::bad(SERVER, "settings", format!("{error:#}"), "correct kafka.properties")],
    };
    let brokers = match reader.brokers() {
        Ok(brokers) => brokers,
        Err(error) => {
            return vec![Check::bad(SERVER, "connection", format!("{error:#}"), "check kafka.brokers and the network")];
        }
    };
    let mut all = vec![Check::good(SERVER, "connection", format!("{brokers} brokers at {}", config.kafka.brokers))];
    let copies = usize::try_from(config.kafka.replication).unwrap_or_default();
    all.push(Check::that(
        copies <= brokers,
        SERVER,
        "replication",
        format!("{copies} copies on {brokers} brokers"),
        "lower kafka.replication or add brokers",
    ));
    match broker_settings(config) {
        Ok(settings) => limits(config, &settings, &mut all),
        Err(error) => all.push(Check::bad(
            SERVER,
            "broker settings",
            format!("{error:#}"),
            "grant this account DescribeConfigs on the cluster",
        )),
    }
    topics(config, &mut all);
    all.push(transactions(config));
    all
}

fn broker_settings(config: &Config) -> Result<BTreeMap<String, String>> {
    let admin = Admin::new(&config.kafka.brokers, &config.kafka.properties.0)?;
    Ok(crate::runtime()?.block_on(admin.broker_config())?)
}

/// The brokers' own limits.
fn limits(config: &Config, settings: &BTreeMap<String, String>, all: &mut Vec<Check>) {
    let number = |name: &str| settings.get(name).and_then(|value| value.parse::<u64>().ok());
    let mut at_least = |what: &str, name: &str, wanted: u128, unit: &str| {
        let Some(found) = number(name) else { return };
        all.push(Check::that(
            u128::from(found) >= wanted,
            SERVER,
            what,
            format!("{name} is {found} {unit}, the chain needs {wanted}"),
            &format!("raise {name} on the brokers"),
        ));
    };
    at_least("transaction limit", "transaction.max.timeout.ms", config.transaction.timeout.as_millis(), "ms");
    // A stage that stood still for as long as the topics keep their records must find its offsets again.
    let minutes = config.kafka.retention.as_secs().div_ceil(60);
    at_least("offset retention", "offsets.retention.minutes", minutes.into(), "min");
    at_least("offset metadata", "offset.metadata.max.bytes", 4096, "B");
    at_least("request size", "socket.request.max.bytes", config.kafka.message_bytes.0.into(), "B");
}

/// The topics: what they lack, one check for each kind of property.
fn topics(config: &Config, all: &mut Vec<Check>) {
    let found = match differences(config) {
        Ok(found) => found,
        Err(error) => {
            let advice = "grant this account Describe and DescribeConfigs on the chain's topics and groups";
            return all.push(Check::bad(SERVER, "topics", format!("{error:#}"), advice));
        }
    };
    type Matches = fn(&Difference) -> bool;
    let kinds: [(&str, &str, Matches, &str); 6] = [
        ("topics", "all are there", |d| matches!(d, Difference::Missing { .. }), "run `logmill topics apply`"),
        (
            "partition counts",
            "as configured",
            |d| matches!(d, Difference::Partitions { .. }),
            "set kafka.partitions to what is there",
        ),
        (
            "message size",
            "every chunk fits",
            |d| is_setting(d, |name| name == "max.message.bytes"),
            "raise max.message.bytes of the topic",
        ),
        (
            "retention",
            "as configured or longer",
            |d| is_setting(d, |name| name.starts_with("retention.")),
            "raise the retention of the topic",
        ),
        (
            "topic settings",
            "as they must be",
            |d| is_setting(d, |name| name != "max.message.bytes" && !name.starts_with("retention.")),
            "change the setting of the topic",
        ),
        (
            "committed offsets",
            "every group has them",
            |d| matches!(d, Difference::Offsets { .. } | Difference::Layout { .. }),
            "run `logmill topics apply`",
        ),
    ];
    for (what, good, matches, advice) in kinds {
        let wrong: Vec<_> = found.iter().filter(|difference| matches(difference)).map(short).collect();
        all.push(match wrong.as_slice() {
            [] => Check::good(SERVER, what, good),
            wrong => Check::bad(SERVER, what, wrong.join(", "), advice),
        });
    }
}

fn is_setting(difference: &Difference, matches: fn(&str) -> bool) -> bool {
    matches!(difference, Difference::Setting { name, .. } if matches(name))
}

fn short(difference: &Difference) -> String {
    match difference {
        Difference::Missing { topic, .. } => format!("{topic} is missing"),
        Difference::Partitions { topic, found, wanted } => format!("{topic} has {found}, configured are {wanted}"),
        Difference::Setting { topic, name, found, wanted } => format!("{topic}: {name} is {found}, needed is {wanted}"),
        Difference::Offsets { group, partitions } => format!("{group} lacks those of {partitions} partitions"),
        Difference::Layout { group, other, .. } => format!("{group} is behind {other}, of another layout"),
    }
}

/// The right to write in transactions, by doing it: nothing is sent, the transactional id is one that no worker has.
fn transactions(config: &Config) -> Check {
    const ANSWER: Duration = Duration::from_secs(15);
    let id = config.topics().transactional_id("validate", &std::process::id().to_string(), 0);
    let begin = || -> Result<()> {
        let mut client = ClientConfig::new();
        for (name, value) in &config.kafka.properties.0 {
            client.set(name, value);
        }
        let producer: BaseProducer = client
            .set("bootstrap.servers", &config.kafka.brokers)
            .set("transactional.id", &id)
            .set("transaction.timeout.ms", config.transaction.timeout.as_millis().to_string())
            .create()?;
        Ok(producer.init_transactions(ANSWER)?)
    };
    match begin() {
        Ok(()) => Check::good(SERVER, "rights", "this account may write in transactions"),
        Err(error) => Check::bad(
            SERVER,
            "rights",
            format!("no transaction can begin: {error:#}"),
            "grant this account IdempotentWrite on the cluster and Write on transactional ids that begin with the chain's name",
        ),
    }
}
