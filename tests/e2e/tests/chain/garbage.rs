//! Stages that are fed garbage from their topics: every record of it is rejected once, with its place, and all files around it
//! are loaded.

use bytes::Bytes;
use logmill_config::Layout;
use logmill_core::wire::Record;
use logmill_e2e::{fixture, start};
use logmill_kafka::admin::Admin;
use logmill_protocol::Partition;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Numbers that are the same in each run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, most: u64) -> Bytes {
        (0..self.next() % most + 1).map(|_| self.next() as u8).collect()
    }
}

/// Records that mean nothing to anybody: without anything, of noise, and a sound one under another name with one header
/// missing, doubled or overwritten. Where a payload has a form, one with a payload of noise; where the reader opens payloads, one
/// that says it is packed and is not.
fn garbage(random: &mut Random, sound: &Record, has_form: bool, opens: bool) -> Vec<Record> {
    let noise = Record { key: random.bytes(40), headers: Vec::new(), payload: random.bytes(5_000) };
    let noisy_headers = Record { headers: vec![("kind".into(), random.bytes(20))], ..noise.clone() };
    let mut all = vec![Record::default(), noise, noisy_headers];
    let own = std::str::from_utf8(&sound.key).expect("a file id").to_owned();
    let mut renamed = || {
        let other = format!("{:016x}{:016x}", random.next(), random.next());
        let rename = |bytes: &Bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Bytes::from(text.replace(&own, &other)),
            Err(_) => bytes.clone(),
        };
        let headers = sound.headers.iter().map(|(name, value)| (name.clone(), rename(value))).collect();
        (Record { key: rename(&sound.key), headers, payload: sound.payload.clone() }, random.bytes(8))
    };
    for name in ["seq", "kind", "load", "plan"] {
        let (mut record, _) = renamed();
        record.headers.retain(|(header, _)| header != name);
        all.push(record);
        let (mut record, _) = renamed();
        let (_, value) = record.headers.iter().find(|(header, _)| header == name).expect("a chunk's header").clone();
        record.headers.push((name.into(), value));
        all.push(record);
        let (mut record, noise) = renamed();
        let (_, value) = record.headers.iter_mut().find(|(header, _)| header == name).expect("a chunk's header");
        // What is not UTF-8 is never sound.
        *value = [&noise[..], &[0xff]].concat().into();
        all.push(record);
    }
    if opens {
        let (mut record, noise) = renamed();
        record.headers.push(("packed".into(), Bytes::from_static(b"lz4")));
        record.payload = noise;
        all.push(record);
    }
    if has_form {
        let (mut record, noise) = renamed();
        record.payload = noise;
        all.push(record);
        let (mut record, _) = renamed();
        record.payload = record.payload.slice(..record.payload.len() / 2);
        all.push(record);
    }
    all
}

fn send(producer: &BaseProducer, partition: &Partition, record: &Record) {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: Some(&value[..]) });
    }
    let payload = BaseRecord::to(&partition.topic).partition(partition.index).headers(headers);
    producer
        .send(payload.key(&record.key[..]).payload(&record.payload[..]))
        .map_err(|(e, _)| e)
        .expect("a place in the queue");
}

#[test]
fn garbage_in_every_topic_is_rejected_with_its_place_and_all_else_is_loaded() {
    let (fixture, _turn) = fixture();
    let running = start(fixture, "garbage", Layout::Separate, 1);
    let brokers = &running.chain.config.kafka.brokers;
    let admin = Admin::new(brokers, &BTreeMap::new()).expect("a client that asks");
    let mut client = ClientConfig::new();
    let producer: BaseProducer = client.set("bootstrap.servers", brokers).create().expect("a producer");
    let topics = running.chain.config.topics();
    let partitions = admin.partitions().expect("topics");
    let mut random = Random(4);
    let mut fed = BTreeMap::new();
    for stage in topics.stages() {
        for topic in topics.inputs(stage) {
            // A sound record of the topic, as soon as there is one; where its records are no chunks, one of another topic.
            let is_chunks = topic != topics.file_events() && topic != topics.dead_letters() && *stage != "fetcher";
            let model = if is_chunks { topic.clone() } else { topics.raw() };
            let begun = Instant::now();
            let sound = loop {
                let of = |index| admin.read(&Partition::new(model.as_str(), index), 0, None, 1).expect("records");
                if let Some(first) = (0..partitions[&model]).find_map(|index| of(index).into_iter().next()) {
                    break first.record;
                }
                assert!(begun.elapsed() < logmill_e2e::PATIENCE, "nothing comes to {model}");
                std::thread::sleep(Duration::from_millis(100));
            };
            for index in 0..partitions[&topic] {
                let records = garbage(&mut random, &sound, *stage == "loader" && is_chunks, *stage != "distributor");
                records.iter().for_each(|record| send(&producer, &Partition::new(topic.as_str(), index), record));
                *fed.entry(topic.clone()).or_insert(0) += records.len() as u64;
            }
            producer.flush(Duration::from_secs(30)).expect("the garbage arrives");
        }
    }
    running.block_on(running.through());
    let rejected = || -> BTreeMap<String, u64> {
        // Whatever lies among the dead letters is one, and says nothing of where it comes from.
        let sql = "SELECT origin = '' ? topic : splitByChar('/', origin)[1], uniqExact(origin, offset, partition) \
                   FROM rejects WHERE reason IN ('malformed', '') GROUP BY 1 FORMAT TSV";
        let text = running.chain.sql(sql).expect("SQL");
        let row = |line: &str| line.split_once('\t').map(|(topic, n)| (topic.to_owned(), n.parse().expect("a number")));
        text.lines().filter_map(row).collect()
    };
    let begun = Instant::now();
    while rejected() != fed && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(rejected(), fed, "rejects by topic, and what was fed");
    running.assert_exactly_once(&fixture.logs);
    let all = running.processes.list();
    assert!(all.iter().all(|process| process.deaths == 0), "garbage killed: {all:?}");
}
