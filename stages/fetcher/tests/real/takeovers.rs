//! Fetchers killed and stopped while they list and read: whoever takes over goes on, and a file has one task.

use crate::bench::{Chain, RAW_BYTES};
use logmill_stack::shared;
use std::collections::BTreeSet;

/// A thousand chunks in each of two clusters, in files of very different lengths.
pub(crate) fn put_files(chain: &mut Chain, clusters: &[&str]) {
    for cluster in clusters {
        for (n, chunks) in [400, 250, 150, 100, 60, 30, 9, 1].into_iter().enumerate() {
            chain.put(cluster, &format!("log {n}%2F.gz"), chunks * RAW_BYTES - n * 1000);
        }
        chain.put(cluster, "whole chunks", 5 * RAW_BYTES);
        chain.put(cluster, "empty", 0);
        chain.put(cluster, "tiny", 1);
        chain.put(cluster, "größe 日誌 +&#?=~'", 2 * RAW_BYTES);
    }
}

#[test]
fn every_byte_of_two_clusters_arrives_though_the_fetcher_is_killed() {
    bring_under_kills(Chain::new("killed", &[("a", shared::hdfs(0).into()), ("b", shared::hdfs(1).into())]));
}

/// Puts files into all clusters of the chain, and kills the fetcher three times before they have come.
pub(crate) fn bring_under_kills(mut chain: Chain) {
    let clusters: Vec<String> = chain.config.clusters.keys().cloned().collect();
    clusters.iter().for_each(|cluster| put_files(&mut chain, &[cluster.as_str()]));
    let (raw, count) = (chain.config.topics().raw(), clusters.len() as i64);
    for (n, sent) in [50, 250, 450].into_iter().enumerate() {
        let fetcher = chain.fetcher("s0");
        chain.until("some of it is sent", |chain| chain.size(&raw) > sent * count);
        fetcher.kill();
        assert!(chain.size(&raw) < 1050 * count, "kill {n} came in the middle");
    }
    let fetcher = chain.fetcher("s0");
    chain.check();
    assert!(fetcher.terminate().success());
}

#[test]
fn a_file_has_one_task_though_listers_take_over() {
    let mut chain = Chain::new("listers", &[("a", shared::hdfs(0).into())]);
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
fn a_lister_that_was_stopped_and_wakes_is_fenced_and_a_file_has_one_task() {
    let mut chain = Chain::new("stalled", &[("a", shared::hdfs(0).into())]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let stalled = chain.fetcher_into("s0", &[], log.path());
    let tasks = chain.config.topics().tasks("a");
    let put =
        |chain: &mut Chain, round: usize| (0..20).for_each(|n| chain.put("a", &format!("{round}-{n}"), RAW_BYTES));
    put(&mut chain, 0);
    chain.until("the lister makes tasks", |chain| chain.size(&tasks) > 0);
    // These it has seen once, or not yet: whatever it was about to do with them it does when it wakes.
    put(&mut chain, 1);
    stalled.pause();
    put(&mut chain, 2);
    let _second = chain.fetcher("s1");
    let has_task = |chain: &Chain, name: &str| chain.tasks("a").iter().any(|task| task.file.path.ends_with(name));
    chain.until("another lister makes tasks", |chain| has_task(chain, "/2-19"));
    stalled.resume();
    put(&mut chain, 3);
    chain.check();
    let said = || std::fs::read_to_string(log.path()).unwrap();
    chain.until("the one that slept is told that it is fenced", |_| {
        said().lines().any(|line| line.contains("the lister ends") && line.contains("cluster=\"a\""))
    });
    let tasks = chain.tasks("a");
    let paths: BTreeSet<_> = tasks.iter().map(|task| task.file.path.as_str()).collect();
    assert_eq!((tasks.len(), paths.len()), (80, 80), "{}", said());
}
