//! The arithmetic, and the page in docs that is made by it.

use super::*;
use clap::Parser;
use logmill_config::Layout;
use logmill_core::{Chunk, FileId, FileMeta, LineSpan, Out, Output, Plan as FilePlan, Progress, Seq, Stage};
use logmill_splitter::Splitter;
use machines::Resource;
use std::path::Path;
use std::sync::Arc;

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
    assert!((plan.clickhouse.disk_tb - 8.64 * 30.0 / TABLE_RATIO * 3.0).abs() < 1e-6);
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
fn the_network_decides_how_many_machines_the_stages_need_where_rows_go_straight_into_the_database() {
    let plan = planned(&["--tb-per-day", "60"], Layout::Direct);
    let stages = &plan.stage_machines;
    assert!(stages.decided_by == Resource::Network && stages.by_network > stages.by_cores, "{stages:?}");
    let (out, one) = (plan.peak_mb_s * (1.0 / plan.ratio + plan.insert_bytes_per_byte), 25e9 / 8.0 / 1e6 * 0.6);
    assert!((stages.out_mb_s - out).abs() < 1e-6, "raw, and the rows: {stages:?}");
    assert_eq!(stages.needed, (out / one).ceil() as u64);
    let line = page(&plan).lines().find(|line| line.starts_with("stages")).expect("a line").to_owned();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[1..3], [stages.needed.to_string().as_str(), "network"], "{line}");
    let wide = planned(&["--tb-per-day", "60", "--network", "1000"], Layout::Direct).stage_machines;
    assert!(wide.decided_by == Resource::Cores && wide.needed == wide.by_cores && wide.needed < stages.needed);
}

#[test]
fn what_a_stage_sends_to_a_topic_comes_to_another_and_goes_through_the_brokers() {
    for layout in Layout::ALL {
        let plan = planned(&["--tb-per-day", "60"], layout);
        let of = |name: &str| plan.stages.iter().find(|stage| stage.stage == name).expect("a stage");
        let (fetcher, loads) = (of("fetcher"), of(layout.loads_rows()));
        let stored = plan.peak_mb_s / plan.ratio;
        assert!((fetcher.in_mb_s - stored).abs() < 1e-6 && (fetcher.out_mb_s - stored).abs() < 1e-6, "{layout:?}");
        assert!((of(layout.decompresses()).in_mb_s - stored).abs() < 1e-6, "{layout:?}");
        assert!((loads.out_mb_s - plan.peak_mb_s * plan.insert_bytes_per_byte).abs() < 1e-6, "{layout:?}");
        let topics = plan.peak_mb_s * plan.kafka_bytes_per_byte;
        let read = plan.stage_machines.in_mb_s - fetcher.in_mb_s;
        let written = plan.stage_machines.out_mb_s - loads.out_mb_s;
        assert!((read - topics).abs() < 1e-6 && (written - topics).abs() < 1e-6, "{layout:?}: each topic is read once");
        // Three copies: in from stages and twice from brokers, out to one reader and two followers.
        let brokers = &plan.brokers;
        assert!((brokers.in_mb_s - 3.0 * topics).abs() < 1e-6, "{brokers:?}");
        assert!((brokers.out_mb_s - 3.0 * topics).abs() < 1e-6, "{brokers:?}");
    }
}

#[test]
fn servers_of_rows_come_by_whole_shards_of_which_one_takes_the_inserts() {
    let plan = planned(&["--tb-per-day", "60", "--network", "5"], Layout::Direct);
    let servers = &plan.clickhouse;
    let shards = (plan.peak_mb_s * plan.insert_bytes_per_byte / (5e9 / 8.0 / 1e6 * 0.6)).ceil() as u64;
    assert_eq!(servers.by_network, shards * 3);
    assert!(servers.needed.is_multiple_of(3) && servers.decided_by == Resource::Disk, "{servers:?}");
    let fetched = 2.0 / TABLE_RATIO;
    assert!((servers.in_mb_s - plan.peak_mb_s * (plan.insert_bytes_per_byte + fetched)).abs() < 1e-6);
    assert!((servers.out_mb_s - plan.peak_mb_s * fetched).abs() < 1e-6);
    let short = planned(&["--tb-per-day", "60", "--network", "5", "--rows-days", "1"], Layout::Direct).clickhouse;
    assert_eq!((short.needed, short.decided_by), (servers.by_network, Resource::Network));
    let alone = planned(&["--tb-per-day", "60", "--copies", "1"], Layout::Direct).clickhouse;
    assert!(alone.out_mb_s.abs() < 1e-9 && alone.needed < servers.needed);
}

