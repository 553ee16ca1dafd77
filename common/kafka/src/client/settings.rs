//! The settings of librdkafka on which exactly-once rests, and those that bound memory.

use super::ClientOptions;
use rdkafka::ClientConfig;

/// Settings that only a consumer knows; a producer would warn of each.
const CONSUMER_ONLY: &[&str] = &[
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "fetch.error.backoff.ms",
    "fetch.queue.backoff.ms",
    "check.crcs",
    "client.rack",
];

/// Settings that only a producer knows.
const PRODUCER_ONLY: &[&str] = &[
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "linger.ms",
    "batch.size",
    "batch.num.messages",
    "compression.type",
    "compression.codec",
    "compression.level",
    "request.timeout.ms",
    "message.timeout.ms",
    "delivery.timeout.ms",
];

/// Settings that are a promise, whatever the configuration says.
const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // A lost offset is an alarm, and never a silent start at either end.
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    // The group metadata of the assignment is exact for the classic protocol with an eager assignor.
    ("partition.assignment.strategy", "range"),
    ("group.protocol", "classic"),
    ("enable.partition.eof", "false"),
    ("allow.auto.create.topics", "false"),
    // Of what is sent; but no fetch may be smaller, and a larger record comes alone, whatever stands here.
    ("message.max.bytes", "1000"),
];

/// The consumer's settings. Memory: `queued.max.messages.kbytes` (16 MiB) plus one fetch (512 KiB, unpacked) a broker.
pub(super) fn consumer(options: &ClientOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in [
        // The shortest that a broker allows by default: so long the partitions of a process that died wait.
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "1000"),
        ("queued.max.messages.kbytes", "16384"),
        // Compressed by Kafka: unpacked it may be 255 times as much at once.
        ("fetch.max.bytes", "524288"),
        ("fetch.message.max.bytes", "524288"),
        // A record ends the wait; for an idle broker it is what costs.
        ("fetch.wait.max.ms", "500"),
        // How long a partition rests when the queue is full: by default a second, in which a fast stage runs dry.
        ("fetch.queue.backoff.ms", "10"),
        ("retry.backoff.ms", "10"),
        ("socket.nagle.disable", "true"),
        ("statistics.interval.ms", crate::reach::STATISTICS_MS),
    ] {
        config.set(key, value);
    }
    apply(&mut config, options, PRODUCER_ONLY);
    for (key, value) in FIXED {
        config.set(*key, *value);
    }
    config.set("bootstrap.servers", &options.brokers).set("group.id", &options.group);
    config
}

/// The producer's settings. Memory: `queue.buffering.max.kbytes` (32 MiB).
pub(super) fn producer(options: &ClientOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    let timeout = options.transaction_timeout.as_millis().to_string();
    for (key, value) in [
        ("queue.buffering.max.kbytes", "32768"),
        // Each request costs a broker something whatever its bytes: chunks that come one after the other travel together.
        ("linger.ms", "20"),
        ("retry.backoff.ms", "10"),
        ("compression.type", &options.compression),
        ("socket.nagle.disable", "true"),
    ] {
        config.set(key, value);
    }
    apply(&mut config, options, CONSUMER_ONLY);
    config
        .set("bootstrap.servers", &options.brokers)
        .set("transactional.id", &options.transactional_id)
        .set("transaction.timeout.ms", &timeout)
        .set("message.timeout.ms", &timeout)
        .set("enable.idempotence", "true");
    config
}

fn apply(config: &mut ClientConfig, options: &ClientOptions, foreign: &[&str]) {
    for (key, value) in &options.properties {
        if !foreign.contains(&key.as_str()) {
            config.set(key, value);
        }
    }
}
