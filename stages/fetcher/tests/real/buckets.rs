//! A bucket as a cluster.

use crate::bench::{Chain, RAW_BYTES};
use crate::takeovers::bring_under_kills;
use logmill_core::End;
use logmill_core::wire::{Kind, WireChunk};
use logmill_stack::shared;

#[test]
fn every_byte_of_a_bucket_arrives_though_the_fetcher_is_killed() {
    bring_under_kills(Chain::new("bucket", &[("s3", shared::bucket().into())]));
}

/// The bytes of a file in `raw`, and how it ended.
fn sent(chunks: &[WireChunk]) -> (Vec<u8>, Option<End>) {
    let bytes = chunks.iter().flat_map(|chunk| chunk.payload.to_vec()).collect();
    let end = chunks.iter().find_map(|chunk| match chunk.kind {
        Kind::End(end) => Some(end),
        _ => None,
    });
    (bytes, end)
}

#[test]
fn an_object_that_is_replaced_while_it_is_fetched_is_cut_off_and_comes_as_a_new_file() {
    let mut chain = Chain::new("replaced", &[("s3", shared::bucket().into())]);
    // The first of its three requests takes seconds.
    chain.configure("s3", "bytes_per_second = \"1 MiB\"");
    chain.put("s3", "log", 600 * RAW_BYTES);
    let (key, before) = chain.files.first_key_value().map(|(key, bytes)| (key.clone(), bytes.clone())).unwrap();
    let raw = chain.config.topics().raw();
    let fetcher = chain.fetcher("s0");
    chain.until("some of it is sent", |chain| chain.size(&raw) > 20);
    chain.put("s3", "log", 100 * RAW_BYTES + 1);
    chain.until("both are closed", |chain| chain.closed() == 2);
    let files: Vec<_> = chain.chunks().into_values().map(|chunks| sent(&chunks)).collect();
    let (cut, whole): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, end)| *end == Some(End::Abort));
    assert_eq!((cut.len(), whole.len()), (1, 1));
    assert!(cut[0].0.len() < before.len() && before.starts_with(&cut[0].0), "{} bytes", cut[0].0.len());
    assert_eq!(whole[0].1, Some(End::Complete));
    assert!(whole[0].0 == chain.files[&key], "{} bytes", whole[0].0.len());
    assert!(fetcher.terminate().success());
}

#[test]
fn a_key_that_is_wrong_is_said_and_holds_up_no_other_cluster() {
    let mut locked = shared::bucket().clone();
    locked.config.insert("secret_access_key".into(), "guess".into());
    let clusters = [("locked", (&locked).into()), ("s3", shared::bucket().into())];
    let mut chain = Chain::new("locked", &clusters);
    let log = tempfile::NamedTempFile::new().unwrap();
    let fetcher = chain.fetcher_into("s0", &[], log.path());
    chain.put("s3", "log", 3 * RAW_BYTES);
    chain.check();
    chain.until("the log says what is wrong", |_| {
        let said = std::fs::read_to_string(log.path()).unwrap();
        let line = said.lines().find(|line| line.contains("the listing broke off"));
        line.is_some_and(|line| line.contains("SignatureDoesNotMatch") && line.contains("locked"))
    });
    assert!(chain.tasks("locked").is_empty());
    assert!(fetcher.terminate().success());
}
