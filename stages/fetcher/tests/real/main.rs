//! The fetcher as it runs: processes, real HDFS, a real bucket, real Kafka.

mod bench;
mod buckets;
mod faults;
mod hadoop;
mod order;
mod pools;

use bench::{Chain, RAW_BYTES};
use logmill_core::event::Event as Happening;
use logmill_stack::{ServerId, Stack, Wanted, shared};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A thousand chunks in each of two clusters, in files of very different lengths.
fn put_files(chain: &mut Chain, clusters: &[&str]) {
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
fn bring_under_kills(mut chain: Chain) {
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
fn a_cluster_that_does_not_answer_parks_its_files_and_holds_up_no_other() {
    let wanted = Wanted { hdfs: vec!["silent".into()], ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let mut chain = Chain::new("silent", &[("a", shared::hdfs(0).into()), ("silent", stack.hdfs("silent").into())]);
    chain.put("silent", "long", 6000 * RAW_BYTES);
    let raw = chain.config.topics().raw();
    let fetcher = chain.fetcher("s0");
    chain.until("some of it is sent", |chain| chain.size(&raw) > 50);
    let server = ServerId::Hdfs("silent".into());
    stack.pause(&server).unwrap();
    let is_parked = |chain: &Chain| chain.events().iter().any(|e| matches!(e.event, Happening::Parked { .. }));
    chain.until("the file is parked", is_parked);
    put_files(&mut chain, &["a"]);
    chain.until("the other cluster's files arrive", |chain| chain.closed() >= 12);
    stack.resume(&server).unwrap();
    chain.check();
    let resumed = chain.events().iter().filter(|e| matches!(e.event, Happening::Resumed { .. })).count();
    assert_eq!((resumed, chain.tasks("silent").len()), (1, 2));
    assert!(fetcher.terminate().success());
}

#[test]
fn a_lister_that_was_stopped_and_wakes_is_fenced_and_a_file_has_one_task() {
    let mut chain = Chain::new("stalled", &[("a", shared::hdfs(0).into())]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let stalled = chain.fetcher_into("s0", log.path());
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

/// The files of the DataNode's blocks under `folder`.
fn blocks(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(blocks(&path));
        } else if entry.file_name().to_string_lossy().starts_with("blk_") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_file_with_a_lost_block_gives_its_place_to_others_and_comes_when_the_block_is_back() {
    let wanted = Wanted { hdfs: vec!["lossy".into()], ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let mut chain = Chain::new("lossy", &[("lossy", stack.hdfs("lossy").into())]);
    let before: BTreeSet<PathBuf> = blocks(stack.folder()).into_iter().collect();
    chain.put("lossy", "with a lost block", 3 * RAW_BYTES);
    let aside = |block: &Path| stack.folder().join(block.file_name().expect("a block has a name"));
    let lost: Vec<PathBuf> = blocks(stack.folder()).into_iter().filter(|block| !before.contains(block)).collect();
    assert!(!lost.is_empty(), "the file has blocks");
    lost.iter().for_each(|block| std::fs::rename(block, aside(block)).unwrap());

    let fetcher = chain.fetcher("s0");
    let count = |chain: &Chain, is: fn(&Happening) -> bool| chain.events().iter().filter(|e| is(&e.event)).count();
    chain.until("it is parked twice", |chain| count(chain, |e| matches!(e, Happening::Parked { at: 0 })) >= 2);
    chain.put("lossy", "whole", 5 * RAW_BYTES);
    chain.until("the other file arrives", |chain| count(chain, |e| matches!(e, Happening::Closed { .. })) == 1);

    let server = ServerId::Hdfs("lossy".into());
    stack.kill(&server).unwrap();
    lost.iter().for_each(|block| std::fs::rename(aside(block), block).unwrap());
    stack.restart(&server).unwrap();
    chain.check();
    assert_eq!(count(&chain, |e| matches!(e, Happening::Opened)), 2, "parked, it is the same load of the same file");
    assert!(fetcher.terminate().success());
}