#[test]
fn slow_disks_decide_and_a_small_load_needs_as_many_as_there_are_copies() {
    let slow = planned(
        &["--tb-per-day", "60", "--disk-throughput", "100", "--retention-days", "1", "--rows-days", "1"],
        Layout::Separate,
    );
    for servers in [&slow.brokers, &slow.clickhouse] {
        let by = servers.by_disk_throughput.expect("they keep something");
        assert!(servers.decided_by == Resource::DiskThroughput && servers.needed == by, "{servers:?}");
    }
    assert!(slow.stage_machines.by_disk.is_none() && slow.stage_machines.by_disk_throughput.is_none());
    let small = planned(&["--tb-per-day", "0.01"], Layout::Separate);
    for servers in [&small.brokers, &small.clickhouse] {
        assert_eq!((servers.needed, servers.decided_by), (3, Resource::Copies), "{servers:?}");
    }
    assert_eq!((small.stage_machines.needed, small.stage_machines.decided_by), (1, Resource::Cores));
}

#[test]
fn the_columns_beside_a_rows_text_are_those_of_the_splitter() {
    let (rows, line) = (8_000, "2026-11-22 10:00:00,123 INFO  [worker-7] c.e.store.BlockCache - evicted 17 blocks");
    let text = format!("{line}\n").repeat(rows);
    let file = Arc::new(FileMeta::new(FileId(1), "north", "/logs/2026-11-22/cache.log.gz", FilePlan::default()));
    let span = LineSpan { first_line: 1, first_part: 0, rows: rows as u64 };
    let (splitter, mut out) = (Splitter::new(), Out::new(Splitter::NAME, 8 << 20));
    let mut state = splitter.open(&file);
    let mut chunk = Chunk {
        seq: Seq(0),
        payload: text.into(),
        packed: false,
        span: Some(span),
        channel: Some("c0".into()),
        header: None,
    };
    assert_eq!(splitter.process(&mut state, &mut chunk, &mut out).expect("sound text"), Progress::Done);
    let sent: usize =
        out.drain().map(|output| if let Output::Product(product) = output { product.payload.len() } else { 0 }).sum();
    let beside = sent as f64 / rows as f64 - line.len() as f64;
    assert!((beside - model::COLUMN_BYTES).abs() < 1.0, "{beside}");
    let plan = planned(&["--tb-per-day", "60", "--row-bytes", "65"], Layout::Direct);
    assert!((plan.insert_bytes_per_byte - 2.0).abs() < 1e-9);
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

/// A section of the page: heading, what is said of it, arguments, layout.
type Section = (&'static str, &'static str, &'static [&'static str], Layout);

const SECTIONS: [Section; 6] = [
    ("60 TB a day as stored", "", &["--tb-per-day", "60"], Layout::Separate),
    (
        "The same with the fused layout",
        "Decompressor and re-encoder in one process: `layout = \"fused\"`.",
        &["--tb-per-day", "60"],
        Layout::Fused,
    ),
    (
        "The same with the compact layout",
        "All between fetcher and loader in one process: `layout = \"compact\"`.",
        &["--tb-per-day", "60"],
        Layout::Compact,
    ),
    (
        "The same with the direct layout",
        "All between fetcher and ClickHouse in one process: `layout = \"direct\"`.",
        &["--tb-per-day", "60"],
        Layout::Direct,
    ),
    ("60 TB a day of text", "", &["--tb-per-day", "60", "--text"], Layout::Separate),
    (
        "A shorter retention",
        "Most brokers above are there for their disks: that is the retention. It must be longer than any file stays open, and than the \
         longest\nstop of a stage that is to be survived.",
        &["--tb-per-day", "60", "--retention-days", "1"],
        Layout::Separate,
    ),
];

fn capacity() -> String {
    let mut page = "# Capacity\n\n\
         A day at 60 TB on paper. Made by `logmill plan` from the benchmark's [figures](figures.md); a test keeps this page equal to \
         what it prints\n(`UPDATE=1 cargo test --release --workspace --lib -- plan::` writes it anew). None of this was run at that \
         size.\n\n\
         Machines, and what decides how many: of cores, network (the way with more bytes), disk, and what disks read and write, that \
         which takes the most.\n\n\
         | `logmill plan` | layout | stages | brokers | ClickHouse |\n| --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (_, _, arguments, layout) in SECTIONS {
        let plan = planned(arguments, layout);
        let kinds = kinds(&plan).map(|(_, all)| format!("{} by {}", all.needed, all.decided_by));
        let _ = writeln!(page, "| `{}` | {} | {} |", arguments.join(" "), layout.name(), kinds.join(" | "));
    }
    for (heading, said, arguments, layout) in SECTIONS {
        let said = if said.is_empty() { String::new() } else { format!("{said} ") };
        let _ = writeln!(
            page,
            "\n## {heading}\n\n{said}`logmill plan {}`\n\n```\n{}```",
            arguments.join(" "),
            numbers(&planned(arguments, layout))
        );
    }
    let (_, _, arguments, layout) = SECTIONS[0];
    let _ = write!(
        page,
        "\n## Taken for granted\n\nOf the first; the others print the same with their layout and their retention.\n\n{}",
        granted(&planned(arguments, layout))
    );
    page
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
