//! The fetcher as it runs: processes, real HDFS, real Kafka.

mod bench;

use bench::{Chain, RAW_BYTES};
use logmill_core::event::Event as Happening;
use logmill_stack::{ServerId, Stack, Wanted, shared};
use std::collections::BTreeSet;

/// A thousand chunks in each of two clusters, in files of very different lengths.
fn put_files(chain: &mut Chain, clusters: &[&str]) {
    for cluster in clusters {
        for (n, chunks) in [400, 250, 150, 100, 60, 30, 9, 1].into_iter().enumerate() {
            chain.put(cluster, &format!("log {n}%2F.gz"), chunks * RAW_BYTES - n * 1000);
        }
        chain.put(cluster, "whole chunks", 5 * RAW_BYTES);
        chain.put(cluster, "empty", 0);
        chain.put(cluster, "tiny", 1);
    }
}

#[test]
fn every_byte_of_two_clusters_arrives_though_the_fetcher_is_killed() {
    let mut chain = Chain::new("killed", &[("a", shared::hdfs(0)), ("b", shared::hdfs(1))]);
    put_files(&mut chain, &["a", "b"]);
    let raw = chain.config.topics().raw();
    for (n, sent) in [100, 500, 900].into_iter().enumerate() {
        let fetcher = chain.fetcher("s0");
        chain.until("some of it is sent", |chain| chain.size(&raw) > sent);
        fetcher.kill();
        assert!(chain.size(&raw) < 2100, "kill {n} came in the middle");
    }
    let fetcher = chain.fetcher("s0");
    chain.check();
    assert!(fetcher.terminate().success());
}

#[test]
fn a_file_has_one_task_though_listers_take_over() {
    let mut chain = Chain::new("listers", &[("a", shared::hdfs(0))]);
    let mut fetchers = vec![chain.fetcher("s0"), chain.fetcher("s1")];
    for round in 0..3 {
        for n in 0..20 {
            chain.put("a", &format!("{round}-{n}"), 3 * RAW_BYTES);
        }
        let tasks = chain.config.topics().tasks("a");
        let sent = chain.size(&tasks);
        chain.until("the lister makes tasks", |chain| chain.size(&tasks) > sent);
        fetchers.remove(0).kill();
        fetchers.push(chain.fetcher(&format!("s{}", round + 2)));
    }
    chain.check();
    let tasks = chain.tasks("a");
    let paths: BTreeSet<_> = tasks.iter().map(|task| task.file.path.as_str()).collect();
    assert_eq!((tasks.len(), paths.len()), (60, 60));
}

#[test]
fn a_cluster_that_does_not_answer_parks_its_files_and_holds_up_no_other() {
    let wanted = Wanted { hdfs: vec!["silent".into()], ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let mut chain = Chain::new("silent", &[("a", shared::hdfs(0)), ("silent", stack.hdfs("silent"))]);
    chain.put("silent", "long", 6000 * RAW_BYTES);
    let raw = chain.config.topics().raw();
    let fetcher = chain.fetcher("s0");
    chain.until("some of it is sent", |chain| chain.size(&raw) > 50);
    let server = ServerId::Hdfs("silent".into());
    stack.pause(&server).unwrap();
    let is_parked = |chain: &Chain| chain.events().iter().any(|e| matches!(e.event, Happening::Parked { .. }));
    chain.until("the file is parked", is_parked);
    put_files(&mut chain, &["a"]);
    let of_a = |chain: &Chain| {
        let closed = |e: &&logmill_core::event::LedgerRecord| matches!(e.event, Happening::Closed { .. });
        chain.events().iter().filter(closed).count()
    };
    chain.until("the other cluster's files arrive", |chain| of_a(chain) >= 11);
    stack.resume(&server).unwrap();
    chain.check();
    let resumed = chain.events().iter().filter(|e| matches!(e.event, Happening::Resumed { .. })).count();
    assert_eq!((resumed, chain.tasks("silent").len()), (1, 2));
    assert!(fetcher.terminate().success());
}
