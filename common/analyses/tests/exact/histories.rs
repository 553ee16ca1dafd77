//! What happens to loads, step by step and at random.

use crate::bench::{APP, Bench, span};
use logmill_analyses::{Question, refresh, stale};
use logmill_clickhouse::ledger::replay::{Purpose, hide_before, replace};
use logmill_core::{FileId, Load};
use logmill_generated::{File, Wish, generate};
use std::time::Duration;

fn files(days: u32, starts: u32) -> Vec<(FileId, File)> {
    let files = generate(Wish { seed: 7, first_day: 20_758, days, starts, users: 60, files: 2 });
    files.into_iter().enumerate().map(|(number, file)| (FileId(1 + number as u128), file)).collect()
}

const FIRST: Load = Load(0);
const SECOND: Load = Load(1);

#[tokio::test]
async fn late_hidden_shown_replaced_and_deleted_loads_are_counted_as_analysts_see_them() {
    let mut bench = Bench::empty("steps").await;
    let files = files(4, 40);
    // The first day comes last: whoever was there then is no new user of a later day.
    for (id, file) in &files[2..] {
        bench.load(*id, FIRST, file.day, &file.lines).await;
        bench.settled(*id, FIRST, file.day).await;
    }
    assert!(bench.stale().await >= 3, "nothing was counted yet");
    bench.refresh().await;
    bench.is_exact("the first loads").await;
    assert_eq!(bench.refresh().await, 0, "nothing is computed twice");

    let (id, file) = &files[0];
    let (some, rest) = file.lines.split_at(file.lines.len() / 2);
    bench.load(*id, FIRST, file.day, some).await;
    bench.refresh().await;
    bench.is_exact("half of a late file for an earlier day").await;
    bench.load(*id, FIRST, file.day, rest).await;
    bench.settled(*id, FIRST, file.day).await;
    bench.refresh().await;
    bench.is_exact("the whole of it").await;

    bench.show(*id, FIRST, false).await;
    bench.refresh().await;
    bench.is_exact("it is quarantined: its users are new on a later day").await;
    bench.show(*id, FIRST, true).await;
    bench.refresh().await;
    bench.is_exact("it is released").await;

    // Loaded again: hidden until it is whole, then in place of the first load. The new load says less.
    let (id, file) = &files[3];
    let purpose = Purpose::Redecode { encoding: "gb18030".into() };
    hide_before(&bench.database, &[(*id, SECOND, &purpose)]).await.unwrap();
    bench.sees(*id, SECOND, false);
    bench.load(*id, SECOND, file.day, &file.lines[..file.lines.len() - 9]).await;
    bench.settled(*id, SECOND, file.day).await;
    assert_eq!(bench.refresh().await, 0, "nobody sees the new load yet");
    bench.is_exact("a load that is under way").await;
    replace(&bench.database, *id, SECOND, &purpose).await.unwrap();
    bench.sees(*id, FIRST, false);
    bench.sees(*id, SECOND, true);
    bench.refresh().await;
    bench.is_exact("it replaced the first one").await;

    let (id, _) = &files[0];
    bench.delete(*id, FIRST).await;
    bench.refresh().await;
    bench.is_exact("its rows are deleted").await;
    for (id, file) in &files {
        for load in [FIRST, SECOND] {
            bench.show(*id, load, false).await;
        }
        assert!(!file.lines.is_empty());
    }
    bench.refresh().await;
    bench.is_exact("all is hidden").await;
}

#[tokio::test]
async fn what_was_hidden_while_a_day_was_computed_makes_it_stale_when_it_is_shown() {
    let mut bench = Bench::empty("meanwhile").await;
    let files = files(1, 40);
    for (id, file) in &files {
        bench.load(*id, FIRST, file.day, &file.lines).await;
    }
    let (id, _) = files[0];
    let (database, config) = (bench.database.clone(), bench.config.clone());
    bench.show(id, FIRST, false).await;
    refresh(&database, &config, None, |_| {}).await.unwrap();
    bench.show(id, FIRST, true).await;
    assert!(bench.stale().await > 0);
    bench.refresh().await;
    bench.is_exact("shown again").await;
}

