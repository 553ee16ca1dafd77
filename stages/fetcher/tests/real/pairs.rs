//! A pair of NameNodes of which now the one, now the other is active.

use crate::bench::{Chain, RAW_BYTES};
use logmill_core::event::Event as Happening;
use logmill_stack::{ServerId, Stack, Wanted};

const SETTINGS: [(&str, &str); 2] =
    [("LOGMILL__CLUSTERS__PAIR__BYTES_PER_SECOND", "4 MiB"), ("LOGMILL__CLUSTERS__PAIR__PARK_AFTER", "60s")];

#[test]
fn files_go_on_at_the_byte_whichever_namenode_is_active_and_whichever_is_asked_first() {
    let wanted = Wanted { pairs: vec!["pair".into()], ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let mut chain = Chain::new("pair", &[("pair", stack.hdfs("pair").into())]);
    for n in 0..12 {
        chain.put("pair", &format!("log {n}"), 100 * RAW_BYTES - n);
    }
    let (raw, first) = (chain.config.topics().raw(), ServerId::Hdfs("pair".into()));
    let goes_on = |how: &str| {
        let sent = chain.size(&raw);
        chain.until(how, |chain| chain.size(&raw) > sent + 100);
    };

    // The active one dies amid files, and is away until the other one is active.
    let fetcher = chain.fetcher_with("s0", &SETTINGS);
    goes_on("some of it is sent");
    stack.kill(&first).unwrap();
    stack.fail_over("pair").unwrap();
    let closed = chain.closed();
    chain.until("files end, and others are opened, by the other one", |chain| chain.closed() > closed + 3);
    fetcher.kill();

    // A fetcher asks the first one first, which is standby now.
    stack.restart(&first).unwrap();
    let fetcher = chain.fetcher_with("s0", &SETTINGS);
    goes_on("it goes on though the standby is asked first");
    fetcher.kill();

    // Or accepts, and never answers.
    stack.pause(&first).unwrap();
    let fetcher = chain.fetcher_with("s0", &SETTINGS);
    goes_on("it goes on though a silent one is asked first");
    stack.resume(&first).unwrap();

    // The active one steps down, as for maintenance.
    stack.fail_over("pair").unwrap();
    assert!(chain.closed() < chain.files.len(), "that was amid files");
    chain.check();
    let parked = chain.events().iter().filter(|event| matches!(event.event, Happening::Parked { .. })).count();
    assert_eq!(parked, 0, "no file was given up meanwhile");
    assert!(fetcher.terminate().success());
}
