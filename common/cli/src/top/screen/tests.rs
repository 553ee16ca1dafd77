//! Golden screens, and what keys do.

use super::*;
use crate::clusters;
use crate::top::frame;
use logmill_clickhouse::ledger::Volume;
use logmill_clickhouse::ledger::files::{Listed, State};
use logmill_clickhouse::ledger::letters::Letter;
use logmill_core::{FileId, Load};

const NOW: u64 = 1_795_428_000_000;

fn file(state: State, path: &str, age_seconds: u64, load: u32, rows: u64) -> Listed {
    Listed {
        file_id: FileId(1),
        load: Load(load),
        cluster: "hdfs-a".into(),
        path: path.into(),
        state,
        since_ms: NOW - age_seconds * 1000,
        lines: rows,
        rows,
        detail: if state == State::Failed { "3 rows are missing: line 7".into() } else { String::new() },
    }
}

fn cluster(name: &str, down: usize, last_ms: u64) -> clusters::Line {
    clusters::Line {
        cluster: name.into(),
        url: "hdfs://x".into(),
        fetchers: 2,
        down,
        pause: None,
        paused: 0,
        coroutines: 7,
        own: 8,
        weight: 1,
        learned: false,
        waiting: 12,
        backfill: 340,
        volume: Volume { files: 12_345, bytes: 1_234_567_890_123, parked: 0, last_ms },
    }
}

/// A chain at work, with something of everything.
fn at_work() -> Look {
    let stage = |stage, records, rate, bytes, seconds_to_drain, files| Stage {
        stage,
        records,
        rate,
        bytes,
        seconds_to_drain,
        files,
    };
    Look {
        chain: "logmill".into(),
        now_ms: NOW,
        verdict: "moves",
        silent: Vec::new(),
        stages: vec![
            stage("fetcher", 352, 2.5, Some(81_234_567.0), Some(140.8), 3),
            stage("decompressor", 12, 140.0, Some(80_100_000.0), Some(0.1), 1),
            stage("reencoder", 0, 612.4, Some(412_000_000.0), Some(0.0), 0),
            stage("distributor", 1_234_567, 0.0, None, None, 4),
            stage("splitter", 7_200, 1.0, Some(950.0), Some(7200.0), 0),
            stage("loader", 0, 0.0, None, Some(0.0), 0),
        ],
        ledger: true,
        clusters: vec![cluster("hdfs-a", 0, NOW - 4_000), cluster("hdfs-b", 1, 0)],
        open: vec![
            file(State::Loading, "/logs/app/2026-11-23.gz", 3_725, 0, 1_234_567),
            file(State::Failed, "/logs/web/access.log", 400, 0, 90),
            file(State::Parked, "/logs/with\nline end.gz", 61, 2, 0),
            file(State::Waiting, "/logs/app/2026-11-24.gz", 2, 0, 0),
        ],
        counts: [("waiting", 352), ("loading", 4), ("failed", 1), ("quarantined", 2), ("proven", 98_765)].into(),
        rows: 12_345_678_901,
        last_row_ms: NOW - 1_000,
        waits_for: Some("distributor"),
        letters: 2,
        newest_letters: vec![Letter {
            partition: 2,
            offset: 17,
            at_ms: NOW - 90_000,
            stage: "decompressor".into(),
            reason: "corrupt".into(),
            file_id: FileId(1),
            load: Load(0),
            cluster: "hdfs-a".into(),
            path: "/logs/web/access.log".into(),
            whole: FileId(1),
        }],
    }
}

/// Nothing has come yet, and ClickHouse says nothing.
fn silent() -> Look {
    let stage = |stage| Stage { stage, records: 0, rate: 0.0, bytes: None, seconds_to_drain: Some(0.0), files: 0 };
    Look {
        verdict: "a server does not answer",
        silent: vec!["the ledger in \"logs\" on http://127.0.0.1:1: ClickHouse does not answer".into()],
        stages: ["fetcher", "decoder", "distributor", "splitter", "loader"].map(stage).to_vec(),
        ledger: false,
        clusters: Vec::new(),
        open: Vec::new(),
        counts: [].into(),
        rows: 0,
        last_row_ms: 0,
        waits_for: None,
        letters: 0,
        newest_letters: Vec::new(),
        ..at_work()
    }
}

#[test]
fn screens() {
    let view = |panel, scrolled| View { panel, scrolled };
    let at_work = at_work();
    insta::assert_snapshot!("files", frame(&at_work, view(Panel::Files, 0), 100, 24));
    insta::assert_snapshot!("clusters", frame(&at_work, view(Panel::Clusters, 0), 100, 24));
    insta::assert_snapshot!("letters", frame(&at_work, view(Panel::Letters, 0), 100, 24));
    insta::assert_snapshot!("small", frame(&at_work, view(Panel::Files, 1), 80, 18));
    insta::assert_snapshot!("silent", frame(&silent(), view(Panel::Files, 0), 100, 18));
}

#[test]
fn no_screen_is_too_small_to_be_drawn() {
    for (width, height) in [(1, 1), (10, 3), (40, 5), (300, 100)] {
        for panel in Panel::ALL {
            frame(&at_work(), View { panel, scrolled: 3 }, width, height);
            frame(&silent(), View { panel, scrolled: 0 }, width, height);
        }
    }
}

#[test]
fn keys() {
    let look = at_work();
    let mut view = View::default();
    let mut press = |code| {
        let goes_on = view.press(KeyEvent::new(code, KeyModifiers::NONE), &look);
        (goes_on, view.panel, view.scrolled)
    };
    assert_eq!(press(KeyCode::Down), (true, Panel::Files, 1));
    assert_eq!(press(KeyCode::PageDown), (true, Panel::Files, 3), "not past the last line");
    assert_eq!(press(KeyCode::Up), (true, Panel::Files, 2));
    assert_eq!(press(KeyCode::Tab), (true, Panel::Clusters, 0));
    assert_eq!(press(KeyCode::End), (true, Panel::Clusters, 1));
    assert_eq!(press(KeyCode::Right), (true, Panel::Letters, 0));
    assert_eq!(press(KeyCode::Right), (true, Panel::Files, 0));
    assert_eq!(press(KeyCode::Left), (true, Panel::Letters, 0));
    assert_eq!(press(KeyCode::Char('x')), (true, Panel::Letters, 0));
    assert!(!press(KeyCode::Char('q')).0 && !press(KeyCode::Esc).0);
    assert!(!view.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &look));
}

#[test]
fn numbers_for_people() {
    assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!(
        [0.0, 999.0, 1_000.0, 81_234_567.0, 999_600.0, 3e15].map(size),
        ["0 B", "999 B", "1.0 kB", "81.2 MB", "1.0 MB", "3.0 PB"]
    );
    assert_eq!([5, 182, 18_420, 187_200].map(|s| short(Duration::from_secs(s))), ["5s", "3m 2s", "5h 7m", "2d 4h"]);
}
