//! Work for the daemons, so that they have something to log: small calls in great number.

use anyhow::Context;
use hdfs_native::client::Client;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Names in the calls: part of them Chinese, so that the logs hold text that differs between UTF-8 and GBK.
const WORDS: [&str; 8] = ["orders", "支付", "登录日志", "billing", "库存", "gateway", "用户行为", "audit"];

/// Raised when the load may end; every loop looks at it between two calls.
pub type Stop = Arc<AtomicBool>;

/// Asks a NameNode, over and over, for files and folders that exist and that do not; writes a small file at times, so
/// that the DataNode has its share.
///
/// # Errors
/// The first call, which makes the folder, failed. Later failures are part of the load.
pub async fn storm_hdfs(client: Client, seed: usize, stop: Stop) -> anyhow::Result<()> {
    client.mkdirs("/storm", 0o755, true).await.context("mkdirs /storm")?;
    let mut n = seed;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let word = WORDS[n % WORDS.len()];
        let path = format!("/storm/{word}/part-{:05}", n % 977);
        match n % 512 {
            0 => {
                let options = hdfs_native::WriteOptions::default().overwrite(true);
                if let Ok(mut file) = client.create(&path, options).await {
                    let _ = file.write_bytes(format!("{word} {n}\n").into()).await;
                    let _ = file.close().await;
                }
            }
            k if k % 2 == 0 => drop(client.get_file_info(&path).await),
            _ => drop(client.list_status(&format!("/storm/{word}"), false).await),
        }
    }
    Ok(())
}

/// Sends small records to a topic, each a request of its own, and reads them back. Makes the topic, and deletes it.
///
/// # Errors
/// The clients or the topic cannot be made.
pub fn storm_kafka(brokers: &str, topic: &str, stop: &Stop) -> anyhow::Result<()> {
    let config = |settings: &[(&str, &str)]| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        for (key, value) in settings {
            config.set(*key, *value);
        }
        config
    };
    let admin: AdminClient<_> = config(&[]).create().context("an admin client for the load")?;
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(10)));
    let new = NewTopic::new(topic, 4, TopicReplication::Fixed(1));
    futures::executor::block_on(admin.create_topics([&new], &options)).context("making a topic for the load")?;
    let producer: BaseProducer = config(&[("linger.ms", "0"), ("batch.num.messages", "1")]).create()?;
    let reader = [("group.id", topic), ("auto.offset.reset", "earliest"), ("fetch.wait.max.ms", "5")];
    let consumer: BaseConsumer = config(&reader).create()?;
    consumer.subscribe(&[topic]).context("subscribing to the topic of the load")?;
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let word = WORDS[n % WORDS.len()];
        let text = format!("{word} {n}");
        if producer.send(BaseRecord::to(topic).key(word).payload(&text)).is_err() {
            producer.poll(Duration::from_millis(5)); // its queue is full
        }
        producer.poll(Duration::ZERO);
        drop(consumer.poll(Duration::ZERO));
    }
    producer.purge(PurgeConfig::default().queue().inflight());
    futures::executor::block_on(admin.delete_topics(&[topic], &options)).context("deleting the topic of the load")?;
    Ok(())
}

/// Waits until the files in `logs` hold `bytes` together, or until `limit` is over. Returns what they hold.
pub async fn wait_for_bytes(
    logs: &[std::path::PathBuf],
    bytes: u64,
    limit: Duration,
    mut said: impl FnMut(u64),
) -> u64 {
    let begun = Instant::now();
    let mut last = Instant::now();
    loop {
        let have = logs.iter().filter_map(|log| std::fs::metadata(log).ok()).map(|m| m.len()).sum();
        if have >= bytes || begun.elapsed() > limit {
            return have;
        }
        if last.elapsed() > Duration::from_secs(2) {
            last = Instant::now();
            said(have);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
