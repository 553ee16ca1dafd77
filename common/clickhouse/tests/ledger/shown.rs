//! Which files are meant, and which of a path's states analysts see.

use crate::tables::{File, Tables};
use logmill_clickhouse::ledger::{Selector, where_file};
use logmill_clickhouse::settle_loads;

#[tokio::test]
async fn a_file_is_found_by_its_path_letter_by_letter_or_by_a_glob_as_the_configuration_has_it() {
    let tables = Tables::empty("selected").await;
    let paths =
        ["/logs/app[1].log", "/logs/app1.log", "/logs/a[].log", "/logs/（作业）*.log", "/logs/deep/down/app2.log"];
    for (id, path) in (1..).zip(paths) {
        tables.closed(&File::at(id, path), "fetcher", (100, 100), 0).await;
    }
    for (text, expected) in [
        ("/logs/app[1].log", &["/logs/app1.log", "/logs/app[1].log"][..]),
        ("/logs/a[].log", &["/logs/a[].log"]),
        ("/logs/a[z-a].log", &[]),
        ("/logs/（作业）*.log", &["/logs/（作业）*.log"]),
        ("app?.log", &["/logs/app1.log", "/logs/deep/down/app2.log"]),
        ("/logs/app?.log", &["/logs/app1.log"]),
        ("/logs/**/app?.log", &["/logs/app1.log", "/logs/deep/down/app2.log"]),
        ("/logs/app1.log", &["/logs/app1.log"]),
        ("a:/logs/app1.log", &["/logs/app1.log"]),
        ("b:/logs/app1.log", &[]),
        ("a:/logs/app[1].log", &["/logs/app1.log", "/logs/app[1].log"]),
    ] {
        let found = where_file(&tables.0, &Selector::parse(text)).await.unwrap_or_else(|e| panic!("{text}: {e}"));
        let mut found: Vec<_> = found.into_iter().map(|way| way.path).collect();
        found.sort();
        assert_eq!(found, expected, "{text}");
    }
}

#[tokio::test]
async fn of_two_states_of_a_growing_file_with_equal_times_the_longer_one_is_shown() {
    // HDFS keeps the time of creation until a file is closed.
    for order in [[1_000, 2_000], [2_000, 1_000]] {
        let tables = Tables::empty("growing").await;
        for length in order {
            let state = File { length, ..File::at(length.into(), "/logs/growing.log") };
            tables.rows(&state, 1, length / 100).await;
            let at = tables.closed(&state, "reencoder", (length, length), length / 100).await;
            settle_loads(&tables.0, ("events", 0, at, at + 1)).await.unwrap();
        }
        assert_eq!(tables.count("logs").await, 20, "{order:?}");
    }
}
