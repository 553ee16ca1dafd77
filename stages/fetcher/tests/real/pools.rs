//! Who has how many coroutines, on real HDFS.

use crate::bench::{Chain, RAW_BYTES, free_address, metric};
use crate::takeovers::put_files;
use logmill_protocol::fetch::{ClusterNote, VolumeNote};
use logmill_stack::{ServerId, Stack, Wanted, shared};
use std::collections::BTreeMap;

/// The coroutines of each of these clusters, as the fetcher at `address` shows them.
fn coroutines(address: &str, clusters: &[&str]) -> Option<Vec<u64>> {
    clusters.iter().map(|cluster| metric(address, "coroutines", cluster)).collect()
}

#[test]
fn coroutines_go_to_the_healthy_cluster_of_the_greatest_weight_and_come_back() {
    let wanted = Wanted { hdfs: vec!["mute".into()], ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let clusters = [("a", shared::hdfs(0).into()), ("b", shared::hdfs(1).into()), ("mute", stack.hdfs("mute").into())];
    let mut chain = Chain::new("pools", &clusters);
    let address = free_address();
    let fetcher = chain.fetcher_with(
        "s0",
        &[
            ("LOGMILL__HTTP__LISTEN", &*address),
            ("LOGMILL__CLUSTERS__B__WEIGHT", "5"),
            ("LOGMILL__CLUSTERS__MUTE__DOWN_AFTER", "3s"),
            ("LOGMILL__CLUSTERS__MUTE__UP_AFTER", "2s"),
        ],
    );
    let until = |chain: &Chain, what: &str, expected: [u64; 3]| {
        chain.until(what, |_| coroutines(&address, &["a", "b", "mute"]).is_some_and(|seen| seen == expected));
    };
    until(&chain, "each has its own", [4, 4, 4]);
    let server = ServerId::Hdfs("mute".into());
    stack.pause(&server).unwrap();
    until(&chain, "those of the silent one go to b", [4, 7, 1]);
    put_files(&mut chain, &["a", "b"]);
    chain.configure("mute", "weight = \"heavy\"");
    std::thread::sleep(std::time::Duration::from_secs(6));
    until(&chain, "a configuration that is wrong changes nothing", [4, 7, 1]);
    chain.configure("a", "weight = 9");
    until(&chain, "those of the silent one go to a, which weighs more now", [7, 4, 1]);
    stack.resume(&server).unwrap();
    until(&chain, "each has its own again", [4, 4, 4]);
    let told = chain.records(&chain.config.topics().clusters_topic());
    let told: Vec<ClusterNote> = told.iter().map(|note| serde_json::from_slice(&note.payload).unwrap()).collect();
    let says = |cluster: &str, weight, coroutines, down| {
        let is_it =
            |n: &&ClusterNote| (&*n.cluster, n.weight, n.coroutines, n.down) == (cluster, weight, coroutines, down);
        assert!(told.iter().any(|note| is_it(&note)), "{cluster} {weight} {coroutines} {down}: {told:?}");
    };
    says("mute", 1, 1, true);
    says("b", 5, 7, false);
    says("a", 9, 7, false);
    says("mute", 1, 4, false);
    chain.put("mute", "late", 3 * RAW_BYTES);
    chain.check();
    assert!(fetcher.terminate().success());
}

#[test]
fn weights_are_learned_from_what_came_whoever_counts_it() {
    const MIB: usize = 64 * RAW_BYTES;
    let mut chain = Chain::new("learned", &[("a", shared::hdfs(0).into()), ("b", shared::hdfs(1).into())]);
    let start = |chain: &Chain, slot: &str| {
        let address = free_address();
        let auto = [("LOGMILL__CLUSTERS__A__WEIGHT", "auto"), ("LOGMILL__CLUSTERS__B__WEIGHT", "auto")];
        (chain.fetcher_with(slot, &[&auto[..], &[("LOGMILL__HTTP__LISTEN", &*address)]].concat()), address)
    };
    let weights = |address: &str| ["a", "b"].map(|cluster| metric(address, "weight", cluster).unwrap_or(0));
    for n in 1..=4 {
        chain.put("b", &format!("{n}"), 3 * MIB / 2 - n);
    }
    chain.put("a", "small", 3 * RAW_BYTES);
    let (first, address) = start(&chain, "s0");
    chain.until("what came is what they weigh", |_| weights(&address) == [1, 6]);
    first.kill();
    let (second, address) = start(&chain, "s1");
    chain.until("another fetcher knows it", |_| weights(&address) == [1, 6]);
    chain.put("b", "more", 3 * MIB);
    chain.until("what comes is added to it", |_| weights(&address) == [1, 9]);
    let counted = |chain: &Chain, cluster: &str| -> u64 {
        let notes = chain.records(&chain.config.topics().clusters_topic());
        let notes = notes.iter().filter_map(|note| serde_json::from_slice::<VolumeNote>(&note.payload).ok());
        let newest: BTreeMap<i32, VolumeNote> = notes.map(|note| (note.partition, note)).collect();
        newest.values().filter_map(|note| note.clusters.get(cluster)).flat_map(BTreeMap::values).sum()
    };
    let put = |cluster: &str| -> usize {
        chain.files.iter().filter(|((of, _), _)| of == cluster).map(|(_, content)| content.len()).sum()
    };
    let put = ["a", "b"].map(|cluster| put(cluster) as u64);
    // What a process counts it shows at once, and tells a little later.
    chain.until("each file counts once", |chain| ["a", "b"].map(|cluster| counted(chain, cluster)) == put);
    assert!(second.terminate().success());
}
