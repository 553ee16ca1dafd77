//! The arithmetic, and the page in docs that is made by it.

use super::*;
use clap::Parser;
use logmill_config::Layout;
use std::path::Path;

fn wish(arguments: &[&str]) -> args::Plan {
    let all = [&["logmill", "plan"], arguments].concat();
    match args::Args::try_parse_from(all).expect("arguments").command {
        args::Command::Plan(wish) => wish,
        other => panic!("{other:?}"),
    }
}

fn planned(arguments: &[&str], layout: Layout) -> Plan {
    let wish = wish(arguments);
    model::plan(&Figures::published(), &wish, layout, retention(&Config::default(), &wish))
        .expect("all of it was measured")
}

#[test]
fn the_arithmetic_is_that_of_paper() {
    // 8.64 TB of text a day are 100 MB/s.
    let plan = planned(&["--tb-per-day", "8.64", "--text", "--peak", "1", "--busy", "1"], Layout::Separate);
    assert!((plan.mean_mb_s - 100.0).abs() < 1e-6 && (plan.peak_mb_s - 100.0).abs() < 1e-6);
    for stage in &plan.stages {
        assert_eq!(stage.cores, (stage.cpu_ns_per_byte * 0.1).ceil() as u64, "{}", stage.stage);
    }
    let kept = 8.64 * plan.kafka_bytes_per_byte * 7.0 * 3.0;
    assert!((plan.brokers.disk_tb - kept).abs() < 1e-6);
    assert!(plan.brokers.needed >= 3 && plan.clickhouse.needed >= 3, "as many as there are copies");
    assert!((plan.clickhouse.disk_tb - 8.64 * 30.0 / 8.0 * 3.0).abs() < 1e-6);
}

#[test]
fn more_bytes_need_more_of_everything_and_a_fused_chain_has_a_topic_less() {
    let (small, large) =
        (planned(&["--tb-per-day", "6"], Layout::Separate), planned(&["--tb-per-day", "60"], Layout::Separate));
    assert!(small.stages.iter().zip(&large.stages).all(|(a, b)| a.cores < b.cores));
    assert!(small.brokers.needed < large.brokers.needed && small.partitions < large.partitions);
    assert!((large.text_tb_per_day / 60.0 - large.ratio).abs() < 1e-9, "as stored");
    let fused = planned(&["--tb-per-day", "60"], Layout::Fused);
    assert!(fused.kafka_bytes_per_byte < large.kafka_bytes_per_byte);
    assert!(fused.stages.iter().any(|stage| stage.stage == "decoder"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for arguments in [["--tb-per-day", "0"], ["--tb-per-day", "nan"]] {
        assert!(check(&wish(&arguments)).is_err(), "{arguments:?}");
    }
    assert!(check(&wish(&["--tb-per-day", "1", "--busy", "1.5"])).is_err());
    assert!(check(&wish(&["--tb-per-day", "1"])).is_ok());
}

#[test]
fn figures_are_read_from_what_the_benchmark_wrote_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.json");
    std::fs::write(&file, r#"[{"name":"a","unit":"x","value":2.5,"floor":null}]"#).unwrap();
    let figures = Figures::read(&file).unwrap();
    assert!((figures.get("a").unwrap() - 2.5).abs() < 1e-9);
    assert!(figures.get("b").unwrap_err().to_string().contains("has no figure \"b\""));
    std::fs::write(&file, "no list").unwrap();
    assert!(Figures::read(&file).is_err());
}

fn capacity() -> String {
    let block = |arguments: &[&str], layout| format!("```\n{}```\n", page(&planned(arguments, layout)));
    format!(
        "# Capacity\n\n\
         A day at 60 TB on paper. Made by `logmill plan` from the benchmark's [figures](figures.md); a test keeps this page equal to \
         what it prints\n(`UPDATE=1 cargo test --release -p logmill-cli plan` writes it anew). None of this was run at that size.\n\n\
         ## 60 TB a day as stored\n\n`logmill plan --tb-per-day 60`\n\n{}\n\
         ## The same with the fused layout\n\nDecompressor and re-encoder in one process: `layout = \"fused\"`.\n\n{}\n\
         ## The same with the compact layout\n\nAll between fetcher and loader in one process: `layout = \"compact\"`.\n\n{}\n\
         ## The same with the direct layout\n\nAll between fetcher and ClickHouse in one process: `layout = \"direct\"`.\n\n{}\n\
         ## 60 TB a day of text\n\n`logmill plan --tb-per-day 60 --text`\n\n{}\n\
         ## A shorter retention\n\nMost brokers above are there for their disks: that is the retention. It must be longer than any file stays \
         open, and than the longest\nstop of a stage that is to be survived. `logmill plan --tb-per-day 60 --retention-days 1`\n\n{}",
        block(&["--tb-per-day", "60"], Layout::Separate),
        block(&["--tb-per-day", "60"], Layout::Fused),
        block(&["--tb-per-day", "60"], Layout::Compact),
        block(&["--tb-per-day", "60"], Layout::Direct),
        block(&["--tb-per-day", "60", "--text"], Layout::Separate),
        block(&["--tb-per-day", "60", "--retention-days", "1"], Layout::Separate),
    )
}

#[test]
fn the_page_in_docs_is_what_it_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/capacity.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, capacity()).unwrap();
    }
    let there = std::fs::read_to_string(&file).expect("docs/capacity.md");
    assert!(there == capacity(), "docs/capacity.md is not what `logmill plan` prints: UPDATE=1 writes it anew");
}
