//! Which files are meant, and which of a path's states analysts see.

use crate::tables::{File, Tables};
use logmill_clickhouse::ledger::files::{State, files};
use logmill_clickhouse::ledger::letters::{Filter, count, drop_letters, settled, waiting};
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

#[tokio::test]
async fn files_are_listed_by_their_states_what_is_under_way_oldest_first() {
    let tables = Tables::empty("listed").await;
    let whole = |file: File| {
        let tables = &tables;
        async move {
            tables.closed(&file, "fetcher", (100, 100), 0).await;
            tables.closed(&file, "decompressor", (100, 200), 0).await;
            tables.passed(&file, 1, 10).await;
            tables.rows(&file, 1, 10).await;
            let at = tables.closed(&file, "reencoder", (200, 200), 10).await;
            settle_loads(&tables.0, ("events", 0, at, at + 1)).await.unwrap();
        }
    };
    tables.closed(&File::of(1), "fetcher", (100, 100), 0).await;
    tables.closed(&File::of(2), "distributor", (0, 0), 0).await;
    whole(File::of(3)).await;
    whole(File { length: 500, ..File::at(4, "/logs/grows") }).await;
    whole(File::at(5, "/logs/grows")).await;
    let listed = async |selector: &str, states: &[State], most| {
        let listing = files(&tables.0, &Selector::any(&[selector]), states, most).await.unwrap();
        let all = listing.open.iter().chain(&listing.proven);
        let mut all: Vec<_> = all.map(|file| (file.file_id.0, file.state)).collect();
        all.sort();
        (all, listing.counts)
    };
    let (all, counts) = listed("/logs/**", &State::ALL, 10).await;
    let proven = [(3, State::Proven), (4, State::Superseded), (5, State::Proven)];
    assert_eq!(all, [(1, State::Decoding), (2, State::Fetching), proven[0], proven[1], proven[2]]);
    assert_eq!(counts, [(State::Superseded, 1), (State::Proven, 2)].into());
    assert_eq!(listed("/logs/grows", &State::ALL, 10).await.0, proven[1..]);
    assert_eq!(listed("/logs/**", &[State::Superseded, State::Decoding], 10).await.0, [all[0], proven[1]]);
    let (cut, counts) = listed("/logs/**", &[State::Proven], 1).await;
    assert_eq!((cut.len(), counts[&State::Proven]), (1, 2), "as many as asked for are shown, all are counted");
}

#[tokio::test]
async fn a_dead_letter_waits_until_somebody_drops_it_or_its_load_is_superseded() {
    let tables = Tables::empty("letters").await;
    let database = &tables.0;
    let (one, two) = (File::of(1), File::at(2, "/logs/it's"));
    tables.rejected(&one, "decompressor", "corrupt").await;
    tables.rejected(&one, "reencoder", "decree").await;
    tables.rejected(&two, "decompressor", "corrupt").await;
    let filter = |reason: Option<&str>, path: &str, places: &[(i32, i64)]| Filter {
        topic: "letters".into(),
        places: places.to_vec(),
        reason: reason.map(str::to_owned),
        selector: Selector::parse(path),
    };
    let waits = async |filter: Filter| waiting(database, &filter).await.unwrap();
    let all = waits(filter(None, "/logs/*", &[])).await;
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|letter| letter.whole == letter.file_id), "none is a member of an archive");
    let place = (all[0].partition, all[0].offset);
    assert_eq!(waits(filter(Some("corrupt"), "/logs/*", &[])).await.len(), 2);
    assert_eq!(waits(filter(Some("corrupt"), "/logs/it's", &[])).await.len(), 1);
    assert_eq!(waits(filter(None, "/logs/*", &[place])).await[0], all[0]);
    assert_eq!(waits(Filter { topic: "others".into(), ..filter(None, "/logs/*", &[]) }).await.len(), 0);

    drop_letters(database, "letters", &[place], "o'neil", "seen").await.unwrap();
    drop_letters(database, "letters", &[place], "o'neil", "seen").await.unwrap();
    assert_eq!((waits(filter(None, "/logs/*", &[])).await.len(), count(database, "letters").await.unwrap()), (2, 2));
    let hide = "INSERT INTO hidden (file_id, load, hidden, reason, version) SELECT file_id, 0, 1, 'superseded', 5 \
                FROM rejects WHERE path = '/logs/it\\'s'";
    database.execute(hide).await.unwrap();
    assert_eq!(count(database, "letters").await.unwrap(), 1);
    let settled = settled(database, "letters", &[(0, 0)]).await.unwrap();
    assert_eq!(settled.len(), 2);
    assert_eq!((&*settled[&place].who, &*settled[&place].why), ("o'neil", "seen"));
    let other = settled.iter().find(|(at, _)| **at != place).unwrap().1;
    assert_eq!((&*other.who, &*other.why, other.at_ms), ("", "load 0 is superseded", 0));
}
