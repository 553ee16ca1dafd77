//! Files that cannot be read for a while give their place to others, and go on at the byte.

use crate::bench::{Chain, RAW_BYTES};
use crate::takeovers::put_files;
use logmill_core::event::Event as Happening;
use logmill_stack::{ServerId, Stack, Wanted, shared};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
