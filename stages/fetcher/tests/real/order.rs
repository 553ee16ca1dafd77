//! Which files come first, on real HDFS.

use crate::bench::{Chain, RAW_BYTES};
use logmill_core::event::Event as Happening;
use logmill_stack::shared;
use std::time::{Duration, Instant};

const BACKLOG: usize = 40;
const CHUNKS: usize = 25;

/// The names of the files that have ended, in the order of their ends.
fn closed(chain: &Chain) -> Vec<String> {
    let mut ends = chain.events();
    ends.retain(|event| matches!(event.event, Happening::Closed { .. }));
    ends.sort_by_key(|event| event.at_ms);
    ends.into_iter().map(|event| event.path.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn a_backlog_of_backfill_does_not_delay_a_live_file_and_comes_as_the_chain_takes_it() {
    let mut chain = Chain::new("backfill", &[("a", shared::hdfs(0).into())]);
    chain.rule("path = \"old *\"\nbackfill = true");
    for n in 0..BACKLOG {
        chain.put("a", &format!("old {n}"), CHUNKS * RAW_BYTES);
    }
    // So many chunks a second that some look at the chain comes before all are sent.
    let fetcher = chain.fetcher_with("s0", &[("LOGMILL__CLUSTERS__A__BYTES_PER_SECOND", "2 MiB")]);
    // Nobody takes the chunks: the chain is behind as soon as there are some.
    let raw = chain.config.topics().raw();
    chain.until("some of the backlog is sent", |chain| chain.size(&raw) > 100);
    let (mut before, mut since) = (0, Instant::now());
    chain.until("the backlog rests", |chain| {
        let size = chain.size(&raw);
        if size != before {
            (before, since) = (size, Instant::now());
        }
        since.elapsed() > Duration::from_secs(2)
    });
    assert!(before < (BACKLOG * CHUNKS) as i64 * 3 / 4, "{before} records are sent though nobody takes them");

    let backlog = closed(&chain).len();
    let put = Instant::now();
    for n in 0..10 {
        chain.put("a", &format!("live {n}"), CHUNKS * RAW_BYTES);
    }
    let live = |chain: &Chain| closed(chain).iter().filter(|name| name.starts_with("live")).count();
    chain.until("the live files have come", |chain| live(chain) == 10);
    let took = put.elapsed();
    // Two listings, 300 ms apart, and as much again for a busy machine.
    assert!(took < Duration::from_secs(10), "the live files took {took:?}");
    assert!(closed(&chain).len() < backlog + 10 + BACKLOG / 2, "the backlog waits");

    chain.until("the backlog comes as the chain takes it", |chain| {
        chain.take_all("decompressor", &raw);
        chain.closed() >= chain.files.len()
    });
    chain.check();
    assert!(fetcher.terminate().success());
}

#[test]
fn the_newest_and_those_of_a_priority_come_first() {
    let mut chain = Chain::new("order", &[("a", shared::hdfs(0).into())]);
    chain.rule("path = \"urgent *\"\npriority = 1");
    for n in 0..12 {
        let kind = if n % 4 == 0 { "urgent" } else { "usual" };
        chain.put("a", &format!("{kind} {n:02}"), RAW_BYTES);
        // Times are of milliseconds.
        std::thread::sleep(Duration::from_millis(5));
    }
    let fetcher = chain
        .fetcher_with("s0", &[("LOGMILL__CLUSTERS__A__ORDER", "newest"), ("LOGMILL__CLUSTERS__A__COROUTINES", "1")]);
    chain.check();
    let tasks = chain.config.topics().tasks("a");
    let is_sorted = |paths: &[String]| {
        let name = |path: &String| path.rsplit('/').next().unwrap().to_owned();
        let names: Vec<String> = paths.iter().map(name).collect();
        names.is_sorted_by(|one, other| {
            let key = |name: &str| (!name.starts_with("urgent"), std::cmp::Reverse(name[name.len() - 2..].to_owned()));
            key(one) < key(other)
        })
    };
    for partition in chain.partitions(&tasks) {
        let paths: Vec<String> = chain.tasks_of(&partition).into_iter().map(|task| task.file.path).collect();
        assert!(is_sorted(&paths), "{partition}: {paths:?}");
    }
    assert!(fetcher.terminate().success());
}
