//! A NameNode in safe mode: it lists files, and does not know where their blocks are.

use crate::PORTION;
use logmill_config::Layout;
use logmill_e2e::{PATIENCE, Portions, fixture_alone};
use std::time::{Duration, Instant};

#[test]
fn a_namenode_in_safe_mode_holds_up_its_own_files_alone() {
    let (fixture, _turn) = fixture_alone(1);
    let mut chain = Portions::start(fixture, "safemode", Layout::Fused, &[], |_| ());
    // All that is to be loaded lies there before: in safe mode nothing is written.
    chain.running.processes.terminate("fetcher-0", Duration::from_secs(25)).expect("it ends as asked");
    chain.put(4 * PORTION);
    fixture.stack.enter_safe_mode("a").expect("the NameNode starts");
    let mark = chain.mark("fetcher");
    chain.running.processes.start(chain.running.chain.spec("fetcher", 0)).expect("the fetcher starts");
    chain.await_words("fetcher", mark, &["next try in", "cluster=\"a\"", "SafeMode"], 30);
    for metric in ["logmill_fetcher_cluster_down", "logmill_fetcher_failing_files"] {
        chain.await_metric("fetcher", metric, true);
    }
    // The other cluster's files are through.
    let others = chain.sent().iter().filter(|entry| entry.cluster == "b").count();
    let loaded = || chain.running.chain.sql("SELECT count() FROM loads FINAL").expect("SQL").trim().to_owned();
    let begun = Instant::now();
    while loaded() != others.to_string() {
        assert!(begun.elapsed() < PATIENCE, "{} of {others} files of cluster b are through", loaded());
        std::thread::sleep(Duration::from_millis(200));
    }
    fixture.stack.leave_safe_mode("a").expect("the DataNode starts");
    chain.through();
    chain.await_metric("fetcher", "logmill_fetcher_cluster_down", false);
    chain.assert_exactly_once();
}