#[tokio::test]
async fn a_day_whose_rows_have_passed_their_time_stays_as_it_was_counted() {
    let mut bench = Bench::empty("kept").await;
    let files = files(2, 40);
    for (id, file) in &files {
        bench.load(*id, FIRST, file.day, &file.lines).await;
    }
    bench.refresh().await;
    bench.is_exact("before").await;
    let before = bench.ask(Question::NewUsers, span(20_758, 20_760)).await;
    // Everything is older than a day: what is deleted, hidden or late now changes no count.
    bench.config.clickhouse.keep = Some(Duration::from_secs(86_400));
    let (id, file) = &files[0];
    bench.delete(*id, FIRST).await;
    bench.load(FileId(99), FIRST, file.day, &files[1].1.lines).await;
    let stale = stale(&bench.database, &bench.config, None, None).await.unwrap();
    assert!(!stale.is_empty() && stale.iter().all(|day| day.kept), "{stale:?}");
    assert_eq!(bench.refresh().await, 0);
    assert_eq!(bench.ask(Question::NewUsers, span(20_758, 20_760)).await, before);
    bench.config.clickhouse.keep = None;
    assert!(bench.refresh().await > 0, "rows are kept for ever again: the day is theirs");
    bench.is_exact("after").await;
}

#[tokio::test]
async fn another_mapping_counts_all_days_anew() {
    let mut bench = Bench::empty("mapping").await;
    let files = files(1, 20);
    for (id, file) in &files {
        bench.load(*id, FIRST, file.day, &file.lines).await;
    }
    let days = bench.refresh().await;
    let mapping = bench.config.analyses.get_mut(APP).unwrap();
    mapping.popups = vec!["no such event".into()];
    assert_eq!(bench.refresh().await, days);
    let answer = bench.ask(Question::Popups, span(20_758, 20_758)).await;
    assert_eq!(answer.note, "0 shown");
}

#[tokio::test]
async fn refreshes_that_break_off_anywhere_and_run_beside_each_other_come_to_the_same_counts() {
    use rand::rngs::StdRng;
    use rand::seq::IndexedRandom;
    use rand::{RngExt, SeedableRng};
    let mut bench = Bench::empty("random").await;
    let files = files(4, 25);
    let mut rng = StdRng::seed_from_u64(11);
    let mut there = 0;
    for step in 0..40 {
        match rng.random_range(0..4) {
            0 | 1 if there < files.len() => {
                let (id, file) = &files[there];
                bench.load(*id, FIRST, file.day, &file.lines).await;
                there += 1;
            }
            _ if there > 0 => {
                let (id, _) = files[..there].choose(&mut rng).unwrap();
                bench.show(*id, FIRST, rng.random_bool(0.5)).await;
            }
            _ => {}
        }
        // Two at once, each of which may break off: the server goes on with what it was asked for last.
        let broken = |ms: u64| {
            let (database, config) = (bench.database.clone(), bench.config.clone());
            async move {
                let run = refresh(&database, &config, None, |_| {});
                let _ = tokio::time::timeout(Duration::from_millis(ms), run).await;
            }
        };
        tokio::join!(broken(rng.random_range(0..400)), broken(rng.random_range(0..400)));
        if step % 8 == 7 {
            settle(&bench).await;
            bench.is_exact(&format!("step {step}")).await;
        }
    }
}

/// Refreshes until nothing is stale: what a broken refresh asked for may still arrive.
async fn settle(bench: &Bench) {
    for _ in 0..20 {
        bench.refresh().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        if bench.stale().await == 0 {
            return;
        }
    }
    panic!("days stay stale");
}
